"""Whom an incident hit: each time that a guest was down goes to the one incident that it belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

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
    for down in intervals:
        if down.subject.startswith("guest:") and down.state == "down":
            fitting = [incident for incident in incidents if _fits(down, incident, by_id)]
            if fitting:  # the nearest that began before it: what is long over has had its say
                nearest = max(fitting, key=lambda incident: (incident.start.us if incident.start else 0, incident.id))
                hit[nearest.id].append(_guest(down))
    return {
        name: tuple(sorted(guests, key=lambda guest: (guest.guest, guest.down_from.us if guest.down_from else 0)))
        for name, guests in hit.items()
    }


def _fits(down: Interval, incident: Incident, by_id: dict[str, Finding]) -> bool:
    if incident.start is None:
        return False
    findings = [by_id[name] for name in incident.findings if name in by_id]
    guest, before = down.subject.removeprefix("guest:"), down.fields.get("node_before", "")
    named = any(guest in finding.guests for finding in findings)
    if not named and before and not any(before in finding.nodes for finding in findings):
        return False
    planned = down.fields.get("planned") == "yes"  # what was asked for is no consequence; within the incident it is worth telling
    until = (incident.end or incident.start).us + (EARLY_S if planned else RECOVERY_S) * SECOND
    since = incident.start.us - incident.start.error_us - EARLY_S * SECOND
    if down.start is not None:
        return since - down.start.error_us <= down.start.us <= until
    return down.end is not None and since <= down.end.us <= until


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
