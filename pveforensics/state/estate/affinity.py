"""Which HA rules count, and which nodes HA may choose for a guest (pve-ha-manager:src/PVE/HA/Rules, Manager.pm `select_service_node`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pveforensics.model import Evidence
from pveforensics.state.estate import Affinity, Dropped, Estate, HaResource

Row = Mapping[str, str]
Line = tuple[Row, Evidence | None]

UNLISTED = -1
"""The priority of a node that no group or rule names (NodeAffinity.pm)."""


class Candidate(NamedTuple):
    """A node that HA may choose. `first` if it is among those tried when the guest's node alone is lost, `listed` if group or rule name it."""

    node: str
    priority: int
    first: bool
    listed: bool


# --- which rules count ---------------------------------------------------------------------------


def validated(lines: Sequence[Line], nodes: int) -> tuple[list[Line], tuple[Dropped, ...]]:
    """The rules that HA keeps, and those that it ignores but for a line in the log. Every check sees all enabled rules (Rules.pm `check_feasibility`)."""
    enabled = [line for line in lines if line[0].get("disable", "0") in ("0", "no")]
    affine = [row for row, _ in enabled if row["_type"] == "node-affinity"]
    together = [row for row, _ in enabled if row["_type"] == "resource-affinity"]
    reasons: dict[str, str] = {}
    for check in (_used_twice(affine), _of_resources(together, nodes), _of_both(together, affine)):
        for rule, why in check:
            reasons.setdefault(rule, why)
    dropped = tuple(Dropped(row["_id"], reasons[row["_id"]], line) for row, line in enabled if row["_id"] in reasons)
    return [line for line in enabled if line[0]["_id"] not in reasons], dropped


def _used_twice(affine: Sequence[Row]) -> Iterator[tuple[str, str]]:
    uses = Counter(sid for row in affine for sid in resources_of(row))
    for row in affine:
        twice = sorted(sid for sid in resources_of(row) if uses[sid] > 1)
        if twice:
            yield row["_id"], f"{twice[0]} stands in more than one node-affinity rule"


def _of_resources(together: Sequence[Row], nodes: int) -> Iterator[tuple[str, str]]:
    for row in together:
        members = set(resources_of(row))
        if len(members) < 2:
            yield row["_id"], "it names fewer than two resources"
        elif _is_apart(row) and len(members) > nodes > 0:
            yield row["_id"], f"it keeps {len(members)} resources apart on {nodes} nodes"
        for other in together:
            if _is_apart(row) != _is_apart(other) and len(members & set(resources_of(other))) > 1:
                yield row["_id"], f"rule {other['_id']} {'keeps together' if _is_apart(row) else 'keeps apart'} two of its resources"


