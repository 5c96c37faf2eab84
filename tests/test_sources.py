"""Sources: which positions each sentence, region and time bin of a prompt owns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import NOTE, QUESTION, Sketch, make_layout, make_parts, part

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.layout import AUDIO, IMAGE, TEXT, VIDEO
from omnitrace_nb.sources import SourceOptions, baseline_rows, build, row_sets


@pytest.fixture(scope="module")
def prompt():
    parts = make_parts()
    return parts, make_layout(parts)


def labels(sources):
    return [source.label for source in sources]


def words_layout(*texts, head=2, tail=3):
    sketch = Sketch()
    sketch.template(head)
    for index, text in enumerate(texts):
        sketch.text(index, text)
        sketch.template(1 if index + 1 < len(texts) else 0)
    sketch.template(tail)
    return sketch.layout(), [part(i, "text", f"text {i + 1}", text, text=text) for i, text in enumerate(texts)]


def test_a_prompt_of_every_kind_is_cut_and_labelled_in_order(prompt):
    parts, layout = prompt
    sources = build(layout, parts)
    assert labels(sources) == [
        "text 1, sentence 1", "text 1, sentence 2", "text 1, sentence 3", "text 1, sentence 4", "image 1", "image 2",
        "sound 1, 0-1 s", "sound 1, 1-2 s", "sound 1, 2-3 s", "sound 1, 3-3.4 s",
        "film 1, 0-1 s", "film 1, 1-2 s", "film 1, 2-3 s", "film 1, 3-4 s",
        "film 1, 0-1 s (sound)", "film 1, 1-2 s (sound)", "film 1, 2-3 s (sound)", "film 1, 3-4 s (sound)",
        "text 2, sentence 1", "text 2, sentence 2",
    ]  # fmt: skip
    assert [source.id for source in sources] == list(range(20))
    assert [NOTE[slice(*source.chars)] for source in sources[:4]] == [
        "The key is in the red box.",
        "Mrs. Smith put it there at 3.5 hours.",
        "- The lamp is blue.",
        "- The cup is 😀 green.",
    ]
    assert [QUESTION[slice(*source.chars)] for source in sources if source.question] == [
        "What do you see and hear?",
        "Name each thing.",
    ]
    assert (sources[4].box, sources[5].box) == ((0, 0, 320, 240), (0, 0, 240, 240))
    assert sources[9].time == (3.0, 3.4)
    assert [source.modality for source in sources[10:18]] == ["video"] * 4 + ["audio"] * 4
    assert {source.part for source in sources[10:18]} == {4}


def test_sources_are_disjoint_and_hold_no_template(prompt):
    parts, layout = prompt
    for options in (SourceOptions(), SourceOptions(text="part", image=(3, 4), bin_seconds=0.3)):
        owned = np.concatenate([source.positions for source in build(layout, parts, options)])
        assert len(set(owned.tolist())) == len(owned)
        assert (layout.part[owned] >= 0).all()
        media = np.flatnonzero(np.isin(layout.modality, (IMAGE, AUDIO, VIDEO)))
        assert set(media) <= set(owned.tolist())


@given(*[st.tuples(st.integers(1, most), st.integers(1, most)) for most in (9, 5, 400)])
@settings(max_examples=60, deadline=None)
def test_a_patch_belongs_to_the_region_that_holds_its_centre(patches, regions, size):
    (down, across), (rows, columns), (width, height) = patches, regions, size
    sketch = Sketch()
    sketch.pictures(0, IMAGE, (width, height), (down, across))
    record = part(0, "image", "image 1", "", size=(width, height))
    sources = build(sketch.layout(), [record], SourceOptions(image=(rows, columns)))
    owner = {int(position): source for source in sources for position in source.positions}
    assert sorted(owner) == list(range(down * across))
    for position, source in owner.items():
        x, y = (position % across + 0.5) / across * width, (position // across + 0.5) / down * height
        left, top, right, bottom = source.box
        assert left - 1e-3 <= x <= right + 1e-3
        assert top - 1e-3 <= y <= bottom + 1e-3
        row, column = int(top / height * rows + 0.5) + 1, int(left / width * columns + 0.5) + 1
        place = "as a whole" if down == across == 1 else f"row {row}, column {column}"
        assert source.label == ("image 1" if rows == columns == 1 else f"image 1, {place}")
    assert labels(sources) == sorted(labels(sources))


@given(st.integers(1, 60), st.sampled_from([0.1, 0.25, 0.3, 0.5, 1.0, 1.5, 2.0, 10.0]))
@settings(max_examples=80, deadline=None)
def test_a_sounds_position_belongs_to_the_bin_that_holds_its_centre(tenths, seconds):
    duration = tenths / 10
    sketch = Sketch()
    sketch.sound(0, duration, rate=10)
    layout = sketch.layout()
    sources = build(layout, [part(0, "audio", "sound 1", "", duration=duration)], SourceOptions(bin_seconds=seconds))
    assert sum(len(source.positions) for source in sources) == len(layout)
    for source in sources:
        start, end = source.time
        assert end <= duration + 1e-9
        assert end - start <= seconds + 1e-9
        assert abs(end - start - seconds) < 1e-9 or abs(end - duration) < 1e-9
        for position in source.positions:
            # The centres as exact hundredths: position k lies at (2k + 1) / 20 s.
            centre = (2 * int(position) + 1) / 20
            assert start - 1e-4 <= centre < end + 1e-4


def test_centres_on_a_bins_edge_go_to_the_later_bin_despite_float32():
    sketch = Sketch()
    for at in range(12):
        sketch._add(0, AUDIO, time=(at / 10 - 0.05, at / 10 + 0.05))
    record = part(0, "audio", "sound 1", "", duration=1.2)
    sources = build(sketch.layout(), [record], SourceOptions(bin_seconds=0.1))
    assert [source.positions.tolist() for source in sources] == [[at] for at in range(12)]
    assert sources[7].label == "sound 1, 0.7-0.8 s"


def test_padding_past_the_end_belongs_to_the_last_bin():
    sketch = Sketch()
    sketch.sound(0, 2.2)
    layout = sketch.layout()
    sources = build(layout, [part(0, "audio", "sound 1", "", duration=2.02)])
    assert labels(sources) == ["sound 1, 0-1 s", "sound 1, 1-2 s", "sound 1, 2-2.02 s"]
    assert sources[-1].positions.tolist() == [50, 51, 52, 53, 54]


def test_a_token_that_straddles_two_sentences_goes_to_the_one_with_most_of_it():
    text = "One. Two now. Six."
    record = part(0, "text", "text 1", text, text=text)
    sketch = Sketch()
    # "One" ". Two n" (1 : 5 characters) "ow. S" (3 : 1) "ix" "."
    for chars in ((0, 3), (3, 10), (10, 15), (15, 17), (17, 18)):
        sketch._add(0, TEXT, chars=chars)
    sources = build(sketch.layout(), [record])
    assert [source.positions.tolist() for source in sources] == [[0], [1, 2], [3, 4]]


def test_tokens_of_half_a_character_stay_with_their_sentence():
    text = "It is 😀. He ran."
    record = part(0, "text", "text 1", text, text=text)
    sketch = Sketch()
    for chars in ((0, 6), (6, 6), (6, 7), (7, 8), (8, 11), (11, 16)):
        sketch._add(0, TEXT, chars=chars)
    assert [source.positions.tolist() for source in build(sketch.layout(), [record])] == [[0, 1, 2, 3], [4, 5]]


def test_white_space_is_no_source():
    layout, records = words_layout(" \n \n", "One.\n\nTwo.")
    sources = build(layout, records)
    assert labels(sources) == ["text 2, sentence 1", "text 2, sentence 2"]
    between = [i for i in layout.positions(1) if not records[1].text[slice(*layout.chars[i])].strip()]
    assert between
    assert not set(between) & {int(p) for source in sources for p in source.positions}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert('x')</script>\n# Title\n- **bold** item.\n- 2nd",
        "مرحبا بكم. كيف حالك؟",
        "😀👩‍👩‍👧 🎉. Yes.",
        "a\ud800b. C\x00.",
    ],
)
def test_markup_bullets_emoji_and_other_scripts_are_owned_without_loss(text):
    layout, records = words_layout(text)
    sources = build(layout, records)
    owned = {int(position) for source in sources for position in source.positions}
    visible = {int(i) for i in layout.positions(0) if text[slice(*layout.chars[i])].strip(" \n\x00")}
    assert visible <= owned
    assert all(text[slice(*source.chars)].strip() for source in sources)


def test_a_whole_text_part_can_be_one_source():
    layout, records = words_layout("One. Two.\nThree.", "Why?")
    assert labels(build(layout, records, SourceOptions(text="part"))) == ["text 1", "text 2"]


def test_the_users_pipeline_cuts_the_prompt_too():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    layout, records = words_layout("It was e.g. Bob. Yes.")
    assert labels(build(layout, records, SourceOptions(nlp=nlp)))[-1] == "text 1, sentence 2"


def question(*texts, roles=None):
    layout, records = words_layout(*texts)
    if roles:
        records = [dataclasses.replace(record, role=role) for record, role in zip(records, roles, strict=True)]
    return [source.label for source in build(layout, records) if source.question]


def test_the_trailing_question_is_the_last_text_or_the_last_sentence_of_the_only_one():
    assert question("The key is red. It is old.", "Why? And how?") == ["text 2, sentence 1", "text 2, sentence 2"]
    assert question("The key is red. It is old. Why?") == ["text 1, sentence 3"]
    assert question("Be brief.", "The key is red. Why?", roles=("system", "user")) == ["text 2, sentence 2"]
    assert question("Be brief.", "The key is red.", "Why so?", roles=("system", "user", "user")) == [
        "text 3, sentence 1"
    ]
    assert question("") == []


def test_a_prompt_that_ends_with_a_picture_has_no_question_and_the_template_is_its_baseline():
    sketch = Sketch()
    sketch.text(0, "What is this?")
    sketch.pictures(1, IMAGE, (8, 8), (2, 2))
    sketch.template(3)
    layout = sketch.layout()
    records = [part(0, "text", "text 1", "", text="What is this?"), part(1, "image", "image 1", "", size=(8, 8))]
    sources = build(layout, records)
    assert not any(source.question for source in sources)
    assert baseline_rows(layout, sources).tolist() == list(range(len(layout) - 3, len(layout)))


def test_the_baseline_is_the_question_and_the_template_after_the_sources(prompt):
    parts, layout = prompt
    sources = build(layout, parts)
    rows = baseline_rows(layout, sources)
    assert rows.dtype == np.int64
    assert rows[0] == layout.positions(4).max() + 1
    assert rows.tolist() == list(range(rows[0], len(layout)))
    assert set(layout.positions(5)) <= set(rows.tolist())


def test_the_baselines_rows_are_the_questions_and_the_templates(prompt):
    parts, layout = prompt
    sets = row_sets(layout, build(layout, parts))
    assert sets["question"].tolist() == layout.positions(5).tolist()
    assert (layout.part[sets["template"]] == -1).all()
    assert sorted([*sets["question"], *sets["template"]]) == sets["after"].tolist()


def test_the_baseline_has_at_most_64_rows_and_at_least_one():
    layout, records = words_layout("The key is red.", "why " * 100)
    assert baseline_rows(layout, build(layout, records)).tolist() == list(range(len(layout) - 64, len(layout)))
    sketch = Sketch()
    sketch.pictures(0, IMAGE, (8, 8), (2, 2))
    bare = sketch.layout()
    assert baseline_rows(bare, build(bare, [part(0, "image", "image 1", "", size=(8, 8))])).tolist() == [3]
    layout, records = words_layout("Why?", head=1, tail=2)
    assert baseline_rows(layout, build(layout, records)).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"text": "wrd"}, "'sentence', 'line'"),
        ({"image": (0, 2)}, "two whole numbers above 0"),
        ({"image": (2.5, 2)}, "two whole numbers"),
        ({"video_grid": (0, 1)}, "video_grid=\\(0, 1\\)"),
        ({"video_sources": "sound"}, "'both', 'visual', 'audio'"),
        ({"audio": "speach"}, "audio='speach'"),
        ({"image": 4}, "image=4"),
        ({"image": "grid"}, "image='grid'"),
        ({"bin_seconds": 0}, "above 0"),
        ({"bin_seconds": float("nan")}, "bin_seconds=nan"),
        ({"bin_seconds": "1"}, "bin_seconds='1'"),
        ({"bin_seconds": True}, "bin_seconds=True"),
        ({"nlp": "en"}, "no spaCy pipeline"),
    ],
)
def test_options_without_meaning_are_refused(wrong, named):
    with pytest.raises(SettingsError, match=named):
        SourceOptions(**wrong)


def test_a_grid_may_come_as_a_list_from_json():
    assert SourceOptions(image=[2, 3]).grid == (2, 3)
    assert SourceOptions(image=[2, 3]) == SourceOptions(image=(2, 3))


def test_positions_that_stand_for_a_whole_sound_are_one_source_not_its_middle_second(prompt):
    parts, layout = prompt
    sound = next(record for record in parts if record.kind == "audio")
    time = layout.time.copy()
    mine = layout.positions(sound.index, AUDIO)
    time[mine] = (0, sound.duration)
    unknown = dataclasses.replace(layout, time=time)
    for options in (SourceOptions(), SourceOptions(audio=[(0.0, 1.0), (1.0, 2.0)])):
        found = [source for source in build(unknown, parts, options) if source.part == sound.index]
        assert labels(found) == ["sound 1, as a whole"]
        assert found[0].positions.tolist() == mine.tolist()
        assert found[0].time == (0, pytest.approx(sound.duration))
