"""The fast scan of a text log: columns are read by the page, and only lines that matter become Python objects.

Lines that fit the columns of the layout and hold no anchor are counted and dated all at once. What does not fit, with its
neighbourhood, goes through the same `TextScan.feed` as in the line-by-line scan, whose result this one must equal.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pveforensics.events.scan.candidates import Candidates
from pveforensics.events.scan.columns import Begins, Columns, Rows
from pveforensics.events.scan.layout import Layout, layout_of
from pveforensics.events.scan.lines import NAMED, TextScan
from pveforensics.events.scan.matcher import Matcher, hit_codes
from pveforensics.events.scan.pieces import joined, pieces
from pveforensics.events.scan.sink import LineSink
from pveforensics.events.scan.streams import anchors_by_line
from pveforensics.events.scan.words import Indexes, Mask, Page, Room

SIZE = 1 << 21
"""Bytes gathered before they are looked at: smaller pages cost more calls, larger ones leave the processor's cache."""

LEAST = 1 << 16
"""Bytes; for less than that numpy does not pay."""

BEFORE, BEHIND = 3, 2
"""Lines around an odd one that are fed with it: its record's head with two neighbours before, and two behind."""

_FEWEST = 16
_SAMPLES = 24


class Span(NamedTuple):
    """Lines `begin` to `end` (exclusive) of a page: to be fed one by one, or all in columns."""

    begin: int
    end: int
    feed: bool


def scan_text(chunks: Iterable[bytes], scan: TextScan, matcher: Matcher, sink: LineSink | None = None) -> None:
    """The same as `naive.scan_text`, faster."""
    reader = _Pages(scan, matcher, sink)
    line = 0
    for data, nuls, fresh in pieces(chunks, SIZE, reader.join):
        line += fresh
        if len(data) >= LEAST:
            line += reader.take(line, data, nuls)
            continue
        if sink is not None:
            sink.text(line, data)
        line += reader.feed(line, data, nuls, anchors_by_line(matcher, data, scan.anchors))
    scan.finish()


class _Pages:
    """Takes page after page of one file."""

    def __init__(self, scan: TextScan, matcher: Matcher, sink: LineSink | None) -> None:
        self._scan = scan
        self._matcher = matcher
        self._sink = sink
        self._known: dict[Layout, Columns] = {}
        self._columns: Columns | None = None
        self._candidates = Candidates(scan)
        self._room = Room()

    def join(self, parts: Sequence[bytes], size: int) -> bytes | None:
        """As `pieces.joined`, for a page that is taken next."""
        return self._columns.joined(parts, size) if self._columns is not None and size >= LEAST else joined(parts, size)

    def feed(self, first: int, data: bytes, nuls: int, found: dict[int, set[int]]) -> int:
        """Feed every line with the anchors found in it; gives the number of newlines."""
        place = 0
        for place, text in enumerate(data.decode("utf-8", "replace").split("\n")):
            self._scan.feed(first + place, text, found.get(place), nuls)
            nuls = 0
        return place

    def take(self, first: int, data: bytes, nuls: int) -> int:
        """Read a page by its columns; gives the number of newlines."""
        lines, begins = self._survey(data)
        rows = self._read(first, lines, begins, hit_codes(self._matcher, data))
        if self._sink is not None:
            self._sink.page(first, lines, rows, self._columns)
        if rows is None or self._columns is None or len(lines.starts) < _FEWEST or self._scan.crowded:
            return self.feed(first, data, nuls, self._candidates.by_line())
        feed, spans = _fed(rows.ok, [*rows.taught, *self._candidates.page(lines, rows, self._columns)])
        if spans is None:
            return self.feed(first, data, nuls, self._candidates.by_line())
        found = self._candidates.choose(feed)
        for span in spans:
            if span.feed:
                self._feed_span(first, lines, found, span, nuls)
                nuls = 0
            else:
                self._count(first, lines, rows, span)
                self._candidates.take(first, span.begin, span.end)
        self._candidates.leave(first)
        return len(lines.starts) - 1

    def _feed_span(self, first: int, lines: Page, found: dict[int, set[int]], span: Span, nuls: int) -> None:
        begin, end = int(lines.starts[span.begin]), int(lines.ends[span.end - 1])
        for place, text in enumerate(lines.data[begin:end].decode("utf-8", "replace").split("\n"), span.begin):
            self._scan.feed(first + place, text, found.get(place), nuls)
            nuls = 0

    def _survey(self, data: bytes) -> tuple[Page, Begins | None]:
        """The page, with what its lines begin with if the layout at hand tells it on the way."""
        if self._columns is None:
            return Page(data, self._room), None
        return self._columns.survey(data, self._room)

    def _read(self, first: int, lines: Page, begins: Begins | None, hits: array[int]) -> Rows | None:
        """The rows by the layout at hand, or by a better one where half of the lines do not fit; the candidates are told of the hits."""
        few, columns, rows = self._sink is None and first > NAMED, self._columns, None
        if few and begins is not None and columns is not None:
            rows = columns.read_hit(begins, hits, self._scan.anchors, lines.data)
        wanted = self._candidates.locate(lines, hits, rows.hits if rows is not None else None)
        if rows is None and columns is not None:
            rows = columns.read(lines, wanted if few else None, begins)
        if rows is not None and np.count_nonzero(rows.ok) * 2 > len(rows.ok):
            return rows
        layout = layout_of(_samples(lines))
        if layout is None or (self._columns is not None and layout == self._columns.layout):
            return rows
        columns = self._known.setdefault(layout, Columns(layout))
        other = columns.read(lines, wanted if few else None)
        if rows is not None and np.count_nonzero(rows.ok) >= np.count_nonzero(other.ok):
            return rows
        self._columns = columns
        return other

    def _count(self, first: int, lines: Page, rows: Rows, span: Span) -> None:
        """Note what these lines tell without being looked at: times, hosts and that they were recognized."""
        columns, scan = self._columns, self._scan
        if columns is None:
            return
        begin, end = span.begin, span.end
        scan.count(columns.layout.shape, columns.head, end - begin, _hosts(rows, columns, begin, end))
        cuts = rows.cuts
        borders = cuts[cuts.searchsorted(begin, "right") : cuts.searchsorted(end)].tolist() if len(cuts) else []
        for start, stop in zip((begin, *borders), (*borders, end), strict=True):
            self._cover(first, lines, rows, columns, start, stop)

    def _cover(self, first: int, lines: Page, rows: Rows, columns: Columns, begin: int, end: int) -> None:
        """Coverage of lines that follow each other without a hole or a step back."""
        coverage = self._scan.coverage

        moments = rows.at[begin + 1 : end]
        # no line is further behind the one before than such a step back
        may_be_far = coverage.far_behind(rows.at.item(begin) - len(moments) * columns.back_us)
        one_by_one = may_be_far and len(moments) > 0 and coverage.far_behind(int(moments.min()))
        for line in range(begin, end if one_by_one else begin + 1):
            if (one := columns.stamp(lines, rows, line)) is not None:
                coverage.add(one, first + line)
        if one_by_one or not len(moments):
            return
        newest = columns.stamp(lines, rows, begin + 1 + _last(moments, moments.max()))
        last = columns.stamp(lines, rows, end - 1)
        if newest is not None and last is not None:
            coverage.extend(newest, last, first + end - 1)


