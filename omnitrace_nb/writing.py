"""Files written whole or not at all: every file of the package goes through `write`.

What is written lies beside its target first, as a draft, and takes its place when all of it has reached the disk; a
full disk, a kill or Ctrl-C leaves the old file as it was. A draft is locked while somebody writes it, so that those of
writers that were killed are known, and the next write into their folder removes them.
"""

from __future__ import annotations

import io
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeAlias

from omnitrace_nb.errors import TraceFileError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed: nothing has to be locked
    fcntl = None  # type: ignore[assignment]

Target: TypeAlias = "str | os.PathLike[str] | IO[bytes] | IO[str]"
Content: TypeAlias = "str | bytes | Callable[[BinaryIO], None]"

_DRAFT = ".omnitrace-"
_REMEDY = "Give the path of a file in an existing folder that you may write to, on a disk with room."


def write(target: Target, content: Content) -> None:
    """Write a text (as UTF-8), bytes, or what a function fills a file with; to a path, or to an open file.

    An open file is written to where it stands, and neither rewound nor closed. Devices and pipes (`/dev/stdout`) are
    written to as they are; a link stays a link, and what it points at is replaced.

    Raises:
        TraceFileError: it cannot be written.
    """
    if hasattr(target, "write"):
        _into(target, content)
        return
    path = as_path(target)
    try:
        place = Path(os.path.realpath(path))
        if place.is_dir():
            raise TraceFileError(f"{path} could not be written: it is a folder. Give the name of a file in it.")
        if place.exists() and not place.is_file():
            with place.open("wb") as file:
                _fill(file, content)
            return
        _replace(place, content)
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        raise _refused(str(path), error) from error


def as_path(target: object) -> Path:
    """Give the path that a user names a file by; `TraceFileError` for what is none."""
    if isinstance(target, (str, os.PathLike)) and isinstance(name := os.fspath(target), str) and name:
        return Path(name)
    raise TraceFileError(
        f"a file cannot be written to {quoted(target)}: expected a path such as 'trace.html', or a file that is open "
        "for writing."
    )


def content_bytes(content: Content) -> bytes:
    """Give a content as bytes."""
    if isinstance(content, str):
        return content.encode("utf-8")
    if isinstance(content, bytes):
        return content
    held = io.BytesIO()
    content(held)
    return held.getvalue()


def _replace(place: Path, content: Content) -> None:
    _remove_abandoned(place.parent)
    with _draft(place.parent) as (draft, file):
        _fill(file, content)
        file.flush()
        os.fsync(file.fileno())
        with suppress(OSError):  # of a file that is there already, its permissions stay
            draft.chmod(stat.S_IMODE(place.stat().st_mode))
        if fcntl is None:
            file.close()
        draft.replace(place)


def _fill(file: BinaryIO, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content_bytes(content))


@contextmanager
def _draft(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Give a new locked file in a folder, and remove it again if it is still there afterwards."""
    while True:
        draft = folder / f"{_DRAFT}{secrets.token_hex(8)}"
        with draft.open("xb") as file:
            try:
                with suppress(OSError):  # a file system without locks
                    _lock(file)
                # Between its making and its locking another writer may have taken it for an abandoned one.
                if draft.exists():
                    yield draft, file
                    return
            finally:
                if fcntl is None:
                    file.close()
                draft.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove the drafts of writers that are no more: nobody holds their locks."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_DRAFT):
                with suppress(OSError), Path(entry.path).open("r+b") as file:
                    _lock(file)
                    if fcntl is None:
                        file.close()
                    Path(entry.path).unlink()


def _lock(file: BinaryIO) -> None:
    """Lock a file until it is closed; `OSError` where somebody else has, or where there are no locks."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _into(target: Any, content: Content) -> None:  # noqa: ANN401 (anything with `write`)
    """Write to an open file."""
    said = getattr(target, "name", None)
    name = said if isinstance(said, str) else f"a {type(target).__name__}"
    try:
        if isinstance(target, io.TextIOBase):
            if not isinstance(content, str):
                raise TraceFileError(f"{name} could not be written: it is open for text. Open it in mode 'wb'.")
            target.write(content)
        else:
            target.write(content_bytes(content))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _refused(name, error, "Give a file that is open for writing bytes (mode 'wb'), or a path.") from error


def _refused(name: str, error: Exception, remedy: str = _REMEDY) -> TraceFileError:
    reason = (error.strerror if isinstance(error, OSError) else None) or error
    return TraceFileError(f"{name} could not be written: {reason}. {remedy}")
