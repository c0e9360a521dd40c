"""Hits: the entries that hold an anchor, taken apart, tried on the signatures and shown with their neighbours."""

from __future__ import annotations

import numpy as np

from pveforensics.events.journal.boots import Lives
from pveforensics.events.journal.carve import Indexes
from pveforensics.events.journal.decode import Decoder
from pveforensics.events.journal.entries import Columns
from pveforensics.events.journal.search import HIT, Anchors
from pveforensics.events.scan.collector import NEIGHBOURS, Collector
from pveforensics.events.scan.hints import ANCHORS, Hints
from pveforensics.events.signatures import Signature, SignatureIndex

_BLOCK = 4_096
_MOST_KNOWN = 50_000


class Hits:
    """Gathers the records and hints of one journal."""

    def __init__(self, index: SignatureIndex) -> None:
        """`known` anchors matter here, the longest of them has `longest` bytes."""
        self.collector = Collector()
        self.hints = Hints()
        self.entries: list[str] = []
        self.known = len(index.texts) + len(ANCHORS)
        self.longest = max([*(len(text.encode()) for text in index.texts), *map(len, ANCHORS)])
        self._index = index
        self._fitting: dict[tuple[str, tuple[int, ...]], tuple[Signature, ...]] = {}
        self._next = 0

    def take(self, rows: Columns, lived: Lives, decoder: Decoder, anchors: Anchors) -> None:
        """Look at the marked entries and at the first one of every boot, in the order in which they were written."""
        marked = np.union1d(np.flatnonzero(rows.bits & HIT), np.array(lived.begins, np.int64))
        for begin in range(0, len(marked), _BLOCK):
            some = marked[begin : begin + _BLOCK]
            decoder.prepare(_around(some, len(rows.at)))
            for row in some.tolist():
                self._take(row, rows, lived, decoder, anchors)
        if self.collector.waits:
            self._show(decoder, self._next, min(len(rows.at), self._next + NEIGHBOURS))

    def _take(self, row: int, rows: Columns, lived: Lives, decoder: Decoder, anchors: Anchors) -> None:
        boot = int(rows.boot[row])
        number, boot_id = lived.number[boot], rows.boots[boot]
        if self.collector.waits:
            self._show(decoder, self._next, min(row, self._next + NEIGHBOURS))
        if row in lived.first_of:
            line = decoder.line(row)
            self._show(decoder, max(self._next, row - NEIGHBOURS), row)
            self.collector.add_boot(row + 1, f"-- Boot {boot_id} --", line.stamp, line.host, number, boot_id)
            self._named("")
        self.collector.boot_id = boot_id
        found = anchors.get(decoder.message_place(row))
        if found:
            self._try(row, number, decoder, found)

    def _try(self, row: int, boot: int, decoder: Decoder, found: tuple[int, ...]) -> None:
        fitting = self._fitting_ones(decoder.program(row), found)
        if not fitting and found[-1] < len(self._index.texts):
            return
        line = decoder.line(row)
        self.hints.look(row + 1, line.message, line.stamp)
        for signature in fitting:
            if (signature.pid and line.pid and line.pid != signature.pid) or (match := signature.search(line.message)) is None:
                continue
            if line.program != "corosync" and self.collector.fold(signature, line.host, line.program, boot, line.stamp) is not None:
                return
            self._show(decoder, max(self._next, row - NEIGHBOURS), row + 1)
            text, offset = decoder.shown(row)
            self.collector.add(row + 1, text, line, signature, match, boot=boot, offset=offset)
            self._named(decoder.identity(row))
            return

    def _named(self, identity: str) -> None:
        """Note which entry the last record is of, if the line became one."""
        if len(self.entries) < len(self.collector.drafts):
            self.entries.append(identity)

    def _fitting_ones(self, program: str, anchors: tuple[int, ...]) -> tuple[Signature, ...]:
        """The signatures that these anchors stand for and that this program may be tried on, in pack order."""
        key = program, anchors
        known = self._fitting.get(key)
        if known is None:
            if len(self._fitting) >= _MOST_KNOWN:
                self._fitting.clear()
            signatures = (self._index.signatures[number] for number in self._index.of_anchors(set(anchors)))
            known = self._fitting[key] = tuple(signature for signature in signatures if signature.fits(program, ""))
        return known

    def _show(self, decoder: Decoder, begin: int, end: int) -> None:
        """Let the collector see entries as neighbours."""
        for row in range(begin, end):
            self.collector.neighbour(row + 1, decoder.shown(row).text)
        self._next = max(self._next, end)


def _around(rows: Indexes, count: int) -> Indexes:
    """The rows with their neighbours."""
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    near = np.unique((rows[:, None] + steps).ravel())
    return near[(near >= 0) & (near < count)]
