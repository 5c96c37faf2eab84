"""Whether the installed releases are among those that the tests were run with.

pyproject.toml's ranges are that statement, and the only one: they are read from the installed package's metadata.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from omnitrace_nb.warned import warn


def tested() -> dict[str, Requirement]:
    """Give each dependency's range by its name; nothing where omnitrace_nb runs without being installed."""
    try:
        found = map(Requirement, requires("omnitrace-nb") or ())
    except PackageNotFoundError:
        return {}
    return {one.name: one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})}


def outside() -> dict[str, str]:
    """Give the installed release of each dependency that lies outside its tested range."""
    found = {}
    for name, one in tested().items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if not one.specifier.contains(installed, prereleases=True):
            found[name] = installed
    return found


@cache
def warn_outside() -> None:
    """Warn of releases outside the tested ranges, once a process."""
    ranges = tested()
    said = [f"{name} {installed} (tested: {ranges[name].specifier})" for name, installed in outside().items()]
    if said:
        warn(
            f"omnitrace_nb was not tested with {', '.join(said)}: traces may fail or be wrong; "
            "`omnitrace-nb doctor` says what to install, `omnitrace-nb check MODEL` examines a model here"
        )
