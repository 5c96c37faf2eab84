"""The static form: what is left when no script may run, and what sanitisers let through."""

import base64
import io
import re
from html.parser import HTMLParser

import bleach
import numpy as np
import pytest
from PIL import Image
from traces import make_empty_trace, make_trace

from omnitrace_nb import view
from omnitrace_nb.view import drawing
from omnitrace_nb.view.static_parts import INK, tint

# What JupyterLab's sanitiser keeps of an untrusted output (seen in JupyterLab 4.6, and again in tests/browser).
KEPT_TAGS = {"div", "span", "b", "p", "details", "summary", "mark", "img"}
KEPT_ATTRIBUTES = {"style", "title", "src", "alt", "dir"}


class Reader(HTMLParser):
    """The tags, attributes and words of a piece of HTML; it fails on a tag that is not closed."""

    def __init__(self, html):
        """Read."""
        super().__init__()
        self.tags, self.open, self.words, self.attributes = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Keep the tag and its attributes."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Check the order."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep the words."""
        self.words.append(data)


@pytest.fixture(scope="module")
def html():
    return view.static_html(make_trace())


def test_only_what_survives_a_sanitiser_is_used(html):
    read = Reader(html)
    assert not read.open
    assert set(read.tags) <= KEPT_TAGS
    assert {name for name, _ in read.attributes} <= KEPT_ATTRIBUTES
    assert "var(" not in html
    assert all(value.startswith("data:image/") for name, value in read.attributes if name == "src")


def test_each_colour_of_text_comes_with_its_background(html):
    styles = [value for name, value in Reader(html).attributes if name == "style"]
    coloured = [style for style in styles if re.search(r"(^|;)color:", style)]
    assert coloured
    assert all("background:" in style for style in coloured)


def test_text_on_the_strongest_shade_can_be_read():
    def luminance(colour):
        parts = [each / 255 for each in colour]
        red, green, blue = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    shade = luminance(map(int, re.findall(r"\d+", tint(1.0))))
    ink = luminance(bytes.fromhex(INK[1:]))
    assert (shade + 0.05) / (ink + 0.05) > 7


def test_statements_sources_and_numbers_stand_in_it(html):
    words = " ".join(Reader(html).words)
    for said in (
        "The key is in the red box.",
        "image 2",
        "film 1, 2-4 s (picture and sound)",
        "sound 1, 1-2 s",
        "1.00",
        "excess",
    ):
        assert said in words


def test_every_part_has_its_picture_and_the_text_stays_whole(html):
    read = Reader(html)
    alternatives = {value for name, value in read.attributes if name == "alt"}
    assert {"image 1", "image 2", "film 1", "sound of sound 1", "sound of film 1"} <= alternatives
    assert "Mrs. Smith put it there at 3.5 hours." in "".join(read.words)
    assert "😀" in "".join(read.words)


def test_a_films_frames_have_their_seconds_under_them(html):
    times = make_trace().parts[4].thumbnail_times
    said = [f"{time:.1f}".removesuffix(".0") + " s" for time in times]
    prompt = html[html.index(">Prompt<") :]
    under = re.search(r'alt="film 1"[^>]*>(<div.*?</div>)<img', prompt).group(1)
    assert Reader(under).words == said
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%;font", under)]
    assert widths == pytest.approx([100 / len(times)] * len(times))


def test_markup_in_prompt_response_and_names_stays_text():
    attack = '<script>alert(1)</script><img src=x onerror="alert(2)"> "quoted" & \'so\'.'
    html = view.static_html(make_trace(note=attack, response=f"The key {attack}\n"))
    read = Reader(html)
    assert "script" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert attack in "".join(read.words)


def test_its_size_has_a_bound_however_long_the_response():
    response = "".join(f"The picture number {i} shows a red circle. " for i in range(60))
    planted = (((1, "image", None), (2, "image", None)),) * 60
    html = view.static_html(make_trace(response=response, planted=planted))
    assert len(html) < 250_000
    assert "left out, for size" in html
    # The prompt itself is drawn before what each statement rests on.
    prompt = html[html.index(">Prompt<") :]
    assert 'alt="film 1"' in prompt


def test_a_long_text_is_cut_and_says_how_long_it_was():
    html = view.static_html(make_trace(note="The lamp is blue. " * 2000))
    assert "36,000 characters" in html
    assert len(html) < 250_000


def test_a_trace_without_statements_says_so():
    assert "The response is empty." in view.static_html(make_empty_trace())


def test_heat_is_drawn_on_the_true_patch_grid():
    heat = np.zeros((2, 4), np.uint8)
    heat[1, 2] = 255
    white = Image.new("RGB", (80, 40), "white")
    drawn = np.asarray(drawing.heated(white, heat, (0.0, 0.0, 1.0, 1.0)))
    tinted = (drawn != 255).any(axis=2)
    expected = np.zeros((40, 80), bool)
    expected[20:, 40:60] = True
    assert (tinted == expected).all()


def test_a_waveform_is_loud_where_the_sound_is_and_blue_where_the_heat_is():
    peaks = np.zeros((100, 2), np.int8)
    peaks[50:] = (-127, 127)
    heat = np.zeros(100, np.uint8)
    heat[:50] = 255
    pixels = np.asarray(drawing.waveform(peaks, heat)).astype(int)
    _, width = pixels.shape[:2]
    wave = (pixels == drawing.WAVE).all(axis=2).sum(axis=0)
    assert wave[width // 2 + 3 :].max() > 40
    assert wave[: width // 2 - 3].max() == 0
    assert pixels[2, width // 4, 0] < 200 < pixels[2, -2, 0]


def test_pictures_decode(html):
    for encoded in re.findall(r'src="data:image/\w+;base64,([^"]+)"', html):
        Image.open(io.BytesIO(base64.b64decode(encoded))).load()


# What GitHub's sanitiser lets through (the allow-list of its html-pipeline): no styles, no pictures inside the page.
GITHUB_TAGS = (
    "h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p picture ol ul table thead tbody tfoot "
    "blockquote dl dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details caption figure figcaption "
    "abbr bdo cite dfn mark small span time wbr"
)
GITHUB_ATTRIBUTES = {"*": ["align", "alt", "dir", "lang", "open", "src", "title", "width", "height"]}


def test_where_styles_and_pictures_are_taken_away_the_words_and_their_order_stay(html):
    cleaned = bleach.clean(html, set(GITHUB_TAGS.split()), GITHUB_ATTRIBUTES, protocols=["http", "https"], strip=True)
    assert "style=" not in cleaned
    assert "data:" not in cleaned
    before, after = Reader(html), Reader(cleaned)
    assert after.tags == before.tags  # nothing was unknown there
    assert "".join(after.words) == "".join(before.words)
    summary = re.search(r"<summary>(.*?)</summary>", cleaned, re.DOTALL).group(1)
    assert " ".join("".join(Reader(summary).words).split()) == (
        "1 The key is in the red box.1 text 1, sentence 1 1.00"  # a block of its own begins after the full stop
    )
    # A picture that is taken away leaves its name.
    assert 'alt="image 1"' in cleaned
