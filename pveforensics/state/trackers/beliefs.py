"""What each node held to be true, right or wrong: quorum, members, who is master, and the state of its LRM."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pveforensics.model import Belief, Interval
from pveforensics.state.machine import runs_of
from pveforensics.state.rings import rings_of
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

_WORDS = ("corosync_quorum_gained", "corosync_quorum_lost", "pmxcfs_quorum_gained", "pmxcfs_quorum_lost")
_MOST = 5_000


def track(view: View, intervals: Iterable[Interval]) -> tuple[Belief, ...]:
    """The beliefs of every node with a log, by node and time. Needs the intervals of quorum and HA."""
    held = tuple(intervals)
    master = tuple(i for i in held if i.subject == "ha:master")
    found: list[Belief] = []
    for node in view.nodes:
        windows = tuple(i for i in held if i.subject == f"node:{node}" and i.state == "inquorate")
        lrm = tuple(i for i in held if i.subject == f"ha:{node}" and i.state != "armed")
        found += _of_node(view, node, windows, lrm, master)
    return tuple(found)


def _of_node(view: View, node: str, windows: tuple[Interval, ...], lrm: tuple[Interval, ...], master: tuple[Interval, ...]) -> list[Belief]:
    rings = [ring for ring in rings_of(view, node) if ring.members]
    ends = [run.end for run in runs_of(view, node) if run.end is not None]
    speaks = bool(view.events_of(node, *_WORDS)) or bool(windows)
    edges: dict[int, Instant] = {ring.at.us: ring.at for ring in rings} | {end.us: end for end in ends}
    edges |= {edge.us: edge for span in (*windows, *lrm, *master) for edge in (span.start, span.end) if edge is not None}
    found: list[Belief] = []
    for start, end in _spans([edges[us] for us in sorted(edges)][:_MOST]):
        ring = next((ring for ring in reversed(rings) if start is not None and ring.at.us <= start.us), None)
        if ring is not None and start is not None and any(ring.at.us < stop.us <= start.us for stop in ends):
            ring = None
        lost = any(_holds(window, start, end) for window in windows)
        known = speaks and (lost or ring is not None or (not rings and start is not None))
        belief = Belief(
            node,
            start,
            end,
            (not lost) if known else None,
            ring.members if ring else (),
            _state(master, start, end),
            _state(lrm, start, end),
        )
        if found and _same(found[-1], belief):
            found[-1] = Belief(node, found[-1].start, end, belief.quorate, belief.members, belief.master, belief.lrm)
        elif belief.quorate is not None or belief.members or belief.lrm:
            found.append(belief)
    return _settled(found)


def _settled(beliefs: list[Belief]) -> list[Belief]:
    """Without those of under half a second: the lines of one change are not written all at once."""
    kept: list[Belief] = []
    brief: Instant | None = None
    for belief in beliefs:
        start = brief or belief.start
        follows = belief.start is not None and belief.end is not None and belief.end.us - belief.start.us < SECOND // 2
        brief = start if follows else None
        if not follows:
            kept.append(replace(belief, start=start))
    return kept


def _spans(edges: list[Instant]) -> list[tuple[Instant | None, Instant | None]]:
    if not edges:
        return []
    return list(zip([None, *edges], [*edges, None], strict=True))


def _same(one: Belief, other: Belief) -> bool:
    alike = (one.quorate, one.members, one.master, one.lrm) == (other.quorate, other.members, other.master, other.lrm)
    return alike and one.end == other.start


def _state(spans: tuple[Interval, ...], start: Instant | None, end: Instant | None) -> str:
    return next((span.state for span in spans if _holds(span, start, end)), "")


def _holds(span: Interval, start: Instant | None, end: Instant | None) -> bool:
    """True if the interval covers the whole of the span; spans lie between neighbouring edges, so it covers all or nothing."""
    begins = span.start is None or (start is not None and span.start.us <= start.us)
    return begins and (span.end is None or (end is not None and end.us <= span.end.us))
