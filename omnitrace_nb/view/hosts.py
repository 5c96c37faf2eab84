"""Which host shows what is displayed: Jupyter (any front end of an IPython kernel), another notebook, or none."""

from __future__ import annotations

import sys
from typing import Any


def kernel() -> Any:  # noqa: ANN401 (ipykernel has no types)
    """Give the IPython kernel that this process is; None if it is none."""
    shell = _shell()
    found = getattr(shell, "kernel", None)
    return found if getattr(found, "iopub_thread", None) is not None else None


def notebook() -> bool:
    """Tell whether `IPython.display.display` reaches a notebook or an app: Jupyter, marimo, Solara, ..."""
    if hasattr(_shell(), "kernel"):
        return True
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def cell() -> object:
    """Give what tells the running cell from every other; None outside of IPython."""
    return getattr(_shell(), "execution_count", None)


def _shell() -> Any:  # noqa: ANN401 (as above)
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
