"""The view as HTML without script: for reopened and untrusted notebooks, `nbconvert`, GitHub.

JupyterLab's sanitiser keeps inline styles, `<details>`, `<table>` and data pictures, and drops `<style>`, `<svg>`,
`id`, `data-*`, `aria-*` and CSS variables (shared by other hosts), so only the former are used, and text and background
colours are always given together: the card is light on every theme.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.view import drawing

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

    from omnitrace_nb.view.viewmodel import Evidence, Grid, Strip, ViewModel, ViewPart

MOST_PICTURES = 110_000  # bytes of pictures in one form; later ones are named instead of shown
LONGEST_SIDE = 200
WIDEST = 760  # of what lies on a time axis
MOST_FRAMES = 8
LONGEST_TEXT = 6_000  # characters of one part

INK, MUTED, LINE, PAPER = "#1f2328", "#57606a", "#d8dee4", "#ffffff"
CARD = (
    f"background:{PAPER};color:{INK};border:1px solid {LINE};border-radius:8px;padding:14px 18px;max-width:860px;"
    "font-family:system-ui,sans-serif;font-size:14px;line-height:1.6"
)
SMALL = f"color:{MUTED};background:{PAPER};font-size:12px"
CHIP = f"color:{INK};background:#e3eff7;border-radius:9px;padding:1px 8px;font-size:12px;white-space:nowrap"


def static_form(model: ViewModel, signal: int = 0) -> str:
    """Give the HTML: the response with what each statement rests on, then the prompt shaded for the whole response.

    Args:
        model: what is shown.
        signal: index of the signal that it is shown by.
    """
    return _Form(model, signal).html()


class _Form:
    """One form under construction; it counts the pictures that it has spent."""

    def __init__(self, model: ViewModel, signal: int) -> None:
        self.model, self.signal = model, signal
        self.room = MOST_PICTURES

    def html(self) -> str:
        model = self.model
        whole = len(model.statements)
        # The prompt is drawn first, so that its pictures are never those left out.
        prompt = "".join(self._part(part, whole) for part in model.parts)
        statements = "".join(self._statement(row) for row in range(whole)) or "<p>The response is empty.</p>"
        by = f" &middot; signal <b>{escape(model.signals[self.signal])}</b>" if model.signals else ""
        notes = "".join(f'<p style="{SMALL}">{escape(note)}</p>' for note in model.notes_of(self.signal))
        return (
            f'<div style="{CARD}"><div style="{SMALL}">{escape(model.model)}{by}</div>'
            f"{_heading('Response')}{statements}{_heading('Prompt')}"
            f'<div style="{SMALL}">Shade: how strongly the whole response drew on each place. '
            "Numbers: share of the signal on all sources.</div>"
            f"{prompt}{notes}"
            f'<div style="{SMALL};margin-top:10px">Run the cell again for the linked, interactive view.</div></div>'
        )

    def _statement(self, row: int) -> str:
        statement = self.model.statements[row]
        evidence = self.model.evidence[self.signal][row] if self.model.signals else ()
        chips = [
            f'<span style="{CHIP}"><b>{rank}</b>&ensp;{escape(each.label)}&ensp;{each.score:.2f}{_mark(each)}</span>'
            for rank, each in enumerate(evidence, 1)
        ] or [f'<span style="{SMALL}">no source stands out</span>']
        line = (
            f'<span style="{SMALL}">{row + 1}</span>&ensp;<span dir="auto">{escape(statement.text)}</span>'
            f'<div style="margin:2px 0 8px 18px">{" ".join(chips)}</div>'
        )
        if not evidence:
            return f'<div style="padding:4px 0">{line}</div>'
        return (
            f'<details style="padding:4px 0"><summary style="cursor:pointer">{line}</summary>'
            f'<div style="margin-left:18px">{self._evidence(row, evidence)}</div></details>'
        )

    def _evidence(self, row: int, evidence: tuple[Evidence, ...]) -> str:
        """Give the words that a statement rests on, and the parts concerned with its heat."""
        excerpts = [(rank, self.model.sources[each.sources[0]].excerpt) for rank, each in enumerate(evidence, 1)]
        lines = "".join(f'<div dir="auto"><b>{rank}</b>&ensp;{escape(text)}</div>' for rank, text in excerpts if text)
        marks = [(rank, each.mark) for rank, each in enumerate(evidence, 1) if each.mark]
        lines += "".join(
            f'<div style="{SMALL}"><b>{rank}</b>&ensp;{mark.sign} {escape(mark.words)}</div>' for rank, mark in marks
        )
        parts = dict.fromkeys(self.model.sources[source].part for each in evidence for source in each.sources)
        return lines + "".join(self._part(self.model.parts[index], row) for index in parts)

    def _part(self, part: ViewPart, row: int) -> str:
        own = [source.id for source in self.model.sources if source.part == part.index]
        share = float(self.model.share[self.signal, row, own].sum()) if self.model.signals else 0.0
        role = "" if part.role == "user" else f"{escape(part.role)} &middot; "
        caption = (
            f'<div style="{SMALL}">{role}<b style="color:{INK};background:{PAPER}">{escape(part.label)}</b>'
            f"&ensp;{escape(part.detail)}&ensp;{share:.2f}</div>"
        )
        body = self._text(part, row) if part.kind == "text" else self._pictures(part, row)
        beside = "display:inline-block;vertical-align:top;margin-right:16px;" if part.kind == "image" else ""
        return f'<div style="{beside}margin-top:10px">{caption}{body}</div>'

    def _text(self, part: ViewPart, row: int) -> str:
        text, at, pieces = part.text or "", 0, []
        level = self._levels(row)
        for source in self.model.sources:
            if source.part != part.index or source.chars is None or source.chars[1] > LONGEST_TEXT:
                continue
            start, end = source.chars
            shade = f"background:{_tint(level[source.id])};color:{INK};border-radius:3px"
            share = float(self.model.share[self.signal, row, source.id]) if self.model.signals else 0.0
            title = f"{escape(source.label)}: {share:.2f}"
            pieces += [
                escape(text[at:start]),
                f'<mark style="{shade}" title="{title}">{escape(text[start:end])}</mark>',
            ]
            at = end
        rest = text[at:LONGEST_TEXT] + (
            f" \N{HORIZONTAL ELLIPSIS} {len(text):,} characters" if len(text) > LONGEST_TEXT else ""
        )
        return f'<div dir="auto" style="white-space:pre-wrap">{"".join(pieces)}{escape(rest)}</div>'

    def _pictures(self, part: ViewPart, row: int) -> str:
        tags = []
        if part.patches is not None or (part.kind == "image" and part.thumbnails):
            drawn = self._frame(part, 0, part.patches, row, LONGEST_SIDE)
            tags.append(self._picture(drawing.data_uri(drawn), part.label, "max-width:100%"))
        if part.kind == "video" and part.thumbnails:
            every = -(-len(part.thumbnails) // MOST_FRAMES)
            shown = range(0, len(part.thumbnails), every)
            drawn = drawing.strip([self._frame(part, at, part.frames, row, 110) for at in shown])
            film = self._picture(drawing.data_uri(drawn), part.label, f"width:100%;max-width:{WIDEST}px")
            under = _seconds([part.thumbnail_times[at] for at in shown]) if film.startswith("<img") else ""
            tags.append(film + under)
        if part.sound is not None or part.kind == "audio":
            wave = drawing.waveform(self._peaks(part), self._over_time(part, part.sound, row))
            style = f"width:100%;max-width:{WIDEST}px;height:{wave.height}px"
            tags.append(self._picture(drawing.data_uri(wave, "PNG"), f"sound of {part.label}", style))
        return "".join(tags)

    def _frame(self, part: ViewPart, index: int, grid: Grid | None, row: int, longest: int) -> PILImage:
        known = index < len(part.thumbnails)
        picture = (
            drawing.opened(self.model.thumbnail(part, index), longest) if known else drawing.blank(part.size, longest)
        )
        if grid is None or not self.model.signals:
            return picture
        start = grid.cells[0] + index * grid.rows * grid.columns
        heat = self.model.heat[self.signal, row, start : start + grid.rows * grid.columns]
        return drawing.heated(picture, heat.reshape(grid.rows, grid.columns), grid.extent)

    def _peaks(self, part: ViewPart) -> np.ndarray:
        start, count = part.peaks or (0, 0)
        return self.model.peaks[start : start + count].reshape(-1, 2)

    def _over_time(self, part: ViewPart, strip: Strip | None, row: int) -> np.ndarray:
        """Give a strip's heat at even times of the whole part."""
        if strip is None or not self.model.signals:
            return np.zeros(0, np.uint8)
        heat = self.model.heat[self.signal, row, strip.cells[0] : sum(strip.cells)]
        times = np.linspace(0, part.duration or strip.edges[-1], drawing.WAVE_SIZE[0], endpoint=False)
        at = np.searchsorted(strip.edges, times, "right") - 1
        inside = (at >= 0) & (at < len(heat))
        return np.where(inside, heat[at.clip(0, len(heat) - 1)], 0)

    def _picture(self, uri: str, label: str, style: str) -> str:
        if len(uri) > self.room:
            return f'<div style="{SMALL}">({escape(label)}: left out, for size)</div>'
        self.room -= len(uri)
        return f'<img src="{uri}" alt="{escape(label)}" style="border-radius:4px;display:block;margin:3px 0;{style}">'

    def _levels(self, row: int) -> np.ndarray:
        if not self.model.signals:
            return np.zeros(len(self.model.sources))
        share = self.model.share[self.signal, row]
        return share / max(float(share.max(initial=0)), 1e-9)


def _mark(evidence: Evidence) -> str:
    if evidence.mark is None:
        return ""
    return f'&ensp;<b title="{escape(evidence.mark.words)}">{evidence.mark.sign}</b>'


def _seconds(times: list[float]) -> str:
    """Give the seconds of frames that share a width, each under its own."""
    cell = f"display:inline-block;width:{100 / len(times):.3f}%;font-size:11px;white-space:nowrap"
    cells = "".join(f'<span style="{cell}">{f"{time:.1f}".removesuffix(".0")} s</span>' for time in times)
    return f'<div style="{SMALL};width:100%;max-width:{WIDEST}px;line-height:1.3">{cells}</div>'


def _heading(title: str) -> str:
    return f'<div style="color:{MUTED};background:{PAPER};font-weight:600;margin-top:12px">{title}</div>'


def _tint(level: float) -> str:
    """Give the accent at an opacity, mixed with the paper: sanitisers keep plain colours surely."""
    mixed = [round(255 + 0.42 * float(level) * (channel - 255)) for channel in drawing.ACCENT]
    return f"rgb({mixed[0]},{mixed[1]},{mixed[2]})"
