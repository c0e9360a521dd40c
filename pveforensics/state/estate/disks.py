"""Rows 1 to 15 and 30 of the decision table: the disks of a guest on a node that HA may choose."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from pveforensics.model import Evidence
from pveforensics.state.estate import Disk, Estate, Guest, Job, Storage, epoch_of
from pveforensics.state.estate.verdicts import Verdict, cited
from pveforensics.timebase import SECOND, Instant

NEEDED = frozenset({"disk", "efi", "tpm", "rootfs", "mount"})
"""Kinds of disks without which a guest does not start."""

FAILING_FOR_LONG = 3
"""Failures in a row after which a copy is no longer trusted to be fresh."""

_COPY = "a replication job to each node that HA may choose, or a strict rule (group: restricted) that names only nodes with a copy"


def verdicts(estate: Estate, guest: Guest, node: str, now: Instant | None) -> Iterator[Verdict]:
    """A verdict for each disk and drive of the guest on the node; `now` is when the copies' age is counted."""
    for disk in guest.disks:
        if disk.kind in NEEDED and disk.storage:
            yield _on_storage(estate, guest, disk, node, now)
        elif disk.kind == "cdrom" and disk.storage:
            yield _drive(estate, disk, node)
        elif disk.kind == "cloudinit" and disk.storage:
            yield _cloudinit(estate, disk, node)
        elif disk.kind == "vmstate" and guest.lock == "suspended":
            yield _hibernated(estate, guest, disk, node, now)


# --- storage in general ----------------------------------------------------------------------


def _usable(estate: Estate, disk: Disk, node: str) -> Storage | Verdict:
    """The storage of a disk, or why it cannot be used on the node or judged."""
    if estate.storages is None:
        return Verdict(
            0,
            "unknown",
            f"storage.cfg is not in the bundle, so it is not known what {disk.storage} is",
            subject=disk.key,
            storage=disk.storage,
        )
    storage = estate.storage(disk.storage)
    if storage is None or storage.disabled:
        told = "is disabled" if storage is not None else "is not defined"
        fix = "define the storage, or enable it, in storage.cfg"
        lines = cited(disk.evidence, storage.evidence if storage is not None else None)
        return Verdict(13, "start_fails", f"storage {disk.storage} of {disk.key} {told}", fix, lines, disk.key, disk.storage)
    if not storage.on(node):
        row = 2 if storage.shared else 7 if storage.type == "zfspool" else 9
        fix = f"add {node} to the nodes of storage {storage.id}, or keep HA to the nodes that have it by a strict rule (group: restricted)"
        why = f"storage {storage.id} of {disk.key} is limited to {', '.join(sorted(storage.nodes or ()))}"
        return Verdict(row, "start_fails", why, fix, cited(disk.evidence, storage.evidence), disk.key, disk.storage)
    return storage


def _on_storage(estate: Estate, guest: Guest, disk: Disk, node: str, now: Instant | None) -> Verdict:
    storage = _usable(estate, disk, node)
    if isinstance(storage, Verdict):
        return storage
    if storage.shared:
        return _shared(estate, guest, disk, storage, node)
    if storage.type == "zfspool":
        return _zfs(estate, guest, disk, storage, node, now)
    if storage.type in ("dir", "btrfs", "lvm", "lvmthin"):
        return _local(estate, guest, disk, storage, node)
    why = f"whether storage {storage.id} of type {storage.type} is the same on all nodes is not known"
    return Verdict(0, "unknown", why, evidence=cited(storage.evidence), subject=disk.key, storage=storage.id)


def _shared(estate: Estate, guest: Guest, disk: Disk, storage: Storage, node: str) -> Verdict:
    status, total, line = estate.status.get(node, {}).get(storage.id, ("", "", None))
    if status == "inactive":
        why = f"storage {storage.id} of {disk.key} was not active on {node} when its status was taken"
        return Verdict(
            3,
            "start_fails",
            why,
            f"repair the way from {node} to {storage.id}",
            cited(line, disk.evidence),
            disk.key,
            storage.id,
            bad=False,
        )
    home = estate.status.get(guest.node, {}).get(storage.id, ("", "", None))
    if storage.type == "dir" and status == home[0] == "active" and total != home[1] and total.isdigit() and home[1].isdigit():
        why = f"storage {storage.id} is said to be shared, but has another size on {node} than on {guest.node}: it is not the same"
        fix = "remove `shared 1` from the storage, or mount the same file system on both nodes"
        return Verdict(11, "start_fails", why, fix, cited(storage.evidence, line, home[2], disk.evidence), disk.key, storage.id, sure=0.8)
    return Verdict(
        1, "ok", f"{disk.key} lies on shared storage {storage.id}", evidence=cited(storage.evidence), subject=disk.key, storage=storage.id
    )


