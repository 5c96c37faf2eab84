"""How a prompt is cut into sources."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.language.pipeline import check as check_pipeline
from omnitrace_nb.quoting import quoted
from omnitrace_nb.sources import ways
from omnitrace_nb.values import number_of

if TYPE_CHECKING:
    from spacy.language import Language

SHORTEST_BIN = 0.001  # seconds; positions are far longer
VIDEO_SOURCES = ("both", "visual", "audio")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a prompt is cut.

    Each of `text`, `image`, `audio` and `video` is a unit for all parts of its kind; your own pieces, for the only part
    of its kind; a function that is given a part's content and returns pieces of it (`omnitrace_nb.sources.resolving`);
    or a mapping from part (its number or its label) to any of these.

    Attributes:
        text: "token", "word" (what white space separates), "clause" (coordinated ones), "sentence", "line",
            "paragraph" (what a blank line separates), "section" (what a Markdown heading begins), "turn" (each message
            of a chat), "document" (each text with an id or a title; other texts by sentence) or "part" (each text part
            whole); a compiled regular expression, each match being a source; your own spans: `(start, end)` or
            `(start, end, label)` in characters of the part, or strings that occur in it, in order; or a function of the
            text.
        image: "whole"; `(rows, columns)` of an even grid; "superpixels" or `{"superpixels": 60}`, regions of like
            colour; your own regions: boxes `(left, top, right, bottom)` in pixels, masks (`bool [height, width]`),
            mappings with a `box` or a `mask` and a `label`, a map of numbered regions (`int [height, width]`), or what
            a detector gave (`omnitrace_nb.sources.detections`); or a function of the pixels (`uint8 [height, width,
            3]`).
        audio: "bins" of `bin_seconds`; your own intervals: `(t0, t1)` or `(t0, t1, label)` in seconds, or the segments
            of a transcript (`omnitrace_nb.speech`); or a function of the samples (`float32 [n]`) and their sampling
            rate (Hz), such as a speech recogniser. A film's sound is cut by such a function too, and by a mapping that
            names the film.
        video: "bins"; "shots" or `{"shots": 27}`, what lies between the cuts of a film; your own intervals; or a
            function of the frames (`uint8 [n, height, width, 3]`) and their times (seconds). A film's sound is cut in
            the same way, unless `audio` speaks of it.
        video_grid: `(rows, columns)` into which the frames of each interval are cut besides.
        video_sources: "both"; "visual" or "audio" for a film's frames or its sound track alone (the paper's ablation).
        bin_seconds: length of time bins, in seconds.
        rest: whether what no own piece holds is a source too: the text, the picture or the seconds between them.
        nlp: a spaCy pipeline for sentences and clauses; by default the installed English one.

    Own pieces may overlap: a position then counts for each of its sources. What no piece holds can not be credited,
    unless `rest` is true.

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
    rest: bool = False
    nlp: Language | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning; take a grid given as a list (from JSON) as well."""
        for kind in ways.WORDS:
            ways.check(kind, getattr(self, kind))
        if ways.is_grid(self.image):
            object.__setattr__(self, "image", ways.grid("image", self.image))
        object.__setattr__(self, "video_grid", ways.grid("video_grid", self.video_grid))
        if not isinstance(self.video_sources, str) or self.video_sources not in VIDEO_SOURCES:
            known = ", ".join(map(repr, VIDEO_SOURCES))
            raise SettingsError(f"video_sources={quoted(self.video_sources)} is unknown; use one of {known}.")
        seconds = number_of(self.bin_seconds)
        if not SHORTEST_BIN <= seconds < math.inf:
            raise SettingsError(
                f"bin_seconds={quoted(self.bin_seconds)} is not usable; give a number of seconds above 0, of "
                f"{SHORTEST_BIN:g} or more."
            )
        object.__setattr__(self, "bin_seconds", seconds)
        if not isinstance(self.rest, bool):
            raise SettingsError(f"rest={quoted(self.rest)} is not usable; give True or False.")
        check_pipeline(self.nlp)

    @property
    def grid(self) -> tuple[int, int]:
        """Give `(rows, columns)` of pictures; a whole picture is a grid of one."""
        return self.image if isinstance(self.image, tuple) and ways.is_grid(self.image) else (1, 1)

    def tracks(self, kind: str) -> tuple[str, ...]:
        """Give the tracks of a kind of part that are cut: of films "video" and "audio", of others their own."""
        if kind != "video":
            return (kind,)
        return {"both": ("video", "audio"), "visual": ("video",), "audio": ("audio",)}[self.video_sources]
