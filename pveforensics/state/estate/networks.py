"""Time bombs in networks: corosync beside storage, migration or Ceph, and two links that share one network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from pveforensics.model import Cluster, Evidence, Interval, Member
from pveforensics.state.estate import Estate
from pveforensics.state.estate.bombs import bomb
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.view import View

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SERVERS = ("nfs", "cifs", "iscsi", "iscsidirect", "pbs", "glusterfs", "zfs", "rbd", "cephfs", "esxi")
SERVER_KEYS = ("server", "portal", "monhost")

SHARED_WAYS = (("migration", "datacenter.migration.network"), ("replication", "datacenter.replication.network"))
"""What else moves whole disks, and the setting that names its network (pve-cluster:src/PVE/DataCenterConfig.pm)."""


def track(view: View, estate: Estate, cluster: Cluster) -> Iterator[Interval]:
    """`config:network`, `config:paths`, `config:migration` and `config:ceph` of each node."""
    yield from _with_interfaces(view, estate, cluster)
    yield from _with_migration(view, cluster)
    yield from _with_ceph(view, cluster)


def _with_interfaces(view: View, estate: Estate, cluster: Cluster) -> Iterator[Interval]:
    """What the node's own addresses with their masks show."""
    for dump in view.timeline.snapshots:
        member = next((each for each in cluster.members if each.name == dump.node), None)
        if dump.kind != "interfaces" or member is None:
            continue
        if estate.storages is None:
            yield bomb("network", dump.node, "all_links", "", (), told="unknown", why="storage.cfg is not in the bundle")
        for row in dump.rows:
            for text in row.get("networks", "").split():
                network = ipaddress.ip_network(text)
                links, line = _links_in(member, network), cited(row_evidence(dump, row))
                if len(links) > 1:
                    said = f"{len(links)} links of corosync on {dump.node} ({', '.join(links)}) are in one network, {network}, on {row['iface']}: what breaks one breaks the other"
                    yield bomb("paths", dump.node, "one_network", said, line)
                servers = _servers(estate, network)
                if links and servers:
                    every = "all links" if len(links) == cluster.links else "a link"
                    said = f"{every} of corosync on {dump.node} ({row['iface']}) and the storage {', '.join(servers)} are in one network"
                    storages = (estate.storage(name) for name in servers)
                    lines = cited(*line, *(each.evidence for each in storages if each is not None))
                    yield bomb("network", dump.node, "all_links" if len(links) == cluster.links else "one_of_several", said, lines)


def _with_migration(view: View, cluster: Cluster) -> Iterator[Interval]:
    """datacenter.cfg names the network of migrations with its mask: no node's own file is needed."""
    told: set[tuple[str, str]] = set()
    for way, key in SHARED_WAYS:
        for setting in view.timeline.settings:
            if not setting.subject.endswith(f"/{key}") or (way, setting.state) in told:
                continue
            told.add((way, setting.state))
            yield from _named(cluster, "migration", setting.state, f"the network that {way} is set to", setting.evidence)


def _with_ceph(view: View, cluster: Cluster) -> Iterator[Interval]:
    """ceph.conf names Ceph's networks: recovery after a lost disk fills them for hours."""
    dump = next((each for each in view.timeline.snapshots if each.kind == "ceph_conf"), None)
    told: set[str] = set()
    for key in ("public_network", "cluster_network") if dump is not None else ():
        for text in dump.fields.get(key, "").replace(",", " ").split() if dump is not None else ():
            if text not in told and dump is not None:
                told.add(text)
                yield from _named(cluster, "ceph", text, f"the {key.replace('_', ' ')} of Ceph", dump.evidence)


def _named(cluster: Cluster, topic: str, text: str, whose: str, lines: Sequence[Evidence]) -> Iterator[Interval]:
    """A link of each member in a network that a setting names."""
    network = _network(text)
    for member in cluster.members if network is not None else ():
        links = _links_in(member, network) if network is not None else []
        if links:
            every = "all links" if len(links) == cluster.links else "a link"
            said = f"{every} of corosync on {member.name} ({', '.join(links)}) lie in {network}, {whose}"
            yield bomb(topic, member.name, "all_links" if len(links) == cluster.links else "one_of_several", said, lines)


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _links_in(member: Member, network: Network) -> list[str]:
    return [address for address in member.addresses if _in(address, network)]


def _servers(estate: Estate, network: Network) -> list[str]:
    """Storages with a server in the network."""
    return [
        each.id
        for each in (estate.storages or {}).values()
        if each.type in SERVERS and not each.disabled and _any_in([each.options.get(key, "") for key in SERVER_KEYS], network)
    ]


def _any_in(texts: Sequence[str], network: Network) -> bool:
    return any(_in(address, network) for text in texts for address in text.replace(",", " ").replace(";", " ").split())


def _in(address: str, network: Network) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")) in network
    except ValueError:
        return False
