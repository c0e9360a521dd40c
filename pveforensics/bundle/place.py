"""Place: where a stream stands in the bundle, and what becomes of a file that is left to somebody else."""

from __future__ import annotations

from msgspec import Struct

from pveforensics.bundle.limits import Limits
from pveforensics.value import Value


class Place(Value, frozen=True):
    """Where a stream stands: the path of it as a file, the prefix for what is inside it, the archive's stamp, the input, the depth."""

    path: str
    prefix: str
    bundle: int
    bundle_name: str
    mtime: float | None = None
    depth: int = 0


class Left(Struct):
    """A file of the file system of `size` bytes: whoever reads it in the walk's stead says in the end what its size and hash are."""

    file: str
    size: int
    left: bool = False
    sha256: str = ""

    def settle(self, size: int, sha256: str) -> None:
        """Say what was read."""
        self.size, self.sha256 = size, sha256


class Job(Value, frozen=True):
    """A loose file that is to be read later: where it lies, as what it counts, and under which limits."""

    file: str
    place: Place
    limits: Limits
