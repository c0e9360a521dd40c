"""Time bombs in the cluster's configuration: what has done no harm yet. Each is told only where the bundle shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.lazyregex import regex
from pveforensics.model import Cluster, Evidence, Interval, Snapshot
from pveforensics.state.estate import Estate, networks
from pveforensics.state.estate.bombs import bomb, everywhere
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.view import View

FENCE_S = 45.0
"""Token and consensus together near the 50 to 60 s after which HA fences: then the loss of one node fences healthy ones."""

SMALL_TOKEN_MS, SMALL_STEP_MS = 1000, 100
"""A runtime token below this, and so much more for each node beyond two, is small: new clusters get 3000 and 125 (pve-cluster 9.1.0)."""

DEFAULT_TOKEN_MS, DEFAULT_COEFFICIENT_MS = 3000, 650
"""corosync 3.1 and later (corosync:exec/totemconfig.c)."""

MIXED = regex(r"(?:corosync|libknet1(?:t64)?|pve-cluster|pve-ha-manager|libqb\d+(?:t64)?)$")
"""Packages that speak with each other across the nodes."""


def track(view: View, estate: Estate, _: Sequence[Interval]) -> Iterator[Interval]:
    """`config:<topic>@<node>` with the states votes, links, flags, token, copies, network, paths, migration, ceph, versions, rules, groups.

    Fields: `what`, `told` (yes, unknown), `said`, `why`, `size`, `guest`, `storage`.
    """
    if view.timeline.clusters and len(view.cluster.members) > 1:
        yield from _votes(view.cluster)
        yield from _links(view.cluster)
        yield from _expected(view, view.cluster)
        yield from _token(view.cluster)
        yield from networks.track(view, estate, view.cluster)
        yield from _strangers(estate, view.cluster)
    yield from _copies(view)
    yield from _flags(view)
    yield from _versions(view)
    for dropped in estate.dropped:
        yield bomb("rules", "", dropped.id, f"HA ignores rule {dropped.id}: {dropped.why}", cited(dropped.evidence))
    if estate.groups and estate.rules:
        lines = cited(*(each.evidence for each in (*estate.groups.values(), *estate.rules)))[:4]
        said = "/etc/pve/ha holds both groups.cfg and rules.cfg: the step from groups to rules was not finished"
        yield bomb("rules", "", "half_upgraded", said, lines)


# --- corosync.conf ---------------------------------------------------------------------------


def _votes(cluster: Cluster) -> Iterator[Interval]:
    nodes, total = len(cluster.members), sum(member.votes for member in cluster.members)
    if cluster.qdevice:
        return
    if nodes == 2 and not cluster.two_node:
        said = "the cluster has two votes and needs both: the loss of either node takes quorum from the other"
        yield from everywhere(cluster, "votes", "two_nodes", said)
    elif nodes == 2:
        said = "two_node lets each of the two nodes go on alone: a broken link makes two clusters of one"
        yield from everywhere(cluster, "votes", "two_node_flag", said)
    elif nodes % 2 == 0 and total == nodes:
        said = f"the cluster has {nodes} votes and no tie-breaker: a split into halves leaves no side with quorum"
        yield from everywhere(cluster, "votes", "even", said, str(nodes))
    for member in cluster.members if nodes > 2 else ():
        if total - member.votes < total // 2 + 1:
            said = f"{member.name} has {member.votes} of {total} votes: without it the other {nodes - 1} nodes have no quorum"
            yield bomb("votes", member.name, "decisive", said, cluster.evidence, size=str(member.votes))


def _links(cluster: Cluster) -> Iterator[Interval]:
    if cluster.links == 1:
        said = "corosync has one link only: one cable, card or switch is all that the quorum rests on"
        yield from everywhere(cluster, "links", "one_link", said)


def _expected(view: View, cluster: Cluster) -> Iterator[Interval]:
    nodes = len(cluster.members)
    if cluster.two_node and nodes > 2:
        yield from everywhere(cluster, "flags", "two_node", f"corosync.conf sets two_node with {nodes} nodes")
    stated = view.setting(cluster.members[0].name, "quorum.expected_votes") or next(
        (each.state for each in view.timeline.settings if each.subject.endswith("/quorum.expected_votes")), None
    )
    votes = sum(member.votes for member in cluster.members) + (cluster.qdevice_votes if cluster.qdevice else 0)
    if stated is not None and stated.isdigit() and int(stated) != votes:
        said = f"corosync.conf sets expected_votes to {stated}, while its nodes have {votes} votes"
        yield from everywhere(cluster, "flags", "expected_votes", said)


def _token(cluster: Cluster) -> Iterator[Interval]:
    nodes = len(cluster.members)
    token = cluster.token_ms if cluster.token_ms is not None else DEFAULT_TOKEN_MS
    coefficient = cluster.token_coefficient_ms if cluster.token_coefficient_ms is not None else DEFAULT_COEFFICIENT_MS
    runtime = token + max(0, nodes - 2) * coefficient
    stated = cluster.token_ms is not None or cluster.token_coefficient_ms is not None
    if stated and (token < SMALL_TOKEN_MS or runtime < SMALL_TOKEN_MS + max(0, nodes - 2) * SMALL_STEP_MS):
        said = f"the token is {runtime} ms with {nodes} nodes (totem.token {token}, coefficient {coefficient}): a short pause of one node or switch already costs the membership"
        yield from everywhere(cluster, "token", "small", said, str(runtime))
    both = 2.2 * runtime / 1000  # consensus is 1.2 times the token unless it is set
    if both >= FENCE_S:
        said = f"with {nodes} nodes a loss takes corosync about {both:.0f} s to see (token {runtime} ms and consensus), near the time after which HA fences"
        yield from everywhere(cluster, "token", "long", said, str(runtime))


def _copies(view: View) -> Iterator[Interval]:
    """corosync.conf is one on all nodes and in /etc/pve: another config_version means that a change did not reach a node, or was made by hand."""
    versions: dict[int, list[Evidence]] = {}
    for cluster in view.timeline.clusters:
        if cluster.config_version is not None and cluster.evidence and cluster.evidence[0].path.endswith("corosync.conf"):
            versions.setdefault(cluster.config_version, []).append(cluster.evidence[0])
    if len(versions) < 2:
        return
    newest = max(versions)
    for version, lines in sorted(versions.items()):
        of_node = {view.naming.node_of_path.get(line.path, ""): line for line in reversed(lines)}
        for node, line in sorted(of_node.items()) if version != newest else ():
            said = f"{line.path} has config_version {version}, while {versions[newest][0].path} has {newest}"
            yield bomb("copies", node, "older", said, (line, versions[newest][0]), size=str(version))


def _strangers(estate: Estate, cluster: Cluster) -> Iterator[Interval]:
    """Groups and rules that name nodes which are no members: HA skips them without a word."""
    members = {member.name for member in cluster.members}
    for each in (*(estate.groups or {}).values(), *(estate.rules or ())):
        unknown = sorted(set(each.nodes) - members)
        if unknown and members:
            said = f"{each.id} names {', '.join(unknown)}, which {'is' if len(unknown) == 1 else 'are'} no member of the cluster"
            yield bomb("groups", "", each.id, said, cited(each.evidence))


# --- dumps -----------------------------------------------------------------------------------


def _flags(view: View) -> Iterator[Interval]:
    """two_node where `pvecm status` lists more nodes: a leftover of the cluster's first days."""
    for dump in view.timeline.snapshots:
        if dump.kind == "quorum_status" and "2Node" in dump.fields.get("flags", "").split() and _count(dump) > 2:
            yield bomb("flags", dump.node, "two_node", f"the flag 2Node is set with {_count(dump)} nodes", dump.evidence)


