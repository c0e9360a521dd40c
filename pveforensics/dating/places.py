"""A rotated log goes on where the file before ends: which files are one log without a hole, and where they meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pveforensics.dating.clock import FileClock
from pveforensics.dating.series import identity_of, series_of
from pveforensics.logfiles import rotation
from pveforensics.readings import LogScan
from pveforensics.timebase import SECOND, Instant

_BACK_US = 120 * SECOND
_HOLE_US = 65 * 60 * SECOND
"""Stamps of one file are one stretch of coverage within these (events/scan/coverage.py), and so are those of one log in several files."""


class Place(NamedTuple):
    """Where a file stands in its log.

    `log` is the oldest file from which the log runs on to this one without a hole, `joint` the moment at which the file right
    before it ends, if it runs on from one.
    """

    log: str
    joint: Instant | None = None


def places_of(scans: Sequence[LogScan], clocks: Mapping[str, FileClock], node_of_path: Mapping[str, str]) -> dict[str, Place]:
    """The place of every file, by path."""
    places: dict[str, Place] = {}
    for series in series_of(scans):
        older: LogScan | None = None
        for scan in reversed(series):
            places[scan.path] = Place(scan.path)
            if older is not None and identity_of(older, node_of_path) == identity_of(scan, node_of_path):
                joint = _joint(older, scan, clocks)
                places[scan.path] = Place(places[older.path].log, joint) if joint is not None else Place(scan.path)
            older = scan
    return places


def _joint(older: LogScan, newer: LogScan, clocks: Mapping[str, FileClock]) -> Instant | None:
    """The end of a file where the next one goes on; None if another lies between, if that cannot be told, or if they overlap."""
    before, number = _number(older.path), _number(newer.path)
    if before is None or number is None or before != number + 1 or not older.runs or not newer.runs:
        return None
    last, first = older.runs[-1], newer.runs[0]
    end = clocks[older.path].instant(last.last_line, last.last)
    start = clocks[newer.path].instant(first.first_line, first.first)
    return end if end is not None and start is not None and -_BACK_US <= start.us - end.us <= _HOLE_US else None


def _number(path: str) -> int | None:
    """0 for the newest file of a set, n for `x.n`; None for dated names, of which nobody knows whether one is missing."""
    _, digits = rotation(path)[1]
    return int(digits or 0) if len(digits) <= 4 else None
