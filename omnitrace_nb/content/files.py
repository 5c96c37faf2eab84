"""Reading what a part names: a path, a `file:` or `data:` address, or encoded bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from omnitrace_nb.content.limits import LIMITS
from omnitrace_nb.content.sniff import UNKNOWN, Found, Kind, refuse, sniff
from omnitrace_nb.content.stored import Stored
from omnitrace_nb.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import IO

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A file that a part names; `found` is what it is, `name` how messages call it.

    `original` are its bytes, or where it lies if it is too large to be held (`LIMITS.kept_bytes`).
    """

    original: bytes | Stored
    found: Found
    name: str

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Open it for reading."""
        if isinstance(self.original, bytes):
            yield io.BytesIO(self.original)
            return
        self.original.check()
        with self.original.path.open("rb") as stream:
            yield stream

    @contextmanager
    def viewed(self) -> Iterator[bytes | mmap]:
        """Give its bytes for looking at some of them: a large file's are not read, but mapped."""
        if isinstance(self.original, bytes):
            yield self.original
            return
        with self.opened() as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as mapped:
            yield mapped

    @property
    def data(self) -> bytes:
        """All of its bytes."""
        return self.original if isinstance(self.original, bytes) else self.original.contents()

    def sha256(self) -> str:
        """Give the hash of its bytes, read piece by piece."""
        with self.opened() as stream:
            digest = hashlib.sha256()
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()


def read_file(source: object, wanted: Kind, name: str, *, also: Collection[str] = ()) -> File:
    """Read a path, address or encoded bytes, and make sure that they hold what is wanted.

    `also` names readers whose files are taken too, whatever kind they are: a film has sound, a GIF may be a film.

    Raises:
        MediaError: missing, unreadable, a directory, empty, too large, or something else than `wanted`.
    """
    original: bytes | Stored
    if isinstance(source, (bytes, bytearray, memoryview)):
        original, name = _checked_bytes(bytes(source), name), f"{name} ({len(source):,} bytes)"
    elif isinstance(source, str) and source.startswith("data:"):
        original = _checked_bytes(_data_address(source, name), name)
    elif isinstance(source, Stored):
        source.check()
        original, name = source, f"{name} ({source.path.name})"
    elif isinstance(source, (str, Path)):
        path = as_path(source, name)
        name = f"{name} ({path.name})"
        limit = LIMITS.picture_bytes if wanted == "image" else LIMITS.file_bytes
        with open_path(path, name, limit) as stream:
            large = path.stat().st_size > LIMITS.kept_bytes
            original = Stored.of(path) if large else stream.read()
    else:
        raise MediaError(
            f"{name} is a {type(source).__module__}.{type(source).__name__}; expected a path, encoded bytes, "
            f"{'a PIL.Image ' if wanted == 'image' else ''}or a numpy array (of a tensor: .cpu().numpy())"
        )
    with File(original, UNKNOWN, name).opened() as stream:
        found = sniff(stream, name)
    if found.kind != wanted and (found.kind is None or found.reader not in also):
        raise refuse(found, wanted, name)
    return File(original, found, name)


def as_path(source: str | Path, name: str) -> Path:
    """Give the local path that a string or `file:` address names; no address on a network is opened."""
    if isinstance(source, Path):
        return source
    if "\0" in source or not source.strip():
        raise MediaError(f"{name}: {source[:80]!r} is not a path")
    address = urlsplit(source) if "://" in source else None
    if address is None:
        return Path(source).expanduser()
    if address.scheme == "file" and address.netloc in {"", "localhost"}:
        return Path(unquote(address.path))
    raise MediaError(f"{name}: {source[:200]} is not a local file; download it first and give its path or bytes")


def open_path(path: Path, name: str, limit: int = LIMITS.file_bytes) -> IO[bytes]:
    """Open a file that exists, is a file, is not empty and not too large.

    Raises:
        MediaError: naming which of these it is not.
    """
    try:
        if path.is_dir():
            raise MediaError(f"{name}: {path} is a directory, expected a file")
        if not path.exists():
            raise MediaError(f"{name}: there is no file {path} (working directory: {Path.cwd()})")
        if not path.is_file():
            raise MediaError(f"{name}: {path} is a device or pipe, expected a file")
        _check_size(path.stat().st_size, name, limit)
        return path.open("rb")
    except OSError as error:
        raise MediaError(f"{name}: {path} cannot be read ({error.strerror})") from error


def _checked_bytes(data: bytes, name: str) -> bytes:
    _check_size(len(data), name, LIMITS.file_bytes)
    return data


def _check_size(size: int, name: str, limit: int) -> None:
    if size == 0:
        raise MediaError(f"{name} is empty (0 bytes): copy or export it again")
    if size > limit:
        raise MediaError(f"{name} has {size:,} bytes, the limit is {limit:,}: cut or compress it")


def _data_address(source: str, name: str) -> bytes:
    head, comma, body = source.partition(",")
    if not comma:
        raise MediaError(f"{name}: its data: address holds no data")
    try:
        return base64.b64decode(unquote(body), validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
    except (ValueError, binascii.Error) as error:
        raise MediaError(f"{name}: its data: address is damaged ({error})") from error
