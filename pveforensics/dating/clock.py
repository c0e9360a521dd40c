"""From a file's stamps to instants: the right year, the right pass of a repeated hour, kernel seconds after a known boot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pveforensics.dating.marks import EARLIEST_US, LATEST_US, marks_of
from pveforensics.dating.years import YearBook
from pveforensics.dating.zones import Zone
from pveforensics.readings import LogScan, Stamp
from pveforensics.timebase import HOUR, SECOND, Basis, Instant, parse_offset, zone_of_abbreviation
from pveforensics.value import Value

_LATE = 120 * SECOND
"""A line this much older than the one before it is only late, not in the second pass of a repeated hour."""
_NEAR = 30 * 60 * SECOND
"""A line this near to its neighbour in time is the next thing that happened."""


class FileClock(Value, frozen=True):
    """Reads the stamps of one file. `resolved` holds the instants of the stamps that were walked through in order, if that tells more."""

    book: YearBook
    zone: Zone
    resolved: Mapping[tuple[int, str], Instant]

    def instant(self, line: int, stamp: Stamp | None, after: Instant | None = None) -> Instant | None:
        """The instant of a stamp on a line, or None. `after` is an earlier instant of the same storm."""
        if stamp is None:
            return None
        if self.resolved and (known := self.resolved.get((line, stamp.text))) is not None:
            return known
        first, second = _passes(self.book, self.zone, line, stamp)
        if first is None or second is None or after is None:
            return first
        return second if first.us + _LATE < after.us else first


def file_clock(scan: LogScan, book: YearBook, zone: Zone) -> FileClock:
    """Walk through the stamps of a file in the order of its lines and settle which pass of a repeated hour each belongs to."""
    if not zone.turns:
        return FileClock(book, zone, {})
    marks = marks_of(scan)
    chosen: list[Instant | None] = []
    doubtful: dict[int, Instant] = {}
    previous: int | None = None
    for k, mark in enumerate(marks):
        first, second = _passes(book, zone, mark.line, mark.stamp)
        if first is not None and second is not None:
            first, sure = _choose(first, second, previous)
            if not sure:
                doubtful[k] = second
        chosen.append(first)
        previous = first.us if first is not None else previous
    _settle_from_behind(chosen, doubtful)
    resolved = {(mark.line, mark.stamp.text): at for mark, at in zip(marks, chosen, strict=True) if at is not None}
    return FileClock(book, zone, resolved)


def _choose(first: Instant, second: Instant, previous: int | None) -> tuple[Instant, bool]:
    """The pass that goes on from the line before; False if nothing tells, then the first with an error of the difference."""
    if first.us > second.us:  # an hour that spring skips: no clock of this zone ever showed it
        return _doubt(second, first.us - second.us), True
    if previous is not None:
        if previous > first.us + _LATE:
            return second, True
        if first.us - previous <= _NEAR:
            return first, True
    return _doubt(first, second.us - first.us), False


def _doubt(at: Instant, error: int) -> Instant:
    return Instant(at.us, at.error_us + error, at.basis)


def _settle_from_behind(chosen: list[Instant | None], doubtful: Mapping[int, Instant]) -> None:
    """A doubtful line that is followed closely after its second pass, and not after its first, belongs to the second."""
    following: int | None = None
    for k in range(len(chosen) - 1, -1, -1):
        second, at = doubtful.get(k), chosen[k]
        if second is not None and at is not None and following is not None:
            if -_LATE <= following - second.us <= _NEAR:
                chosen[k] = at = second
            elif -_LATE <= following - at.us <= _NEAR:
                chosen[k] = at = Instant(at.us, second.error_us, at.basis)
        following = at.us if at is not None else following


def _passes(book: YearBook, zone: Zone, line: int, stamp: Stamp) -> tuple[Instant | None, Instant | None]:
    """The instant of a stamp, and in the hours of a clock change the one of its other pass."""
    resolution = stamp.resolution_us
    if stamp.epoch_us is not None:
        return _bounded(stamp.epoch_us, resolution, Basis.STATED), None
    local = book.at(line, stamp) if stamp.month is not None else None
    if local is None:
        return None, None
    own = parse_offset(stamp.zone) if stamp.zone else None
    if own is not None:
        plain = zone_of_abbreviation(stamp.zone) in (None, "UTC")
        basis = Basis.YEAR_INFERRED if stamp.year is None else Basis.STATED if plain else Basis.ZONE_INFERRED
        return _bounded(local - own, resolution, basis), None
    basis = Basis.YEAR_INFERRED if stamp.year is None else Basis.ZONE_INFERRED
    first, second = zone.offsets(local)
    one = _bounded(local - first, resolution, basis)
    return one, None if first == second else _bounded(local - second, resolution, basis)


def _bounded(us: int, resolution: int, basis: Basis) -> Instant | None:
    """An instant in the range of years that can be real."""
    return Instant(us, resolution, basis) if EARLIEST_US <= us < LATEST_US else None


# --- kernel seconds ------------------------------------------------------------------------------


class KernelStart(Value, frozen=True):
    """The wall-clock moment of kernel second zero of one boot, and how far it may be off (rsyslog logs boot lines late)."""

    us: int
    error_us: int
    basis: Basis

    def instant(self, uptime_us: int, resolution_us: int) -> Instant | None:
        """The moment of a kernel second."""
        return _bounded(self.us + uptime_us, resolution_us + self.error_us, self.basis)


def kernel_starts(pairs: Iterable[tuple[Instant, int]]) -> list[KernelStart]:
    """Kernel starts, one per boot, from lines that carry both a moment and kernel seconds, in the order of the file.

    A line is never logged before it happened, so the earliest difference of a boot is the best; the spread is its error.
    """
    boots: list[list[tuple[int, Instant, int]]] = []
    last = None
    for at, uptime in pairs:
        if last is None or uptime < last - 60 * SECOND:
            boots.append([])
        boots[-1].append((at.us - uptime, at, uptime))
        last = uptime
    starts = []
    for boot in boots:
        zero, at, _ = min(boot, key=lambda entry: entry[0])
        spread = sorted(entry[0] for entry in boot)[len(boot) // 2] - zero
        late = 0 if any(uptime > 60 * SECOND for _, _, uptime in boot) else 30 * SECOND
        starts.append(KernelStart(zero, min(max(spread, at.error_us, late), HOUR), at.basis))
    return starts


def own_start(starts: Sequence[KernelStart]) -> KernelStart | None:
    """The kernel start for a file of kernel seconds alone (dmesg): the newest, since dmesg holds the running boot only."""
    return max(starts, key=lambda start: start.us, default=None)
