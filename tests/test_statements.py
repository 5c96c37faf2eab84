"""Statements and sentences: where a text is cut, and which statement and part of speech a token has."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omnitrace_nb import language
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.statements import StatementOptions, most_overlapping, split, statement_of_tokens, tag, tags_of_tokens

CLAUSES = StatementOptions(clauses=True)


def cut(text, options=None):
    return [text[start:end] for start, end in split(text, options)]


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("He left. She stayed.", ["He left.", "She stayed."]),
        ("It cost 3.5 francs, e.g. for Dr. Smith. He left.", ["It cost 3.5 francs, e.g. for Dr. Smith.", "He left."]),
        ("It grew by 2.5 percent, i.e. Fig. 3 was right. We stopped.",
         ["It grew by 2.5 percent, i.e. Fig. 3 was right.", "We stopped."]),
        ("- red box\n- blue box\n* star", ["- red box", "- blue box", "* star"]),
        ("1. First thing. Second thing.\n2) Third\n(a) Fourth",
         ["1. First thing.", "Second thing.", "2) Third", "(a) Fourth"]),
        ("1.\nOne\n\n2.\nTwo", ["1.\nOne", "2.\nTwo"]),
        ("Title\r\nA line\u2028Another line", ["Title", "A line", "Another line"]),
        ("It is the red one\nand the blue one", ["It is the red one", "and the blue one"]),
        ('"Who?" he asked. "Me."', ['"Who?" he asked.', '"Me."']),
        ("He left. 😀 She stayed.", ["He left.", "😀 She stayed."]),
        ("He left. 😀", ["He left. 😀"]),
        ("😀", ["😀"]),
        ("你好。再见\uff01", ["你好。", "再见\uff01"]),
        ("كيف حالك؟ أنا بخير", ["كيف حالك؟", "أنا بخير"]),
        ("Anna sells apples. Bob sells pears. What does Anna sell?",
         ["Anna sells apples.", "Bob sells pears.", "What does Anna sell?"]),
        ("", []),
        (" \n\t \x00\n\u2028 ", []),
        ("no sign at the end", ["no sign at the end"]),
    ],
)  # fmt: skip
def test_a_response_is_cut_into_sentences_and_lines(text, statements):
    assert cut(text) == statements


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("The picture shows a circle, and the sound is a bell, but the film shows a dog.",
         ["The picture shows a circle,", "and the sound is a bell,", "but the film shows a dog."]),
        ("I see a cat and it sleeps because the dog barks.", ["I see a cat", "and it sleeps because the dog barks."]),
        ("The first picture shows a circle, and the second scene of the film shows a circle, so they match.",
         ["The first picture shows a circle,", "and the second scene of the film shows a circle,", "so they match."]),
        ("It rained; the dog barked.", ["It rained;", "the dog barked."]),
        ("- The lamp is on, and the door is shut.", ["- The lamp is on,", "and the door is shut."]),
        ("It opens and closes.", ["It opens and closes."]),
        ("The man who came and who left is here.", ["The man who came and who left is here."]),
        ("He said that it rained and that she left.", ["He said that it rained and that she left."]),
        ('"It rained," he said.', ['"It rained," he said.']),
        ("Red and blue. Yes and no.", ["Red and blue.", "Yes and no."]),
    ],
)  # fmt: skip
def test_coordinated_clauses_are_cut_where_each_has_its_own_subject(text, clauses):
    assert cut(text, CLAUSES) == clauses


WILD = st.text(
    st.one_of(st.sampled_from(list("aB3.!?-*,;\"' \n\r\t()<>&。؟😀\u200d\u2028\ufeff\x00")), st.characters()),
    max_size=60,
)


def visible(text):
    controls = dict.fromkeys((*range(9), *range(14, 28), *range(127, 133), *range(134, 160), 0xFEFF))
    return "".join(text.translate(controls).split())


@given(text=WILD, clauses=st.booleans())
@settings(max_examples=150, deadline=None)
@example(text="a\ud800. B", clauses=True)
@example(text="1.\n1.\n- \n-", clauses=False)
@example(text="\x85\x1c. A\u3002", clauses=True)
def test_statements_hold_every_visible_character_once_and_in_order(text, clauses):
    spans = split(text, StatementOptions(clauses=clauses))
    covered = "".join(text[start:end] for start, end in spans)
    assert visible(covered) == visible(text)
    assert all(start < end for start, end in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)


def test_two_megabytes_of_text_are_read_and_nothing_makes_the_time_explode():
    # What would take time quadratic in the length runs into the time limit of all tests.
    prose = "The fox, which Dr. Smith saw at 3.5 hours, jumps over the dog. It was late, and nobody cared! " * 40 + "\n"
    for text, least in (
        (prose * 520, 520 * 80),
        ("<div class='a'><p>Hello <b>world</b>.</p></div>" * 4_000, 1),
        ("!?." * 100_000, 1),
        ("x" * 2_000_000, 1),
        ("\n" * 2_000_000, 0),
    ):
        found = language.sentences(text)
        assert len(found) >= least
        if text.startswith("x"):
            assert found == ((0, 2_000_000),)


def test_wrapped_lines_are_one_sentence_only_where_asked_for():
    text = "The key is in\nthe red box. It is\nold.\n\nthe end\n- an item\n2. another"
    assert [text[a:b] for a, b in language.sentences(text, wrapped=True)] == [
        "The key is in\nthe red box.", "It is\nold.", "the end", "- an item", "2. another",
    ]  # fmt: skip
    assert len(cut(text)) == 7


def test_the_users_pipeline_is_used():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", config={"punct_chars": ["|"]})
    assert cut("one| Two. Three| Four", StatementOptions(nlp=nlp)) == ["one| Two. Three| Four"]
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    options = StatementOptions(nlp=nlp, clauses=True)
    assert cut("It is, and it was. So be it.", options) == ["It is, and it was.", "So be it."]
    assert set(tag("It is.", options)[1]) == {""}


@pytest.mark.parametrize(
    ("wrong", "named"), [("en_core_web_sm", "is no spaCy pipeline"), (spacy.blank("en"), "sentencizer")]
)
def test_what_cannot_find_sentences_is_refused_before_anything_runs(wrong, named):
    with pytest.raises(SettingsError, match=named):
        StatementOptions(nlp=wrong)
    with pytest.raises(SettingsError, match="True or False"):
        StatementOptions(clauses="yes")


def test_words_have_their_parts_of_speech_and_list_markers_are_signs():
    text = "1. The old dog holds 3.5 apples.\n- quickly"
    places, tags = tag(text)
    found = {text[a:b]: pos for (a, b), pos in zip(places.tolist(), tags, strict=True)}
    assert found == {
        "1.": "PUNCT", "The": "DET", "old": "ADJ", "dog": "NOUN", "holds": "VERB", "3.5": "NUM", "apples": "NOUN",
        ".": "PUNCT", "-": "PUNCT", "quickly": "ADV",
    }  # fmt: skip


def test_a_token_takes_the_word_and_the_statement_that_hold_most_of_it():
    text = "Boxes fall. My dogs bark."
    statements = split(text)
    # "Box" "es fa" "ll" ". My" " do" "gs bark" "." and a special token
    chars = np.array([[0, 3], [3, 8], [8, 10], [10, 14], [14, 17], [17, 24], [24, 25], [25, 25]], np.int32)
    places = np.array([[0, 5], [6, 10], [10, 11], [12, 14], [15, 19], [20, 24], [24, 25]], np.int32)
    tags = ("NOUN", "VERB", "PUNCT", "PRON", "ADJ", "X", "SYM")
    assert statement_of_tokens(chars, statements).tolist() == [0, 0, 0, 1, 1, 1, 1, -1]
    assert tags_of_tokens(chars, places, tags) == ("NOUN", "NOUN", "VERB", "PRON", "ADJ", "X", "SYM", "")


def test_a_token_of_white_space_between_statements_belongs_to_none():
    text = "One.\n\nTwo."
    chars = np.array([[0, 4], [4, 6], [6, 10]], np.int32)
    assert statement_of_tokens(chars, split(text)).tolist() == [0, -1, 1]
    assert tags_of_tokens(chars, *tag(text))[1] == "SPACE"


@given(st.data())
def test_most_overlapping_is_the_literal_search(data):
    edges = sorted(set(data.draw(st.lists(st.integers(0, 30), max_size=12))))
    ordered = list(zip(edges[::2], edges[1::2], strict=False))
    starts = data.draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=6))
    intervals = [(start, start + length) for start, length in starts]
    found = most_overlapping(np.array(intervals, np.int32).reshape(-1, 2), np.array(ordered, np.int32).reshape(-1, 2))
    for (start, end), best in zip(intervals, found.tolist(), strict=True):
        shared = [max(0, min(end, high) - max(start, low)) for low, high in ordered]
        expected = shared.index(max(shared)) if any(shared) else -1
        assert best == expected
