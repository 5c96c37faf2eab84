"""Sound and film in a figure: frames, waveform and credited seconds on one axis of time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage
from PIL import ImageColor

from omnitrace_nb.view import drawing
from omnitrace_nb.view.figure.canvas import Canvas, mixed
from omnitrace_nb.view.figure.page import BADGE, MARGIN, SMALL, Block, Page

if TYPE_CHECKING:
    from omnitrace_nb.view.records import Strip, ViewPart, ViewSource
    from omnitrace_nb.view.viewmodel import ViewModel

WAVE, BAND, FRAMES = 62, 6, 84  # heights, CSS pixels
TICKS = (1, 2, 5)  # steps of an axis, times powers of ten
MOST_TICKS = 10
MOST_FRAMES = 12
LARGEST = 640  # pixels of a frame that is read

Credited = list[tuple[int, "ViewSource"]]


@dataclass(frozen=True)
class Timeline:
    """A part that lasts, as a row of the view model drew on it; `credited` has its sources with their ranks."""

    page: Page
    model: ViewModel
    signal: int
    row: int
    part: ViewPart
    credited: Credited

    def blocks(self) -> list[Block]:
        """Give its credited seconds above, its frames, its sound, and its seconds below."""
        part, blocks = self.part, []
        if self.credited:
            blocks.append(self._intervals())
        if part.kind == "video":
            blocks.append(self._frames())
            if part.strip is not None:
                blocks.append(self._band())
        if part.sound is not None or part.peaks is not None or part.kind == "audio":
            blocks.append(self._wave())
        return [*blocks, self._axis()]

    @property
    def missing(self) -> str:
        """What was not kept of it, in words."""
        lost = []
        if self.part.kind == "video" and not any(self._read(index) for index in range(len(self.part.thumbnails))):
            lost.append("frames")
        if self.part.peaks is None and (self.part.sound is not None or self.part.kind == "audio"):
            lost.append("outline of the sound")
        return f"{' and '.join(lost)} not kept" if lost else ""

    @cached_property
    def duration(self) -> float:
        """Its length in seconds; 1 where nobody knows."""
        ends = [each.edges[-1] for each in (self.part.strip, self.part.sound) if each is not None and each.edges]
        known = max([self.part.duration or 0.0, *ends])
        return known if np.isfinite(known) and known > 0 else 1.0

    def _intervals(self) -> Block:
        """Draw a bar over the seconds of each piece of evidence, with its rank before it."""
        merged: dict[int, list[tuple[float, float]]] = {}
        for rank, source in self.credited:
            if source.time is not None:
                merged.setdefault(rank, []).append(source.time)

        def draw(canvas: Canvas, top: float) -> None:
            for rank, times in merged.items():
                start, end = min(t0 for t0, _ in times), max(t1 for _, t1 in times)
                left, right = (MARGIN + self.page.width * min(1, max(0, at / self.duration)) for at in (start, end))
                middle = top + BADGE / 2
                canvas.box(
                    left, middle - 1.5, max(right, left + 3), middle + 1.5, fill=self.page.theme.accent, radius=1.5
                )
                canvas.box(left, middle - 5, left + 2, middle + 5, fill=self.page.theme.accent)
                canvas.box(
                    max(right, left + 3) - 2, middle - 5, max(right, left + 3), middle + 5, fill=self.page.theme.accent
                )
                self.page.badge(canvas, rank, min((left + right - BADGE) / 2, MARGIN + self.page.width - BADGE), top)

        return Block(BADGE + 4, draw, 6)

    def _frames(self) -> Block:
        """Draw frames side by side, each over its own stretch of the axis."""
        width, height = self.part.size or (16, 9)
        shape = width / max(1, height)
        count = int(min(MOST_FRAMES, max(1, self.page.width / (FRAMES * shape))))
        wide = self.page.width / count - 2
        tall = min(wide / shape, 2 * FRAMES)
        times = (np.arange(count) + 0.5) * self.duration / count

        def draw(canvas: Canvas, top: float) -> None:
            size = (max(1, round(wide * self.page.scale)), max(1, round(tall * self.page.scale)))
            for at, time in enumerate(times):
                left = MARGIN + at * (wide + 2)
                index = int(np.abs(np.array(self.part.thumbnail_times or (0.0,)) - time).argmin())
                frame = self._frame(min(index, len(self.part.thumbnails) - 1), size)
                if frame is None:
                    canvas.box(left, top, left + wide, top + tall, outline=self.page.theme.line, radius=3)
                else:
                    canvas.picture(frame, left, top, wide, tall, radius=3)

        return Block(tall, draw, 4)

    def _frame(self, index: int, size: tuple[int, int]) -> PILImage.Image | None:
        """Give a frame with its heat; None if it was not kept or cannot be read."""
        found = self._read(index) if index >= 0 else None
        if found is None:
            return None
        frame, grid = found.resize(size, PILImage.Resampling.LANCZOS), self.part.frames
        each = 0 if grid is None else grid.rows * grid.columns
        if grid is None or not self.model.signals or (index + 1) * each > grid.cells[1]:
            return frame
        start = grid.cells[0] + index * each
        heat = self.model.rows.shades(self.signal, self.row).heat[start : start + each]
        accent = ImageColor.getrgb(self.page.theme.heat)[:3]
        return drawing.heated(frame, heat.reshape(grid.rows, grid.columns), grid.extent, accent)

    def _read(self, index: int) -> PILImage.Image | None:
        return drawing.opened(self.model.thumbnail(self.part, index), LARGEST)

    def _band(self) -> Block:
        """Draw heat along time."""
        paper, accent = (
            np.array(ImageColor.getrgb(each)[:3], np.float32) for each in (self.page.theme.paper, self.page.theme.heat)
        )
        paper += 0.06 * (np.array(ImageColor.getrgb(self.page.theme.ink)[:3], np.float32) - paper)
        heat = self._over_time(self.part.strip)
        colours = paper + drawing.opacity(heat)[:, None] * (accent - paper)
        picture = PILImage.fromarray(colours[None].astype(np.uint8))

        def draw(canvas: Canvas, top: float) -> None:
            canvas.picture(picture, MARGIN, top, self.page.width, BAND, radius=BAND / 2)

        return Block(BAND, draw, 4)

    def _wave(self) -> Block:
        start, count = self.part.peaks or (0, 0)
        peaks = self.model.peaks[start : start + count].reshape(-1, 2)
        heat = self._over_time(self.part.sound)
        names = self.page.theme.paper, self.page.theme.wave, self.page.theme.heat
        colours = tuple(ImageColor.getrgb(each)[:3] for each in names)
        size = (round(self.page.width * self.page.scale), round(WAVE * self.page.scale))
        picture = drawing.waveform(peaks, heat, size, max(1, round(self.page.scale)), colours)  # type: ignore[arg-type]

        def draw(canvas: Canvas, top: float) -> None:
            canvas.picture(picture, MARGIN, top, self.page.width, WAVE)

        return Block(WAVE, draw, 4)

    def _over_time(self, strip: Strip | None) -> np.ndarray:
        """Give a strip's heat at even times of the whole part: `uint8`, one a CSS pixel."""
        columns = max(1, round(self.page.width))
        if strip is None or not self.model.signals:
            return np.zeros(columns, np.uint8)
        heat = self.model.rows.shades(self.signal, self.row).heat[strip.cells[0] : sum(strip.cells)]
        times = np.linspace(0, self.duration, columns, endpoint=False)
        at = np.searchsorted(strip.edges, times, "right") - 1
        inside = (at >= 0) & (at < len(heat))
        return np.where(inside, heat[at.clip(0, max(0, len(heat) - 1))], 0).astype(np.uint8)

    def _axis(self) -> Block:
        step = tick(self.duration)
        times = np.arange(0, self.duration * 1.0001, step)
        ink = mixed(self.page.theme.paper, self.page.theme.muted, 0.5)

        def draw(canvas: Canvas, top: float) -> None:
            for time in times.tolist():
                left = MARGIN + self.page.width * time / self.duration
                line = self.page.line(f"{time:g} s", SMALL - 1, 200)
                canvas.box(left - (time > 0), top, left - (time > 0) + 1, top + 4, fill=ink)
                centred = min(
                    max(MARGIN, left - self.page.wide(line) / 2), MARGIN + self.page.width - self.page.wide(line)
                )
                canvas.text(line, centred, top + SMALL * 1.45, self.page.theme.muted)

        return Block(SMALL * 1.8, draw, 3)


def tick(duration: float) -> float:
    """Give a step of seconds that cuts a duration into at most `MOST_TICKS`.

    Example:
        >>> tick(3.4), tick(65), tick(3600)
        (0.5, 10.0, 500.0)
    """
    power = 10.0 ** np.floor(np.log10(duration / MOST_TICKS))
    return float(next(each * power for each in (*TICKS, 10) if duration / (each * power) <= MOST_TICKS))
