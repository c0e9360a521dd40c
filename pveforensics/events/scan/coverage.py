"""Coverage: in which stretches of time a log was being written, told by its stamps alone."""

from __future__ import annotations

from pveforensics.readings import Run, Stamp
from pveforensics.timebase import SECOND

BACK_US = 120 * SECOND
"""A stamp that much earlier than the one before begins a new run: another boot, another paste, or a stepped clock."""

HOLE_US = 65 * 60 * SECOND
"""A silence that long ends a run; cron.hourly writes every 60 minutes on a healthy node."""

MOST_RUNS = 20_000
_DAY_US = 86_400 * SECOND
MONTH_BEGINS = (0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335)


def moment(stamp: Stamp) -> tuple[str, int]:
    """A kind and a number: numbers of one kind can be compared."""
    if stamp.epoch_us is not None:
        return "epoch", stamp.epoch_us
    if stamp.uptime_us is not None:
        return "uptime", stamp.uptime_us
    days = MONTH_BEGINS[(stamp.month or 1) - 1] + (stamp.day or 1) + (stamp.year or 0) * 366
    return ("dated" if stamp.year is not None else "yearless"), days * _DAY_US + stamp.second_of_day * SECOND + stamp.micro


def step(before: tuple[str, int], after: tuple[str, int]) -> int | None:
    """Microseconds from one to the other, None if they cannot be compared. A year's end between yearless stamps is a step forward."""
    if before[0] != after[0]:
        return None
    delta = after[1] - before[1]
    if before[0] == "yearless" and delta < -300 * _DAY_US:
        delta += 366 * _DAY_US
    return delta


class RunBuilder:
    """Takes the stamps of a file in order and leaves its runs."""

    def __init__(self) -> None:
        """No run is open."""
        self.runs: list[Run] = []
        self.boot = 0
        self.full = False
        self._first: Stamp | None = None
        self._last: Stamp | None = None
        self._newest: Stamp | None = None
        self._at = ("", 0)
        self._newest_at = ("", 0)
        self._lines = (0, 0)

    @property
    def latest(self) -> Stamp | None:
        """The stamp that came last, also across runs."""
        return self._last

    def add(self, stamp: Stamp, line: int) -> None:
        """Note the stamp of one line."""
        if stamp is self._last and self._first is not None:
            self._lines = (self._lines[0], line)
            return
        at = moment(stamp)
        delta = step(self._at, at) if self._first is not None else None
        self._last, self._at = stamp, at
        if delta is None or delta < -BACK_US or delta > HOLE_US:
            self.close()
            self._last = stamp
            self._first = self._newest = stamp
            self._newest_at = at
            self._lines = (line, line)
            return
        ahead = step(self._newest_at, at)
        if ahead is not None and ahead >= 0:
            self._newest, self._newest_at = stamp, at
        self._lines = (self._lines[0], line)

    def extend(self, newest: Stamp, last: Stamp, line: int) -> None:
        """Note lines that follow the one before without a hole or a step back: the newest of their stamps, and the last one."""
        at = moment(newest)
        ahead = step(self._newest_at, at)
        if ahead is not None and ahead >= 0:
            self._newest, self._newest_at = newest, at
        self._last, self._at = last, moment(last)
        self._lines = (self._lines[0], line)

    def far_behind(self, moment_us: int) -> bool:
        """True for a moment so far behind the newest that a step to it may be a year's end."""
        return moment_us < self._newest_at[1] - 200 * _DAY_US

    def close(self) -> None:
        """End the open run."""
        if self._first is not None and self._newest is not None:
            if len(self.runs) < MOST_RUNS:
                self.runs.append(Run(self._first, self._newest, *self._lines, self.boot))
            else:
                self.full = True
        self._first = self._newest = None

    def new_boot(self) -> None:
        """A separator says that another boot begins."""
        self.close()
        self.boot += 1
