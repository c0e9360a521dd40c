"""Place: where a stream stands in the bundle, and what becomes of a file that is left to somebody else."""

from __future__ import annotations

from dataclasses import dataclass

from pveforensics.bundle.limits import Limits


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands: the path of it as a file, the prefix for what is inside it, the archive's stamp, the input, the depth."""

    path: str
    prefix: str
    bundle: int
    bundle_name: str
    mtime: float | None = None
    depth: int = 0


@dataclass(slots=True)
class Left:
    """A file of the file system of `size` bytes: whoever reads it in the walk's stead says in the end what its size and hash are."""

    file: str
    size: int
    left: bool = False
    sha256: str = ""

    def settle(self, size: int, sha256: str) -> None:
        """Say what was read."""
        self.size, self.sha256 = size, sha256


@dataclass(frozen=True, slots=True)
class Job:
    """A loose file that is to be read later: where it lies, as what it counts, and under which limits."""

    file: str
    place: Place
    limits: Limits
