"""Warnings that Python shows to a user, as `PYTHONWARNINGS` turns them into errors.

Deprecations that Python keeps from users (raised for a library, not for the user's own lines) stay as they are.
"""

import re

SHOWN = "error::FutureWarning,error::UserWarning,error::RuntimeWarning,error::DeprecationWarning:__main__"
BAR = re.compile(r"[\w ()]+:\s+\d+%\|.*|\s*")


def besides_bars(text):
    """The lines of what was written to stderr, without progress bars."""
    return [line for line in re.split(r"[\r\n]", text) if not BAR.fullmatch(line)]
