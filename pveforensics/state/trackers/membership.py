"""Who was lost to whom: nodes as their peers saw them, and corosync's own lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pveforensics.model import Evidence, Interval
from pveforensics.state.machine import Run, runs_of
from pveforensics.state.moments import Moments, Spans
from pveforensics.state.rings import Ring, departures, returns, rings_of
from pveforensics.state.trackers.quorum import GAINED, LOST, inquorate
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

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
        yield Interval(
            subject, "running", run.start, run.end, {"unit": "corosync", "ended": run.ended, "version": run.version}, run.evidence
        )
        if run.end is not None:
            yield Interval(
                subject, "down", run.end, after.start if after else None, {"unit": "corosync", "ended": run.ended}, run.evidence[-1:]
            )


class _Loss(Value, frozen=True):
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
    leaves = leaves_by_node(view)
    losses = sorted((loss for node in view.nodes for loss in _losses(view, node, leaves)), key=lambda loss: loss.start.us)
    groups: list[list[_Loss]] = []
    last: dict[tuple[str, str], list[_Loss]] = {}
    for loss in losses:
        home = last.get((loss.lost, loss.side))
        if home is not None and _touches(home, loss):
            home.append(loss)
        else:
            last[loss.lost, loss.side] = home = [loss]
            groups.append(home)
    return tuple(_merged(group) for group in groups)


def _touches(group: list[_Loss], loss: _Loss) -> bool:
    return any(other.end is None or loss.start.us <= other.end.us + SECOND for other in group[-8:])


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


def _losses(view: View, node: str, leaves: Mapping[str, Moments]) -> Iterator[_Loss]:
    """What one node says of the others; its own end closes its views, for then it saw nothing more."""
    rings = rings_of(view, node)
    ends = Moments.of(run.end for run in runs_of(view, node) if run.end is not None)
    windows = Spans.of(inquorate(view, node))
    speaks = view.cluster.quorum is not None or bool(view.events_of(node, *LOST, *GAINED))
    return_of = returns(rings)
    for place, ring in enumerate(rings):
        for lost in ring.left:
            if lost == node:
                continue
            back = ring.at if lost in ring.members else return_of(place, lost)
            own_end = ends.after(ring.at.us)
            if own_end is not None and (back is None or back.us > own_end.us):
                back = own_end
            side = _side(windows, ring) if speaks else "unknown"
            yield _Loss(lost, node, ring.at, back, _manner(ring, lost, leaves), side, ring.evidence[:3])


def leaves_by_node(view: View) -> Mapping[str, Moments]:
    """When each node was seen to leave in order."""
    found: dict[str, list[Instant]] = {}
    for leave in departures(view):
        found.setdefault(leave.node, []).append(leave.at)
    return {node: Moments.of(moments) for node, moments in found.items()}


def _manner(ring: Ring, lost: str, leaves: Mapping[str, Moments]) -> str:
    if lost in leaves and leaves[lost].any_in(ring.at.us - _ANNOUNCED_US, ring.at.us + 5 * SECOND):
        return "clean"
    if lost in ring.failed:
        return "vanished"
    return "clean" if ring.told and ring.id else "unknown"


def _side(windows: Spans, ring: Ring) -> str:
    """Whether the reporter had quorum once the ring had settled."""
    return "inquorate" if windows.at((ring.settled or ring.at).us + SECOND) else "quorate"
