"""How a boot ended, by what stands in the logs alone: shutdown markers before the end, unclean ones after it, or neither."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable

from pveforensics.model import Coverage, Event, Evidence
from pveforensics.state.moments import common_at
from pveforensics.state.trackers.boot_marks import Start
from pveforensics.state.trackers.boot_records import crashes, records_of
from pveforensics.state.trackers.daemons import NODE_SHUTDOWN
from pveforensics.state.trackers.nearby import nul_edge
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value


class Ending(Value, frozen=True):
    """How a boot ended and what says so. `markers` speak for a shutdown, `unclean` against one; both are event kinds.

    `asked` is when a clean shutdown was ordered, if a line tells it; guests may take minutes to stop after that.
    """

    manner: str
    why: str
    by: str = "unknown"
    who: str = ""
    markers: tuple[str, ...] = ()
    unclean: tuple[str, ...] = ()
    expired: bool = False
    evidence: tuple[Evidence, ...] = ()
    asked: Instant | None = None


class Life(Value, frozen=True):
    """One life of a node: its first and last sign, and how the next one began (None: none is known)."""

    node: str
    start: Instant | None
    end: Instant | None
    opening: Start | None
    next: Start | None


CLEAN: dict[str, float] = {
    "clean_reboot_requested": 3.0, "clean_poweroff_requested": 3.0, "clean_kexec_requested": 3.0, "clean_shutdown_announced": 2.0,
    "power_button_pressed": 1.0, "clean_shutdown_target": 3.0, "clean_reboot_target": 3.0, "clean_poweroff_target": 3.0,
    "clean_shutdown_exec": 3.0, "clean_shutdown_sync": 3.0, "clean_shutdown_kill": 3.0, "journald_stopping": 2.0, "journal_stopped": 2.0,
    "rsyslog_stopped": 2.0, "node_shutdown_requested": 3.0, "node_reboot_requested": 3.0, "node_poweroff_requested": 3.0,
    "node_maintenance_shutdown": 3.0, "pve_guests_stop": 2.0, "watchdog_mux_terminating": 1.5, "watchdog_mux_exit_clean": 1.5,
    "kernel_restart": 3.0, "kexec_boot": 3.0, "thermal_shutdown": 1.0, "service.stopped": 3.0, "corosync_shutdown": 1.0,
    "corosync_stopped": 1.0, "pmxcfs_stopping": 0.5, "pmxcfs_stopped": 0.5, "crm_shutdown_requested": 0.5, "ha_daemon_stopped": 0.5,
    "clean_target_stopped": 3.0,
}  # fmt: skip
"""What each marker of an orderly shutdown is worth; from 3 on the end is called clean. Those of one daemon prove its stop only."""

FINAL = frozenset({"clean_reboot_target", "clean_poweroff_target", "clean_shutdown_exec", "clean_shutdown_sync", "clean_shutdown_kill",
                   "kernel_restart", "journal_stopped", "rsyslog_stopped"})  # fmt: skip
"""Markers of a shutdown's last seconds: after a watchdog's expiry only these show that the shutdown was quicker."""

_DAEMONS = frozenset(
    {"corosync_shutdown", "corosync_stopped", "pmxcfs_stopping", "pmxcfs_stopped", "crm_shutdown_requested", "ha_daemon_stopped"}
)
"""Markers of one daemon: where nothing follows, they show that the cluster's daemons were stopped, not the node."""

_ENOUGH = 3.0
_BEFORE_US = 600 * SECOND
_REQUEST_US = 1800 * SECOND
_REQUESTS = frozenset({"clean_reboot_requested", "clean_poweroff_requested", "clean_kexec_requested", *NODE_SHUTDOWN})
_ORDERS = frozenset({*_REQUESTS, "clean_shutdown_announced", "power_button_pressed", "pve_guests_stop"})
_HOLE_US = 65 * 60 * SECOND
_EXPIRY = ("watchdog_expired", "watchdog_client_died", "watchdog_mux_exit_active")
_SHUTDOWN_TARGETS = ("multi-user", "graphical", "getty.target", "timers", "basic", "login prompts", "timer units")
_AFTER = {"journal_unclean": 180, "filesystem_recovery": 120, "hardware_error_previous_boot": 300, "pstore_record": 300}
"""Markers that the next boot leaves and how long after its latest mark they still speak of the boot before, in seconds.

A container's or a snapshot's file system recovers on any later mount: only one of the first two minutes is the node's own.
"""
_AT_END = {"softdog_reboot": 60, "kernel_watchdog_pretimeout": 60, "kernel_panic": 120, "sysrq_reboot": 60, "wtmp_crash_record": 60}


