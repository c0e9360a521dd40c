"""Lines: what the sweep gives as record batches, with the names behind the numbers, narrowed to what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from pveforensics.model import Event
from pveforensics.timebase import SECOND, Basis
from pveforensics.timeline.arrays import Array, numbers, texts, words
from pveforensics.timeline.blocks import Batch, FileLines
from pveforensics.timeline.merging import Piece, merged
from pveforensics.timeline.moments import Claim
from pveforensics.timeline.order import Calendar, Slice, sweep
from pveforensics.timeline.selection import Selection
from pveforensics.timeline.spool import LineSpool
from pveforensics.timeline.tables import LINES, TIME

ROWS = 1 << 16
"""Rows of a record batch, and so of a row group."""

BYTES = 16 << 20
"""Bytes of text of a record batch: it ends early where lines are long."""


_NO_CLAIM = Claim(Basis.STATED, 0)
"""Stands for that of rows without a time, and is not shown."""


def every_line(
    spool: LineSpool, files: Sequence[FileLines], calendar: Calendar, events: Sequence[Event], chosen: Selection
) -> Iterator[pa.RecordBatch]:
    """All lines of these files in order of time, narrowed; the files must have been dated. `events` give lines their kind."""
    maker = _Maker(spool, files, calendar, events, chosen)
    blocks = [block for file in _ranked(files) for block in file.blocks if chosen.may_hold(block.first, block.last)]
    for slices in sweep(spool, blocks):
        maker.add(slices)
        if maker.full:
            yield chosen.matching(maker.batch())
    if not maker.empty:
        yield chosen.matching(maker.batch())


def _ranked(files: Sequence[FileLines]) -> Iterator[FileLines]:
    """The files in the order that decides at equal moments: which began earlier comes first, as the older half of a rotated log does."""
    begun = sorted((file for file in files if file.blocks), key=lambda file: (min(block.first for block in file.blocks), file.path))
    for number, file in enumerate(begun):
        for place, block in enumerate(file.blocks):
            block.rank = (number, place)
        yield file


class _Maker:
    """Gathers slices until they make a batch."""

    def __init__(
        self, spool: LineSpool, files: Sequence[FileLines], calendar: Calendar, events: Sequence[Event], chosen: Selection
    ) -> None:
        self._chosen = chosen
        nodes: dict[str, int] = {}
        kinds: dict[str, int] = {}
        self._nodes = {
            file.path: np.array([nodes.setdefault(node, len(nodes)) for node in calendar.nodes(file)], np.int32) for file in files
        }
        self._kinds = _kinds(events, kinds)
        self._paths = {file.path: number for number, file in enumerate(files)}
        self._no_kind = len(kinds)
        self._kept_nodes = np.array([chosen.has_node(node) for node in nodes], np.bool_)
        self._kept_kinds = np.array([chosen.has_kind(kind) for kind in kinds] + [not chosen.kinds], np.bool_)
        bases: dict[str, int] = {}
        claims = [claim or _NO_CLAIM for claim in calendar.claims.known]
        self._bases = np.array([bases.setdefault(claim.basis.value, len(bases)) for claim in claims], np.int32)
        self._errors = np.array([claim.error_us / SECOND for claim in claims], np.float64)
        columns = {"basis": bases, "node": nodes, "kind": kinds, "program": spool.programs, "path": self._paths}
        self._names = {column: texts(values) for column, values in columns.items()}
        self._pieces: list[Piece] = []
        self._turns = self._rows = self._bytes = 0

    @property
    def empty(self) -> bool:
        """True if nothing has gathered."""
        return not self._rows

    @property
    def full(self) -> bool:
        """True if a batch should be made."""
        return self._rows >= ROWS or self._bytes >= BYTES

    def add(self, slices: Sequence[Slice]) -> None:
        """Take the lines of slices that were asked for: no line of the next ones comes before one of these."""
        self._turns += 1
        for piece in slices:
            batch, rows, path = piece.batch, piece.rows, piece.file.path
            kind = self._kind(path, batch.line[rows])
            if self._chosen.narrows:
                node = self._nodes[path][batch.host[rows]]
                kept = np.flatnonzero(self._kept_nodes[node] & self._kept_kinds[kind] & self._chosen.inside(batch.at[rows]))
                rows = kept + rows.start if isinstance(rows, slice) else rows[kept]
                kind = kind[kept]
            if not len(kind):
                continue
            lines = Batch(batch.text, *(column[rows] for column in batch.columns))
            in_place = isinstance(rows, slice)
            size = int(lines.end[-1]) - int(lines.begin[0]) if in_place else int((lines.end - lines.begin).sum(dtype=np.int64))
            self._pieces.append(Piece(self._turns, lines, kind, self._nodes[path], self._paths[path], size))
            self._rows += len(kind)
            self._bytes += size

    def _kind(self, path: str, line: Array) -> Array:
        """Of each line the number of the kind of event that it is, if it is one."""
        kind = np.full(len(line), self._no_kind, np.int32)
        lines, numbers = self._kinds.get(path, (None, None))
        if lines is None or numbers is None:
            return kind
        some = slice(np.searchsorted(lines, line.min()), np.searchsorted(lines, line.max(), "right"))
        wanted, numbers = lines[some], numbers[some]
        if not len(wanted):
            return kind
        if bool((line[1:] > line[:-1]).all()):  # look for the few in the many
            place = np.minimum(np.searchsorted(line, wanted), len(line) - 1)
            hit = line[place] == wanted
            kind[place[hit]] = numbers[hit]
        else:
            place = np.minimum(np.searchsorted(wanted, line), len(wanted) - 1)
            hit = wanted[place] == line
            kind[hit] = numbers[place[hit]]
        return kind

    def batch(self) -> pa.RecordBatch:
        """What has gathered. The claim 0 is that of rows without a time; program 0 and pid 0 stand for none."""
        pieces, self._pieces = self._pieces, []
        self._rows = self._bytes = 0
        rows, messages = merged(pieces)
        undated = rows.claim == 0
        columns = [
            numbers(rows.key, TIME, undated),
            words(self._bases[rows.claim], self._names["basis"], undated),
            numbers(self._errors[rows.claim], pa.float64(), undated),
            words(rows.node, self._names["node"]),
            words(rows.kind, self._names["kind"], rows.kind == self._no_kind),
            words(rows.program, self._names["program"], rows.program == 0),
            numbers(rows.pid, pa.uint32(), rows.pid == 0),
            messages,
            words(rows.path, self._names["path"]),
            numbers(rows.line.astype(np.int64), pa.int64()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=LINES)


def _kinds(events: Sequence[Event], kinds: dict[str, int]) -> dict[str, tuple[Array, Array]]:
    """For each file the lines that are evidence of an event, in order, and of which kind; of a storm its first line."""
    found: dict[str, dict[int, int]] = {}
    for event in events:
        number = kinds.setdefault(event.kind, len(kinds))
        for proof in event.evidence:
            found.setdefault(proof.path, {}).setdefault(proof.line, number)
    result = {}
    for path, marks in found.items():
        lines = np.array(sorted(marks), np.int64)
        result[path] = (lines, np.array([marks[line] for line in lines.tolist()], np.int32))
    return result
