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
from pveforensics.readings import Everyday, LogScan, Record, Stamp
from pveforensics.timebase import SECOND

FEW = 5_000
"""So many everyday lines of a file are all taken: nothing is gained by choosing among them."""

NEAR_US = 60 * SECOND
"""What was done within a minute of something that happened may have to do with it."""

BEFORE_US = 600 * SECOND
"""What was done in the ten minutes before a loss of quorum, a fence or a boot may have led to it."""

AROUND_BOOT_US = 15 * 3600 * SECOND
"""Around each boot in the bundle all starts, stops and moves of guests are taken: more than the zones of two files can differ by."""

LOCKED_US = 24 * 3600 * SECOND
"""Before a lock of which no guest is told everything is looked at for as long as a task may hold one."""

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

APART_US = 120 * SECOND
"""Lines of a storm that are further apart belong to two."""

_TEN_MINUTES_US = 600 * SECOND
_UPID = rb"UPID:[^:]*:[^:]*:[^:]*:[^:]*:"
_GUEST = re.compile(rb"Backup of VM (?P<backup>[1-9]\d{2,8}) \(|" + _UPID + rb"(?:[^:]*:(?P<task>[1-9]\d{2,8}):|(?P<all>vzdump)::)")
"""The guest of a line, or that it may be about any: a backup of several is a task without a number."""

_LIFE = re.compile(
    rb"(?P<how>starting|end) task " + _UPID + rb"(?P<type>(?:qm|vz)(?:start|stop|shutdown|reboot|destroy|rollback|resume|suspend)"
    rb"|(?:q|vz|ha)migrate):(?P<number>\d{3,9}):"
)
_BACKUP = re.compile(rb"(?P<type>Starting|Finished) Backup of VM (?P<number>[1-9]\d{2,8}) \(")

_Key = tuple[bytes, ...]


class _Shelf(NamedTuple):
    """The everyday lines of one scan, unpacked."""

    kept: Everyday
    text: bytes

    def line(self, place: int) -> bytes:
        """One line as it stands in the file."""
        return self.text[self.kept.starts[place] : self.kept.ends[place]]


class _Wanted(NamedTuple):
    """What is looked for in every file: guests by number, and the moments of boots."""

    guests: set[bytes]
    boots: list[int]


def recalled(scans: Sequence[LogScan], index: SignatureIndex) -> tuple[LogScan, ...]:
    """The scans with records of those of their everyday lines that matter.

    These are lines near something that happened, of guests and nodes that it happened to, and storms; of a file with few such lines, all.
    """
    guests = {number.encode() for scan in scans for record in scan.records if record.kind in ABOUT for number in _numbers(record)}
    boots = sorted({moment(each.stamp)[1] for scan in scans for each in scan.records if each.kind in BOOTS and each.stamp is not None})
    wanted = _Wanted(guests, boots)
    return tuple(_recalled(scan, index, wanted) if scan.everyday is not None else scan for scan in scans)


def _numbers(record: Record) -> Iterator[str]:
    number = record.fields.get("vmid") or ""
    if number.isdigit():
        yield number


def _recalled(scan: LogScan, index: SignatureIndex, wanted: _Wanted) -> LogScan:
    kept = scan.everyday
    if kept is None:
        return scan
    shelf = _Shelf(kept, lz4.block.decompress(kept.packed))
    places = (
        range(len(kept))
        if len(kept) <= FEW
        else sorted(
            {*_near(scan, kept, index), *_of_guests(shelf, wanted.guests), *_lives(scan, shelf, wanted.boots), *_dense(kept, index)}
        )
    )
    reader = LineReader()
    records = [record for place in places if (record := _record(shelf, place, index, reader)) is not None]
    merged = tuple(sorted((*scan.records, *records), key=lambda record: record.line))
    return dataclasses.replace(scan, records=merged, everyday=None)


def _near(scan: LogScan, kept: Everyday, index: SignatureIndex) -> Iterator[int]:
    """Lines within a minute of a record of their file, or within ten before one that weighs more; a day before a lock of an unknown guest."""
    apart = [signature.kind in APART for signature in index.signatures]
    spans: list[tuple[int, int]] = []
    whole: list[tuple[int, int]] = []
    for record in scan.records:
        if record.stamp is None:
            continue
        at = moment(record.stamp)[1]
        until = moment(record.last)[1] if record.last is not None else at
        spans.append((at - (BEFORE_US if record.kind in HEAVY else NEAR_US), until + NEAR_US))
        if record.kind == "lock.guest_locked" and not record.fields.get("vmid"):
            whole.append((at - LOCKED_US, at))
    order = _by_moment(kept)
    yield from _within(kept, [place for place in order if not apart[kept.signatures[place]]], spans)
    yield from _within(kept, order, whole)


