"""EverydayFile: everyday lines of long logs wait in a file without a name, so that memory does not grow with the logs."""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import sys
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from pveforensics.readings import Column, Everyday, KeptText, LogScan
from pveforensics.value import Value

IN_MEMORY = 20_000
"""Lines that are held in memory, of all logs together: 3 MiB."""

TEXT_IN_MEMORY = 4 << 20
"""Bytes of text of one log that are held in memory until it is read to its end; more of it is written as it comes."""

BLOCK = 256 << 10
"""Bytes of text that are written together, at the least: the lines of one page are never parted."""

AT_ONCE = 64 << 10
"""Bytes of one write: some virtual disks take long for more."""


class Block(Value, frozen=True):
    """Bytes `begin` to `end` of a text: in the file at `at`, or in memory where the disk had no room."""

    begin: int
    end: int
    at: int = 0
    data: bytes = b""


class WaitingText:
    """Text in the file, which is looked at block by block: lines are asked for nearly in order."""

    def __init__(self, file: EverydayFile, blocks: tuple[Block, ...], view: FileView | None = None) -> None:
        """Nothing is looked at yet; `view` is the file as it is to be looked at, if others look at it too."""
        self.file = file
        self.blocks = blocks
        self._view = view
        self._begin = 0
        self._data: bytes | memoryview = b""

    def __getitem__(self, part: slice, /) -> bytes:
        begin, end = part.start - self._begin, part.stop - self._begin
        if begin < 0 or end > len(self._data):
            self._begin, self._data = self.block(part.start)
            begin, end = part.start - self._begin, part.stop - self._begin
        return bytes(self._data[begin:end])

    def block(self, place: int) -> tuple[int, bytes | memoryview]:
        """Where the block begins that holds this place, and its text."""
        block = self.blocks[bisect_right(self.blocks, place, key=_begin_of) - 1]
        if block.data:
            return block.begin, block.data
        if self._view is None:
            self._view = FileView(self.file)
        return block.begin, self._view.part(block.at, block.end - block.begin)


class FileView:
    """What was written to the file so far, without a copy where the system can map it; parts of it stay in memory as long as somebody has one."""

    def __init__(self, file: EverydayFile) -> None:
        """Nothing is read yet."""
        self._file = file
        self._mapped = file.mapped()

    def part(self, at: int, size: int) -> memoryview:
        """Bytes that were written there."""
        return self._mapped[at : at + size] if self._mapped is not None else memoryview(self._file.read(at, size))


def _begin_of(block: Block) -> int:
    return block.begin


def block_of(text: KeptText, place: int) -> tuple[int, bytes | memoryview]:
    """Where the stretch of a log's text begins that is held together and has this place in it, and that stretch."""
    return text.block(place) if isinstance(text, WaitingText) else (0, text[:])


class GrowingText:
    """The text of one log's everyday lines as it comes; of much of it only the end is in memory."""

    def __init__(self, file: EverydayFile) -> None:
        """No text yet."""
        self._file = file
        self._blocks: list[Block] = []
        self._begin = 0
        self._rest = bytearray()

    def append(self, text: bytes) -> int:
        """Take one line, or some that are not to be parted; gives where in the text they begin."""
        if len(self._rest) >= (BLOCK if self._blocks else TEXT_IN_MEMORY):
            with contextlib.suppress(OSError):  # without room on the disk there is more in memory
                self._end_block(Block(self._begin, self._begin + len(self._rest), self._file.append([self._rest])))
        begin = self._begin + len(self._rest)
        self._rest += text
        return begin

    def closed(self) -> KeptText:
        """The whole text."""
        if not self._blocks:
            return bytes(self._rest)
        self._end_block(Block(self._begin, self._begin + len(self._rest), data=bytes(self._rest)))
        return WaitingText(self._file, tuple(self._blocks))

    def _end_block(self, block: Block) -> None:
        self._blocks.append(block)
        self._begin, self._rest = block.end, bytearray()


