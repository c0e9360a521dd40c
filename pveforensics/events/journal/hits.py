"""Hits: the entries that hold an anchor, taken apart, tried on the signatures and shown with their neighbours."""

from __future__ import annotations

import re

import numpy as np

from pveforensics.events.journal.boots import Lives
from pveforensics.events.journal.carve import Indexes
from pveforensics.events.journal.decode import Decoder
from pveforensics.events.journal.entries import Columns
from pveforensics.events.journal.search import COMM, MESSAGE, NAME, Anchors
from pveforensics.events.scan.collector import NEIGHBOURS, Collector
from pveforensics.events.scan.hints import ANCHORS, Hints
from pveforensics.events.signatures import Signature, SignatureIndex

_BLOCK = 4_096
_MOST_KNOWN = 50_000
_MINUTE_US = 60_000_000


class Hits:
    """Gathers the records and hints of one journal."""

    def __init__(self, index: SignatureIndex) -> None:
        """`known` anchors matter here."""
        self.collector = Collector()
        self.hints = Hints()
        self.entries: list[str] = []
        self.known = len(index.texts) + len(ANCHORS)
        self._index = index
        self._fitting: dict[tuple[int, tuple[int, ...]], tuple[Signature | None, ...]] = {}
        self._storms: set[tuple[str, str, str, int, int]] = set()
        self._next = 0

    def take(self, rows: Columns, lived: Lives, decoder: Decoder, anchors: Anchors) -> None:
        """Look at the marked entries and at the first one of every boot, in the order in which they were written."""
        marked = np.union1d(rows.hits, np.array(lived.begins, np.int64))
        for begin in range(0, len(marked), _BLOCK):
            some = marked[begin : begin + _BLOCK]
            todo = []
            for row, parts in zip(some.tolist(), decoder.prepare(some), strict=True):
                found = anchors.get(parts[MESSAGE], ())
                key = parts[NAME] or parts[COMM], found
                fitting = self._fitting.get(key)
                if fitting is None:
                    fitting = self._fitting_ones(key, decoder.program(row))
                if fitting or row in lived.first_of:
                    todo.append((row, found, fitting))
            decoder.prepare(_around(np.array([row for row, _, _ in todo], np.int64), len(rows.at)))
            for row, found, fitting in todo:
                self._take(row, rows, lived, decoder, found, fitting)
        if self.collector.waits:
            self._show(decoder, self._next, min(len(rows.at), self._next + NEIGHBOURS))

    def _take(
        self, row: int, rows: Columns, lived: Lives, decoder: Decoder, found: tuple[int, ...], fitting: tuple[Signature | None, ...]
    ) -> None:
        boot = int(rows.boot[row])
        number, boot_id = lived.number[boot], rows.boots[boot]
        if row in lived.first_of:
            self._show_behind(row, decoder)
            line = decoder.line(row)
            self._show(decoder, max(self._next, row - NEIGHBOURS), row)
            self.collector.add_boot(row + 1, f"-- Boot {boot_id} --", line.stamp, line.host, number, boot_id)
            self._named("")
        self.collector.boot_id = boot_id
        if found and found[-1] >= len(self._index.texts):
            line = decoder.line(row)
            first = len(self._index.texts)
            self.hints.look_if_due(row + 1, line.message, line.stamp, [anchor - first for anchor in found if anchor >= first])
        pid, message = decoder.tried(row)
        for signature in fitting:
            if signature is not None and not (signature.pid and pid and pid != signature.pid) and (match := signature.search(message)):
                self._add(row, number, decoder, signature, match)
                return

    def _add(self, row: int, boot: int, decoder: Decoder, signature: Signature, match: re.Match[str]) -> None:
        """Make a record, or count the entry to the one of the same minute."""
        line = decoder.line(row)
        self._show_behind(row, decoder)
        minute = line.stamp.epoch_us // _MINUTE_US if line.stamp is not None and line.stamp.epoch_us is not None else 0
        storm = signature.id, line.host, line.program, boot, minute
        if storm in self._storms:  # it is counted to the record of its minute, or dropped: nobody will see its text
            self.collector.add(row + 1, "", line, signature, match, boot=boot, offset=None)
            return
        if line.program != "corosync" and self.collector.fold(signature, line.host, line.program, boot, line.stamp) is not None:
            return
        self._show(decoder, max(self._next, row - NEIGHBOURS), row + 1)
        text, offset = decoder.shown(row)
        draft = self.collector.add(row + 1, text, line, signature, match, boot=boot, offset=offset)
        self._named(decoder.identity(row))
        if signature.storm and draft is not None:
            self._storms.add(storm)

    def _show_behind(self, row: int, decoder: Decoder) -> None:
        """Let a record that waits see the entries behind it, up to this one."""
        if self.collector.waits:
            self._show(decoder, self._next, min(row, self._next + NEIGHBOURS))

    def _named(self, identity: str) -> None:
        """Note which entry the last record is of, if the line became one."""
        if len(self.entries) < len(self.collector.drafts):
            self.entries.append(identity)

    def _fitting_ones(self, key: tuple[int, tuple[int, ...]], program: str) -> tuple[Signature | None, ...]:
        """The signatures that these anchors stand for and that this program may be tried on, in pack order; None stands for a hint."""
        if len(self._fitting) >= _MOST_KNOWN:
            self._fitting.clear()
        anchors = key[1]
        signatures = (self._index.signatures[number] for number in self._index.of_anchors(set(anchors)))
        fitting: list[Signature | None] = [signature for signature in signatures if signature.fits(program, "")]
        if anchors and anchors[-1] >= len(self._index.texts):
            fitting.append(None)
        self._fitting[key] = tuple(fitting)
        return self._fitting[key]

    def _show(self, decoder: Decoder, begin: int, end: int) -> None:
        """Let the collector see entries as neighbours."""
        for row in range(begin, end):
            self.collector.neighbour(row + 1, decoder.shown(row).text)
        self._next = max(self._next, end)


def _around(rows: Indexes, count: int) -> Indexes:
    """The rows with their neighbours."""
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    near: Indexes = np.unique((rows[:, None] + steps).ravel())
    return near[(near >= 0) & (near < count)]
