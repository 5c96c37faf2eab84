"""A page being set: blocks of a known height, one under the other, drawn when all heights are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from omnitrace_nb.view.figure.canvas import Canvas, Theme
from omnitrace_nb.view.figure.lettering import Lettering, Line, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image as PILImage

MARGIN = 36  # CSS pixels, as all sizes here
TITLE, BODY, SMALL = 21, 14, 11.5
BADGE = 17  # the width of a rank in its disc


@dataclass(frozen=True, slots=True)
class Block:
    """Something of a height, drawn with its top at a given place, and the room that it wants above."""

    height: float
    draw: Callable[[Canvas, float], None]
    above: float = 0


@dataclass(frozen=True)
class Page:
    """What blocks are made with: letters, colours, and the width of a line."""

    lettering: Lettering
    theme: Theme
    scale: float
    width: float

    def lines(self, text: str | Sequence[Span], size: float, width: float, most: int) -> list[Line]:
        """Set text."""
        spans = [Span(text)] if isinstance(text, str) else text
        return self.lettering.lines(spans, self._pixels(size), width * self.scale, most)

    def line(self, text: str | Sequence[Span], size: float, width: float) -> Line:
        """Set one line."""
        return self.lettering.line(text, self._pixels(size), width * self.scale)

    def wide(self, line: Line) -> float:
        """Give a line's width."""
        return line.width / self.scale

    def paragraph(
        self, text: str | Sequence[Span], size: float = BODY, *, ink: str = "", lead: float = 1.55, most: int = 100,
        left: float = 0, above: float = 0, right: bool = False,
    ) -> Block:  # fmt: skip
        """Give a paragraph of the page's width, `left` further in; at the right edge if asked or read from there."""
        width = self.width - left
        lines = self.lines(text, size, width, most)
        height = size * lead

        def draw(canvas: Canvas, top: float) -> None:
            start = MARGIN if right else MARGIN + left
            canvas.lines(lines, start, top, height=height, width=width, ink=ink, right=right)

        return Block(height * len(lines), draw, above)

    def heading(self, text: str) -> Block:
        """Give the heading of a section."""
        return self.paragraph([Span(text, bold=True)], SMALL, ink=self.theme.muted, above=26)

    def rule(self) -> Block:
        """Give a thin line across."""

        def draw(canvas: Canvas, top: float) -> None:
            canvas.box(MARGIN, top, MARGIN + self.width, top + 1, fill=self.theme.line)

        return Block(1, draw, 24)

    def badge(self, canvas: Canvas, rank: int, left: float, top: float) -> None:
        """Draw a rank in a disc."""
        line = self.line([Span(str(rank), bold=True)], SMALL, 100)
        wide = max(BADGE, self.wide(line) + 8)
        canvas.box(left, top, left + wide, top + BADGE, fill=self.theme.accent, radius=BADGE / 2)
        canvas.text(line, left + (wide - self.wide(line)) / 2, top + BADGE * 0.74, self.theme.on_accent)

    def drawn(self, blocks: Sequence[Block]) -> PILImage:
        """Draw blocks under each other."""
        height = sum(block.height + block.above for block in blocks) + 2 * MARGIN
        canvas = Canvas(self.width + 2 * MARGIN, height, self.scale, self.theme)
        top: float = MARGIN
        for block in blocks:
            top += block.above
            block.draw(canvas, top)
            top += block.height
        return canvas.image

    def _pixels(self, size: float) -> int:
        return max(1, round(size * self.scale))
