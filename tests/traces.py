"""A realistic trace of all four modalities, made from plain arrays: real pictures, real sound outlines, no model.

The support of every statement is planted: at each step, each signal puts most of its score on the positions of the
sources that the statement names, on top of noise, habit (the first position, the template) and earlier tokens.
"""

from __future__ import annotations

import hashlib
import io
import re
import wave
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from omnitrace_nb import sources as sourcing
from omnitrace_nb.alignment import align
from omnitrace_nb.layout import AUDIO, IMAGE, NOBODY, TEMPLATE, TEXT, VIDEO, Layout
from omnitrace_nb.media.spectrograms import spectrogram
from omnitrace_nb.sources import SourceOptions
from omnitrace_nb.statements import split, statement_of_tokens
from omnitrace_nb.trace.records import Check, PartRecord, RunInfo, Verification
from omnitrace_nb.trace.result import Trace

RATE = 16_000
NOTE = "The key is in the red box. Mrs. Smith put it there at 3.5 hours.\n- The lamp is blue.\n- The cup is 😀 green."
QUESTION = "What do you see and hear? Name each thing."
RESPONSE = (
    "The key is in the red box.\n"
    "- The first picture shows a red circle.\n"
    "- The second picture shows a blue square, and its corner is green.\n"
    "The sound is a bell at 1.5 seconds.\n"
    "In the film a yellow ball jumps 😀."
)
# Statement -> what supports it: (part, modality, seconds or None).
PLANTED = (
    ((0, "text", 0),),
    ((1, "image", None),),
    ((2, "image", None),),
    ((3, "audio", (1.0, 2.0)),),
    ((4, "video", (2.0, 3.0)), (4, "audio", (3.0, 4.0))),
)


@dataclass
class Sketch:
    """A layout under construction, a row a position."""

    rows: list[tuple[int, int, tuple[int, int], tuple[float, ...], tuple[float, float]]] = field(default_factory=list)
    grids: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def _add(self, part, modality, chars=(-1, -1), box=(np.nan,) * 4, time=(np.nan,) * 2):
        self.rows.append((part, modality, chars, box, time))

    def template(self, count):
        """Add positions of the chat template."""
        for _ in range(count):
            self._add(NOBODY, TEMPLATE)

    def text(self, part, text):
        """Add a position a word, with the space before it."""
        for match in re.finditer(r"\s?[A-Za-z0-9]+|\s?[^\sA-Za-z0-9]|\s", text):
            self._add(part, TEXT, chars=match.span())

    def pictures(self, part, modality, size, grid, times=((np.nan, np.nan),)):
        """Add a position a patch, for each picture."""
        (width, height), (rows, columns) = size, grid
        self.grids[part] = (len(times), rows, columns)
        for time in times:
            for y in range(rows):
                for x in range(columns):
                    edges = (x / columns * width, y / rows * height, (x + 1) / columns * width, (y + 1) / rows * height)
                    self._add(part, modality, box=edges, time=time)

    def sound(self, part, duration, rate=25):
        """Add `rate` positions a second."""
        for index in range(round(duration * rate)):
            self._add(part, AUDIO, time=(index / rate, min((index + 1) / rate, duration)))

    def layout(self):
        """Give the layout."""
        part, modality, chars, box, time = zip(*self.rows, strict=True)
        return Layout(
            token_ids=np.arange(100, 100 + len(part), dtype=np.int64),
            part=np.array(part, np.int32),
            modality=np.array(modality, np.int8),
            chars=np.array(chars, np.int32),
            box=np.array(box, np.float32),
            time=np.array(time, np.float32),
            grids=self.grids,
        )


def picture(size, shape, colour, background="#f4f1e8"):
    image = Image.new("RGB", size, background)
    draw = ImageDraw.Draw(image)
    width, height = size
    edges = (width * 0.2, height * 0.25, width * 0.6, height * 0.75)
    getattr(draw, shape)(edges, fill=colour)
    draw.rectangle((width * 0.85, height * 0.8, width, height), fill="green")
    return image


