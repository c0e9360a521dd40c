"""What each node held to be true, right or wrong: quorum, members, who is master, and the state of its LRM."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from msgspec.structs import replace

from pveforensics.model import Belief, Interval
from pveforensics.state.machine import runs_of
from pveforensics.state.moments import Moments, Spans
from pveforensics.state.rings import rings_of
from pveforensics.state.trackers.quorum import GAINED, LOST
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

_MOST = 5_000


class _Spans(Value, frozen=True):
    """What bears on one node's beliefs: its windows without quorum, its LRM's states, and who was master."""

    lost: Spans
    lrm: Spans
    master: Spans


def track(view: View, intervals: Iterable[Interval]) -> tuple[Belief, ...]:
    """The beliefs of every node with a log, by node and time. Needs the intervals of quorum and HA."""
    held = tuple(intervals)
    master = Spans.of(i for i in held if i.subject == "ha:master")
    found: list[Belief] = []
    for node in view.nodes:
        lost = Spans.of(i for i in held if i.subject == f"node:{node}" and i.state == "inquorate")
        lrm = Spans.of(i for i in held if i.subject == f"ha:{node}" and i.state != "armed")
        found += _of_node(view, node, _Spans(lost, lrm, master))
    return tuple(found)


def _of_node(view: View, node: str, spans: _Spans) -> list[Belief]:
    rings = [ring for ring in rings_of(view, node) if ring.members]
    ends = Moments.of(run.end for run in runs_of(view, node) if run.end is not None)
    began = [ring.at.us for ring in rings]
    speaks = bool(view.events_of(node, *LOST, *GAINED)) or bool(spans.lost.all)
    edges: dict[int, Instant] = {ring.at.us: ring.at for ring in rings} | {end.us: end for end in ends.at}
    for kind in (spans.lost, spans.lrm, spans.master):
        edges |= {edge.us: edge for span in kind.all for edge in (span.start, span.end) if edge is not None}
    found: list[Belief] = []
    for start, end in _pairs([edges[us] for us in sorted(edges)][:_MOST]):
        us = start.us if start is not None else -1
        place = bisect_right(began, us)
        ring = rings[place - 1] if place else None
        if ring is not None and ends.any_in(ring.at.us + 1, us):
            ring = None
        lost = spans.lost.at(us) is not None
        known = speaks and (lost or ring is not None or (not rings and start is not None))
        members = ring.members if ring else ()
        belief = Belief(node, start, end, (not lost) if known else None, members, _state(spans.master, us), _state(spans.lrm, us))
        if found and _same(found[-1], belief):
            found[-1] = replace(found[-1], end=end)
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


def _pairs(edges: list[Instant]) -> list[tuple[Instant | None, Instant | None]]:
    """The spans between neighbouring edges, with the open ones before and behind."""
    return list(zip([None, *edges], [*edges, None], strict=True)) if edges else []


def _same(one: Belief, other: Belief) -> bool:
    alike = (one.quorate, one.members, one.master, one.lrm) == (other.quorate, other.members, other.master, other.lrm)
    return alike and one.end == other.start


def _state(spans: Spans, us: int) -> str:
    held = spans.at(us)
    return held.state if held is not None else ""
