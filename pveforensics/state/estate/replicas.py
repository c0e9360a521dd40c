"""Whether a replica still belongs to its source: snapshots of both nodes laid side by side (pve-guest-common:src/PVE/Replication.pm, pve-storage).

Two lists are never made at the same moment, and a job keeps one snapshot only. So a snapshot that one list lacks proves nothing
unless that list was made long enough after the snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.model import Evidence, Interval
from pveforensics.state.estate import Disk, Estate, Guest, HaResource, Job, Listing, Snap, epoch_of
from pveforensics.state.estate.affinity import candidates
from pveforensics.state.estate.disks import span
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

SLACK_S = 900
"""A run is over and its snapshots are where they belong this long after its beginning; a longer run shows as not told."""

_SIZE = regex(r"(?P<number>\d{1,15}(?:\.\d{1,4})?)(?P<unit>[KMGTP]?)B?", re.ASCII)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}
_MOUNTED = 1 << 20
"""Bytes; a container's replica is mounted on its node, and looking at it writes a little."""


class Pair(NamedTuple):
    """One volume of a guest on its own node and on a job's target, with the snapshots of both and when the lists were made at the earliest."""

    guest: Guest
    disk: Disk
    job: Job
    dataset: str
    home: Mapping[str, Snap]
    away: Mapping[str, Snap]
    home_at: int
    away_at: int
    listing: Listing


def track(view: View, estate: Estate, _: Sequence[Interval]) -> Iterator[Interval]:
    """`volume:<name>@<target>` diverged, and orphan for copies that no job keeps.

    Fields: `guest`, `jobid`, `volume`, `source`, `target`, `rule` (a to l), `told` (yes, unknown), `said`, `why`, `last`, `ha`.
    """
    wanted = {each.sid: each for each in estate.resources or () if each.wanted}
    for guest in estate.guests.values():
        chosen = _candidates(estate, guest, wanted.get(guest.sid))
        for target in estate.nodes:
            if target != guest.node:
                yield from _of_target(view, estate, guest, target, "yes" if target in chosen else "no")
                yield from _leftovers(estate, guest, target, "yes" if target in chosen else "no")


def _candidates(estate: Estate, guest: Guest, resource: HaResource | None) -> frozenset[str]:
    """The nodes on which HA may start the guest; none if it is not under HA."""
    return frozenset(each.node for each in candidates(estate, resource, guest.node)) if resource is not None else frozenset()


def _of_target(view: View, estate: Estate, guest: Guest, target: str, ha: str) -> Iterator[Interval]:
    listing, home = estate.listings.get(target), estate.listings.get(guest.node)
    jobs = [job for job in estate.jobs_of(guest.vmid) if job.target == target and not job.removing]
    if listing is None:
        return
    if not jobs:
        if estate.jobs is not None:
            yield from _orphans(estate, guest, target, listing, ha)
        return
    pairs = []
    for disk in guest.disks:
        dataset = estate.dataset(disk)
        if dataset and disk.replicated and disk.kind not in ("cdrom", "cloudinit") and listing.holds(dataset):
            ours = home.snapshots.get(dataset, ()) if home is not None else ()
            theirs = listing.snapshots.get(dataset, ())
            moments = (_made(view, guest.node, home), _made(view, target, listing))
            pairs.append(
                Pair(
                    guest,
                    disk,
                    jobs[0],
                    dataset,
                    {each.name: each for each in ours},
                    {each.name: each for each in theirs},
                    *moments,
                    listing,
                )
            )
    if listing.snapshots:
        yield from (_interval(pair, ha, *told) for pair in pairs if home is not None and home.snapshots for told in _beside(estate, pair))
        yield from (_interval(pair, ha, *told) for pair, told in _apart(pairs))
    yield from (_interval(pair, ha, *told) for pair in pairs for told in _written(pair))