def _samples(lines: Page) -> Iterator[bytes]:
    for line in np.linspace(0, len(lines.starts) - 1, _SAMPLES).astype(np.int64).tolist():
        start, end = int(lines.starts[line]), int(lines.ends[line])
        yield lines.data[start : min(end, start + 1_000)]


def _last(moments: Indexes, moment: np.int64) -> int:
    """Where a moment stands last: most often near the end, so it is looked for from there."""
    begin = max(0, len(moments) - 64)
    while not len(found := np.flatnonzero(moments[begin:] == moment)):
        begin = max(0, 2 * begin - len(moments))
    return begin + int(found[-1])


def _fed(ok: Mask, others: list[int]) -> tuple[Mask, Iterable[Span] | None]:
    """Which lines are fed: those that do not fit and the others, with those around them; and the page in spans, unless most lines are fed."""
    if others or np.count_nonzero(ok) < len(ok):
        odd = ~ok
        odd[others] = True
        feed = _around(odd)
        return feed, _spans(feed) if np.count_nonzero(feed) * 2 <= len(feed) else None
    feed, begin, end = np.zeros(len(ok), np.bool_), BEHIND, len(ok) - BEFORE  # as nearly always
    feed[:begin] = feed[end:] = True
    return feed, (Span(0, begin, True), Span(begin, end, False), Span(end, len(ok), True))


def _around(odd: Mask) -> Mask:
    """The odd lines with those around them, and both ends of the page."""
    feed = odd.copy()
    for step in range(1, BEFORE + 1):
        feed[:-step] |= odd[step:]
    for step in range(1, BEHIND + 1):
        feed[step:] |= odd[:-step]
    feed[:BEHIND] = True
    feed[-BEFORE:] = True
    return feed


def _hosts(rows: Rows, columns: Columns, begin: int, end: int) -> dict[str, int]:
    """How many of these lines each host wrote."""
    known = columns.heads.hosts
    if rows.host_of_all >= 0:
        return {known[rows.host_of_all].name: end - begin}
    counts = np.bincount(rows.host[begin:end])
    return {known[number].name: int(counts[number]) for number in np.flatnonzero(counts)}


def _spans(feed: Mask) -> Iterator[Span]:
    edges: Sequence[int] = [0, *(np.flatnonzero(feed[1:] != feed[:-1]) + 1).tolist(), len(feed)]
    for begin, end in itertools.pairwise(edges):
        yield Span(begin, end, bool(feed[begin]))
