"""Guests that HA moved to a node on which they cannot run: their configuration lies there now, their disks do not."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from pveforensics.model import Event, Evidence
from pveforensics.state.estate import Disk, Estate, Guest, Job, devices, disks
from pveforensics.state.estate.verdicts import worst
from pveforensics.state.view import View
from pveforensics.timebase import Instant

FAILED = ("ha_service_start_failed", "ha_service_error_state", "ha_service_in_error")
"""What HA says of a service that does not start."""


def resettled(view: View, estate: Estate) -> Estate:
    """The estate in which each guest that was moved in vain is where its disks are, with `landed` naming the node that it was moved to.

    A recovery moves the configuration and nothing else (pve-ha-manager:src/PVE/HA/Env/PVE2.pm `steal_service`). Seen from the new node
    the disks would seem to be missing on the old one, and the only good copy would pass for a forgotten one.
    """
    guests, jobs = dict(estate.guests), estate.jobs
    for sid, (at, before, after, line) in sorted(_moves(view).items()):
        guest = guests.get(sid)
        if guest is None or guest.node != after or before == after or before not in estate.nodes:
            continue
        moved = replace(guest, node=before, landed=after, landing=line)
        turned = _turned(jobs, guest.vmid, before, after)
        if _is_stranded(view, replace(estate, jobs=turned), moved, at):
            guests[sid], jobs = moved, turned
    return replace(estate, guests=guests, jobs=jobs)


def _moves(view: View) -> dict[str, tuple[Instant, str, str, Evidence | None]]:
    """The last recovery of each guest: when, from where, to where, and the line."""
    moves: dict[str, tuple[Instant, str, str, Evidence | None]] = {}
    for node in view.nodes:
        for at, event in view.dated(node, "ha_service_recovered"):
            sid, before, after = event.fields.get("sid") or "", _node(view, event, "from"), _node(view, event, "to")
            if sid and before and after and (sid not in moves or at.us > moves[sid][0].us):
                moves[sid] = (at, before, after, event.evidence[0] if event.evidence else None)
    return moves


def _node(view: View, event: Event, key: str) -> str:
    name = event.fields.get(key) or event.fields.get("node") or ""
    return view.resolve(name) if name else ""


def _turned(jobs: tuple[Job, ...] | None, vmid: str, before: str, after: str) -> tuple[Job, ...] | None:
    """The guest's jobs as they ran from its old node."""
    if jobs is None:
        return None
    return tuple(
        replace(job, target=after, source=before) if job.vmid == vmid and job.target == before and job.source == after else job
        for job in jobs
    )


def _is_stranded(view: View, estate: Estate, guest: Guest, at: Instant) -> bool:
    """True if by what is known the guest could not start where it was moved to, and nothing shows that it did."""
    found = worst((*disks.verdicts(estate, guest, guest.landed, at), *devices.verdicts(estate, guest, guest.landed)))
    if found is None or found.verdict not in ("start_fails", "wrong_data"):
        return False
    said = [event.kind for event in _said(view, guest, at)]
    if any(kind in FAILED for kind in said):
        return True
    return (
        not said and found.verdict == "start_fails" and found.sure >= SURE and not any(_exists(estate, guest, disk) for disk in guest.disks)
    )


SURE = 0.9
"""Below this a verdict only says that something may be missing: a start that failed has to bear it out."""


def _said(view: View, guest: Guest, at: Instant) -> Iterator[Event]:
    """What HA said of the guest's start on the new node after the move."""
    for when, node, event in view.once("starts under HA", lambda: _starts(view)).get(guest.sid, ()):
        started = event.kind != "ha_service_started" or (event.fields.get("state") == "started" and node == guest.landed)
        if started and when.us >= at.us:
            yield event


def _starts(view: View) -> dict[str, list[tuple[Instant, str, Event]]]:
    """By guest, what HA said of starts and errors."""
    found: dict[str, list[tuple[Instant, str, Event]]] = {}
    for node in view.nodes:
        for when, event in view.dated(node, "ha_service_started", *FAILED):
            found.setdefault(event.fields.get("sid") or "", []).append((when, node, event))
    return found


def _exists(estate: Estate, guest: Guest, disk: Disk) -> bool:
    """True if a list of the new node shows the disk there."""
    listing, dataset = estate.listings.get(guest.landed), estate.dataset(disk)
    return bool(listing is not None and dataset and listing.holds(dataset))