def _made(view: View, node: str, listing: Listing | None) -> int:
    """Epoch seconds before which the list cannot have been made, or was not, if it came with the node's logs."""
    last = view.last_sign(node)
    return max(listing.latest if listing is not None else 0, last.us // SECOND if last is not None else 0)


# --- rules a to g, l: two lists side by side ------------------------------------------------------

Said = tuple[str, str, str, tuple[Evidence, ...]]
"""Rule, `yes` or `unknown`, what is said, and the lines."""


def _beside(estate: Estate, pair: Pair) -> Iterator[Said]:
    common = [(pair.home[name], pair.away[name]) for name in pair.home if name in pair.away]
    ours, theirs = _newest(pair.home.values(), pair.job.id), _newest(pair.away.values(), pair.job.id)
    if theirs and theirs > (ours or 0) and not any(epoch_of(name) == (pair.job.id, theirs) for name in pair.home):
        yield from _newer_away(pair, ours, theirs)
        return
    if common:
        yield from _same_names(pair, common)
    else:
        yield from _nothing_common(estate, pair, ours, theirs)
        return
    yield from _beside_state(estate, pair, theirs or 0)


def _beside_state(estate: Estate, pair: Pair, theirs: int) -> Iterator[Said]:
    """Rules f and g: the copy is older, or newer, than the run that the source has recorded last."""
    sync = estate.sync(pair.guest.vmid, pair.guest.node, pair.job.target)
    last = sync.last.us // SECOND if sync is not None and sync.last is not None else 0
    if sync is None or not last or not theirs:
        return
    lines = cited(sync.evidence, _line(pair.away, theirs))
    if last > theirs + 1 and pair.away_at >= last + SLACK_S:
        said = f"a run of {_utc(last)} was recorded on {pair.guest.node}, but the copy on {pair.job.target} is of {_utc(theirs)}: it was rolled back or never arrived"
        yield "f", "yes", said, lines
    elif theirs > last + 1 and not sync.running and sync.seen is not None and sync.seen.us // SECOND >= theirs + SLACK_S:
        said = f"the copy on {pair.job.target} is of {_utc(theirs)}, newer than the last run that {pair.guest.node} has recorded ({_utc(last)}): a run was cut after its transfer"
        yield "g", "yes", said, lines


def _newer_away(pair: Pair, ours: int | None, theirs: int) -> Iterator[Said]:
    """Rule l: the node that does not run the guest has the newer data."""
    lines = cited(_line(pair.away, theirs), _line(pair.home, ours))
    older = f"of {_utc(ours)}" if ours else "without any snapshot of the job"
    said = f"{pair.job.target} has the volume as of {_utc(theirs)}, while {pair.guest.node}, where the guest is, has it {older}: {pair.job.target} holds data that the running guest lacks"
    yield ("l", "yes", said, lines) if pair.home_at >= theirs + SLACK_S else ("l", "unknown", said, lines)


def _same_names(pair: Pair, common: Sequence[tuple[Snap, Snap]]) -> Iterator[Said]:
    """Rules b and c: snapshots of one name that are not the same; d: the target has a younger one of its own."""
    with_guid = [(one, two) for one, two in common if one.guid and two.guid]
    dated = [(one, two) for one, two in common if one.creation and two.creation]
    lines = cited(*(line for one, two in common[:3] for line in (one.evidence, two.evidence)))
    if with_guid and all(one.guid != two.guid for one, two in with_guid) and len(with_guid) == len(common):
        yield (
            "b",
            "yes",
            f"the snapshots of {pair.dataset} on {pair.guest.node} and {pair.job.target} have the same names, but other GUIDs: two histories",
            lines,
        )
    elif not with_guid and dated and len(dated) == len(common) and all(one.creation != two.creation for one, two in dated):
        yield (
            "c",
            "yes",
            f"the snapshots of {pair.dataset} on {pair.guest.node} and {pair.job.target} have the same names, but were made at other times",
            lines,
        )
    else:
        base = max((two.creation or 0 for _, two in common), default=0)
        own = [
            each
            for each in pair.away.values()
            if each.name not in pair.home and epoch_of(each.name) is None and base and (each.creation or 0) > base
        ]
        if own and pair.home_at >= (own[0].creation or 0) + SLACK_S:
            said = f"{pair.job.target} has a snapshot of its own, {own[0].name}, younger than the last common one: the next run is refused or destroys it"
            yield "d", "yes", said, cited(own[0].evidence)


def _nothing_common(estate: Estate, pair: Pair, ours: int | None, theirs: int | None) -> Iterator[Said]:
    """Rule a: no common snapshot, told only where neither list can simply be older than the last run."""
    sync = estate.sync(pair.guest.vmid, pair.guest.node, pair.job.target)
    if sync is not None and sync.told and sync.last is None:
        return  # the first run has not succeeded yet: there is nothing to share
    sure = (
        (not ours or pair.away_at >= ours + SLACK_S)
        and (not theirs or pair.home_at >= theirs + SLACK_S)
        and not (sync is not None and sync.running)
    )
    lines = cited(_line(pair.home, ours), _line(pair.away, theirs), pair.listing.evidence.get(pair.dataset))
    said = f"{pair.guest.node} and {pair.job.target} share no snapshot of {pair.dataset}: no further run can succeed"
    yield "a", "yes" if sure else "unknown", said, lines


# --- rules e, k, h --------------------------------------------------------------------------------


def _apart(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, Said]]:
    """Rule e: volumes of one guest that were copied in different runs."""
    newest = [(epoch, pair) for pair in pairs if (epoch := _newest(pair.away.values(), pair.job.id))]
    if len({epoch for epoch, _ in newest}) < 2:
        return
    (first, old), (last, young) = min(newest, key=lambda each: each[0]), max(newest, key=lambda each: each[0])
    said = f"on {old.job.target} {old.disk.key} is of {_utc(first)} and {young.disk.key} of {_utc(last)}: a run was cut between them, and the disks do not belong together"
    told = "yes" if young.away_at >= last + SLACK_S else "unknown"
    yield old, ("e", told, said, cited(_line(old.away, first), _line(young.away, last)))


