"""Which guests stand behind a failure: those with disks on a storage that failed, and the one of a replication job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pveforensics.model import Interval
from pveforensics.state.estate import Estate, Guest

MOST = 40
"""Guests that an interval names."""

USED = frozenset({"disk", "efi", "tpm", "rootfs", "mount", "vmstate"})
"""Kinds of disks without which a guest stops; a drive with an image is none."""


def with_guests(estate: Estate, intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    """The intervals with what the configuration adds.

    Those of storages get `guests` (by id, for rules), `lying` (in words) and a `holds` that goes by the disks there; those of jobs `sid`.
    """
    if not estate.guests:
        return tuple(intervals)
    sids = {guest.vmid: guest.sid for guest in estate.guests.values()}
    users: dict[str, dict[str, Guest]] = defaultdict(dict)
    for guest in estate.guests.values():
        for disk in guest.disks:
            if disk.kind in USED and disk.storage:
                users[disk.storage][guest.sid] = guest
    return tuple(_of(estate, sids, users, each) for each in intervals)


def _of(estate: Estate, sids: Mapping[str, str], users: Mapping[str, Mapping[str, Guest]], each: Interval) -> Interval:
    if each.subject.startswith("storage:"):
        return _told(estate, users, each)
    if each.subject.startswith("job:") and each.fields.get("guest", "") in sids:
        return replace(each, fields={**each.fields, "sid": sids[each.fields["guest"]]})
    return each


def _told(estate: Estate, users: Mapping[str, Mapping[str, Guest]], outage: Interval) -> Interval:
    ids = _storages(estate, outage)
    if not ids:
        return outage
    node = outage.subject.rpartition("@")[2]
    everywhere = {sid: guest for name in sorted(ids) for sid, guest in users.get(name, {}).items()}
    here = [guest for guest in everywhere.values() if (guest.landed or guest.node) == node]
    fields = {**outage.fields, "guests": " ".join(guest.sid for guest in here[:MOST]), "lying": _words(here)}
    if everywhere:
        fields["holds"] = "guests"
    elif estate.whole and fields.get("holds") == "guests":
        fields["holds"] = "nothing"  # it may hold disks, and no guest has one there
    return replace(outage, fields=fields)


def _storages(estate: Estate, outage: Interval) -> frozenset[str]:
    """The storages that are in use and that the outage is about."""
    named = outage.fields.get("ids", "").split() or [outage.fields.get("storage", "")]
    found = (estate.storage(name) for name in named)
    return frozenset(each.id for each in found if each is not None and not each.disabled)


def _words(guests: Sequence[Guest]) -> str:
    names = [f"{guest.sid} ({guest.name})" if guest.name else guest.sid for guest in guests[:8]]
    more = f" and {len(guests) - 8} more" if len(guests) > 8 else ""
    return ", ".join(names) + more
