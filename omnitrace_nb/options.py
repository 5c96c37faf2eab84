"""Options as users give them: an object of their kind, a mapping with some of them, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from omnitrace_nb.curation import CurationSettings
    from omnitrace_nb.sources import SourceOptions
    from omnitrace_nb.statements import StatementOptions

    Options = TypeVar("Options", SourceOptions, StatementOptions, CurationSettings)


def read(kind: type[Options], given: Options | Mapping[str, Any] | None, keyword: str) -> Options:
    """Give options of a kind.

    Args:
        kind: a dataclass of options.
        given: one of them, a mapping with some of its fields, or None for its defaults.
        keyword: what the user calls them, for errors.

    Raises:
        SettingsError: anything else, or an unknown field.
    """
    if isinstance(given, kind):
        return given
    known = [field.name for field in fields(kind)]
    if given is not None and not isinstance(given, Mapping):
        raise SettingsError(
            f"{keyword}={quoted(given)}: expected a mapping or {kind.__name__}, with some of {', '.join(known)}"
        )
    options = dict(given or {})
    if unknown := [name for name in options if name not in known]:
        raise SettingsError(f"{keyword} has no setting {quoted(unknown[0])}; there are {', '.join(known)}")
    return kind(**options)
