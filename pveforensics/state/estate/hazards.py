"""Time bombs in the configuration: what has done no harm yet. Each is told only where the bundle shows it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from pveforensics.model import Cluster, Evidence, Interval, Snapshot
from pveforensics.state.estate import Estate
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.view import View

FENCE_S = 45.0
"""Token and consensus together near the 50 to 60 s after which HA fences: then the loss of one node fences healthy ones."""

SMALL_TOKEN_MS = 1000
DEFAULT_TOKEN_MS, DEFAULT_COEFFICIENT_MS = 3000, 650
"""corosync 3.1 and later (corosync:exec/totemconfig.c)."""

MIXED = re.compile(r"(?:corosync|libknet1(?:t64)?|pve-cluster|pve-ha-manager|libqb\d+(?:t64)?)$")
"""Packages that speak with each other across the nodes."""

SERVERS = ("nfs", "cifs", "iscsi", "iscsidirect", "pbs", "glusterfs", "zfs")


def track(view: View, estate: Estate, _: Sequence[Interval]) -> Iterator[Interval]:
    """`config:<topic>@<node>` with the states votes, links, flags, token, network, versions, upgrade, rules; fields `what`, `told`, `said`, `why`."""
    if view.timeline.clusters and len(view.cluster.members) > 1:
        yield from _votes(view, view.cluster)
        yield from _token(view.cluster)
        yield from _network(view, estate, view.cluster)
    yield from _flags(view)
    yield from _versions(view)
    for dropped in estate.dropped:
        yield _hazard("rules", "", dropped.id, f"HA ignores rule {dropped.id}: {dropped.why}", cited(dropped.evidence))
    if estate.groups and estate.rules:
        lines = cited(*(each.evidence for each in (*estate.groups.values(), *estate.rules)))[:4]
        yield _hazard(
            "rules",
            "",
            "half_upgraded",
            "/etc/pve/ha holds both groups.cfg and rules.cfg: the step from groups to rules was not finished",
            lines,
        )


def _hazard(
    topic: str, node: str, what: str, said: str, lines: Sequence[Evidence], *, told: str = "yes", why: str = "", size: str = ""
) -> Interval:
    subject = f"config:{topic}@{node}" if node else f"config:{topic}"
    return Interval(subject, topic, None, None, {"what": what, "told": told, "said": said, "why": why, "size": size}, tuple(lines))


def _everywhere(cluster: Cluster, topic: str, what: str, said: str, size: str = "") -> Iterator[Interval]:
    """One for each member: the configuration is all nodes' own."""
    for member in cluster.members:
        yield _hazard(topic, member.name, what, said, cluster.evidence, size=size)


# --- corosync.conf ---------------------------------------------------------------------------


def _votes(view: View, cluster: Cluster) -> Iterator[Interval]:
    nodes = len(cluster.members)
    if not cluster.qdevice:
        if nodes == 2 and not cluster.two_node:
            yield from _everywhere(
                cluster,
                "votes",
                "two_nodes",
                "the cluster has two votes and needs both: the loss of either node takes quorum from the other",
            )
        elif nodes == 2:
            yield from _everywhere(
                cluster,
                "votes",
                "two_node_flag",
                "two_node lets each of the two nodes go on alone: a broken link makes two clusters of one",
            )
        elif nodes % 2 == 0 and sum(member.votes for member in cluster.members) == nodes:
            said = f"the cluster has {nodes} votes and no tie-breaker: a split into halves leaves no side with quorum"
            yield from _everywhere(cluster, "votes", "even", said, str(nodes))
    if cluster.links == 1:
        yield from _everywhere(
            cluster, "links", "one_link", "corosync has one link only: one cable, card or switch is all that the quorum rests on"
        )
    if cluster.two_node and nodes > 2:
        yield from _everywhere(cluster, "flags", "two_node", f"corosync.conf sets two_node with {nodes} nodes")
    stated = view.setting(cluster.members[0].name, "quorum.expected_votes") or next(
        (each.state for each in view.timeline.settings if each.subject.endswith("/quorum.expected_votes")), None
    )
    votes = sum(member.votes for member in cluster.members) + (cluster.qdevice_votes if cluster.qdevice else 0)
    if stated is not None and stated.isdigit() and int(stated) != votes:
        yield from _everywhere(
            cluster, "flags", "expected_votes", f"corosync.conf sets expected_votes to {stated}, while its nodes have {votes} votes"
        )


