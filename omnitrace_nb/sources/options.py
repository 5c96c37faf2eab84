"""How a prompt is cut into sources."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.language.pipeline import check

if TYPE_CHECKING:
    from spacy.language import Language

TEXT_UNITS = ("token", "word", "clause", "sentence", "line", "paragraph", "section", "part")
VIDEO_SOURCES = ("both", "visual", "audio")
OWN = "or your own: a list for the only part of its kind, or a mapping from part (its number or its label) to lists"


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a prompt is cut.

    Attributes:
        text: "token", "word" (what white space separates), "clause" (coordinated ones), "sentence", "line",
            "paragraph" (what a blank line separates), "section" (what a Markdown heading begins) or "part" (each text
            part whole: a document, a turn); a compiled regular expression, each match being a source; or your own
            spans: `(start, end)` or `(start, end, label)` in characters of the part.
        image: "whole"; `(rows, columns)` of an even grid; or your own regions: boxes `(left, top, right, bottom)` in
            pixels, or mappings with a `box` or a `mask` (`bool [height, width]`) and a `label`, as detectors give them.
        audio: "bins" of `bin_seconds`; or your own intervals: `(t0, t1)` or `(t0, t1, label)` in seconds, or the
            segments of a transcript (`omnitrace_nb.speech`).
        video: the same for films, their frames and their sound alike.
        video_grid: `(rows, columns)` into which the frames of each interval are cut besides.
        video_sources: "both"; "visual" or "audio" for a film's frames or its sound track alone (the paper's ablation).
        bin_seconds: length of time bins, in seconds.
        nlp: a spaCy pipeline for sentences and clauses; by default the installed English one.

    Own pieces may overlap: a position then counts for each of its sources. What no piece holds can not be credited.

    Raises:
        SettingsError: a value of another kind or outside its range.
    """

    text: Any = "sentence"
    image: Any = "whole"
    audio: Any = "bins"
    video: Any = "bins"
    video_grid: tuple[int, int] = (1, 1)
    video_sources: str = "both"
    bin_seconds: float = 1.0
    nlp: Language | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning; take a grid given as a list (from JSON) as well."""
        self._check("text", TEXT_UNITS, (re.Pattern,))
        if isinstance(self.image, (tuple, list)) and len(self.image) == 2 and all(map(_is_count, self.image)):  # noqa: PLR2004 - rows and columns
            object.__setattr__(self, "image", _grid("image", self.image))
        else:
            if isinstance(self.image, tuple):  # own regions; a grid alone stays a tuple
                object.__setattr__(self, "image", list(self.image))
            self._check("image", ("whole",), (), " (rows, columns), two whole numbers above 0,")
        self._check("audio", ("bins",))
        self._check("video", ("bins",))
        object.__setattr__(self, "video_grid", _grid("video_grid", self.video_grid))
        if self.video_sources not in VIDEO_SOURCES:
            known = ", ".join(map(repr, VIDEO_SOURCES))
            raise SettingsError(f"video_sources={self.video_sources!r} is unknown; use one of {known}.")
        seconds = self.bin_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, Real) or not math.isfinite(seconds) or seconds <= 0:
            raise SettingsError(f"bin_seconds={seconds!r} is not usable; give a number of seconds above 0.")
        object.__setattr__(self, "bin_seconds", float(seconds))
        check(self.nlp)

    @property
    def grid(self) -> tuple[int, int]:
        """Give `(rows, columns)` of pictures; a whole picture is a grid of one."""
        return self.image if isinstance(self.image, tuple) else (1, 1)

    def own(self, kind: str) -> bool:
        """Say whether the pieces of a kind ("text", "image", "audio", "video") are the user's own."""
        given = getattr(self, kind)
        if isinstance(given, np.ndarray):
            return given.ndim == 2  # noqa: PLR2004 - a row a piece
        return isinstance(given, (list, tuple, Mapping)) and not (kind == "image" and given == self.grid)

    def _check(self, name: str, words: Sequence[str], types: tuple[type, ...] = (), besides: str = "") -> None:
        given = getattr(self, name)
        if (isinstance(given, str) and given in words) or isinstance(given, types) or self.own(name):
            return
        known = ", ".join(map(repr, words))
        raise SettingsError(f"{name}={given!r} is not usable; give {known},{besides} {OWN}.")


def _is_count(value: object) -> bool:
    return isinstance(value, (Real, bool))


def _grid(name: str, given: object) -> tuple[int, int]:
    match given:
        case [Integral() as rows, Integral() as columns] if (
            int(rows) > 0 and int(columns) > 0 and not isinstance(rows, bool) | isinstance(columns, bool)
        ):
            return int(rows), int(columns)
    raise SettingsError(f"{name}={given!r} is not usable; give (rows, columns), two whole numbers above 0.")
