"""The view as HTML without script: for reopened and untrusted notebooks, `nbconvert`, GitHub.

JupyterLab's sanitiser keeps inline styles, `<details>`, `<table>` and data pictures, and drops `<style>`, `<svg>`,
`id`, `data-*`, `aria-*` and CSS variables (shared by other hosts), so only the former are used, and text and background
colours are always given together: the card is light on every theme. However large the trace, the form stays below a
megabyte; what it leaves out it counts.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from omnitrace_nb.view.static_parts import INK, LINE, MUTED, PAPER, SMALL, Parts

if TYPE_CHECKING:
    from omnitrace_nb.view.records import Evidence
    from omnitrace_nb.view.viewmodel import ViewModel

MOST_STATEMENTS = 200
MOST_EVIDENCE = 12  # of one statement
MOST_PARTS = 200
MOST_NOTES = 20
LONGEST_STATEMENT = 2_000  # characters
PROMPT_ROOM, STATEMENTS_ROOM = 280_000, 420_000  # characters of HTML, pictures apart

CARD = (
    f"background:{PAPER};color:{INK};border:1px solid {LINE};border-radius:8px;padding:14px 18px;max-width:860px;"
    "font-family:system-ui,sans-serif;font-size:14px;line-height:1.6"
)
CHIP = f"color:{INK};background:#e3eff7;border-radius:9px;padding:1px 8px;font-size:12px;white-space:nowrap"


def static_form(model: ViewModel, signal: int = 0) -> str:
    """Give the HTML: the response with what each statement rests on, then the prompt shaded for the whole response.

    Args:
        model: what is shown.
        signal: index of the signal that it is shown by.
    """
    return _Form(model, signal).html()


class _Form:
    """One form under construction."""

    def __init__(self, model: ViewModel, signal: int) -> None:
        self.model, self.signal = model, signal
        self.parts = Parts(model, signal)

    def html(self) -> str:
        model = self.model
        # The prompt is drawn first, so that its pictures are never those left out.
        prompt = self._prompt() or "<p>The prompt is empty.</p>"
        begun = self.model.said.begun
        given = f'<div dir="auto" style="{SMALL}">(given) {escape(begun)}</div>' if begun else ""
        statements = self._statements() or "<p>The response is empty.</p>"
        by = f" &middot; signal <b>{escape(model.signals[self.signal])}</b>" if model.signals else ""
        notes = "".join(f'<p style="{SMALL}">{escape(note)}</p>' for note in model.notes_of(self.signal)[:MOST_NOTES])
        return (
            f'<div style="{CARD}"><div style="{SMALL}">{escape(model.model)}{by}</div>'
            f"{_heading('Response')}{given}{statements}{_heading('Prompt')}"
            f'<div style="{SMALL}">Shade: how strongly the whole response drew on each place. '
            "Numbers: share of the signal on all sources.</div>"
            f"{prompt}{notes}"
            f'<div style="{SMALL};margin-top:10px">Run the cell again for the linked, interactive view.</div></div>'
        )

    def _prompt(self) -> str:
        """Give the parts as the whole response drew on them."""
        shown: list[str] = []
        room = PROMPT_ROOM
        for part in self.model.parts[:MOST_PARTS]:
            html, size = self._measured(part.index, len(self.model.statements))
            if size > room:
                break
            room -= size
            shown.append(html)
        return "".join(shown) + _left_out(len(self.model.parts) - len(shown), "part", "trace.parts")

    def _measured(self, part: int, row: int) -> tuple[str, int]:
        """Give a part, and its size without its pictures."""
        before = self.parts.room
        html = self.parts.html(self.model.parts[part], row)
        return html, len(html) - (before - self.parts.room)

    def _statements(self) -> str:
        """Give the statements, each with what it rests on to be unfolded."""
        shown: list[str] = []
        room = STATEMENTS_ROOM
        for row in range(min(len(self.model.statements), MOST_STATEMENTS)):
            evidence = self.model.evidence[self.signal][row] if self.model.signals else ()
            line = self._line(row, evidence)
            if len(line) > room:
                break
            unfolded, size = self._evidence(row, evidence, room - len(line)) if evidence else ("", 0)
            room -= len(line) + size
            shown.append(
                f'<details style="padding:4px 0"><summary style="cursor:pointer">{line}</summary>'
                f'<div style="margin-left:18px">{unfolded}</div></details>'
                if evidence
                else f'<div style="padding:4px 0">{line}</div>'
            )
        left = len(self.model.statements) - len(shown)
        return "".join(shown) + _left_out(left, "statement", "trace.statements and trace.spans")

    def _line(self, row: int, evidence: tuple[Evidence, ...]) -> str:
        text = self.model.statements[row].text
        said = text if len(text) <= LONGEST_STATEMENT else f"{text[:LONGEST_STATEMENT]}\N{HORIZONTAL ELLIPSIS}"
        chips = [
            f'<span style="{CHIP}"><b>{rank}</b>&ensp;{escape(each.label)}&ensp;{each.score:.2f}{_mark(each)}</span>'
            for rank, each in enumerate(evidence[:MOST_EVIDENCE], 1)
        ] or [f'<span style="{SMALL}">no source stands out</span>']
        if len(evidence) > MOST_EVIDENCE:
            chips.append(f'<span style="{SMALL}">and {len(evidence) - MOST_EVIDENCE:,} more</span>')
        thinks = f'<span style="{SMALL}">(thinking)</span> ' if self.model.statements[row].thinking else ""
        return (
            f'<span style="{SMALL}">{row + 1}</span>&ensp;{thinks}'
            f'<span dir="auto" style="overflow-wrap:anywhere">{escape(said)}</span>'
            f'<div style="margin:2px 0 8px 18px">{" ".join(chips)}</div>'
        )

    def _evidence(self, row: int, evidence: tuple[Evidence, ...], room: int) -> tuple[str, int]:
        """Give the words that a statement rests on, and the parts concerned with its heat; and the room that took."""
        ranked = list(enumerate(evidence[:MOST_EVIDENCE], 1))
        excerpts = [(rank, self.model.sources[each.sources[0]].excerpt) for rank, each in ranked]
        lines = "".join(f'<div dir="auto"><b>{rank}</b>&ensp;{escape(text)}</div>' for rank, text in excerpts if text)
        marks = [(rank, each.mark) for rank, each in ranked if each.mark]
        lines += "".join(
            f'<div style="{SMALL}"><b>{rank}</b>&ensp;{mark.sign} {escape(mark.words)}</div>' for rank, mark in marks
        )
        spent = len(lines)
        for index in dict.fromkeys(self.model.sources[source].part for _, each in ranked for source in each.sources):
            html, size = self._measured(index, row) if spent < room else ("", room + 1)
            if spent + size > room:
                label = escape(self.model.parts[index].label)
                html = f'<div style="{SMALL}">({label}: left out, for size)</div>'
                size = len(html)
            lines += html
            spent += size
        return lines, spent


def _mark(evidence: Evidence) -> str:
    if evidence.mark is None:
        return ""
    return f'&ensp;<b title="{escape(evidence.mark.words)}">{evidence.mark.sign}</b>'


def _heading(title: str) -> str:
    return f'<div style="color:{MUTED};background:{PAPER};font-weight:600;margin-top:12px">{title}</div>'


def _left_out(number: int, noun: str, where: str) -> str:
    if not number:
        return ""
    many = f"{number:,} more {noun}{'' if number == 1 else 's'}"
    return f'<p style="{SMALL}">\N{HORIZONTAL ELLIPSIS} and {many}, left out for size: {where}</p>'
