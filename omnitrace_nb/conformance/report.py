"""The report of a conformance run: a table that prints whole, and says at its end what it amounts to."""

from __future__ import annotations

import html
import textwrap
from typing import Literal

import pandas as pd

Verdict = Literal["pass", "fail", "n/a"]
SIGNS = {"pass": "\N{CHECK MARK}", "fail": "\N{BALLOT X}", "n/a": "\N{EN DASH}"}
WIDTH = 100  # characters


class Report(pd.DataFrame):
    """A row a check: `check`, `result` ("pass", "fail", "n/a") and `detail`, with the numbers in words.

    `report.passed` tells whether nothing failed; `report.attrs` holds the model's name, its family and the seconds.
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not (self["result"] == "fail").any()

    def __repr__(self) -> str:
        """Give the table with nothing cut."""
        wide = max((len(name) for name in self["check"]), default=0)
        lines = [self._title(), ""]
        for check, result, detail in self.itertuples(index=False):
            head = f"{SIGNS[result]} {result:<4}  {check:<{wide}}  "
            wrapped = textwrap.wrap(detail, max(WIDTH - len(head), 30)) or [""]
            lines += [head + wrapped[0], *(" " * len(head) + line for line in wrapped[1:])]
        return "\n".join([*lines, "", self._sum()])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{SIGNS[result]} {result}</td><td><b>{html.escape(check)}</b></td>"
            f'<td style="text-align:left;white-space:normal">{html.escape(detail)}</td></tr>'
            for check, result, detail in self.itertuples(index=False)
        )
        return f"<p>{html.escape(self._title())}</p><table>{rows}</table><p>{html.escape(self._sum())}</p>"

    def _title(self) -> str:
        return f"Conformance of {self.attrs.get('model', 'a model')} ({self.attrs.get('family', 'unknown family')})"

    def _sum(self) -> str:
        counts = self["result"].value_counts()
        said = ", ".join(f"{counts.get(result, 0)} {result}" for result in SIGNS)
        return f"{said}; {self.attrs.get('seconds', 0):.1f} s"