def _local(estate: Estate, guest: Guest, disk: Disk, storage: Storage, node: str) -> Verdict:
    """A volume that cannot be replicated: absent on the node, or a leftover of the same name."""
    group = storage.options.get("vgname", "")
    if storage.type == "lvm" and estate.same_group(group, guest.node, node):
        why = f"{guest.node} and {node} list the very same volumes in {group}: it may be one LUN that both see, though {storage.id} is not set to shared"
        return Verdict(0, "unknown", why, evidence=cited(storage.evidence, disk.evidence), subject=disk.key, storage=storage.id)
    there = estate.volumes.get(node, {}).get((group, disk.name)) if group else None
    if there is not None:
        why = f"{node} has another volume named {disk.name} on its own {storage.id}: it would be started with the data of that one"
        fix = f"look at both volumes; save and remove the one on {node} that is not the guest's"
        return Verdict(10, "wrong_data", why, fix, cited(there, disk.evidence, storage.evidence), disk.key, storage.id)
    fix = f"move {disk.key} to shared storage or to a ZFS pool with a replication job, or take the guest out of HA"
    why = f"{disk.key} lies on {storage.id} ({storage.type}), which each node has for itself and which is not replicated"
    return Verdict(9, "start_fails", why, fix, cited(disk.evidence, storage.evidence), disk.key, storage.id)


# --- zfs with replication --------------------------------------------------------------------


def _zfs(estate: Estate, guest: Guest, disk: Disk, storage: Storage, node: str, now: Instant | None) -> Verdict:
    lines = (disk.evidence, storage.evidence)
    if estate.jobs is None:
        why = "replication.cfg is not in the bundle, so it is not known whether the disk is replicated"
        return Verdict(0, "unknown", why, evidence=cited(*lines), subject=disk.key, storage=storage.id)
    jobs = estate.jobs_of(guest.vmid)
    job = next((job for job in jobs if job.target == node and not job.removing), None)
    listing = estate.listings.get(node)
    dataset = estate.dataset(disk)
    there = listing.holds(dataset) if listing is not None and dataset else None
    copy = listing.evidence.get(dataset) if listing is not None else None
    if there and (job is None or not disk.replicated):
        why = f"{node} has a dataset {dataset} that no replication job keeps: HA would start the guest from it, however old or foreign it is, without any error"
        fix = f"compare and save, then remove or rename {dataset} on {node}; then create a replication job or a strict rule"
        return Verdict(8, "wrong_data", why, fix, cited(copy, *lines), disk.key, storage.id)
    if job is not None and not disk.replicated:
        fix = f"replicate {disk.key} too, or take it off the guest"
        return Verdict(
            12,
            "start_fails",
            f"{disk.key} is excluded from replication (replicate=0)",
            fix,
            cited(disk.evidence, job.evidence),
            disk.key,
            storage.id,
        )
    status, _, line = estate.status.get(node, {}).get(storage.id, ("", "", None))
    if job is not None and status == "inactive":
        why = f"job {job.id} is set up, but storage {storage.id} was not active on {node} when its status was taken"
        return Verdict(
            5,
            "start_fails",
            why,
            f"make the pool of {storage.id} available on {node}",
            cited(line, disk.evidence, job.evidence),
            disk.key,
            storage.id,
        )
    if job is not None:
        return _replicated(estate, guest, disk, job, node, now, there)
    known = "" if there is False else f"; whether an old copy lies on {node}, `zfs list` of {node} would show"
    if jobs:
        targets = ", ".join(sorted({each.target for each in jobs}))
        why = f"{disk.key} is replicated to {targets}, not to {node}{known}"
        return Verdict(6, "start_fails", why, _COPY, cited(*lines, *(each.evidence for each in jobs)), disk.key, storage.id)
    why = f"{disk.key} lies on the pool of {guest.node} and no job replicates it to {node}{known}"
    return Verdict(7, "start_fails", why, _COPY, cited(*lines), disk.key, storage.id)


