"""Cause and consequence: findings become incidents, each with its root, its links and whom it hit."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pveforensics.model import Criticality, Finding, GuestImpact, History, Incident, Interval, Link
from pveforensics.timebase import SECOND, Instant


class Leads(NamedTuple):
    """One way in which a finding of one class leads to one of another.

    `nodes` is `same` (they share a node), `other` (the effect is on a node that the cause is not about) or `any`. The
    effect begins while the cause lasts or at most `within_s` seconds after it; one that stops with its cause (`while_it_lasts`)
    begins that late only after a cause without a length. `rules` narrows the cause to rules whose id begins so.
    """

    causes: tuple[str, ...]
    effects: tuple[str, ...]
    nodes: str
    within_s: float
    why: str
    rules: str = ""
    while_it_lasts: bool = False


# Times: corosync may need up to 50 s to see a loss (corosync:exec/totemconfig.c), a watchdog fires 60 s after the last
# renewal and resets within 10 s more (pve-ha-manager:src/watchdog-mux.c), the master fences 60 s after it lost sight of a node.
LEADS: tuple[Leads, ...] = (
    Leads(("network_failure",), ("quorum_loss",), "any", 60, "without the cluster network the members cannot hold their majority together", while_it_lasts=True),
    Leads(("service_failure",), ("quorum_loss",), "same", 60, "a node has no quorum without a working corosync", "corosync"),
    Leads(("service_failure",), ("network_failure",), "any", 60, "a corosync that stands still looks like a broken network to its peers", "corosync"),
    Leads(
        ("planned_shutdown", "unclean_boot", "fencing", "kernel_crash", "node_lost"), ("quorum_loss",), "other", 60,
        "the vote of the node that went away was missing", while_it_lasts=True,
    ),
    Leads(("planned_shutdown",), ("quorum_loss",), "same", 60, "a node that is being stopped gives up its quorum"),
    Leads(
        ("planned_shutdown", "unclean_boot", "kernel_crash"), ("network_failure", "node_lost"), "any", 60,
        "the links to a node that is down are down",
    ),
    Leads(("planned_shutdown",), ("service_failure", "ha_failure", "replication_failure", "task_failure"), "any", 60, "it was stopped with its node"),
    Leads(("quorum_loss",), ("fencing",), "same", 180, "without quorum the LRM cannot renew its lock, and 60 s later the watchdog runs out"),
    Leads(("quorum_loss",), ("near_miss",), "same", 120, "without quorum the LRM cannot renew its lock, which feeds the watchdog"),
    Leads(("network_failure",), ("fencing",), "same", 180, "cut off from the others, the node could not renew its HA lock"),
    Leads(("network_failure",), ("near_miss",), "same", 120, "cut off from the others, the node could not renew its HA lock"),
    Leads(("network_failure",), ("node_lost",), "same", 120, "the others lost it with its links"),
    Leads(("service_failure",), ("fencing", "near_miss"), "same", 180, "a daemon that has to renew the HA lock or feed the watchdog failed"),
    Leads(("storage_failure",), ("fencing", "near_miss", "service_failure"), "same", 300, "processes that wait for storage renew no lock and feed no watchdog"),
    Leads(("clock_jump",), ("fencing", "near_miss"), "same", 120, "watchdog-mux compares wall clocks: a step forward looks like a late client"),
    Leads(
        ("resource_exhaustion",), ("service_failure", "fencing", "near_miss", "unclean_boot"), "same", 300,
        "what ran out was missing to the daemons of the cluster",
    ),
    Leads(("hardware_error",), ("kernel_crash", "unclean_boot", "fencing", "node_lost", "storage_failure"), "same", 600, "the hardware had reported errors before"),
    Leads(("kernel_crash",), ("unclean_boot", "node_lost", "fencing"), "same", 600, "the kernel had crashed before"),
    Leads(("fencing", "unclean_boot", "node_lost"), ("ha_failure",), "any", 600, "HA had to recover what ran on the node"),
    Leads(("fencing",), ("node_lost",), "same", 180, "the others lost it when its watchdog reset it"),
    Leads(("quorum_loss",), ("task_failure", "replication_failure", "ha_failure"), "any", 0, "/etc/pve is read-only without quorum"),
    Leads(("network_failure",), ("replication_failure", "ha_failure"), "any", 60, "the other node could not be reached"),
)  # fmt: skip
"""What leads to what. Time and nodes decide whether it did so here."""

WEIGHED_AS: dict[str, frozenset[str]] = {
    "network_failure": frozenset({"network"}),
    "planned_shutdown": frozenset({"planned", "operator"}),
    "storage_failure": frozenset({"storage_stall"}),
    "clock_jump": frozenset({"clock_step"}),
    "kernel_crash": frozenset({"kernel_panic"}),
    "hardware_error": frozenset({"hardware"}),
    "service_failure": frozenset({"daemon_crash", "starved_host", "out_of_memory"}),
}
"""Under which names a finding that weighs its causes speaks of findings of a class."""

OUT_OF_THE_QUESTION = 0.05
"""Below this, an effect's own weighing refuses a cause that time and nodes would allow."""