def _token(cluster: Cluster) -> Iterator[Interval]:
    nodes = len(cluster.members)
    token = cluster.token_ms if cluster.token_ms is not None else DEFAULT_TOKEN_MS
    coefficient = cluster.token_coefficient_ms if cluster.token_coefficient_ms is not None else DEFAULT_COEFFICIENT_MS
    runtime = token + max(0, nodes - 2) * coefficient
    if cluster.token_ms is not None and cluster.token_ms < SMALL_TOKEN_MS:
        said = f"totem.token is set to {cluster.token_ms} ms: a short pause of one node or switch already costs the membership"
        yield from _everywhere(cluster, "token", "small", said, str(cluster.token_ms))
    both = 2.2 * runtime / 1000  # consensus is 1.2 times the token unless it is set
    if both >= FENCE_S:
        said = f"with {nodes} nodes a loss takes corosync about {both:.0f} s to see (token {runtime} ms and consensus), near the time after which HA fences"
        yield from _everywhere(cluster, "token", "long", said, str(runtime))


def _network(view: View, estate: Estate, cluster: Cluster) -> Iterator[Interval]:
    """A storage server in the network of a link: backups and guests' disks then share the way with the token."""
    for dump in view.timeline.snapshots:
        member = next((each for each in cluster.members if each.name == dump.node), None)
        if dump.kind != "interfaces" or member is None:
            continue
        if estate.storages is None:
            yield _hazard("network", dump.node, "all_links", "", (), told="unknown", why="storage.cfg is not in the bundle")
            continue
        for row in dump.rows:
            found = _shared(row.get("networks", ""), member.addresses, estate)
            if found:
                links, servers = found
                every = "all links" if len(links) == cluster.links else "a link"
                said = f"{every} of corosync on {dump.node} ({row['iface']}) and the storage {', '.join(servers)} are in one network"
                what = "all_links" if len(links) == cluster.links else "one_of_several"
                storages = (estate.storage(name) for name in servers)
                lines = cited(row_evidence(dump, row), *(each.evidence for each in storages if each is not None))
                yield _hazard("network", dump.node, what, said, lines)


def _shared(networks: str, addresses: Sequence[str], estate: Estate) -> tuple[list[str], list[str]] | None:
    for text in networks.split():
        network = ipaddress.ip_network(text)
        links = [address for address in addresses if _in(address, network)]
        servers = [
            each.id
            for each in (estate.storages or {}).values()
            if each.type in SERVERS and not each.disabled and _in(each.options.get("server") or each.options.get("portal", ""), network)
        ]
        if links and servers:
            return links, servers
    return None


def _in(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(address.split(",", maxsplit=1)[0].strip()) in network
    except ValueError:
        return False


# --- dumps -----------------------------------------------------------------------------------


def _flags(view: View) -> Iterator[Interval]:
    """two_node where `pvecm status` lists more nodes: a leftover of the cluster's first days."""
    for dump in view.timeline.snapshots:
        if dump.kind == "quorum_status" and "2Node" in dump.fields.get("flags", "").split() and _count(dump) > 2:
            said = f"the flag 2Node is set with {_count(dump)} nodes"
            yield _hazard("flags", dump.node, "two_node", said, dump.evidence)


def _count(dump: Snapshot) -> int:
    nodes = dump.fields.get("nodes", "")
    return int(nodes) if nodes.isdigit() and len(nodes) < 5 else len(dump.rows)


def _versions(view: View) -> Iterator[Interval]:
    """Packages of the cluster stack that differ between nodes."""
    versions: dict[str, dict[str, tuple[str, Evidence | None]]] = {}
    for dump in view.timeline.snapshots:
        if dump.kind == "pveversion" and dump.node and dump.node != "unknown":
            for row in dump.rows:
                if MIXED.fullmatch(row["package"]) and row["version"][:1].isdigit():
                    versions.setdefault(row["package"], {}).setdefault(dump.node, (row["version"], row_evidence(dump, row)))
    for package, nodes in sorted(versions.items()):
        if len({version for version, _ in nodes.values()}) > 1:
            told = ", ".join(f"{version} on {node}" for node, (version, _) in sorted(nodes.items()))
            lines = cited(*(line for _, line in nodes.values()))[:6]
            for node in nodes:
                yield _hazard("versions", node, package, f"{package} is not the same on all nodes: {told}", lines)
