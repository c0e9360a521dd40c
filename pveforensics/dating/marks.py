"""The stamps of one file in the order of its lines, and what dated things the whole bundle holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from pveforensics.readings import Document, LogScan, Stamp, TimeHint
from pveforensics.timebase import DAY, HOUR, SECOND, local_us, parse_local
from pveforensics.value import Value

EARLIEST_US = 946_684_800 * SECOND
"""1 January 2000: what claims to be older is a clock that was never set, a damaged field, or no time at all."""
LATEST_US = 4_102_444_800 * SECOND
"""1 January 2100, the end of what is taken for a date."""
_PLAUSIBLE_MTIME = 1_199_145_600
"""1 January 2008, the year of the first Proxmox VE: older file times are resets (0, 1980) of archivers."""


class Mark(Value, frozen=True):
    """A stamp and the line on which it stands."""

    line: int
    stamp: Stamp


def marks_of(scan: LogScan) -> list[Mark]:
    """Every stamp that the scan kept, by line."""
    found: dict[tuple[int, str], Mark] = {}
    for line, stamp in stamps_of(scan):
        if stamp is not None:
            found.setdefault((line, stamp.text), Mark(line, stamp))
    return sorted(found.values(), key=lambda mark: mark.line)


def stamps_of(scan: LogScan) -> Iterable[tuple[int, Stamp | None]]:
    """The stamps that the scan kept with their lines, in no order; some stand there more than once."""
    for run in scan.runs:
        yield run.first_line, run.first
        yield run.last_line, run.last
    for record in scan.records:
        yield record.line, record.stamp
    for hint in scan.hints:
        yield hint.line, hint.stamp
    for nul in scan.nul_runs:
        yield max(nul.line - 1, 0), nul.before
        yield nul.line, nul.after


def place(stamp: Stamp, year: int) -> int | None:
    """Local microseconds of a stamp's wall clock in a year; None for 29 February in most years."""
    if stamp.month is None or stamp.day is None:
        return None
    return local_us(year, stamp.month, stamp.day, stamp.second_of_day, stamp.micro)


def stated_us(stamp: Stamp) -> int | None:
    """Local or absolute microseconds of a stamp that states its year: good to 14 hours, which is all that years need."""
    at = stamp.epoch_us
    if at is None and stamp.year is not None:
        at = place(stamp, stamp.year)
    return at if at is not None and EARLIEST_US <= at < LATEST_US else None


def yearless(stamp: Stamp) -> bool:
    """True for a stamp with month and day and no year."""
    return stamp.epoch_us is None and stamp.year is None and stamp.month is not None


def file_time_us(mtime: float | None) -> int | None:
    """A file's time in microseconds, if it can be a real one."""
    return round(mtime * SECOND) if mtime is not None and _PLAUSIBLE_MTIME <= mtime < LATEST_US // SECOND else None


def hint_us(hint: TimeHint) -> int | None:
    """The moment of a hint, local or absolute; None if it has none that can be real."""
    at = hint.epoch_us if hint.epoch_us is not None else parse_local(hint.local) if hint.local else None
    return at if at is not None and EARLIEST_US <= at < LATEST_US else None


def is_lower_bound(hint: TimeHint) -> bool:
    """True for a moment that only lies before the lines: a start (`Active: ... since`), a build date, the age of a file."""
    return not hint.exact and bool(re.search(r"active|since|build|built|version|begin|lower", hint.what, re.IGNORECASE))


class Dated(Struct):
    """The newest dated thing and the newest lower bound of a node or of the whole bundle (local microseconds)."""

    newest: int | None = None
    what: str = ""
    bound: int | None = None

    def see(self, at: int | None, what: str) -> None:
        """Take note of a dated thing."""
        if at is not None and (self.newest is None or at > self.newest):
            self.newest, self.what = at, what

    def see_hint(self, hint: TimeHint, path: str) -> None:
        """Take note of a hint, which may be no more than a lower bound."""
        at = hint_us(hint)
        if at is None:
            return
        if is_lower_bound(hint):
            self.bound = max(at, self.bound or at)
        else:
            self.see(at, f"{hint.what or 'date'} in {path}:{hint.line}")


class Dates(Value, frozen=True):
    """What is dated, for each node and for all together."""

    of_node: Mapping[str, Dated] = field(default_factory=dict)
    of_all: Dated = field(default_factory=Dated)


def dates_of(scans: Sequence[LogScan], documents: Sequence[Document], node_of_path: Mapping[str, str]) -> Dates:
    """Collect the dated things of all files."""
    dates: dict[str, Dated] = {}
    everything = Dated()
    sources: tuple[LogScan | Document, ...] = (*scans, *documents)
    for source in sources:
        for sink in (dates.setdefault(node_of_path.get(source.path, ""), Dated()), everything):
            for hint in source.hints:
                sink.see_hint(hint, source.path)
    for scan in scans:
        stamps = (stamp for run in scan.runs for stamp in (run.first, run.last))
        newest = max((at for at in map(stated_us, stamps) if at is not None), default=None)
        for sink in (dates[node_of_path.get(scan.path, "")], everything):
            sink.see(newest, f"stamps of {scan.path}")
    for document in documents:
        for snapshot in document.snapshots:
            at = snapshot.epoch_us if snapshot.epoch_us is not None else parse_local(snapshot.local)
            at = at if at is not None and EARLIEST_US <= at < LATEST_US else None
            for sink in (dates[node_of_path.get(document.path, "")], everything):
                sink.see(at, f"{snapshot.kind} in {document.path}:{snapshot.line}")
    return Dates(dates, everything)


SLACK_US = 36 * HOUR
"""Lines may be late, clocks may step and zones differ by this much before an order of dates means another year."""
MONTHS_US = 60 * DAY
"""A dump or dated line may be this much older than the newest line beside it."""
