"""recalled(): makes records of the everyday lines that matter, now that the whole bundle is read and it is known what happened when."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from pveforensics.events.formats import LineReader
from pveforensics.events.recall.lives import LIVED, Lives
from pveforensics.events.recall.moments import Clock, Cut, Moments, Numbers
from pveforensics.events.recall.nearby import dense, is_console, near
from pveforensics.events.recall.shelf import Shelf
from pveforensics.events.signatures import SignatureIndex
from pveforensics.lazyregex import regex
from pveforensics.readings import LogScan, Record, Stamp
from pveforensics.timebase import SECOND

__all__ = ["Clock", "recalled"]

FEW = 1_000
"""So many everyday lines of a file are all taken: nothing is gained by choosing among them."""

BOOTS = frozenset({"boot_started", "boot_separator"})

ABOUT = frozenset({"lock.guest_locked", "guest.cleanup"})
"""Events that cannot be judged without everything that was done to their guest, on any node and at any time."""

_UPID = rb"UPID:[^:]*:[^:]*:[^:]*:[^:]*:"
_GUEST = regex(rb"Backup of VM (?P<backup>[1-9]\d{2,8}) \(|" + _UPID + rb"(?:[^:]*:(?P<task>[1-9]\d{2,8}):|(?P<all>vzdump)::)")
"""The guest of a line, or that it may be about any: a backup of several is a task without a number."""


def recalled(
    scans: Sequence[LogScan],
    index: SignatureIndex,
    clocks: Mapping[str, Clock],
    node_of_path: Mapping[str, str],
    locked: Collection[str] = (),
) -> tuple[LogScan, ...]:
    """The scans with records of those of their everyday lines that matter; `clocks` read the stamps of each file.

    These are lines near something that happened, of guests that it happened to or that are `locked` (by number), what
    was last done to each guest before a node went down, and storms; of a file with few such lines, all.
    """
    if all(scan.everyday is None for scan in scans):
        return tuple(scans)
    guests = {number.encode() for number in (*_met(scans), *locked)}
    moments = {scan.path: Moments(scan, clocks[scan.path]) for scan in scans}
    boots = [
        moments[scan.path].cut(record.line, record.stamp)
        for scan in scans
        for record in scan.records
        if record.kind in BOOTS and record.stamp
    ]
    ends = _ends(scans, moments, node_of_path)
    shelves = [Shelf(scan.everyday, moments[scan.path]) if scan.everyday is not None else None for scan in scans]
    lives = Lives()
    for number, shelf in enumerate(shelves):
        if shelf is not None:
            lives.add(number, shelf, index)
            shelf.put_away()
    places: list[set[int]] = [set() for _ in scans]
    for life in lives.at((*boots, *ends), LIVED):
        places[life.log].add(life.place)
    made = []
    for scan, shelf, chosen in zip(scans, shelves, places, strict=True):
        acts: set[int] = set()
        if shelf is not None and len(shelf) > FEW:
            acts, others = near(scan, shelf, index, boots)
            chosen.update(others, dense(shelf, index), _of_guests(shelf, guests))
        elif shelf is not None:
            chosen.update(range(len(shelf)))
        made.append(scan if shelf is None else _with_records(scan, shelf, index, chosen, acts - chosen))
    return tuple(made)


def _met(scans: Sequence[LogScan]) -> Iterator[str]:
    """Numbers of guests of which everything is wanted."""
    for scan in scans:
        for record in scan.records:
            number = record.fields.get("vmid") or "" if record.kind in ABOUT else ""
            if number.isdigit():
                yield number


def _ends(scans: Sequence[LogScan], moments: Mapping[str, Moments], node_of_path: Mapping[str, str]) -> Iterator[Cut]:
    """Where the logs of each node end: it may have gone down for good."""
    ends: dict[str, int] = {}
    for scan in scans:
        if (end := moments[scan.path].end) is not None:
            node = node_of_path.get(scan.path, scan.path)
            ends[node] = max(end, ends.get(node, end))
    return (Cut(end, end) for end in ends.values())


def _of_guests(shelf: Shelf, guests: set[bytes]) -> Iterator[int]:
    if guests:
        for place, found in shelf.search(_GUEST, np.arange(len(shelf))):
            if found["all"] or (found["backup"] or found["task"]) in guests:
                yield place


def _with_records(scan: LogScan, shelf: Shelf, index: SignatureIndex, places: set[int], acts: set[int]) -> LogScan:
    """The scan with records of these lines among its own, and of those acts that are no consoles."""
    records = list(_records(shelf, np.array(sorted(places | acts), np.int64), acts, index))
    shelf.put_away()
    merged = tuple(sorted((*scan.records, *records), key=lambda record: record.line))
    return replace(scan, records=merged, everyday=None)


def _records(shelf: Shelf, places: Numbers, acts: set[int], index: SignatureIndex) -> Iterator[Record]:
    """The records of these lines, each read as any other line is, without those that their signature does not match, and acts that are consoles."""
    reader, kept = LineReader(), shelf.kept
    once = sys.intern  # nodes, users and kinds of tasks stand in thousands of lines
    numbers, moments, lasts, signatures, boots, counts = (
        np.frombuffer(column, np.int64)[places]
        for column in (kept.lines, kept.moments, kept.lasts, kept.signatures, kept.boots, kept.counts)
    )
    columns = (numbers, lasts - moments, signatures, boots, counts)
    rows = zip(places.tolist(), shelf.lines(places), *(column.tolist() for column in columns), strict=True)
    for place, written, number, lasting, of_index, boot, count in rows:
        if place in acts and is_console(written):
            continue
        text = written.decode("utf-8", "replace")
        signature = index.signatures[of_index]
        read = reader.take_apart(text)
        if read is None:
            continue
        line = read[1]
        match = signature.search(line.message)
        if match is None or not signature.fits(line.program, line.pid):
            continue
        fields = {name: once(value) for name, value in match.groupdict().items() if value is not None}
        start = line.message_offset
        span = (match.start() + start, match.end() + start) if start is not None else None
        yield Record(
            signature.kind, signature.id, number, line.stamp, once(line.host), once(line.program), once(line.pid), text, fields, span,
            count=count, last=_later(line.stamp, lasting), boot=boot, uptime_us=line.uptime_us,
        )  # fmt: skip


def _later(stamp: Stamp | None, delta_us: int) -> Stamp | None:
    """The stamp of the last line of a row, which lies in the same minute; None if the row is one line, or without a stamp.

    What it reads in the file is not kept, and must not be taken for the first line's.
    """
    if stamp is None or delta_us <= 0:
        return None
    if stamp.epoch_us is not None:
        return replace(stamp, text="", epoch_us=stamp.epoch_us + delta_us)
    if stamp.uptime_us is not None:
        return replace(stamp, text="", uptime_us=stamp.uptime_us + delta_us)
    seconds, micro = divmod(stamp.micro + delta_us, SECOND)
    return replace(stamp, text="", second_of_day=stamp.second_of_day + seconds, micro=micro)
