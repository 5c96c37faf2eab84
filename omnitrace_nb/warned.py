"""Warnings that point at the user's own line, however deep in this package they arise."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_OURS = str(Path(__file__).parent)
_BETWEEN = str(Path("torch", "utils"))  # its decorators stand between a user's call and ours


def warn(words: str) -> None:
    """Warn, a `RuntimeWarning`, where this package was called from."""
    frame, level = sys._getframe(1), 2  # noqa: SLF001 (CPython's; `skip_file_prefixes` needs Python 3.12)
    while frame.f_back is not None and _passed_over(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(words, RuntimeWarning, stacklevel=level)


def _passed_over(name: str) -> bool:
    return name.startswith(_OURS) or _BETWEEN in name
