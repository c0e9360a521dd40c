"""Moments: the stamps of one file's lines as microseconds in UTC, many at a time, by the same clock that dates its events."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pveforensics.dating import FileClock, KernelStart
from pveforensics.dating.marks import EARLIEST_US, LATEST_US
from pveforensics.dating.years import YearBook
from pveforensics.dating.zones import Zone
from pveforensics.events.scan.coverage import MONTH_BEGINS
from pveforensics.readings import Stamp
from pveforensics.timebase import DAY, SECOND, Basis, local_us, parse_offset, zone_of_abbreviation
from pveforensics.timeline.blocks import NO_FORM, Alike, Form

Indexes = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]

_QUARTER = 15 * 60 * SECOND
_YEAR_DAYS = 366
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_UNKNOWN = -(1 << 60)
_FAR = 60 * DAY
_LATE = 120 * SECOND
_NEAR = 1800 * SECOND
"""As for events (`dating.clock`): a line that much older is only late; a line that near to its neighbour is the next one."""


class Claim(NamedTuple):
    """What a moment rests on, and how far it may be off (microseconds)."""

    basis: Basis
    error_us: int


class Claims:
    """All claims of a run by number; 0 stands for no moment at all."""

    def __init__(self) -> None:
        """None is known yet."""
        self.known: list[Claim | None] = [None]
        self._numbers: dict[Claim, int] = {}

    def number(self, claim: Claim) -> int:
        """The number of a claim; where there are too many, that of an earlier one with a greater error is taken."""
        found = self._numbers.get(claim)
        if found is None:
            if len(self.known) >= (1 << 16) - 1:
                return max(range(1, len(self.known)), key=self._error)
            found = self._numbers[claim] = len(self.known)
            self.known.append(claim)
        return found

    def _error(self, place: int) -> int:
        claim = self.known[place]
        return claim.error_us if claim is not None else 0


class FileMoments:
    """Dates the lines of one file, block after block in their order."""

    def __init__(self, clock: FileClock, start: KernelStart | None, forms: Sequence[Form], claims: Claims) -> None:
        """`start` is second zero of a log that counts kernel seconds alone; `forms` are those of its stamps, by number."""
        self._clock = clock
        self._start = start
        self._forms = forms
        self._claims = claims
        self._previous: int | None = None
        self._turns = _year_turns(clock.book)

    def date_alike(self, lines: Alike) -> tuple[int, int] | None:
        """What makes the moments of lines that are alike from their stamps, and the number of their claim; None if they must be dated one by one."""
        form = self._forms[lines.form]
        found = self._delta(form, lines)
        if found is None or lines.low + found[0] < EARLIEST_US or lines.high + found[0] >= LATEST_US:
            return None
        delta, claim = found
        self._previous = lines.end + delta
        return delta, self._claims.number(claim)

    def _delta(self, form: Form, lines: Alike) -> tuple[int, Claim] | None:
        """What lies between the stamps of lines and their moments, if that is the same for all."""
        if form.kind == "epoch":
            return 0, Claim(Basis.STATED, form.resolution_us)
        if form.kind == "uptime":
            start = self._start
            return (start.us, Claim(start.basis, form.resolution_us + start.error_us)) if start is not None else None
        if form == NO_FORM or lines.low // DAY != lines.high // DAY:
            return None
        years = [year for _, _, year in self._years(form, np.array([lines.low, lines.high]), np.array(lines.lines), 0, 2)]
        midnight = _midnight(lines.low // DAY, years[0]) if len(years) == 1 and years[0] is not None else None
        if midnight is None:
            return None
        own = parse_offset(form.zone) if form.zone else None
        east = _offset_of_day(self._clock.zone, midnight) if own is None else own
        return (midnight - lines.low // DAY * DAY - east, Claim(_basis(form, own), form.resolution_us)) if east is not None else None

    def date(self, at: Indexes, form: Codes, line: Indexes) -> tuple[Indexes, Codes]:
        """Moments and the numbers of their claims; where that is 0 there is no moment."""
        numbers = np.flatnonzero(np.bincount(form)).tolist()
        if len(numbers) == 1 and self._forms[numbers[0]] != NO_FORM:  # nearly always
            us, claim, second = self._of_form(self._forms[numbers[0]], at, line)
        else:
            us, claim, second = np.zeros_like(at), np.zeros(len(at), np.uint16), np.zeros_like(at)
            for number in numbers:
                if self._forms[number] != NO_FORM:
                    rows = np.flatnonzero(form == number)
                    us[rows], claim[rows], second[rows] = self._of_form(self._forms[number], at[rows], line[rows])
        claim[(us < EARLIEST_US) | (us >= LATEST_US)] = 0
        if second.any():
            self._settle(us, claim, second)
        dated = np.flatnonzero(claim)
        if len(dated):
            self._previous = int(us[dated[-1]])
        return us, claim

    def _of_form(self, form: Form, at: Indexes, line: Indexes) -> tuple[Indexes, Codes, Indexes]:
        """Moments, claims, and what a line's second pass of a repeated hour adds to its moment."""
        nothing = np.zeros_like(at)
        if form.kind == "epoch":
            return at, self._claim(at, Basis.STATED, form.resolution_us), nothing
        if form.kind == "uptime":
            start = self._start
            if start is None:
                return nothing, np.zeros(len(at), np.uint16), nothing
            return at + start.us, self._claim(at, start.basis, form.resolution_us + start.error_us), nothing
        local, known = self._local(form, at, line)
        own = parse_offset(form.zone) if form.zone else None
        later = nothing
        if own is None:
            first, second = self._offsets(local)
            us, later = local - first, first - second
        else:
            us = local - own
        claim = self._claim(at, _basis(form, own), form.resolution_us)
        return us, np.where(known, claim, 0).astype(np.uint16), np.where(known, later, 0)

    def _claim(self, like: Indexes, basis: Basis, error: int) -> Codes:
        return np.full(len(like), self._claims.number(Claim(basis, error)), np.uint16)

    def _local(self, form: Form, at: Indexes, line: Indexes) -> tuple[Indexes, Mask]:
        """Local microseconds, and whether there is such a day in a known year."""
        local, known = np.zeros_like(at), np.zeros(len(at), np.bool_)
        for begin, end in _runs(at // DAY):
            for start, stop, year in self._years(form, at, line, begin, end):
                midnight = _midnight(int(at[start]) // DAY, year) if year is not None else None
                if midnight is not None:
                    local[start:stop] = midnight + at[start:stop] % DAY
                    known[start:stop] = True
        return local, known

    def _years(self, form: Form, at: Indexes, line: Indexes, begin: int, end: int) -> Iterator[tuple[int, int, int | None]]:
        """The year of lines of one date: one for all of them, but where the file's own dates tell of another one in between."""
        if form.kind == "dated":
            yield begin, end, (int(at[begin]) // DAY - 1) // _YEAR_DAYS
            return
        cuts = np.unique(np.searchsorted(line[begin:end], self._turns)) + begin
        for start, stop in itertools.pairwise([begin, *(cut for cut in cuts.tolist() if begin < cut < end), end]):
            yield start, stop, self._year(form, int(at[start]), int(line[start]))

    def _year(self, form: Form, at: int, line: int) -> int | None:
        month, day = _month_and_day(at // DAY)
        stamp = Stamp("", None, None, month, day, at % DAY // SECOND, at % SECOND, form.resolution_us, form.zone)
        local = self._clock.book.at(line, stamp)
        return None if local is None else dt.date.fromordinal(local // DAY + _EPOCH_DAY).year

    def _offsets(self, local: Indexes) -> tuple[Indexes, Indexes]:
        """Microseconds east of UTC at the first and the second pass of each local time."""
        first, second = np.zeros_like(local), np.zeros_like(local)
        offsets: Callable[[int], tuple[int, int]] = self._clock.zone.offsets
        for begin, end in _runs(local // _QUARTER):
            told = offsets(int(local[begin]))
            if told == offsets(int(local[end - 1])):
                first[begin:end], second[begin:end] = told
            else:
                for row in range(begin, end):
                    first[row], second[row] = offsets(int(local[row]))
        return first, second

    def _settle(self, us: Indexes, claim: Codes, second: Indexes) -> None:
        """Choose the pass of each line in an hour of a clock change by the lines around it, as `dating.clock` does for events."""
        places = np.flatnonzero(second)
        dated = np.flatnonzero(claim)
        doubtful: list[tuple[int, int]] = []
        for row in places.tolist():
            if not claim[row]:
                continue
            before = int(np.searchsorted(dated, row)) - 1
            previous = int(us[dated[before]]) if before >= 0 else self._previous
            first, later = int(us[row]), int(us[row]) + int(second[row])
            if later < first:  # an hour that spring skips
                us[row] = later
                self._doubt(claim, row, first - later)
            elif previous is not None and previous > first + _LATE:
                us[row] = later
            elif previous is None or first - previous > _NEAR:
                doubtful.append((row, later))
                self._doubt(claim, row, later - first)
        for row, later in reversed(doubtful):
            behind = int(np.searchsorted(dated, row, "right"))
            following = int(us[dated[behind]]) if behind < len(dated) else None
            for pass_ in (later, int(us[row])):
                if following is not None and -_LATE <= following - pass_ <= _NEAR:
                    us[row] = pass_
                    self._doubt(claim, row, -int(second[row]))
                    break

    def _doubt(self, claim: Codes, row: int, error: int) -> None:
        known = self._claims.known[int(claim[row])]
        if known is not None:
            claim[row] = self._claims.number(known._replace(error_us=known.error_us + error))


@functools.lru_cache(4096)
def _offset_of_day(zone: Zone, midnight: int) -> int | None:
    """Microseconds east of UTC on all of a day; None if a clock was changed on it."""
    quarters = range(midnight, midnight + DAY, _QUARTER)
    told = {offset for begin in quarters for at in (begin, begin + _QUARTER - 1) for offset in zone.offsets(at)}
    return told.pop() if len(told) == 1 else None


def _basis(form: Form, own: int | None) -> Basis:
    """What moments rest on whose stamps are local times, `own` being the offset that these state."""
    if form.kind == "yearless":
        return Basis.YEAR_INFERRED
    plain = own is not None and zone_of_abbreviation(form.zone) in (None, "UTC")
    return Basis.STATED if plain else Basis.ZONE_INFERRED


def _year_turns(book: YearBook) -> Indexes:
    """The lines from which on dates without a year may be of another one than above: the file's own dates jump there."""
    places = [place if place is not None else _UNKNOWN for place in book.places]
    if not places:
        return np.zeros(0, np.int64)
    known = np.array([_UNKNOWN, *places, _UNKNOWN, _UNKNOWN], np.int64)
    near = np.where(known[1:-1] != _UNKNOWN, known[1:-1], np.where(known[:-2] != _UNKNOWN, known[:-2], known[2:]))
    turns: Indexes = np.array(book.lines, np.int64)[np.abs(near[1:] - near[:-1]) > _FAR] + 1
    return turns


def _runs(values: Indexes) -> Iterator[tuple[int, int]]:
    """Where equal values follow each other: begin and end of each run."""
    if not len(values):
        return
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    yield from itertools.pairwise(edges)


def _month_and_day(number: int) -> tuple[int, int]:
    """The date behind a number of `coverage.moment`, which gives every year 366 days."""
    of_year = (number - 1) % _YEAR_DAYS
    month = sum(begin <= of_year for begin in MONTH_BEGINS)
    return month, of_year - MONTH_BEGINS[month - 1] + 1


def _midnight(number: int, year: int) -> int | None:
    """Local microseconds of the begin of a date in a year."""
    month, day = _month_and_day(number)
    return local_us(year, month, day)
