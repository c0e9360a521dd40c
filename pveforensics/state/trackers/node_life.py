"""The lives of each node: its boots, how each ended, and the holes in its logs."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from pveforensics.model import Boot, Evidence, Interval
from pveforensics.state.moments import moments_of
from pveforensics.state.trackers.boot_ends import Ending, Life, ending_of
from pveforensics.state.trackers.boot_marks import Start, signs_of, starts_of
from pveforensics.state.trackers.boot_records import rows_of
from pveforensics.state.trackers.lrm import armed_at
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

NO_LOG = "no log in the bundle"
"""`why` of the hole that is a node without any log."""

_HOLE_S = 65 * 60
_FIRST_US = 30 * SECOND


def boots(view: View) -> tuple[Boot, ...]:
    """The boots of every node in order: one list for all of its logs, login records and boot lists."""
    return tuple(_boot(life, ending) for node in view.nodes for life, ending in endings(view, node))


def track(view: View) -> tuple[Interval, ...]:
    """`node:<n>` running, stopping (from the order to shut down to the last sign), ended and no_log."""
    found: list[Interval] = []
    for node in view.nodes:
        told = endings(view, node)
        for life, ending in told:
            found += _intervals(view, life, ending)
        found += _holes(view, node, [life for life, _ in told])
    for node in view.naming.nodes:
        if node not in view.naming.in_bundle:
            found.append(Interval(f"node:{node}", "no_log", None, None, {"why": NO_LOG}))
    return tuple(found)


def endings(view: View, node: str) -> tuple[tuple[Life, Ending], ...]:
    """Every life of a node with how it ended."""
    return view.once(
        ("endings", node), lambda: tuple((life, _with_lock(view, life, ending_of(view, life))) for life in lives_of(view, node))
    )


def lives_of(view: View, node: str) -> tuple[Life, ...]:
    """The lives of a node in order: cut at the beginnings of its boots."""
    signs = signs_of(view, node)
    starts = starts_of(view, node, signs)
    lives: list[Life] = []
    opening: Start | None = None
    for following in (*starts, None):
        life = _life(view, node, signs, opening, following)
        if life is not None:
            lives.append(life)
        opening = following
    return tuple(lives)


def _life(view: View, node: str, signs: list[Instant], opening: Start | None, following: Start | None) -> Life | None:
    """The life between two beginnings; None if the first beginning has no line before it."""
    floor = opening.at if opening is not None else None
    last = _last_sign(view, node, floor, opening, following)
    if opening is None and last is None:
        return None
    if opening is not None and opening.at is None and following is None:
        return None  # the boot that followed left no line here
    if opening is None and following is not None and following.at is None:
        return Life(node, None, last, None, following)
    start = opening.at if opening is not None else _cold_start(view, node, signs)
    return Life(node, start, last, opening, following)


def _last_sign(view: View, node: str, floor: Instant | None, opening: Start | None, following: Start | None) -> Instant | None:
    """The last sign before the next beginning, not before this one's: lines that a file holds before the next boot's, and all others."""
    bound = following.at if following is not None else None
    if following is not None and bound is None:
        return following.after
    other = following.boot_id if following is not None else ""
    lines = view.once(("lines and their boots", node), lambda: _lines(view, node))
    place = len(lines) if bound is None else bisect_left(lines, bound.us, key=lambda line: line[0].us)
    while place > 0 and other and lines[place - 1][1] == other:
        place -= 1  # kernel lines of the next boot may be stamped too early
    listed = [row.last for row in rows_of(view, node) if row.last is not None and _holds(row.at, floor, following)]
    told = (lines[place - 1][0] if place > 0 else None, following.after if following is not None else None, *listed)
    last = max((at for at in told if at is not None and (bound is None or at.us < bound.us)), default=None)
    if last is None and opening is None and following is not None:
        return following.after
    return last if last is None or floor is None or last.us >= floor.us else floor


def _lines(view: View, node: str) -> list[tuple[Instant, str]]:
    """The moments of a node's lines with the boot id that each states, and those of its logs' ends."""
    lines = [(at, event.boot) for event in view.events_of(node) for at in moments_of(event)]
    return sorted([*lines, *((c.end, "") for c in view.coverage_of(node))], key=lambda line: line[0].us)


def _holds(at: Instant | None, floor: Instant | None, following: Start | None) -> bool:
    """True if a boot list's row that begins at `at` speaks of the life between two beginnings."""
    if at is None:
        return False
    after = floor is None or at.us >= floor.us - 300 * SECOND
    return after and (following is None or following.at is None or at.us < following.at.us)


def _cold_start(view: View, node: str, signs: list[Instant]) -> Instant | None:
    """The first line of the log, if it is the start of rsyslogd or of the kernel: then the log begins with a boot."""
    for at, _ in view.dated(node, "rsyslog_started"):
        if signs and at.us - signs[0].us <= SECOND and any(0 <= when.us - at.us <= _FIRST_US for when, _ in _stack_starts(view, node)):
            return signs[0]
    return None


