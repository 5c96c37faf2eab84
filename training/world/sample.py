"""What a drawn sample is made of: plain text and arrays, questions, and statements with their exact support."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLING_RATE = 16_000
FPS = 2.0


@dataclass(frozen=True)
class TextPart:
    """A piece of text."""

    text: str


@dataclass(frozen=True, eq=False)
class ImagePart:
    """A picture: RGB, height x width x 3."""

    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class AudioPart:
    """A recording: mono, 16 kHz, in [-1, 1]."""

    waveform: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class VideoPart:
    """A film: frames at `fps`, and its sound track (mono, 16 kHz) when it has one."""

    frames: NDArray[np.uint8]
    fps: float = FPS
    track: NDArray[np.float32] | None = None


Part = TextPart | ImagePart | AudioPart | VideoPart


@dataclass(frozen=True)
class Support:
    """One piece of evidence for a statement.

    `chars` (start, end) is set for text; `box` (left, top, right, bottom; pixels) for a picture; `seconds` (start,
    end) for sound and film. `track` says which side of a film it is: "frames" or "sound".
    """

    part: int
    chars: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    seconds: tuple[float, float] | None = None
    track: str | None = None


@dataclass(frozen=True)
class Statement:
    """One sentence of an answer, what it is about (`kind`) and what it rests on."""

    text: str
    kind: str
    supports: tuple[Support, ...]


@dataclass(frozen=True)
class Turn:
    """A question and its answer."""

    kind: str
    question: str
    statements: tuple[Statement, ...]

    @property
    def answer(self) -> str:
        """The whole answer, one sentence a statement."""
        return " ".join(statement.text for statement in self.statements)


@dataclass(frozen=True)
class Sample:
    """The parts of a prompt in order (the question not among them) and one or more turns about them."""

    parts: tuple[Part, ...]
    turns: tuple[Turn, ...]

    @property
    def prompt(self) -> tuple[Part, ...]:
        """The parts followed by the first question: what a model is given. Supports index into it."""
        return (*self.parts, TextPart(self.turns[0].question))

    @property
    def response(self) -> str:
        """The right answer to the first question."""
        return self.turns[0].answer

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The statements of the right answer to the first question."""
        return self.turns[0].statements
