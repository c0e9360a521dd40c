"""Order: every kept line gets its moment on the common clock, and the blocks come back sorted, with bounded memory."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pveforensics.clocks import Offset, Shifts
from pveforensics.dating import FileClock, KernelStart
from pveforensics.model import Event
from pveforensics.readings import Naming
from pveforensics.timebase import SECOND, Basis
from pveforensics.timeline.blocks import LAYOUT, Alike, Batch, Block, FileLines, Form, packed
from pveforensics.timeline.moments import Claim, Claims, Codes, FileMoments, Indexes
from pveforensics.timeline.selection import NEVER
from pveforensics.timeline.spool import LineSpool

MOST_HELD = 192 << 20
"""Bytes of blocks that are held at once; where more of them overlap in time they are cut into finer ones."""

_PARTS = 16
_CLOCK_FACTS = tuple[FileClock, KernelStart | None]


class Slice(NamedTuple):
    """Lines of one file in order: `rows` are their places in the batch, a slice where they follow each other."""

    file: FileLines
    batch: Batch
    rows: Indexes | slice


# --- moments -----------------------------------------------------------------------------------------


class Calendar:
    """What dates lines: each file's clock, the nodes of hosts, and how far their clocks run from the common one."""

    def __init__(self, clocks: Mapping[str, _CLOCK_FACTS], naming: Naming, shifts: Shifts, events: Sequence[Event]) -> None:
        """`events` are dated and not yet aligned: they tell in which line of a file a clock was set."""
        self.claims = Claims()
        self._clocks = clocks
        self._naming = naming
        self._shifts = shifts
        self._turns = _turns(events, shifts)

    def nodes(self, file: FileLines) -> list[str]:
        """The node of each host of a file, by number."""
        return [self._naming.node_of_line(host, file.path) for host in file.hosts]

    def date(self, spool: LineSpool, file: FileLines) -> None:
        """Give every line of a file its key: its moment, or that of the line above where it has none, and its claim."""
        clock, start = self._clocks[file.path]
        forms = list(file.forms)
        if file.began is not None and file.began.epoch_us is not None:
            forms[0] = Form("epoch", "", file.began.resolution_us)
        moments = FileMoments(clock, start, forms, self.claims)
        nodes = self.nodes(file)
        above: int | None = None
        waiting: list[tuple[Block, int]] = []
        for block in file.blocks:
            if (keys := self._by_one_sum(file, block, moments, nodes)) is not None:
                if above is None:
                    _begin_at(spool, waiting, keys.begin)
                above = keys.end
                continue
            columns = dict(zip(LAYOUT.names or (), spool.columns(block), strict=True))
            line = columns["line"].astype(np.int64)
            at = columns["at"].astype(np.int64)
            if file.began is not None and file.began.epoch_us is not None:
                at[columns["form"] == 0] = file.began.epoch_us
            key, claim = moments.date(at, columns["form"], line)
            self._align(file.path, nodes, columns["host"], line, key, claim)
            dated = np.flatnonzero(claim)
            if len(dated) < len(key):
                last = np.where(claim > 0, np.arange(len(key)), -1)
                np.maximum.accumulate(last, out=last)
                key = np.where(last >= 0, key[last], NEVER if above is None else above)
            if above is None:
                waiting.append((block, int(dated[0]) if len(dated) else block.rows))
            spool.rewrite(block, key, claim)
            block.first, block.last = int(key.min()), int(key.max())
            if len(dated):
                if above is None:
                    _begin_at(spool, waiting, int(key[dated[0]]))
                above = int(key[dated[-1]])

    def _by_one_sum(self, file: FileLines, block: Block, moments: FileMoments, nodes: Sequence[str]) -> Alike | None:
        """Date a block whose lines all move by the same and give its keys; None if they must be dated one by one."""
        lines = block.alike
        if lines is None or lines.form == 0 or (lines.host < 0 and any(node in self._shifts for node in nodes)):
            return None
        told = self._shifts.get(nodes[lines.host], ())
        found = moments.date_alike(lines)
        if found is None:
            return None
        delta, claim = found
        if told:
            place = self._one_offset(told, self._turns.get((file.path, nodes[lines.host])), lines.moved(delta))
            if place is None:
                return None
            delta -= round(told[place].seconds * SECOND)
            claim = self._moved(told[place], claim)
        keys = lines.moved(delta)
        block.delta, block.claim, block.first, block.last = delta, claim, keys.low, keys.high
        return keys

    def _one_offset(self, told: tuple[Offset, ...], turns: tuple[Indexes, Indexes] | None, moments: Alike) -> int | None:
        """Which offset holds for all these lines; None if several do."""
        ends = np.array(moments.lines, np.int64)
        if turns is not None and len(np.unique(np.searchsorted(turns[0], ends, "right"))) > 1:
            return None
        places = self._offset(told, turns, ends, np.array([moments.low, moments.high], np.int64))
        return int(places[0]) if places[0] == places[1] else None

    def _align(self, path: str, nodes: Sequence[str], host: Codes, line: Indexes, us: Indexes, claim: Codes) -> None:
        """Take the offset of each node's clock out."""
        if not any(node in self._shifts for node in nodes):
            return
        for number in np.flatnonzero(np.bincount(host)).tolist():
            told = self._shifts.get(nodes[number])
            if told is None:
                continue
            rows = np.flatnonzero((host == number) & (claim > 0))
            offset = self._offset(told, self._turns.get((path, nodes[number])), line[rows], us[rows])
            for place in np.flatnonzero(np.bincount(offset)).tolist():
                self._move(told[place], rows[offset == place], us, claim)

    @staticmethod
    def _offset(told: tuple[Offset, ...], turns: tuple[Indexes, Indexes] | None, line: Indexes, us: Indexes) -> Indexes:
        """Which offset holds: that of the event above in the file, before the first one that of the time shown."""
        offset = np.zeros_like(line)
        for place, each in enumerate(told):
            if each.start is not None:
                offset[us >= each.start.us] = place
        if turns is not None:
            above = np.searchsorted(turns[0], line, "right") - 1
            offset = np.where(above >= 0, turns[1][above], offset)
        return offset

    def _move(self, offset: Offset, rows: Indexes, us: Indexes, claim: Codes) -> None:
        if not (offset.seconds or offset.doubt):
            return
        us[rows] -= round(offset.seconds * SECOND)
        before = claim[rows]
        for number in np.flatnonzero(np.bincount(before)).tolist():
            claim[rows[before == number]] = self._moved(offset, number)

    def _moved(self, offset: Offset, number: int) -> int:
        """The claim of moments that an offset was taken out of."""
        known = self.claims.known[number]
        if known is None or not (offset.seconds or offset.doubt):
            return number
        error = known.error_us + round(offset.error * SECOND)
        return self.claims.number(Claim(Basis.ALIGNED if offset.seconds else known.basis, error))


