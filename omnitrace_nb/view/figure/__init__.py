"""A figure of a statement, or of the whole response, for slides and papers: a PNG picture, drawn by Pillow.

Drawn from the view model alone, like every form of the view: the words, what they rest on with its numbers, and the
parts of the prompt concerned with their heat.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from PIL.PngImagePlugin import PngInfo

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.numbering import index
from omnitrace_nb.values import is_whole, number_of
from omnitrace_nb.view.figure.bidi import from_right
from omnitrace_nb.view.figure.canvas import THEMES, Canvas, mixed
from omnitrace_nb.view.figure.fonts import Fonts
from omnitrace_nb.view.figure.lettering import Lettering, Span
from omnitrace_nb.view.figure.page import BADGE, BODY, MARGIN, SMALL, TITLE, Block, Page
from omnitrace_nb.view.figure.panels import Panels

if TYPE_CHECKING:
    from pathlib import Path

    from omnitrace_nb.view.records import Evidence, ViewPart
    from omnitrace_nb.view.viewmodel import ViewModel

WIDTHS = (360, 2400)  # CSS pixels
SCALES = (0.5, 4)
MOST_EVIDENCE = 8
MOST_STATEMENTS = 24  # of a figure of the whole response
MOST_PARTS = 12
BAR = 150  # the width of a score of 1


def png(
    model: ViewModel, statement: int | str | None = None, *, signal: int = 0, theme: str = "light", width: int = 960,
    scale: float = 2, font: str | Path | None = None,
) -> bytes:  # fmt: skip
    """Give the figure as PNG; see `Trace.to_png`."""
    _check(theme, width, scale)
    shown = None if statement is None else index(statement, [each.text for each in model.statements], "statement")
    page = Page(Lettering(Fonts(font)), THEMES[theme], float(scale), width - 2 * MARGIN)
    picture = page.drawn(_Figure(page, model, signal, shown).blocks())
    about = PngInfo()
    about.add_itxt("Title", f"Trace of {model.model}")
    about.add_itxt("Software", "omnitrace_nb")
    written = io.BytesIO()
    dots = 96 * scale  # an inch
    picture.save(written, "PNG", pnginfo=about, dpi=(dots, dots), compress_level=7)
    return written.getvalue()


def _check(theme: object, width: object, scale: object) -> None:
    if theme not in THEMES:
        raise SettingsError(f"theme={theme!r} is unknown; use one of {', '.join(map(repr, THEMES))}.")
    if not (is_whole(width) and WIDTHS[0] <= int(width) <= WIDTHS[1]):
        raise SettingsError(f"width={width!r} is not usable; give {WIDTHS[0]} to {WIDTHS[1]} pixels.")
    if not SCALES[0] <= number_of(scale) <= SCALES[1]:
        raise SettingsError(f"scale={scale!r} is not usable; give {SCALES[0]} to {SCALES[1]} pixels to a pixel.")


class _Figure:
    """The blocks of one figure."""

    def __init__(self, page: Page, model: ViewModel, signal: int, statement: int | None) -> None:
        self.page, self.model, self.signal, self.statement = page, model, signal, statement
        self.row = len(model.statements) if statement is None else statement

    def blocks(self) -> list[Block]:
        evidence = None if self.statement is None else self._evidence(self.statement)
        panels = Panels(self.page, self.model, self.signal, self.row, evidence)
        said = self._response() if self.statement is None else self._statement(evidence or ())
        parts = self._parts(evidence)
        shown = [] if not parts else [self.page.heading("Prompt"), *panels.of(parts[:MOST_PARTS])]
        if len(parts) > MOST_PARTS:
            shown.append(self._small(f"\N{HORIZONTAL ELLIPSIS} and {len(parts) - MOST_PARTS:,} more parts", above=14))
        return [self._head(), *said, *shown, self.page.rule(), *self._foot()]

    def _evidence(self, statement: int) -> tuple[Evidence, ...]:
        return self.model.evidence[self.signal][statement] if self.model.signals else ()

    def _parts(self, evidence: tuple[Evidence, ...] | None) -> list[ViewPart]:
        """Give the parts to show: those credited, best first; for the whole response all of them."""
        if evidence is None:
            return list(self.model.parts)
        used = dict.fromkeys(self.model.sources[source].part for each in evidence for source in each.sources)
        return [self.model.parts[index] for index in used]

    def _head(self) -> Block:
        count = len(self.model.statements)
        what = f"Statement {self.row + 1:,} of {count:,}" if self.statement is not None else "Response"
        by = f"  \N{MIDDLE DOT}  {self.model.signals[self.signal]}" if self.model.signals else ""
        page = self.page
        left = page.line(f"{what}{by}", SMALL, page.width * 0.6)
        right = page.line(self.model.model, SMALL, page.width * 0.38)

        def draw(canvas: Canvas, top: float) -> None:
            canvas.text(left, MARGIN, top + SMALL, page.theme.muted)
            canvas.text(right, MARGIN + page.width - page.wide(right), top + SMALL, page.theme.muted)

        return Block(SMALL * 1.5, draw)

    def _statement(self, evidence: tuple[Evidence, ...]) -> list[Block]:
        said = " ".join(self.model.statements[self.row].text.split())
        text = self.page.paragraph(said, TITLE, lead=1.42, most=6, above=14)
        if not evidence:
            return [text, self._small("No source stands out.", above=16)]
        rows = [row for rank, each in enumerate(evidence[:MOST_EVIDENCE], 1) for row in self._row(rank, each)]
        if len(evidence) > MOST_EVIDENCE:
            rows.append(self._small(f"\N{HORIZONTAL ELLIPSIS} and {len(evidence) - MOST_EVIDENCE} more", above=8))
        return [text, self.page.heading("Rests on"), *rows]

    def _row(self, rank: int, each: Evidence) -> list[Block]:
        """Give a piece of evidence: rank, name, bar and number; beneath it its words and its verdict."""
        page, theme = self.page, self.page.theme
        name = [Span(each.label, theme.ink, bold=True)]
        if each.mark:
            name.append(Span(f"  {each.mark.sign}", theme.ink, bold=True))
        bar = min(BAR, 0.18 * page.width)
        wide = page.width - bar - BADGE - 70
        label = page.lines(name, BODY, wide, 2)
        number = page.line(f"{each.score:.2f}", BODY, 80)
        score = min(1.0, max(0.0, each.score)) if math.isfinite(each.score) else 0.0

        def draw(canvas: Canvas, top: float) -> None:
            page.badge(canvas, rank, MARGIN, top + 1)
            canvas.lines(label, MARGIN + BADGE + 10, top - 0.1 * BODY, height=BODY * 1.5, width=wide)
            right = MARGIN + page.width
            left = right - bar - 46
            canvas.box(left, top + 6, left + bar, top + 12, fill=mixed(theme.paper, theme.ink, 0.08), radius=3)
            if score:
                canvas.box(left, top + 6, left + max(6, bar * score), top + 12, fill=theme.accent, radius=3)
            canvas.text(number, right - page.wide(number), top + BODY)

        blocks = [Block(BODY * 1.5 * len(label), draw, 10)]
        excerpt = self.model.sources[each.sources[0]].excerpt
        if excerpt:
            blocks.append(page.paragraph(excerpt, SMALL + 1, ink=theme.muted, left=BADGE + 10, most=2))
        if each.mark:
            blocks.append(page.paragraph(each.mark.words, SMALL, ink=theme.muted, left=BADGE + 10, most=2))
        return blocks

    def _response(self) -> list[Block]:
        """Give the statements, each with the names of what it rests on."""
        page, theme = self.page, self.page.theme
        blocks = []
        for statement in self.model.statements[:MOST_STATEMENTS]:
            evidence = self._evidence(statement.id)
            said = " ".join(statement.text.split())
            number = Span(f"{statement.id + 1}\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}", theme.accent, bold=True)
            blocks.append(page.paragraph([number, Span(said)], BODY + 1, most=4, above=12))
            right = from_right(said)
            names = self._names(evidence)
            blocks.append(page.paragraph(names, SMALL, ink=theme.muted, left=18, most=2, right=right))
        rest = len(self.model.statements) - MOST_STATEMENTS
        if rest > 0:
            blocks.append(self._small(f"\N{HORIZONTAL ELLIPSIS} and {rest:,} more statements", above=12))
        return blocks or [self._small("The response is empty.", above=14)]

    def _names(self, evidence: tuple[Evidence, ...]) -> list[Span]:
        spans = [] if evidence else [Span("no source stands out")]
        for at, each in enumerate(evidence[:MOST_EVIDENCE]):
            sign = f" {each.mark.sign}" if each.mark else ""
            between = "   \N{MIDDLE DOT}   " if at else ""
            spans += [Span(f"{between}{each.label}  "), Span(f"{each.score:.2f}{sign}", self.page.theme.ink)]
        if len(evidence) > MOST_EVIDENCE:
            spans.append(Span(f"   and {len(evidence) - MOST_EVIDENCE} more"))
        return spans

    def _foot(self) -> list[Block]:
        """Say what shades and numbers mean, and what a reader should know."""
        notes = list(self.model.notes_of(self.signal))
        blocks = []
        if self.model.signals and self._parts(self._evidence(self.row) if self.statement is not None else None):
            blocks.append(self._legend())
        missing = len(self.page.lettering.fonts.missing)
        if missing:
            signs = "1 sign is" if missing == 1 else f"{missing:,} signs are"
            notes.append(f"{signs} in no font at hand and drawn as framed letters; font= takes a file that has them.")
        return [*blocks, *(self._small(note, above=8) for note in notes[:6])]

    def _legend(self) -> Block:
        page, theme = self.page, self.page.theme
        largest = self.model.rows.shades(self.signal, self.row).scale
        said = "mean score of a position. Beside a part: its share of what all sources got."
        said += "" if self.statement is None else " Beside evidence: its score."
        zero, top_ = page.line("0", SMALL, 50), page.line(f"{largest:.2g}", SMALL, 100)
        first = page.wide(zero) + 8 + 90 + 8 + page.wide(top_) + 12
        lines = page.lines(said, SMALL, page.width - first, 8)

        def draw(canvas: Canvas, top: float) -> None:
            left = MARGIN + page.wide(zero) + 8
            canvas.text(zero, MARGIN, top + SMALL * 1.1, theme.muted)
            for at in range(90):
                shade = 0.8 * (at / 89) ** 0.6
                canvas.box(left + at, top + 4, left + at + 1, top + 12, fill=mixed(theme.paper, theme.heat, shade))
            canvas.text(top_, left + 98, top + SMALL * 1.1, theme.muted)
            canvas.lines(lines, MARGIN + first, top - 1, height=SMALL * 1.5, width=page.width - first, ink=theme.muted)

        return Block(max(14, SMALL * 1.5 * len(lines)), draw, 14)

    def _small(self, text: str, above: float = 0) -> Block:
        return self.page.paragraph(text, SMALL, ink=self.page.theme.muted, most=4, above=above)
