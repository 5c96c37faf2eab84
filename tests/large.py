"""A trace as large as the view has budgets for: 20,000 prompt tokens, 500 steps, 200 statements, 3 signals; no model.

Its text is made of invented words whose frequencies fall as those of a language do; its scores have the heavy tail that
attention has, with a few sources leading each statement. `hours=True` puts an hour of film, with its sound track, and
an hour of sound into the same 20,000 tokens.
"""

from __future__ import annotations

import numpy as np
from traces import Sketch, bell, part, peaks, picture, png, webp

from omnitrace_nb import sources as sourcing
from omnitrace_nb.alignment import align
from omnitrace_nb.layout import IMAGE, VIDEO
from omnitrace_nb.statements import split, statement_of_tokens
from omnitrace_nb.trace.records import RunInfo
from omnitrace_nb.trace.result import Trace

POSITIONS, STEPS, STATEMENTS = 20_000, 500, 200
SIGNALS = ("excess", "attmean", "rawatt")
HOUR = 3600.0
QUESTION = "What is said, shown and heard? Answer in a list, an item a line."
PATCHES = (24, 32)


def make_large_trace(*, hours=False, seed=0):
    """Make the trace."""
    rng = np.random.default_rng(seed)
    words = vocabulary(rng)
    photo, plan = picture((1024, 768), "ellipse", "red"), picture((768, 1024), "rectangle", "blue")
    kept = [
        part(1, "image", "image 1", png(photo), size=photo.size, thumbnails=(webp(photo),), media=png(photo),
             mime="image/png"),
        part(2, "image", "image 2", png(plan), size=plan.size, thumbnails=(webp(plan),), media=png(plan),
             mime="image/png"),
    ]  # fmt: skip
    if hours:
        outline = np.tile(peaks(bell(8.0), slices=100), (20, 1))
        frames = [picture((320, 180), "ellipse", "gold", background=f"hsl({20 * i}, 40%, 80%)") for i in range(16)]
        kept += [
            part(3, "audio", "sound 1", b"sound", duration=HOUR, peaks=outline, media=bytes(30_000_000),
                 mime="audio/mpeg"),
            part(4, "video", "film 1", b"film", size=(1280, 720), duration=HOUR, thumbnails=tuple(map(webp, frames)),
                 thumbnail_times=tuple(np.linspace(0, HOUR, 16, endpoint=False)), peaks=outline,
                 media=bytes(60_000_000), mime="video/mp4"),
        ]  # fmt: skip
    layout, text = lay_out(kept, words, rng)
    parts = [part(0, "text", "text 1", text, text=text), *kept]
    parts.append(part(len(parts), "text", "text 2", QUESTION, text=QUESTION))
    sources = sourcing.build(layout, parts)
    tokens = respond(words, rng)
    answer = align(tokens, range(1000, 1000 + len(tokens)), -rng.exponential(0.5, len(tokens)), "eos")
    statements = split(answer.text)
    statement_of = statement_of_tokens(answer.chars, statements)
    support = [rng.choice(len(sources), rng.integers(1, 4), replace=False) for _ in statements]
    scores = {name: heavy(layout, sources, statement_of, support, rng) for name in SIGNALS}
    run = RunInfo(model="large", family="none", signals={name: {} for name in SIGNALS}, created="2026-01-01T00:00:00Z")
    return Trace.build(parts, layout, sources, answer, scores, run)


def lay_out(kept, words, rng):
    """Give the layout, and a text long enough to fill it up to `POSITIONS` positions."""
    sketch, rest = Sketch(), Sketch()
    for each in kept:
        rest.template(1)
        if each.kind == "image":
            rest.pictures(each.index, IMAGE, each.size, PATCHES)
        elif each.kind == "audio":
            rest.sound(each.index, each.duration, rate=1)
        else:
            every = 3.0
            times = [(at, at + every) for at in np.arange(0, each.duration, every)]
            rest.pictures(each.index, VIDEO, each.size, (2, 2), times=times)
            rest.sound(each.index, each.duration, rate=1)
    rest.template(1)
    rest.text(len(kept) + 1, QUESTION)
    rest.template(5)
    room = POSITIONS - len(rest.rows) - 4
    text = prose(words, room, rng)
    sketch.template(4)
    sketch.text(0, text)
    surplus = len(sketch.rows) - 4 - room
    sketch.template(-surplus)
    sketch.rows += rest.rows
    sketch.grids |= rest.grids
    return sketch.layout(), text


def vocabulary(rng, size=5000):
    """Invent words of one to five syllables."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
    return list(dict.fromkeys("".join(rng.choice(syllables, rng.integers(1, 6))) for _ in range(size)))


def prose(words, tokens, rng):
    """Give sentences of 5 to 30 words, four to ten a paragraph, of at most so many tokens (words and stops)."""
    pieces, left = [], tokens
    while left > 40:
        for _ in range(rng.integers(4, 11)):
            chosen = np.minimum(rng.zipf(1.3, min(rng.integers(5, 31), max(left - 2, 0))), len(words)) - 1
            if len(chosen) < 5:
                break
            pieces.append(" ".join(words[i] for i in chosen).capitalize() + ". ")
            left -= len(chosen) + 1
        pieces[-1] = pieces[-1].rstrip() + "\n\n"
        left -= 2
    return "".join(pieces).rstrip()


def respond(words, rng):
    """Give the tokens of a list of `STATEMENTS` lines, `STEPS` of them in all."""
    tokens = []
    for line in range(STATEMENTS):
        two = line % 2 and line < STATEMENTS - 1
        tokens += [words[i].capitalize().encode() for i in rng.integers(0, len(words), 1)]
        tokens += [] if two else [b" " + words[rng.integers(0, len(words))].encode()]
        tokens.append(b"\n")
    return [*tokens[: STEPS - 1], b""]


def heavy(layout, sources, statement_of, support, rng):
    """Give `float32 [T, n + T]`: each step's scores, a third of them on the few sources that support its statement."""
    n, steps = len(layout), len(statement_of)
    scores = rng.lognormal(0, 2, (steps, n + steps)).astype(np.float32)
    scores[:, n:] *= np.tri(steps, k=-1, dtype=np.float32)
    scores /= 1.5 * scores.sum(axis=1, keepdims=True)
    for step, statement in enumerate(statement_of):
        own = support[statement] if statement >= 0 else []
        for j in own:
            positions = sources[j].positions
            scores[step, positions] += rng.dirichlet(np.ones(len(positions))).astype(np.float32) / (3 * len(own))
    return scores
