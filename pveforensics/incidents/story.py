"""One incident told: its root, what set it off, the order of causes and effects, and a title."""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from collections.abc import Sequence

from pveforensics.incidents.groups import span_of
from pveforensics.incidents.links import by_time, start_us
from pveforensics.model import Evidence, Finding, Incident, Link
from pveforensics.timebase import SECOND

LASTING = ("misconfiguration", "resource_exhaustion", "hardware_error")
"""Classes of findings that are a state of things: they wait for something that sets an incident off."""

AFTERWARDS = ("unclean_boot", "node_lost")
"""Classes of findings that are known by what came after them."""

TRIGGER_S = 10.0
"""A line may be written so much after the moment that it tells of: a pause is logged when it is over."""

TRIGGER_TEXT = 160
"""Characters of an event's text that are told as trigger."""


def told(group: Sequence[Finding], context: Sequence[Finding], links: Sequence[Link]) -> Incident:
    """The incident of a group of findings (without guests); `context` are findings that only overlap it, `links` those within the group."""
    reach = _reach(group, links)
    root = _root(group, links, reach)
    order = _causal_order(group, links, root)
    places = {finding.id: place for place, finding in enumerate(order)}
    start, end = span_of(group)
    return Incident(
        title=_title(root, gravest_effect(root, group, reach)),
        root=root.id,
        findings=(*(finding.id for finding in order), *(finding.id for finding in context)),
        links=tuple(sorted(links, key=lambda link: (places[link.effect], places[link.cause]))),
        start=start,
        end=end,
        trigger=_trigger(root, group, links, reach),
    )


def _reach(group: Sequence[Finding], links: Sequence[Link]) -> dict[str, frozenset[str]]:
    """For each finding itself and everything that came of it."""
    effects: dict[str, list[str]] = defaultdict(list)
    for link in links:
        effects[link.cause].append(link.effect)
    reach: dict[str, frozenset[str]] = {}
    for finding in group:
        waiting, seen = [finding.id], {finding.id}
        while waiting:
            fresh = [name for name in effects[waiting.pop()] if name not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
        reach[finding.id] = frozenset(seen)
    return reach


def _root(group: Sequence[Finding], links: Sequence[Link], reach: dict[str, frozenset[str]]) -> Finding:
    """The finding that nothing led to and that the gravest came of; of several the lasting one, then the first."""
    by_id = {finding.id: finding for finding in group}
    effects = {link.effect for link in links}

    def key(finding: Finding) -> tuple[object, ...]:
        came = [by_id[name] for name in reach[finding.id]]
        worst = max(each.criticality.rank for each in came)
        return (len(came) == 1 and bool(links), -worst, finding.class_ not in LASTING, *by_time(finding))

    return min((finding for finding in group if finding.id not in effects), key=key)


def _causal_order(group: Sequence[Finding], links: Sequence[Link], root: Finding) -> list[Finding]:
    """The root, then causes before effects, and by time where nothing is linked."""
    by_id = {finding.id: finding for finding in group}
    waiting: dict[str, int] = dict.fromkeys(by_id, 0)
    effects: dict[str, list[str]] = defaultdict(list)
    for link in links:
        waiting[link.effect] += 1
        effects[link.cause].append(link.effect)
    ready = [((name != root.id, *by_time(by_id[name])), name) for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order: list[Finding] = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(by_id[name])
        for effect in effects[name]:
            waiting[effect] -= 1
            if waiting[effect] == 0:
                heapq.heappush(ready, ((True, *by_time(by_id[effect])), effect))
    return order


def gravest_effect(root: Finding, group: Sequence[Finding], reach: dict[str, frozenset[str]]) -> Finding | None:
    """The gravest of what came of the root, of equals the last; None if it is less grave than the root itself."""
    effects = [finding for finding in group if finding.id != root.id and finding.id in reach[root.id]]
    gravest = max(effects, key=lambda finding: (finding.criticality.rank, start_us(finding), finding.id), default=None)
    return gravest if gravest is not None and gravest.criticality.rank >= root.criticality.rank else None


def _title(root: Finding, effect: Finding | None) -> str:
    return root.title if effect is None else f"{root.title}, which led to: {effect.title}"


# --- what set it off -------------------------------------------------------------------------


def _trigger(root: Finding, group: Sequence[Finding], links: Sequence[Link], reach: dict[str, frozenset[str]]) -> str:
    """What made it happen then: another finding beside the root, else the first event that the root rests on.

    Where several things had to come together (a vote was missing already when the next node was stopped; a setting waited for a lost
    link), the root is the first or lasting one and the trigger is the last.
    """
    by_id = {finding.id: finding for finding in group}
    free = {finding.id for finding in group} - {link.effect for link in links}
    for effect in _first_effects(root, by_id, links, reach):
        straws = [by_id[name] for name in free if effect in reach[name] and name != root.id and by_id[name].start is not None]
        later = [each for each in straws if root.class_ in LASTING or start_us(each) >= start_us(root)]
        if later:
            return max(later, key=lambda each: (start_us(each), each.id)).id
    if root.class_ in LASTING:
        acute = [by_id[name] for name in reach[root.id] if name != root.id and by_id[name].class_ not in LASTING]
        return min(acute, key=by_time).id if acute else ""
    return _event_text(root)


def _first_effects(root: Finding, by_id: dict[str, Finding], links: Sequence[Link], reach: dict[str, frozenset[str]]) -> list[str]:
    """What came of the root directly, the gravest and then the first before the others."""
    direct = [link.effect for link in links if link.cause == root.id and link.effect in reach[root.id]]
    return sorted(set(direct), key=lambda name: (-by_id[name].criticality.rank, *by_time(by_id[name])))


def _event_text(root: Finding) -> str:
    """The first line that the finding rests on at its start, with its node; empty if its lines tell only of what came after.

    How a node went down is not told by the boot that followed.
    """
    if root.start is None or root.class_ in AFTERWARDS:
        return ""
    begins, ends = root.start.us - root.start.error_us - SECOND, root.start.us + root.start.error_us + TRIGGER_S * SECOND
    near = [line for line in root.evidence if line.at is not None and begins <= line.at.us <= ends]
    first = min(near, key=lambda line: (_us(line), line.path, line.line), default=None)
    if first is None:
        return ""
    text = _message(first.text)
    return f"{first.node}: {text[:TRIGGER_TEXT]}{'…' if len(text) > TRIGGER_TEXT else ''}"


def _message(text: str) -> str:
    """A line as a reader wants it: of a journal's JSON record program and message alone."""
    if text.startswith("{"):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and isinstance(record.get("MESSAGE"), str):
            return " ".join(f"{record.get('SYSLOG_IDENTIFIER', '')}: {record['MESSAGE']}".split())
    return " ".join(text.split())


def _us(line: Evidence) -> int:
    return line.at.us if line.at else 0
