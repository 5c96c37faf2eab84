"""The table of signals in docs/signals.md, made from the registry: `python docs/signal_table.py` writes it there."""

# ruff: noqa: INP001 (a command beside the documents, no package)

from __future__ import annotations

from pathlib import Path

from omnitrace_nb import signals

PAGE = Path(__file__).parent / "signals.md"
START, END = "<!-- made by docs/signal_table.py -->", "<!-- end of the table -->"


def table() -> str:
    """Give the registry as a Markdown table."""
    lines = ["| name | family | what it is | needs | cost | source |", "|---|---|---|---|---|---|"]
    for row in signals.list().itertuples():
        summary = row.summary.replace("|", "\\|").rstrip(".")
        signed = " (signed)" if row.signed else ""
        cells = (f"`{row.name}`", row.family, summary + signed, row.needs, row.cost, row.source)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(text: str) -> str:
    """Give the page with the table as the registry has it now."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