def _of_both(together: Sequence[Row], affine: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Checks between the two kinds of rules: all that take part in a conflict are dropped."""
    for row in together:
        members = set(resources_of(row))
        paired = [each for each in affine if members & set(resources_of(each))]
        if any(len(set(priorities(each.get("nodes", "")).values())) > 1 for each in paired):
            why = "a guest that is kept together with or apart from others is bound to nodes of several priorities"
            yield from ((each["_id"], why) for each in (row, *paired))
        if _is_apart(row):
            bound = {sid for each in paired for sid in resources_of(each)} & members
            allowed = {node for each in paired for node in priorities(each.get("nodes", ""))}
            if len(allowed) < len(bound):
                why = f"{len(bound)} resources are to be kept apart on {len(allowed)} nodes"
                yield from ((each["_id"], why) for each in (row, *paired))
    for group in _joined([set(resources_of(row)) for row in together if not _is_apart(row)]):
        paired = [each for each in affine if group & set(resources_of(each))]
        if len(paired) > 1:
            rows = [row for row in together if not _is_apart(row) and set(resources_of(row)) <= group]
            why = "resources that are kept together stand in several node-affinity rules"
            yield from ((each["_id"], why) for each in (*rows, *paired))


def _is_apart(row: Row) -> bool:
    return row.get("affinity") == "negative"


def _joined(groups: Sequence[set[str]]) -> list[set[str]]:
    """Groups that share a member become one."""
    joined: list[set[str]] = []
    for group in groups:
        touching = [each for each in joined if each & group]
        joined = [each for each in joined if not each & group] + [group.union(*touching)]
    return joined


def resources_of(row: Row) -> tuple[str, ...]:
    """The resources that a rule names."""
    return tuple(sorted({word for word in re.split(r"[,;\s]+", row.get("resources", "")) if word}))


def priorities(text: str) -> dict[str, int]:
    """`a:2,b:1,c` as node to priority; 0 where none is given."""
    found = {}
    for word in filter(None, re.split(r"[,;\s]+", text)):
        node, _, priority = word.partition(":")
        found[node] = int(priority) if priority.isascii() and priority.isdigit() and len(priority) < 6 else 0
    return found


# --- what they say -------------------------------------------------------------------------------


def bindings(kept: Sequence[Line]) -> tuple[Affinity, ...]:
    """The node-affinity rules; each also binds what is kept together with one of its resources (Rules.pm, transforms)."""
    groups = _joined([set(resources_of(row)) for row, _ in kept if row["_type"] == "resource-affinity" and not _is_apart(row)])
    found = []
    for row, line in kept:
        if row["_type"] == "node-affinity":
            own = set(resources_of(row))
            bound = own.union(*(group for group in groups if group & own))
            found.append(Affinity(row["_id"], priorities(row.get("nodes", "")), row.get("strict", "0") == "1", frozenset(bound), line))
    return tuple(found)


def separations(kept: Sequence[Line]) -> dict[str, frozenset[str]]:
    """For each resource those that must not run beside it; what is kept together with it brings its own (ResourceAffinity.pm)."""
    rules = [row for row, _ in kept if row["_type"] == "resource-affinity"]
    groups = _joined([set(resources_of(row)) for row in rules if not _is_apart(row)])
    apart: dict[str, set[str]] = {}
    for row in rules:
        members = set(resources_of(row)) if _is_apart(row) else set()
        for sid in members:
            for one in {sid}.union(*(group for group in groups if sid in group)):
                apart.setdefault(one, set()).update(members - {sid})
                for other in members - {sid}:
                    apart.setdefault(other, set()).add(one)
    return {sid: frozenset(others - {sid}) for sid, others in apart.items()}


def affinity_of(estate: Estate, resource: HaResource) -> Affinity | None:
    """The rule or group that binds a guest to nodes; None if none does."""
    rule = next((rule for rule in estate.rules or () if resource.sid in rule.resources), None)
    return rule or ((estate.groups or {}).get(resource.group) if resource.group else None)


def is_known(estate: Estate, resource: HaResource) -> bool:
    """False if the guest names a group whose definition is in no file of the bundle."""
    return (
        not resource.group or resource.group in (estate.groups or {}) or any(resource.sid in rule.resources for rule in estate.rules or ())
    )


def held_apart(estate: Estate, resource: HaResource) -> Mapping[str, str]:
    """Nodes that are taken by a guest under HA that must not run beside this one, and by which."""
    if not estate.apart.get(resource.sid):
        return {}
    wanted = {each.sid for each in estate.resources or () if each.wanted}
    others = sorted(estate.apart.get(resource.sid, frozenset()) & wanted & set(estate.guests))
    return {estate.guests[sid].node: sid for sid in others}


def candidates(estate: Estate, resource: HaResource, home: str) -> tuple[Candidate, ...]:
    """All nodes but the guest's own that HA may choose: those it tries first, then those of lower classes.

    Only the highest class of priority that has a node online is used; a failed start never leads to a lower one.
    """
    bound, taken = affinity_of(estate, resource), held_apart(estate, resource)
    classes: dict[str, int] = {}
    for node in estate.nodes:
        if bound is None:
            classes[node] = 0
        elif node in bound.nodes:
            classes[node] = bound.nodes[node]
        elif not bound.strict:
            classes[node] = UNLISTED
    others = {node: priority for node, priority in classes.items() if node != home and node not in taken}
    top = max(others.values(), default=0)
    return tuple(
        Candidate(node, priority, priority == top, bound is None or node in bound.nodes)
        for node, priority in sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))
    )