GRACE_S = 5.0
"""An effect that stops with its cause may be logged so much after the cause's last sign."""

TOGETHER_S: dict[str, float] = {
    "network_failure": 10,
    "quorum_loss": 10,
    "near_miss": 30,
    "fencing": 60,
    "unclean_boot": 60,
    "node_lost": 60,
}
"""Seconds within which findings of a class on different nodes are one thing that happened to all of them."""

OPEN_S = 600.0
"""How long after its start a finding without an end is still taken to last."""

CONTEXT_S = 60.0
RECOVERY_S = 600.0
"""How long after the end of the findings a guest may go down for the same reason: fence delay, lock expiry and recovery."""

LOOKED_BACK = 64
"""Causes of one kind that are considered for one effect at most: the latest."""


def assemble(findings: Sequence[Finding], history: History) -> tuple[Incident, ...]:
    """Incidents in order of time: findings above `info` that led to each other, or alone, with what was going on around them.

    Findings of criticality `info` take part as causes; those that cause nothing are attached where they overlap, or stay outside.
    """
    every = sorted({finding.id: finding for finding in findings}.values(), key=_by_time)
    links = _reduced(_links(every))
    incidents = []
    loose: list[Finding] = []
    for group in _groups(every, links):
        if len(group) == 1 and group[0].criticality is Criticality.INFO:
            loose.append(group[0])
        else:
            incidents.append(group)
    context = _contexts(incidents, loose)
    made = [_incident(group, around, links, history) for group, around in zip(incidents, context, strict=True)]
    return tuple(sorted(made, key=lambda each: (each.start is None, each.start.us if each.start else 0, each.id)))


def ordered(findings: Sequence[Finding], incidents: Sequence[Incident]) -> tuple[Finding, ...]:
    """Findings incident by incident, causes before effects; those outside of any incident last, by time."""
    by_id = {finding.id: finding for finding in findings}
    told = [name for incident in incidents for name in incident.findings]
    rest = sorted((finding for name, finding in by_id.items() if name not in set(told)), key=_by_time)
    return (*(by_id[name] for name in dict.fromkeys(told) if name in by_id), *rest)


# --- links -----------------------------------------------------------------------------------


def _links(findings: Sequence[Finding]) -> list[Link]:
    """Every link that time and nodes allow, none of which closes a circle."""
    by_class: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.start is not None:
            by_class[finding.class_].append(finding)
    starts = {name: [_us(finding) for finding in group] for name, group in by_class.items()}
    causes_of: dict[str, set[str]] = defaultdict(set)
    links: list[Link] = []
    for effect in findings:
        for leads in LEADS:
            if effect.start is None or effect.class_ not in leads.effects:
                continue
            for class_ in leads.causes:
                group = by_class.get(class_, [])
                place = bisect_right(starts.get(class_, []), _us(effect) + _error(effect) + OPEN_S * SECOND)
                for cause in group[max(0, place - LOOKED_BACK) : place]:
                    if _led(leads, cause, effect) and not _reaches(effect.id, cause.id, causes_of):
                        causes_of[effect.id].add(cause.id)
                        links.append(Link(cause.id, effect.id, _why(leads, cause, effect)))
    return links


