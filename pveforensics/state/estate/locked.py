"""Guests whose configuration is locked: by a task that runs, or by one that is gone (qemu-server:src/PVE/QemuServer.pm, pve-container:src/PVE/LXC/Config.pm)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pveforensics.model import Evidence, Interval
from pveforensics.state.estate import Estate, Guest
from pveforensics.state.estate.holders import Task, is_dead, tasks_of
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.trackers.locks import SETTERS
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

BOOT_CLEARS = frozenset({"backup"})
"""What a node's boot removes (pve-manager:PVE/API2/Nodes.pm `startall`)."""

WITHOUT_TASK = frozenset({"fstrim", "mounted", "destroyed", "import", "restore"})
"""Set by commands that make no task, or left by several kinds: no list of tasks tells of them."""

ADVICE: Mapping[str, str] = {
    "backup": "Remove what the backup left on its storage, and run it again",
    "clone": "The clone is half made: destroy the new guest, the source is not touched",
    "create": "The guest is half made: mostly it is best destroyed, and created or restored again",
    "import": "The guest is half made: mostly it is best destroyed, and imported again",
    "restore": "The guest is half made: mostly it is best destroyed, and restored again",
    "migrate": "Look on both nodes for complete disks before unlocking: the guest belongs to the side that has them",
    "snapshot": "After unlocking, look for a section with `snapstate: prepare` in the configuration and delete that snapshot with --force",
    "snapshot-delete": "After unlocking, delete the snapshot again with --force: part of it is gone",
    "rollback": "The disks may be of two times: roll back to the same snapshot again before the guest is started",
    "suspending": "Its memory was not saved whole: unlock it, remove the `vmstate` volume, start it afresh",
    "suspended": "Its memory image is gone: unlock it and start it afresh",
    "disk": "A move of a volume was cut: look which of the two copies is whole before one is removed",
    "fstrim": "Look for a running `pct fstrim` before unlocking",
    "mounted": "The file systems of the container are mounted on the host: `pct unmount` first, then it is unlocked",
    "destroyed": "A destroy was cut: finish it, parts of the guest are gone",
}
"""What the guest needs beside the unlocking, by lock."""


class Holder(NamedTuple):
    """Whether something holds a lock (yes, no, unknown), why that is said, how sure it is, and the line."""

    held: str
    why: str
    proof: bool = False
    line: Evidence | None = None


def track(view: View, estate: Estate, _: Sequence[Interval]) -> Iterator[Interval]:
    """`lock:<sid>@<node>` set.

    Fields: `guest`, `vmid`, `lock`, `held` (yes, no, unknown), `why`, `said`, `proof`, `boot_clears`, `recovery_clears`, `cleared` (by what,
    in words), `advice`, `written` (when the configuration was last written), `ha` (yes, no, unknown), `tool`.
    """
    managed = frozenset(each.sid for each in estate.resources or ())
    for guest in estate.guests.values():
        image = _image(estate, guest)
        if not guest.lock or image:
            continue
        holder = _holder(view, guest) if guest.lock != "suspended" else Holder("no", "its memory image is gone")
        at_boot, at_recovery = guest.lock in BOOT_CLEARS, guest.lock in estate.recovery_clears
        written = _written(view, guest)
        fields = {
            "guest": guest.sid,
            "vmid": guest.vmid,
            "lock": guest.lock,
            "held": holder.held,
            "why": holder.why if holder.held == "unknown" else "",
            "said": holder.why,
            "proof": "yes" if holder.proof else "no",
            "boot_clears": "yes" if at_boot else "no",
            "recovery_clears": "yes" if at_recovery else "no",
            "cleared": _cleared(at_boot=at_boot, at_recovery=at_recovery, node=guest.landed or guest.node),
            "advice": ADVICE.get(guest.lock, "Look at its disks and configuration before it is started"),
            "written": f"{written.as_datetime():%Y-%m-%d %H:%M:%S} UTC" if written is not None else "",
            "ha": "unknown" if estate.resources is None else "yes" if guest.sid in managed else "no",
            "tool": "pct" if guest.sid.startswith("ct:") else "qm",
        }
        yield Interval(
            f"lock:{guest.sid}@{guest.landed or guest.node}", "set", None, None, fields, cited(guest.lines.get("lock"), holder.line)
        )


