"""Packages that only some ways of hearing need."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from omnitrace_nb.errors import SettingsError

if TYPE_CHECKING:
    from types import ModuleType


def needed(name: str, extra: str | None = None) -> ModuleType:
    """Import a package; `SettingsError` saying how to install it where it is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what packages say of one another's versions
            return import_module(name)
    except ImportError as error:
        how = f"pip install 'omnitrace-nb[{extra}]'" if extra else f"pip install {name}"
        raise SettingsError(f"{name} cannot be imported ({error}): {how}") from error