def ending_of(view: View, life: Life) -> Ending:
    """How a life ended; `open` if nothing follows it and no shutdown stands at its end."""
    if life.end is None:
        return Ending("unknown", "no line of the boot that ended is in the logs") if life.next is None else _unseen(view, life)
    said = _clean_marks(view, life)
    weight = _weight(said)
    if life.next is None:
        weight = _weight((at, event) for at, event in said if event.kind not in _DAEMONS)
    expiry = _expiry(view, life)
    cut = _cut_short(view, life, said, expiry)
    if cut is not None:
        return cut
    recorded = _recorded(view, life)
    if weight >= _ENOUGH or (recorded is not None and recorded.manner == "clean") or _stack_stopped(life, said):
        return _clean(said, recorded, expired=expiry is not None)
    if life.next is None:
        return _open(said, expiry)
    unclean = _unclean_marks(view, life, expiry)
    if recorded is not None:
        unclean = (*unclean, *recorded.evidence)
    return _not_clean(view, life, said, unclean, expiry)


# --- shutdown markers -----------------------------------------------------------------------------


def _clean_marks(view: View, life: Life) -> list[tuple[Instant, Event]]:
    """The markers of a shutdown that the end of the life holds, in order; those after which the node lived on do not count."""
    end = life.end
    if end is None:
        return []
    first = life.start.us if life.start is not None else -(1 << 62)
    if life.opening is not None and life.opening.last is not None:
        first = max(first, life.opening.last.us) if life.opening.last.us < end.us else first
    found = []
    known = view.once(("shutdown marks", life.node), lambda: list(view.dated(life.node, *CLEAN)))
    for at, event in known[bisect_left(known, end.us - _REQUEST_US, key=lambda item: item[0].us) :]:
        if at.us > end.us + SECOND:
            break
        reach = _REQUEST_US if event.kind in _REQUESTS else _BEFORE_US
        if first <= at.us and end.us - at.us <= reach and _counts(view, life, at, event):
            found.append((at, event))
    return found


def _counts(view: View, life: Life, at: Instant, event: Event) -> bool:
    """False for a marker that only restarts a daemon, or belongs to a user's session."""
    again = _AGAIN.get(event.kind)
    if again and any(0 <= when.us - at.us <= 10 * SECOND and _before_end(life, when) for when, _ in view.dated(life.node, again)):
        return False
    if event.kind == "journald_stopping":
        return "shutdow" in (event.fields.get("comm") or "")
    if event.kind == "rsyslog_stopped":
        return event.fields.get("signal", "15") == "15"
    if event.kind == "clean_shutdown_announced":
        return not (event.fields.get("when") or "").startswith("at ")
    if event.kind == "pve_guests_stop":
        return event.fields.get("type") == "stopall"
    if event.kind in _STOPPED:
        return _is_shutdown_target(event)
    return True


_STOPPED = frozenset({"service.stopped", "clean_target_stopped"})
_AGAIN = {"journal_stopped": "journal_started", "rsyslog_stopped": "rsyslog_started"}


def _before_end(life: Life, at: Instant) -> bool:
    return life.next is None or life.next.at is None or at.us < life.next.at.us


def _is_shutdown_target(event: Event) -> bool:
    """True for `Stopped target multi-user.target` and its like, which systemd says only as the whole system goes down."""
    text = " ".join((*event.fields.values(), *(e.text for e in event.evidence[:1]))).lower()
    return "stopped target" in text and any(name in text for name in _SHUTDOWN_TARGETS)


