"""Cause and consequence: findings become incidents, each with its root, its links, what set it off, and whom it hit."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pveforensics.incidents.groups import contexts_of, groups_of, links_within
from pveforensics.incidents.impact import impact_of
from pveforensics.incidents.leads import LEADS
from pveforensics.incidents.links import by_time, links_of
from pveforensics.incidents.recurrence import counted
from pveforensics.incidents.story import told
from pveforensics.model import Criticality, Finding, History, Incident

__all__ = ["LEADS", "assemble", "ordered"]


def assemble(findings: Sequence[Finding], history: History) -> tuple[Incident, ...]:
    """Incidents in order of time: findings above `info` that led to each other, or alone, with what was going on around them.

    Findings of criticality `info` take part as causes; those that cause nothing are attached where they overlap, or stay outside.
    """
    every = sorted({finding.id: finding for finding in findings}.values(), key=by_time)
    links = links_of(every)
    groups: list[list[Finding]] = []
    loose: list[Finding] = []
    for group in groups_of(every, links):
        if len(group) == 1 and group[0].criticality is Criticality.INFO:
            loose.append(group[0])
        else:
            groups.append(group)
    context = contexts_of(groups, loose)
    made = [told(*each) for each in zip(groups, context, links_within(groups, links), strict=True)]
    made.sort(key=lambda each: (each.start is None, each.start.us if each.start else 0, each.id))
    by_id = {finding.id: finding for finding in every}
    guests = impact_of(made, by_id, history.intervals)
    members = tuple(member.name for member in history.cluster.members)
    return counted([replace(each, guests=guests[each.id]) if each.id in guests else each for each in made], by_id, members)


def ordered(findings: Sequence[Finding], incidents: Sequence[Incident]) -> tuple[Finding, ...]:
    """Findings incident by incident, causes before effects; those outside of any incident last, by time."""
    by_id = {finding.id: finding for finding in findings}
    told_names = [name for incident in incidents for name in incident.findings]
    rest = sorted((finding for name, finding in by_id.items() if name not in set(told_names)), key=by_time)
    return (*(by_id[name] for name in dict.fromkeys(told_names) if name in by_id), *rest)
