"""Text: the timeline for people, one line a row, with nothing in it that a terminal would obey."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from pveforensics.report.visible import one_line, visible
from pveforensics.timebase import Instant
from pveforensics.timeline.files import rows_of

MARKS = {"stated": " ", "zone inferred": "z", "year inferred": "y", "aligned": "a"}
"""What a moment rests on, in one letter behind it."""

NO_TIME = "(no time)".ljust(24)
_BLANKS = str.maketrans("\n\t", "  ")
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_Paint = Callable[[str, str], str]


def text_lines(batches: Iterable[pa.RecordBatch], nodes: Sequence[str], *, colour: bool = False) -> Iterator[str]:
    """The rows as lines of text: moment, mark of its basis, node, and kind or program with the message."""
    width = max(map(len, nodes), default=0)
    codes = {node: f"\x1b[{_COLOURS[place % len(_COLOURS)]}m" for place, node in enumerate(nodes)}

    def painted(text: str, code: str) -> str:
        return f"{code}{text}\x1b[0m" if colour and code else text

    for batch in batches:
        for row in rows_of(batch):
            time = Instant(row["time"]).iso() if row["time"] is not None else NO_TIME
            node = painted(one_line(row["node"]).ljust(width), codes.get(row["node"], ""))
            yield f"{painted(time, chr(27) + '[2m')}{MARKS.get(row['basis'], ' ')} {node}  {_what(row, painted)}\n"


def _what(row: dict[str, Any], painted: _Paint) -> str:
    program = one_line(row["program"] or "")
    pid = f"[{row['pid']}]" if row.get("pid") else ""
    said = f"{program}{pid}: " if program else ""
    kind = painted(row["kind"], "\x1b[1m") + "  " if row["kind"] else ""
    count = f" (× {row['count']:,})" if row.get("count", 1) > 1 else ""
    return f"{kind}{said}{str(visible(row['message'])).translate(_BLANKS)}{count}"
