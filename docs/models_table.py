"""The table of families in docs/models.md, made by examining each: `python docs/models_table.py` writes it there.

Every row is a random model of the real class at toy size with a processor of the real class (`tests/families`), through
the whole conformance kit; it takes a few minutes.
"""

# ruff: noqa: INP001 (a command beside the documents, no package)

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).parent / "models.md"
START, END = "<!-- made by docs/models_table.py -->", "<!-- end of the table -->"
KINDS = {"text": "text", "image": "pictures", "audio": "sound", "video": "film"}


def table() -> str:
    """Examine every family, and give the results as a Markdown table: those that read the most first."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from transformers import logging  # noqa: PLC0415 (slow to import)

    from omnitrace_nb.conformance import check_adapter  # noqa: PLC0415 (the same)
    from omnitrace_nb.models import adapt  # noqa: PLC0415 (the same)

    logging.set_verbosity_error()
    lines = [
        "| model | reads | its positions | adapter | kit | transformers' class, a checkpoint |",
        "|---|---|---|---|---|---|",
    ]
    rows = []
    for path in sorted((ROOT / "tests" / "families").glob("*.py")):
        toy = import_module(f"families.{path.stem}")
        adapter = adapt(*toy.make())
        report = check_adapter(adapter)
        reads = ", ".join(KINDS[kind] for kind in adapter.modalities)
        cells = (toy.NAME, reads, toy.NOTE, f"`{adapter.family}`", _result(report), f"`{toy.MODEL}`, `{toy.HUB}`")
        rows.append((-len(adapter.modalities), "| " + " | ".join(cells) + " |"))
    return "\n".join([*lines, *(row for _, row in sorted(rows))])


def _result(report: object) -> str:
    results = list(report["result"])  # type: ignore[index]  # a DataFrame
    failed = [name for name, result in zip(report["check"], results, strict=True) if result == "fail"]  # type: ignore[index]
    return f"**fails {', '.join(failed)}**" if failed else f"{results.count('pass')} pass"


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(f"{before}{START}\n\n{table()}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
