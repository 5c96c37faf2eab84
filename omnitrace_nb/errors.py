"""Every error that omnitrace_nb raises on purpose: one family, so that one `except OmnitraceError` catches it.

Each message says what was given, what was expected and what to do.
"""

from __future__ import annotations


class OmnitraceError(Exception):
    """The base of the family."""


class ContentError(OmnitraceError, ValueError):
    """A prompt that cannot be read as parts: empty, of an unknown kind, or with an unusable value."""


class MediaError(ContentError):
    """A picture, sound or film that is missing, damaged, empty, too large, or not what its name says."""


class ModelError(OmnitraceError):
    """A model, processor or device that cannot be traced, or inputs that its processor refused."""


class SignalError(OmnitraceError, ValueError):
    """An unknown signal, or one that this model or run cannot give."""


class SettingsError(OmnitraceError, ValueError):
    """An unknown keyword, or a setting outside its range."""


class TraceFileError(OmnitraceError):
    """A trace file that is missing, damaged, or written by a newer version."""


def shown(value: object, most: int = 60) -> str:
    """Give a value as messages show it: on one line, at most so many characters, and whatever it is.

    Example:
        >>> shown("a" * 100, most=12)
        "'aaaaaaaa..."
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - a foreign repr may fail in any way, and an int of 5,000 digits does
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= most else f"{text[: most - 3]}..."
