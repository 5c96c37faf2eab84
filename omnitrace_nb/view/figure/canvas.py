"""What a figure is drawn on: boxes, lines of text and pictures at places in CSS pixels, in the colours of a theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageColor, ImageDraw

from omnitrace_nb.view.figure.lettering import Line, fills, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image as PILImage

SMOOTH = 4  # edges are drawn so many times larger

RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a figure; those of the live view (js/src/widget.css)."""

    paper: str
    ink: str
    muted: str
    line: str
    accent: str
    on_accent: str
    heat: str
    wave: str


THEMES = {
    "light": Theme("#ffffff", "#1f2328", "#57606a", "#dfe3e8", "#0072b2", "#ffffff", "#0072b2", "#b4bac2"),
    "dark": Theme("#14171a", "#e6e9ec", "#9ea7b0", "#2c3238", "#62bdf0", "#06151f", "#56b4e9", "#5b646d"),
}


def mixed(colour: str, other: str, share: float) -> str:
    """Give a colour with a share of another in it.

    Example:
        >>> mixed("#ffffff", "#000000", 0.5)
        '#808080'
    """
    both = zip(ImageColor.getrgb(colour)[:3], ImageColor.getrgb(other)[:3], strict=True)
    return "#" + "".join(f"{round(one + share * (two - one)):02x}" for one, two in both)


class Canvas:
    """A picture of `width x height` CSS pixels, `scale` of its own pixels to each."""

    def __init__(self, width: float, height: float, scale: float, theme: Theme) -> None:
        """Start with paper."""
        self.scale = scale
        self.theme = theme
        self.image = Image.new("RGB", (round(width * scale), max(1, round(height * scale))), theme.paper)
        self._draw = ImageDraw.Draw(self.image)

    def box(
        self, left: float, top: float, right: float, bottom: float, *, fill: str = "", outline: str = "",
        radius: float = 0, thick: float = 1,
    ) -> None:  # fmt: skip
        """Draw a box with smooth edges, filled or outlined (the line lies inside)."""
        edges = [round(each * self.scale) for each in (left, top, right, bottom)]
        size = (max(1, edges[2] - edges[0]), max(1, edges[3] - edges[1]))
        mask = self._rounded(size, radius)
        if outline:
            inset = max(1, round(thick * self.scale))
            inner = (size[0] - 2 * inset, size[1] - 2 * inset)
            if min(inner) > 0:
                hole = self._rounded(inner, max(0, radius - thick))
                mask.paste(0, (inset, inset), hole)
        self.image.paste(Image.new("RGB", size, outline or fill), (edges[0], edges[1]), mask)

    def text(self, line: Line, left: float, base: float, ink: str = "") -> None:
        """Write a line from `left` on its base line, with what lies behind it."""
        at, size = left * self.scale, max((each.font.size for each in line.letters), default=0)
        for start, end, colour in fills(line):
            edges = (at + start) / self.scale - 2, base - size * 1.05 / self.scale
            self.box(*edges, (at + end) / self.scale + 2, base + size * 0.35 / self.scale, fill=colour, radius=3)
        write(self._draw, line, at, base * self.scale, ink or self.theme.ink)

    def lines(
        self, lines: Sequence[Line], left: float, top: float, *, height: float, width: float, ink: str = "",
        right: bool = False,
    ) -> None:  # fmt: skip
        """Write lines under each other, `height` each; those read from the right, or all, end at `left + width`."""
        for at, line in enumerate(lines):
            start = left + width - line.width / self.scale if line.rtl or right else left
            self.text(line, start, top + height * (at + 0.74), ink)

    def picture(
        self, picture: PILImage, left: float, top: float, width: float, height: float, *, radius: float = 0
    ) -> None:
        """Put a picture into a box of that size."""
        size = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
        shown = picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
        at = (round(left * self.scale), round(top * self.scale))
        self.image.paste(shown, at, self._rounded(size, radius) if radius else None)

    def _rounded(self, size: tuple[int, int], radius: float) -> PILImage:
        mask = Image.new("L", size, 255)
        corner = min(round(radius * self.scale), size[0] // 2, size[1] // 2)
        if corner < 1:
            return mask
        large = Image.new("L", (2 * corner * SMOOTH, 2 * corner * SMOOTH), 0)
        ImageDraw.Draw(large).ellipse((0, 0, large.width - 1, large.height - 1), fill=255)
        disc = large.resize((2 * corner, 2 * corner), Image.Resampling.BOX)
        right, low = size[0] - corner, size[1] - corner
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            quarter = disc.crop((x * corner, y * corner, (x + 1) * corner, (y + 1) * corner))
            mask.paste(quarter, (x * right, y * low))
        return mask