def webp(image):
    small = image.copy()
    small.thumbnail((320, 320))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def bell(duration, at=1.2):
    seconds = np.arange(round(duration * RATE)) / RATE
    ring = np.where(seconds >= at, np.exp(-2 * np.maximum(seconds - at, 0)), 0) * np.sin(2 * np.pi * 660 * seconds)
    return (0.8 * ring + 0.01 * np.sin(2 * np.pi * 90 * seconds)).astype(np.float32)


def peaks(samples, slices=400):
    return np.array([(each.min(), each.max()) for each in np.array_split(samples, slices)], np.float32)


def wav(samples):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "NONE"))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def part(index, kind, label, content, **kept):
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    return PartRecord(
        index=index, kind=kind, role="user", label=label, sha256=hashlib.sha256(data).hexdigest(), **kept
    )  # fmt: skip


def make_parts(*, note=NOTE, question=QUESTION, media=True):
    circle = picture((320, 240), "ellipse", "red")
    square = picture((240, 240), "rectangle", "blue")
    frames = [picture((320, 180), "ellipse", "gold", background=f"hsl({30 * i}, 40%, 80%)") for i in range(8)]
    sound, track = bell(3.4), bell(4.0, at=3.1)
    return [
        part(0, "text", "text 1", note, text=note),
        part(1, "image", "image 1", png(circle), size=circle.size, thumbnails=(webp(circle),),
             media=png(circle) if media else None, mime="image/png"),
        part(2, "image", "image 2", png(square), size=square.size, thumbnails=(webp(square),),
             media=png(square) if media else None, mime="image/png"),
        part(3, "audio", "sound 1", wav(sound), duration=3.4, peaks=peaks(sound),
             spectrogram=spectrogram(sound, RATE),
             media=wav(sound) if media else None, mime="audio/wav"),
        part(4, "video", "film 1", b"".join(map(png, frames)), size=(320, 180), duration=4.0,
             thumbnails=tuple(map(webp, frames)), thumbnail_times=tuple(i / 2 for i in range(8)), peaks=peaks(track),
             spectrogram=spectrogram(track, RATE)),
        part(5, "text", "text 2", question, text=question),
    ]  # fmt: skip


def make_layout(parts):
    sketch = Sketch()
    sketch.template(4)
    sketch.text(0, parts[0].text)
    for index, grid in ((1, (6, 8)), (2, (6, 6))):
        sketch.template(1)
        sketch.pictures(index, IMAGE, parts[index].size, grid)
        sketch.template(1)
    sketch.template(1)
    sketch.sound(3, parts[3].duration)
    sketch.template(2)
    sketch.pictures(4, VIDEO, parts[4].size, (3, 5), times=[(float(at), at + 1.0) for at in range(4)])
    sketch.sound(4, parts[4].duration)
    sketch.template(1)
    sketch.text(5, parts[5].text)
    sketch.template(5)
    return sketch.layout()


def tokens_of(response):
    """Cut a response into byte tokens: words with their space; the emoji in two halves, as a byte-level model would."""
    tokens = []
    for match in re.finditer(r" ?[A-Za-z0-9]+| ?[^\sA-Za-z0-9]|\s", response):
        data = match.group().encode()
        tokens += [data] if len(data) < 4 or match.group().isascii() else [data[:3], data[3:]]
    return [*tokens, b""]


def planted_scores(layout, sources, statement_of, support, *, rng, habit):
    """Give `float32 [T, n + T]` with most of each step's score on the positions that support its statement."""
    n, steps = len(layout), len(statement_of)
    scores = rng.random((steps, n + steps)) * 0.2 / n
    scores[:, 0] += habit
    for step, statement in enumerate(statement_of):
        own = sorted(support[statement]) if statement >= 0 else []
        # Sources take turns in leading, three steps each, as words about one thing stand together.
        for place, j in enumerate(own):
            leads = place == step // 3 % len(own)
            spread = rng.dirichlet(np.ones(len(sources[j].positions)))
            scores[step, sources[j].positions] += (0.5 if leads else 0.1 / len(own)) * spread
        if step:
            scores[step, n : n + step] += 0.15 / step
        scores[step, n + step :] = 0
    return scores.astype(np.float32)


