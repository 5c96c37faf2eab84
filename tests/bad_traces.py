"""Traces that go wrong in every way that a view may meet: `BAD` makes each by its name."""

from itertools import pairwise

import numpy as np
from traces import Sketch, make_empty_trace, make_parts, make_trace, part, tokens_of

from omnitrace_nb import sources as sourcing
from omnitrace_nb.alignment import align
from omnitrace_nb.layout import IMAGE, VIDEO
from omnitrace_nb.statements import Statements
from omnitrace_nb.trace.records import RunInfo, Source
from omnitrace_nb.trace.result import Trace

MARKUP = "<img src=x onerror=alert(1)> **b** [l](http://e.example) $x$ | `c` </script> & \"q\" 'a' @me"
HEBREW = "המפתח נמצא בקופסה האדומה (3.5 שעות). The lamp is blue. المصباح أزرق."
EMOJI = "👩‍👩‍👧 waves 🇪🇺 at 👍🏽 and 漢字 かな 한글 ไทย हिन्दी. e\u0301\u0302 \u202eevil\u202c."
WORDS = "The key is red. A lamp is blue."


def build(parts, response=WORDS, *, scores=None, signals=("excess",), model="planted", sources=None, statements=None):
    """Make a trace of parts: text by words, pictures 2 x 2, sound 10 positions a second."""
    sketch = Sketch()
    sketch.template(2)
    for each in parts:
        if each.kind == "text":
            sketch.text(each.index, each.text)
        elif each.kind == "image":
            sketch.pictures(each.index, IMAGE, each.size or (8, 8), (2, 2))
        else:
            if each.kind == "video":
                sketch.pictures(each.index, VIDEO, each.size or (8, 8), (1, 2), times=[(0.0, 1.0), (1.0, 2.0)])
            sketch.sound(each.index, each.duration or 0.1, rate=10)
    layout = sketch.layout()
    sources = sourcing.build(layout, parts) if sources is None else sources
    words = tokens_of(response) if isinstance(response, str) else response
    answer = align(words, range(len(words)), np.full(len(words), -0.5), "eos")
    shape = (len(words), len(layout) + len(words))
    if scores is None:
        scores = np.random.default_rng(0).random(shape).astype(np.float32)
    given = {name: np.full(shape, scores, np.float32) if np.ndim(scores) == 0 else scores for name in signals}
    run = RunInfo(model=model, family="none")
    return Trace.build(parts, layout, sources, answer, given, run, None, statements)


def note(text, index=0, label="text 1", role="user"):
    made = part(index, "text", label, text, text=text)
    return made if role == "user" else type(made)(**{**fields(made), "role": role})


def fields(record):
    return {name: getattr(record, name) for name in record.__slots__}


def without(record, **changed):
    """Give a part whose files are gone since."""
    gone = {"media": None, "mime": None, "thumbnails": (), "thumbnail_times": (), "peaks": None}
    return type(record)(**{**fields(record), **gone, **changed})


def media_gone():
    return build([*map(without, make_parts())])


def sizes_unknown():
    return build([without(each, size=None, duration=None) for each in make_parts()])


def media_damaged():
    cut = {"thumbnails": (b"RIFFxxxxWEBPVP8 ", b"", b"no picture"), "thumbnail_times": (0.0, 1.0, 2.0)}
    media = {"media": b"\x89PNG\r\n\x1a\n cut short", "mime": "image/png"}
    return build([without(each, **cut, **media) if each.kind != "text" else each for each in make_parts()])


def odd_shapes():
    wide = part(0, "image", "wide", b"", size=(20_000, 1))
    tall = part(1, "image", "tall", b"", size=(1, 20_000))
    moment = part(2, "audio", "moment", b"", duration=0.0, peaks=np.full((3, 2), np.nan, np.float32))
    hour = part(3, "audio", "hour", b"", duration=360.0, peaks=np.zeros((0, 2), np.float32))
    film = part(4, "video", "film", b"", size=(3000, 10), duration=2.0)
    return build([wide, tall, moment, hour, film])


