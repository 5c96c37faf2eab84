"""Figures: letters in lines, right or left, in fonts that have them; heat, ranks and seconds where they belong."""

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor
from traces import PLANTED, make_trace, with_verdicts

from omnitrace_nb import view
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.view import figure
from omnitrace_nb.view.figure import bidi
from omnitrace_nb.view.figure.canvas import THEMES, mixed
from omnitrace_nb.view.figure.fonts import Fonts
from omnitrace_nb.view.figure.lettering import Lettering, Span
from omnitrace_nb.view.figure.page import Page
from omnitrace_nb.view.figure.panels import SHADE, Panels, _opened
from omnitrace_nb.view.figure.timeline import MOST_TICKS, Timeline, tick


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.fixture(scope="module")
def model(trace):
    return view.model(trace)


@pytest.fixture
def page():
    return Page(Lettering(Fonts()), THEMES["light"], 1.0, 600)


def opened(data):
    return Image.open(io.BytesIO(data))


def written(lines):
    return "".join(letters.text for line in lines for letters in sorted(line.letters, key=lambda each: each.left))


TEXTS = st.text(alphabet="abc WXé, .1שלםعربي漢字😀\n\u0301", max_size=80)


@given(TEXTS, st.integers(60, 400))
@example("11WWW", 60)  # letters wider than most
@settings(max_examples=150, deadline=None)
def test_lines_hold_every_letter_once_and_keep_within_their_width(text, width):
    lines = Lettering(Fonts()).lines([Span(text)], 16, width)
    assert sorted(written(lines).replace(" ", "")) == sorted("".join(text.split()))
    # Letters that join may take a little more or less room together than word by word.
    assert all(line.width <= width * 1.05 + 4 for line in lines)


def seen(text, *, rtl):
    """The letters of a line as they stand from left to right."""
    return "".join(text[a:b][::-1] if back else text[a:b] for a, b, back in bidi.order(text, rtl=rtl))


def test_right_to_left_text_keeps_numbers_and_latin_words_in_their_order():
    # As Unicode's algorithm has them (UAX #9); the Hebrew letters are read from the right.
    assert seen("אבג 12 דה", rtl=True) == "הד 12 גבא"
    assert seen("see אבג 12 now", rtl=False) == "see 12 גבא now"
    assert seen("אבג one two דה", rtl=True) == "הד one two גבא"
    assert seen("אבג (3.5 דה)", rtl=True) == ")הד 3.5( גבא"  # brackets are mirrored when they are drawn
    assert not bidi.from_right("12 apples שלום")
    assert bidi.from_right("12 שלום apples")


def test_a_line_read_from_the_right_ends_at_the_right_edge(page):
    def ink(text):
        picture = np.asarray(page.drawn([page.paragraph(text)])).min(axis=(0, 2))
        return np.flatnonzero(picture < 128)

    assert ink("שלום").max() == pytest.approx(600 + 36, abs=3)
    assert ink("Peace").min() == pytest.approx(36, abs=3)


def test_marks_of_direction_are_not_drawn_and_turn_nothing_around():
    fonts = Fonts()
    lines = Lettering(fonts).lines([Span("pay \u202eevil\u202c \u2066now\u2069")], 16, 1000)
    assert written(lines) == "pay evil now"
    assert not fonts.missing


