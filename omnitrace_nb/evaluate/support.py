"""What a statement truly rests on, in the user's own units, and which sources that makes right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from omnitrace_nb.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from omnitrace_nb.trace.records import Source

_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Support:
    """One piece of evidence for a statement: a part, or a place in it.

    Attributes:
        part: index of the part in the prompt.
        chars: start and end in a text part's characters.
        box: left, top, right, bottom in original pixels.
        time: start and end in seconds.
        modality: "video" for a film's frames alone, "audio" for its sound alone; None for whatever the part has.

    Raises:
        SettingsError: an interval or box that holds nothing.
    """

    part: int
    chars: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None
    time: tuple[float, float] | None = None
    modality: str | None = None

    def __post_init__(self) -> None:
        """Refuse empty places: they would make no source right, silently."""
        for name in ("chars", "box", "time"):
            place = getattr(self, name)
            if place is not None and not _extent(place) > 0:
                raise SettingsError(f"Support({name}={place!r}) holds nothing; the end must lie after the start.")


def supporting(sources: Sequence[Source], supports: Iterable[Support]) -> frozenset[int]:
    """Give the ids of the sources that the supports make right.

    A source is right if a support covers at least half of it or lies in it by at least half (the smaller of the two
    counts); and for every support, the source that overlaps it most is right, so that none goes lost on a fine grid.

    Example:
        >>> from omnitrace_nb.trace.records import Source
        >>> bins = [Source(i, "audio", 0, f"sound 1, {i}-{i + 1} s", [i], time=(i, i + 1)) for i in range(4)]
        >>> sorted(supporting(bins, [Support(0, time=(1.2, 3.0))]))
        [1, 2]
    """
    right: set[int] = set()
    for support in supports:
        shares = {
            source.id: _share(source, support)
            for source in sources
            if source.part == support.part and support.modality in {None, source.modality}
        }
        most = max(shares.values(), default=0.0)
        right |= {id_ for id_, share in shares.items() if share > 0 and (share >= _ENOUGH or share == most)}
    return frozenset(right)


def _share(source: Source, support: Support) -> float:
    """Give the overlap as a share of the smaller of the two; 1 where either names the whole part."""
    share = 1.0
    for own, wanted in ((source.chars, support.chars), (source.box, support.box), (source.time, support.time)):
        if own is not None and wanted is not None:
            share *= _overlap(own, wanted) / min(_extent(own), _extent(wanted))
    return share


def _extent(place: Sequence[float]) -> float:
    """Give the length of an interval or the area of a box."""
    half = len(place) // 2
    extent = 1.0
    for low, high in zip(place[:half], place[half:], strict=True):
        extent *= max(0.0, high - low)
    return extent


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    half = len(one) // 2
    low = [max(pair) for pair in zip(one[:half], other[:half], strict=True)]
    high = [min(pair) for pair in zip(one[half:], other[half:], strict=True)]
    return _extent([*low, *high])