def _led(leads: Leads, cause: Finding, effect: Finding) -> bool:
    """True if this cause may have led to this effect: rule, nodes, and never a cause that begins after its effect."""
    if cause.id == effect.id or not cause.rule.startswith(leads.rules) or cause.start is None or effect.start is None:
        return False
    doubt = cause.start.error_us + effect.start.error_us
    if cause.start.us > effect.start.us + doubt:
        return False
    if effect.start.us > _until(leads, cause, cause.start) + doubt or _refused(cause, effect):
        return False
    match leads.nodes:
        case "same":
            return bool(set(cause.nodes) & set(effect.nodes))
        case "other":
            return bool(set(effect.nodes) - set(cause.nodes))
        case _:
            return True


def _until(leads: Leads, cause: Finding, start: Instant) -> float:
    """The last microsecond at which an effect of this cause may begin."""
    if cause.end is None:
        return start.us + (OPEN_S + leads.within_s) * SECOND
    lasted = cause.end.us - start.us > GRACE_S * SECOND
    return max(cause.end.us, start.us) + (GRACE_S if leads.while_it_lasts and lasted else leads.within_s) * SECOND


def _refused(cause: Finding, effect: Finding) -> bool:
    """True if the effect has weighed this kind of cause and found it out of the question."""
    names = WEIGHED_AS.get(cause.class_, frozenset())
    weighed = [each.confidence for each in effect.causes if each.cause in names]
    excluded = any(each.cause in names for each in effect.ruled_out)
    return max(weighed) < OUT_OF_THE_QUESTION if weighed else excluded


def _why(leads: Leads, cause: Finding, effect: Finding) -> str:
    """The reason, and whether the clocks let the order be claimed."""
    if cause.start and effect.start and not cause.start.certainly_before(effect.start) and set(cause.nodes) != set(effect.nodes):
        return f"{leads.why} (the clocks do not tell which of the two began first)"
    return leads.why


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


# --- groups ----------------------------------------------------------------------------------


def _groups(findings: Sequence[Finding], links: Sequence[Link]) -> list[list[Finding]]:
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
            near = [each for each in recent[finding.class_] if _us(finding) - _us(each) <= TOGETHER_S[finding.class_] * SECOND]
            for each in near:
                if not set(each.nodes) & set(finding.nodes):
                    leader[lead(finding.id)] = lead(each.id)
            recent[finding.class_] = [*near[-LOOKED_BACK:], finding]
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[lead(finding.id)].append(finding)
    return list(groups.values())


def _contexts(incidents: Sequence[Sequence[Finding]], loose: Sequence[Finding]) -> list[list[Finding]]:
    """For each incident what else was going on: findings of criticality info on its nodes that overlap it."""
    context: list[list[Finding]] = [[] for _ in incidents]
    for finding in loose:
        for place, group in enumerate(incidents):
            nodes = {node for each in group for node in each.nodes}
            if finding.start is not None and nodes & set(finding.nodes) and _overlaps(finding, group):
                context[place].append(finding)
                break
    return context


def _overlaps(finding: Finding, group: Sequence[Finding]) -> bool:
    start, end = _span(group)
    if start is None or finding.start is None:
        return False
    last = finding.end or finding.start
    return finding.start.us <= (end or start).us + CONTEXT_S * SECOND and last.us >= start.us - CONTEXT_S * SECOND


def _span(group: Iterable[Finding]) -> tuple[Instant | None, Instant | None]:
    """The first start and the last known edge of findings."""
    members = list(group)
    starts = [finding.start for finding in members if finding.start is not None]
    edges = starts + [finding.end for finding in members if finding.end is not None]
    return (min(starts) if starts else None), (max(edges) if edges else None)


