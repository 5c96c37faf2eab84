"""Numbers of statements: from 1 wherever a person reads or writes one, as the view shows them; from 0 in arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def numbers(indices: Iterable[int]) -> np.ndarray:
    """Give the numbers of statements by their indices; -1, for none, stays.

    Example:
        >>> numbers([0, 1, -1]).tolist()
        [1, 2, -1]
    """
    given = np.fromiter(indices, np.int64)
    return np.where(given < 0, given, given + 1)


def index(given: object, texts: Sequence[str], option: str) -> int:
    """Give the index of a statement that a user names by its number, or by its text as it stands.

    Args:
        given: what the user gave.
        texts: of the statements.
        option: where it was given, for the message.

    Raises:
        SettingsError: no such statement, or several of that text.

    Example:
        >>> index(2, ["It rang.", "It fell."], "statement"), index("It rang.", ["It rang.", "It fell."], "statement")
        (1, 0)
    """
    there = f"statements count from 1 to {len(texts)}" if texts else "the response has no statement"
    if isinstance(given, str):
        found = [at for at, text in enumerate(texts) if text.strip() == given.strip()]
        if len(found) > 1:
            several = ", ".join(str(at + 1) for at in found)
            raise SettingsError(f"{option}={given!r}: several statements say so; give the number of one: {several}")
        if not found:
            raise SettingsError(f"{option}={given!r} is the text of no statement: {there}")
        return found[0]
    if not is_whole(given) or not 1 <= int(given) <= len(texts):
        raise SettingsError(f"{option}={quoted(given)} is no statement: {there}")
    return int(given) - 1
