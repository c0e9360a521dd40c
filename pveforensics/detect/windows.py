"""Windows in time: edges resolved against what a rule has bound, and the doubt of both clocks at each edge."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pveforensics.detect.clauses import Between, Edge
from pveforensics.detect.index import Match
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

OTHER_NODE_SLACK_US = 30 * SECOND
"""Between two nodes an order within the errors of their clocks is not claimed; beyond this much doubt it still is not stretched."""

SAME_NODE_SLACK_US = SECOND
"""Two stamps of one clock differ by no more than their resolution (a syslog second beside a journal microsecond)."""


class Bound(Value, frozen=True):
    """One resolved edge of a window: its moment in microseconds (infinite: open), how far that may be off, and the node whose clock it is."""

    us: float
    error_us: int = 0
    node: str = ""


class Window(Value, frozen=True):
    """A resolved window. With open edges it holds everything; `undated` means that neither edge has a moment."""

    low: Bound = Bound(-math.inf)
    high: Bound = Bound(math.inf)
    undated: bool = False

    @property
    def bounded(self) -> bool:
        """True if at least one edge has a moment."""
        return self.low.us > -math.inf or self.high.us < math.inf

    def holds(self, match: Match) -> bool:
        """True if a match touches the window within the doubt of the clocks that both stand on."""
        low, high = self.low, self.high
        if match.start and match.start.us > high.us:  # doubt is asked for only where it matters
            if match.start.us > high.us + _slack(high, match, match.start):
                return False
        elif match.end and match.end.us < low.us:
            return match.end.us >= low.us - _slack(low, match, match.end)
        return True


EVERYTHING = Window()


class Unplaced(Value, frozen=True):
    """A window that rests on a step that found nothing: its name."""

    name: str


def resolve(between: Between | None, bound: Mapping[str, Match]) -> Window | Unplaced:
    """The window of a clause, given what the steps before it were bound to."""
    if between is None:
        return EVERYTHING
    for edge in (between.start, between.end):
        if edge.name not in bound:
            return Unplaced(edge.name)
    low, high = _bound(between.start, bound, -math.inf), _bound(between.end, bound, math.inf)
    return Window(low, high, undated=low.us == -math.inf and high.us == math.inf)


def moment_of(edge: Edge, bound: Mapping[str, Match]) -> Instant | None:
    """The moment an edge stands for; None if its step found nothing or the moment is unknown."""
    match = bound.get(edge.name)
    if match is None:
        return None
    moment = match.end if edge.which == "end" else match.start
    return moment.plus(edge.offset_s) if moment else None


def _bound(edge: Edge, bound: Mapping[str, Match], unknown: float) -> Bound:
    match = bound[edge.name]
    moment = match.end if edge.which == "end" else match.start
    if moment is None:
        return Bound(unknown, 0, match.node)
    return Bound(moment.us + round(edge.offset_s * SECOND), moment.error_us, match.node)


def _slack(edge: Bound, match: Match, moment: Instant) -> float:
    same = edge.node == match.node and edge.node != ""
    return min(edge.error_us + moment.error_us, SAME_NODE_SLACK_US if same else OTHER_NODE_SLACK_US)
