"""Loose files: members that lie in the file system by themselves, so that their reading can be left to somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pveforensics.bundle import folder
from pveforensics.bundle.ledger import Ledger
from pveforensics.bundle.limits import Meter
from pveforensics.bundle.member import Member
from pveforensics.bundle.place import Job
from pveforensics.bundle.stream import Fault, Reader, Tally
from pveforensics.bundle.unpack import unpack
from pveforensics.model import NotRead


class Reopened:
    """A loose file under its own name in the bundle; `size`, `sha256` and `not_read` are complete once it was closed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._tally = Tally()
        self._ledger = Ledger(job.limits)

    @contextmanager
    def member(self) -> Iterator[Member | None]:
        """The file as the member that it is; None if it is none any more. Raises OSError if it cannot be opened."""
        faults: list[Fault] = []
        with folder.open_regular(Path(self._job.file)) as file:
            pieces = folder.pieces_of(file, faults, self._tally)
            reader = Reader(pieces, faults, Meter(self._ledger.budget), file, self._tally)
            members = unpack(self._ledger, self._job.place, reader)
            yield next(members, None)
            for _ in members:
                pass
            if not self._ledger.budget.exhausted:
                reader.skip(max(self._job.limits.member - reader.position, 0))

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._tally.size

    @property
    def sha256(self) -> str:
        """SHA-256 of the file, in hex."""
        return self._tally.sha256

    @property
    def not_read(self) -> tuple[NotRead, ...]:
        """What of it could not be read, and why."""
        return tuple(self._ledger.not_read)