def _image(estate: Estate, guest: Guest) -> bool:
    """True for a hibernated guest, which is locked by right: its memory image is named, and no list shows that it is gone."""
    state = next((disk for disk in guest.disks if disk.kind == "vmstate"), None)
    if guest.lock != "suspended" or state is None:
        return False
    listing, dataset = estate.listings.get(guest.node), estate.dataset(state)
    return not (listing is not None and dataset and listing.holds(dataset) is False)


def _cleared(*, at_boot: bool, at_recovery: bool, node: str) -> str:
    if at_boot:
        return f"The next boot of {node} removes this lock, and so does a recovery by HA"
    if at_recovery:
        return f"No boot of {node} removes this lock, only a recovery by HA does"
    return "Neither a boot nor a recovery by HA removes this lock"


def _written(view: View, guest: Guest) -> Instant | None:
    """When the guest's configuration was last written, as config.db has it: the lock was set then or before."""
    folder = "lxc" if guest.sid.startswith("ct:") else "qemu-server"
    path = f"nodes/{guest.landed or guest.node}/{folder}/{guest.vmid}.conf"
    times = [
        int(row["mtime"])
        for dump in view.timeline.snapshots
        if dump.kind == "config_db"
        for row in dump.rows
        if row["path"] == path and row["mtime"].isdigit() and 978_307_200 <= int(row["mtime"]) < 4_102_444_800
    ]
    return Instant(max(times) * SECOND, SECOND) if times else None


# --- who holds it ----------------------------------------------------------------------------------


def _holder(view: View, guest: Guest) -> Holder:
    types = SETTERS.get(guest.lock, frozenset())
    if guest.lock in WITHOUT_TASK or not types:
        return Holder("unknown", f"the lock `{guest.lock}` is set by commands that leave no task")
    nodes = view.nodes if guest.lock == "migrate" else (guest.landed or guest.node,)
    tasks = [task for node in nodes for task in tasks_of(view, node) if task.type in types and _is_about(view, task, guest)]
    running = [task for task in tasks if not task.ended]
    alive = [task for task in running if not is_dead(view, task)]
    if alive:
        whose = "its task" if alive[0].tid == guest.vmid else "a task that may be its own"
        return Holder("yes", f"{whose} was running on {alive[0].node} when {alive[0].path} was saved", line=alive[0].line)
    if running:
        why = f"its task began before the last boot of {running[0].node}: the process cannot exist any more"
        return Holder("no", why, proof=True, line=running[0].line)
    current = any(task.path.rpartition("/")[2].startswith("active") for node in nodes for task in tasks_of(view, node))
    if not current:
        return Holder(
            "unknown", f"the list of running tasks (/var/log/pve/tasks/active) of {guest.landed or guest.node} is not in the bundle"
        )
    last = max((task for task in tasks if task.tid == guest.vmid), key=lambda task: task.start, default=None)
    if last is not None:
        why = f"its task {last.type} on {last.node} ended ({last.status or 'no status'}) and left the lock"
        return Holder("no", why, line=last.line)
    return Holder("no", f"no task on {guest.landed or guest.node} that sets the lock `{guest.lock}` is running")


def _is_about(view: View, task: Task, guest: Guest) -> bool:
    """True if the task names the guest, or is a backup of several guests that had begun this one and had not finished it, as far as is logged."""
    if task.tid:
        return task.tid == guest.vmid
    said = [
        (at.us, event.kind)
        for at, event in view.dated(task.node, "backup.guest_start", "backup.guest_end", "backup.guest_failed")
        if event.fields.get("vmid") == guest.vmid and at.us >= task.start * SECOND
    ]
    return not said or max(said)[1] == "backup.guest_start"
