"""estate_of(): makes the estate from the settings and lists in a bundle."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from pveforensics.lazyregex import regex
from pveforensics.model import Evidence, Snapshot
from pveforensics.state.estate import (
    OLD_RECOVERY_CLEARS,
    RECOVERY_CLEARS,
    Affinity,
    Disk,
    Dropped,
    Estate,
    Guest,
    HaResource,
    Job,
    Listing,
    Snap,
    Storage,
    epoch_of,
)
from pveforensics.state.estate.affinity import bindings, priorities, separations, validated
from pveforensics.state.estate.copies import Copies, row_evidence
from pveforensics.state.estate.syncs import syncs
from pveforensics.state.view import View

_DRIVE = regex(r"(?:scsi|virtio|ide|sata)\d+$")
_VOLUME = regex(r"(?P<storage>[A-Za-z][\w.-]*):(?P<volume>\S.*)", re.ASCII)


def estate(view: View) -> Estate:
    """The estate of a view, made once."""
    return view.once("estate", lambda: estate_of(view))


def estate_of(view: View) -> Estate:
    """What the bundle tells of the cluster's guests, storages, replication and HA."""
    copies = Copies(view.timeline.snapshots)
    guests = _guests(copies)
    jobs = _turned(_jobs(copies), guests)
    groups = _groups(copies)
    nodes = _nodes(view, guests, groups)
    rules, apart, dropped = _rules(copies, len(nodes))
    return Estate(
        nodes=nodes,
        guests=guests,
        storages=_storages(copies),
        jobs=jobs,
        resources=_resources(copies),
        groups=groups,
        rules=rules,
        apart=apart,
        dropped=dropped,
        mappings=_mappings(copies),
        listings=_listings(copies),
        volumes=_volumes(copies),
        status=_status(copies),
        bridges=_bridges(copies),
        devices={node: {row["address"]: row["ids"] for row in dump.rows} for node, dump in _by_node(copies, "lspci")},
        vnets=frozenset(row["_id"] for row in _rows(copies, "sdn_vnets")),
        syncs=tuple(syncs(view, copies)),
        recovery_clears=_cleared_by_recovery(copies),
        whole=copies.is_whole(),
    )


def _cleared_by_recovery(copies: Copies) -> frozenset[str]:
    """What the oldest HA stack in the cluster removes: any node may be the master."""
    versions = [row["version"] for dump in copies.all("pveversion") for row in dump.rows if row["package"] == "pve-ha-manager"]
    told = [tuple(int(part) for part in re.findall(r"\d{1,6}", version)[:3]) for version in versions]
    old = any(version and version < ((3, 0, 5) if "-" in text else (3, 0)) for text, version in zip(versions, told, strict=True))
    return OLD_RECOVERY_CLEARS if old else RECOVERY_CLEARS


def _nodes(view: View, guests: Mapping[str, Guest], groups: Mapping[str, Affinity] | None) -> tuple[str, ...]:
    """The members that the configuration names, else all nodes that are known, those with guests and those in groups among them."""
    if view.timeline.clusters and view.cluster.members:
        return tuple(member.name for member in view.cluster.members)
    told = [guest.node for guest in guests.values()] + [node for group in (groups or {}).values() for node in group.nodes]
    return tuple(dict.fromkeys((*view.naming.nodes, *(node for node in told if node and node != "unknown"))))


def _rows(copies: Copies, kind: str) -> tuple[Mapping[str, str], ...]:
    best = copies.best(kind)
    return best.rows if best is not None else ()


# --- guests ----------------------------------------------------------------------------------


def _guests(copies: Copies) -> dict[str, Guest]:
    """Each guest once, from the best copy that has it."""
    found: dict[str, Guest] = {}
    for dump in copies.all("guest_config"):
        guest = _guest(dump)
        if guest is not None:
            found.setdefault(guest.sid, guest)
    return found


def _guest(dump: Snapshot) -> Guest | None:
    vmid, kind = dump.fields.get("vmid", ""), dump.fields.get("type", "vm")
    if not vmid:
        return None
    options: dict[str, str] = {}
    lines: dict[str, Evidence] = {}
    sections: dict[str, None] = {}
    pending = []
    for row in dump.rows:
        if row["section"] == "PENDING":
            pending.append(row["key"])
        elif row["section"]:
            sections[row["section"]] = None
        else:
            options[row["key"]] = row["value"]
            line = row_evidence(dump, row)
            if line is not None:
                lines[row["key"]] = line
    disks = tuple(disk for key, value in options.items() if (disk := disk_of(key, value, kind, lines.get(key))) is not None)
    return Guest(
        sid=f"{kind}:{vmid}",
        vmid=vmid,
        node=dump.fields.get("node") or dump.node,
        name=dump.fields.get("name", ""),
        lock=options.get("lock", ""),
        disks=disks,
        snapshots=tuple(sections),
        pending=tuple(pending),
        options=options,
        lines=lines,
        evidence=dump.evidence[0] if dump.evidence else None,
    )