def _written(pair: Pair) -> Iterator[Said]:
    """Rule k: somebody wrote to the copy since its last snapshot."""
    row = pair.listing.datasets.get(pair.dataset, {})
    size = _bytes(row.get("written", ""))
    if size > (_MOUNTED if pair.disk.name.startswith(("subvol", "basevol")) else 0):
        said = f"{row['written']} were written to the copy of {pair.dataset} on {pair.job.target} since its last snapshot: the guest was started there, or the copy was changed"
        yield "k", "yes", said, cited(pair.listing.evidence.get(pair.dataset))


def _orphans(estate: Estate, guest: Guest, target: str, listing: Listing, ha: str) -> Iterator[Interval]:
    """Rule h: a copy that no job keeps. Copies of pve-zsync are kept on purpose; what the guest's own node lacks is the only copy."""
    home = estate.listings.get(guest.node)
    for disk in guest.disks:
        dataset = estate.dataset(disk)
        if not dataset or not listing.holds(dataset) or any(each.name.startswith("rep_") for each in listing.snapshots.get(dataset, ())):
            continue
        if home is None or home.holds(dataset) is not False:
            yield _orphan(guest, disk, target, dataset, ha, cited(listing.evidence.get(dataset), disk.evidence))


def _leftovers(estate: Estate, guest: Guest, target: str, ha: str) -> Iterator[Interval]:
    """The same on LVM, which no job can replicate. Groups that both nodes list alike may be one LUN."""
    for disk in guest.disks:
        storage = estate.storage(disk.storage)
        group = (
            storage.options.get("vgname", "") if storage is not None and not storage.shared and storage.type in ("lvm", "lvmthin") else ""
        )
        there = estate.volumes.get(target, {}).get((group, disk.name)) if group else None
        here = estate.volumes.get(guest.node)
        if there is not None and here is not None and (group, disk.name) in here and not estate.same_group(group, guest.node, target):
            yield _orphan(guest, disk, target, f"{group}/{disk.name}", ha, cited(there, disk.evidence))


def _orphan(guest: Guest, disk: Disk, target: str, volume: str, ha: str, lines: tuple[Evidence, ...]) -> Interval:
    said = f"{target} has a volume {volume} of the name of {disk.key} of {guest.sid}, which is on {guest.node}, and no job keeps it"
    fields = {
        "guest": guest.sid, "jobid": "", "volume": volume, "source": guest.node, "target": target,
        "rule": "h", "told": "yes", "said": said, "why": "", "last": "", "ha": ha,
    }  # fmt: skip
    return Interval(f"volume:{volume}@{target}", "orphan", None, None, fields, lines)


# --- small things ---------------------------------------------------------------------------------


def _newest(snaps: Iterable[Snap], job: str) -> int | None:
    epochs = [said[1] for each in snaps if (said := epoch_of(each.name)) is not None and said[0] == job]
    return max(epochs, default=None)


def _line(snaps: Mapping[str, Snap], epoch: int | None) -> Evidence | None:
    return next((each.evidence for each in snaps.values() if (said := epoch_of(each.name)) is not None and said[1] == epoch), None)


def _utc(epoch: int | None) -> str:
    return f"{Instant((epoch or 0) * SECOND).as_datetime():%Y-%m-%d %H:%M:%S} UTC"


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text)
    return int(float(found["number"]) * _UNITS[found["unit"]]) if found else 0


def _interval(pair: Pair, ha: str, rule: str, told: str, said: str, lines: tuple[Evidence, ...]) -> Interval:
    newest = _newest(pair.away.values(), pair.job.id)
    why = "" if told == "yes" else "the two lists of snapshots may have been made at different times, or during a run"
    age = span(pair.away_at - newest) if newest and pair.away_at > newest else ""
    fields = {
        "guest": pair.guest.sid, "jobid": pair.job.id, "volume": pair.dataset, "source": pair.guest.node, "target": pair.job.target,
        "rule": rule, "told": told, "said": said, "why": why, "last": _utc(newest) if newest else "", "age": age, "ha": ha,
    }  # fmt: skip
    return Interval(f"volume:{pair.dataset}@{pair.job.target}", "diverged", None, None, fields, lines)
