"""The parts of a prompt in a figure: text with its sentences marked, pictures, sounds and films with their heat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage
from PIL import ImageColor

from omnitrace_nb.content.parts import Image
from omnitrace_nb.errors import MediaError
from omnitrace_nb.media.loaded import MediaNeeds
from omnitrace_nb.media.pictures import open_picture
from omnitrace_nb.view import drawing
from omnitrace_nb.view.figure.canvas import Canvas, mixed
from omnitrace_nb.view.figure.lettering import Span
from omnitrace_nb.view.figure.page import BODY, MARGIN, SMALL, Block, Page
from omnitrace_nb.view.figure.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.view.records import Box, Evidence, ViewPart, ViewSource
    from omnitrace_nb.view.viewmodel import ViewModel

TALLEST, TALLEST_ALONE = 210, 300  # of pictures, CSS pixels
BESIDE = 18  # between pictures
NARROWEST = 225  # room for the words above a picture
MOST_LINES = 14  # of one text
NEAR = 110  # characters beside a marked sentence that are shown
SHADE = 0.42  # as in the static form
FAINT = 0.08  # of the strongest sentence; weaker ones are not marked in a figure of the whole response


@dataclass(frozen=True)
class Panels:
    """Draws parts as a statement (or, where `evidence` is None, the whole response) drew on them."""

    page: Page
    model: ViewModel
    signal: int
    row: int
    evidence: tuple[Evidence, ...] | None

    def of(self, parts: list[ViewPart]) -> list[Block]:
        """Give the panels of parts, pictures that follow each other side by side."""
        blocks: list[Block] = []
        pictures: list[ViewPart] = []
        for part in parts:
            if part.kind == "image":
                pictures.append(part)
                continue
            blocks += [*self._pictures(pictures), *self._panel(part)]
            pictures = []
        return [*blocks, *self._pictures(pictures)]

    def _panel(self, part: ViewPart) -> list[Block]:
        time = Timeline(self.page, self.model, self.signal, self.row, part, self._credited(part))
        missing = "" if part.kind == "text" else time.missing
        caption = self.page.paragraph(self._caption(part, missing), SMALL, most=1, above=18)
        return [caption, self._text(part)] if part.kind == "text" else [caption, *time.blocks()]

    def _caption(self, part: ViewPart, missing: str = "") -> list[Span]:
        theme = self.page.theme
        own = [source.id for source in self.model.sources if source.part == part.index]
        share = float(self._shares()[own].sum())
        role = "" if part.role == "user" else f"{part.role}  "
        detail = f"   {part.detail}" if part.detail else ""
        return [
            Span(role, theme.muted),
            Span(part.label, theme.ink, bold=True),
            Span(f"{detail}   {share:.2f}{missing and f'   ({missing})'}", theme.muted),
        ]

    def _ranks(self) -> dict[int, int]:
        found = enumerate(self.evidence or (), 1)
        return {source: rank for rank, each in found for source in each.sources}

    def _credited(self, part: ViewPart) -> list[tuple[int, ViewSource]]:
        """Give the part's sources that were credited, with their ranks."""
        ranks = self._ranks()
        return [(ranks[each.id], each) for each in self.model.sources if each.part == part.index and each.id in ranks]

    def _text(self, part: ViewPart) -> Block:
        spans = [
            Span("The text is empty.", self.page.theme.muted)
        ] if not (part.text or "").strip() else list(self._marked(part))  # fmt: skip
        return self.page.paragraph(spans, BODY, most=MOST_LINES, above=4)

    def _marked(self, part: ViewPart) -> Iterator[Span]:
        """Give a text with its credited sentences marked; what is far from them is counted instead of shown."""
        theme, text = self.page.theme, part.text or ""
        shades, ranks = self._shades(), self._ranks()
        own = [each for each in self.model.sources if each.part == part.index and each.chars is not None]
        marked = [each for each in own if (each.id in ranks if self.evidence is not None else shades[each.id] > FAINT)]
        at = 0
        for source in marked:
            start, end = source.chars or (0, 0)
            if start < at:
                continue
            yield Span(_folded(text[at:start], first=at == 0), theme.muted)
            if source.id in ranks:
                yield Span(f"{ranks[source.id]}\N{NO-BREAK SPACE}", theme.accent, bold=True)
            yield Span(text[start:end], theme.ink, mixed(theme.paper, theme.heat, SHADE * shades[source.id]))
            at = end
        yield Span(_folded(text[at:], first=at == 0, last=True), theme.muted)

    def _shares(self) -> np.ndarray:
        if not self.model.signals:
            return np.zeros(len(self.model.sources))
        return self.model.rows.share_of(self.signal, self.row)

    def _shades(self) -> np.ndarray:
        share = self._shares()
        return share / max(float(share.max(initial=0)), 1e-9)

    def _pictures(self, parts: list[ViewPart]) -> list[Block]:
        """Give rows of pictures, each row as wide as the page allows."""
        rows: list[list[tuple[ViewPart, float, float]]] = []
        room = 0.0
        tallest = TALLEST_ALONE if len(parts) == 1 else TALLEST
        for part in parts:
            width, height = part.size or (4, 3)
            scale = min(tallest / max(1, height), self.page.width / max(1, width))
            wide, tall = max(8.0, width * scale), max(8.0, height * scale)
            if not rows or room < max(wide, NARROWEST):
                rows.append([])
                room = self.page.width
            rows[-1].append((part, wide, tall))
            room -= max(wide, NARROWEST) + BESIDE
        return [self._row(row) for row in rows]

    def _row(self, row: list[tuple[ViewPart, float, float]]) -> Block:
        head = SMALL * 1.7
        found = [(*each, *self._picture(*each)) for each in row]

        def draw(canvas: Canvas, top: float) -> None:
            left: float = MARGIN
            for part, wide, tall, picture, missing in found:
                caption = self.page.line(self._caption(part, missing), SMALL, max(wide, NARROWEST))
                canvas.text(caption, left, top + SMALL * 1.1)
                canvas.picture(picture, left, top + head, wide, tall, radius=5)
                canvas.box(left, top + head, left + wide, top + head + tall, outline=self.page.theme.line, radius=5)
                self._boxes(canvas, part, (left, top + head, wide, tall))
                left += max(wide, NARROWEST) + BESIDE

        return Block(head + max(tall for _, _, tall in row), draw, 18)

    def _picture(self, part: ViewPart, wide: float, tall: float) -> tuple[PILImage.Image, str]:
        """Give a picture with its heat, and what is missing of it."""
        size = (max(1, round(wide * self.page.scale)), max(1, round(tall * self.page.scale)))
        picture, known = _opened(self.model, part, size)
        if part.patches is not None and self.model.signals:
            start, count = part.patches.cells
            heat = self.model.rows.shades(self.signal, self.row).heat[start : start + count]
            heat = heat.reshape(part.patches.rows, part.patches.columns)
            accent = ImageColor.getrgb(self.page.theme.heat)[:3]
            picture = drawing.heated(picture, heat, part.patches.extent, accent)
        return picture, "" if known else "not kept"

    def _boxes(self, canvas: Canvas, part: ViewPart, place: tuple[float, float, float, float]) -> None:
        """Draw the edges of credited regions, with their ranks."""
        left, top, wide, tall = place
        for rank, source in reversed(self._credited(part)):
            shaped = source.cells is not None and part.patches is not None
            lines = _edges(source, part) if shaped else [source.box or (0.0, 0.0, 1.0, 1.0)]
            drawn = [
                [
                    min(1.0, max(0.0, at)) * side + corner
                    for at, side, corner in zip(edges, (wide, tall) * 2, (left, top) * 2, strict=True)
                ]
                for edges in lines
            ]
            for x0, y0, x1, y1 in drawn:
                if shaped:
                    canvas.box(x0 - 1, y0 - 1, x1 + 1, y1 + 1, fill=self.page.theme.accent)
                else:
                    corner = 5 if lines[0] == (0, 0, 1, 1) else 2
                    canvas.box(x0, y0, x1, y1, outline=self.page.theme.accent, radius=corner, thick=2)
            self.page.badge(canvas, rank, drawn[0][0] + 6, drawn[0][1] + 6)


