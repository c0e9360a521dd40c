"""Time bombs around guests and storages: no backup, no HA, a mount that may be missing, a pool that is nearly full, a journal in memory."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pveforensics.lazyregex import regex
from pveforensics.model import Evidence, Interval, Snapshot
from pveforensics.state.estate import Estate, Guest
from pveforensics.state.estate.bombs import bomb
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.view import View

FULL_PERCENT, FULL_METADATA_PERCENT = 95.0, 90.0
SHOWN = 12
"""Guests that are named; the others are counted."""

_MOUNTED = regex(r"/(?:mnt|media|srv)/(?!pve/)\S+")
"""Where administrators mount file systems by hand; below /mnt/pve PVE mounts what it knows the server of."""


def track(view: View, estate: Estate, _: Sequence[Interval]) -> Iterator[Interval]:
    """`config:<topic>@<node>` with the states mounts, capacity, backup, unwatched, cache, replication, journal, watchdog."""
    yield from _mounts(view, estate)
    yield from _capacity(view, estate)
    yield from _backups(view, estate)
    yield from _unwatched(estate)
    yield from _caches(estate)
    yield from _switched_off(estate)
    yield from _journals(view)
    yield from _watchdogs(view)


def _dumps(view: View, kind: str) -> Iterator[Snapshot]:
    return (dump for dump in view.timeline.snapshots if dump.kind == kind and dump.node and dump.node != "unknown")


def _named(guests: Sequence[Guest]) -> str:
    """`vm:100 (web), ct:150`, and how many more."""
    names = [f"{each.sid} ({each.name})" if each.name else each.sid for each in guests[:SHOWN]]
    return ", ".join(names) + (f" and {len(guests) - SHOWN} more" if len(guests) > SHOWN else "")


def _by_node(guests: Iterable[Guest]) -> dict[str, list[Guest]]:
    grouped: dict[str, list[Guest]] = defaultdict(list)
    for guest in guests:
        grouped[guest.node].append(guest)
    return dict(grouped)


# --- storages ----------------------------------------------------------------------------------------


def _mounts(view: View, estate: Estate) -> Iterator[Interval]:
    """Directory storages on a file system of their own that PVE would use also if that is not mounted: then they fill the root."""
    for storage in (estate.storages or {}).values():
        path = storage.options.get("path", "").rstrip("/")
        told = storage.options.get("is_mountpoint", "0") not in ("0", "no", "")
        if storage.type not in ("dir", "btrfs") or storage.disabled or told or not _MOUNTED.fullmatch(path):
            continue
        listed = {dump.node: dump for dump in _dumps(view, "df")}
        for node in (node for node in estate.nodes if storage.on(node)):
            row = next((row for row in listed[node].rows if row["mount"].rstrip("/") == path), None) if node in listed else None
            if row is not None:
                said = f"storage {storage.id} lies on {path}, a file system of its own on {node}, and is not marked `is_mountpoint`: when that is not mounted, PVE writes into the empty folder on the root file system"
                yield bomb("mounts", node, "not_marked", said, cited(storage.evidence, row_evidence(listed[node], row)), storage=storage.id)
            elif node not in listed:
                why = f"whether {path} of storage {storage.id} is a file system of its own, `df` of {node} would show"
                yield bomb("mounts", node, "not_marked", "", cited(storage.evidence), told="unknown", why=why, storage=storage.id)


def _capacity(view: View, estate: Estate) -> Iterator[Interval]:
    """Storages that are nearly full, and thin pools by data and by metadata."""
    for dump in _dumps(view, "pvesm_status"):
        for row in dump.rows:
            percent = row.get("percent", "").rstrip("%")
            if row.get("status") == "active" and _number(percent) >= FULL_PERCENT:
                said = f"storage {row['storage']} of {dump.node} is {percent} % full{_holding(estate, row['storage'], dump.node)}"
                yield bomb("capacity", dump.node, "storage", said, cited(row_evidence(dump, row)), size=percent, storage=row["storage"])
    for dump in _dumps(view, "lvs"):
        for row in dump.rows:
            filled = [_number(word) for word in row.get("rest", "").split() if re.fullmatch(r"\d{1,3}[.,]\d{1,2}", word)]
            if not row.get("attr", "").startswith("t") or len(filled) < 2:
                continue
            data, metadata = filled[:2]
            if data >= FULL_PERCENT or metadata >= FULL_METADATA_PERCENT:
                said = f"thin pool {row['vg']}/{row['lv']} of {dump.node} is {data:g} % full, its metadata {metadata:g} %"
                name = f"{row['vg']}/{row['lv']}"
                yield bomb(
                    "capacity", dump.node, "thin_pool", said, cited(row_evidence(dump, row)), size=f"{max(data, metadata):g}", storage=name
                )


def _number(text: str) -> float:
    return float(text.replace(",", ".")) if re.fullmatch(r"\d{1,3}(?:[.,]\d{1,4})?", text, re.ASCII) else 0.0


def _holding(estate: Estate, storage: str, node: str) -> str:
    count = sum(1 for guest in estate.guests.values() if guest.node == node and any(disk.storage == storage for disk in guest.disks))
    return f"; {count} guest{'s' if count > 1 else ''} of the node {'have' if count > 1 else 'has'} disks there" if count else ""


# --- guests ------------------------------------------------------------------------------------------


def _backups(view: View, estate: Estate) -> Iterator[Interval]:
    """Guests that no backup job of PVE covers, and jobs whose storage is gone. Jobs by pool are not resolved: then nothing is claimed."""
    dump = next((each for each in view.timeline.snapshots if each.kind == "jobs_cfg"), None)
    if dump is None:
        return
    jobs = [row for row in dump.rows if row["_type"] == "vzdump" and row.get("enabled", "1") not in ("0", "no")]
    for job in jobs:
        storage = estate.storage(job.get("storage", "")) if estate.storages is not None and job.get("storage") else None
        if job.get("storage") and estate.storages is not None and (storage is None or storage.disabled):
            how = "disabled" if storage is not None else "not defined"
            said = f"backup job {job['_id']} writes to storage {job['storage']}, which is {how}"
            yield bomb("backup", "", "no_storage", said, cited(row_evidence(dump, job)), storage=job["storage"])
    if any(job.get("pool") for job in jobs):
        return
    bare = [each for each in estate.guests.values() if not each.template and not any(_covers(job, each) for job in jobs)]
    for node, guests in sorted(_by_node(bare).items()):
        said = f"no backup job covers {len(guests)} guest{'s' if len(guests) > 1 else ''} of {node}: {_named(guests)}"
        yield bomb(
            "backup", node, "none", said, (*dump.evidence[:1], *cited(*(each.evidence for each in guests))[:6]), size=str(len(guests))
        )


def _covers(job: Mapping[str, str], guest: Guest) -> bool:
    named = {key: set(re.split(r"[,;\s]+", job.get(key, ""))) for key in ("exclude", "vmid")}
    if job.get("node") and job["node"] != guest.node:
        return False
    return guest.vmid not in named["exclude"] if job.get("all", "0") not in ("0", "no") else guest.vmid in named["vmid"]


def _unwatched(estate: Estate) -> Iterator[Interval]:
    """Row 29: guests that start with their node but are not under HA, where others are: they stay down with the node."""
    if not any(each.wanted for each in estate.resources or ()):
        return
    managed = {each.sid for each in estate.resources or ()}
    left = [
        each for each in estate.guests.values() if each.sid not in managed and not each.template and each.options.get("onboot", "0") == "1"
    ]
    for node, guests in sorted(_by_node(left).items()):
        said = f"{len(guests)} guest{'s' if len(guests) > 1 else ''} of {node} {'are' if len(guests) > 1 else 'is'} not under HA, while others are: {_named(guests)}"
        yield bomb(
            "unwatched", node, "not_under_ha", said, cited(*(each.lines.get("onboot") for each in guests))[:6], size=str(len(guests))
        )


def _caches(estate: Estate) -> Iterator[Interval]:
    """Disks whose flushes QEMU throws away: a reset of the node loses what the guest believes to be on disk."""
    for guest in estate.guests.values():
        disks = [disk for disk in guest.disks if disk.options.get("cache") == "unsafe"]
        if disks:
            said = f"{', '.join(disk.key for disk in disks)} of {guest.sid} {'use' if len(disks) > 1 else 'uses'} cache=unsafe"
            yield bomb("cache", guest.node, "unsafe", said, cited(*(disk.evidence for disk in disks)), guest=guest.sid)


def _switched_off(estate: Estate) -> Iterator[Interval]:
    """Jobs of replication that are disabled: the copy is there, is trusted, and grows older."""
    for job in estate.jobs or ():
        guest = next((each for each in estate.guests.values() if each.vmid == job.vmid), None)
        if job.disabled and not job.removing:
            node, sid = (guest.node, guest.sid) if guest is not None else (job.source, "")
            said = f"replication job {job.id} of {sid or job.vmid} to {job.target} is disabled: the copy there stays as old as its last run"
            yield bomb("replication", node, job.id, said, cited(job.evidence), guest=sid)


# --- the node itself ---------------------------------------------------------------------------------


def _journals(view: View) -> Iterator[Interval]:
    """A journal in memory is gone with the boot that it would explain. A text log beside it keeps what matters."""
    texts = {each.node for each in view.timeline.sources if re.search(r"(?:^|/)var/log/(?:syslog|messages|daemon\.log)(?:\.|$)", each.path)}
    kept = {each.node for each in view.timeline.sources if "var/log/journal/" in each.path}
    told: set[str] = set()
    for dump in _dumps(view, "journald_conf"):
        word = dump.fields.get("Storage", "")
        if word in ("volatile", "none") and dump.node not in texts | told:
            told.add(dump.node)
            yield _journal(dump.node, f"journald.conf of {dump.node} sets Storage={word}", dump.evidence)
    for source in view.timeline.sources:
        if "run/log/journal/" in source.path and source.node and source.node not in texts | kept | told:
            told.add(source.node)
            line = Evidence(source.path, 1, source.node, "a journal below /run/log/journal")
            yield _journal(
                source.node, f"the journal of {source.node} lies below /run, in memory, and there is none below /var/log/journal", (line,)
            )


def _journal(node: str, said: str, lines: Sequence[Evidence]) -> Interval:
    return bomb("journal", node, "volatile", f"{said}: what a node logs before it is reset is lost with it", lines)


def _watchdogs(view: View) -> Iterator[Interval]:
    """No module is named in /etc/default/pve-ha-manager: then watchdog-mux loads softdog (pve-ha-manager:src/watchdog-mux.c)."""
    for dump in _dumps(view, "ha_defaults"):
        module = dump.fields.get("WATCHDOG_MODULE", "")
        if module in ("", "softdog"):
            how = f"names {module}" if module else "names no module"
            said = f"/etc/default/pve-ha-manager of {dump.node} {how}, so HA uses the kernel's own software timer"
            yield bomb("watchdog", dump.node, "softdog", said, dump.evidence)
