"""Windows in time: edges resolved against what a rule has bound, and the doubt of both clocks at each edge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pveforensics.detect.clauses import Between, Edge
from pveforensics.detect.index import Match
from pveforensics.timebase import SECOND, Instant

OTHER_NODE_SLACK_US = 30 * SECOND
"""Between two nodes an order within the errors of their clocks is not claimed; beyond this much doubt it still is not stretched."""

SAME_NODE_SLACK_US = SECOND
"""Two stamps of one clock differ by no more than their resolution (a syslog second beside a journal microsecond)."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One resolved edge of a window: its moment (None: open) and the node whose clock it stands on."""

    moment: Instant | None
    node: str


@dataclass(frozen=True, slots=True)
class Window:
    """A resolved window. Without `low` and `high` it holds everything; `undated` means that neither edge has a moment."""

    low: Bound | None = None
    high: Bound | None = None
    undated: bool = False

    @property
    def bounded(self) -> bool:
        """True if at least one edge has a moment."""
        return any(edge is not None and edge.moment is not None for edge in (self.low, self.high))

    def span(self) -> tuple[float, float]:
        """The edges in microseconds, infinite where open."""
        low = self.low.moment.us if self.low and self.low.moment else -math.inf
        high = self.high.moment.us if self.high and self.high.moment else math.inf
        return low, high

    def reach(self) -> tuple[float, float]:
        """The span with the most doubt that any match could add."""
        low, high = self.span()
        return low - OTHER_NODE_SLACK_US, high + OTHER_NODE_SLACK_US

    def holds(self, match: Match) -> bool:
        """True if a match touches the window within the doubt of the clocks that both stand on."""
        low, high = self.low, self.high
        if high and high.moment and match.start and match.start.us > high.moment.us:  # doubt is asked for only where it matters
            if match.start.us > high.moment.us + _slack(high, match, match.start):
                return False
        elif low and low.moment and match.end and match.end.us < low.moment.us:
            return match.end.us >= low.moment.us - _slack(low, match, match.end)
        return True


EVERYTHING = Window()


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A window that rests on a step that found nothing: its name."""

    name: str


def resolve(between: Between | None, bound: Mapping[str, Match]) -> Window | Unplaced:
    """The window of a clause, given what the steps before it were bound to."""
    if between is None:
        return EVERYTHING
    for edge in (between.start, between.end):
        if edge.name not in bound:
            return Unplaced(edge.name)
    low, high = _bound(between.start, bound), _bound(between.end, bound)
    return Window(low, high, undated=low.moment is None and high.moment is None)


def moment_of(edge: Edge, bound: Mapping[str, Match]) -> Instant | None:
    """The moment an edge stands for; None if its step found nothing or the moment is unknown."""
    match = bound.get(edge.name)
    if match is None:
        return None
    moment = match.end if edge.which == "end" else match.start
    return moment.plus(edge.offset_s) if moment else None


def _bound(edge: Edge, bound: Mapping[str, Match]) -> Bound:
    return Bound(moment_of(edge, bound), bound[edge.name].node)


def _slack(edge: Bound, match: Match, moment: Instant | None) -> float:
    error = (edge.moment.error_us if edge.moment else 0) + (moment.error_us if moment else 0)
    same = edge.node == match.node and edge.node != ""
    return min(error, SAME_NODE_SLACK_US if same else OTHER_NODE_SLACK_US)
