"""Windows in which a node was without quorum, and the times when it had lost its quorum device."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from pveforensics.model import Event, Evidence, Interval, Snapshot
from pveforensics.state.arithmetic import votes_of
from pveforensics.state.machine import DISCONNECTED, Run, corosync_of, runs_of
from pveforensics.state.moments import Moments
from pveforensics.state.rings import rings_of
from pveforensics.state.trackers.cluster import dump_value, has_quorum
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

LOST = ("corosync_quorum_lost", "pmxcfs_quorum_lost")
GAINED = ("corosync_quorum_gained", "pmxcfs_quorum_gained")
_LAG_US = 2 * SECOND
_STOP_US = 10 * SECOND
_RETRY_US = 20 * SECOND  # corosync-qdevice tries again every 8 s by default (heartbeat 0.8 of its 10 s timeout)
_LAST = 1 << 62
_DOUBT_S = 5.0
_KERNEL_TIMEOUT_S = 10.0
_KEEPALIVE_S = 1.0


def track(view: View) -> tuple[Interval, ...]:
    """`node:<n>` inquorate for every node, and `qdevice:<n>` lost."""
    found: list[Interval] = []
    for node in view.nodes:
        found += inquorate(view, node)
        found += _qdevice(view, node)
    return tuple(found)


class _Mark(Value, frozen=True):
    """A moment at which the quorum state may change."""

    at: Instant
    what: str
    evidence: tuple[Evidence, ...] = ()
    members: tuple[str, ...] = ()
    seq: int = 0


class _Windows(Struct):
    """The state of one node as the marks are read: None unknown, True quorate, False not; `out` while corosync is stopped."""

    node: str
    done: list[Interval] = field(default_factory=list)
    state: bool | None = None
    out: bool = False
    begun: bool = False
    opened: _Mark | None = None
    opened_by: str = ""
    members: tuple[str, ...] = ()

    def open(self, mark: _Mark, why: str) -> None:
        if self.opened is None:
            self.opened, self.opened_by, self.members = mark, why, mark.members
            self.begun = True
        elif not self.members:
            self.members = mark.members
        self.state = False

    def close(self, mark: _Mark, why: str, state: bool | None) -> None:
        if self.opened is not None:
            start = None if self.opened_by == "first_line" else self.opened.at
            self._add(start, mark.at, self.opened_by, why, self.opened.evidence[:4] + mark.evidence[:2])
        self.opened, self.state, self.members, self.begun = None, state, (), True

    def before(self, mark: _Mark) -> None:
        """The log's first word on quorum is that it is there now: until then it was not."""
        self._add(None, mark.at, "first_line", "gained", mark.evidence[:2])
        self.state = True

    def finish(self) -> tuple[Interval, ...]:
        if self.opened is not None:
            start = None if self.opened_by == "first_line" else self.opened.at
            self._add(start, None, self.opened_by, "", self.opened.evidence[:4])
        return tuple(self.done)

    def _add(self, start: Instant | None, end: Instant | None, opened_by: str, closed_by: str, evidence: tuple[Evidence, ...]) -> None:
        fields = {"opened_by": opened_by, "closed_by": closed_by, "members": " ".join(self.members)}
        self.done.append(Interval(f"node:{self.node}", "inquorate", start, end, fields, evidence))


def inquorate(view: View, node: str) -> tuple[Interval, ...]:
    """The windows of one node, by start."""
    return view.once(("inquorate", node), lambda: _read(view, node))


def _read(view: View, node: str) -> tuple[Interval, ...]:
    windows = _Windows(node)
    marks = sorted(_marks(view, node), key=lambda mark: (mark.at.us, mark.seq))
    corosync_gained: Instant | None = None
    for mark in marks:
        if mark.what == "corosync_quorum_gained":
            corosync_gained = mark.at
        late = corosync_gained is not None and mark.at.us - corosync_gained.us <= _LAG_US
        if mark.what == "pmxcfs_quorum_lost" and windows.state is True and late:
            continue  # pmxcfs still tells what corosync has left behind
        _take(view, windows, mark)
    told = _with_dumps(view, node, windows.finish(), marks)
    return tuple(_counted(view, window) for window in told)