def disk_of(key: str, value: str, kind: str, evidence: Evidence | None = None) -> Disk | None:
    """The disk that a key of a guest's configuration describes; None for other keys (qemu-server:src/PVE/QemuServer/Drive.pm)."""
    first, _, rest = value.partition(",")
    options = {name: each for name, equals, each in (word.partition("=") for word in rest.split(",")) if equals}
    first = first.removeprefix("file=").removeprefix("volume=")
    role = _role(key, first, options, kind)
    if not role:
        return None
    found = _VOLUME.fullmatch(first)
    storage, volume = (found["storage"], found["volume"]) if found else ("", first)
    return Disk(key, role, storage, volume, options, evidence)


def _role(key: str, volume: str, options: Mapping[str, str], kind: str) -> str:
    if kind == "ct":
        if key != "rootfs" and not re.fullmatch(r"(?:mp|unused)\d+", key):
            return ""
        if volume.startswith("/"):
            return "device" if volume.startswith("/dev/") else "bind"
        return "unused" if key.startswith("unused") else "rootfs" if key == "rootfs" else "mount"
    if _DRIVE.fullmatch(key):
        if options.get("media") == "cdrom" or volume in ("none", "cdrom"):
            return "cloudinit" if volume.rpartition("/")[2].rpartition("-")[2].startswith("cloudinit") else "cdrom"
        return "device" if volume.startswith("/") else "disk"
    roles = {"efidisk0": "efi", "tpmstate0": "tpm", "vmstate": "vmstate"}
    return roles.get(key, "unused" if re.fullmatch(r"unused\d+", key) else "")


# --- section files ---------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in re.split(r"[,;\s]+", text) if word.strip())


def _storages(copies: Copies) -> dict[str, Storage] | None:
    best = copies.best("storage_cfg")
    if best is None:
        return None
    return {
        row["_id"]: Storage(
            id=row["_id"],
            type=row["_type"],
            nodes=_words(row["nodes"]) if row.get("nodes") else None,
            said_shared=row.get("shared", "0") not in ("0", "no", ""),
            disabled=row.get("disable", "0") not in ("0", "no", ""),
            content=row.get("content", ""),
            options=dict(row),
            evidence=row_evidence(best, row),
        )
        for row in best.rows
    }


def _jobs(copies: Copies) -> tuple[Job, ...] | None:
    """From replication.cfg, else from `pvesr list`, which shows all jobs too."""
    best = copies.best("replication_cfg")
    if best is not None:
        return tuple(
            Job(
                id=row["_id"],
                vmid=row["_id"].partition("-")[0],
                target=row.get("target", ""),
                source=row.get("source", ""),
                schedule=row.get("schedule", "*/15"),
                disabled=row.get("disable", "0") not in ("0", "no", ""),
                removing="remove_job" in row,
                evidence=row_evidence(best, row),
            )
            for row in best.rows
            if row["_type"] == "local"
        )
    listed = copies.best("pvesr_list")
    if listed is None:
        return () if copies.is_whole() else None
    return tuple(
        Job(
            row["job"],
            row["job"].partition("-")[0],
            row["target"],
            "",
            row["schedule"],
            row["enabled"] == "no",
            evidence=row_evidence(listed, row),
        )
        for row in listed.rows
    )


def _turned(jobs: tuple[Job, ...] | None, guests: Mapping[str, Guest]) -> tuple[Job, ...] | None:
    """The jobs as the scheduler turns them round within a minute of a guest's arrival on what was its target (ReplicationConfig.pm)."""
    if jobs is None:
        return None
    homes = {guest.vmid: guest.node for guest in guests.values()}
    return tuple(
        replace(job, target=job.source, source=job.target) if job.source and job.target == homes.get(job.vmid) != job.source else job
        for job in jobs
    )


