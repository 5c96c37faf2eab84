"""The plain values a trace is made of: what of each part is kept, the response, the sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from omnitrace_nb.content.stored import Stored

HIGHEST_HERTZ = 8000.0  # of spectrograms


@dataclass(frozen=True, slots=True, eq=False)
class PartRecord:
    """What a trace keeps of a part: enough to show it, never enough to run it again (unless `media` is kept).

    Attributes:
        index: place in the prompt, from 0.
        kind: "text", "image", "audio" or "video".
        role: "system", "developer", "user", "assistant" or "tool".
        label: shown in tables and views, such as "image 2".
        sha256: hash of the original bytes (of the array's for arrays).
        text: the text of a text part.
        size: original `(width, height)` in pixels, of pictures and films.
        duration: seconds, of sounds and films; of the whole, also where a part of it was read.
        read: start and end in seconds of what was read of a sound or film; None if all of it.
        frames: how many frames of a film were read.
        fps: how many a second.
        max_pixels: the most that the user wanted to be read of a picture or frame.
        read_size: `(width, height)` in pixels of what was read of a picture or film, before the model's own processor;
            None if that is `size`.
        thumbnails: encoded WebP pictures; one for a picture, up to 16 for a film.
        thumbnail_times: seconds of each thumbnail, for films.
        peaks: `float32 [k, 2]`, lowest and highest sample of `k` even slices, of sounds and sound tracks.
        spectrogram: `uint8 [bands, k]`, of the same (`omnitrace_nb.media.spectrograms`).
        media: original encoded bytes, in a live session or with `embed_media=True`; where the file lies, if it is too
            large to be held; else None.
        mime: what `media` is, such as "audio/wav".
        document: id of a document.
        title: title of a document.
        note: what went wrong when the part was cut into sources, in a sentence; "" if nothing did.
        turn: the message of the chat that it is of, from 1; None for parts that were given without messages.
        unread: start and end of each stretch of the text that the chat template leaves out.
    """

    index: int
    kind: str
    role: str
    label: str
    sha256: str
    text: str | None = None
    size: tuple[int, int] | None = None
    duration: float | None = None
    read: tuple[float, float] | None = None
    frames: int | None = None
    fps: float | None = None
    max_pixels: int | None = None
    read_size: tuple[int, int] | None = None
    thumbnails: tuple[bytes, ...] = ()
    thumbnail_times: tuple[float, ...] = ()
    peaks: np.ndarray | None = None
    spectrogram: np.ndarray | None = None
    media: bytes | Stored | None = None
    mime: str | None = None
    document: str | None = None
    title: str | None = None
    note: str = ""
    turn: int | None = None
    unread: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """The generated text and its tokens.

    Attributes:
        text: the response, special tokens left out.
        token_ids: `int64 [T]`.
        tokens: the text of each token as far as it is whole characters; a token inside a character shows its bytes.
        chars: `int32 [T, 2]`, start and end of each token in `text`; empty intervals for special tokens; tokens that
            share one character share its interval.
        logprobs: `float32 [T]`, nats.
        stopped: "eos", "length", "stop" or "interrupted"; "given" for a response that existed already; "running" in the
            view of a decode that is still going on.
        thinking: start and end of each part of the text in which the model thinks before it answers, marks included.
        begun: what the user gave of the response, before `text`; "" if the model wrote all of it.
    """

    text: str
    token_ids: np.ndarray
    tokens: tuple[str, ...]
    chars: np.ndarray
    logprobs: np.ndarray
    stopped: str
    thinking: tuple[tuple[int, int], ...] = ()
    begun: str = ""

    def thinks(self, char: int) -> bool:
        """Tell whether a character belongs to the thinking before an answer."""
        return any(start <= char < end for start, end in self.thinking)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One unit that can be credited: the paper's `S_j`.

    Attributes:
        id: its number, from 0, in prompt order.
        modality: "text", "image", "audio" or "video".
        part: index of the part it belongs to.
        label: short name, such as "text 1, sentence 2", "image 2", "sound 1, 3-4 s".
        positions: `int32 [k]`, the prompt positions that it owns.
        chars: start and end in the part's text, of text.
        box: left, top, right, bottom in original pixels, of pictures and regions.
        time: start and end in seconds, of sounds and films.
        question: whether it belongs to the trailing question (whose rows `excess` uses as its baseline).
        document: id of the document that it is of, of text.
        title: that document's title.
        words: what was said, of speech; "" where that is not known.
        speaker: by whom; "" where that is not known.
    """

    id: int
    modality: str
    part: int
    label: str
    positions: np.ndarray
    chars: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None
    time: tuple[float, float] | None = None
    question: bool = False
    document: str | None = None
    title: str | None = None
    words: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Ablations:
    """What the model made of its response with some of the `S` sources ablated: a row a set of kept sources.

    Attributes:
        operator: how sources were ablated: "mask", "mask_direct", "mean" or "raw".
        keep: `bool [m, S]`, the sources that were kept; no row twice.
        logprobs: `float32 [m, T]`, nats, of each token of the response, teacher-forced.
    """

    operator: str
    keep: np.ndarray
    logprobs: np.ndarray


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Where a trace comes from: model, settings, versions, seconds, chat (`content.Chat`); plain JSON values only."""

    model: str
    family: str
    signals: dict[str, dict[str, Any]] = field(default_factory=dict)
    generation: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    created: str = ""
    chat: dict[str, Any] = field(default_factory=dict)


VERDICTS = ("", "verified", "not verified", "contradicted")


@dataclass(frozen=True, slots=True)
class Check:
    """What hiding one source did to one statement (`omnitrace_nb.verification`).

    Attributes:
        statement: index of the statement, from 0.
        source: id of the source.
        signals: those that proposed it; empty for a source drawn at random.
        drop: by how many nats the statement's log-probability falls without the source.
        low: lower end of the drop's 95 % bootstrap interval over the statement's tokens; NaN if it has only one.
        high: upper end.
        verdict: one of `VERDICTS`; "" for a source drawn at random.
    """

    statement: int
    source: int
    signals: tuple[str, ...]
    drop: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Verification:
    """One verification of a trace, and what it cost.

    Attributes:
        operator: how sources were hidden.
        signals: whose proposals were checked.
        top: at most so many proposals a statement and signal.
        seed: of the random sources and of the bootstrap.
        forwards: forwards of the language model.
        tokens: positions pushed through it.
        seconds: wall time.
        interrupted: whether it was, and checks are missing.
        checks: the rows of `trace.checks`.
    """

    operator: str
    signals: tuple[str, ...]
    top: int
    seed: int
    forwards: int
    tokens: int
    seconds: float
    interrupted: bool
    checks: tuple[Check, ...]