def _take(view: View, windows: _Windows, mark: _Mark) -> None:
    """Let one mark change the state."""
    what = mark.what
    if what == "start":
        windows.out, windows.begun = False, True
        windows.open(mark, "start")
    elif what == "clean":
        windows.close(mark, "stopped", None)
        windows.out = True
    elif what == "boot_end":
        windows.close(mark, "end_of_boot", None)
        windows.out, windows.begun = False, True  # what the next boot says first is not the log's first word
    elif what == "crash":
        windows.open(mark, "corosync_down")
    elif windows.out and what.startswith("pmxcfs_"):
        return
    elif what in LOST:
        windows.out = False
        windows.open(mark, "lost")
    elif what == "pmxcfs_lost_corosync":
        windows.open(mark, "corosync_down")
    elif what == "crm_waits":
        windows.open(mark, "ha")
    elif what in GAINED or what in ("pmxcfs_joined_quorate", "crm_goes_on"):
        _gained(windows, mark)
    elif what == "pmxcfs_joined":
        if windows.state is None:
            windows.open(mark, "start")
    elif what in ("members", "shrunk"):
        if windows.state is None and not windows.out and has_quorum(view.cluster, mark.members) is False:
            windows.open(mark, "lost" if what == "shrunk" else "first_line")
        elif windows.opened is not None and not windows.members:
            windows.members = mark.members


def _gained(windows: _Windows, mark: _Mark) -> None:
    windows.out = False
    if windows.opened is not None:
        windows.close(mark, "gained", state=True)
    elif windows.state is None and not windows.begun and mark.what in GAINED:
        windows.before(mark)
    windows.state, windows.begun = True, True


def _marks(view: View, node: str) -> Iterator[_Mark]:
    """All moments of a node that bear on its quorum."""
    runs = runs_of(view, node)
    for run in runs:
        yield from _marks_of_run(run)
    yield from _boot_ends(view, node)
    stops = Moments.of(run.end for run in runs if run.ended == "clean" and run.end is not None)
    for at, event in view.dated(node, "corosync_quorum_lost", "corosync_quorum_gained"):
        yield _Mark(at, event.kind, event.evidence, seq=event.seq)
    yield from _from_pmxcfs(view, node, stops)
    if not runs and not any(True for _ in view.dated(node, *LOST, *GAINED)):
        yield from _from_crm(view, node)
    for ring in rings_of(view, node):
        if ring.told:
            yield _Mark(ring.settled or ring.at, "shrunk" if ring.left else "members", ring.evidence[:2], ring.members, _LAST)


def _from_crm(view: View, node: str) -> Iterator[_Mark]:
    """The CRM's word, where neither corosync nor pmxcfs is in the log: a slave waits only if it sees no quorum (CRM.pm `work`)."""
    for at, event in view.dated(node, "crm_status_changed"):
        change = (event.fields.get("from"), event.fields.get("to"))
        if change == ("slave", "wait_for_quorum"):
            yield _Mark(at, "crm_waits", event.evidence, seq=event.seq)
        elif change[0] == "wait_for_quorum" and change[1] in ("slave", "master"):
            yield _Mark(at, "crm_goes_on", event.evidence, seq=event.seq)


def _marks_of_run(run: Run) -> Iterator[_Mark]:
    if run.start is not None:
        yield _Mark(run.start, "start", run.evidence[:1], seq=run.start_seq)
    if run.end is not None and run.ended in ("clean", "crash"):
        yield _Mark(run.end, run.ended, run.evidence[-1:], seq=run.end_seq)


def _boot_ends(view: View, node: str) -> Iterator[_Mark]:
    """Ends of boots; one that the watchdog brought lies its timeout behind the last keepalive, not at the last line."""
    for boot in view.boots_of(node):
        if boot.manner == "open":
            continue
        end = boot.end or boot.next_start
        if end is not None:
            yield _Mark(_reset_after(view, node, end, boot.next_start) or end, "boot_end", boot.evidence[:1], seq=_LAST)


