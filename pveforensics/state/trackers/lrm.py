"""The local resource manager of HA on each node: its states, and when its watchdog was armed."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "startup": ("wait_for_agent_lock",),
    "wait_for_agent_lock": ("active", "maintenance"),
    "active": ("lost_agent_lock", "wait_for_agent_lock", "maintenance"),
    "lost_agent_lock": ("active", "wait_for_agent_lock", "maintenance"),
    "maintenance": ("active", "lost_agent_lock", "wait_for_agent_lock"),
}
"""States of the LRM and those that may follow (pve-ha-manager:src/PVE/HA/LRM.pm `work`). A line that breaks it shows lost lines."""

_KINDS = (
    "lrm_status_changed", "ha_watchdog_armed", "ha_watchdog_disarmed", "ha_disarmed_node", "ha_daemon_stopped", "lrm_going_idle",
    "lrm_fence_requested", "ha_lock_lost", "lrm_exit_without_lock",
)  # fmt: skip
_HOLDS = frozenset({"active", "maintenance", "lost_agent_lock"})


class _Reading(Struct):
    """What holds while a node's lines are read."""

    node: str
    found: list[Interval] = field(default_factory=list)
    state: str = ""
    since: Instant | None = None
    evidence: tuple[Evidence, ...] = ()
    armed: bool | None = None
    armed_since: Instant | None = None
    armed_by: tuple[Evidence, ...] = ()

    def leave(self, at: Instant | None, why: str, to: str = "", evidence: tuple[Evidence, ...] = ()) -> None:
        """The state ends."""
        if self.state:
            fields = {"closed_by": why, "to": to}
            if self.state == "lost_agent_lock":
                fields["regained"] = "yes" if to else "no"
                fields["armed"] = "no" if self.armed is False else "yes"
            self.found.append(Interval(f"ha:{self.node}", self.state, self.since, at, fields, self.evidence + evidence[:1]))
        self.state, self.since, self.evidence = "", None, ()

    def enter(self, at: Instant | None, state: str, evidence: tuple[Evidence, ...]) -> None:
        """A state begins."""
        self.state, self.since, self.evidence = state, at, evidence[:1]

    def arm(self, at: Instant | None, evidence: tuple[Evidence, ...]) -> None:
        """The watchdog is armed from here on, or was before the log."""
        if not self.armed:
            self.armed, self.armed_since, self.armed_by = True, at, evidence[:1]

    def disarm(self, at: Instant | None, why: str, evidence: tuple[Evidence, ...] = ()) -> None:
        """The watchdog is released, or gone with the boot."""
        if self.armed:
            proof = self.armed_by + evidence[:1]
            self.found.append(Interval(f"ha:{self.node}", "armed", self.armed_since, at, {"closed_by": why}, proof))
        self.armed, self.armed_since, self.armed_by = False, None, ()


def of_lrm(event: Event) -> bool:
    """True for a line of the LRM; the CRM's own `watchdog closed (disabled)` at a loss of quorum says nothing of the node's watchdog."""
    if event.program:
        return event.program.lower() == "pve-ha-lrm"
    return event.fields.get("daemon", "lrm") == "lrm" and not event.kind.startswith("crm_")


def track(view: View) -> tuple[Interval, ...]:
    """`ha:<n>` with the LRM's states, and `armed`."""
    return tuple(interval for node in view.nodes for interval in _read(view, node))


def armed_at(view: View, node: str, moment: Instant) -> bool | None:
    """Whether the LRM's watchdog was armed at a moment, by its lines alone; None if no line tells."""
    reading = _Reading(node)
    told = False
    for at, event in view.dated(node, *_KINDS, "boot_started", "boot_separator"):
        if at.us > moment.us:
            break
        if event.kind in ("boot_started", "boot_separator"):
            reading = _Reading(node, armed=False)
        elif of_lrm(event):
            told = _take(reading, at, event) or told
    return reading.armed if told else None


def _read(view: View, node: str) -> list[Interval]:
    reading = _Reading(node)
    ends = list(_boot_ends(view, node))
    for at, event in view.dated(node, *_KINDS):
        while ends and ends[0][0] <= at.us:
            _end_of_boot(reading, ends.pop(0)[1])
        if of_lrm(event):
            _take(reading, at, event)
    for _, end in ends:
        _end_of_boot(reading, end)
    reading.leave(None, "")
    if reading.armed:
        reading.disarm(None, "")
    return reading.found


def _boot_ends(view: View, node: str) -> Iterator[tuple[int, Instant | None]]:
    """Where the next boot begins, with the last sign of the one before."""
    for boot in view.boots_of(node):
        if boot.next_start is not None:
            yield boot.next_start.us, boot.end
        elif boot.manner != "open" and boot.end is not None:
            yield boot.end.us + 1, boot.end


def _end_of_boot(reading: _Reading, end: Instant | None) -> None:
    reading.leave(end, "boot_end")
    reading.disarm(end, "boot_end")


def _take(reading: _Reading, at: Instant, event: Event) -> bool:
    """Take one line of the LRM; True if it tells of the watchdog."""
    if event.kind == "lrm_status_changed":
        _change(reading, at, event)
        return True
    if event.kind == "ha_watchdog_armed":
        reading.arm(at, event.evidence)
        return True
    if event.kind == "ha_lock_lost":
        if reading.armed is None and (event.fields.get("lock") or "").startswith("ha_agent_"):
            reading.arm(None, event.evidence)
            return True
        return False
    if event.kind in ("ha_daemon_stopped", "lrm_exit_without_lock"):
        reading.leave(at, "stopped", evidence=event.evidence)
        if event.kind == "lrm_exit_without_lock":
            return False
    if event.kind == "lrm_going_idle":
        return False
    if reading.armed is None and event.kind == "ha_watchdog_disarmed":
        reading.arm(None, event.evidence)
    reading.disarm(at, "closed", event.evidence)
    return True


def _change(reading: _Reading, at: Instant, event: Event) -> None:
    before, after = event.fields.get("from") or "", event.fields.get("to") or ""
    if before == "startup":
        # a new process: what the old one held ended unseen, at the latest here
        reading.leave(None if reading.state and not reading.since else at, "restart")
        if reading.armed is None:
            reading.armed = False
    elif not reading.state and before:
        if before in _HOLDS:
            reading.arm(None, event.evidence)
        reading.enter(None, before, event.evidence)
    elif reading.state and reading.state != before:
        reading.leave(None, "lines_missing")
        reading.enter(None, before, event.evidence)
    if before != "startup":
        reading.leave(at, "change", after, event.evidence)
    reading.enter(at, after, event.evidence)
    if after in ("active", "lost_agent_lock"):
        reading.arm(at if after == "active" else None, event.evidence)
    elif after == "wait_for_agent_lock":
        reading.disarm(at, "idle", event.evidence)


def lost_locks(view: View, node: str) -> tuple[Interval, ...]:
    """The spans in which the LRM of a node was without its lock."""
    return tuple(interval for interval in _read(view, node) if interval.state == "lost_agent_lock")


LRM_TIMEOUT_US = 60 * SECOND
"""The multiplexer gives a client up 60 s after its last update (pve-ha-manager:src/watchdog-mux.c `CLIENT_WATCHDOG_TIMEOUT`)."""
