"""An index over the facts: what happened on a node in a window is found by bisection, and so is what its log covers."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from pveforensics.model import NOTHING, Event, Evidence, Facts, Interval, Snapshot
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

Fact = TypeVar("Fact")

_FEW = 64
"""Matches with a value that are looked at one by one rather than all of a window."""

_TOUCHING_US = 2 * SECOND
"""Two logs that are this close leave no hole between them: stamps have a resolution of a second."""


class Match(Value, frozen=True):
    """Anything a clause can be about: an event, an interval, a status dump, a run of events.

    A moment has `start` and `end` alike. `subject` is the interval's subject or an empty string.
    """

    node: str
    start: Instant | None
    end: Instant | None
    fields: Mapping[str, str] = NOTHING
    evidence: tuple[Evidence, ...] = ()
    what: str = ""
    subject: str = ""
    count: int = 1
    rows: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of_event(cls, event: Event) -> Match:
        """An event as a match; a storm reaches from its first line to its last."""
        return cls(event.node, event.at, event.last or event.at, event.fields, event.evidence, event.kind, count=event.count)

    @classmethod
    def of_interval(cls, interval: Interval) -> Match:
        """An interval as a match; the state's own name stands in the fields as `state`, a link's other end as `to`."""
        fields = {"state": interval.state, **interval.fields}
        if interval.subject.startswith("link:"):
            _, to, link = (*interval.subject.split("/"), "", "")[:3]
            fields.update(to=to, link=link)
        return cls(interval.node, interval.start, interval.end, fields, interval.evidence, interval.state, interval.subject)

    @classmethod
    def of_snapshot(cls, dump: Snapshot) -> Match:
        """A status dump as a match, with its table."""
        return cls(dump.node, dump.at, dump.at, dump.fields, dump.evidence, dump.kind, rows=dump.rows)

    @classmethod
    def of_run(cls, parts: tuple[Match, ...]) -> Match:
        """Several matches of one node as one, from the first to the last."""
        ends = [part.end for part in parts if part.end is not None]
        evidence = tuple(line for part in parts for line in part.evidence[:1])
        return cls(
            parts[0].node, parts[0].start, max(ends) if ends else None, parts[0].fields, evidence, parts[0].what,
            count=sum(part.count for part in parts),
        )  # fmt: skip


class Lane:
    """Matches of one sort on one node in order of time, and those without a time."""

    __slots__ = ("_by_value", "_ends", "_heights", "_reach", "_starts", "matches", "undated")

    def __init__(self, matches: Iterable[Match], *, moments: bool) -> None:
        """Sort once. With `moments` a missing time means unplaced; else a missing edge is open."""
        every = list(matches)
        self.undated = [match for match in every if moments and match.start is None]
        dated = [(_low(match), _high(match), place, match) for place, match in enumerate(every) if not (moments and match.start is None)]
        dated.sort(key=lambda row: (row[0], row[2]))
        self.matches = [row[3] for row in dated]
        self._starts = [row[0] for row in dated]
        self._ends = [row[1] for row in dated]
        self._by_value: dict[str, dict[str, list[int]]] = {}
        self._reach = list(itertools.accumulate(self._ends, max))  # the furthest end so far ascends, so it can be bisected
        self._heights = _heights(self._ends)

    def with_value(self, name: str, values: Iterable[str]) -> list[Match]:
        """Those with a time of which a field has one of these values (empty: it is not there), in order of start."""
        return [self.matches[place] for place in sorted(itertools.chain.from_iterable(self._places(name, values)))]

    def _places(self, name: str, values: Iterable[str]) -> list[list[int]]:
        """The places of those with each value of a field."""
        if name not in self._by_value:
            by_value = self._by_value[name] = defaultdict(list)
            for place, match in enumerate(self.matches):
                by_value[match.fields.get(name, "")].append(place)
        return [self._by_value[name].get(value, []) for value in set(values)]

    def within(
        self,
        low: float,
        high: float,
        doubt: int = 0,
        holds: Callable[[Match], bool] = lambda _: True,
        having: tuple[str, Iterable[str]] | None = None,
    ) -> Iterator[Match]:
        """Those that touch a span of microseconds (infinite for open), in order of start.

        One that only comes as near as the `doubt` belongs to them if it `holds`. With `having`, a field and values, others may be left out
        that have none of them.
        """
        near = low - doubt
        first, last = bisect_left(self._reach, near), bisect_right(self._starts, high + doubt)
        starts, ends, matches = self._starts, self._ends, self.matches
        few = self._few(first, last, having)
        for place in self._lasting(first, last, near) if few is None else few:
            if (starts[place] <= high and ends[place] >= low) or (ends[place] >= near and holds(matches[place])):
                yield matches[place]

    def _few(self, first: int, last: int, having: tuple[str, Iterable[str]] | None) -> list[int] | None:
        """The places in this range with one of the values; None if that is not asked, or they are no few among many."""
        if having is None or last - first <= _FEW:
            return None
        places = self._places(*having)
        if sum(map(len, places)) > _FEW:
            return None
        return sorted(place for place in itertools.chain.from_iterable(places) if first <= place < last)

    def _lasting(self, place: int, last: int, near: float) -> Iterator[int]:
        """The places from one to another (exclusive) of those that reach so far."""
        ends = self._ends
        while place < last:
            if ends[place] < near:  # below a state that goes on for long there are many that ended long ago
                place = _next(self._heights, place, near)
            else:
                yield place
                place += 1


def _heights(numbers: list[float]) -> list[list[float]]:
    """The numbers, the greatest of each two, of each four, and so on up to that of all."""
    levels = [numbers]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([*map(max, below[::2], below[1::2]), *below[len(below) & ~1 :]])
    return levels


def _next(heights: list[list[float]], place: int, least: float) -> int:
    """The first place from this one on whose number is no less, or the length: whole stretches are passed over, each as long as may be."""
    level = 0
    while heights[level][place] < least:
        place += 1
        while not place & 1 and level + 1 < len(heights):
            level, place = level + 1, place >> 1
        if place == len(heights[level]):
            return len(heights[0])
    while level:
        level, place = level - 1, place << 1
        if heights[level][place] < least:
            place += 1
    return place


def _low(match: Match) -> float:
    return -math.inf if match.start is None else match.start.us


def _high(match: Match) -> float:
    return math.inf if match.end is None else match.end.us


class _Lanes(Generic[Fact]):
    """The lanes of one sort of facts by key and node. A lane is made when it is first asked for: of most kinds no rule asks."""

    def __init__(self, rows: Iterable[tuple[str, str, Fact]], match_of: Callable[[Fact], Match], *, moments: bool) -> None:
        """`rows` are key, node and fact."""
        self._facts: dict[str, dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))
        for key, node, fact in rows:
            self._facts[key][node].append(fact)
        self._match_of = match_of
        self._moments = moments
        self._lanes: dict[str, dict[str, Lane]] = {}
        self.keys = self._facts.keys()
        self.nodes = frozenset(node for by_node in self._facts.values() for node in by_node)

    def by_node(self, key: str) -> Mapping[str, Lane]:
        """The lanes of a key by node, sorted."""
        if key not in self._facts:
            return {}
        if key not in self._lanes:
            every = sorted(self._facts[key].items())
            self._lanes[key] = {node: Lane(map(self._match_of, facts), moments=self._moments) for node, facts in every}
        return self._lanes[key]

    def of(self, key: str, nodes: Iterable[str] | None) -> list[Lane]:
        """The lanes of a key on some nodes (None: on all); a node without a fact of that key has none."""
        by_node = self.by_node(key)
        return list(by_node.values()) if nodes is None or not by_node else [by_node[node] for node in nodes if node in by_node]


class FactIndex:
    """All facts of a case by what they are about and by node, and each node's covered spans."""

    def __init__(self, facts: Facts) -> None:
        """Build the lanes: one pass over the facts, then sorting."""
        self._events = _Lanes(((event.kind, event.node, event) for event in facts.events), Match.of_event, moments=True)
        self._states = _Lanes(
            ((f"{each.subject.partition(':')[0]}.{each.state}", each.node, each) for each in facts.history.intervals),
            Match.of_interval,
            moments=False,
        )
        self._snapshots = _Lanes(((dump.kind, dump.node, dump) for dump in facts.snapshots), Match.of_snapshot, moments=True)
        settings = (*facts.settings, *(each for each in facts.history.intervals if each.subject.startswith("setting:")))
        self._settings = _Lanes(((each.subject.partition("/")[2], each.node, each) for each in settings), Match.of_interval, moments=False)
        self.nodes: tuple[str, ...] = tuple(sorted({*facts.nodes, *facts.in_bundle, *(each.node for each in facts.coverage)} - {""}))
        self.in_bundle = facts.in_bundle
        spoken_of = self._events.nodes | self._states.nodes | self._snapshots.nodes | self._settings.nodes
        self.subjects: tuple[str, ...] = tuple(sorted(spoken_of.union(self.nodes)))
        self.coverage = _covered(facts)
        self.extent = {node: (spans[0][0], spans[-1][1]) for node, spans in self.coverage.items()}
        self._log_of = {each.path: each.log or each.path for each in facts.coverage}
        logs: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for each in facts.coverage:
            logs[self._log_of[each.path]].append((each.start.us, each.end.us))
        self._logs = {log: _merged(spans) for log, spans in logs.items()}
        self.several_days = _several_days(facts)

    def events(self, kind: str, nodes: Iterable[str] | None) -> list[Lane]:
        """The lanes of an event kind on some nodes (None: on all)."""
        return self._events.of(kind, nodes)

    def states(self, state: str, nodes: Iterable[str] | None) -> list[Lane]:
        """The lanes of a state such as `node.inquorate` on some nodes (None: on all)."""
        return self._states.of(state, nodes)

    def snapshots(self, kind: str, nodes: Iterable[str] | None) -> list[Lane]:
        """The lanes of a kind of status dump on some nodes (None: on all)."""
        return self._snapshots.of(kind, nodes)

    def settings(self, key: str) -> Mapping[str, Lane]:
        """The lanes of a setting by node."""
        return self._settings.by_node(key)

    def configured(self, section: str) -> frozenset[str]:
        """Nodes with any setting whose key begins with a section's name and a dot."""
        return frozenset(node for key in self._settings.keys if key.startswith(section + ".") for node in self._settings.by_node(key))

    def holds(self, source: str) -> bool:
        """True if the bundle has a dump of a kind, or settings of a section."""
        return source in self._snapshots.keys or bool(self.configured(source))

    def covers(self, node: str, low: float, high: float) -> bool:
        """True if the node's whole logs show the span; an open end reaches as far as the log does."""
        if node not in self.extent:
            return False
        first, last = self.extent[node]
        low = first if low == -math.inf else low
        high = last if high == math.inf else high
        spans = self.coverage[node]
        place = bisect_right(spans, (low + _TOUCHING_US, math.inf)) - 1
        return low > high or (place >= 0 and spans[place][1] + _TOUCHING_US >= high)

    def lasts_until(self, match: Match, start: Instant) -> float:
        """The last microsecond to which an open state is known to last (its start if nothing shows more).

        That is the end of the node's whole logs, or of the log that tells its beginning: a log of one daemon, too,
        would have told the end.
        """
        logs = {self._log_of.get(evidence.path, "") for evidence in match.evidence[:4]}
        ends = [high for log in logs for low, high in self._logs.get(log, ()) if low - SECOND <= start.us <= high]
        return max((start.us, self.extent.get(match.node, (0, start.us))[1], *ends))


def _covered(facts: Facts) -> dict[str, list[tuple[float, float]]]:
    """Merged spans of whole logs per node. A node that is off after a clean end misses no line: that time counts."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in facts.coverage:
        if each.whole:
            spans[each.node].append((each.start.us, each.end.us))
    for off in facts.history.intervals:
        clean = off.state == "ended" and off.fields.get("manner") == "clean"
        if clean and off.subject.startswith("node:") and off.start and off.end and off.node in spans:
            spans[off.node].append((off.start.us, off.end.us))
    return {node: _merged(each) for node, each in spans.items()}


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    rows: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if rows and low <= rows[-1][1] + _TOUCHING_US:
            rows[-1] = (rows[-1][0], max(rows[-1][1], high))
        else:
            rows.append((low, high))
    return rows


def _several_days(facts: Facts) -> bool:
    """True if the logs span more than one day in UTC, so that a time of day alone does not tell when."""
    moments = [edge.us for each in facts.coverage for edge in (each.start, each.end)]
    moments += [event.at.us for event in facts.events[:1] + facts.events[-1:] if event.at]
    moments += [edge.us for each in facts.history.intervals for edge in (each.start, each.end) if edge]
    day = 86_400 * SECOND
    return not moments or min(moments) // day != max(moments) // day