def _edges(source: ViewSource, part: ViewPart) -> list[Box]:
    """Give the edges of a region that is not a box, as shares of width and height; each has no width or no height."""
    if source.cells is None or part.patches is None:
        return []
    (left, top, right, bottom), columns = part.patches.extent, part.patches.columns
    across, down = (right - left) / columns, (bottom - top) / part.patches.rows
    own, found = set(source.cells), []
    for cell in sorted(own):
        row, column = divmod(cell, columns)
        x, y = left + column * across, top + row * down
        if cell - columns not in own:
            found.append((x, y, x + across, y))
        if cell + columns not in own:
            found.append((x, y + down, x + across, y + down))
        if column == 0 or cell - 1 not in own:
            found.append((x, y, x, y + down))
        if column == columns - 1 or cell + 1 not in own:
            found.append((x + across, y, x + across, y + down))
    return found


def _opened(model: ViewModel, part: ViewPart, size: tuple[int, int]) -> tuple[PILImage.Image, bool]:
    """Give a picture in this size, from its original if the trace keeps it, else its thumbnail, else white."""
    data = model.originals[part.index]
    if data and part.media:
        try:
            pixels = open_picture(Image(data), part.label, MediaNeeds()).decode().pixels  # type: ignore[union-attr]
            return PILImage.fromarray(pixels).resize(size, PILImage.Resampling.LANCZOS), True
        except MediaError:
            pass  # its thumbnail shows it
    found = drawing.opened(model.thumbnail(part, 0), max(size)) if part.thumbnails else None
    if found is not None:
        return found.resize(size, PILImage.Resampling.LANCZOS), True
    return PILImage.new("RGB", size, "white"), False


def _folded(text: str, *, first: bool = False, last: bool = False) -> str:
    """Shorten what lies between marked sentences: what is near them, and how many words are not shown."""
    near = NEAR * (4 if first and last else 1)
    if len(text) <= 2 * near + 40:
        return text
    head = "" if first and not last else text[:near].rsplit(" ", 1)[0]
    tail = "" if last else text[-near:].split(" ", 1)[-1]
    words = len(text.split()) - len(head.split()) - len(tail.split())
    return f"{head} [\N{HORIZONTAL ELLIPSIS} {words:,} words \N{HORIZONTAL ELLIPSIS}] {tail}"
