"""Hand-made logs for the trackers of boots and HA: `(seconds, word)` or `(seconds, word, fields)` per node."""

from pveforensics.model import NOTHING, Coverage, Event, Evidence, NodeClock, Snapshot, Timeline
from pveforensics.readings import Naming
from pveforensics.state.trackers import node_life
from pveforensics.state.view import view_of
from pveforensics.timebase import SECOND, Instant

ZERO = 1_790_000_000 * SECOND
NAMES = ("alpha", "beta", "gamma")

WORDS = {
    "kernel": ("boot_started", "kernel", {"release": "6.8.12-4-pve"}),
    "separator": ("boot_separator", "", {}),
    "systemd": ("boot_systemd_started", "systemd", {}),
    "journal": ("journal_started", "systemd-journald", {}),
    "journal_stop": ("journal_stopped", "systemd-journald", {}),
    "journald_term": ("journald_stopping", "systemd-journald", {"comm": "systemd-shutdow"}),
    "rsyslog": ("rsyslog_started", "rsyslogd", {}),
    "rsyslog_stop": ("rsyslog_stopped", "rsyslogd", {"signal": "15"}),
    "finished": ("boot_finished", "systemd", {}),
    "rebooting": ("clean_reboot_requested", "systemd-logind", {}),
    "powering": ("clean_poweroff_requested", "systemd-logind", {}),
    "kexec": ("clean_kexec_requested", "systemd-logind", {}),
    "key": ("power_button_pressed", "systemd-logind", {}),
    "at": ("clean_shutdown_announced", "systemd-logind", {"verb": "reboot", "when": "at 03:00"}),
    "reboot_target": ("clean_reboot_target", "systemd", {}),
    "target": ("service.stopped", "systemd", {"what": "Stopped", "desc": "target multi-user.target - Multi-User System"}),
    "sync": ("clean_shutdown_sync", "systemd-shutdown", {}),
    "corosync": ("corosync_started", "corosync", {}),
    "corosync_stop": ("corosync_stopped", "corosync", {}),
    "pmxcfs": ("pmxcfs_started", "pmxcfs", {}),
    "pmxcfs_stop": ("pmxcfs_stopped", "pmxcfs", {}),
    "mux": ("watchdog_driver", "watchdog-mux", {}),
    "mux_term": ("watchdog_mux_terminating", "watchdog-mux", {}),
    "mux_exit": ("watchdog_mux_exit_clean", "watchdog-mux", {}),
    "about": ("watchdog_about_to_expire", "watchdog-mux", {"client": "1900"}),
    "averted": ("watchdog_fence_averted", "watchdog-mux", {"client": "1900"}),
    "expired": ("watchdog_expired", "watchdog-mux", {"client": "1900"}),
    "died": ("watchdog_client_died", "watchdog-mux", {"client": "1900"}),
    "left": ("watchdog_mux_exit_active", "watchdog-mux", {}),
    "not_stopped": ("kernel_watchdog_not_stopped", "kernel", {}),
    "unclean_journal": ("journal_unclean", "systemd-journald", {"path": "/var/log/journal/aa/system.journal"}),
    "unclean_user": ("journal_unclean", "systemd-journald", {"path": "/var/log/journal/aa/user-1000.journal"}),
    "recovery": ("filesystem_recovery", "kernel", {"dev": "dm-1"}),
    "panic": ("kernel_panic", "kernel", {"reason": "Fatal exception"}),
    "armed": ("ha_watchdog_armed", "pve-ha-lrm", {}),
    "closed": ("ha_watchdog_disarmed", "pve-ha-lrm", {}),
    "crm_closed": ("ha_watchdog_disarmed", "pve-ha-crm", {}),
    "lrm_stop": ("ha_daemon_stopped", "pve-ha-lrm", {}),
    "lrm_restart": ("lrm_service_restart", "pve-ha-lrm", {}),
    "crm_stop": ("ha_daemon_stopped", "pve-ha-crm", {}),
    "lost_lock": ("ha_lock_lost", "pve-ha-lrm", {"lock": "ha_agent_alpha_lock"}),
    "policy": ("node_shutdown_requested", "pve-ha-lrm", {"policy": "conditional"}),
    "poweroff_lrm": ("node_poweroff_requested", "pve-ha-lrm", {}),
    "blocked": ("lrm_shutdown_blocked", "pve-ha-lrm", {"n": "2"}),
    "line": ("storage_line", "pvestatd", {}),
    "sad": ("corosync_node_shutdown_announced", "corosync", {}),
}


