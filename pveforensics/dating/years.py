"""The year of stamps that carry none: walked through each file and rotation set from what is dated."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from pveforensics.dating.marks import (
    MONTHS_US,
    SLACK_US,
    Dated,
    Dates,
    Mark,
    file_time_us,
    hint_us,
    is_lower_bound,
    marks_of,
    place,
    stated_us,
    yearless,
)
from pveforensics.dating.series import series_of
from pveforensics.readings import LogScan, Stamp, TimeHint
from pveforensics.timebase import DAY
from pveforensics.value import Value

_EPOCH_YEAR = 1970
_YEAR_US = 365 * DAY
_SURE_US = 150 * DAY
"""A date that near is nearest in this year, whatever the year's length."""

STATED, WEAK = "stated", "file time only (weak)"


class YearBook(Value, frozen=True):
    """The year of each stamp of one file: `at` gives local microseconds for a line's stamp, `basis` says from where."""

    lines: tuple[int, ...] = ()
    places: tuple[int | None, ...] = ()
    basis: str = STATED

    def at(self, line: int, stamp: Stamp) -> int | None:
        """Local microseconds of a stamp on a line (or of a later line of the same storm); None if its year is unknown."""
        if stamp.year is not None:
            return place(stamp, stamp.year)
        k = bisect_left(self.lines, line)
        for i in (k, k - 1, k + 1):
            if 0 <= i < len(self.places) and (near := self.places[i]) is not None:
                return nearest_year(stamp, near)
        return None


def nearest_year(stamp: Stamp, near: int) -> int | None:
    """Local microseconds of the stamp in the year that brings it nearest to a moment."""
    year = _EPOCH_YEAR + near // _YEAR_US
    best = place(stamp, year)
    if best is not None and abs(best - near) < _SURE_US:
        return best
    for each in range(year - 2, year + 2):
        at = place(stamp, each)
        if at is not None and (best is None or abs(at - near) < abs(best - near)):
            best = at
    return best if best is not None or stamp.month != 2 else _leap(stamp, near)


def _leap(stamp: Stamp, near: int) -> int | None:
    """29 February of the nearest leap year."""
    year = _EPOCH_YEAR + near // _YEAR_US
    return min((at for y in range(year - 8, year + 9) if (at := place(stamp, y)) is not None), key=lambda at: abs(at - near), default=None)


def latest_before(stamp: Stamp, bound: int) -> int | None:
    """Local microseconds of the stamp in the latest year in which it does not lie after the bound."""
    year = _EPOCH_YEAR + bound // _YEAR_US + 1
    return next((at for y in range(year, year - 10, -1) if (at := place(stamp, y)) is not None and at <= bound), None)


def earliest_after(stamp: Stamp, bound: int) -> int | None:
    """Local microseconds of the stamp in the first year in which it does not lie before the bound."""
    year = _EPOCH_YEAR + bound // _YEAR_US - 1
    return next((at for y in range(year, year + 11) if (at := place(stamp, y)) is not None and at >= bound), None)


# --- the walk ------------------------------------------------------------------------------------


class _Walk(Struct):
    """One file on its way to a year for each stamp. `known` holds the marks whose year the file itself tells."""

    scan: LogScan
    marks: list[Mark]
    known: dict[int, tuple[int, str]] = field(default_factory=dict)
    places: list[int | None] = field(default_factory=list)
    basis: str = ""


def years(scans: Sequence[LogScan], dates: Dates, node_of_path: Mapping[str, str], stated_year: int | None) -> dict[str, YearBook]:
    """A year book for every log. Where nothing at all tells the year, its places are None and its basis is empty."""
    books: dict[str, YearBook] = {}
    for series in series_of(scans):
        newer: _Walk | None = None
        for scan in series:
            walk = _Walk(scan, [mark for mark in marks_of(scan) if yearless(mark.stamp) or stated_us(mark.stamp) is not None])
            _find_known(walk)
            node = dates.of_node.get(node_of_path.get(scan.path, ""), Dated())
            _walk_file(walk, _head(walk, newer, node, dates.of_all, stated_year))
            books[scan.path] = YearBook(tuple(mark.line for mark in walk.marks), tuple(walk.places), walk.basis)
            if any(at is not None for at in walk.places):
                newer = walk
    return books


def _find_known(walk: _Walk) -> None:
    """The marks that the file dates itself: stamps with a year, and hints on or before their line."""
    lines = [mark.line for mark in walk.marks]
    for place_in_file, mark in enumerate(walk.marks):
        stated = stated_us(mark.stamp)
        if stated is not None:
            walk.known[place_in_file] = (stated, STATED)
    for hint in sorted(walk.scan.hints, key=lambda hint: (not hint.exact, hint.line)):
        moment = hint_us(hint)
        if moment is None or not lines:
            continue
        k, at = _dated_by(hint, moment, walk.marks, lines)
        if k is not None and at is not None:
            walk.known.setdefault(k, (at, f"{hint.what or 'date'} in line {hint.line}"))