def _count(dump: Snapshot) -> int:
    nodes = dump.fields.get("nodes", "")
    return int(nodes) if nodes.isdigit() and len(nodes) < 5 else len(dump.rows)


def _versions(view: View) -> Iterator[Interval]:
    """Packages of the cluster stack that differ between nodes, all in one sentence."""
    versions: dict[str, dict[str, tuple[str, Evidence | None]]] = {}
    for dump in view.timeline.snapshots:
        if dump.kind == "pveversion" and dump.node and dump.node != "unknown":
            for row in dump.rows:
                if MIXED.fullmatch(row["package"]) and row["version"][:1].isdigit():
                    versions.setdefault(row["package"], {}).setdefault(dump.node, (row["version"], row_evidence(dump, row)))
    mixed = {package: nodes for package, nodes in sorted(versions.items()) if len({version for version, _ in nodes.values()}) > 1}
    if mixed:
        told = "; ".join(
            f"{package} is {', '.join(f'{version} on {node}' for node, (version, _) in sorted(nodes.items()))}"
            for package, nodes in mixed.items()
        )
        lines = cited(*(line for nodes in mixed.values() for _, line in nodes.values()))[:8]
        for node in sorted({node for nodes in mixed.values() for node in nodes}):
            yield bomb("versions", node, ", ".join(mixed), told, lines)
