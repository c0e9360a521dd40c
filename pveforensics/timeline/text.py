"""Text: the timeline for people, one line a row, with nothing in it that a terminal would obey."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from pveforensics.report.visible import LONGEST, one_line, visible
from pveforensics.timebase import Instant
from pveforensics.timeline.files import values_of

MARKS = {"stated": " ", "zone inferred": "z", "year inferred": "y", "aligned": "a"}
"""What a moment rests on, in one letter behind it."""

NO_TIME = "(no time)".ljust(24)
_BLANKS = str.maketrans("\n\t", "  ")
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def text_lines(batches: Iterable[pa.RecordBatch], nodes: Sequence[str], *, colour: bool = False) -> Iterator[str]:
    """The rows as lines of text: moment, mark of its basis, node, and kind or program with the message."""
    names = _Names(nodes, colour=colour)
    for batch in batches:
        rows = {name: values_of(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        nothing = [None] * len(batch)
        columns = (rows["time"], rows["basis"], rows["node"], rows["kind"], rows["program"], rows.get("pid", nothing), rows["message"])
        for time, basis, node, kind, program, pid, message, count in zip(*columns, rows.get("count", nothing), strict=True):
            moment = names.moment(time)
            said = f"{names.program(program)}[{pid}]: " if pid else f"{names.program(program)}: " if program else ""
            times = f" (× {count:,})" if count is not None and count > 1 else ""
            yield f"{moment}{MARKS.get(basis, ' ')} {names.node(node)}  {names.kind(kind) if kind else ''}{said}{_harmless(message)}{times}\n"


class _Names:
    """Words as they are shown, each made once."""

    def __init__(self, nodes: Sequence[str], *, colour: bool) -> None:
        width = max(map(len, nodes), default=0)
        codes = {node: f"\x1b[{_COLOURS[place % len(_COLOURS)]}m" for place, node in enumerate(nodes)}

        def painted(text: str, code: str) -> str:
            return f"{code}{text}\x1b[0m" if colour and code else text

        self.program = functools.lru_cache(10_000)(one_line)
        self.node = functools.lru_cache(10_000)(lambda name: painted(one_line(name).ljust(width), codes.get(name, "")))
        self.kind = functools.lru_cache(10_000)(lambda name: painted(name, "\x1b[1m") + "  ")
        self.moment = functools.lru_cache(10_000)(lambda us: painted(Instant(us).iso() if us is not None else NO_TIME, "\x1b[2m"))


def _harmless(message: str) -> str:
    """The message in one line without anything that a terminal obeys or hides."""
    if len(message) <= LONGEST and message.isprintable():
        return message
    return str(visible(message)).translate(_BLANKS)