def _stack_starts(view: View, node: str) -> Iterator[tuple[Instant, object]]:
    return view.dated(node, "corosync_started", "pmxcfs_started", "watchdog_driver", "boot_systemd_started")


def _with_lock(view: View, life: Life, ending: Ending) -> Ending:
    """A boot that only HA's daemons tell of: the log ends with an armed LRM that had lost its lock, so the watchdog was running out."""
    if ending.manner != "unknown" or life.next is None or life.next.by != "ha_daemons" or life.end is None:
        return ending
    lost = [event for at, event in view.dated(life.node, "lrm_status_changed")
            if event.fields.get("to") == "lost_agent_lock" and 0 <= life.end.us - at.us <= 120 * SECOND]  # fmt: skip
    if not lost or armed_at(view, life.node, life.end) is not True:
        return ending
    why = "the LRM had lost its lock while it was armed, the log stops, and both daemons of HA came up anew without having been stopped"
    return replace(
        ending, manner="unclean", why=why, unclean=("lrm_lost_agent_lock",), evidence=lost[-1].evidence[:1] + life.next.evidence[:2]
    )


# --- what comes out -------------------------------------------------------------------------------


def _boot(life: Life, ending: Ending) -> Boot:
    boot_id = life.opening.boot_id if life.opening is not None else ""
    following = life.next.at if life.next is not None else None
    return Boot(life.node, life.start, life.end, ending.manner, ending.why, following, boot_id, evidence=_evidence(life, ending))


def _evidence(life: Life, ending: Ending) -> tuple[Evidence, ...]:
    opening = life.opening.evidence[:1] if life.opening is not None else ()
    return tuple(dict.fromkeys((*opening, *ending.evidence)))


def _intervals(view: View, life: Life, ending: Ending) -> Iterator[Interval]:
    subject = f"node:{life.node}"
    opening = life.opening.evidence[:1] if life.opening is not None else ()
    boot_id = life.opening.boot_id if life.opening is not None else ""
    running_end = None if ending.manner == "open" else life.end
    yield Interval(subject, "running", life.start, running_end, {"boot_id": boot_id, "kernel": _kernel(view, life)}, opening)
    following = life.next.evidence[:1] if life.next is not None else ()
    evidence = tuple(dict.fromkeys((*ending.evidence, *following)))
    next_at = life.next.at if life.next is not None else None
    yield Interval(subject, "ended", life.end, next_at, _fields(view, life, ending), evidence)
    if ending.asked is not None:
        yield Interval(subject, "stopping", ending.asked, life.end, {"by": ending.by}, ending.evidence[:1])


def _fields(view: View, life: Life, ending: Ending) -> Mapping[str, str]:
    gap = life.next.at.seconds_since(life.end) if life.next is not None and life.next.at is not None and life.end is not None else None
    armed = armed_at(view, life.node, life.end) if life.end is not None else None
    return {
        "manner": ending.manner,
        "by": ending.by,
        "who": ending.who,
        "why": ending.why,
        "gap_s": f"{gap:.0f}" if gap is not None else "",
        "markers": " ".join(ending.markers),
        "unclean_markers": " ".join(ending.unclean),
        "armed": {True: "yes", False: "no", None: "unknown"}[armed],
        "expired": "yes" if ending.expired else "no",
        "restarted_by": life.next.by if life.next is not None else "",
        "followed": "yes" if life.next is not None else "no",
    }


def _kernel(view: View, life: Life) -> str:
    opening = life.opening
    if opening is None or opening.at is None or opening.last is None:
        return ""
    for at, event in view.dated(life.node, "boot_started"):
        if opening.at.us - SECOND <= at.us <= opening.last.us + SECOND:
            return event.fields.get("release") or ""
    return ""


def _holes(view: View, node: str, lives: list[Life]) -> Iterator[Interval]:
    """Spans over 65 minutes (the longest silence of a healthy node: cron writes every hour) in which no whole log holds a line."""
    spans = view.whole_coverage(node)
    for (_, start), (end, _) in itertools.pairwise(spans):
        if end.seconds_since(start) <= _HOLE_S or _is_dead_time(start, end, lives):
            continue
        others = [c for c in view.coverage_of(node) if not c.whole and c.start.us < end.us and c.end.us > start.us]
        why = "only logs of single daemons cover it" if others else "no line was written, or the lines are missing"
        yield Interval(f"node:{node}", "no_log", start, end, {"why": why})


def _is_dead_time(start: Instant, end: Instant, lives: list[Life]) -> bool:
    """True if the node was off: the hole is the time between a boot's last line and the next one's first."""
    for life in lives:
        following = life.next.at if life.next is not None else None
        if (
            life.end is not None
            and following is not None
            and life.end.us - 60 * SECOND <= start.us
            and end.us <= following.us + 300 * SECOND
        ):
            return True
    return False