class Waiting(Value, frozen=True):
    """The everyday lines of one log in the file: where their columns stand there, how many they are, and their text."""

    file: EverydayFile
    at: int
    rows: int
    text: tuple[Block, ...]

    def __len__(self) -> int:
        return self.rows

    def load(self) -> Everyday:
        """The lines themselves; their text stays where it is."""
        view, size = FileView(self.file), 8 * self.rows
        columns = (view.part(self.at + number * size, size).cast("q") for number in range(8))
        lines, moments, lasts, signatures, boots, counts, starts, ends = columns
        return Everyday(
            lines, moments, lasts, signatures, boots, counts, starts, ends, WaitingText(self.file, self.text, view)
        )  # fmt: skip


class EverydayFile:
    """Takes the everyday lines of one log after another; the file is made when memory for them is used up, and goes with its last user."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        """Nothing waits yet."""
        self._left = in_memory
        self._file: io.FileIO | None = None
        self._shared = False

    def __getstate__(self) -> dict[str, object]:
        """What a worker sends back has no file: it is the one that is open here as well (`adopt`)."""
        return {**self.__dict__, "_file": None}

    def share(self) -> None:
        """Make the file now: processes that are forked from here on write to the same one."""
        with contextlib.suppress(OSError):
            self._made()
            self._shared = True

    def text(self) -> GrowingText:
        """Text of a log that is being read."""
        return GrowingText(self)

    def put(self, scan: LogScan) -> LogScan:
        """The scan, whose everyday lines wait in the file if there is no more memory for them."""
        if scan.everyday is None:
            return scan
        lines = scan.everyday.load()
        if len(lines) <= self._left and isinstance(lines.text, bytes):
            self._left -= len(lines)
            return scan
        with contextlib.suppress(OSError):  # without room on the disk there is more in memory
            return replace(scan, everyday=self._write(lines))
        return scan

    def adopt(self, scan: LogScan) -> LogScan:
        """The scan that a worker sent, with this file in place of what came of it on the way."""
        lines = scan.everyday
        if isinstance(lines, Waiting):
            return replace(scan, everyday=replace(lines, file=self))
        if isinstance(lines, Everyday) and isinstance(lines.text, WaitingText):
            return replace(scan, everyday=replace(lines, text=WaitingText(self, lines.text.blocks)))
        return scan

    def append(self, parts: Iterable[bytes | bytearray | Column]) -> int:
        """Write these bytes one behind the other; gives where they begin, as an array may. Raises OSError where there is no room."""
        file = self._made()
        with _alone(file) if self._shared else contextlib.nullcontext():
            end = file.seek(0, os.SEEK_END)
            at = file.seek(end + -end % 8)
            for part in parts:
                view = memoryview(part).cast("B")
                while view:
                    view = view[file.write(view[:AT_ONCE]) :]
        return at

    def read(self, at: int, size: int) -> bytes:
        """Bytes that were written there."""
        if self._file is None:
            raise ValueError("nothing was written")
        self._file.seek(at)
        return self._file.read(size)

    def mapped(self) -> memoryview | None:
        """All that was written so far, in the address space; None where the system cannot do that."""
        if self._file is None:
            raise ValueError("nothing was written")
        try:
            return memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):
            return None

    def _made(self) -> io.FileIO:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it goes when this does
            weakref.finalize(self, self._file.close)
        return self._file

    def _write(self, lines: Everyday) -> Waiting:
        text = lines.text
        blocks = text.blocks if isinstance(text, WaitingText) else (Block(0, len(text), data=text),) if isinstance(text, bytes) else ()
        columns = (lines.lines, lines.moments, lines.lasts, lines.signatures, lines.boots, lines.counts, lines.starts, lines.ends)
        at = self.append((*columns, *(block.data for block in blocks)))
        end = at + sum(8 * len(column) for column in columns)
        placed: list[Block] = []
        for block in blocks:
            placed.append(Block(block.begin, block.end, end) if block.data else block)
            end += len(block.data)
        return Waiting(self, at, len(lines), tuple(placed))


@contextlib.contextmanager
def _alone(file: io.FileIO) -> Iterator[None]:
    """While it lasts no other process appends: they share the place at which is written."""
    if sys.platform != "linux":  # nothing is forked there
        yield
        return
    import fcntl  # noqa: PLC0415 - there is none on Windows

    fcntl.lockf(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN)
