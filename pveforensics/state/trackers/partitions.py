"""How the cluster was divided: which nodes formed one ring, from when to when, and whether they had quorum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pveforensics.model import Group, Interval, Partition
from pveforensics.state.arithmetic import could, tie_breakers, votes_of
from pveforensics.state.machine import runs_of
from pveforensics.state.moments import Spans
from pveforensics.state.rings import Ring, rings_of
from pveforensics.state.trackers.quorum import GAINED, LOST
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

_SAME_CHANGE_US = 2 * SECOND
_MOST = 20_000


class _Step(Value, frozen=True):
    """From `at` on `node` was in this ring, or in none."""

    at: Instant
    node: str
    ring: Ring | None


def track(view: View, intervals: Iterable[Interval]) -> tuple[Partition, ...]:
    """The partitions by time; changes that lie within two seconds of each other are one. Needs the quorum windows."""
    lost = [interval for interval in intervals if interval.state == "inquorate"]
    windows = {node: Spans.of(i for i in lost if i.node == node) for node in view.nodes if view.events_of(node, *LOST, *GAINED)}
    steps = sorted((step for node in view.nodes for step in _steps(view, node)), key=lambda step: step.at.us)
    now: dict[str, Ring] = {}
    found: list[Partition] = []
    for batch, after in _batches(steps[:_MOST]):
        for step in batch:
            if step.ring is None:
                now.pop(step.node, None)
            else:
                now[step.node] = step.ring
        groups = tuple(_groups(view, now, windows, batch[-1].at, after))
        if found and found[-1].groups == groups:
            found[-1] = Partition(found[-1].start, after, groups)
        elif groups:
            found.append(Partition(batch[0].at, after, groups))
    return tuple(found)


def _steps(view: View, node: str) -> Iterator[_Step]:
    for ring in rings_of(view, node):
        yield _Step(ring.at, node, ring)
    for run in runs_of(view, node):
        if run.end is not None:
            yield _Step(run.end, node, None)


def _batches(steps: list[_Step]) -> Iterator[tuple[list[_Step], Instant | None]]:
    """Steps of one change, and when the next change begins."""
    batch: list[_Step] = []
    for step in steps:
        if batch and step.at.us - batch[0].at.us > _SAME_CHANGE_US:
            yield batch, step.at
            batch = []
        batch.append(step)
    if batch:
        yield batch, None


def _groups(view: View, now: dict[str, Ring], windows: Mapping[str, Spans], settled: Instant, after: Instant | None) -> Iterator[Group]:
    """The groups at one time; a node without a log belongs to the ring that lists it."""
    rings: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for node, ring in sorted(now.items()):
        rings.setdefault((ring.id, ring.members if not ring.id else ()), []).append(node)
    for (name, _), reporters in sorted(rings.items(), key=lambda item: item[1]):
        newest = max((now[node] for node in reporters), key=lambda ring: ring.at.us)
        listed = {node for node in newest.members if now.get(node) is None or node in reporters}
        gone = {node for node in listed if node not in now and node in view.nodes and rings_of(view, node)}
        nodes = tuple(sorted((listed - gone) | set(reporters)))
        yield Group(name, nodes, votes_of(view.cluster, nodes), _quorate(view, reporters, windows, nodes, _probe(settled, after)))


def _probe(settled: Instant, after: Instant | None) -> int:
    """A moment in the middle of the span, away from its edges, but not long after its begin."""
    return settled.us + (5 * SECOND if after is None else min(5 * SECOND, max(0, (after.us - settled.us) // 2)))


def _quorate(view: View, reporters: list[str], windows: Mapping[str, Spans], nodes: tuple[str, ...], at: int) -> bool | None:
    """By the log of those in it if one of them speaks of quorum at all, else by counting votes."""
    speakers = [node for node in reporters if node in windows]
    if not speakers:
        return could(view.cluster, nodes, breakers=breakers_of(view)).quorate
    return not all(windows[node].at(at) for node in speakers)


def breakers_of(view: View) -> frozenset[str] | None:
    """The nodes that decide an even split, by the configuration of any node."""
    settings = (view.setting(node, "quorum.auto_tie_breaker_node") for node in view.nodes)
    return view.once("tie breakers", lambda: tie_breakers(view.cluster, next((each for each in settings if each), None)))
