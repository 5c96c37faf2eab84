"""Values quoted in messages: short, however large, deep or hostile they are."""

from __future__ import annotations

import reprlib

LONGEST = 80  # one line of a message


def quoted(value: object, most: int = LONGEST) -> str:
    """Give a value as it is written in Python, cut to `most` characters; never an error, whatever it is.

    Example:
        >>> quoted("a" * 200, 9)
        "'aaaaaaa\N{HORIZONTAL ELLIPSIS}"
    """
    try:
        text = repr(value) if isinstance(value, (bool, float)) or value is None else _REPR.repr(value)
    except Exception:  # noqa: BLE001 (of a user's object, or of a number of thousands of digits)
        text = f"<{type(value).__name__}>"
    return shortened(text, most)


def shortened(text: str, most: int = 300) -> str:
    """Give a text, cut to `most` characters, the last of which then says that it was."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


_REPR = reprlib.Repr()
_REPR.maxlevel = 4
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 1_000
for _kind in ("maxlist", "maxtuple", "maxdict", "maxset", "maxfrozenset", "maxdeque", "maxarray"):
    setattr(_REPR, _kind, 20)
