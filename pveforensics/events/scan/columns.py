"""Columns: reads the fixed columns of all lines of a page at once and tells which lines fit them without any doubt."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pveforensics.events.scan.anchored import HitReader, Hits, PageTable
from pveforensics.events.scan.coverage import BACK_US, HOLE_US
from pveforensics.events.scan.heads import Heads
from pveforensics.events.scan.layout import Layout, Midnight
from pveforensics.events.scan.pieces import joined
from pveforensics.events.scan.survey import HeadReader, HeadRows, Surveyed
from pveforensics.events.scan.words import Indexes, Mask, Page, Room, Words, low_bytes, word
from pveforensics.readings import Stamp
from pveforensics.timebase import SECOND

LONGEST = 8_192
"""Bytes of a line that fits; the reader of lines takes no more of it apart either."""

_TIME = word(b"00:00:00")
_TIME_CARRY = word(b"\x0d\x06\0\x0a\x06\0\x0a\x06")
_TIME_MASK = word(b"\xf0\xf0\xff\xf0\xf0\xff\xf0\xf0")
_FRACTION = word(b".000000")
_FRACTION_CARRY = word(b"\0" + b"\x06" * 6)
_FRACTION_MASK = word(b"\xff" + b"\xf0" * 6)


_NO_TAGS: Indexes = np.zeros(0, np.int64)


class Rows(NamedTuple):
    """What the columns of a page say. Where `ok` is false nothing else holds.

    `at` is the moment as coverage counts (microseconds), `host` and `tag` are numbers of `Heads`, `message` is the offset of the
    message in the page, `taught` are lines from which a host or tag was learned. Of lines whose tags were not asked for `tag` and
    `message`, which may be empty, mean nothing, and `ok` says nothing of what stands behind the host. `cuts` are the lines whose moment is no plain step on
    from that of the line before, `host_of_all` is the host where all lines have one, else -1. `table` is where all of it lies, and
    `hits` what stands in the lines with an anchor, if these were taken apart when they were found.
    """

    ok: Mask
    at: Indexes
    host: Indexes
    tag: Indexes
    message: Indexes
    taught: list[int]
    cuts: Indexes
    host_of_all: int
    table: PageTable
    hits: Hits | None = None


class Begins(NamedTuple):
    """What the lines of a page begin with, as in `Rows`; `ok` says nothing of the host, which is -1 where it is not known: in `strange` lines at most."""

    ok: Mask
    at: Indexes
    host: Indexes
    strange: int
    cuts: Indexes
    host_of_all: int
    table: PageTable


class Columns:
    """The columns of one layout in one file."""

    def __init__(self, layout: Layout) -> None:
        """Nothing is known of hosts, tags and dates yet."""
        self.layout = layout
        self.heads = Heads(layout)
        self.back_us = BACK_US
        """How far a line that is no cut may be behind the one before."""
        self._date, self.head = layout.date, layout.head  # worked out but once: stamps are made by the thousand
        self._midnights: dict[bytes, Midnight | None] = {}
        self._reader = HeadReader(
            layout.date, layout.zone_at, layout.zone, layout.head, LONGEST, (BACK_US, HOLE_US), fraction=layout.fraction
        )
        self._hits = HitReader(layout.head + 2)
        self._tags: Indexes = np.zeros((2, 0), np.int64)
        self._surveyed: tuple[bytes, Surveyed | None] = b"", None

    def joined(self, parts: Sequence[bytes], size: int) -> bytes | None:
        """As `pieces.joined`; the text is surveyed while it is copied, which spares a way through memory, if it is the next one to be asked for."""
        self._know_hosts()
        found = self._reader.survey_of_parts(parts, size)
        if found is None:
            return joined(parts, size)
        self._surveyed = found
        return found[0]

    def _know_hosts(self) -> None:
        if self._reader.hosts != len(self.heads.hosts):
            self._reader.know([host.words for host in self.heads.hosts])
            self._hits.know([host.width for host in self.heads.hosts])

    def survey(self, data: bytes, room: Room) -> tuple[Page, Begins | None]:
        """The page of a text, with what its lines begin with if that can be told on the way; both hold until the next one."""
        text, found = self._surveyed
        self._surveyed = b"", None
        if text is not data or found is None:
            self._know_hosts()
            found = self._reader.survey(data)
        if found is None:
            return Page(data, room), None
        starts, ends, heads = found
        page = Page(data, room, (starts, ends))
        return page, self._dated(page, heads, self._reader.table)

    def read(self, page: Page, wanted: Indexes | None = None, begins: Begins | None = None) -> Rows:
        """Take the heads of all lines apart, of which `begins` may be known; their tags only of the `wanted` lines, if these are given."""
        starts = page.starts
        ok, at, host, strange, cuts, host_of_all, table = begins or self._in_machine_code(page) or self._in_numpy(page)
        taught: list[int] = []
        if strange:
            self.heads.find_hosts(page, ok, host, taught)
            ok &= host >= 0
        tag, message = np.zeros((2, len(starts)), np.int64) if wanted is None else self._room_for_tags(len(starts))
        lines = np.flatnonzero(ok) if wanted is None else wanted[ok[wanted]]
        if len(lines):
            every = wanted is None and len(lines) == len(ok)
            some: Indexes | slice = slice(None) if every else lines  # a slice is not copied
            widths = np.array([known.width for known in self.heads.hosts], np.int64)
            places = starts[some] + (self.head + 2) + widths[host[some]]
            tag[some], message[some], ok[some] = self.heads.find_tags(page, lines, places, taught)
        return Rows(ok, at, host, tag, message, taught, cuts, host_of_all, table)

    def read_hit(self, begins: Begins, hits: array[int], marked: int, data: bytes) -> Rows | None:
        """Take the heads of the lines apart in which hits stand (of literals from `marked` on: not), in the page whose `begins` were surveyed last.

        None where that needs what only `read` can do: learn a host or a tag, or do without compiled loops.
        """
        ok, at, host, strange, cuts, host_of_all, table = begins
        if strange:
            return None
        found = self._hits.read(data, hits, marked, table, self.heads.lie(), host_of_all)
        if found is None:
            return None
        return Rows(ok, at, host, _NO_TAGS, _NO_TAGS, [], cuts, host_of_all, table, found)

    def _room_for_tags(self, lines: int) -> Indexes:
        """Columns for tags and messages, with what stood there before: fresh memory would cost as much as what is done with it."""
        if self._tags.shape[1] < lines:
            self._tags = np.zeros((2, lines), np.int64)
        return self._tags[:, :lines]

    def _in_machine_code(self, page: Page) -> Begins | None:
        """What the lines begin with, from compiled loops; None where nothing was compiled."""
        self._know_hosts()
        found = self._reader.read(page.data, page.starts, page.ends)
        return self._dated(page, found, _table(page, found.ok, found.clock, found.host)) if found is not None else None

    def _dated(self, page: Page, heads: HeadRows, table: PageTable) -> Begins:
        at = heads.clock
        self._add_dates(page, heads.edges, heads.ok, at)
        cuts = heads.cuts[1:] if len(heads.cuts) and not heads.cuts.item(0) else heads.cuts
        if len(cuts):
            cuts = cuts[_is_cut(at[cuts] - at[cuts - 1])]
        alone = heads.strange == 0 and heads.seen.bit_count() == 1
        return Begins(heads.ok, at, heads.host, heads.strange, cuts, heads.seen.bit_length() - 1 if alone else -1, table)

    def _in_numpy(self, page: Page) -> Begins:
        """The same in numpy; the hosts are left to `Heads`."""
        layout, starts = self.layout, page.starts
        ok = page.ends - starts <= LONGEST
        clock, valid = _clock(page.words[starts + layout.date])
        ok &= valid
        if layout.fraction:
            micros, valid = _micros(page.words[starts + layout.date + 8])
            clock += micros
            ok &= valid
        if layout.zone:
            ok &= (page.words[starts + layout.zone_at] & low_bytes(len(layout.zone))) == word(layout.zone)
        self._add_dates(page, self._new_dates(page), ok, clock)
        cuts = np.flatnonzero(_is_cut(np.diff(clock))) + 1
        host = np.full(len(ok), -1, np.int64)
        return Begins(ok, clock, host, len(ok), cuts, -1, _table(page, ok, clock, host))

    def _new_dates(self, page: Page) -> Indexes:
        """The lines whose date is another than that of the line before."""
        starts, length = page.starts, self.layout.date
        first = page.words[starts] & low_bytes(min(length, 8))
        change = first[1:] != first[:-1]
        if length > 8:
            second = page.words[starts + (length - 8)]
            change |= second[1:] != second[:-1]
        return np.concatenate((np.zeros(1, np.int64), np.flatnonzero(change) + 1))

    def _add_dates(self, page: Page, edges: Indexes, ok: Mask, at: Indexes) -> None:
        """Add to the moments of the day the midnight of their date, which changes at `edges`; clears `ok` where there is no such date."""
        length = self._date
        bounds = [*edges.tolist(), len(ok)]
        for begin, end in itertools.pairwise(bounds):
            start = page.starts.item(begin)
            midnight = self._midnight(page.data[start : start + length])
            if midnight is None:
                ok[begin:end] = False
            else:
                at[begin:end] += midnight.at

    def stamp(self, page: Page, rows: Rows, line: int) -> Stamp | None:
        """The stamp of a line that fits."""
        start = page.starts.item(line)
        text = page.data[start : start + self.head]
        date = text[: self._date]
        midnight = self._midnights.get(date) or self._midnight(date)
        return midnight.later(text.decode("ascii"), rows.at.item(line)) if midnight is not None else None

    def _midnight(self, date: bytes) -> Midnight | None:
        if date not in self._midnights:
            if len(self._midnights) > 10_000:
                self._midnights.clear()
            self._midnights[date] = self.layout.midnight(date)
        return self._midnights[date]


def _table(page: Page, ok: Mask, at: Indexes, host: Indexes) -> PageTable:
    return PageTable(len(ok), *(column.ctypes.data for column in (page.ends, ok, at, host)))


def _is_cut(steps: Indexes) -> Mask:
    """Which steps from one line's moment to the next are no plain steps on."""
    return (steps < -BACK_US) | (steps > HOLE_US)


def _clock(words: Words) -> tuple[Indexes, Mask]:
    """Microseconds of the day of `HH:MM:SS`, and whether it is one; a leap second is none."""
    value = words ^ _TIME
    valid = ((value | (value + _TIME_CARRY)) & _TIME_MASK) == 0
    pairs = value * np.uint64(10) + (value >> np.uint64(8))
    hours = _byte(pairs, 0)
    valid &= hours < 24
    return (hours * 3600 + _byte(pairs, 3) * 60 + _byte(pairs, 6)) * SECOND, valid


def _micros(words: Words) -> tuple[Indexes, Mask]:
    """Microseconds of `.123456`, and whether it is that."""
    value = (words ^ _FRACTION) & low_bytes(7)
    valid = ((value | (value + _FRACTION_CARRY)) & _FRACTION_MASK) == 0
    pairs = value * np.uint64(10) + (value >> np.uint64(8))
    return _byte(pairs, 1) * 10_000 + _byte(pairs, 3) * 100 + _byte(pairs, 5), valid


def _byte(words: Words, place: int) -> npt.NDArray[np.int64]:
    return ((words >> np.uint64(8 * place)) & np.uint64(0xFF)).astype(np.int64)