def _weight(said: Iterable[tuple[Instant, Event]]) -> float:
    return sum(CLEAN[kind] for kind in {event.kind for _, event in said})


def _stack_stopped(life: Life, said: list[tuple[Instant, Event]]) -> bool:
    """True if corosync stopped in order in the very last seconds before a boot: a fault does not wait for that."""
    end = life.end
    return (
        life.next is not None
        and end is not None
        and any(event.kind in ("corosync_stopped", "corosync_shutdown") and end.us - at.us <= 30 * SECOND for at, event in said)
    )


def _clean(said: list[tuple[Instant, Event]], recorded: _Recorded | None, *, expired: bool) -> Ending:
    kinds = tuple(dict.fromkeys(event.kind for _, event in said))
    by = _by(event for _, event in said)
    told = sorted(said, key=lambda item: (-CLEAN[item[1].kind], item[0].us))
    evidence = tuple(dict.fromkeys(e for _, event in told for e in event.evidence[:1]))[:4]
    if kinds:
        why = f"a shutdown stands before the end of the boot ({_words(kinds)})"
    else:
        why = "the login records hold a shutdown before the next boot"
    if recorded is not None and recorded.manner == "clean":
        kinds, evidence = (*kinds, "wtmp_shutdown"), (*evidence, *(e for record in recorded.evidence for e in record[1]))
    asked = min((at for at, event in said if event.kind in _ORDERS), default=None)
    return Ending("clean", why, by, _who(said), kinds, (), expired, evidence[:5], asked)


_BY: tuple[tuple[str, Callable[[Event], bool]], ...] = (
    ("kexec", lambda e: e.kind in ("clean_kexec_requested", "kexec_boot") or e.fields.get("verb") == "kexec"),
    ("poweroff", lambda e: e.kind in ("clean_poweroff_target", "clean_poweroff_requested", "power_button_pressed", "node_poweroff_requested")
     or e.fields.get("verb") in ("power off", "halt") or e.fields.get("type") == "shutdown" or "Power down" in (e.fields.get("what") or "")),
    ("reboot", lambda e: e.kind in ("clean_reboot_target", "clean_reboot_requested", "node_reboot_requested")
     or e.fields.get("verb") == "reboot" or e.fields.get("type") == "reboot" or "Restarting" in (e.fields.get("what") or "")),
)  # fmt: skip


def _by(events: Iterable[Event]) -> str:
    """Reboot, poweroff or kexec, by the strongest word: systemd's and logind's before the LRM's."""
    ranked = sorted(events, key=lambda event: event.kind.startswith("node_"))
    for event in ranked:
        for word, holds in _BY:
            if holds(event):
                return word
    return "unknown"


def _who(said: Iterable[tuple[Instant, Event]]) -> str:
    """Who asked for it, as far as it is told."""
    for _, event in said:
        if event.kind == "power_button_pressed":
            return "power button"
        if event.kind == "thermal_shutdown":
            return "the kernel, for heat"
    reasons = [event.fields.get("reason") or "" for _, event in said if event.kind.startswith("clean_")]
    reason = next((reason for reason in reasons if reason), "")
    kinds = {event.kind for _, event in said}
    if kinds & {"clean_reboot_requested", "clean_poweroff_requested", "clean_shutdown_announced"}:
        return f"logind ({reason})" if reason else "logind"
    return ""


# --- a shutdown that the watchdog cut, and expiries -----------------------------------------------


def _expiry(view: View, life: Life) -> tuple[Instant, Event] | None:
    """The watchdog's expiry at the end of the life, if the node did not live on for a minute after it."""
    end = life.end
    marks = [(at, event) for at, event in view.dated(life.node, *_EXPIRY) if end is not None and 0 <= end.us - at.us <= 60 * SECOND]
    if life.start is not None:
        marks = [(at, event) for at, event in marks if at.us >= life.start.us]
    return min(marks, key=lambda item: (item[1].kind == "watchdog_mux_exit_active", item[0].us), default=None)


