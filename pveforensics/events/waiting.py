"""EverydayFile: everyday lines of long logs wait in a file without a name, so that memory does not grow with the logs."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import weakref
from dataclasses import dataclass, replace
from typing import BinaryIO

from pveforensics.readings import Everyday, LogScan

IN_MEMORY = 20_000
"""Lines that are held in memory, of all logs together: 3 MiB."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The everyday lines of one log in the file: where they stand there, and how many they are."""

    file: EverydayFile
    at: int
    rows: int

    def __len__(self) -> int:
        return self.rows

    def load(self) -> Everyday:
        """The lines themselves."""
        return self.file.read(self.at)


class EverydayFile:
    """Takes the everyday lines of one log after another; the file is made when memory for them is used up, and goes with its last user."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        """Nothing waits yet."""
        self._left = in_memory
        self._file: BinaryIO | None = None
        self._end = 0

    def put(self, scan: LogScan) -> LogScan:
        """The scan, whose everyday lines wait in the file if there is no more memory for them."""
        lines = scan.everyday
        if lines is None or len(lines) <= self._left:
            self._left -= len(lines or ())
            return scan
        with contextlib.suppress(OSError):  # without room on the disk there is more in memory
            return replace(scan, everyday=self._write(lines.load()))
        return scan

    def read(self, at: int) -> Everyday:
        """The lines that were written there."""
        if self._file is None:
            raise ValueError("nothing was written")
        self._file.seek(at)
        lines: Everyday = pickle.load(self._file)  # noqa: S301 - nobody else can reach the file
        return lines

    def _write(self, lines: Everyday) -> Waiting:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it goes when this does
            weakref.finalize(self, self._file.close)
        waiting = Waiting(self, self._end, len(lines))
        self._file.seek(self._end)
        pickle.dump(lines, self._file, pickle.HIGHEST_PROTOCOL)
        self._file.flush()
        self._end = self._file.tell()
        return waiting
