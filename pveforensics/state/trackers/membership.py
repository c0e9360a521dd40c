"""Who was lost to whom: nodes as their peers saw them, and corosync's own lives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pveforensics.model import Evidence, Interval
from pveforensics.state.machine import Run, runs_of
from pveforensics.state.rings import Departure, Ring, departures, rings_of
from pveforensics.state.trackers.quorum import inquorate
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

_ANNOUNCED_US = 60 * SECOND


def track(view: View) -> tuple[Interval, ...]:
    """`node:<n>` unreachable and `service:corosync@<n>` running and down."""
    found: list[Interval] = []
    for node in view.nodes:
        found += _service(node, runs_of(view, node))
    return (*found, *unreachable(view))


def _service(node: str, runs: tuple[Run, ...]) -> Iterator[Interval]:
    subject = f"service:corosync@{node}"
    for run, after in zip(runs, (*runs[1:], None), strict=False):
        yield Interval(subject, "running", run.start, run.end, {"ended": run.ended, "version": run.version}, run.evidence)
        if run.end is not None:
            yield Interval(subject, "down", run.end, after.start if after else None, {"ended": run.ended}, run.evidence[-1:])


@dataclass(frozen=True, slots=True)
class _Loss:
    """One reporter's view: `lost` was gone from `start` to `end`."""

    lost: str
    reporter: str
    start: Instant
    end: Instant | None
    manner: str
    side: str
    evidence: tuple[Evidence, ...]


def unreachable(view: View) -> tuple[Interval, ...]:
    """Nodes as lost by others; views that overlap and come from the same side of the quorum are one interval.

    Fields: `manner` vanished, clean or unknown; `seen_by`; `side` whether those who tell it had quorum
    (`quorate`, `inquorate`, `unknown`): what an isolated node says of its peers is its own trouble.
    """
    leaves = departures(view)
    losses = sorted((loss for node in view.nodes for loss in _losses(view, node, leaves)), key=lambda loss: loss.start.us)
    groups: list[list[_Loss]] = []
    for loss in losses:
        home = next((g for g in groups if g[0].lost == loss.lost and g[0].side == loss.side and _touches(g, loss)), None)
        if home is None:
            groups.append([loss])
        else:
            home.append(loss)
    return tuple(_merged(group) for group in groups)


def _touches(group: list[_Loss], loss: _Loss) -> bool:
    return any(other.end is None or loss.start.us <= other.end.us + SECOND for other in group)


def _merged(group: list[_Loss]) -> Interval:
    manners = [loss.manner for loss in group]
    manner = next((word for word in ("clean", "vanished") if word in manners), "unknown")
    ends = [loss.end for loss in group if loss.end is not None]
    evidence = tuple(dict.fromkeys(e for loss in group for e in loss.evidence))[:6]
    seen = " ".join(sorted({loss.reporter for loss in group}))
    fields = {"manner": manner, "seen_by": seen, "side": group[0].side}
    return Interval(
        f"node:{group[0].lost}", "unreachable", group[0].start, max(ends) if len(ends) == len(group) else None, fields, evidence
    )


def _losses(view: View, node: str, leaves: tuple[Departure, ...]) -> Iterator[_Loss]:
    """What one node says of the others; its own end closes its views, for then it saw nothing more."""
    rings = rings_of(view, node)
    runs = runs_of(view, node)
    windows = inquorate(view, node)
    for place, ring in enumerate(rings):
        for lost in ring.left:
            if lost == node:
                continue
            back = ring.at if lost in ring.members else _return(rings[place + 1 :], lost)
            own_end = min((run.end.us for run in runs if run.end is not None and run.end.us > ring.at.us), default=None)
            if own_end is not None and (back is None or back.us > own_end):
                back = next(run.end for run in runs if run.end is not None and run.end.us == own_end)
            yield _Loss(lost, node, ring.at, back, _manner(ring, lost, leaves), _side(windows, ring, view), ring.evidence[:3])


def _return(rings: Iterable[Ring], lost: str) -> Instant | None:
    return next((ring.at for ring in rings if lost in ring.members), None)


def _manner(ring: Ring, lost: str, leaves: tuple[Departure, ...]) -> str:
    if any(leave.node == lost and -_ANNOUNCED_US <= leave.at.us - ring.at.us <= 5 * SECOND for leave in leaves):
        return "clean"
    if lost in ring.failed:
        return "vanished"
    return "clean" if ring.told and ring.id else "unknown"


def _side(windows: tuple[Interval, ...], ring: Ring, view: View) -> str:
    """Whether the reporter had quorum once the ring had settled."""
    at = (ring.settled or ring.at).us
    for window in windows:
        opens = window.start is None or window.start.us <= at + 2 * SECOND
        if opens and (window.end is None or window.end.us > at + 2 * SECOND):
            return "inquorate"
    quorum_words = view.events_of(ring.node, "corosync_quorum_gained", "corosync_quorum_lost", "pmxcfs_quorum_gained", "pmxcfs_quorum_lost")
    return "quorate" if quorum_words or view.cluster.quorum is not None else "unknown"
