"""Locks of guests that an action met, and whether a task held them at that time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping

from pveforensics.model import Event, Interval
from pveforensics.state.trackers.spells import Spell, goes_on, spoken
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

SETTERS: Mapping[str, frozenset[str]] = {
    "backup": frozenset({"vzdump"}),
    "clone": frozenset({"qmclone", "vzclone"}),
    "create": frozenset({"qmcreate", "qmrestore", "vzcreate", "vzrestore", "vzclone"}),
    "migrate": frozenset({"qmigrate", "vzmigrate", "hamigrate"}),
    "snapshot": frozenset({"qmsnapshot", "vzsnapshot"}),
    "snapshot-delete": frozenset({"qmdelsnapshot", "vzdelsnapshot"}),
    "rollback": frozenset({"qmrollback", "vzrollback"}),
    "suspending": frozenset({"qmsuspend"}),
    "disk": frozenset({"move_volume", "vzclone"}),
}
"""Types of tasks that hold a lock by right (qemu-server:src/PVE/QemuServer.pm, pve-container:src/PVE/LXC/Config.pm)."""

LEGITIMATE = frozenset({"suspended"})
"""A hibernated guest is locked and nobody holds the lock."""

_NEVER = 1 << 62

QUIET_US = 1800 * SECOND
ASKED_AGAIN_US = 60 * SECOND
"""Lines that are closer than this are one try."""

LONGEST_TASK_US = 24 * 3600 * SECOND


def track(view: View) -> tuple[Interval, ...]:
    """`lock:<guest>@<n>` met: an action found the guest locked.

    Fields: `guest` (vm:100), `vmid`, `lock`, `held` (yes: a task that sets it ran; no: none ran as far as a whole log of a day shows; untold), `count`.
    """
    return tuple(interval for node in view.nodes for interval in _of_node(view, node))


def _of_node(view: View, node: str) -> Iterator[Interval]:
    spells: dict[tuple[str, str], Spell] = {}
    for at, event in spoken(view, node, "lock.guest_locked"):
        vmid, lock = event.fields.get("vmid") or "", event.fields.get("lock") or ""
        if lock in LEGITIMATE:
            continue
        kind = "ct" if event.fields.get("gtype") == "CT" else "vm"
        key = (f"{kind}:{vmid}" if vmid else "", lock)
        spell = spells.get(key)
        if spell is not None and at is not None and spell.last is not None and at.us - spell.last.us > QUIET_US:
            yield spells.pop(key).closed(spell.last, "quiet")
            spell = None
        if spell is not None and at is not None and spell.last is not None and at.us - spell.last.us < ASKED_AGAIN_US:
            spell.take(at, event)
            continue
        held = _held(view, node, vmid, lock, at)
        if spell is None:
            fields = {"guest": key[0], "vmid": vmid, "lock": lock, "held": held}
            spell = spells[key] = Spell(f"lock:{key[0] or 'guest'}@{node}", "met", at, at, fields=fields)
        elif held == "yes" or spell.fields["held"] == "untold":
            spell.fields["held"] = held
        spell.take(at, event)
    for spell in spells.values():
        quiet = goes_on(view, node, spell.last, QUIET_US)
        yield spell.closed(spell.last if quiet else None, "quiet" if quiet else "")


def _held(view: View, node: str, vmid: str, lock: str, at: Instant | None) -> str:
    if at is None:
        return "untold"
    if any(_runs(view, other, vmid, lock, at) for other in view.nodes):
        return "yes"
    boot = view.boot_at(node, at)
    since = boot.start if boot is not None and boot.start is not None else at.plus(-LONGEST_TASK_US / SECOND)
    return "no" if lock and view.covered(node, since, at) else "untold"


def _runs(view: View, node: str, vmid: str, lock: str, at: Instant) -> bool:
    """True if a task that sets the lock had begun on the node and was not over."""
    spans = view.once(("holders", node, vmid, lock), lambda: _spans(view, node, vmid, lock))
    last = bisect_right(spans, (at.us, _NEVER))
    first = bisect_left(spans, (at.us - LONGEST_TASK_US, 0))
    return any(at.us < end for _, end in spans[first:last])


def _spans(view: View, node: str, vmid: str, lock: str) -> list[tuple[int, int]]:
    """When tasks that set the lock of a guest ran on a node, by start; the end of a boot ends them."""
    types = SETTERS.get(lock)
    running: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    for moment, event in view.dated(node, "task.start", "task.end", "backup.guest_start", "backup.guest_end", "backup.guest_failed"):
        key = _key(event, vmid, types)
        if key and event.kind in ("task.start", "backup.guest_start"):
            running[key] = moment.us
        elif key in running:
            spans.append((running.pop(key), moment.us))
    spans += [(since, _NEVER) for since in running.values()]
    ends = sorted(boot.end.us for boot in view.boots_of(node) if boot.end is not None)
    return sorted((since, min((end, *ends[place : place + 1]))) for since, end in spans for place in (bisect_left(ends, since),))


def _key(event: Event, vmid: str, types: frozenset[str] | None) -> str:
    """What a line is about, if it is about a task that may hold the lock of the guest; else empty."""
    fields = event.fields
    if event.kind.startswith("backup."):
        return f"backup {fields.get('vmid')}" if (types is None or "vzdump" in types) and (not vmid or fields.get("vmid") == vmid) else ""
    kind, about = fields.get("type") or "", fields.get("tid") or ""
    fits = (types is None or kind in types) and (not vmid or about in ("", vmid))
    return fields.get("upid") or "" if fits else ""
