"""The same incident again: same root, same outcome, same nodes (or the whole cluster), counted in order of time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from pveforensics.model import Criticality, Finding, Incident
from pveforensics.timebase import Instant

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SPANS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))

CLUSTER = ("the whole cluster",)
"""Stands for the nodes of an incident that concerns all of them."""


def counted(incidents: Sequence[Incident], by_id: dict[str, Finding], members: Sequence[str]) -> tuple[Incident, ...]:
    """The incidents, those that happened more than once with `recurrence` and the same words in their title.

    `members` are all nodes of the cluster. Incidents without a time are not counted, since nobody knows which time they were.
    """
    alike: dict[object, list[Incident]] = defaultdict(list)
    for incident in incidents:
        if incident.start is not None:
            alike[signature_of(incident, by_id, members)].append(incident)
    words: dict[str, str] = {}
    for group in alike.values():
        times = sorted((incident.start, incident.id) for incident in group if incident.start is not None)
        for place, (start, name) in enumerate(times, 1):
            if len(times) > 1:
                words[name] = _words(place, len(times), times[0][0], start, times[-1][0])
    return tuple(
        replace(each, recurrence=words[each.id], title=f"{each.title} ({words[each.id]})") if each.id in words else each
        for each in incidents
    )


def signature_of(incident: Incident, by_id: dict[str, Finding], members: Sequence[str]) -> tuple[object, ...]:
    """What makes two incidents one story: the rules of the root and of all grave findings, and their nodes or the whole cluster.

    Grave is high or above; where nothing is, everything above info counts. What is less grave differs from time to time.
    """
    findings = [by_id[name] for name in incident.findings if name in by_id]
    grave = [finding for finding in findings if finding.criticality.rank >= Criticality.HIGH.rank]
    main = grave or [finding for finding in findings if finding.criticality is not Criticality.INFO]
    nodes = frozenset(node for finding in main for node in finding.nodes)
    everywhere = len(members) > 1 and nodes >= frozenset(members)
    root = by_id[incident.root].rule if incident.root in by_id else ""
    return (root, frozenset(finding.rule for finding in main), CLUSTER if everywhere else tuple(sorted(nodes)))


def _words(place: int, times: int, first: Instant, this: Instant, last: Instant) -> str:
    """`third time in 21 days` for the last one, `second of 3 times in 21 days` for those before it."""
    if place == times:
        return f"{_ordinal(place)} time in {_span(this.seconds_since(first))}"
    return f"{_ordinal(place)} of {times} times in {_span(last.seconds_since(first))}"


def _ordinal(number: int) -> str:
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _span(seconds: float) -> str:
    """The least number of whole days (hours, minutes, seconds) that holds them all."""
    unit, word = next(((unit, word) for unit, word in _SPANS if seconds >= unit), _SPANS[-1])
    amount = max(1, math.ceil(seconds / unit))
    return f"{amount} {word}{'' if amount == 1 else 's'}"