def _reset_after(view: View, node: str, end: Instant, next_start: Instant | None) -> Instant | None:
    """When the kernel's watchdog reset the node, if its multiplexer let it run out right before the log's end.

    It resets 10 s after the last keepalive (pve-ha-manager:src/watchdog-mux.c `watchdog_timeout`); the multiplexer feeds
    it every second until it expires, and the kernel once more as the device is closed (`watchdog did not stop!`,
    linux:drivers/watchdog/watchdog_dev.c).
    """
    last: Instant | None = None
    for at, event in view.dated(node, "watchdog_expired", "watchdog_client_died", "kernel_watchdog_not_stopped"):
        if 0 <= end.us - at.us <= 15 * SECOND:
            fed = at if event.kind == "kernel_watchdog_not_stopped" else at.plus(-_KEEPALIVE_S / 2)
            last = fed if last is None or event.kind == "kernel_watchdog_not_stopped" else last
    if last is None:
        return None
    reset = replace(last.plus(_KERNEL_TIMEOUT_S), error_us=max(last.error_us, SECOND))
    return reset if reset.us >= end.us and (next_start is None or reset.us <= next_start.us) else None


def _from_pmxcfs(view: View, node: str, stops: Moments) -> Iterator[_Mark]:
    """Pmxcfs' words; it also says `lost` as its corosync stops, and `has quorum` as it starts itself."""
    own = any(event.at is not None for event in corosync_of(view, node))
    cut = Moments.of(at for at, _ in view.dated(node, DISCONNECTED))
    joins = Moments.of(at for at, _ in view.dated(node, "pmxcfs_cluster_info", "pmxcfs_started"))
    for at, event in view.dated(node, "pmxcfs_quorum_lost"):
        if stops.any_in(at.us - _STOP_US, at.us + _STOP_US):
            continue
        if cut.any_in(at.us - _LAG_US, at.us + _LAG_US):
            if not own and not _ends_cleanly(view, node, at):
                yield _Mark(at, "pmxcfs_lost_corosync", event.evidence, seq=event.seq)
            continue
        yield _Mark(at, event.kind, event.evidence, seq=event.seq)
    for at, event in view.dated(node, "pmxcfs_quorum_gained"):
        joined = joins.any_in(at.us - _LAG_US, at.us)
        yield _Mark(at, "pmxcfs_joined_quorate" if joined else event.kind, event.evidence, seq=event.seq)
    gained = Moments.of(at for at, _ in view.dated(node, "pmxcfs_quorum_gained"))
    if not own:
        for at, event in view.dated(node, "pmxcfs_cluster_info"):
            if not gained.any_in(at.us, at.us + _LAG_US):
                yield _Mark(at, "pmxcfs_joined", event.evidence, seq=event.seq)


def _ends_cleanly(view: View, node: str, at: Instant) -> bool:
    """True if the node's boot ended in order within two minutes after the moment."""
    ends = (boot.end for boot in view.boots_of(node) if boot.manner == "clean" and boot.end is not None)
    return any(-_STOP_US <= end.us - at.us <= 120 * SECOND for end in ends)


def _with_dumps(view: View, node: str, windows: tuple[Interval, ...], marks: list[_Mark]) -> list[Interval]:
    """Status dumps: evidence for a window they lie in, and a window of their own where the log knows nothing."""
    found = list(windows)
    for dump in view.snapshots_of(node):
        quorate = says_quorate(dump)
        if quorate is None:
            continue
        at = dump.at
        place = next((k for k, window in enumerate(found) if at is not None and holds(window, at)), None)
        if quorate is False and place is not None:
            found[place] = replace(found[place], evidence=found[place].evidence + dump.evidence[:1])
        elif quorate is False and not any(_decides(mark, at) for mark in marks):
            fields = {"opened_by": "dump", "closed_by": "", "members": " ".join(sorted(_rows(view, dump)))}
            if not any(window.fields.get("opened_by") == "dump" for window in found):
                start = at if any(mark.what in GAINED for mark in marks) else None
                found.append(Interval(f"node:{node}", "inquorate", start, None, fields, dump.evidence[:1]))
        elif quorate is True and place is not None and at is not None and found[place].end is None:
            fields = {**found[place].fields, "closed_by": "dump"}
            found[place] = replace(found[place], end=None if found[place].start is None else at, fields=fields)
    return found