def _replicated(estate: Estate, guest: Guest, disk: Disk, job: Job, node: str, now: Instant | None, there: bool | None) -> Verdict:
    """A disk that a job replicates to the node: fresh, old, or missing in spite of it."""
    sync, (last, copy) = estate.sync(guest.vmid, guest.node, node), _last(estate, guest, disk, job, node)
    lines = cited(disk.evidence, job.evidence, sync.evidence if sync else None, copy)
    fix = f"make job {job.id} work (`pvesr status`, /var/log/pve/replicate/{job.id}) before HA may choose {node}"
    if sync is not None and sync.told and sync.last is None and there is not True:
        return Verdict(5, "start_fails", f"job {job.id} to {node} never finished a run", fix, lines, disk.key, disk.storage, "catastrophic")
    if there is False:
        why = f"job {job.id} is set up, but {node} has no dataset {estate.dataset(disk)}"
        return Verdict(5, "start_fails", why, fix, lines, disk.key, disk.storage)
    age = now.seconds_since(last) if last is not None and now is not None and now.us >= last.us else None
    told = f", {span(age)} before" if age is not None else ""
    since = f"of the last run{told}" if last is not None else "of the last run, which nothing in the bundle dates"
    if job.disabled or (sync is not None and sync.failures > FAILING_FOR_LONG):
        how = "is disabled" if job.disabled else f"has failed {sync.failures if sync else 0} times in a row"
        why = f"job {job.id} to {node} {how}: {disk.key} would start with the data {since}"
        return Verdict(5, "stale", why, fix, lines, disk.key, disk.storage, "high", age)
    if last is None and not there:
        why = f"job {job.id} replicates {disk.key} to {node}; whether it ever ran is not in the bundle"
        return Verdict(4, "unknown", why, evidence=lines, subject=disk.key, storage=disk.storage, bad=False)
    why = f"{disk.key} would start with the data {since}"
    return Verdict(4, "stale", why, "a shorter schedule, or shared storage", lines, disk.key, disk.storage, "medium", age, bad=False)


def _last(estate: Estate, guest: Guest, disk: Disk, job: Job, node: str) -> tuple[Instant | None, Evidence | None]:
    """Of which run the disk's copy on the node is: its own newest snapshot there, unless a later run is recorded than the list can know of."""
    sync, listing = estate.sync(guest.vmid, guest.node, node), estate.listings.get(node)
    recorded = sync.last if sync is not None else None
    snaps = listing.snapshots.get(estate.dataset(disk), ()) if listing is not None else ()
    runs = [(said[1], each.evidence) for each in snaps if (said := epoch_of(each.name)) is not None and said[0] == job.id]
    epoch, line = max(runs, key=lambda run: run[0], default=(0, None))
    if not epoch or listing is None:
        return recorded, None
    newer = recorded is not None and recorded.us > epoch * SECOND and listing.latest * SECOND < recorded.us
    return (recorded, None) if newer else (Instant(epoch * SECOND, SECOND), line)


def span(seconds: float) -> str:
    """A length of time as a reader says it: `14 min 20 s`, `2 d 3 h`."""
    whole = datetime.timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.seconds, 3600)
    parts = ((whole.days, "d"), (hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    words = [f"{value} {unit}" for value, unit in parts if value]
    return " ".join(words[:2]) or "0 s"


# --- drives and hibernation ------------------------------------------------------------------


def _drive(estate: Estate, disk: Disk, node: str) -> Verdict:
    """An image in the drive: on local storage it must have been put on each node by hand."""
    storage = _usable(estate, disk, node)
    if isinstance(storage, Verdict):
        return storage
    if storage.shared or disk.shared:
        return Verdict(
            1,
            "ok",
            f"the image of {disk.key} lies on shared storage",
            evidence=cited(storage.evidence),
            subject=disk.key,
            storage=storage.id,
        )
    why = f"the image {disk.storage}:{disk.volume} in {disk.key} lies on local storage: a guest does not start where the file is missing"
    fix = f"eject it: `qm set <vmid> --{disk.key} none,media=cdrom`"
    return Verdict(14, "start_fails", why, fix, cited(disk.evidence, storage.evidence), disk.key, storage.id, sure=0.7)


def _cloudinit(estate: Estate, disk: Disk, node: str) -> Verdict:
    storage = _usable(estate, disk, node)
    if isinstance(storage, Verdict):
        return storage
    return Verdict(
        15, "ok", "the cloud-init image is made anew at each start", evidence=cited(disk.evidence), subject=disk.key, storage=storage.id
    )


def _hibernated(estate: Estate, guest: Guest, disk: Disk, node: str, now: Instant | None) -> Verdict:
    """A guest suspended to disk: without the state's volume it cannot be resumed, and recovery has removed the lock."""
    found = _on_storage(estate, guest, disk, node, now)
    if found.verdict not in ("start_fails", "wrong_data"):
        return found
    why = f"{guest.sid} is suspended to disk and its memory lies on {disk.storage} of {guest.node}: it cannot be resumed on {node}"
    fix = "resume the guest, or accept that it starts afresh"
    return Verdict(30, "start_fails", why, fix, cited(disk.evidence, guest.lines.get("lock")), disk.key, disk.storage, "medium")
