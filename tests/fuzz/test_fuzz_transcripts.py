"""Random and damaged transcripts of every format: segments within time, or an error of ours, in linear time."""

from __future__ import annotations

import json
import time
import warnings

import numpy as np
import pytest

from omnitrace_nb.errors import ContentError
from omnitrace_nb.speech import Segment, read_transcript, semantic_chunks

SRT = "1\n00:00:00,500 --> 00:00:02,000\nThe harbour was quiet.\n\n2\n00:00:02,000 --> 01:00:03,250\nMIA: Sold out.\n"
VTT = "WEBVTT\n\nNOTE a\n\nintro\n00:00.500 --> 00:02.000 align:left\n<v Mia>Hello <b>you</b>\n\n00:02 -> 00:03\nBye.\n"
JSON = json.dumps({"segments": [{"start": 0.5, "end": 2.0, "text": "It is quiet.", "speaker": 1}, {"words": None}]})
WORDS = json.dumps([{"word": f"w{at}.", "timestamp": [at, at + 1]} for at in range(6)])
PIECES = ["0:0", "-->", "->", "<v ", "<v.a", "<", ">", "[", "{", "]", "}", '"', "NOTE", ":", "00:00:01,000", "9" * 400]
PIECES += [" ", "\n", "\n\n", "\r", "\t", "A.", "。」", "\u0663:\u0663", "\ufeff", "\x00", "null", "1e999", "-1", "NaN"]
VALUES = [None, -1, 0, 1.5, 10**400, float("nan"), float("inf"), "", "1", "x y", [], [1, 2], [None, 1], {}, True, ()]
KEYS = ["start", "end", "text", "word", "timestamp", "speaker", "t0", "t1", "words", "segments", "chunks", 3, None]
SECONDS, A_CHARACTER = 1.0, 5e-5  # generous: a backtracking pattern takes thousands of times as long
LONG = 30_000


def damaged(random, text):
    for _ in range(random.integers(1, 6)):
        at, end = sorted(random.integers(0, len(text) + 1, 2).tolist())
        piece = PIECES[random.integers(len(PIECES))]
        text = [text[:at] + piece + text[at:], text[:at] + text[end:], text[:end] + text[at:]][random.integers(3)]
        text = text or piece
    return text[:LONG]


def odd(random, depth=0):
    if depth < 2 and random.random() < 0.5:
        return [odd(random, depth + 1) for _ in range(random.integers(0, 4))]
    keys = [KEYS[at] for at in random.integers(len(KEYS), size=random.integers(0, 5))]
    return {key: VALUES[random.integers(len(VALUES))] for key in keys}


def made(random, seed):
    if seed % 4 == 0:
        short = [each for each in PIECES if len(each) < 20]
        motif = "".join(short[at] for at in random.integers(len(short), size=random.integers(1, 4)))
        return damaged(random, SRT + motif * (LONG // len(motif)) if seed % 8 else motif * (LONG // len(motif)) + "\n")
    if seed % 4 == 1:
        rows = odd(random)
        return (
            rows
            if seed % 8 == 1
            else {"segments": [*([rows] if isinstance(rows, dict) else rows), Segment(0, 1, "a b")]}
        )
    return damaged(random, [SRT, VTT, JSON, WORDS][random.integers(4)])


@pytest.mark.fuzz(rounds=2000, seconds=6)
def test_any_transcript_gives_segments_within_time_or_is_named_in_linear_time(cases):
    for seed in cases:
        given = made(np.random.default_rng(seed), seed)
        told = ""
        started = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = read_transcript(given)
        except ContentError as error:
            told, found = str(error), ()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {given!r:.300}") from error
        taken = time.process_time() - started
        assert taken < SECONDS + A_CHARACTER * len(str(given)), f"seed {seed}: {taken:.1f} s"
        assert len(told) < 2_000, f"seed {seed}"
        assert all(0 <= each.t0 < each.t1 < float("inf") and each.text for each in found), f"seed {seed}"
        assert list(found) == sorted(found, key=lambda each: (each.t0, each.t1)), f"seed {seed}"
        if found and len(found) < 50:
            chunks = semantic_chunks(found, lambda texts: np.ones((len(texts), 1)))
            assert sum(len(each.text.split()) for each in chunks) == sum(len(each.text.split()) for each in found)
