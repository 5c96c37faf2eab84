"""The parts of a prompt in the static form: text with shaded sentences, pictures, frames and waveforms with heat.

All that they may use, and why, is said in `fallback`.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.view import drawing

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

    from omnitrace_nb.view.records import Grid, Strip, ViewPart, ViewSource
    from omnitrace_nb.view.viewmodel import ViewModel

MOST_PICTURES = 110_000  # bytes of pictures in one form; later ones are named instead of shown
LONGEST_SIDE = 200
WIDEST = 760  # of what lies on a time axis
MOST_FRAMES = 8
LONGEST_TEXT = 6_000  # characters of one part

INK, MUTED, LINE, PAPER = "#1f2328", "#57606a", "#d8dee4", "#ffffff"
SMALL = f"color:{MUTED};background:{PAPER};font-size:12px"


class Parts:
    """Draws parts as rows of the view model drew on them; it counts the pictures that it has spent."""

    def __init__(self, model: ViewModel, signal: int) -> None:
        """Begin with all the room there is."""
        self.model, self.signal = model, signal
        self.room = MOST_PICTURES
        self._talked = any(part.role == "assistant" for part in model.parts)
        self._own: dict[int, list[ViewSource]] = {part.index: [] for part in model.parts}
        for source in model.sources:
            self._own[source.part].append(source)

    def html(self, part: ViewPart, row: int) -> str:
        """Give a part, with its share of what all sources got."""
        share = float(self._share(row)[[source.id for source in self._own[part.index]]].sum())
        role = "" if part.role == "user" and not self._talked else f"{escape(part.role)} &middot; "
        caption = (
            f'<div style="{SMALL}">{role}<b style="color:{INK};background:{PAPER}">{escape(part.label)}</b>'
            f"&ensp;{escape(part.detail)}&ensp;{share:.2f}</div>"
        )
        body = self._text(part, row) if part.kind == "text" else self._pictures(part, row)
        beside = "display:inline-block;vertical-align:top;margin-right:16px;" if part.kind == "image" else ""
        return f'<div style="{beside}margin-top:10px">{caption}{body}</div>'

    def _text(self, part: ViewPart, row: int) -> str:
        text, at, pieces = part.text or "", 0, []
        if not text.strip():
            return _said("the text is empty")
        shares = self._share(row)
        levels = shares / max(float(shares.max(initial=0)), 1e-9)
        for source in self._own[part.index]:
            if source.chars is None or source.chars[1] > LONGEST_TEXT:
                continue
            start, end = source.chars
            shade = f"background:{tint(levels[source.id])};color:{INK};border-radius:3px"
            title = f"{escape(source.label)}: {shares[source.id]:.2f}"
            pieces += [
                escape(text[at:start]),
                f'<mark style="{shade}" title="{title}">{escape(text[start:end])}</mark>',
            ]
            at = end
        rest = text[at:LONGEST_TEXT] + (
            f" \N{HORIZONTAL ELLIPSIS} {len(text):,} characters" if len(text) > LONGEST_TEXT else ""
        )
        style = "white-space:pre-wrap;overflow-wrap:anywhere"
        return f'<div dir="auto" style="{style}">{"".join(pieces)}{escape(rest)}</div>'

    def _pictures(self, part: ViewPart, row: int) -> str:
        if part.kind == "image":
            return self._image(part, row)
        film = self._film(part, row) if part.kind == "video" else ""
        if part.sound is None and part.kind == "video":
            return film
        wave = drawing.waveform(self._peaks(part), self._over_time(part, part.sound, row))
        style = f"width:100%;max-width:{WIDEST}px;height:{wave.height}px"
        missing = "" if part.peaks else _said("the outline of its sound was not kept")
        return film + self._picture(drawing.data_uri(wave, "PNG"), f"sound of {part.label}", style) + missing

    def _image(self, part: ViewPart, row: int) -> str:
        frame = self._frame(part, 0, part.patches, row, LONGEST_SIDE)
        missing = "" if frame is not None else _said("its pixels were not kept")
        if frame is None and part.patches is not None:
            frame = self._heated(drawing.blank(part.size, LONGEST_SIDE), part.patches, 0, row)
        if frame is None:
            return missing
        return self._picture(drawing.data_uri(frame), part.label, "max-width:100%") + missing

    def _film(self, part: ViewPart, row: int) -> str:
        every = max(1, -(-len(part.thumbnails) // MOST_FRAMES))
        found = [
            (at, self._frame(part, at, part.frames, row, 110))
            for at in range(0, min(len(part.thumbnails), len(part.thumbnail_times)), every)
        ]
        frames = [(part.thumbnail_times[at], frame) for at, frame in found if frame is not None]
        if not frames:
            return _said("its frames were not kept")
        drawn = drawing.strip([frame for _, frame in frames])
        film = self._picture(drawing.data_uri(drawn), part.label, f"width:100%;max-width:{WIDEST}px")
        return film + (_seconds([time for time, _ in frames]) if film.startswith("<img") else "")

    def _frame(self, part: ViewPart, index: int, grid: Grid | None, row: int, longest: int) -> PILImage | None:
        """Give a thumbnail with its heat; None where it was not kept or cannot be read."""
        known = index < len(part.thumbnails)
        picture = drawing.opened(self.model.thumbnail(part, index), longest) if known else None
        if picture is None or grid is None or (index + 1) * grid.rows * grid.columns > grid.cells[1]:
            return picture
        return self._heated(picture, grid, index, row)

    def _heated(self, picture: PILImage, grid: Grid, index: int, row: int) -> PILImage:
        if not self.model.signals:
            return picture
        start = grid.cells[0] + index * grid.rows * grid.columns
        heat = self.model.rows.shades(self.signal, row).heat[start : start + grid.rows * grid.columns]
        return drawing.heated(picture, heat.reshape(grid.rows, grid.columns), grid.extent)

    def _peaks(self, part: ViewPart) -> np.ndarray:
        start, count = part.peaks or (0, 0)
        return self.model.peaks[start : start + count].reshape(-1, 2)

    def _over_time(self, part: ViewPart, strip: Strip | None, row: int) -> np.ndarray:
        """Give a strip's heat at even times of the whole part."""
        if strip is None or not self.model.signals:
            return np.zeros(0, np.uint8)
        heat = self.model.rows.shades(self.signal, row).heat[strip.cells[0] : sum(strip.cells)]
        times = np.linspace(0, part.duration or strip.edges[-1], drawing.WAVE_SIZE[0], endpoint=False)
        at = np.searchsorted(strip.edges, times, "right") - 1
        inside = (at >= 0) & (at < len(heat))
        return np.where(inside, heat[at.clip(0, len(heat) - 1)], 0)

    def _picture(self, uri: str, label: str, style: str) -> str:
        if len(uri) > self.room:
            return f'<div style="{SMALL}">({escape(label)}: left out, for size)</div>'
        self.room -= len(uri)
        return f'<img src="{uri}" alt="{escape(label)}" style="border-radius:4px;display:block;margin:3px 0;{style}">'

    def _share(self, row: int) -> np.ndarray:
        if not self.model.signals:
            return np.zeros(len(self.model.sources))
        return self.model.rows.share_of(self.signal, row)


def tint(level: float) -> str:
    """Give the accent at an opacity, mixed with the paper: sanitisers keep plain colours surely."""
    mixed = [round(255 + 0.42 * float(level) * (channel - 255)) for channel in drawing.ACCENT]
    return f"rgb({mixed[0]},{mixed[1]},{mixed[2]})"


def _said(words: str) -> str:
    return f'<div style="{SMALL}">({words})</div>'


def _seconds(times: list[float]) -> str:
    """Give the seconds of frames that share a width, each under its own."""
    cell = f"display:inline-block;width:{100 / len(times):.3f}%;font-size:11px;white-space:nowrap"
    cells = "".join(f'<span style="{cell}">{f"{time:.1f}".removesuffix(".0")} s</span>' for time in times)
    return f'<div style="{SMALL};width:100%;max-width:{WIDEST}px;line-height:1.3">{cells}</div>'
