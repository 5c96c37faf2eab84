r"""Text as a view can show it: every character can be sent, seen and counted.

Lone surrogates cannot be encoded and become U+FFFD; control characters become their pictures (U+2400 and on), tabs and
newlines stay. One character stays one character, so that offsets hold.
"""

from __future__ import annotations

LONGEST_EXCERPT = 120  # characters

_SEEN = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_SEEN |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)


def clean(text: str) -> str:
    r"""Make every character one that can be sent and seen.

    Example:
        >>> clean("a\x00\ud800")
        'a␀�'
    """
    return text.translate(_SEEN)


def excerpt(text: str) -> str:
    """Give a text on one line, cut where it is long."""
    line = clean(" ".join(text.split()))
    return line if len(line) <= LONGEST_EXCERPT else line[: LONGEST_EXCERPT - 1] + "\N{HORIZONTAL ELLIPSIS}"


def seconds(value: float) -> str:
    """Give seconds to the hundredth, as short as they can be.

    Example:
        >>> seconds(2.0), seconds(3.456)
        ('2', '3.46')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")
