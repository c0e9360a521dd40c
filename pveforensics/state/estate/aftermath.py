"""Guests that HA recovered onto a replica: how old their data was when they came back, and what the old node still holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pveforensics.model import Evidence, Interval
from pveforensics.state.estate import Estate, Guest, Job, epoch_of
from pveforensics.state.estate.disks import span
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

OLDEST_S = 90 * 86_400.0
"""A last run older than that is not the one that the recovered guest started from, but a leftover of another time."""


def with_ages(view: View, estate: Estate, intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    """The intervals, those of guests that were down with name and, where replicas were used, the age of the data in seconds."""
    return tuple(_told(view, estate, intervals, each) if _is_down(each) else each for each in intervals)


def track(view: View, estate: Estate, intervals: Sequence[Interval]) -> Iterator[Interval]:
    """`guest:<sid>@<new node>` restored: it came back on a replica.

    Fields: `guest`, `vmid`, `node_before`, `node_after`, `jobid`, `age`, `age_s`, `last`, `returned` (yes if the old node came back).
    """
    for down in intervals:
        if not _is_down(down):
            continue
        sid, before, after = _sid(down), down.fields.get("node_before", ""), down.fields.get("node_after", "")
        job = _job(estate, sid, before, after)
        if job is None:
            continue
        lost, last = _lost(view, intervals, down, before), None
        if lost is not None:
            last = _last_run(estate, job, lost)
        age = lost.seconds_since(last) if lost is not None and last is not None else None
        returned = any(
            boot.node == before and boot.start is not None and lost is not None and boot.start.us > lost.us for boot in view.boots
        )
        fields = {
            "guest": sid,
            "vmid": job.vmid,
            "node_before": before,
            "node_after": after,
            "jobid": job.id,
            "age": span(age) if age is not None else "",
            "age_s": f"{age:.0f}" if age is not None else "",
            "last": last.iso() if last is not None else "",
            "returned": "yes" if returned else "no",
        }
        sync = _sync_line(estate, job)
        yield Interval(f"guest:{sid}@{after}", "restored", down.end, None, fields, (*cited(sync, job.evidence), *down.evidence))


def _is_down(each: Interval) -> bool:
    return each.subject.startswith("guest:") and each.state == "down"


def _sid(down: Interval) -> str:
    return down.subject.removeprefix("guest:").partition("@")[0]


def _told(view: View, estate: Estate, intervals: Sequence[Interval], down: Interval) -> Interval:
    sid, before, after = _sid(down), down.fields.get("node_before", ""), down.fields.get("node_after", "")
    guest = estate.guests.get(sid)
    more = {"name": guest.name} if guest is not None and guest.name and not down.fields.get("name") else {}
    job = _job(estate, sid, before, after)
    lost = _lost(view, intervals, down, before) if job is not None else None
    last = _last_run(estate, job, lost) if job is not None and lost is not None else None
    if lost is not None and last is not None:
        more["data_age_s"] = f"{lost.seconds_since(last):.0f}"
    return replace(down, fields={**down.fields, **more}) if more else down


def _job(estate: Estate, sid: str, before: str, after: str) -> Job | None:
    """The job that copied the guest between the two nodes, in whichever direction it stands now: a recovery turns it round."""
    vmid = sid.partition(":")[2]
    if not before or not after or before == after or not vmid or _is_shared(estate, estate.guests.get(sid)):
        return None
    for job in estate.jobs_of(vmid):
        if {job.target, job.source or job.target} <= {before, after} and job.target in (before, after):
            return job
    if estate.jobs is None and any(sync.vmid == vmid and sync.target == after for sync in estate.syncs):
        return Job("", vmid, after, before)
    return None


def _is_shared(estate: Estate, guest: Guest | None) -> bool:
    """True if all disks of the guest are known to lie on shared storage."""
    if guest is None or estate.storages is None:
        return False
    found = [estate.storage(disk.storage) for disk in guest.disks if disk.storage and disk.kind not in ("cdrom", "cloudinit", "unused")]
    return bool(found) and all(storage is not None and storage.shared for storage in found)


def _lost(view: View, intervals: Sequence[Interval], down: Interval, node: str) -> Instant | None:
    """When the guest wrote last on its old node: the end of that node's boot, else when its peers lost it, else the CRM's word."""
    start = down.start
    if start is None:
        return None
    ends = [
        boot.end
        for boot in view.boots_of(node)
        if boot.end is not None and boot.manner != "open" and start.us - 600 * SECOND <= boot.end.us <= start.us
    ]
    if ends:
        return max(ends, key=lambda end: end.us)
    seen = [
        each.start
        for each in intervals
        if each.subject == f"node:{node}"
        and each.state in ("unreachable", "fence_claimed")
        and each.start is not None
        and start.us - 600 * SECOND <= each.start.us <= start.us
    ]
    seen += [
        at
        for master in view.nodes
        for at, event in view.dated(master, "crm_node_state_changed")
        if event.fields.get("node") == node and event.fields.get("to") == "unknown" and start.us - 600 * SECOND <= at.us <= start.us
    ]
    return min(seen, key=lambda each: each.us, default=start)


def _last_run(estate: Estate, job: Job, lost: Instant) -> Instant | None:
    """The last run before the loss: as the state tells, or as names of snapshots on any node."""
    runs = [
        sync.last for sync in estate.syncs if sync.vmid == job.vmid and sync.target in (job.target, job.source) and sync.last is not None
    ]
    for listing in estate.listings.values():
        for snaps in listing.snapshots.values():
            runs += [Instant(said[1] * SECOND, SECOND) for each in snaps if (said := epoch_of(each.name)) is not None and said[0] == job.id]
    before = [run for run in runs if run.us <= lost.us and lost.seconds_since(run) <= OLDEST_S]
    return max(before, key=lambda run: run.us, default=None)


def _sync_line(estate: Estate, job: Job) -> Evidence | None:
    return next((sync.evidence for sync in estate.syncs if sync.vmid == job.vmid and sync.last is not None), None)
