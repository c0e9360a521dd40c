"""Whom an incident hit: each time that a guest was down goes to the one incident that it belongs to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from pveforensics.model import Finding, GuestImpact, Incident, Interval
from pveforensics.timebase import SECOND

RECOVERY_S = 600.0
"""How long after the end of the findings a guest may go down for the same reason: fence delay, lock expiry and recovery."""

EARLY_S = 5.0
"""A guest's first sign of being down may be logged so much before the first sign of its reason."""


def impact_of(
    incidents: Sequence[Incident], by_id: dict[str, Finding], intervals: Iterable[Interval]
) -> dict[str, tuple[GuestImpact, ...]]:
    """The guests that went down in or after each incident, by the incident's id: on its nodes, or named by its findings."""
    hit: dict[str, list[GuestImpact]] = defaultdict(list)
    reaches = _Reaches(reach for incident in incidents if (reach := _reach(incident, by_id)) is not None)
    for down in intervals:
        if down.state == "down" and down.subject.startswith("guest:"):
            # the nearest that began before it: what is long over has had its say
            nearest = next((reach.incident for reach in reaches.around(down) if _fits(down, reach)), None)
            if nearest is not None:
                hit[nearest.id].append(_guest(down))
    return {
        name: tuple(sorted(guests, key=lambda guest: (guest.guest, guest.down_from.us if guest.down_from else 0)))
        for name, guests in hit.items()
    }


class _Reach(NamedTuple):
    """When (microseconds), where and to whom an incident may have done harm."""

    incident: Incident
    since: float
    until: float
    nodes: frozenset[str]
    guests: frozenset[str]


class _Reaches:
    """The reaches of all incidents in order of start: those around a time are found by bisection."""

    __slots__ = ("_earliest", "_latest", "_reaches", "_until")

    def __init__(self, reaches: Iterable[_Reach]) -> None:
        """Sort once."""
        self._reaches = sorted(reaches, key=lambda reach: (_start_us(reach.incident), reach.incident.id))
        self._until = [reach.until + RECOVERY_S * SECOND for reach in self._reaches]
        self._latest = list(accumulate(self._until, max))
        self._earliest = list(accumulate((reach.since for reach in reversed(self._reaches)), min))[::-1]  # of this one and all later ones

    def around(self, down: Interval) -> Iterator[_Reach]:
        """All that may have to do with a time that a guest was down, the latest first."""
        moment = down.start or down.end
        if moment is None:
            return
        first, last = bisect_left(self._latest, moment.us), bisect_right(self._earliest, moment.us + moment.error_us)
        for place in range(last - 1, first - 1, -1):
            if self._until[place] >= moment.us:
                yield self._reaches[place]


def _reach(incident: Incident, by_id: dict[str, Finding]) -> _Reach | None:
    if incident.start is None:
        return None
    findings = [by_id[name] for name in incident.findings if name in by_id]
    nodes = frozenset(node for finding in findings for node in finding.nodes)
    guests = frozenset(guest for finding in findings for guest in finding.guests)
    since = incident.start.us - incident.start.error_us - EARLY_S * SECOND
    return _Reach(incident, since, (incident.end or incident.start).us, nodes, guests)


def _start_us(incident: Incident) -> int:
    return incident.start.us if incident.start is not None else 0


def _fits(down: Interval, reach: _Reach) -> bool:
    planned = down.fields.get("planned") == "yes"  # what was asked for is no consequence; within the incident it is worth telling
    until = reach.until + (EARLY_S if planned else RECOVERY_S) * SECOND
    if down.start is not None:
        if not reach.since - down.start.error_us <= down.start.us <= until:
            return False
    elif down.end is None or not reach.since <= down.end.us <= until:
        return False
    before = down.fields.get("node_before", "")
    return not before or before in reach.nodes or down.subject.removeprefix("guest:") in reach.guests


def _guest(down: Interval) -> GuestImpact:
    planned = {"yes": True, "no": False}.get(down.fields.get("planned", ""))
    return GuestImpact(
        guest=down.subject.removeprefix("guest:"),
        name=down.fields.get("name", ""),
        down_from=down.start,
        down_to=down.end,
        data_age_s=float(age) if (age := down.fields.get("data_age_s", "")).isdecimal() else None,
        node_before=down.fields.get("node_before", ""),
        node_after=down.fields.get("node_after", ""),
        planned=planned,
    )
