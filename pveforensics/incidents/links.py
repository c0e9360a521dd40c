"""Links between findings: which may have led to which, by class, nodes and time, and what is said where clocks do not tell."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from pveforensics.incidents.leads import (
    GRACE_S,
    LEADS,
    LOOKED_BACK,
    MOST_DOUBT_S,
    NAMED,
    OPEN_S,
    OUT_OF_THE_QUESTION,
    SAME_CLOCK_S,
    WEIGHED_AS,
    Leads,
)
from pveforensics.model import Finding, Link
from pveforensics.timebase import SECOND, Instant


def links_of(findings: Sequence[Finding]) -> list[Link]:
    """The links that time and nodes allow, without circles and without those that a chain of others already says."""
    return _reduced(_links(findings))


def _links(findings: Sequence[Finding]) -> list[Link]:
    by_class: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_class[finding.class_].append(finding)
    ways: dict[str, list[tuple[Leads, list[_Causes]]]] = defaultdict(list)
    for leads in LEADS:
        causes = [_Causes(leads, by_class[class_]) for class_ in leads.causes if class_ in by_class]
        for class_ in leads.effects if causes else ():
            ways[class_].append((leads, causes))
    causes_of: dict[str, set[str]] = defaultdict(set)
    links: list[Link] = []
    for effect in findings:
        for leads, causes in ways.get(effect.class_, ()) if effect.start is not None else ():
            if not effect.rule.startswith(leads.effect_rules):
                continue
            for cause in (cause for each in causes for cause in each.near(effect)):
                if _led(leads, cause, effect) and not _reaches(effect.id, cause.id, causes_of):
                    causes_of[effect.id].add(cause.id)
                    links.append(Link(cause.id, effect.id, _why(leads, cause, effect)))
    return links


class _Causes:
    """Findings of one class as causes in one way, by start: which of them time allows for an effect is found by bisection."""

    __slots__ = ("_findings", "_reach", "_standing", "_starts", "_until")

    def __init__(self, leads: Leads, findings: Sequence[Finding]) -> None:
        """`findings` are in order of start; those without one come last, and cause nothing unless they are standing."""
        self._standing = leads.standing
        self._findings = findings[:LOOKED_BACK] if leads.standing else [finding for finding in findings if finding.start is not None]
        self._starts = [start_us(finding) for finding in self._findings]
        self._until = [_until(leads, finding, finding.start) if finding.start is not None else math.inf for finding in self._findings]
        self._reach = list(accumulate(self._until, max))

    def near(self, effect: Finding) -> Iterator[Finding]:
        """The latest ones that the most doubt of two clocks brings together with an effect, in order; of standing ones the first."""
        if self._standing:
            yield from self._findings
            return
        most = MOST_DOUBT_S * SECOND
        earliest = start_us(effect) - most
        last = bisect_right(self._starts, start_us(effect) + (_error(effect) + most))
        for place in range(max(bisect_left(self._reach, earliest), last - LOOKED_BACK), last):
            if self._until[place] >= earliest:
                yield self._findings[place]


def _led(leads: Leads, cause: Finding, effect: Finding) -> bool:
    """True if this cause may have led to this effect: rule, nodes, and never a cause that begins after its effect."""
    if cause.id == effect.id or not cause.rule.startswith(leads.rules) or effect.start is None:
        return False
    if not _share(leads.shared, cause, effect) or _refused(cause, effect):
        return False
    if leads.standing:
        named = leads.shared == "guest" or _weighed(cause, effect) >= NAMED
        return named and (cause.start is None or cause.start.us <= effect.start.us + doubt_us(cause, effect))
    if cause.start is None:
        return False
    doubt = doubt_us(cause, effect)
    return cause.start.us - effect.start.us <= doubt and effect.start.us <= _until(leads, cause, cause.start) + doubt


def _share(what: str, cause: Finding, effect: Finding) -> bool:
    match what:
        case "same":
            return bool(set(cause.nodes) & set(effect.nodes))
        case "other":
            return bool(set(effect.nodes) - set(cause.nodes))
        case "guest":
            return bool(set(cause.guests) & set(effect.guests))
        case "storage":
            return bool(set(cause.storages) & set(effect.storages))
        case _:
            return True


def doubt_us(one: Finding, other: Finding) -> float:
    """Microseconds within which the order of two findings' starts is not known.

    On one clock that is less than the coarsest stamp's second, whatever is unknown of zone and year; between two it is both errors.
    """
    return min(_errors(one, other), MOST_DOUBT_S * SECOND)


def _errors(one: Finding, other: Finding) -> float:
    """Both errors in microseconds, as far as they can turn the order round."""
    if one.start is None or other.start is None:
        return 0.0
    both = one.start.error_us + other.start.error_us
    return min(both, SAME_CLOCK_S * SECOND - 1) if _one_clock(one, other) else both


def _one_clock(one: Finding, other: Finding) -> bool:
    return _clock(one) != "" and _clock(one) == _clock(other)


def _clock(finding: Finding) -> str:
    """The node whose clock a finding's start was read on: the only one whose lines it cites; empty if there are several."""
    nodes = {line.node for line in finding.evidence if line.node} or set(finding.nodes)
    return next(iter(nodes)) if len(nodes) == 1 else ""


