"""A large file that is kept where it lies: named and checked, read only when somebody wants its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from omnitrace_nb.errors import MediaError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of a user: its path, its size in bytes, and when it was last written (nanoseconds)."""

    path: Path
    size: int
    written: int

    @classmethod
    def of(cls, path: Path) -> Stored:
        """Note what a file is like now."""
        path = path.resolve()
        about = path.stat()
        return cls(path, about.st_size, about.st_mtime_ns)

    def __len__(self) -> int:
        """Give its size in bytes."""
        return self.size

    def contents(self) -> bytes:
        """Read it whole.

        Raises:
            MediaError: it is gone, or was written to since.
        """
        self.check()
        return self.path.read_bytes()

    def check(self) -> None:
        """Refuse a file that is no longer the one that was traced: `MediaError`."""
        try:
            now = self.of(self.path)
        except OSError as error:
            raise MediaError(
                f"{self.path} can no longer be read ({error.strerror}); files of this size are not copied into a "
                "trace: put it back, or give the part again"
            ) from error
        if now != self:
            raise MediaError(f"{self.path} has changed since it was traced: give the part again")