def contradictions(view: View) -> tuple[str, ...]:
    """Status dumps that say another thing of quorum than the log of their node does at that time, as notes."""
    notes: list[str] = []
    for dump, says, at in told_otherwise(view):
        path = dump.evidence[0].path if dump.evidence else "a status dump"
        word, other = ("has quorum", "has not") if says else ("has no quorum", "has")
        notes.append(f"{path} says at {at.iso()} that {dump.node} {word}; its log says that it {other}")
    return tuple(notes)


def told_otherwise(view: View) -> Iterator[tuple[Snapshot, bool, Instant]]:
    """The dumps that contradict the log of their node by more than a few seconds, with what they say and when."""
    for dump in view.timeline.snapshots:
        says, at = says_quorate(dump), dump.at
        if says is None or at is None or not any(_decides(mark, at) for mark in _marks(view, dump.node)):
            continue
        windows = [w for w in inquorate(view, dump.node) if w.fields.get("opened_by") != "dump"]
        around = [w for w in windows if holds(w, at.plus(-_DOUBT_S)) or holds(w, at) or holds(w, at.plus(_DOUBT_S))]
        inside = [w for w in windows if holds(w, at.plus(-_DOUBT_S)) and holds(w, at.plus(_DOUBT_S))]
        if (says and inside) or (not says and not around):
            yield dump, says, at


def _decides(mark: _Mark, at: Instant | None) -> bool:
    """True if the log tells the state at the dump's moment: any word of it before, or any at all if the dump has no time."""
    return mark.what in (*LOST, *GAINED, "start") and (at is None or mark.at.us <= at.us)


def says_quorate(dump: Snapshot) -> bool | None:
    """What a status dump says of quorum; None if it says nothing."""
    word = (dump_value(dump, "quorate") or "").strip().lower()
    if word in ("yes", "1", "true"):
        return True
    return False if word in ("no", "0", "false") or "blocked" in (dump_value(dump, "quorum") or "").lower() else None


def holds(window: Interval, at: Instant) -> bool:
    """True if the moment lies in the interval, with a second to spare."""
    slack = SECOND + at.error_us
    return (window.start is None or window.start.us - slack <= at.us) and (window.end is None or at.us <= window.end.us + slack)


def _rows(view: View, dump: Snapshot) -> set[str]:
    names = set()
    for row in dump.rows:
        plain = {key.strip().lower(): value for key, value in row.items()}
        who = plain.get("nodeid") or plain.get("name")
        if who and who not in ("0", "0x00000000"):
            names.add(view.resolve(who))
    return names


def _counted(view: View, window: Interval) -> Interval:
    """The window with the votes at hand beside those expected and needed."""
    cluster, fields = view.cluster, dict(window.fields)
    names = tuple(fields.get("members", "").split())
    fields["votes"] = str(votes_of(cluster, names)) if names and cluster.expected_votes else ""
    fields["expected"] = str(cluster.expected_votes or "")
    fields["needed"] = str(cluster.quorum or "")
    return replace(window, fields=fields)


def _qdevice(view: View, node: str) -> Iterator[Interval]:
    """From the first word of a lost quorum device to the last; what follows within two tries belongs together."""
    kinds = ("qdevice_lost", "qdevice_server_timeout", "qdevice_connect_failed", "qdevice_disconnected", "qdevice_tls_failure")
    stops = Moments.of(run.end for run in runs_of(view, node) if run.end is not None)
    group: list[tuple[Instant, Event]] = []
    for at, event in view.dated(node, *kinds):
        ended = bool(group) and stops.any_in(group[-1][0].us + 1, at.us)
        if group and (at.us - group[-1][0].us > _RETRY_US or ended):
            yield _lost_device(node, group)
            group = []
        group.append((at, event))
    if group:
        yield _lost_device(node, group)


def _lost_device(node: str, group: list[tuple[Instant, Event]]) -> Interval:
    evidence = tuple(e for _, event in group[:3] for e in event.evidence[:1])
    return Interval(f"qdevice:{node}", "lost", group[0][0], group[-1][0], {"lines": str(len(group))}, evidence)