def _until(leads: Leads, cause: Finding, start: Instant) -> float:
    """The last microsecond at which an effect of this cause may begin."""
    if cause.end is None:
        return start.us + (OPEN_S + leads.within_s) * SECOND
    lasted = cause.end.us - start.us > GRACE_S * SECOND
    return max(cause.end.us, start.us) + (GRACE_S if leads.while_it_lasts and lasted else leads.within_s) * SECOND


def _weighed(cause: Finding, effect: Finding) -> float:
    """What the effect's own weighing gives to this kind of cause."""
    names = WEIGHED_AS.get(cause.class_, frozenset())
    return max((each.confidence for each in effect.causes if each.cause in names), default=0.0)


def _refused(cause: Finding, effect: Finding) -> bool:
    """True if the effect has weighed this kind of cause and found it out of the question."""
    names = WEIGHED_AS.get(cause.class_, frozenset())
    if any(each.cause in names for each in effect.causes):
        return _weighed(cause, effect) < OUT_OF_THE_QUESTION
    return any(each.cause in names for each in effect.ruled_out)


def _why(leads: Leads, cause: Finding, effect: Finding) -> str:
    """The reason, and whether the clocks let the order be claimed."""
    if cause.start is None or effect.start is None:
        return leads.why
    ahead = effect.start.us - cause.start.us
    doubt = _errors(cause, effect)
    if ahead > doubt or (ahead >= 0 and _one_clock(cause, effect)):
        return leads.why
    told = f"they began {abs(ahead) / SECOND:.1f} s apart, and the clocks are known to {max(doubt / SECOND, 0.1):.1f} s"
    return f"{leads.why} (the two cannot be ordered: {told} only)"


def _reaches(start: str, goal: str, causes_of: dict[str, set[str]]) -> bool:
    """True if `start` is among the causes, near or far, of `goal`."""
    waiting, seen = [goal], {goal}
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        fresh = causes_of.get(name, set()) - seen
        seen |= fresh
        waiting.extend(fresh)
    return False


def _reduced(links: Sequence[Link]) -> list[Link]:
    """Links without those that a chain of others already says, and one per pair."""
    causes_of: dict[str, set[str]] = defaultdict(set)
    for link in links:
        causes_of[link.effect].add(link.cause)
    kept: dict[tuple[str, str], Link] = {}
    for link in links:
        between = causes_of[link.effect] - {link.cause}
        if not any(_reaches(link.cause, name, causes_of) for name in between):
            kept.setdefault((link.cause, link.effect), link)
    return list(kept.values())


def by_time(finding: Finding) -> tuple[bool, int, int, str]:
    """The order in which findings are told where nothing is linked: by start, the graver first; those without a time last."""
    return (finding.start is None, start_us(finding), -finding.criticality.rank, finding.id)


def start_us(finding: Finding) -> int:
    """The start in microseconds, 0 for none."""
    return finding.start.us if finding.start else 0


def _error(finding: Finding) -> float:
    return min(finding.start.error_us, MOST_DOUBT_S * SECOND) if finding.start else 0