def _cut_short(view: View, life: Life, said: list[tuple[Instant, Event]], expiry: tuple[Instant, Event] | None) -> Ending | None:
    """A shutdown that began and did not come to its end because the watchdog expired first."""
    if expiry is None:
        return None
    if any(event.kind in FINAL and at.us >= expiry[0].us for at, event in said):
        return None
    if not said or _weight(said) < _ENOUGH:
        return None
    blocked = [event for at, event in view.dated(life.node, "lrm_shutdown_blocked") if 0 <= expiry[0].us - at.us <= _REQUEST_US]
    why = "a shutdown had begun, and the watchdog expired before it came to its end"
    kinds = tuple(dict.fromkeys(event.kind for _, event in said))
    unclean = (*(event.kind for event in blocked[:1]), expiry[1].kind)
    evidence = tuple(dict.fromkeys(e for event in (expiry[1], *blocked[:1], said[0][1]) for e in event.evidence[:1]))
    manner = "unclean" if life.next is not None else "open"
    return Ending(manner, why, _by(event for _, event in said), _who(said), kinds, unclean, True, evidence)


def _open(said: list[tuple[Instant, Event]], expiry: tuple[Instant, Event] | None) -> Ending:
    kinds = tuple(dict.fromkeys(event.kind for _, event in said))
    if expiry is None:
        return Ending("open", "the log ends here; nothing tells what came after", markers=kinds)
    return Ending(
        "open", "the log ends where the watchdog expired; the next boot is not in it", "unknown", "", kinds, (expiry[1].kind,), True,
        expiry[1].evidence[:1],
    )  # fmt: skip


# --- unclean ends ---------------------------------------------------------------------------------


Mark = tuple[str, tuple[Evidence, ...]]


def _unclean_marks(view: View, life: Life, expiry: tuple[Instant, Event] | None) -> tuple[Mark, ...]:
    """What says by itself that the boot did not end in order."""
    end, start = life.end, life.next
    if end is None or start is None:
        return ()
    found: list[Mark] = []
    if start.at is not None and start.last is not None:
        first, last = start.at.us - 2 * SECOND, start.last.us
        for at, event in view.dated(life.node, *_AFTER):
            moments = {at.us, *(moment.us for e in event.evidence if (moment := common_at(event, e)) is not None)}
            if any(first <= us <= last + _AFTER[event.kind] * SECOND for us in moments) and _of_node(event):
                found.append((event.kind, event.evidence[:1]))
    for event in view.events_of(life.node, "syslog_nul_bytes"):
        before, after = nul_edge(event, "before"), nul_edge(event, "after") or event.at
        if _between(before, after, end, start):
            found.append((event.kind, event.evidence[:1]))
    for at, event in view.dated(life.node, *_AT_END):
        reach = _AT_END[event.kind] * SECOND
        until = start.at.us if start.at is not None else end.us
        if end.us - reach <= at.us < max(until, end.us + 1) and event.fields.get("action", "") not in (
            "Emergency Sync",
            "Emergency Remount R/O",
        ):
            found.append((event.kind, event.evidence[:1]))
    if expiry is not None:
        found.append((expiry[1].kind, expiry[1].evidence[:1]))
    if start.by == "daemons":
        found.append(("daemons_unstopped", start.evidence[:2]))
    return tuple(dict(reversed(found)).items())[::-1]


def _of_node(event: Event) -> bool:
    """A user's journal is often found open; only the system's own tells of the node's end."""
    return event.kind != "journal_unclean" or "/user-" not in (event.fields.get("path") or "")


def _between(before: Instant | None, after: Instant | None, end: Instant, start: Start) -> bool:
    """True if lines were lost between the old boot's last line and the new boot's first ones."""
    if after is None or start.at is None or start.last is None:
        return False
    in_boot = start.at.us - SECOND <= after.us <= start.last.us + 120 * SECOND
    return in_boot and (before is None or before.us <= start.at.us) and end.us <= after.us


