"""Daemons of a node that came up without having been stopped: in a log without kernel lines, the sign of a boot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from pveforensics.model import Event, Evidence
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

_STARTS = {
    "rsyslog": ("rsyslog_started",),
    "corosync": ("corosync_started",),
    "pmxcfs": ("pmxcfs_started",),
    "watchdog-mux": ("watchdog_driver",),
    "pve-ha-lrm": ("lrm_status_changed", "ha_daemon_started"),
    "pve-ha-crm": ("crm_status_changed", "ha_daemon_started"),
}
_STOPS = {
    "rsyslog": ("rsyslog_stopped",),
    "corosync": ("corosync_stopped", "corosync_shutdown", "corosync_stopping", "corosync_fatal_exit", "corosync_killed_by_peer"),
    "pmxcfs": ("pmxcfs_stopped", "pmxcfs_stopping"),
    "watchdog-mux": ("watchdog_mux_exit_clean", "watchdog_mux_terminating"),
    "pve-ha-lrm": ("ha_daemon_stopped", "ha_daemon_stopping", "lrm_service_restart", "ha_daemon_failed"),
    "pve-ha-crm": ("ha_daemon_stopped", "ha_daemon_stopping", "crm_shutdown_requested", "ha_daemon_failed"),
}
NODE_SHUTDOWN = ("node_shutdown_requested", "node_reboot_requested", "node_poweroff_requested", "node_maintenance_shutdown")
"""What the LRM says when the whole node goes down, not only the daemon (pve-ha-manager:src/PVE/HA/LRM.pm `shutdown_request`)."""

_TOGETHER_US = 180 * SECOND
_SILENCE_US = 15 * SECOND
_HA_SILENCE_US = 50 * SECOND
_HA = frozenset({"pve-ha-lrm", "pve-ha-crm"})


class Restart(Value, frozen=True):
    """Daemons that came up together. `boot`: enough of them, unstopped and after silence, to say that the node did."""

    at: Instant
    kinds: tuple[str, ...]
    boot: bool
    by: str
    evidence: tuple[Evidence, ...]


def restarts_of(view: View, node: str, signs: list[Instant]) -> tuple[Restart, ...]:
    """Groups of daemon starts that no stop explains, in order."""
    fresh = sorted((item for daemon in _STARTS for item in _fresh(view, node, daemon)), key=lambda item: item[0].us)
    found: list[Restart] = []
    group: list[tuple[Instant, str, Event]] = []
    for item in fresh:
        if group and item[0].us - group[0][0].us > _TOGETHER_US:
            found.append(_restart(group, signs))
            group = []
        group.append(item)
    if group:
        found.append(_restart(group, signs))
    return tuple(found)


def _restart(group: list[tuple[Instant, str, Event]], signs: list[Instant]) -> Restart:
    at = group[0][0]
    daemons = {daemon for _, daemon, _ in group}
    place = _before(signs, at)
    silence = at.us - signs[place].us if place is not None else 0
    others = daemons - _HA
    groups = len(others) + bool(daemons & _HA)
    boot = groups >= 2 and silence >= _SILENCE_US
    by = "daemons"
    if not boot and daemons >= _HA and silence >= _HA_SILENCE_US:
        boot, by = True, "ha_daemons"
    kinds = tuple(dict.fromkeys(event.kind for _, _, event in group))
    evidence = tuple(dict.fromkeys(e for _, _, event in group for e in event.evidence[:1]))[:4]
    return Restart(at, kinds, boot, by, evidence)


def _before(signs: list[Instant], at: Instant) -> int | None:
    """The place of the last sign more than a second before a moment."""
    place = bisect_left(signs, at.us - SECOND, key=lambda sign: sign.us)
    return place - 1 if place > 0 else None


def _fresh(view: View, node: str, daemon: str) -> Iterator[tuple[Instant, str, Event]]:
    """Starts of a daemon that had run before and was not stopped since, unless the whole node was told to go down."""
    shutdowns = [at for at, _ in view.dated(node, *NODE_SHUTDOWN)]
    first = next((event for _, event in view.dated(node)), None)
    alive = False
    stopped: Instant | None = None
    begun: Instant | None = None
    for event in _of(view, node, daemon):
        at = event.at
        if at is None:
            continue
        if _starts(event, daemon):
            planned = stopped is not None and any(-120 * SECOND <= when.us - stopped.us <= 600 * SECOND for when in shutdowns)
            again = begun is not None and at.us - begun.us <= 10 * SECOND  # `starting server`, then `status change startup => ...`
            wrote = alive or (daemon == "rsyslog" and event is not first)  # every line went through rsyslog
            if wrote and not again and (stopped is None or planned):
                yield at, daemon, event
            begun, stopped = at, None
        elif event.kind in _STOPS[daemon]:
            stopped = at
        alive = True


def _of(view: View, node: str, daemon: str) -> tuple[Event, ...]:
    """The lines of a daemon; rsyslog's are those of its starts and stops, whichever program they name."""
    return view.events_of(node, *_STARTS[daemon], *_STOPS[daemon]) if daemon == "rsyslog" else view.written_by(node, daemon)


def _starts(event: Event, daemon: str) -> bool:
    if event.kind in ("lrm_status_changed", "crm_status_changed"):
        return event.fields.get("from") == "startup"
    return event.kind in _STARTS[daemon]
