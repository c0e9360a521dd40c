"""Blocks of lines: the columns in which they wait until all that dates them has been read, and what is known of each block."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from pveforensics.readings import Stamp
from pveforensics.timeline import loops

Array = npt.NDArray[Any]

LAYOUT = np.dtype([
    ("at", "<i8"), ("line", "<u4"), ("end", "<u4"), ("pid", "<u4"), ("form", "<u2"), ("host", "<u2"), ("program", "<u2"),
])  # fmt: skip
"""The columns of a block, each written whole, one behind the other; a message begins at the end of that before it."""


class Form(NamedTuple):
    """What stamps of one shape have in common: the kind of moment that `coverage.moment` gives, the zone and the resolution."""

    kind: str
    zone: str
    resolution_us: int


NO_FORM = Form("", "", 0)
"""Of lines without a stamp; number 0 in every file."""


class Batch(NamedTuple):
    """Lines in columns. `at` is the moment as `coverage.moment` counts, 0 where `form` is; later the key by which the line is sorted."""

    text: bytes | memoryview
    at: Array
    line: Array
    begin: Array
    end: Array
    pid: Array
    form: Array
    host: Array
    program: Array

    @property
    def columns(self) -> tuple[Array, ...]:
        """The arrays, in the order of `LAYOUT`."""
        return self[1:]


def packed(batch: Batch) -> Batch:
    """The batch with the texts of its messages alone, one behind the other; those of the batch must not overlap."""
    begin, end = (np.ascontiguousarray(column, np.uint32) for column in (batch.begin, batch.end))
    found = loops.packed(np.frombuffer(batch.text, np.uint8), begin, end)
    if found is None:
        text = b"".join([batch.text[start:stop] for start, stop in zip(begin.tolist(), end.tolist(), strict=True)])
        return in_place(text, np.cumsum(end - begin, dtype=np.uint32), batch)
    return in_place(found[0].data, found[1], batch)


def in_place(text: bytes | memoryview, end: Array, batch: Batch) -> Batch:
    """The batch with its messages in another text, where each begins at the end of that before it."""
    begin = np.zeros_like(end)
    begin[1:] = end[:-1]
    return batch._replace(text=text, begin=begin, end=end)


class Alike(NamedTuple):
    """What tells that one sum dates all lines of a block, whose stamps are of one form and one host (-1: of several).

    `low`, `high`, `begin` and `end` are moments: the least, the greatest, the first line's and the last one's; `lines` are these two.
    """

    form: int
    host: int
    low: int
    high: int
    begin: int
    end: int
    lines: tuple[int, int]

    def moved(self, delta: int) -> Alike:
        """The same with other moments."""
        return self._replace(low=self.low + delta, high=self.high + delta, begin=self.begin + delta, end=self.end + delta)


class Block(Struct):
    """Where a packed batch lies in the spool. `rank` orders blocks at equal moments; `first` and `last` are its least and greatest key.

    Where all lines are alike the spool is left as it is: once dated, `delta` is what makes keys of moments, and `claim` that of all lines.
    """

    file: int
    rank: tuple[int, ...]
    place: int
    rows: int
    text: int
    alike: Alike | None = None
    first: int = 0
    last: int = 0
    delta: int = 0
    claim: int = 0


class FileLines(Struct):
    """What is known of one file's lines: its blocks, what the numbers in their columns stand for, and when lines without a stamp were."""

    path: str
    blocks: list[Block] = field(default_factory=list)
    hosts: dict[str, int] = field(default_factory=lambda: {"": 0})
    forms: dict[Form, int] = field(default_factory=lambda: {NO_FORM: 0})
    began: Stamp | None = None
