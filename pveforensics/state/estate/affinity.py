"""Which HA rules count, and which nodes HA may choose for a guest (pve-ha-manager:src/PVE/HA/Rules, Manager.pm `select_service_node`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pveforensics.model import Evidence
from pveforensics.state.estate import Affinity, Dropped, Estate, HaResource

Line = tuple[Mapping[str, str], Evidence | None]

UNLISTED = -1
"""The priority of a node that no group or rule names (NodeAffinity.pm)."""


class Candidate(NamedTuple):
    """A node that HA may choose. `first` if it is among those tried when the guest's node alone is lost, `listed` if group or rule name it."""

    node: str
    priority: int
    first: bool
    listed: bool


def validated(lines: Sequence[Line], nodes: int) -> tuple[list[Line], tuple[Dropped, ...]]:
    """The rules that HA keeps, and those that it ignores but for a line in the log."""
    enabled = [line for line in lines if line[0].get("disable", "0") in ("0", "no")]
    reasons: dict[str, str] = {}
    affine = [row for row, _ in enabled if row["_type"] == "node-affinity"]
    together = [row for row, _ in enabled if row["_type"] == "resource-affinity"]
    uses = Counter(sid for row in affine for sid in resources_of(row))
    for row in affine:
        twice = sorted(sid for sid in resources_of(row) if uses[sid] > 1)
        if twice:
            reasons[row["_id"]] = f"{twice[0]} stands in more than one node-affinity rule"
    apart = {
        frozenset((one, two))
        for row in together
        if row.get("affinity") == "negative"
        for one in resources_of(row)
        for two in resources_of(row)
        if one != two
    }
    for row in together:
        members = resources_of(row)
        if len(members) < 2:
            reasons[row["_id"]] = "it names fewer than two resources"
        elif row.get("affinity") == "negative" and len(members) > nodes > 0:
            reasons[row["_id"]] = f"it keeps {len(members)} resources apart on {nodes} nodes"
        elif row.get("affinity") == "positive" and any(frozenset((one, two)) in apart for one in members for two in members if one != two):
            reasons[row["_id"]] = "another rule keeps two of its resources apart"
    dropped = tuple(Dropped(row["_id"], reasons[row["_id"]], line) for row, line in enabled if row["_id"] in reasons)
    return [line for line in enabled if line[0]["_id"] not in reasons], dropped


def resources_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """The resources that a rule names."""
    return tuple(sorted({word for word in re.split(r"[,;\s]+", row.get("resources", "")) if word}))


def affinity_of(estate: Estate, resource: HaResource) -> Affinity | None:
    """The rule or group that binds a guest to nodes; None if none does."""
    rule = next((rule for rule in estate.rules or () if resource.sid in rule.resources), None)
    return rule or ((estate.groups or {}).get(resource.group) if resource.group else None)


def is_known(estate: Estate, resource: HaResource) -> bool:
    """False if the guest names a group whose definition is in no file of the bundle."""
    return (
        not resource.group or resource.group in (estate.groups or {}) or any(resource.sid in rule.resources for rule in estate.rules or ())
    )


def candidates(estate: Estate, resource: HaResource, home: str) -> tuple[Candidate, ...]:
    """All nodes but the guest's own that HA may choose: those it tries first, then those of lower classes.

    Only the highest class of priority that has a node online is used; a failed start never leads to a lower one.
    """
    bound = affinity_of(estate, resource)
    priorities: dict[str, int] = {}
    for node in estate.nodes:
        if bound is None:
            priorities[node] = 0
        elif node in bound.nodes:
            priorities[node] = bound.nodes[node]
        elif not bound.strict:
            priorities[node] = UNLISTED
    others = {node: priority for node, priority in priorities.items() if node != home}
    top = max(others.values(), default=0)
    return tuple(
        Candidate(node, priority, priority == top, bound is None or node in bound.nodes)
        for node, priority in sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))
    )
