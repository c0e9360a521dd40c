"""Local disks that failed I/O: from the kernel's block, ATA, NVMe and file system layers and from ZFS."""

from __future__ import annotations

from collections.abc import Iterator

from pveforensics.lazyregex import regex
from pveforensics.model import Event, Interval
from pveforensics.state.moments import Moments
from pveforensics.state.trackers.spells import Spell, end_of_boot, goes_on, is_starting, spoken
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

KINDS = (
    "disk_io_error",
    "storage.disk_error",
    "storage.disk_timeout",
    "storage.disk_lost",
    "storage.fs_error",
    "filesystem_readonly",
    "storage.zed_event",
    "zfs_deadman",
)
REMOTE = (
    "storage.iscsi_down",
    "storage.iscsi_lost",
    "storage.path_failed",
    "storage.all_paths_down",
    "storage.nfs_down",
    "storage.ceph_down",
)
"""While the network to a storage is gone, the disks that lie there fail as if they were local."""

QUIET_US = 3600 * SECOND
NEAR_US = 600 * SECOND

_NO_DISK = regex(r"^(?:sr|fd|loop|zd|nbd|rbd|drbd|ram|dm-|md|zram)\d*")
"""Drives without a medium, and devices that pass on what happened below them."""

_DISK = regex(r"^(?:/dev/)?(?P<disk>nvme\d+n\d+|nvme\d+|(?:sd|hd|vd|xvd)[a-z]+|ata\d+)")
_PCI = regex(r"\[(?P<dev>sd[a-z]+)\]")


def track(view: View) -> tuple[Interval, ...]:
    """`disk:<device>@<n>` failing.

    Fields: `dev`, `why`, `count`, `lost` (yes: the kernel gave it up), `readonly` (yes: a file system on it is read-only), `remote` (yes: a
    network storage was gone at that time, which it may lie on), `phase` (starting), `pool`, `closed_by`.
    """
    return tuple(interval for node in view.nodes for interval in _of_node(view, node))


def _of_node(view: View, node: str) -> Iterator[Interval]:
    spells: dict[str, Spell] = {}
    remote = Moments.of(at for at, _ in view.dated(node, *REMOTE))
    for at, event in spoken(view, node, *KINDS):
        said = _said(event)
        if said is None:
            continue
        dev, why = said
        spell = spells.get(dev)
        if spell is not None and _over(view, node, spell, at):
            yield spells.pop(dev).closed(spell.last, "quiet")
            spell = None
        if spell is None:
            spell = spells[dev] = Spell(f"disk:{dev}@{node}", "failing", at, at, fields=_fields(dev, why))
            spell.fields["phase"] = "starting" if is_starting(view, node, at) else ""
        if at is not None and remote.any_in(at.us - NEAR_US, at.us + NEAR_US):
            spell.fields["remote"] = "yes"
        if event.kind == "storage.disk_lost" or "disabled" in (event.fields.get("what") or ""):
            spell.fields["lost"] = "yes"
        if event.kind in ("filesystem_readonly", "storage.fs_error"):
            spell.fields["readonly"] = "yes"
        spell.fields["pool"] = spell.fields["pool"] or event.fields.get("pool") or ""
        spell.take(at, event)
    for spell in spells.values():
        quiet, end = goes_on(view, node, spell.last, QUIET_US), end_of_boot(view, node, spell.last)
        yield spell.closed(spell.last if quiet else end, "quiet" if quiet else "boot_end" if end else "")


def _fields(dev: str, why: str) -> dict[str, str]:
    return {"dev": dev, "why": why, "lost": "", "readonly": "", "remote": "", "phase": "", "pool": ""}


def _over(view: View, node: str, spell: Spell, at: Instant | None) -> bool:
    if at is None or spell.last is None:
        return False
    end = end_of_boot(view, node, spell.last)
    return at.us - spell.last.us > QUIET_US or (end is not None and end.us < at.us)


def _said(event: Event) -> tuple[str, str] | None:
    """Device and what is said of it; None for what is no failure of a disk."""
    fields = event.fields
    what = fields.get("what") or ""
    match event.kind:
        case "storage.zed_event" | "zfs_deadman":
            word = fields.get("class") or ""
            if not fields.get("vdev") or (not word.endswith(("checksum", "data", ".io")) and word not in ("io", "checksum", "data")):
                return None
            return _disk(fields["vdev"]), f"ZFS met {'checksum errors' if word.endswith('checksum') else 'I/O errors'} on it"
        case "storage.disk_error" if fields.get("port"):
            if what in ("SATA link down", "hard resetting link"):
                return None  # an empty port says so at every boot
            return fields["port"].partition(".")[0], f"ATA: {what}"[:120]
        case "storage.disk_error" if fields.get("vdev"):
            return _disk(fields["vdev"]), "ZFS could not read or write it"
        case "storage.disk_lost" if not fields.get("dev"):
            found = _PCI.search(event.evidence[0].text if event.evidence else "")
            return (found["dev"] if found else fields.get("addr") or "disk"), what or "the kernel gave it up"
    dev = fields.get("dev") or ""
    if _NO_DISK.match(dev):
        return (
            None
            if event.kind not in ("filesystem_readonly", "storage.fs_error") or not dev.startswith(("dm-", "md"))
            else (dev, "a file system on it failed")
        )
    why = {
        "disk_io_error": f"{what} errors",
        "storage.disk_timeout": "commands timed out",
        "storage.disk_lost": what or "its controller is down",
        "storage.fs_error": "a file system on it failed",
        "filesystem_readonly": "a file system on it became read-only",
    }.get(event.kind, "I/O errors")
    return _disk(dev) or "disk", why


def _disk(name: str) -> str:
    """The disk of a partition, or the name as it is."""
    short = name.rpartition("/")[2]
    found = _DISK.match(short)
    return found["disk"] if found else short
