"""Candidates: lines in fixed columns that hold an anchor, taken apart by their columns and tried on the signatures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pveforensics.events.formats import Line
from pveforensics.events.formats.line import uptime_before
from pveforensics.events.scan.columns import Columns, Rows
from pveforensics.events.scan.lines import TextScan, second_head
from pveforensics.events.scan.words import Indexes, Mask, Page
from pveforensics.events.signatures import Signature

_MOST_KNOWN = 50_000


class Candidates:
    """Tries the candidate lines of one page after another."""

    def __init__(self, scan: TextScan) -> None:
        """Nothing at hand yet."""
        self._scan = scan
        self._index = scan.index
        self._signatures = len(self._index.texts)
        self._fitting: dict[tuple[str, tuple[int, ...]], tuple[Signature, ...]] = {}
        self._relevant: dict[str, Mask] = {}
        self._table: Mask = np.zeros((0, 0), np.bool_)
        self._programs: list[str] = []
        self._places: Indexes
        self._anchors: Indexes
        self._todo: list[tuple[int, tuple[int, ...]]] = []
        self._next = 0
        self._lines: Page
        self._rows: Rows
        self._columns: Columns

    def page(self, lines: Page, rows: Rows, columns: Columns, hits: list[tuple[int, int]]) -> Indexes:
        """Make a page the one at hand; gives the lines that only the reader of lines can judge."""
        self._lines, self._rows, self._columns = lines, rows, columns
        table = np.array(hits, np.int64).reshape(-1, 2)
        self._anchors = table[:, 0]
        self._places = np.searchsorted(lines.ends, table[:, 1])
        marked = self._anchors >= self._scan.anchors
        repeated = self._places[marked]
        self._places, self._anchors = self._places[~marked], self._anchors[~marked]
        places = self._places
        unique = places[np.flatnonzero(places[1:] != places[:-1]) + 1] if len(places) else places
        unique = np.concatenate((places[:1], unique))
        return np.concatenate((repeated, np.array(self._with_second_head(unique[rows.ok[unique]]), np.int64)))

    def _with_second_head(self, places: Indexes) -> list[int]:
        """Lines in which another record may stand behind the first."""
        data = self._lines.data
        begins, ends = self._rows.message[places].tolist(), self._lines.ends[places].tolist()
        found = []
        for place, begin, end in zip(places.tolist(), begins, ends, strict=True):
            if data.find(b"]: ", begin, end) >= 0 and second_head(data[begin:end].decode("utf-8", "replace")):
                found.append(place)
        return found

    def choose(self, feed: Mask) -> dict[int, set[int]]:
        """The anchors of the lines that will be fed; those of the others are kept for `take`, if they mean anything there."""
        places, anchors = self._places, self._anchors
        fed = feed[places]
        found: dict[int, set[int]] = {}
        for place, anchor in zip(places[fed].tolist(), anchors[fed].tolist(), strict=True):
            found.setdefault(place, set()).add(anchor)
        wanted = ~fed & self._matrix()[self._rows.tag[places], anchors]
        todo: dict[int, list[int]] = {}
        for place, anchor in zip(places[wanted].tolist(), anchors[wanted].tolist(), strict=True):
            todo.setdefault(place, []).append(anchor)
        self._todo = [(place, tuple(sorted(set(useful)))) for place, useful in todo.items()]
        self._next = 0
        return found

    def _matrix(self) -> Mask:
        """Which anchor can mean anything on a line of which tag."""
        programs = self._columns.heads.programs
        if len(self._table) != len(programs) or self._programs is not programs:
            self._table, self._programs = np.stack([self._row(program) for program in programs]), programs
        return self._table

    def _row(self, program: str) -> Mask:
        row = self._relevant.get(program)
        if row is None:
            row = np.ones(self._scan.anchors, np.bool_)
            for anchor, users in enumerate(self._index.users):
                row[anchor] = any(self._index.signatures[number].fits(program, "") for number in users)
            self._relevant[program] = row
        return row

    def take(self, first: int, begin: int, end: int) -> None:
        """Try the candidates among lines `begin` to `end` of the page; `first` is the number of its first line."""
        todo = self._todo
        while self._next < len(todo) and todo[self._next][0] < begin:
            self._next += 1
        shown = begin
        collector = self._scan.collector
        while self._next < len(todo) and todo[self._next][0] < end:
            place, anchors = todo[self._next]
            self._next += 1
            if collector.waits:
                shown = self._show(first, shown, min(place, shown + 2))
            shown = self._try(first, place, anchors, max(shown, begin))
        if collector.waits:
            shown = self._show(first, shown, min(end, shown + 2))
        self._show(first, max(shown, end - 2), end)

    def _show(self, first: int, begin: int, end: int) -> int:
        """Let the collector see lines as neighbours."""
        lines = self._lines
        for place in range(begin, end):
            text = lines.data[int(lines.starts[place]) : int(lines.ends[place])].decode("utf-8", "replace").rstrip("\r")
            self._scan.collector.neighbour(first + place, text)
        return max(begin, end)

    def _try(self, first: int, place: int, anchors: tuple[int, ...], shown: int) -> int:
        """Try one line; gives the first line that the collector has not seen yet."""
        lines, rows, scan, columns = self._lines, self._rows, self._scan, self._columns
        data, start, begin = lines.data, int(lines.starts[place]), int(rows.message[place])
        text = data[start : int(lines.ends[place])].decode("utf-8", "replace").rstrip("\r")
        program = columns.heads.programs[int(rows.tag[place])]
        stamp = columns.stamp(lines, rows, place)
        if anchors[-1] >= self._signatures:
            scan.hints.look(first + place, text, stamp)
        fitting = self._fitting_ones(program, anchors)
        if not fitting:
            return shown
        offset, uptime = begin - start, None
        message = text[offset:]
        if program == "kernel":
            uptime, skipped = uptime_before(message)
            message, offset = message[skipped:], offset + skipped
        pid = ""
        if data[begin - 3 : begin] == b"]: ":
            pid = data[data.rindex(b"[", start, begin) + 1 : begin - 3].decode("ascii")
        for signature in fitting:
            if (signature.pid and pid and pid != signature.pid) or (match := signature.search(message)) is None:
                continue
            host = columns.heads.hosts[int(rows.host[place])].name
            if program != "corosync" and scan.collector.fold(signature, host, program, scan.coverage.boot, stamp) is not None:
                return shown
            shown = self._show(first, max(shown, place - 2), place + 1)
            line = Line(stamp, host, program, pid, message, offset, uptime)
            scan.collector.add(first + place, text, line, signature, match, boot=scan.coverage.boot, offset=offset)
            return shown
        return shown

    def _fitting_ones(self, program: str, anchors: tuple[int, ...]) -> tuple[Signature, ...]:
        """The signatures that these anchors stand for and that this program may be tried on, in pack order."""
        key = program, anchors
        known = self._fitting.get(key)
        if known is None:
            if len(self._fitting) > _MOST_KNOWN:
                self._fitting.clear()
            known = self._fitting[key] = tuple(self._of(program, anchors))
        return known

    def _of(self, program: str, anchors: Iterable[int]) -> Iterable[Signature]:
        signatures = [self._index.signatures[number] for number in self._index.of_anchors(set(anchors))]
        return (signature for signature in signatures if signature.fits(program, ""))
