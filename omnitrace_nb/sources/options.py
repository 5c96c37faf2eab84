"""How finely a prompt is cut into sources."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.language.pipeline import check

if TYPE_CHECKING:
    from spacy.language import Language

TEXT_UNITS = ("sentence", "part")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How finely a prompt is cut.

    Attributes:
        text: "sentence", or "part" for each text part whole.
        image: "whole", or `(rows, columns)` of an even grid of regions.
        bin_seconds: length of the time bins of sound and film, in seconds.
        nlp: a spaCy pipeline for the sentences; by default the installed English one.

    Raises:
        SettingsError: a value of another kind or outside its range.
    """

    text: str = "sentence"
    image: str | tuple[int, int] = "whole"
    bin_seconds: float = 1.0
    nlp: Language | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning; take a grid given as a list (from JSON) as well."""
        if self.text not in TEXT_UNITS:
            raise SettingsError(f"text={self.text!r} is unknown; use one of {', '.join(map(repr, TEXT_UNITS))}.")
        if self.image != "whole":
            object.__setattr__(self, "image", _grid(self.image))
        seconds = self.bin_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, Real) or not math.isfinite(seconds) or seconds <= 0:
            raise SettingsError(f"bin_seconds={seconds!r} is not usable; give a number of seconds above 0.")
        object.__setattr__(self, "bin_seconds", float(seconds))
        check(self.nlp)

    @property
    def grid(self) -> tuple[int, int]:
        """Give `(rows, columns)`; a whole picture is a grid of one."""
        return (1, 1) if isinstance(self.image, str) else self.image


def _grid(given: object) -> tuple[int, int]:
    match given:
        case [Integral() as rows, Integral() as columns] if (
            int(rows) > 0 and int(columns) > 0 and not isinstance(rows, bool) | isinstance(columns, bool)
        ):
            return int(rows), int(columns)
    raise SettingsError(f"image={given!r} is not usable; give 'whole' or (rows, columns), two whole numbers above 0.")
