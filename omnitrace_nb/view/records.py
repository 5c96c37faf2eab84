"""What a view model is made of: parts, sources, statements, evidence and notes, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Span = tuple[int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's cells, one a token; `chars` is the first row of `ViewModel.chars` that is theirs."""

    cells: Span
    chars: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a picture, row by row, or of a film's thumbnails, one grid after the other.

    `extent` is where the grid lies, as shares of width and height.
    """

    cells: Span
    rows: int
    columns: int
    extent: Box


@dataclass(frozen=True, slots=True)
class Strip:
    """Cells along time: cell i lasts from `edges[i]` to `edges[i + 1]`, in seconds."""

    cells: Span
    edges: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Spectrogram:
    """Where a sound's spectrogram is in `ViewModel.spectrograms`, row by row, highest first; `hertz` is the highest."""

    values: Span
    bands: int
    columns: int
    hertz: float


@dataclass(frozen=True, slots=True)
class MediaKept:
    """The original of a part, as far as the trace keeps it: a front end asks for it (`ViewModel.media`)."""

    bytes: int
    mime: str


@dataclass(frozen=True, slots=True)
class ViewPart:
    """A part of the prompt. Spans are `(start, count)`; `thumbnails` in bytes, `peaks` in values.

    `detail` is its size or duration in words; `media_note` says why there is nothing to play; `unread` are stretches of
    its text that the model did not read.
    """

    index: int
    kind: str
    role: str
    label: str
    detail: str
    text: str | None = None
    size: tuple[int, int] | None = None
    duration: float | None = None
    thumbnails: tuple[Span, ...] = ()
    thumbnail_times: tuple[float, ...] = ()
    peaks: Span | None = None
    spectrogram: Spectrogram | None = None
    media: MediaKept | None = None
    media_note: str | None = None
    tokens: Tokens | None = None
    patches: Grid | None = None
    frames: Grid | None = None
    strip: Strip | None = None
    sound: Strip | None = None
    unread: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewSource:
    """A source: `chars` in its part's text, `box` as shares of width and height, `time` in seconds.

    `excerpt` is the beginning of its words; `cells` are the patches of its picture, from 0, that are its, where that is
    not all of its box.
    """

    id: int
    part: int
    modality: str
    label: str
    excerpt: str
    chars: Span | None = None
    box: Box | None = None
    time: tuple[float, float] | None = None
    cells: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ViewStatement:
    """A statement: its index, how many steps it has, the first and the one after the last, and its characters.

    `thinking`: whether it was said before the answer.
    """

    id: int
    text: str
    steps: int
    first: int
    stop: int
    chars: Span
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A verdict of `Tracer.verify` on a piece of evidence, as a sign, and in a sentence with its numbers."""

    verdict: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a statement rests on: a selected source, or selected seconds that touch, with its score (see `evidence`)."""

    sources: tuple[int, ...]
    label: str
    score: float
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The mark of one source of one statement, by its index."""

    statement: int
    source: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class Said:
    """The response and its tokens.

    Attributes:
        text: the response.
        pieces: each token as it is, special ones too.
        chars: `int32 [T, 2]`, each token's characters in `text`.
        statement_of: `int32 [T]`, -1 for none.
        logprobs: `float32 [T]`, nats; NaN is 0.
        tags: Universal POS tag of each token, "" for none.
        stopped: why the response ended.
        begun: what it was given as its beginning.
    """

    text: str
    pieces: tuple[str, ...]
    chars: np.ndarray
    statement_of: np.ndarray
    logprobs: np.ndarray
    tags: tuple[str, ...]
    stopped: str
    begun: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader should know, in a sentence; of those `signals` alone, or of all if it names none."""

    text: str
    signals: tuple[str, ...] = ()
