"""The lives of corosync on one node: when it started, when it ended and how."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from pveforensics.model import Event, Evidence
from pveforensics.state.moments import Moments
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

STOPPING = frozenset({"corosync_shutdown", "corosync_stopping", "corosync_stopped"})
"""What corosync says as it stops in order (corosync:exec/main.c, exec/service.c)."""

STARTING = frozenset(
    {
        "corosync_features",
        "corosync_transport_initialized",
        "corosync_quorum_provider",
        "corosync_service_loaded",
        "corosync_watchdog_disabled",
    }
)
"""What it says only as it starts; in an excerpt its first line may be missing."""

DYING = frozenset({"corosync_fatal_exit", "corosync_killed_by_peer", "corosync_config_version_mismatch"})
"""What it says as it ends by a fault; an unloading of the engines may follow all the same."""

ANNOUNCED = "corosync_node_shutdown_announced"
DISCONNECTED = "pmxcfs_corosync_disconnected"
UNREACHABLE = "pmxcfs_corosync_unreachable"

_ECHO_US = 90 * SECOND
_DUPLICATE_US = 2 * SECOND
_START_LASTS_US = 60 * SECOND


class Run(Value, frozen=True):
    """One life of corosync. `start` None: it ran before the log; `end` None: it ran on.

    `ended` is `clean` (it said that it stops), `crash`, `boot_end` (the node went down under it), `unknown` (a new
    start without a word of the end; `end` is the last sign) or empty (still running).
    """

    node: str
    start: Instant | None
    end: Instant | None = None
    ended: str = ""
    version: str = ""
    evidence: tuple[Evidence, ...] = ()
    start_seq: int = 0
    end_seq: int = 0


class _Reading(Struct):
    """The run that is being read, and the last sign of corosync."""

    node: str
    done: list[Run] = field(default_factory=list)
    open: Run | None = None
    last: Instant | None = None
    stopped: Instant | None = None

    def begin(self, at: Instant | None, event: Event) -> None:
        self.open = Run(self.node, at, version=event.fields.get("version") or "", evidence=event.evidence[:1], start_seq=event.seq)
        self.stopped = None

    def finish(self, at: Instant, ended: str, event: Event | None = None) -> None:
        if self.open is not None:
            evidence = self.open.evidence + (event.evidence[:1] if event else ())
            self.done.append(replace(self.open, end=at, ended=ended, evidence=evidence, end_seq=event.seq if event else 0))
        self.open, self.stopped = None, at


def is_corosync(event: Event) -> bool:
    """True for a line that corosync itself wrote."""
    return event.program.lower() == "corosync" or (
        not event.program and event.kind.startswith(("corosync_", "totem_", "knet_")) and event.kind != "corosync_unit_failed"
    )


def corosync_of(view: View, node: str) -> tuple[Event, ...]:
    """The lines of a node that corosync itself wrote, in order."""
    return view.once(("corosync", node), lambda: tuple(filter(is_corosync, view.written_by(node, "corosync", ""))))


def is_unit_failure(event: Event) -> bool:
    """True for systemd's word that corosync's process ended by a fault."""
    if event.kind != "service_failed":
        return False
    named = event.fields.get("unit") or event.signature
    return (named.startswith("corosync") and not named.startswith("corosync-")) or any("corosync.service" in e.text for e in event.evidence)


def runs_of(view: View, node: str) -> tuple[Run, ...]:
    """The lives of corosync on a node, in order, from corosync's own lines, its unit's failure, pmxcfs and the boots."""
    return view.once(("runs", node), lambda: _read(view, node))


def _read(view: View, node: str) -> tuple[Run, ...]:
    signs = [(event.at, event) for event in corosync_of(view, node) if event.at is not None]
    stops = Moments.of(at for at, event in signs if event.kind in STOPPING or event.kind == ANNOUNCED)
    unreachable = Moments.of(at for at, _ in view.dated(node, UNREACHABLE))
    times = [at.us for at, _ in signs]
    reading = _Reading(node)
    for at, what, event in _marks(view, node):
        if what == "boot_end":
            if reading.open is not None:
                reading.finish(at, "boot_end")
            reading.stopped = None
        elif event is None:
            continue
        elif is_unit_failure(event):
            if reading.open is None and reading.stopped is None:
                reading.begin(None, event)  # it ran, though no line of its own is in this log
            reading.finish(at, "crash", event)
        elif event.kind == DISCONNECTED:
            following = bisect_right(times, at.us)
            back = signs[following][1] if following < len(signs) else None
            orderly = stops.any_in(at.us - 15 * SECOND, at.us + 5 * SECOND)
            if reading.open is not None and not orderly and _is_gone(at, back, unreachable):
                reading.finish(at, "crash", event)
        else:
            _sign(view, reading, at, event)
            reading.last = at
    if reading.open is not None:
        reading.done.append(reading.open)
    return tuple(reading.done)


def _sign(view: View, reading: _Reading, at: Instant, event: Event) -> None:
    """Take one line of corosync's own."""
    if event.kind == "corosync_started" or event.kind in STARTING:
        run = reading.open
        width = _DUPLICATE_US if event.kind == "corosync_started" else _START_LASTS_US
        if run is not None and run.start is not None and at.us - run.start.us <= width:
            return
        if run is not None:
            reading.finish(reading.last or at, "unknown")
        reading.begin(at, event)
    elif event.kind in DYING:
        # `pvecm delnode` ends the removed node's corosync so (pve-cluster:src/PVE/API2/ClusterConfig.pm): ordered, not a fault
        ordered = event.kind == "corosync_killed_by_peer" and "corosync-cfgtool" in (event.fields.get("reason") or "")
        reading.finish(at, "clean" if ordered else "crash", event)
    elif event.kind in STOPPING or (event.kind == ANNOUNCED and view.resolve(event.fields.get("node", "")) == reading.node):
        if reading.open is None and reading.stopped is None:
            reading.begin(None, event)
        if reading.open is not None:
            reading.finish(at, "clean", event)
    elif reading.open is None and (reading.stopped is None or at.us - reading.stopped.us > _ECHO_US):
        reading.begin(None, event)


def _marks(view: View, node: str) -> Iterator[tuple[Instant, str, Event | None]]:
    """Events and ends of boots in order; an end comes after the events of its moment."""
    marks: list[tuple[int, int, int, Instant, str, Event | None]] = []
    for place, event in enumerate(view.written_by(node, "corosync", "", kinds=(DISCONNECTED, "service_failed"))):
        at = event.at
        if at is not None and (is_corosync(event) or event.kind == DISCONNECTED or is_unit_failure(event)):
            marks.append((at.us, 0, place, at, "line", event))
    for boot in view.boots_of(node):
        if boot.end is not None and boot.manner != "open":
            marks.append((boot.end.us, 1, 0, boot.end, "boot_end", None))
        elif boot.end is None and boot.next_start is not None:
            marks.append((boot.next_start.us, -1, 0, boot.next_start, "boot_end", None))
    marks.sort(key=lambda mark: mark[:3])
    return ((mark[3], mark[4], mark[5]) for mark in marks)


def _is_gone(at: Instant, following: Event | None, unreachable: Moments) -> bool:
    """True if corosync was gone when pmxcfs lost it: not a line of the same corosync follows."""
    if following is not None:
        return following.kind == "corosync_started" or following.kind in STARTING
    return unreachable.any_in(at.us, at.us + 60 * SECOND)
