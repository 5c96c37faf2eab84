"""The one file of a trace: a zip of JSON, arrays and pictures, checked entry by entry before anything is believed.

The zip's comment names the format, its schema and the hash of `manifest.json`; the manifest names every other entry
with its size and SHA-256. Nothing is unpacked to disk, nothing is unpickled, and nothing may inflate beyond reason
(`inflation`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from omnitrace_nb._version import __version__
from omnitrace_nb.errors import SettingsError, TraceFileError
from omnitrace_nb.trace import inflation
from omnitrace_nb.writing import as_path, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omnitrace_nb.writing import Target

    Origin = str | os.PathLike[str] | IO[bytes]

SCHEMA = 3
SUFFIX = ".omnitrace"

_MANIFEST = "manifest.json"
_NAME = re.compile(r"(?:trace\.json|arrays/[a-z0-9_-]+\.npy|thumbnails/\d{1,6}-\d{1,4}\.webp|media/\d{1,6}\.bin)")
_COMMENT = re.compile(rb"omnitrace/(\d{1,9}) ([0-9a-f]{64})")
_LEVEL = 1
_SAMPLE = 2**16
_GAIN = 0.9
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    TypeError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
)


def put(target: Target, entries: Mapping[str, bytes]) -> Path | None:
    """Write entries to a path, whole or not at all, or to an open file; `.omnitrace` is added to a name without suffix.

    Raises:
        TraceFileError: the file cannot be written.
    """

    def filled(file: BinaryIO) -> None:
        _write_zip(file, entries)

    if hasattr(target, "write"):
        write(target, filled)
        return None
    path = as_path(target)
    # A folder of that name is refused by it, rather than a file made beside it.
    path = path if path.suffix or path.is_dir() else path.with_name(path.name + SUFFIX)
    write(path, filled)
    return path


def _write_zip(file: BinaryIO, entries: Mapping[str, bytes]) -> None:
    listed = {name: {"bytes": len(data), "sha256": _hash(data)} for name, data in entries.items()}
    about = {"format": "omnitrace", "schema": SCHEMA, "writer": f"omnitrace-nb {__version__}", "entries": listed}
    manifest = json.dumps(about, indent=1).encode()
    everything = {_MANIFEST: manifest, **entries}
    packed = {name for name, data in everything.items() if _worth_packing(name, data)}
    while True:
        file.seek(0)
        file.truncate()
        archive = zipfile.ZipFile(file, "w", allowZip64=True)
        try:
            for name, data in everything.items():
                # A fixed date: the same trace is the same file.
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED if name in packed else zipfile.ZIP_STORED
                info.external_attr = 0o644 << 16
                archive.writestr(info, data, compresslevel=_LEVEL)
            archive.comment = f"omnitrace/{SCHEMA} {_hash(manifest)}".encode()
        except BaseException:
            # The file is thrown away. Closing would try to finish it, and say that an entry is still open in place of
            # what has happened (Ctrl-C, a full disk).
            archive.fp = None
            raise
        archive.close()
        excessive = inflation.excessive(archive.infolist(), file.seek(0, os.SEEK_END))
        if not excessive:
            return
        packed -= excessive


def _worth_packing(name: str, data: bytes) -> bool:
    """Judge by a sample from the middle: scores rarely pack well, and packing them takes long."""
    if not name.endswith((".json", ".npy")):
        return False
    sample = data[len(data) // 2 :][:_SAMPLE]
    return len(zlib.compress(sample, _LEVEL)) < _GAIN * len(sample)


def read(origin: Origin, max_bytes: int = inflation.MOST_BYTES) -> dict[str, bytes]:
    """Read and check every entry.

    Raises:
        TraceFileError: missing, not a trace, damaged, tampered with, of a newer schema, or unreasonably large inside.
        SettingsError: a `max_bytes` that is no number of bytes.
    """
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
        raise SettingsError(f"max_bytes={max_bytes!r:.80} is not usable; give a whole number of bytes, 1 or more.")
    try:
        if hasattr(origin, "read"):
            return _read_zip(_whole(origin), origin, max_bytes)
        with Path(origin).open("rb") as file:
            return _read_zip(file, origin, max_bytes)
    except OSError as error:
        raise TraceFileError(
            f"{named(origin)} could not be read: {error.strerror or error}. Give the path of a file that `trace.save` "
            "wrote."
        ) from error
    except MemoryError as error:
        raise TraceFileError(f"{named(origin)} does not fit in memory.") from error
    except _DAMAGE as error:
        raise damaged(origin, str(error)) from error


def _whole(file: Any) -> Any:  # noqa: ANN401 (anything with `read`)
    """Give an open file from its beginning, wherever it stands."""
    try:
        file.seek(0)
        if isinstance(file.read(0), bytes):
            return file
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise TraceFileError(
            f"{named(file)} could not be read: {error}. Give a file that is open for reading bytes (mode 'rb') and can "
            "be rewound, or a path."
        ) from error
    raise TraceFileError(f"{named(file)} could not be read: it is open for text. Open it in mode 'rb'.")


def named(origin: object) -> str:
    """Give what an error calls a file: its path, or what kind of object it is."""
    if isinstance(origin, (str, os.PathLike)):
        return str(origin)
    said = getattr(origin, "name", None)
    return said if isinstance(said, str) else f"a {type(origin).__name__}"


def damaged(origin: object, what: str) -> TraceFileError:
    """Make the error for a file whose content cannot be trusted."""
    return TraceFileError(f"{named(origin)} is damaged ({what}). Save the trace again, or fetch the file again.")


def _read_zip(file: Any, origin: object, max_bytes: int) -> dict[str, bytes]:  # noqa: ANN401 (any binary file)
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise TraceFileError(
            f"{named(origin)} is no trace file, or was cut short ({error}). "
            "Give a file that `trace.save` wrote, and see that it arrived whole."
        ) from error
    with archive:
        comment = _COMMENT.fullmatch(archive.comment)
        if comment is None:
            raise TraceFileError(f"{named(origin)} is a zip file, but no trace. Give a file that `trace.save` wrote.")
        if int(comment[1]) > SCHEMA:
            raise TraceFileError(
                f"{named(origin)} has schema {int(comment[1])}; this omnitrace-nb ({__version__}) reads up to "
                f"{SCHEMA}. Upgrade it: `pip install --upgrade omnitrace-nb`."
            )
        _check_names(archive)
        inflation.check(archive.infolist(), file.seek(0, os.SEEK_END))
        if (needed := inflation.needed(archive.infolist())) > max_bytes:
            raise TraceFileError(
                f"{named(origin)} would unpack to over {max_bytes:,} bytes: it may take {needed:,} in memory. If you "
                f"trust it, open it with max_bytes={needed}."
            )
        manifest = _entry(archive, _MANIFEST)
        if _hash(manifest).encode() != comment[2]:
            raise ValueError("its manifest is not the one that was written")
        listed = json.loads(manifest)["entries"]
        names = [name for name in archive.namelist() if name != _MANIFEST]
        if sorted(listed) != sorted(names):
            raise ValueError("its entries are not those of its manifest")
        entries = {}
        for name in names:
            entries[name] = data = _entry(archive, name)
            if len(data) != listed[name]["bytes"] or _hash(data) != listed[name]["sha256"]:
                raise ValueError(f"{name} is not what was written")
    return entries


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read an entry, of no more bytes than it says: what it says has been checked."""
    info = archive.getinfo(name)
    with archive.open(info) as file:
        data = file.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise ValueError(f"{name} has {len(data)} bytes or more, and says {info.file_size}")
    return data


def _check_names(archive: zipfile.ZipFile) -> None:
    """Refuse, before anything is unpacked, foreign names, doubles and encryption."""
    infos = archive.infolist()
    if len({info.filename for info in infos}) < len(infos):
        raise ValueError("an entry occurs twice")
    for info in infos:
        if info.filename != _MANIFEST and not _NAME.fullmatch(info.filename):
            raise ValueError(f"it holds {info.filename[:80]!r}, which no trace does")
        if info.flag_bits & 1:
            raise ValueError(f"{info.filename} is encrypted")
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise ValueError(f"{info.filename} is packed in a way that no trace is")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
