"""Moments: the stamps of one file as numbers that can be compared with those of other files, without asking its clock for each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pveforensics.events.scan.coverage import HOLE_US, moment
from pveforensics.readings import LogScan, Stamp
from pveforensics.timebase import DAY, Instant

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LONGEST_US = 100 * DAY
"""Clocks change twice a year: two lines of one run that are nearer than this and are read with one shift have no change between them."""

_NEAREST = 32
"""Lines around a change of the clock that are not told apart any further: what is recalled does not hang on an hour's edge."""


class Clock(Protocol):
    """What reads the stamps of one file."""

    def instant(self, line: int, stamp: Stamp | None, after: Instant | None = None) -> Instant | None:
        """The instant of a stamp on a line, or None."""
        ...


class Cut(NamedTuple):
    """A node went down between these two moments, if it did."""

    since: int
    until: int


class Moments:
    """The runs of a file, each with what has to be added to the moments of its stamps to get microseconds in UTC.

    Of stamps that nothing dates nothing is added: within their file they can be compared all the same.
    """

    def __init__(self, scan: LogScan, clock: Clock) -> None:
        """The file and its clock."""
        self._clock = clock
        self._runs = scan.runs
        self._first_lines = [run.first_line for run in scan.runs]
        self._shifts = [(self._shift(run.first_line, run.first), self._shift(run.last_line, run.last)) for run in scan.runs]

    @property
    def end(self) -> int | None:
        """When the file ends; None for one without stamps."""
        return moment(self._runs[-1].last)[1] + self._shifts[-1][1] if self._runs else None

    def of(self, line: int, stamp: Stamp) -> int:
        """The moment of a stamp."""
        at = self._clock.instant(line, stamp)
        return at.us if at is not None else moment(stamp)[1]

    def cut(self, line: int, stamp: Stamp) -> Cut:
        """The time in which the node went down before a boot whose first line this is."""
        at = self.of(line, stamp)
        run = bisect_right(self._first_lines, line) - 1
        if run > 0 and at - moment(self._runs[run].first)[1] - self._shifts[run][0] < HOLE_US:
            return Cut(min(moment(self._runs[run - 1].last)[1] + self._shifts[run - 1][1], at), at)
        return Cut(at - HOLE_US, at)  # a longer silence would have ended the run

    def of_all(self, lines: Numbers, moments: Numbers, stamp_at: Callable[[int], Stamp | None]) -> Numbers:
        """The moments of many lines in the order of the file; `stamp_at` reads the stamp of one of them, by its place."""
        if not self._runs or not len(lines):
            return moments
        edges = np.searchsorted(lines, [*self._first_lines[1:], np.iinfo(np.int64).max]).tolist()
        shifts = np.zeros(len(lines), np.int64)
        begin = 0
        for run, end, (first, last) in zip(self._runs, edges, self._shifts, strict=True):
            if begin < end:
                short = moment(run.last)[1] - moment(run.first)[1] < LONGEST_US
                if first == last and short:
                    shifts[begin:end] = first
                else:
                    for start, stop, shift in self._stretches(lines, stamp_at, begin, end):
                        shifts[start:stop] = shift
            begin = end
        return np.where(moments < 0, moments, moments + shifts)

    def _stretches(self, lines: Numbers, stamp_at: Callable[[int], Stamp | None], begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Stretches of lines with one shift."""

        def shift(place: int) -> int:
            stamp = stamp_at(place)
            return self._shift(int(lines[place]), stamp) if stamp is not None else 0

        left = [(begin, end)]
        while left:
            start, stop = left.pop()
            first = shift(start)
            if stop - start <= _NEAREST or (first == shift(stop - 1) and (stop - start) * 8 <= len(lines)):
                yield start, stop, first
            else:
                middle = (start + stop) // 2
                left += [(start, middle), (middle, stop)]

    def _shift(self, line: int, stamp: Stamp) -> int:
        at = self._clock.instant(line, stamp)
        return at.us - moment(stamp)[1] if at is not None else 0
