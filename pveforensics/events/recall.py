"""recalled(): makes records of the everyday lines that matter, now that the whole bundle is read and what happened is known."""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import lz4.block

from pveforensics.events.formats import LineReader
from pveforensics.events.scan.coverage import moment
from pveforensics.events.signatures import SignatureIndex
from pveforensics.readings import Everyday, LogScan, Record
from pveforensics.timebase import SECOND

FEW = 5_000
"""So many everyday lines of a file are all taken: nothing is gained by choosing among them."""

NEAR_US = 60 * SECOND
"""What was done within a minute of something that happened may have to do with it."""

BEFORE_US = 600 * SECOND
"""What was done in the ten minutes before a loss of quorum, a fence or a boot may have led to it."""

AFTER_BOOT_US = 2 * 3600 * SECOND
"""Guests of a node that went down are started again within that time, or nobody is in a hurry."""

HEAVY = frozenset(
    {
        "boot_started", "boot_separator", "corosync_quorum_lost", "pmxcfs_quorum_lost", "watchdog_expired", "ha_lock_lost",
        "corosync_started", "corosync_stopping", "node_shutdown_requested", "node_reboot_requested", "node_poweroff_requested",
    }
)  # fmt: skip
"""Events before which more is looked at."""

APART = frozenset({"backup.guest_start", "backup.guest_end"})
"""Kinds of everyday lines that say something about their own guest only: being near in time means nothing."""

BOOTS = frozenset({"boot_started", "boot_separator"})

ABOUT = frozenset({"lock.guest_locked", "guest.cleanup"})
"""Events that cannot be judged without everything that was done to their guest, on any node and at any time."""

DENSE, DENSE_LONG = 5, 20
"""Lines of one storm in a minute, and in ten minutes, from which on it counts (as corosync's Retransmit List does)."""

_TEN_MINUTES_US = 600 * SECOND
_GUEST = re.compile(rb"(?:Backup of VM |:)(?P<number>[1-9]\d{2,8})(?: \(|:)")
_LIFE = re.compile(rb":(?:qm|vz)(?:start|stop|shutdown|reboot|destroy|rollback|migrate|resume|suspend):(?P<number>\d{3,9}):")


class _Shelf(NamedTuple):
    """The everyday lines of one scan, unpacked."""

    kept: Everyday
    text: bytes

    def line(self, place: int) -> bytes:
        """One line as it stands in the file."""
        return self.text[self.kept.starts[place] : self.kept.ends[place]]


def recalled(scans: Sequence[LogScan], index: SignatureIndex) -> tuple[LogScan, ...]:
    """The scans with records of those of their everyday lines that matter.

    These are lines near something that happened, of guests and nodes that it happened to, and storms; of a file with few such lines, all.
    """
    guests = {number.encode() for scan in scans for record in scan.records if record.kind in ABOUT for number in _numbers(record)}
    return tuple(_recalled(scan, index, guests) if scan.everyday is not None else scan for scan in scans)


def _numbers(record: Record) -> Iterator[str]:
    number = record.fields.get("vmid") or ""
    if number.isdigit():
        yield number


def _recalled(scan: LogScan, index: SignatureIndex, guests: set[bytes]) -> LogScan:
    kept = scan.everyday
    if kept is None:
        return scan
    shelf = _Shelf(kept, lz4.block.decompress(kept.packed))
    wanted = (
        range(len(kept))
        if len(kept) <= FEW
        else sorted({*_near(scan, kept, index), *_of_guests(shelf, guests), *_lives(scan, shelf), *_dense(kept, index)})
    )
    reader = LineReader()
    records = [record for place in wanted if (record := _record(shelf, place, index, reader)) is not None]
    merged = tuple(sorted((*scan.records, *records), key=lambda record: record.line))
    return dataclasses.replace(scan, records=merged, everyday=None)


def _near(scan: LogScan, kept: Everyday, index: SignatureIndex) -> Iterator[int]:
    """Lines within a minute of a record of their file, or within ten before one that weighs more."""
    apart = [signature.kind in APART for signature in index.signatures]
    order = [place for place in _by_moment(kept) if not apart[kept.signatures[place]]]
    moments = [kept.moments[place] for place in order]
    for record in scan.records:
        if record.stamp is None:
            continue
        at = moment(record.stamp)[1]
        until = moment(record.last)[1] if record.last is not None else at
        before = BEFORE_US if record.kind in HEAVY else NEAR_US
        yield from order[bisect_left(moments, at - before) : bisect_right(moments, until + NEAR_US)]


def _by_moment(kept: Everyday) -> Sequence[int]:
    """The places of the lines by time; lines of one file are nearly in order as they stand."""
    return sorted(range(len(kept)), key=kept.moments.__getitem__)


def _of_guests(shelf: _Shelf, guests: set[bytes]) -> Iterator[int]:
    if guests:
        for place in range(len(shelf.kept)):
            found = _GUEST.search(shelf.line(place))
            if found is not None and found["number"] in guests:
                yield place


def _lives(scan: LogScan, shelf: _Shelf) -> Iterator[int]:
    """For each boot: what was last done to each guest before it, and what was done to guests after it."""
    boots = [record for record in scan.records if record.kind in BOOTS]
    if not boots:
        return
    lives = [(place, found["number"]) for place in range(len(shelf.kept)) if (found := _LIFE.search(shelf.line(place))) is not None]
    lines = [shelf.kept.lines[place] for place, _ in lives]
    for boot in boots:
        here = bisect_left(lines, boot.line)
        yield from {number: place for place, number in lives[:here]}.values()
        until = moment(boot.stamp)[1] + AFTER_BOOT_US if boot.stamp is not None else None
        for place, _ in lives[here:]:
            if until is not None and shelf.kept.moments[place] > until:
                break
            yield place


def _dense(kept: Everyday, index: SignatureIndex) -> Iterator[int]:
    """Minutes in which a storm is one, or that lie in ten minutes in which it is."""
    by_storm: dict[int, list[int]] = {}
    for place, number in enumerate(kept.signatures):
        if index.signatures[number].storm:
            by_storm.setdefault(number, []).append(place)
    for places in by_storm.values():
        places.sort(key=kept.moments.__getitem__)
        first = held = 0
        for last, place in enumerate(places):
            held += kept.counts[place]
            while kept.moments[place] - kept.moments[places[first]] > _TEN_MINUTES_US:
                held -= kept.counts[places[first]]
                first += 1
            if held >= DENSE_LONG:
                yield from places[first : last + 1]
            elif kept.counts[place] >= DENSE:
                yield place


def _record(shelf: _Shelf, place: int, index: SignatureIndex, reader: LineReader) -> Record | None:
    """The record of one line, read as any other line is; None if its signature does not match it."""
    kept = shelf.kept
    text = shelf.line(place).decode("utf-8", "replace")
    read = reader.read(text)
    signature = index.signatures[kept.signatures[place]]
    if read is None:
        return None
    line = read[1]
    match = signature.search(line.message)
    if match is None or not signature.fits(line.program, line.pid):
        return None
    fields = {name: value for name, value in match.groupdict().items() if value is not None}
    start = line.message_offset
    span = (match.start() + start, match.end() + start) if start is not None else None
    return Record(
        signature.kind, signature.id, kept.lines[place], line.stamp, line.host, line.program, line.pid, text, fields, span,
        count=kept.counts[place], boot=kept.boots[place], uptime_us=line.uptime_us,
    )  # fmt: skip
