"""Moments and spans in order, to ask quickly whether one lies between two times."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from pveforensics.model import Event, Evidence, Interval
from pveforensics.timebase import Instant
from pveforensics.value import Value


def common_at(event: Event, evidence: Evidence) -> Instant | None:
    """The moment of one of an event's lines on the common clock: evidence keeps the node's own time, the event may have been moved."""
    own = event.evidence[0].at if event.evidence else None
    if evidence.at is None or own is None or event.at is None or own.us == event.at.us:
        return evidence.at
    return Instant(evidence.at.us + event.at.us - own.us, event.at.error_us, event.at.basis)


def moments_of(event: Event) -> Iterator[Instant]:
    """Every moment on the common clock at which a line of an event was written, its own first; one that is its own is not told again."""
    at, evidence = event.at, event.evidence
    if at is not None:
        yield at
    if event.last is not None:
        yield event.last
    if len(evidence) == 1 and at is not None and (evidence[0].at is at or (evidence[0].at is not None and evidence[0].at.us != at.us)):
        return  # the only line's moment is the event's, also where both were moved
    for line in evidence:
        moment = common_at(event, line)
        if moment is not None:
            yield moment


class Moments(Value, frozen=True):
    """Moments of one kind, sorted; edges are microseconds and belong to the span."""

    at: tuple[Instant, ...]
    us: tuple[int, ...]

    @classmethod
    def of(cls, moments: Iterable[Instant]) -> Moments:
        """Sorted by time."""
        at = tuple(sorted(moments, key=lambda moment: moment.us))
        return cls(at, tuple(moment.us for moment in at))

    def any_in(self, first: int, last: int) -> bool:
        """True if one lies in the span."""
        place = bisect_left(self.us, first)
        return place < len(self.us) and self.us[place] <= last

    def after(self, us: int) -> Instant | None:
        """The first one later than that."""
        place = bisect_right(self.us, us)
        return self.at[place] if place < len(self.at) else None


class Spans(Value, frozen=True):
    """Intervals of one subject and kind that do not overlap but at their edges, by start (unknown first)."""

    all: tuple[Interval, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, intervals: Iterable[Interval]) -> Spans:
        """Sorted by start."""
        spans = tuple(sorted(intervals, key=lambda span: span.start.us if span.start else -1))
        return cls(spans, tuple(span.start.us if span.start else -1 for span in spans))

    def at(self, us: int) -> Interval | None:
        """The one that holds the moment; its end does not belong to it."""
        place = bisect_right(self.starts, us)
        for span in self.all[max(0, place - 3) : place]:
            if span.end is None or us < span.end.us:
                return span
        return None
