"""The view as plain text: what a terminal, a log or a notebook without HTML shows."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omnitrace_nb.view.viewmodel import ViewModel

WIDTH = 100  # characters
MOST_STATEMENTS = 200
MOST_EVIDENCE = 12  # of one statement
LONGEST_STATEMENT = 2_000  # characters


def plain_text(model: ViewModel, signal: int = 0) -> str:
    """Give each statement and, beneath it, what it rests on with its score, by the signal of that index."""
    by = f" by {model.signals[signal]}" if model.signals else ""
    lines = [f"Trace of {model.model}: {_count(len(model.statements), 'statement')}{by}"]
    for statement in model.statements[:MOST_STATEMENTS]:
        number = f"{statement.id + 1:>3}  "
        said = " ".join(statement.text[:LONGEST_STATEMENT].split())
        said += "\N{HORIZONTAL ELLIPSIS}" if len(statement.text) > LONGEST_STATEMENT else ""
        lines += ["", *textwrap.wrap(said, WIDTH, initial_indent=number, subsequent_indent=" " * len(number))]
        evidence = model.evidence[signal][statement.id] if model.signals else ()
        for each in evidence[:MOST_EVIDENCE]:
            excerpt = model.sources[each.sources[0]].excerpt
            lines.append(f"       {each.score:.2f}  {each.label}" + (f": {excerpt}" if excerpt else ""))
            if each.mark:
                lines.append(f"             {each.mark.sign} {each.mark.words}")
        if len(evidence) > MOST_EVIDENCE:
            lines.append(f"       and {len(evidence) - MOST_EVIDENCE:,} more")
        if not evidence:
            lines.append("       no source stands out")
    left = len(model.statements) - MOST_STATEMENTS
    if left > 0:
        lines += ["", f"\N{HORIZONTAL ELLIPSIS} and {_count(left, 'more statement')}: trace.statements and trace.spans"]
    if not model.statements:
        lines.append("The response is empty.")
    notes = model.notes_of(signal)
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
