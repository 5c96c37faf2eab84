"""Alignment: each token's characters, from its bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnitrace_nb.alignment import align
from omnitrace_nb.errors import ModelError


def aligned(pieces):
    return align(pieces, range(len(pieces)), np.zeros(len(pieces)), "eos")


@st.composite
def cut_text(draw):
    """A text and its bytes cut anywhere, also inside characters, with empty pieces between."""
    text = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    data = text.encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    edges = [0, *cuts, len(data)]
    return text, [data[a:b] for a, b in pairwise(edges)]


@given(cut_text())
def test_a_token_has_exactly_the_characters_that_its_bytes_touch(case):
    text, pieces = case
    response = aligned(pieces)
    assert response.text == text
    owner = [index for index, char in enumerate(text) for _ in char.encode()]
    at = 0
    for piece, (start, end) in zip(pieces, response.chars.tolist(), strict=True):
        touched = owner[at : at + len(piece)]
        at += len(piece)
        assert set(range(start, end)) == set(touched)


@given(st.lists(st.binary(max_size=5), max_size=12))
def test_bytes_that_are_no_text_become_replacement_characters_and_nothing_is_lost(pieces):
    response = aligned(pieces)
    assert response.text == b"".join(pieces).decode(errors="replace")
    covered = {char for start, end in response.chars.tolist() for char in range(start, end)}
    assert covered == set(range(len(response.text)))
    assert all(np.diff(response.chars[:, 0]) >= 0)
    for piece, (start, end) in zip(pieces, response.chars.tolist(), strict=True):
        assert (end > start) == bool(piece)


def test_tokens_inside_one_emoji_share_its_interval_and_show_their_bytes():
    response = aligned([b"a ", "😀".encode()[:2], "😀".encode()[2:], b"!", b""])
    assert response.text == "a 😀!"
    assert response.chars.tolist() == [[0, 2], [2, 3], [2, 3], [3, 4], [4, 4]]
    assert response.tokens == ("a ", "<0xF0><0x9F>", "<0x98><0x80>", "!", "")


def test_a_cut_short_response_ends_in_one_replacement_character():
    response = aligned([b"ok", "é".encode()[:1]])
    assert response.text == "ok\ufffd"
    assert response.chars.tolist() == [[0, 2], [2, 3]]


def test_an_invalid_byte_does_not_shift_what_follows():
    response = aligned([b"a\xff", b"\xe2\x82", b"b", "é".encode()])
    assert response.text == "a\ufffd\ufffdbé"
    assert response.chars.tolist() == [[0, 2], [2, 3], [3, 4], [4, 5]]


def test_a_special_token_within_a_character_stands_before_it_and_covers_nothing():
    response = aligned(["é".encode()[:1], b"", "é".encode()[1:]])
    assert response.chars.tolist() == [[0, 1], [0, 0], [0, 1]]


def test_no_tokens_give_an_empty_response():
    response = aligned([])
    assert response.text == ""
    assert response.chars.shape == (0, 2)
    assert (response.token_ids.dtype, response.logprobs.dtype) == (np.int64, np.float32)


def test_lengths_that_differ_are_refused_by_name():
    with pytest.raises(ModelError, match=r"1 tokens' bytes, 2 ids"):
        align([b"a"], [1, 2], [0.0, 0.0], "eos")
