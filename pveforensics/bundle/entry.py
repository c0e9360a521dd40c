"""Entry: one item of a tar, zip or folder before its name is judged and its content looked into."""

from __future__ import annotations

from typing import Protocol

from pveforensics.bundle.stream import Reader
from pveforensics.value import Value

FILE, SYMLINK, HARDLINK, DIRECTORY, SPECIAL = "file", "symlink", "hard link", "directory", "device, pipe or socket"


class Note(Protocol):
    """Lists something about the archive itself as not read."""

    def __call__(self, reason: str, *, damage: bool = True) -> None:
        """Note `reason`."""


class Entry(Value, frozen=True):
    """One item. `body` is set for files; a `problem` says why it cannot be read at all."""

    name: str
    kind: str
    mtime: float | None = None
    link: str = ""
    body: Reader | None = None
    problem: str = ""


def sane_mtime(seconds: float) -> float | None:
    """The modification time, or None for zero (what reproducible archives write) and moments no calendar has."""
    return seconds if 0 < seconds < 32_503_680_000 else None
