"""Whom an incident hit: each time that a guest was down goes to the one incident that it belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
    reaches = [reach for incident in incidents if (reach := _reach(incident, by_id)) is not None]
    reaches.sort(key=lambda reach: (reach.incident.start.us if reach.incident.start else 0, reach.incident.id), reverse=True)
    for down in intervals:
        if down.subject.startswith("guest:") and down.state == "down":
            # the nearest that began before it: what is long over has had its say
            nearest = next((reach.incident for reach in reaches if _fits(down, reach)), None)
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


def _reach(incident: Incident, by_id: dict[str, Finding]) -> _Reach | None:
    if incident.start is None:
        return None
    findings = [by_id[name] for name in incident.findings if name in by_id]
    nodes = frozenset(node for finding in findings for node in finding.nodes)
    guests = frozenset(guest for finding in findings for guest in finding.guests)
    since = incident.start.us - incident.start.error_us - EARLY_S * SECOND
    return _Reach(incident, since, (incident.end or incident.start).us, nodes, guests)


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