def at(seconds):
    return Instant(ZERO + round(seconds * SECOND))


def seconds(moment):
    return None if moment is None else (moment.us - ZERO) / SECOND


def made(node, seq, when, word, fields=None, path=None):
    """One event; `lrm:a>b`, `crm:a>b` are changes of state, `node:x:a>b`, `ack:x`, `service:sid:a>b` the master's words."""
    head, _, rest = word.partition(":")
    if head in ("lrm", "crm") and rest:
        before, _, after = rest.partition(">")
        kind, program, more = f"{head}_status_changed", f"pve-ha-{head}", {"from": before, "to": after}
    elif head == "node":
        name, _, change = rest.partition(":")
        kind, program, more = (
            "crm_node_state_changed",
            "pve-ha-crm",
            {"node": name, **dict(zip(("from", "to"), change.split(">"), strict=True))},
        )
    elif head == "ack":
        kind, program, more = "node_fence_acknowledged", "pve-ha-crm", {"node": rest}
    elif head == "service":
        sid, _, change = rest.rpartition(":")
        kind, program, more = (
            "crm_service_state_changed",
            "pve-ha-crm",
            {"sid": sid, **dict(zip(("from", "to"), change.split(">"), strict=True))},
        )
    else:
        kind, program, more = WORDS[head]
    moment = None if when is None else at(when)
    place = path or f"{node}/syslog"
    proof = Evidence(place, seq + 1, node, word, at=moment)
    return Event(kind, node, moment, {**more, **(fields or {})} or NOTHING, (proof,), seq=seq, program=program)


def story(logs, *, whole=True, holes=(), snapshots=(), names=NAMES):
    """A view of logs; the coverage of each file runs from its first to its last line, cut at separators and at holes (start, end)."""
    events, spans = [], []
    for node, log in logs.items():
        owner, _, name = node.partition("/")
        path = f"{owner}/{name or 'syslog'}"
        made_here = [made(owner, seq, entry[0], entry[1], entry[2] if len(entry) > 2 else None, path) for seq, entry in enumerate(log)]
        events += made_here
        spans += _coverage(owner, path, made_here, whole, holes)
    events.sort(key=lambda e: (e.at is None, e.at.us if e.at else 0, e.seq))
    owners = {key.partition("/")[0] for key in logs}
    timeline = Timeline(tuple(events), tuple(spans), tuple(snapshots), clocks={name: NodeClock("UTC") for name in names})
    return view_of(timeline, Naming(names, frozenset(owners), {}, {}, dict(enumerate(names, 1))))


def _coverage(node, path, events, whole, holes):
    run = []
    for event in events:
        cut = event.kind == "boot_separator" or (
            run and any(seconds(run[-1]) <= a and seconds(event.at) >= b for a, b in holes if event.at)
        )
        if cut and run:
            yield Coverage(node, min(run), max(run), path, frozenset(), whole)
            run = []
        if event.at is not None:
            run.append(event.at)
    if run:
        yield Coverage(node, min(run), max(run), path, frozenset(), whole)


def boots(view, node="alpha"):
    """Start, end, manner of each boot of a node."""
    return [(seconds(b.start), seconds(b.end), b.manner) for b in node_life.boots(view) if b.node == node]


def with_boots(view):
    """The view as the trackers get it."""
    return view_of(view.timeline, view.naming, view.cluster, node_life.boots(view))


def ended(view, node="alpha"):
    """The `ended` intervals of a node as start, end and fields."""
    return [
        (seconds(i.start), seconds(i.end), i.fields) for i in node_life.track(view) if i.subject == f"node:{node}" and i.state == "ended"
    ]


def spans(intervals, subject, state):
    return [(seconds(i.start), seconds(i.end), dict(i.fields)) for i in intervals if i.subject == subject and i.state == state]


def wtmp(node, *rows):
    """A `last -x` dump with rows (user, seconds, end word)."""
    made_rows = tuple({"user": user, "start": at(when).iso(), "end": end} for user, when, end in rows)
    return Snapshot("last", node, None, NOTHING, made_rows, (Evidence(f"{node}/last", 1, node, "last -x"),))