def _within(kept: Everyday, order: Sequence[int], spans: list[tuple[int, int]]) -> Iterator[int]:
    """Those of the places, which stand by time, that lie in one of the spans, each once however many spans hold it."""
    moments = [kept.moments[place] for place in order]
    done = 0
    for since, until in sorted(spans):
        end = bisect_right(moments, until)
        yield from order[max(done, bisect_left(moments, since)) : end]
        done = max(done, end)


def _by_moment(kept: Everyday) -> Sequence[int]:
    """The places of the lines by time; lines of one file are nearly in order as they stand."""
    return sorted(range(len(kept)), key=kept.moments.__getitem__)


def _of_guests(shelf: _Shelf, guests: set[bytes]) -> Iterator[int]:
    if guests:
        for place in range(len(shelf.kept)):
            found = _GUEST.search(shelf.line(place))
            if found is not None and (found["all"] or (found["backup"] or found["task"]) in guests):
                yield place


def _lives(scan: LogScan, shelf: _Shelf, boots: list[int]) -> Iterator[int]:
    """What was done to guests: all of it if that is little, else what was done around a boot, last before one and first after it.

    Of backups the last of each guest tells whether one is under way. A guest may have been started on a node that went down, and moved away by another: both files tell where it was.
    """
    kept = shelf.kept
    lives: list[tuple[int, _Key]] = []
    backups: dict[_Key, int] = {}
    for place in range(len(kept)):
        line = shelf.line(place)
        if (found := _LIFE.search(line)) is not None:
            lives.append((place, found.group("number", "type", "how")))
        elif (found := _BACKUP.search(line)) is not None:
            backups[found.group("number", "type")] = place
    yield from backups.values()
    if len(lives) <= FEW:
        yield from (place for place, _ in lives)
        return
    own = sorted(record.line for record in scan.records if record.kind in BOOTS)
    yield from _at_cuts([(kept.lines[place], place, key) for place, key in lives], own)
    by_moment = sorted((kept.moments[place], place, key) for place, key in lives)
    edges = sorted(edge for boot in boots for edge in (boot - AROUND_BOOT_US, boot + AROUND_BOOT_US))
    yield from _at_cuts(by_moment, edges)
    around = [(boot - AROUND_BOOT_US, boot + AROUND_BOOT_US) for boot in boots]
    yield from _within(kept, [place for _, place, _ in by_moment], around)


def _at_cuts(rows: Sequence[tuple[int, int, _Key]], cuts: Sequence[int]) -> Iterator[int]:
    """The places of the last row of each key before each cut and at the end, and of the first one after each cut."""
    last: dict[_Key, int] = {}
    seen: set[_Key] = set()
    following = iter(cuts)
    cut = next(following, None)
    for position, place, key in rows:
        while cut is not None and position > cut:
            yield from last.values()  # what stood there at the cut before has been given already
            last, seen = {}, set()
            cut = next(following, None)
        if key not in seen:
            yield place
            seen.add(key)
        last[key] = place
    yield from last.values()


def _dense(kept: Everyday, index: SignatureIndex) -> Iterator[int]:
    """Of each storm the groups of lines in which it is one, whole, and its first and last line: they show that somebody spoke."""
    by_storm: dict[int, list[int]] = {}
    for place in _by_moment(kept):
        if index.signatures[kept.signatures[place]].storm:
            by_storm.setdefault(kept.signatures[place], []).append(place)
    for places in by_storm.values():
        yield from (places[0], places[-1])
        group: list[int] = []
        for place in places:
            if group and kept.moments[place] - kept.lasts[group[-1]] > APART_US:
                yield from group if _is_storm(kept, group) else ()
                group = []
            group.append(place)
        yield from group if _is_storm(kept, group) else ()


def _is_storm(kept: Everyday, group: Sequence[int]) -> bool:
    """True if so many lines lie in a minute, which may begin at any second, or in ten."""
    for width, enough in ((NEAR_US, DENSE), (_TEN_MINUTES_US, DENSE_LONG)):
        first = held = 0
        for place in group:
            held += kept.counts[place]
            while kept.moments[place] - kept.moments[group[first]] > width:
                held -= kept.counts[group[first]]
                first += 1
            if held >= enough:
                return True
    return False


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
        count=kept.counts[place], last=_later(line.stamp, kept.lasts[place] - kept.moments[place]), boot=kept.boots[place], uptime_us=line.uptime_us,
    )  # fmt: skip


def _later(stamp: Stamp | None, delta_us: int) -> Stamp | None:
    """The stamp of the last line of a row, which lies in the same minute; None if the row is one line, or without a stamp."""
    if stamp is None or delta_us <= 0:
        return None
    if stamp.epoch_us is not None:
        return dataclasses.replace(stamp, epoch_us=stamp.epoch_us + delta_us)
    if stamp.uptime_us is not None:
        return dataclasses.replace(stamp, uptime_us=stamp.uptime_us + delta_us)
    seconds, micro = divmod(stamp.micro + delta_us, SECOND)
    return dataclasses.replace(stamp, second_of_day=stamp.second_of_day + seconds, micro=micro)
