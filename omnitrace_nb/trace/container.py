"""The one file of a trace: a zip of JSON, arrays and pictures, checked entry by entry before anything is believed.

The zip's comment names the format, its schema and the hash of `manifest.json`; the manifest names every other entry
with its size and SHA-256. Nothing is unpacked to disk, nothing is unpickled, and nothing may inflate beyond reason.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnitrace_nb._version import __version__
from omnitrace_nb.errors import TraceFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 3
SUFFIX = ".omnitrace"
MOST_BYTES = 8 * 2**30

_MANIFEST = "manifest.json"
_NAME = re.compile(r"(?:trace\.json|arrays/[a-z0-9_-]+\.npy|thumbnails/\d{1,6}-\d{1,4}\.webp|media/\d{1,6}\.bin)")
_COMMENT = re.compile(rb"omnitrace/(\d{1,9}) ([0-9a-f]{64})")
_LEVEL = 1
_SAMPLE = 2**16
_GAIN = 0.9
# An entry that would shrink further is stored as it is, so a reader may refuse what inflates more than this.
_RATIO = 200
_SMALL = 2**20
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
)


def write(path: str | os.PathLike[str], entries: Mapping[str, bytes]) -> Path:
    """Write entries to `path` whole or not at all; `.omnitrace` is added to a name without a suffix.

    Raises:
        TraceFileError: the file cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise TraceFileError(f"{target} could not be written: it is a folder. Give the name of a file in it.")
    target = target if target.suffix else target.with_suffix(SUFFIX)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with draft.open("xb") as file:
            _write_zip(file, entries)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        raise TraceFileError(
            f"{target} could not be written: {error.strerror or error}. "
            "Give a path in an existing folder that you may write to."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target


def _write_zip(file: Any, entries: Mapping[str, bytes]) -> None:  # noqa: ANN401 (any binary file)
    listed = {name: {"bytes": len(data), "sha256": _hash(data)} for name, data in entries.items()}
    about = {"format": "omnitrace", "schema": SCHEMA, "writer": f"omnitrace-nb {__version__}", "entries": listed}
    manifest = json.dumps(about, indent=1).encode()
    everything = {_MANIFEST: manifest, **entries}
    packed = {name for name, data in everything.items() if _worth_packing(name, data)}
    while True:
        file.seek(0)
        file.truncate()
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            for name, data in everything.items():
                # A fixed date: the same trace is the same file.
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED if name in packed else zipfile.ZIP_STORED
                info.external_attr = 0o644 << 16
                archive.writestr(info, data, compresslevel=_LEVEL)
            archive.comment = f"omnitrace/{SCHEMA} {_hash(manifest)}".encode()
            excessive = {info.filename for info in archive.infolist() if _inflates(info)}
        if not excessive:
            return
        packed -= excessive


def _worth_packing(name: str, data: bytes) -> bool:
    """Judge by a sample from the middle: scores rarely pack well, and packing them takes long."""
    if not name.endswith((".json", ".npy")):
        return False
    sample = data[len(data) // 2 :][:_SAMPLE]
    return len(zlib.compress(sample, _LEVEL)) < _GAIN * len(sample)


def _inflates(info: zipfile.ZipInfo) -> bool:
    return info.file_size > _SMALL and info.file_size > _RATIO * max(info.compress_size, 1)


def read(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Read and check every entry.

    Raises:
        TraceFileError: missing, not a trace, damaged, tampered with, of a newer schema, or unreasonably large inside.
    """
    try:
        with Path(path).open("rb") as file:
            return _read_zip(file, path)
    except OSError as error:
        raise TraceFileError(
            f"{path} could not be read: {error.strerror or error}. Give the path of a file that `trace.save` wrote."
        ) from error
    except MemoryError as error:
        raise TraceFileError(f"{path} does not fit in memory.") from error
    except _DAMAGE as error:
        raise damaged(path, str(error)) from error


def damaged(path: str | os.PathLike[str], what: str) -> TraceFileError:
    """Make the error for a file whose content cannot be trusted."""
    return TraceFileError(f"{path} is damaged ({what}). Save the trace again, or fetch the file again.")


def _read_zip(file: Any, path: str | os.PathLike[str]) -> dict[str, bytes]:  # noqa: ANN401 (any binary file)
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise TraceFileError(
            f"{path} is no trace file, or was cut short ({error}). "
            "Give a file that `trace.save` wrote, and see that it arrived whole."
        ) from error
    with archive:
        comment = _COMMENT.fullmatch(archive.comment)
        if comment is None:
            raise TraceFileError(f"{path} is a zip file, but no trace. Give a file that `trace.save` wrote.")
        if int(comment[1]) > SCHEMA:
            raise TraceFileError(
                f"{path} has schema {int(comment[1])}; this omnitrace-nb ({__version__}) reads up to {SCHEMA}. "
                "Upgrade it: `pip install --upgrade omnitrace-nb`."
            )
        _check_listing(archive, path)
        manifest = archive.read(_MANIFEST)
        if _hash(manifest).encode() != comment[2]:
            raise damaged(path, "its manifest is not the one that was written")
        listed = json.loads(manifest)["entries"]
        names = [name for name in archive.namelist() if name != _MANIFEST]
        if sorted(listed) != sorted(names):
            raise damaged(path, "its entries are not those of its manifest")
        entries = {name: archive.read(name) for name in names}
    for name, data in entries.items():
        if len(data) != listed[name]["bytes"] or _hash(data) != listed[name]["sha256"]:
            raise damaged(path, f"{name} is not what was written")
    return entries


def _check_listing(archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> None:
    """Refuse, before anything is unpacked, foreign names, doubles, encryption and what inflates too far."""
    infos = archive.infolist()
    if len({info.filename for info in infos}) < len(infos):
        raise damaged(path, "an entry occurs twice")
    for info in infos:
        if info.filename != _MANIFEST and not _NAME.fullmatch(info.filename):
            raise damaged(path, f"it holds {info.filename[:80]!r}, which no trace does")
        if info.flag_bits & 1:
            raise damaged(path, f"{info.filename} is encrypted")
        if _inflates(info):
            raise damaged(path, f"{info.filename} would inflate {info.file_size // max(info.compress_size, 1)} times")
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise damaged(path, f"it would unpack to over {MOST_BYTES // 2**30} GiB")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