# --- one incident ----------------------------------------------------------------------------


def _incident(group: Sequence[Finding], context: Sequence[Finding], links: Sequence[Link], history: History) -> Incident:
    names = {finding.id for finding in group}
    own = tuple(link for link in links if link.effect in names)
    order = _causal_order(group, own)
    root = _root(group, own)
    start, end = _span(group)
    return Incident(
        title=_title(root, group, own),
        root=root.id,
        findings=(*(finding.id for finding in order), *(finding.id for finding in context)),
        links=tuple(sorted(own, key=lambda link: (link.effect, link.cause))),
        start=start,
        end=end,
        guests=_impact(history.intervals, start, end),
    )


def _root(group: Sequence[Finding], links: Sequence[Link]) -> Finding:
    """The earliest finding that nothing in the incident led to, preferring one that led to something."""
    effects = {link.effect for link in links}
    causes = {link.cause for link in links}
    free = [finding for finding in group if finding.id not in effects]
    return min(free, key=lambda finding: (finding.id not in causes, *_by_time(finding)))


def _causal_order(group: Sequence[Finding], links: Sequence[Link]) -> list[Finding]:
    """Causes before effects, and by time where nothing is linked."""
    by_id = {finding.id: finding for finding in group}
    waiting: dict[str, int] = dict.fromkeys(by_id, 0)
    effects: dict[str, list[str]] = defaultdict(list)
    for link in links:
        waiting[link.effect] += 1
        effects[link.cause].append(link.effect)
    ready = [(_by_time(by_id[name]), name) for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order: list[Finding] = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(by_id[name])
        for effect in effects[name]:
            waiting[effect] -= 1
            if waiting[effect] == 0:
                heapq.heappush(ready, (_by_time(by_id[effect]), effect))
    return order


def _title(root: Finding, group: Sequence[Finding], links: Sequence[Link]) -> str:
    """The root, and the gravest thing that came of it."""
    came: set[str] = {root.id}
    for _ in links:  # links are few; each round reaches one step further
        came |= {link.effect for link in links if link.cause in came}
    effects = [finding for finding in group if finding.id != root.id and finding.id in came]
    gravest = max(effects, key=lambda finding: (finding.criticality.rank, _us(finding), finding.id), default=None)
    if gravest is not None and gravest.criticality.rank >= root.criticality.rank:
        return f"{root.title}, which led to: {gravest.title}"
    return root.title


def _impact(intervals: Iterable[Interval], start: Instant | None, end: Instant | None) -> tuple[GuestImpact, ...]:
    """The guests that were down while the incident lasted, or went down in its recovery."""
    if start is None:
        return ()
    until = (end or start).us + RECOVERY_S * SECOND
    hit = []
    for each in intervals:
        if not each.subject.startswith("guest:") or each.state != "down":
            continue
        began = each.start.us if each.start else start.us
        over = each.end.us if each.end else until
        stopped_before = each.fields.get("planned") == "yes" and began < start.us
        if began <= until and over >= start.us and not stopped_before:
            hit.append(_guest(each))
    return tuple(sorted(hit, key=lambda guest: (guest.guest, guest.down_from.us if guest.down_from else 0)))


def _guest(down: Interval) -> GuestImpact:
    planned = {"yes": True, "no": False}.get(down.fields.get("planned", ""))
    return GuestImpact(
        guest=down.subject.removeprefix("guest:"),
        name=down.fields.get("name", ""),
        down_from=down.start,
        down_to=down.end,
        node_before=down.fields.get("node_before", ""),
        node_after=down.fields.get("node_after", ""),
        planned=planned,
    )


def _by_time(finding: Finding) -> tuple[bool, int, int, str]:
    return (finding.start is None, _us(finding), -finding.criticality.rank, finding.id)


def _us(finding: Finding) -> int:
    return finding.start.us if finding.start else 0


def _error(finding: Finding) -> int:
    return finding.start.error_us if finding.start else 0
