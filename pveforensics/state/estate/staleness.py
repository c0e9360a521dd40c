"""Replication jobs that do not keep up: older than their schedule allows, or failing, by the state file and `pvesr status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.model import Interval
from pveforensics.state.estate import Estate, Job, Sync
from pveforensics.state.estate.calendar_events import DAY_S, interval_of
from pveforensics.state.estate.disks import span
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.trackers.replication import cause_of
from pveforensics.state.view import View
from pveforensics.timebase import Instant

INTERVALS = 2
"""A job may be late by one run, not by more."""
GRACE_S = 600.0


def track(view: View, estate: Estate, _: Sequence[Interval]) -> Iterator[Interval]:
    """`job:<id>@<source>` stale, and failing.

    Fields: `jobid`, `guest`, `target`, `age`, `age_s`, `allowed`, `level` (late, old, never), `failures`, `error`, `cause`, `ha`.
    """
    managed = frozenset(each.sid for each in estate.resources or ())
    for job in estate.jobs or ():
        guest = next((each for each in estate.guests.values() if each.vmid == job.vmid), None)
        if job.disabled or job.removing or guest is None:
            continue
        sync = estate.sync(job.vmid, guest.node, job.target)
        if sync is not None:
            yield from _of_job(view, job, sync, guest.sid, "yes" if guest.sid in managed else "no")
    listed = {(job.vmid, job.target) for job in estate.jobs or ()}
    for sync in estate.syncs:
        if estate.jobs is None or ((sync.vmid, sync.target) not in listed and not estate.guests):
            sid = next((each.sid for each in estate.guests.values() if each.vmid == sync.vmid), "")
            yield from _failing(Job(f"{sync.vmid}-?", sync.vmid, sync.target), sync, sid, "unknown")


def _of_job(view: View, job: Job, sync: Sync, guest: str, ha: str) -> Iterator[Interval]:
    yield from _failing(job, sync, guest, ha)
    now, allowed = _now(view, sync), interval_of(job.schedule)
    if not sync.told or sync.running or now is None:
        return
    if sync.last is None:
        if sync.seen is not None and sync.failures:
            yield _stale(job, sync, guest, ha, "never", "", "")
        return
    age = now.seconds_since(sync.last)
    if allowed is None or age <= INTERVALS * allowed + (sync.duration_s or 0) + GRACE_S:
        return
    yield _stale(job, sync, guest, ha, "old" if age > DAY_S and age > INTERVALS * allowed else "late", f"{age:.0f}", span(allowed))


def _now(view: View, sync: Sync) -> Instant | None:
    """When the state was read at the latest that is known: its own last run, or the end of the logs that came with it."""
    last = view.last_sign(sync.source)
    return max((each for each in (sync.seen, last) if each is not None), key=lambda each: each.us, default=None)


def _stale(job: Job, sync: Sync, guest: str, ha: str, level: str, age_s: str, allowed: str) -> Interval:
    age = span(float(age_s)) if age_s else ""
    fields = {**_fields(job, sync, guest, ha), "level": level, "age_s": age_s, "age": age, "allowed": allowed}
    return Interval(f"job:{job.id}@{sync.source}", "stale", sync.last, None, fields, cited(sync.evidence, job.evidence))


def _failing(job: Job, sync: Sync, guest: str, ha: str) -> Iterator[Interval]:
    if sync.failures or sync.error:
        fields = {**_fields(job, sync, guest, ha), "level": "", "age_s": "", "age": "", "allowed": ""}
        yield Interval(f"job:{job.id}@{sync.source}", "failing", sync.seen, None, fields, cited(sync.evidence, job.evidence))


def _fields(job: Job, sync: Sync, guest: str, ha: str) -> dict[str, str]:
    return {
        "jobid": "" if job.id.endswith("?") else job.id,
        "guest": guest,
        "target": job.target,
        "failures": str(sync.failures),
        "error": " ".join(sync.error.split()),
        "cause": cause_of(sync.error) if sync.error else "unknown",
        "ha": ha,
    }