def one_source_one_token():
    return build([note("Key")], [b"Key"], scores=np.array([[0.0, 0.0, 1.0, 0.0]], np.float32))


def no_source():
    return build([note(" \n ")], sources=[])


def no_part():
    return build([])


def scores_of(value):
    return lambda: build([*make_parts()], scores=value)


def partly_nan():
    trace = make_trace()
    scores = np.concatenate([trace.scores("excess"), trace.earlier("excess")], axis=1)
    scores[::2] = np.nan
    scores[1::4, 7] = np.inf
    scores[3::4, 9] = -1
    return Trace.build(
        trace.parts, trace.layout, trace.source_records, trace.response_record, {"excess": scores}, trace.run
    )


def marked_up():
    label = f'{MARKUP}" onload="x'
    parts = [
        note(MARKUP, 0, label, role="<system>"),
        part(1, "image", label, b"", size=(40, 30)),
        part(2, "audio", label, b"", duration=1.0),
    ]
    return build(parts, f"{MARKUP}. {MARKUP}.", signals=(MARKUP, "b"), model=MARKUP)


def in_scripts(text):
    return lambda: build([note(text), *make_parts()[1:]], f"{text}\n{text}", model=text)


def many_statements(count=5_000, sources=40):
    """Make a response of so many statements, of one token each; each rests on a sentence and a second."""
    text = " ".join(f"Sentence number {index}." for index in range(sources))
    parts = [note(text), part(1, "audio", "sound 1", b"", duration=10.0)]
    words = [f"Word number {index} is said here.\n".encode() for index in range(count)]
    at = np.concatenate(([0], np.cumsum([len(word) for word in words])))
    chars = tuple((int(start), int(end) - 1) for start, end in pairwise(at))
    cut = Statements(chars, np.arange(count), ("NOUN",) * count)
    sketch = Sketch()
    sketch.template(2)
    sketch.text(0, text)
    n = len(sketch.rows) + 100
    scores = np.zeros((count, n + count), np.float32)
    first = np.random.default_rng(0).integers(2, n, (count, 2))
    scores[np.arange(count)[:, None], first] = (0.6, 0.4)
    return build(parts, words, scores=scores, statements=cut)


def many_sources(count=3_000):
    text = " ".join(f"Sentence number {index} <b>of</b> many." for index in range(count))
    return build([note(text)])


def many_parts(count=300):
    return build([note(f"Note {index}.", index, f"text {index}") for index in range(count)])


def long_word():
    return build([note("key" * 20_000)], [b"x" * 20_000, "😀".encode() * 5_000])


def surrogates():
    return build([note("A \ud800 key \x00\x1b[31m here.")], [b"A \xff\xfe key.", b"\x00\x07"])


def shared_source():
    """A source whose characters lie outside its text, as a damaged file may have it."""
    text = note("A key.")
    return build([text], sources=[Source(0, "text", 0, "text 1", np.array([2, 3]), chars=(3, 900))])


BAD = {
    "without media": lambda: build([note(WORDS)]),
    "media files gone since": media_gone,
    "sizes and durations unknown": sizes_unknown,
    "damaged pictures and originals": media_damaged,
    "odd shapes": odd_shapes,
    "one source and one token": one_source_one_token,
    "no source": no_source,
    "no part": no_part,
    "no statement": lambda: build(make_parts(), [b" ", b"\n"]),
    "an empty response": make_empty_trace,
    "no token and no signal": lambda: make_empty_trace(signals=()),
    "no signal": lambda: build(make_parts(), signals=()),
    "NaN scores": scores_of(np.nan),
    "infinite scores": scores_of(np.inf),
    "some scores NaN": partly_nan,
    "all-zero scores": scores_of(0.0),
    "negative scores": scores_of(-1.0),
    "right-to-left text": in_scripts(HEBREW),
    "emoji and many scripts": in_scripts(EMOJI),
    "names with markup": marked_up,
    "5,000 statements": many_statements,
    "3,000 sources": many_sources,
    "300 parts": many_parts,
    "words that never end": long_word,
    "characters that cannot be written": surrogates,
    "a source beyond its text": shared_source,
}