def test_signs_that_no_font_has_are_counted_and_drawn_all_the_same():
    fonts = Fonts()
    lettering = Lettering(fonts)
    lettering.line("Ünïcode ελληνικά кириллица עברית العربية ✓ 😀", 16)
    assert not fonts.missing
    line = lettering.line("\U0001f9ff\ue123 \U0001f9ff", 16)
    assert fonts.missing >= {"\ue123"}
    assert line.width > 16
    said = opened(make_trace(note="A \ue123 key.", planted=PLANTED).to_png(statement=1, scale=1, width=500))
    plain = opened(make_trace(note="A small key.", planted=PLANTED).to_png(statement=1, scale=1, width=500))
    assert said.height > plain.height  # a line below says so


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_size_theme_and_resolution_are_those_asked_for(trace, theme, tmp_path):
    made = trace.to_png(tmp_path / "f.png", statement=3, theme=theme, width=800, scale=1.5)
    assert (tmp_path / "f.png").read_bytes() == made
    with opened(made) as picture:
        assert picture.width == 1200
        assert picture.getpixel((2, 2)) == ImageColor.getrgb(THEMES[theme].paper)
        assert picture.info["dpi"] == pytest.approx((144, 144), abs=0.1)
        assert picture.info["Title"] == "Trace of planted"


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_can_be_read_on_paper_and_on_the_strongest_shade(theme):
    def luminance(colour):
        channels = [each / 255 for each in ImageColor.getrgb(colour)[:3]]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one, other):
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    assert contrast(theme.ink, theme.paper) > 7
    assert contrast(theme.muted, theme.paper) > 4.5
    assert contrast(theme.accent, theme.paper) > 4.5
    assert contrast(theme.on_accent, theme.accent) > 4.5
    assert contrast(theme.ink, mixed(theme.paper, theme.heat, SHADE)) > 4.5


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"theme": "sepia"}, "'light', 'dark'"),
        ({"width": 100}, "360 to 2400"),
        ({"width": 700.5}, "360 to 2400"),
        ({"scale": 9}, "0.5 to 4"),
        ({"scale": True}, "0.5 to 4"),
        ({"statement": 0}, "statement=0 is no statement: statements count from 1 to 5"),
        ({"statement": 6}, "statements count from 1 to 5"),
        ({"font": "no-such-font.ttf"}, "no font"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(trace, wrong, told):
    with pytest.raises(SettingsError, match=told):
        trace.to_png(**wrong)


def test_a_statement_shows_the_parts_that_it_rests_on_and_no_other(page, model):
    def shown(statement):
        return figure._Figure(page, model, 0, statement)._parts(model.evidence[0][statement])

    assert [part.label for part in shown(2)] == ["image 2"]
    assert [part.label for part in shown(4)] == ["film 1"]
    assert len(figure._Figure(page, model, 0, None)._parts(None)) == len(model.parts)


def test_a_picture_comes_from_its_original_where_that_is_kept(trace, model):
    part = model.parts[1]
    sharp, known = _opened(model, part, part.size)
    assert known
    assert (np.asarray(sharp) == np.asarray(opened(trace.parts[1].media).convert("RGB"))).all()
    small = view.model(make_trace(media=False))
    blurred, known = _opened(small, small.parts[1], part.size)
    assert known
    assert np.abs(np.asarray(blurred).astype(int) - np.asarray(sharp)).mean() < 12  # the thumbnail, of the same scene


def test_heat_lies_on_the_patches_that_have_it(page, model):
    part = model.parts[2]
    start, count = part.patches.cells
    hottest = int(model.heat[0, 2, start : start + count].argmax())
    drawn, _ = Panels(page, model, 0, 2, model.evidence[0][2])._picture(part, 120, 120)
    plain, _ = _opened(model, part, (120, 120))
    # How far each patch has gone towards the accent is most where the score is most.
    towards = np.asarray(ImageColor.getrgb(THEMES["light"].heat), float) - np.asarray(plain, float)
    moved = ((np.asarray(drawn, float) - np.asarray(plain, float)) * towards).sum(2) / np.maximum(
        (towards**2).sum(2), 1
    )
    patches = moved.reshape(6, 20, 6, 20).mean(axis=(1, 3)).ravel()
    assert int(patches.argmax()) == hottest


def test_credited_sentences_are_marked_with_their_ranks_and_the_rest_is_folded(page):
    note = "The lamp is blue. " * 60 + "The key is in the red box. " + "The cup is green. " * 60
    trace = make_trace(note=note, planted=(((0, "text", 60),), *PLANTED[1:]))
    model = view.model(trace)
    spans = list(Panels(page, model, 0, 0, model.evidence[0][0])._marked(model.parts[0]))
    [(at, marked)] = [(at, span) for at, span in enumerate(spans) if span.fill]
    assert marked.text == "The key is in the red box."
    assert spans[at - 1].text == "1\N{NO-BREAK SPACE}"
    before, after = spans[0].text, spans[-1].text
    assert before.endswith("The lamp is blue. ")
    hidden = [int(text.split(" words")[0].rsplit("… ", 1)[1]) for text in (before, after)]
    for text, many, whole in ((before, hidden[0], 240), (after, hidden[1], 240)):
        assert len(text.replace(f"[… {many} words …]", "").split()) + many == whole


def test_heat_of_a_sound_lies_on_its_seconds(page, model):
    time = Timeline(page, model, 0, 3, model.parts[3], [])
    heat = time._over_time(model.parts[3].sound)
    seconds = np.arange(len(heat)) / len(heat) * 3.4
    inside = (seconds >= 1) & (seconds < 2)
    assert heat[inside].mean() > 5 * heat[~inside].mean()


@given(st.floats(0.01, 1e6))
def test_an_axis_has_a_handful_of_round_ticks(duration):
    step = tick(duration)
    assert MOST_TICKS / 3 < duration / step <= MOST_TICKS + 1e-9
    first = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert min(abs(first - each) for each in (1, 2, 5, 10)) < 1e-6


def test_verdicts_and_notes_stand_in_the_figure(trace):
    plain = opened(trace.to_png(statement=1, scale=1))
    checked = opened(with_verdicts(trace).to_png(statement=1, scale=1))
    assert checked.height > plain.height


def test_many_statements_take_no_more_room_than_some():
    long = make_trace(response="".join(f"The picture number {i} is red. " for i in range(60)), planted=PLANTED[:1] * 60)
    with opened(long.to_png(scale=1)) as picture:
        assert picture.height < 3_500


def test_a_font_of_ones_own_comes_first(trace):
    from omnitrace_nb.view.figure.fonts import _beside  # noqa: PLC0415 - a path that this machine has

    serif = _beside("DejaVuSerif.ttf")
    assert trace.to_png(statement=1, font=serif) != trace.to_png(statement=1)
