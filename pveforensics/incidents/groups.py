"""Which findings are one incident: those that are linked, and one thing that happened to several nodes at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pveforensics.incidents.leads import LOOKED_BACK, TOGETHER_S
from pveforensics.incidents.links import start_us
from pveforensics.model import Finding, Link
from pveforensics.timebase import SECOND, Instant

OUTAGE_S = 120.0
"""One outage of a storage is seen by kernel and pvestatd, and by several nodes, with so much between."""

CONTEXT_S = 60.0
"""Seconds before and after an incident in which what is only told belongs to it."""


def groups_of(findings: Sequence[Finding], links: Sequence[Link]) -> list[list[Finding]]:
    """Findings that are linked, or are one thing that happened to several nodes; each group by time."""
    leader = {finding.id: finding.id for finding in findings}

    def lead(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for link in links:
        leader[lead(link.effect)] = lead(link.cause)
    recent: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.class_ in TOGETHER_S and finding.start is not None:
            near = [each for each in recent[finding.class_] if start_us(finding) - start_us(each) <= TOGETHER_S[finding.class_] * SECOND]
            for each in near:
                if not set(each.nodes) & set(finding.nodes):
                    leader[lead(finding.id)] = lead(each.id)
            recent[finding.class_] = [*near[-LOOKED_BACK:], finding]
    for one, other in _same_storage(findings):
        leader[lead(other.id)] = lead(one.id)
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[lead(finding.id)].append(finding)
    return list(groups.values())


def _same_storage(findings: Sequence[Finding]) -> Iterator[tuple[Finding, Finding]]:
    """Pairs of failures of one storage that overlap: what the kernel, pvestatd and other nodes say of one outage."""
    latest: dict[str, Finding] = {}
    for finding in findings:
        if finding.class_ != "storage_failure" or finding.start is None:
            continue
        for storage in finding.storages:
            before = latest.get(storage)
            if before is not None and start_us(finding) <= _end_us(before) + OUTAGE_S * SECOND:
                yield before, finding
            if before is None or _end_us(finding) >= _end_us(before):
                latest[storage] = finding


def _end_us(finding: Finding) -> int:
    return finding.end.us if finding.end is not None else start_us(finding)


def links_within(groups: Sequence[Sequence[Finding]], links: Iterable[Link]) -> list[list[Link]]:
    """The links of each group: those to one of its findings."""
    place_of = {finding.id: place for place, group in enumerate(groups) for finding in group}
    within: list[list[Link]] = [[] for _ in groups]
    for link in links:
        if link.effect in place_of:
            within[place_of[link.effect]].append(link)
    return within


def contexts_of(incidents: Sequence[Sequence[Finding]], loose: Sequence[Finding]) -> list[list[Finding]]:
    """For each incident what else was going on: findings of criticality info on its nodes that overlap it."""
    context: list[list[Finding]] = [[] for _ in incidents]
    spans = [span_of(group) for group in incidents]
    nodes = [frozenset(node for each in group for node in each.nodes) for group in incidents]
    for finding in loose:
        place = next((k for k, span in enumerate(spans) if _overlaps(finding, *span) and not nodes[k].isdisjoint(finding.nodes)), None)
        if place is not None:
            context[place].append(finding)
    return context


def span_of(group: Iterable[Finding]) -> tuple[Instant | None, Instant | None]:
    """The first start and the last known edge of findings."""
    members = list(group)
    starts = [finding.start for finding in members if finding.start is not None]
    edges = starts + [finding.end for finding in members if finding.end is not None]
    return (min(starts) if starts else None), (max(edges) if edges else None)


def _overlaps(finding: Finding, start: Instant | None, end: Instant | None) -> bool:
    if start is None or finding.start is None:
        return False
    last = finding.end or finding.start
    return finding.start.us <= (end or start).us + CONTEXT_S * SECOND and last.us >= start.us - CONTEXT_S * SECOND
