"""Lines: what the sweep gives as record batches, with the names behind the numbers, narrowed to what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pveforensics.model import Event
from pveforensics.timebase import SECOND, Basis
from pveforensics.timeline.arrays import Array, Mask, numbers, texts, words
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


class Names(NamedTuple):
    """What the numbers of rows stand for: `texts` by column, `seconds` of error; `bases` and `errors` are of each claim the number of its own."""

    texts: Mapping[str, Sequence[str]]
    seconds: Sequence[float]
    bases: Array
    errors: Array


class LineRows(NamedTuple):
    """Rows that follow each other, not merged yet.

    The claim 0 is that of rows without a time; a kind behind the last one, program 0 and pid 0 stand for none.
    """

    pieces: Sequence[Piece]
    names: Names

    @property
    def no_kind(self) -> int:
        """The number of rows that are no event."""
        return len(self.names.texts["kind"])


class EveryLine:
    """All lines in order of time, to be taken once: as numbers, or as record batches."""

    def __init__(self, rows: Iterator[LineRows], chosen: Selection) -> None:
        """What is searched in messages is left to the batches; the names of all rows are the same."""
        self._rows = rows
        self._chosen = chosen
        self._spelled: dict[str, pa.Array] = {}

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The rows as tables."""
        return (self._chosen.matching(self._batch(some)) for some in self._rows)

    def in_numbers(self) -> Iterator[LineRows] | None:
        """The rows as they are; None if their messages must be searched first."""
        return None if self._chosen.grep else self._rows

    def _batch(self, some: LineRows) -> pa.RecordBatch:
        rows, messages = merged(some.pieces)
        undated = rows.claim == 0
        seconds = np.array(some.names.seconds, np.float64)
        columns = [
            numbers(rows.key, TIME, undated),
            self._words(some, "basis", some.names.bases[rows.claim], undated),
            numbers(seconds[some.names.errors[rows.claim]], pa.float64(), undated),
            self._words(some, "node", rows.node),
            self._words(some, "kind", rows.kind, rows.kind == some.no_kind),
            self._words(some, "program", rows.program, rows.program == 0),
            numbers(rows.pid, pa.uint32(), rows.pid == 0),
            messages,
            self._words(some, "path", rows.path),
            numbers(rows.line.astype(np.int64), pa.int64()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=LINES)

    def _words(self, some: LineRows, name: str, codes: Array, missing: Mask | None = None) -> pa.Array:
        if name not in self._spelled:
            self._spelled[name] = texts(some.names.texts[name])
        return words(codes, self._spelled[name], missing)


def every_line(spool: LineSpool, files: Sequence[FileLines], calendar: Calendar, events: Sequence[Event], chosen: Selection) -> EveryLine:
    """All lines of these files in order of time, narrowed; the files must have been dated. `events` give lines their kind."""
    maker = _Maker(spool, files, calendar, events, chosen)
    return EveryLine(_rows(spool, files, maker, chosen), chosen)


def _rows(spool: LineSpool, files: Sequence[FileLines], maker: _Maker, chosen: Selection) -> Iterator[LineRows]:
    blocks = [block for file in _ranked(files) for block in file.blocks if chosen.may_hold(block.first, block.last)]
    for slices in sweep(spool, blocks):
        maker.add(slices)
        if maker.full:
            yield maker.rows()
    if not maker.empty:
        yield maker.rows()


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
        seconds: dict[float, int] = {}
        claims = [claim or _NO_CLAIM for claim in calendar.claims.known]
        basis = np.array([bases.setdefault(claim.basis.value, len(bases)) for claim in claims], np.int32)
        error = np.array([seconds.setdefault(claim.error_us / SECOND, len(seconds)) for claim in claims], np.int32)
        columns = {"basis": bases, "node": nodes, "kind": kinds, "program": spool.programs, "path": self._paths}
        self.names = Names({column: list(values) for column, values in columns.items()}, list(seconds), basis, error)
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

    def rows(self) -> LineRows:
        """What has gathered."""
        pieces, self._pieces = self._pieces, []
        self._rows = self._bytes = 0
        return LineRows(pieces, self.names)


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
