"""How far a trace file may inflate, judged by what lies in the file and not by what its directory says of it.

An entry's packed bytes must lie in the file, apart from those of all others: then what a zip's directory claims cannot
be more than what was sent. Against those bytes three ratios hold, and `save` writes nothing that breaks them: an entry
that would is stored as it is.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_BYTES = 8 * 2**30  # that a trace may take in memory, unless `ot.open(path, max_bytes=...)` says otherwise
JSON_WEIGHT = 24  # bytes that the values of a byte of JSON may take

_ENTRY_RATIO, _ENTRY_FREE = 200, 2**20
_WHOLE_RATIO, _WHOLE_FREE = 200, 2**26
_JSON_RATIO, _JSON_FREE = 20, 2**24
_HEADER = 30  # bytes before an entry's name


def check(infos: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Refuse, before anything is unpacked, what inflates too far; `size` is that of the file.

    Raises:
        ValueError: entries that are not where they say, or would inflate beyond reason.
    """
    _check_places(infos, size)
    for info in infos:
        if _inflates(info):
            raise ValueError(f"{info.filename} would inflate {info.file_size // max(info.compress_size, 1)} times")
    whole, texts = _sizes(infos)
    if whole > _WHOLE_FREE + _WHOLE_RATIO * size or texts > _JSON_FREE + _JSON_RATIO * size:
        raise ValueError(f"its {size:,} bytes would inflate to {whole:,}")


def needed(infos: Iterable[zipfile.ZipInfo]) -> int:
    """Give the bytes of memory that a file's content takes, at most."""
    whole, texts = _sizes(infos)
    return whole + (JSON_WEIGHT - 1) * texts


def excessive(infos: Sequence[zipfile.ZipInfo], size: int) -> set[str]:
    """Name the entries that must not be packed, for a file of that size to be opened again; none if it can be."""
    found = {info.filename for info in infos if _inflates(info)}
    whole, texts = _sizes(infos)
    if whole > _WHOLE_FREE + _WHOLE_RATIO * size:
        found.add(_most_packed(infos))
    if texts > _JSON_FREE + _JSON_RATIO * size:
        found.add(_most_packed(info for info in infos if _is_json(info)))
    return found


def _check_places(infos: Iterable[zipfile.ZipInfo], size: int) -> None:
    end, before = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise ValueError(f"{info.filename} lies where {before} does")
        end, before = info.header_offset + _HEADER + len(info.filename) + info.compress_size, info.filename
        if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
            raise ValueError(f"{info.filename} says {info.file_size} bytes, and {info.compress_size} are there")
    if end > size:
        raise ValueError(f"{before} does not lie in the file")


def _inflates(info: zipfile.ZipInfo) -> bool:
    return info.file_size > _ENTRY_FREE and info.file_size > _ENTRY_RATIO * max(info.compress_size, 1)


def _sizes(infos: Iterable[zipfile.ZipInfo]) -> tuple[int, int]:
    """Give the unpacked bytes of all entries, and of JSON alone."""
    sizes = [(info.file_size, _is_json(info)) for info in infos]
    return sum(size for size, _ in sizes), sum(size for size, json in sizes if json)


def _is_json(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(".json")


def _most_packed(infos: Iterable[zipfile.ZipInfo]) -> str:
    return max(infos, key=lambda info: info.file_size - info.compress_size).filename
