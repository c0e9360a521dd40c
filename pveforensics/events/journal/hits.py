"""Hits: the entries that hold an anchor, taken apart, tried on the signatures and shown with their neighbours."""

from __future__ import annotations

import re

import numpy as np

from pveforensics.events.formats import Line
from pveforensics.events.journal.boots import Lives
from pveforensics.events.journal.carve import HIT
from pveforensics.events.journal.entries import Columns, Decoder, shown
from pveforensics.events.journal.search import Anchors
from pveforensics.events.scan.collector import NEIGHBOURS, Collector
from pveforensics.events.scan.hints import ANCHORS, Hints
from pveforensics.events.signatures import Signature, SignatureIndex

_MOST_KNOWN = 20_000

Match = tuple[Signature, re.Match[str]]


class Hits:
    """Gathers the records and hints of one journal."""

    def __init__(self, index: SignatureIndex) -> None:
        """`known` anchors matter here, the longest of them has `longest` bytes."""
        self.collector = Collector()
        self.hints = Hints()
        self.known = len(index.texts) + len(ANCHORS)
        self.longest = max([*(len(text.encode()) for text in index.texts), *map(len, ANCHORS)])
        self._index = index
        self._matches: dict[tuple[int, str, str], Match | None] = {}
        self._next = 0

    def take(self, rows: Columns, lived: Lives, decoder: Decoder, anchors: Anchors) -> None:
        """Look at the marked entries and at the first one of every boot, in the order in which they were written."""
        begins = set(lived.begins)
        marked = np.flatnonzero(rows.bits & HIT)
        for row in np.union1d(marked, np.array(lived.begins, np.int64)).tolist():
            boot = int(rows.boot[row])
            number, boot_id = lived.number[boot], rows.boots[boot]
            if self.collector.waits:
                self._show(decoder, self._next, min(row, self._next + NEIGHBOURS))
            if row in begins:
                line = decoder.line(row)[0]
                self._show(decoder, max(self._next, row - NEIGHBOURS), row)
                self.collector.add_boot(row + 1, f"-- Boot {boot_id} --", line.stamp, line.host, number, boot_id)
            self.collector.boot_id = boot_id
            if rows.bits[row] & HIT:
                self._try(row, number, decoder, anchors)
        if self.collector.waits:
            self._show(decoder, self._next, min(len(rows.at), self._next + NEIGHBOURS))

    def _try(self, row: int, boot: int, decoder: Decoder, anchors: Anchors) -> None:
        line, place = decoder.line(row)
        found = anchors.get(place)
        if not found:
            return
        self.hints.look(row + 1, line.message, line.stamp)
        match = self._match(place, found, line)
        if match is None:
            return
        if line.program != "corosync" and self.collector.fold(match[0], line.host, line.program, boot, line.stamp) is not None:
            return
        self._show(decoder, max(self._next, row - NEIGHBOURS), row + 1)
        text, offset = shown(line)
        self.collector.add(row + 1, text, line, *match, boot=boot, offset=offset)

    def _match(self, place: int, found: frozenset[int], line: Line) -> Match | None:
        """The signature that matches; a message that many entries share is tried once for each program and process."""
        key = place, line.program, line.pid
        if key not in self._matches:
            if len(self._matches) >= _MOST_KNOWN:
                self._matches.clear()
            self._matches[key] = self._index.first(self._index.of_anchors(set(found)), line.program, line.pid, line.message)
        return self._matches[key]

    def _show(self, decoder: Decoder, begin: int, end: int) -> None:
        """Let the collector see entries as neighbours."""
        for row in range(begin, end):
            self.collector.neighbour(row + 1, shown(decoder.line(row)[0])[0])
        self._next = max(self._next, end)