def _resources(copies: Copies) -> tuple[HaResource, ...] | None:
    best = copies.best("ha_resources")
    if best is None:
        return None
    return tuple(
        HaResource(f"{row['_type']}:{row['_id']}", row.get("state", "started"), row.get("group", ""), row_evidence(best, row))
        for row in best.rows
        if row["_type"] in ("vm", "ct")
    )


def _groups(copies: Copies) -> dict[str, Affinity] | None:
    best = copies.best("ha_groups")
    if best is None:
        return None
    return {
        row["_id"]: Affinity(
            row["_id"], priorities(row.get("nodes", "")), row.get("restricted", "0") == "1", evidence=row_evidence(best, row)
        )
        for row in best.rows
        if row["_type"] == "group"
    }


def _rules(copies: Copies, nodes: int) -> tuple[tuple[Affinity, ...] | None, dict[str, frozenset[str]], tuple[Dropped, ...]]:
    """Which nodes guests are bound to, which guests are kept apart, and what HA ignores."""
    best = copies.best("ha_rules")
    if best is None:
        return None, {}, ()
    kept, dropped = validated([(row, row_evidence(best, row)) for row in best.rows], nodes)
    return bindings(kept), separations(kept), dropped


def _mappings(copies: Copies) -> dict[tuple[str, str], Mapping[str, Mapping[str, str]]] | None:
    dumps = {dump.fields.get("type", ""): dump for dump in reversed(copies.all("mapping"))}
    if not dumps:
        return None
    found: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}
    for kind, dump in dumps.items():
        for row in dump.rows:
            nodes = found.setdefault((kind, row["_id"]), {})
            if row.get("node"):
                nodes[row["node"]] = row
    return dict(found)


# --- lists of single nodes -------------------------------------------------------------------


def _listings(copies: Copies) -> dict[str, Listing]:
    """The datasets and snapshots of each node, from all its lists together."""
    by_node: dict[str, list[Snapshot]] = {}
    for dump in copies.all("zfs_list"):
        if dump.node and dump.node != "unknown":
            by_node.setdefault(dump.node, []).append(dump)
    return {node: _listing(dumps) for node, dumps in by_node.items()}


def _listing(dumps: Iterable[Snapshot]) -> Listing:
    datasets: dict[str, dict[str, str]] = {}
    snaps: dict[str, dict[str, Snap]] = {}
    evidence: dict[str, Evidence] = {}
    latest = 0
    for dump in dumps:
        for row in dump.rows:
            dataset, at, name = row["name"].partition("@")
            line = row_evidence(dump, row)
            if line is not None:
                evidence.setdefault(row["name"], line)
            creation = int(row["creation"]) if re.fullmatch(r"\d{9,11}", row.get("creation", ""), re.ASCII) else None
            said = epoch_of(name)
            latest = max(latest, creation or 0, said[1] if said else 0)
            if not at:
                datasets[dataset] = {**datasets.get(dataset, {}), **row}
            else:
                old = snaps.setdefault(dataset, {}).get(name)
                snaps[dataset][name] = Snap(
                    name, row.get("guid") or (old.guid if old else ""), creation or (old.creation if old else None), line
                )
    return Listing(datasets, {name: tuple(each.values()) for name, each in snaps.items()}, evidence, latest)


def _by_node(copies: Copies, kind: str) -> Iterator[tuple[str, Snapshot]]:
    yield from ((dump.node, dump) for dump in copies.all(kind) if dump.node and dump.node != "unknown")


def _volumes(copies: Copies) -> dict[str, dict[tuple[str, str], Evidence]]:
    found: dict[str, dict[tuple[str, str], Evidence]] = {}
    for node, dump in _by_node(copies, "lvs"):
        for row in dump.rows:
            line = row_evidence(dump, row)
            if line is not None:
                found.setdefault(node, {})[row["vg"], row["lv"]] = line
    return found


def _status(copies: Copies) -> dict[str, dict[str, tuple[str, str, Evidence | None]]]:
    found: dict[str, dict[str, tuple[str, str, Evidence | None]]] = {}
    for node, dump in _by_node(copies, "pvesm_status"):
        for row in dump.rows:
            found.setdefault(node, {})[row["storage"]] = (row["status"], row["total"], row_evidence(dump, row))
    return found


def _bridges(copies: Copies) -> dict[str, frozenset[str]]:
    """The interfaces of each node whose configuration includes no other files: only then a name that is missing is missing."""
    return {node: frozenset(row["iface"] for row in dump.rows) for node, dump in _by_node(copies, "interfaces")}