def _not_clean(
    view: View, life: Life, said: list[tuple[Instant, Event]], unclean: tuple[Mark, ...], expiry: tuple[Instant, Event] | None
) -> Ending:
    """Unclean if something says so, or if the log that would have shown a shutdown shows none; else unknown, with the reason."""
    kinds = tuple(dict.fromkeys(kind for kind, _ in unclean))
    markers = tuple(dict.fromkeys(event.kind for _, event in said))
    evidence = tuple(dict.fromkeys(e for _, lines in unclean for e in lines))[:5]
    if not kinds and life.next is not None and life.next.by == "ha_daemons":
        return Ending("unknown", "both daemons of HA came up anew after silence; nothing else tells of a boot", markers=markers)
    if not kinds:
        silent = _would_show(view, life)
        if silent:
            return Ending("unknown", silent, markers=markers)
        why = "the log holds the last lines of the boot and the first of the next, and no shutdown between them"
    else:
        why = f"no shutdown stands before the next boot, and the end left its marks ({_words(kinds)})"
    evidence = (*evidence, *(life.next.evidence[:1] if life.next is not None else ()))
    return Ending("unclean", why, "unknown", "", markers, kinds, expiry is not None, evidence)


def _would_show(view: View, life: Life) -> str:
    """Empty if a whole log shows the end of the boot and the start of the next; else why the silence proves nothing."""
    end, start = life.end, life.next
    whole = [c for c in view.coverage_of(life.node) if _unfiltered(c)]
    if end is None or not any(c.start.us <= end.us <= c.end.us + SECOND for c in whole):
        return "the logs of the boot that ended show only some daemons or priorities: a shutdown may have left no line in them"
    if start is None or start.at is None:
        return ""
    ending = {c.path for c in whole if c.start.us <= end.us <= c.end.us + SECOND}
    beginning = {c.path for c in whole if c.start.us - SECOND <= (start.last or start.at).us and start.at.us <= c.end.us}
    if not beginning:
        return "no whole log holds the next boot: the lines between may be missing from it"
    if not ending & beginning and start.at.us - end.us > _HOLE_US:
        return "the logs have a hole before the next boot in which a shutdown may have stood"
    return ""


def _unfiltered(coverage: Coverage) -> bool:
    """True for a log that would show a shutdown: a whole one, or one of the journal with the kernel's and cron's lines of priority info."""
    names = {name.lower() for name in coverage.programs}
    return coverage.whole or {"kernel", "cron"} <= names


# --- login records --------------------------------------------------------------------------------


class _Recorded(Value, frozen=True):
    """What wtmp says of an end."""

    manner: str
    evidence: tuple[Mark, ...]


def _recorded(view: View, life: Life) -> _Recorded | None:
    """Wtmp's word: a shutdown record between two reboot records is an orderly end, none is a crash; None if it has no word."""
    if life.next is None or life.next.at is None:
        return None
    records = records_of(view, life.node)
    following = min((r for r in records if r.what == "reboot" and abs(r.at.us - life.next.at.us) <= _BEFORE_US),
                    key=lambda r: abs(r.at.us - life.next.at.us), default=None)  # type: ignore[union-attr]  # fmt: skip
    if following is None:
        return None
    earlier = [r for r in records if r.at.us < following.at.us and r.what in ("reboot", "shutdown")]
    if not earlier:
        return None
    if earlier[-1].what == "shutdown":
        return _Recorded("clean", (("wtmp_shutdown", earlier[-1].evidence),))
    crashed = [r for r in crashes(view, life.node) if earlier[-1].at.us <= r.at.us < following.at.us]
    return _Recorded("unclean", (("wtmp_crash", (crashed[0] if crashed else following).evidence),))


def _unseen(view: View, life: Life) -> Ending:
    """A life of which no line is left: only the login records can tell how it ended."""
    recorded = _recorded(view, life)
    if recorded is None:
        return Ending("unknown", "no line of the boot that ended is in the logs")
    kinds = tuple(kind for kind, _ in recorded.evidence)
    evidence = tuple(e for _, lines in recorded.evidence for e in lines)
    if recorded.manner == "clean":
        return Ending("clean", "the login records hold a shutdown before the next boot", markers=kinds, evidence=evidence)
    return Ending("unclean", "the login records hold two boots and no shutdown between them", unclean=kinds, evidence=evidence)


def _words(kinds: Iterable[str]) -> str:
    return ", ".join(kind.replace("_", " ") for kind in list(kinds)[:4])
