"""The fonts of figures: which of those at hand has a character.

DejaVu Sans comes with matplotlib, which captum requires, so every installation has it: Latin, Greek, Cyrillic, Hebrew,
Arabic, symbols and some emoji. Where it has no sign, a font of the system is tried by its usual name; what none has is
drawn as a framed sign of its script (Unicode's last resort font, beside DejaVu in matplotlib) and counted in `missing`.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

from omnitrace_nb.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.ImageFont import FreeTypeFont

PROBE = 16  # pixels at which a font is asked for a character
NOBODY = "\U0010ffff"  # a character that no font has
MARKS = {"Mn", "Me", "Mc", "Cf", "Sk"}  # categories of what stands on, or joins, what it follows
BOX = "\N{WHITE SQUARE}"
# Chinese, Japanese, Korean; emoji; other scripts. Names under which systems keep them.
OF_SYSTEMS = (
    *("NotoSansCJK-Regular.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "malgun.ttf"),
    *("NotoEmoji-Regular.ttf", "seguisym.ttf", "Apple Symbols.ttf"),
    *("NotoSansDevanagari-Regular.ttf", "Nirmala.ttf", "NotoSansThai-Regular.ttf", "leelawui.ttf", "unifont.otf"),
)


class Fonts:
    """The fonts of one figure, and how many characters none of them had."""

    def __init__(self, own: str | Path | None = None) -> None:
        """Take a font file of the user's own, which comes first.

        Raises:
            SettingsError: no font file.
        """
        self._own = None if own is None else str(Path(own).expanduser())
        self.missing: set[str] = set()
        if self._own is not None and _opened(self._own, PROBE) is None:
            raise SettingsError(f"font={str(own)!r} is no font that can be read; give a .ttf, .otf or .ttc file.")

    def runs(self, text: str, size: int, *, bold: bool = False) -> Iterator[tuple[str, FreeTypeFont]]:
        """Cut a text into pieces with the font of each; marks and joiners stay with what they follow."""
        piece, of = "", None
        for character in text:
            stays = of and (character.isspace() or unicodedata.category(character) in MARKS)
            name = of if stays else self._name(character, bold=bold)
            if name != of and piece:
                yield self._written(piece, of, size)
                piece = ""
            piece, of = piece + character, name
        if piece:
            yield self._written(piece, of, size)

    def line(self, size: int) -> tuple[int, int]:
        """Give how far the letters of the main font reach above and below the base line."""
        font = _opened(self._own or _dejavu(bold=False), size) or ImageFont.load_default(size)
        ascent, descent = font.getmetrics()  # type: ignore[union-attr]
        return ascent, descent

    def _written(self, piece: str, name: str | None, size: int) -> tuple[str, FreeTypeFont]:
        if name:
            found = _opened(name, size)
            if found is not None:
                return piece, found
        self.missing.update(each for each in piece if not each.isspace())
        last = _opened(_beside("LastResortHE-Regular.ttf"), size)
        if last is not None:
            return piece, last
        plain = _opened(_dejavu(bold=False), size)
        return BOX * len(piece), plain or ImageFont.load_default(size)  # type: ignore[return-value]

    def _name(self, character: str, *, bold: bool) -> str:
        """Give the first font that has a character; "" if none has."""
        for name in (self._own, _dejavu(bold=bold), _dejavu(bold=False), "Aileron"):
            if name and _has(name, character):
                return name
        return next((name for name in OF_SYSTEMS if _has(name, character)), "")


def _dejavu(*, bold: bool) -> str:
    return _beside("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@cache
def _beside(name: str) -> str:
    """Give the path of a font that matplotlib brings, without importing it; "" if there is none."""
    found = find_spec("matplotlib")
    if found is None or not found.origin:
        return ""
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
    return str(path) if path.is_file() else ""


@cache
def _opened(name: str, size: int) -> FreeTypeFont | None:
    if not name:
        return None
    if name == "Aileron":
        return ImageFont.load_default(size)  # type: ignore[return-value]
    try:
        return ImageFont.truetype(name, size)
    except (OSError, ValueError):
        return None


@cache
def _has(name: str, character: str) -> bool:
    font = _opened(name, PROBE)
    if font is None:
        return False
    if character.isspace():
        return True
    return _drawn(font, character) != _drawn(font, NOBODY)


def _drawn(font: FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