def supporting(sources, planted=PLANTED):
    """Give, for each statement, the ids of the sources that its planted support names."""
    support = []
    for named in planted:
        ids = set()
        for index, modality, where in named:
            own = [s for s in sources if s.part == index and s.modality == modality]
            if modality == "text":
                ids.add(own[where].id)
            elif where is None:
                ids.update(s.id for s in own[: max(1, len(own) // 4)])
            else:
                ids.update(s.id for s in own if s.time[0] < where[1] and s.time[1] > where[0])
        support.append(ids)
    return support


def make_trace(
    *, note=NOTE, question=QUESTION, response=RESPONSE, planted=PLANTED, signals=("excess", "attmean"), image="whole",
    bin_seconds=1.0, seed=0, media=True, curation=None, statement_options=None,
):  # fmt: skip
    """Make a trace whose right answer is known; `supporting(trace.source_records)` gives it."""
    rng = np.random.default_rng(seed)
    parts = make_parts(note=note, question=question, media=media)
    layout = make_layout(parts)
    sources = sourcing.build(layout, parts, SourceOptions(image=image, bin_seconds=bin_seconds))
    token_bytes = tokens_of(response)
    steps = len(token_bytes)
    answer = align(token_bytes, range(1000, 1000 + steps), -rng.random(steps), "eos")
    statements = split(answer.text, statement_options)
    statement_of = statement_of_tokens(answer.chars, statements)
    support = [*supporting(sources, planted), *[set()] * len(statements)]
    scores = {
        name: planted_scores(layout, sources, statement_of, support, rng=rng, habit=0.3 * (name != "excess"))
        for name in signals
    }
    run = RunInfo(
        model="planted",
        family="none",
        signals={name: {} for name in signals},
        generation={"max_new_tokens": 64, "do_sample": False},
        versions={"omnitrace_nb": "0.1.0"},
        seconds={"prefill": 0.5, "decode": 1.5},
        created="2026-01-01T00:00:00Z",
    )
    return Trace.build(parts, layout, sources, answer, scores, run, curation, statement_options)


def with_verdicts(trace):
    """Give the trace with a verdict of each kind, by hand: of a sentence, two pictures, and a film shown as one."""
    best = trace.spans[trace.spans["selected"] & (trace.spans["signal"] == "excess")].groupby("statement")["source"]
    rows = [
        (0, best.get_group(1).iloc[0], 2.5, 1.5, 3.5, "verified"),
        (1, best.get_group(2).iloc[0], -0.75, -1.0, -0.001, "contradicted"),
        (2, best.get_group(3).iloc[0], 0.001, np.nan, np.nan, "not verified"),
        (4, 12, 0.0, -0.1, 0.1, "not verified"),
        (4, 17, 1.25, 0.5, 2.0, "verified"),
    ]
    checks = tuple(Check(s, int(j), ("excess",), drop, low, high, said) for s, j, drop, low, high, said in rows)
    about = Verification("mask", ("excess",), 5, 0, 7, 2000, 0.1, interrupted=False, checks=checks)
    return trace.with_verification(about, {})


def make_empty_trace(signals=("excess",)):
    """Make the trace of a run that generated nothing."""
    parts = make_parts()
    layout = make_layout(parts)
    scores = {name: np.zeros((0, len(layout)), np.float32) for name in signals}
    nothing = align([], [], [], "interrupted")
    run = RunInfo(model="planted", family="none")
    return Trace.build(parts, layout, sourcing.build(layout, parts), nothing, scores, run)
