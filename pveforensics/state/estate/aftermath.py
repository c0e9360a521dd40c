"""Guests that HA recovered onto a replica: how old their data was when they came back, and what the old node still holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from pveforensics.model import Evidence, Interval
from pveforensics.state.estate import Estate, Guest, Job, epoch_of
from pveforensics.state.estate.calendar_events import interval_of
from pveforensics.state.estate.disks import span
from pveforensics.state.estate.staleness import GRACE_S, INTERVALS
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

    Fields: `guest`, `vmid`, `name`, `node_before`, `node_after`, `jobid`, `age`, `age_s`, `last`, `data` (the age in words), `allowed` (what
    the schedule allows, if it is older), `disks` (the age of each where they differ), `returned` (yes if the old node came back).
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
            last = _last_run(view, estate, job, lost)
        disks = _disk_ages(estate, job, sid, after, lost)
        age = _age(view, estate, job, sid, lost, after) if lost is not None else None
        returned = any(
            boot.node == before and boot.start is not None and lost is not None and boot.start.us > lost.us for boot in view.boots
        )
        fields = {
            "guest": sid,
            "vmid": job.vmid,
            "name": estate.guests[sid].name if sid in estate.guests else "",
            "node_before": before,
            "node_after": after,
            "jobid": job.id,
            "age": span(age) if age is not None else "",
            "age_s": f"{age:.0f}" if age is not None else "",
            "last": last.iso() if last is not None else "",
            "data": f"data {span(age)} old" if age is not None else "data of unknown age",
            "allowed": _allowed(job, age),
            "disks": ", ".join(f"{key} {span(old)}" for key, old in disks.items()) if len(set(disks.values())) > 1 else "",
            "returned": "yes" if returned else "no",
        }
        sync = _sync_line(estate, job)
        yield Interval(f"guest:{sid}@{after}", "restored", down.end, None, fields, (*cited(sync, job.evidence), *down.evidence))


def _allowed(job: Job, age: float | None) -> str:
    """The longest time between two runs of the job, if the copy was older than that explains."""
    allowed = interval_of(job.schedule)
    return span(allowed) if allowed is not None and age is not None and age > INTERVALS * allowed + GRACE_S else ""


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
    if job is not None and lost is not None:
        age = _age(view, estate, job, sid, lost, after)
        more |= {"data_age_s": f"{age:.0f}"} if age is not None else {}
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


def _age(view: View, estate: Estate, job: Job, sid: str, lost: Instant, node: str) -> float | None:
    """How old the data was in seconds: of the oldest disk where the copies tell, else by the last run that is known."""
    disks, last = _disk_ages(estate, job, sid, node, lost), _last_run(view, estate, job, lost)
    return max(disks.values()) if disks else lost.seconds_since(last) if last is not None else None


def _disk_ages(estate: Estate, job: Job, sid: str, node: str, lost: Instant | None) -> dict[str, float]:
    """How old each disk was in seconds, by the newest snapshot from before the loss that its copy on the new node has."""
    guest, listing = estate.guests.get(sid), estate.listings.get(node)
    ages: dict[str, float] = {}
    for disk in guest.disks if guest is not None and listing is not None and lost is not None else ():
        snaps = listing.snapshots.get(estate.dataset(disk), ()) if listing is not None else ()
        runs = [Instant(said[1] * SECOND, SECOND) for each in snaps if (said := epoch_of(each.name)) is not None and said[0] == job.id]
        last = _before(runs, lost)
        if last is not None and lost is not None:
            ages[disk.key] = lost.seconds_since(last)
    return ages


def _before(runs: Iterable[Instant], lost: Instant | None) -> Instant | None:
    """The last run that began before the loss and not long before it."""
    before = [run for run in runs if lost is not None and run.us <= lost.us and lost.seconds_since(run) <= OLDEST_S]
    return max(before, key=lambda run: run.us, default=None)


def _last_run(view: View, estate: Estate, job: Job, lost: Instant) -> Instant | None:
    """The last run before the loss: as the state tells, as names of snapshots on any node, or as the log of a run that ended well."""
    runs = [
        sync.last for sync in estate.syncs if sync.vmid == job.vmid and sync.target in (job.target, job.source) and sync.last is not None
    ]
    for listing in estate.listings.values():
        for snaps in listing.snapshots.values():
            runs += [Instant(said[1] * SECOND, SECOND) for each in snaps if (said := epoch_of(each.name)) is not None and said[0] == job.id]
    return _before((*runs, *_logged(view, job.id)), lost)


def _logged(view: View, jobid: str) -> Iterator[Instant]:
    """Runs of a job whose own log tells their beginning and their good end."""
    for node in view.nodes:
        begun: dict[str, int] = {}
        for event in view.events_of(node, "replication.snapshot_create", "replication.run_ok"):
            path = event.evidence[0].path if event.evidence else ""
            if event.fields.get("jobid") == jobid and path and (event.fields.get("epoch") or "").isdigit():
                begun[path] = int(event.fields["epoch"])
            elif event.fields.get("jobid") == jobid and path in begun:
                yield Instant(begun[path] * SECOND, SECOND)


def _sync_line(estate: Estate, job: Job) -> Evidence | None:
    return next((sync.evidence for sync in estate.syncs if sync.vmid == job.vmid and sync.last is not None), None)
