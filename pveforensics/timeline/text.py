"""Text: the timeline for people, one line a row, with nothing in it that a terminal would obey."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pveforensics.report.visible import LONGEST, one_line, visible
from pveforensics.timeline.arrays import Array, Mask
from pveforensics.timeline.strings import Part, content, fragments, joined, replaced, stamps

MARKS = {"stated": " ", "zone inferred": "z", "year inferred": "y", "aligned": "a"}
"""What a moment rests on, in one letter behind it."""

NO_TIME = "(no time)".ljust(24)
_BLANKS = str.maketrans("\n\t", "  ")
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_AT_ONCE = 4_096
"""Rows: a reader need not wait for a whole batch."""


def text_lines(batches: Iterable[pa.RecordBatch], nodes: Sequence[str], *, colour: bool = False) -> Iterator[memoryview]:
    """The rows as lines of UTF-8, many at a time: moment, mark of its basis, node, and kind or program with the message."""
    painter = _Painter(nodes, colour=colour)
    for batch in batches:
        for begin in range(0, len(batch), _AT_ONCE):
            yield content(painter.lines(batch.slice(begin, _AT_ONCE)))


class _Painter:
    """Puts lines together from the columns; each name is made fit to be shown once."""

    def __init__(self, nodes: Sequence[str], *, colour: bool) -> None:
        width = max(map(len, nodes), default=0)
        codes = {node: f"\x1b[{_COLOURS[place % len(_COLOURS)]}m" for place, node in enumerate(nodes)}

        def painted(text: str, code: str) -> str:
            return f"{code}{text}\x1b[0m" if colour and code else text

        self._program = functools.lru_cache(10_000)(one_line)
        self._node = functools.lru_cache(10_000)(lambda name: f" {painted(one_line(name).ljust(width), codes.get(name, ''))}  ")
        self._kind = functools.lru_cache(10_000)(lambda name: painted(name, "\x1b[1m") + "  ")
        self._moment = [painted(text, "\x1b[2m") for text in ("\0", NO_TIME)]

    def lines(self, batch: pa.RecordBatch) -> pa.Array:
        """The lines of a batch."""
        column = batch.column
        before, behind = self._moment[0].split("\0")
        time = joined(before, stamps(column("time"), 3, "Z"), behind).fill_null(self._moment[1])
        mark = fragments(column("basis"), lambda basis: MARKS.get(basis, " ")).fill_null(" ")
        kind = fragments(column("kind"), self._kind).fill_null("")
        message = replaced(column("message"), _beyond_ascii, _harmless, LONGEST)
        times = fragments(column("count"), _times) if "count" in batch.schema.names else ""
        return joined(time, mark, fragments(column("node"), self._node), kind, *self._said(batch), message, times, "\n")

    def _said(self, batch: pa.RecordBatch) -> tuple[Part, Part]:
        """Who wrote it: a program, its process, or neither."""
        program = batch.column("program")
        if "pid" not in batch.schema.names:
            return fragments(program, lambda name: f"{self._program(name)}: ").fill_null(""), ""
        pid = joined("[", batch.column("pid").cast(pa.string()), "]: ")
        colon = fragments(program, lambda _: ": ").fill_null("")
        return fragments(program, self._program).fill_null(""), pc.coalesce(pid, colon)


def _beyond_ascii(text: Array) -> Mask:
    """Bytes that may be anything but a printable character of ASCII."""
    return (text - np.uint8(0x20)) > 0x7E - 0x20


def _times(count: int) -> str:
    return f" (× {count:,})" if count > 1 else ""


def _harmless(message: str) -> str:
    """The message in one line without anything that a terminal obeys or hides."""
    if len(message) <= LONGEST and message.isprintable():
        return message
    return str(visible(message)).translate(_BLANKS)
