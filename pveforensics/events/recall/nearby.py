"""What of a file's everyday lines stands near something that happened, and which of them are a storm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pveforensics.events.recall.moments import Cut, Numbers
from pveforensics.events.recall.shelf import Shelf
from pveforensics.events.signatures import SignatureIndex
from pveforensics.lazyregex import regex
from pveforensics.readings import LogScan, Record
from pveforensics.tasktypes import CONSOLES
from pveforensics.timebase import SECOND

NEAR_US = 60 * SECOND
"""What was begun within a minute of something that happened may have to do with it."""

BEFORE_US = 600 * SECOND
"""What was begun in the ten minutes before a loss of quorum, a fence or a boot may have led to it."""

REPEATED_US = 120 * SECOND
"""What corosync repeats or measures within two minutes before something that the cluster stack tells may be a sign of the same trouble."""

LOCKED_US = 24 * 3600 * SECOND
"""Before a lock of which no guest is told everything is looked at for as long as a task may hold one."""

HEAVY = frozenset(
    {
        "boot_started", "boot_separator", "corosync_quorum_lost", "pmxcfs_quorum_lost", "watchdog_expired", "ha_lock_lost",
        "corosync_started", "corosync_stopping", "node_shutdown_requested", "node_reboot_requested", "node_poweroff_requested",
    }
)  # fmt: skip
"""Events before which more is looked at."""

APART = frozenset({"task.end", "backup.guest_start", "backup.guest_end"})
"""Kinds of everyday lines that say something about their own guest or task only: being near in time means nothing."""

STACK = frozenset({"corosync", "pmxcfs", "pve-ha-lrm", "pve-ha-crm", "watchdog-mux"})
NETWORK = ("nic_", "net.", "bond_", "network_")
"""Programs that tell of the cluster's network or of what came of it, and how kinds of events begin in which the kernel does."""

DENSE, DENSE_LONG = 5, 20
"""Lines of one storm in a minute, and in ten minutes, from which on it counts (as corosync's Retransmit List does)."""

APART_US = 120 * SECOND
"""Lines of a storm that are further apart belong to two."""

_TEN_MINUTES_US = 600 * SECOND
_CONSOLE = regex(f":(?:{'|'.join(sorted(CONSOLES))}):".encode())


class _Span(NamedTuple):
    since: int
    until: int


class Near(NamedTuple):
    """Places of lines near something that happened: of `acts` the consoles do not count, of which a line tells itself (`is_console`)."""

    acts: set[int]
    others: set[int]


def near(scan: LogScan, shelf: Shelf, index: SignatureIndex, boots: Sequence[Cut]) -> Near:
    """Acts near a record of their file or before a boot of any node, and all within a day of a lock of an unknown guest; what corosync says near a record of the cluster stack."""
    told = [(record, shelf.moments.of(record.line, record.stamp)) for record in scan.records if record.stamp is not None]
    acts = [_around(shelf, record, at, BEFORE_US if record.kind in HEAVY else NEAR_US) for record, at in told]
    acts += [_Span(at - BEFORE_US, at + NEAR_US) for boot in boots for at in boot]  # it may have been down for weeks between
    stack = [_around(shelf, record, at, REPEATED_US) for record, at in told if record.program in STACK or record.kind.startswith(NETWORK)]
    day = [_Span(at - LOCKED_US, at) for record, at in told if record.kind == "lock.guest_locked" and not record.fields.get("vmid")]
    storms = np.array([signature.storm for signature in index.signatures], np.bool_)
    single = np.array([not signature.storm and signature.kind not in APART for signature in index.signatures], np.bool_)
    signatures = shelf.signatures[shelf.order]
    begun = set(_within(shelf, shelf.order[single[signatures]], acts))
    return Near(begun, {*_within(shelf, shelf.order[storms[signatures]], stack), *_within(shelf, shelf.order, day)})


def is_console(line: bytes) -> bool:
    """True for a line about a task that shows somebody a console."""
    return _CONSOLE.search(line) is not None


def _around(shelf: Shelf, record: Record, at: int, before: int) -> _Span:
    until = shelf.moments.of(record.line, record.last) if record.last is not None else at
    return _Span(at - before, until + NEAR_US)


def _within(shelf: Shelf, order: Numbers, spans: list[_Span]) -> Iterator[int]:
    """Those of the places, which stand by time, that lie in one of the spans, each once however many spans hold it."""
    if not spans or not len(order):
        return
    spans.sort()
    moments = shelf.at[order]
    begins = np.searchsorted(moments, [span.since for span in spans]).tolist()
    ends = np.searchsorted(moments, [span.until for span in spans], "right").tolist()
    done = 0
    for begin, end in zip(begins, ends, strict=True):
        yield from order[max(done, begin) : end].tolist()
        done = max(done, end)


def dense(shelf: Shelf, index: SignatureIndex) -> Iterator[int]:
    """Of each storm the groups of lines in which it is one, whole, and its first and last line: they show that somebody spoke."""
    numbers = shelf.signatures[shelf.order]
    for number in np.flatnonzero(np.bincount(numbers)).tolist():  # what `unique` loads takes longer than all of it
        if not index.signatures[number].storm:
            continue
        places = shelf.order[numbers == number]
        yield from (int(places[0]), int(places[-1]))
        moments, lasts = (
            shelf.at[places],
            np.frombuffer(shelf.kept.lasts, np.int64)[places] - np.frombuffer(shelf.kept.moments, np.int64)[places],
        )
        begins = np.concatenate((np.zeros(1, np.int64), np.flatnonzero(moments[1:] - (moments + lasts)[:-1] > APART_US) + 1))
        storm = _crowded(moments, np.frombuffer(shelf.kept.counts, np.int64)[places])
        if storm.any():
            groups = np.logical_or.reduceat(storm, begins)
            yield from places[np.repeat(groups, np.diff(np.append(begins, len(places))))].tolist()


def _crowded(moments: Numbers, counts: Numbers) -> npt.NDArray[np.bool_]:
    """Of which lines it holds that they end a minute, which may begin at any second, or ten of them, with so many lines."""
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    crowded = np.zeros(len(moments), np.bool_)
    for width, enough in ((NEAR_US, DENSE), (_TEN_MINUTES_US, DENSE_LONG)):
        crowded |= sums[1:] - sums[np.searchsorted(moments, moments - width)] >= enough
    return crowded