def _turns(events: Sequence[Event], shifts: Shifts) -> dict[tuple[str, str], tuple[Indexes, Indexes]]:
    """For each file and node whose offset changes: from which lines on which offset holds, by the events in them."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    begins = {node: [offset.seq for offset in told] for node, told in shifts.items() if len(told) > 1}
    for event in events:
        if event.node in begins:
            place = max(0, bisect_right(begins[event.node], event.seq) - 1)
            for proof in event.evidence:
                found.setdefault((proof.path, event.node), []).append((proof.line, place))
    turns = {}
    for key, marks in found.items():
        marks.sort()
        kept = [mark for k, mark in enumerate(marks) if not k or mark[1] != marks[k - 1][1]]
        turns[key] = (np.array([line for line, _ in kept], np.int64), np.array([place for _, place in kept], np.int64))
    return turns


def _begin_at(spool: LineSpool, waiting: Sequence[tuple[Block, int]], key: int) -> None:
    """Lines above the first dated one of a file stand right before it."""
    for block, rows in waiting:
        if not rows:
            continue
        columns = dict(zip(LAYOUT.names or (), spool.columns(block), strict=True))
        columns["at"][:rows] = key
        spool.rewrite(block, columns["at"], columns["form"])
        block.first, block.last = int(columns["at"].min()), int(columns["at"].max())


# --- the merge ---------------------------------------------------------------------------------------


class _Held:
    """A block in memory, and how far its lines were given out."""

    def __init__(self, block: Block, file: FileLines, batch: Batch) -> None:
        self.block = block
        self.file = file
        self.batch = batch
        self.given = 0
        key = batch.at
        self.order: Indexes | None = None if bool((key[1:] >= key[:-1]).all()) else np.argsort(key, kind="stable")
        self.sorted = key if self.order is None else key[self.order]
        self.size = block.text + block.rows * LAYOUT.itemsize

    def until(self, border: Block | None) -> Slice | None:
        """The next lines, up to those that the first line of another block comes before (None: to the end)."""
        end = len(self.sorted)
        if border is not None:
            end = int(np.searchsorted(self.sorted, border.first, "right" if self.block.rank < border.rank else "left"))
        begin, self.given = self.given, max(self.given, end)
        if begin >= self.given:
            return None
        rows = slice(begin, self.given) if self.order is None else self.order[begin : self.given]
        return Slice(self.file, self.batch, rows)


def sweep(spool: LineSpool, blocks: Sequence[Block], most_held: int = MOST_HELD) -> Iterator[list[Slice]]:
    """The lines of all blocks in order of key and rank: no line of a list comes before one of an earlier list.

    A block is loaded when its first line's turn has come, and given out as far as no other block can hold an earlier line.
    """
    queue = [(block.first, block.rank, block) for block in blocks]
    heapq.heapify(queue)
    held: list[_Held] = []
    while queue or held:
        if queue:
            block = heapq.heappop(queue)[2]
            held.append(_Held(block, spool.files[block.file], spool.read(block)))
            if len(held) > 1 and sum(each.size for each in held) > most_held:
                held = _cut(spool, held, queue)
        border = queue[0][2] if queue else None
        held.sort(key=lambda each: each.block.rank)
        slices = [part for each in held if (part := each.until(border)) is not None]
        held = [each for each in held if each.given < each.block.rows]
        if slices:
            yield slices


def _cut(spool: LineSpool, held: Sequence[_Held], queue: list[tuple[int, tuple[int, ...], Block]]) -> list[_Held]:
    """Too many blocks overlap: write what is left of each again, sorted and in finer parts, to be loaded when their turn comes."""
    for each in held:
        order = each.order if each.order is not None else np.arange(each.block.rows)
        left = order[each.given :]
        for number, rows in enumerate(np.array_split(left, min(_PARTS, len(left)))):
            part = _part(each.batch, rows)
            block = spool.write(each.block.file, (*each.block.rank, number), part)
            block.first, block.last = int(part.at[0]), int(part.at[-1])
            heapq.heappush(queue, (block.first, block.rank, block))
    return []


def _part(batch: Batch, rows: Indexes) -> Batch:
    """Some lines of a batch in this order, with their own text alone."""
    return packed(Batch(batch.text, *(column[rows] for column in batch.columns)))
