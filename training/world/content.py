"""What a prompt says, before it is drawn or played: facts, fillers, pictures, recordings and films."""

from dataclasses import dataclass

from training.world.words import ORDINALS


@dataclass(frozen=True)
class Fact:
    """Somebody sells something."""

    name: str
    thing: str

    @property
    def sentence(self) -> str:
        """The fact as a sentence."""
        return f"{self.name} sells {self.thing}."


@dataclass(frozen=True)
class Filler:
    """A sentence that nobody asks about."""

    sentence: str


@dataclass(frozen=True)
class Passage:
    """A part of text: sentences in order."""

    sentences: tuple[Fact | Filler, ...]

    @property
    def text(self) -> str:
        """The whole text."""
        return " ".join(sentence.sentence for sentence in self.sentences)

    def chars(self, index: int) -> tuple[int, int]:
        """Where sentence `index` stands in `text`."""
        start = sum(len(sentence.sentence) + 1 for sentence in self.sentences[:index])
        return start, start + len(self.sentences[index].sentence)


@dataclass(frozen=True)
class Shape:
    """A coloured shape."""

    colour: str
    shape: str

    @property
    def phrase(self) -> str:
        """The shape as a noun phrase."""
        return f"a {self.colour} {self.shape}"


@dataclass(frozen=True)
class Picture:
    """A square picture, `side` pixels wide, with a shape in some of its four places (`training.world.words.PLACES`)."""

    shapes: tuple[tuple[int, Shape], ...]
    side: int
    seed: int


@dataclass(frozen=True)
class Recording:
    """Named sounds, one a second."""

    sounds: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Film:
    """Scenes of one second each, and one sound a second when the film has a sound track."""

    scenes: tuple[Shape, ...]
    sounds: tuple[str, ...] | None
    seed: int


Content = Passage | Picture | Recording | Film


def ordinal(index: int) -> str:
    """The word for a place in an order, counted from 0."""
    return ORDINALS[index]