def _dated_by(hint: TimeHint, at: int, marks: Sequence[Mark], lines: Sequence[int]) -> tuple[int | None, int | None]:
    """Which mark a hint dates, and where it puts it (local microseconds). The hint is believed: it agrees with the stamp of its own line."""
    if hint.stamp is not None:
        if not yearless(hint.stamp) or is_lower_bound(hint):
            return None, None
        k = bisect_left(lines, hint.line)
        return (k, nearest_year(hint.stamp, at)) if k < len(lines) and marks[k].line == hint.line else (None, None)
    k = bisect_right(lines, hint.line)
    below = k if k < len(lines) and lines[k] - hint.line <= 40 and yearless(marks[k].stamp) else None
    if below is not None and hint.what == "active":  # `Active: active (running) since ...` with its ten last lines below
        return below, earliest_after(marks[below].stamp, at - SLACK_US)
    if below is not None and hint.what.endswith("end"):  # `-- Logs begin at ..., end at ...`
        return below, latest_before(marks[below].stamp, at + SLACK_US)
    if is_lower_bound(hint):
        return None, None
    beside = [i for i in (k - 1, k) if 0 <= i < len(lines) and yearless(marks[i].stamp)]
    nearest = min(beside, key=lambda i: abs(lines[i] - hint.line), default=None)
    return (None, None) if nearest is None else (nearest, nearest_year(marks[nearest].stamp, at))


def _head(walk: _Walk, newer: _Walk | None, node: Dated, bundle: Dated, stated_year: int | None) -> tuple[int | None, str]:
    """The place of the file's last yearless stamp, from what lies outside the file, and what says so."""
    last = next((mark.stamp for mark in reversed(walk.marks) if yearless(mark.stamp)), None)
    if last is None:
        return None, STATED
    mtime = file_time_us(walk.scan.mtime)
    by_time = nearest_year(last, mtime) if mtime is not None else None
    fits = by_time is not None and mtime is not None and abs(by_time - mtime) <= SLACK_US
    if newer is not None:
        first = next((at for at in newer.places if at is not None), None)
        at = latest_before(last, first + SLACK_US) if first is not None else None
        if fits and by_time is not None and (at is None or by_time < at):
            return by_time, "rotation and file time"
        return at, "rotation and file time" if fits else f"rotation ({newer.basis})"
    if fits:
        return by_time, "file time"
    for dated, whose in ((node, "of the node"), (bundle, "of the bundle")):
        if dated.newest is not None:
            return latest_before(last, dated.newest + MONTHS_US), f"newest date {whose}: {dated.what}"
    if stated_year is not None:
        at = place(last, stated_year)
        return (at if at is not None else latest_before(last, (place(Stamp("", month=12, day=31), stated_year) or 0))), "--year"
    if node.bound is not None or bundle.bound is not None:
        return earliest_after(last, max(node.bound or 0, bundle.bound or 0) - SLACK_US), "first year after the dates given (weak)"
    return (latest_before(last, mtime + SLACK_US), WEAK) if mtime is not None else (None, "")


def _walk_file(walk: _Walk, head: tuple[int | None, str]) -> None:
    """Fill the places: backwards from every known mark and from the head, forwards behind the last known one."""
    marks, known = walk.marks, walk.known
    walk.places = [None] * len(marks)
    last_known = max(known, default=-1)
    own = [basis for _, basis in known.values() if basis != STATED]
    has_yearless = any(yearless(mark.stamp) for mark in marks)
    if known:
        walk.basis = (own[-1] if own else "neighbouring stamps with a year") if has_yearless else STATED
        _forwards(walk, last_known)
    else:
        walk.basis = head[1]
    bound: int | None = known[last_known][0] if known else head[0]
    for k in range(last_known if known else len(marks) - 1, -1, -1):
        if bound is None:
            return
        bound = known[k][0] if k in known else _step_back(walk, k, bound)
        walk.places[k] = bound


def _step_back(walk: _Walk, k: int, bound: int) -> int | None:
    """The place of mark k, whose successor lies at `bound`."""
    stamp = walk.marks[k].stamp
    at = latest_before(stamp, bound + SLACK_US)
    if at is None:
        return None
    if _year(at) == _year(bound):
        return at
    same = earliest_after(stamp, at + DAY)  # a year later: the line is then later than the next one
    if same is None:
        return at
    if not walk.scan.whole and same - bound <= MONTHS_US:
        return same  # an excerpt whose blocks were pasted newest first, rather than ten months without a line
    back = _after_excursion(walk, k) if walk.scan.whole else None
    if back is not None and same <= back + SLACK_US and back - same <= 20 * DAY:
        return same  # a clock that started wrong and was set right: the stretch between is the odd one
    return at


def _year(us: int) -> int:
    return dt.date.fromordinal(us // DAY + 719163).year


def _after_excursion(walk: _Walk, k: int) -> int | None:
    """Where the log goes on after the stretch below mark k, if that stretch is short and far before what follows it."""
    start = walk.places[k + 1] if k + 1 < len(walk.places) else None
    if start is None:
        return None
    for i in range(k + 1, min(len(walk.places), k + 2000)):
        at = walk.places[i]
        if at is None:
            return None
        if at - start > 20 * DAY:
            return at
        if at - start > 2 * DAY:
            return None
    return None


def _forwards(walk: _Walk, start: int) -> None:
    """Lines behind the last dated one: the year goes up where the date falls back by more than the slack."""
    bound = walk.known[start][0]
    mtime = file_time_us(walk.scan.mtime)
    for k in range(start + 1, len(walk.marks)):
        stamp = walk.marks[k].stamp
        at = earliest_after(stamp, bound - SLACK_US)
        same = nearest_year(stamp, bound)
        if at is not None and same is not None and at > same:
            late = mtime is not None and at > mtime + SLACK_US
            if late or (not walk.scan.whole and bound - same <= MONTHS_US):
                at = same
        walk.places[k] = at
        bound = at if at is not None else bound
