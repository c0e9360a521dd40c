"""LineSpool: every line of every log as columns and text, kept in a file without a name until all that dates them has been read.

A block is about a megabyte of one file's lines: where each message ends, who wrote it, its stamp as a number, and the text of all
messages. What a block leaves in memory does not depend on its lines.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any, BinaryIO

import numpy as np

from pveforensics.errors import UsageError
from pveforensics.timeline.blocks import LAYOUT, Array, Batch, Block, FileLines, in_place
from pveforensics.timeline.sink import FileSink

_AT_ONCE = 1 << 16
"""Bytes of one write. For a long one Linux looks for one long piece of memory that is rarely at hand: it may take several times as long."""

_WORTH_LENDING = 1 << 16
"""Bytes; to copy less is cheaper, and a process may not hold more than some ten thousand parts."""

_AT_ONCE_MAPPED = getattr(mmap, "MAP_POPULATE", 0)
"""Linux: all pages in one go, not one by one when they are first looked at."""


class LineSpool:
    """The lines of all logs of a bundle; to be closed. `open` gives the sink of a file, `finish` ends the last one."""

    def __init__(self, folder: str | None = None) -> None:
        """`folder` is where the file without a name is made; the system's own by default."""
        self.files: list[FileLines] = []
        self.programs: dict[str, int] = {"": 0}
        self._folder = folder or tempfile.gettempdir()
        self._file: BinaryIO | None = None
        self._end = 0
        self._open: FileSink | None = None
        self._failed: OSError | None = None

    def open(self, path: str) -> FileSink:
        """The sink of the file at a path; the one before it is finished with this."""
        self._flush()
        self.files.append(FileLines(path))
        self._open = FileSink(self, self.files[-1])
        return self._open

    def finish(self) -> None:
        """All has been read. Raises UsageError if there was no room for it."""
        self._flush()
        if self._failed is not None:
            raise UsageError(
                f"{self._folder}: no room for the lines while they are put in order: {self._failed.strerror or self._failed}; "
                "set TMPDIR to a folder with as much free space as the logs have text"
            )

    def close(self) -> None:
        """Give the room back."""
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        if self._open is not None:
            self._open.finish()
            self._open = None

    def write(self, file: int, rank: tuple[int, ...], batch: Batch) -> Block:
        """Keep a packed batch. What cannot be written is told by `finish`: a full disk is no fault of the log at hand."""
        block = Block(file, rank, self._end, len(batch.at), len(batch.text))
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by `close`
            if self._failed is None:
                self._put(block.place, [*_kept(batch), batch.text])
        except OSError as error:
            self._failed = error
        self._end += block.rows * LAYOUT.itemsize + block.text
        return block

    def number(self, file: FileLines) -> int:
        """Which file it is."""
        return len(self.files) - 1 if self.files[-1] is file else self.files.index(file)

    def read(self, block: Block) -> Batch:
        """A batch with its keys and claims; not to be written to."""
        data = self._lent(block.place, block.rows * LAYOUT.itemsize + block.text)
        at, line, end, *rest = _columns(data, block.rows)
        batch = in_place(memoryview(data)[block.rows * LAYOUT.itemsize :], end, Batch(b"", at, line, end, end, *rest))
        if not block.claim:
            return batch
        return batch._replace(at=batch.at + block.delta, form=np.full(block.rows, block.claim, LAYOUT["form"]))

    def columns(self, block: Block) -> tuple[Array, ...]:
        """A block's columns alone, in the order of `LAYOUT`."""
        return _columns(bytearray(self._get(block.place, block.rows * LAYOUT.itemsize)), block.rows)

    def rewrite(self, block: Block, at: Array, form: Array) -> None:
        """Put other values in two of a block's columns."""
        for name, values in (("at", at), ("form", form)):
            before = sum(LAYOUT[other].itemsize for other in (LAYOUT.names or ())[: (LAYOUT.names or ()).index(name)])
            self._put(block.place + block.rows * before, [np.ascontiguousarray(values, LAYOUT[name])])

    def _put(self, place: int, parts: list[Any]) -> None:
        if self._file is None:
            return
        for part in parts:
            view = memoryview(part).cast("B") if len(part) else memoryview(b"")
            while view:
                written = os.pwrite(self._file.fileno(), view[:_AT_ONCE], place)
                place += written
                view = view[written:]

    def _lent(self, place: int, size: int) -> memoryview | bytes:
        """A part of the file; of a large one the system lends its own pages, and nothing is copied."""
        if self._file is None or size < _WORTH_LENDING:
            return self._get(place, size)
        begin = place - place % mmap.ALLOCATIONGRANULARITY
        try:
            pages = mmap.mmap(self._file.fileno(), place - begin + size, mmap.MAP_SHARED | _AT_ONCE_MAPPED, mmap.PROT_READ, offset=begin)
        except (OSError, ValueError):  # a file system that lends nothing; a file that was cut short
            return self._get(place, size)
        return memoryview(pages)[place - begin :]

    def _get(self, place: int, size: int) -> bytes:
        if self._file is None:
            return b""
        parts = []
        while size:
            part = os.pread(self._file.fileno(), size, place)
            if not part:
                raise UsageError(f"{self._folder}: the file in which lines are put in order was cut short")
            parts.append(part)
            place += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _kept(batch: Batch) -> list[Array]:
    """The columns of `LAYOUT`."""
    columns = (batch.at, batch.line, batch.end, batch.pid, batch.form, batch.host, batch.program)
    return [np.ascontiguousarray(column, LAYOUT[name]) for name, column in zip(LAYOUT.names or (), columns, strict=True)]


def _columns(data: bytes | bytearray | memoryview, rows: int) -> tuple[Array, ...]:
    columns, at = [], 0
    for name in LAYOUT.names or ():
        columns.append(np.frombuffer(data, LAYOUT[name], rows, at))
        at += rows * LAYOUT[name].itemsize
    return tuple(columns)
