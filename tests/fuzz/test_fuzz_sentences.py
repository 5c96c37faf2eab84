"""Sentences of random text in every script: all of it is held, once and in order, in time linear in its length."""

# ruff: noqa: RUF001 - marks of other scripts are what this is about

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

from omnitrace_nb import language
from omnitrace_nb.statements import StatementOptions, split

MARKS = list("。！？؟۔।։።.!?…;:,「」『』（）“”«»„‹›\"'()[]*_-– \n\t\u2028\u3000\u00a0\ufeff\x00\ud800\u200d😀3٣")
LETTERS = ["aB", "éß", "Яж", "Ωα", "שא", "مر", "है", "ไท", "漢字", "かカ", "한글", "Սա", "ቤት"]
SECONDS, A_CHARACTER = 1.0, 4e-4  # generous: a backtracking pattern takes thousands of times as long
LONG = 20_000


def random_text(random, length):
    letters = "".join(random.choice(LETTERS, random.integers(1, 4)))
    pool = [*MARKS, *letters * 6, *map(chr, random.integers(1, 0xD7FF, 8))]
    return "".join(pool[at] for at in random.integers(len(pool), size=length))


def visible(text):
    controls = dict.fromkeys((*range(9), *range(14, 28), *range(127, 133), *range(134, 160), 0xFEFF))
    return "".join(text.translate(controls).split())


@pytest.mark.fuzz(rounds=300, seconds=7)
def test_any_text_is_held_by_its_sentences_once_and_in_order_in_linear_time(cases):
    language.sentences("It is.\nЭто.\nKwik kwak kwok.")  # loads what is loaded once
    for seed in cases:
        random = np.random.default_rng(seed)
        if seed % 5 == 4:  # a few signs over and over, where patterns would go back and forth
            motif = random_text(random, random.integers(1, 5))
            text = motif * (LONG // len(motif))
        else:
            text = random_text(random, random.integers(0, 300))
        started = time.process_time()
        spans = language.sentences(text, wrapped=bool(seed % 2))
        taken = time.process_time() - started
        assert visible("".join(text[start:end] for start, end in spans)) == visible(text), f"seed {seed}"
        assert all(0 <= start < end <= len(text) for start, end in spans), f"seed {seed}"
        assert all(one[1] <= two[0] for one, two in pairwise(spans)), f"seed {seed}"
        assert taken < SECONDS + A_CHARACTER * len(text), f"seed {seed}: {taken:.1f} s for {len(text)} characters"
        if len(text) <= 300:
            clauses = split(text, StatementOptions(clauses=True))
            assert visible("".join(text[start:end] for start, end in clauses)) == visible(text), f"seed {seed}"
