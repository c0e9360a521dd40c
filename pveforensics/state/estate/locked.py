"""Guests whose configuration is locked: by a task that runs, or by one that is gone (qemu-server:src/PVE/QemuServer.pm, pve-container:src/PVE/LXC/Config.pm)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pveforensics.model import Evidence, Interval, Snapshot
from pveforensics.state.estate import Estate, Guest
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.estate.verdicts import cited
from pveforensics.state.trackers.locks import SETTERS
from pveforensics.state.view import View
from pveforensics.timebase import SECOND

BOOT_CLEARS = frozenset({"backup"})
"""What a node's boot removes (pve-manager:PVE/API2/Nodes.pm `startall`)."""

RECOVERY_CLEARS = frozenset({"backup", "mounted", "migrate", "clone", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended"})
"""What HA's recovery removes (pve-ha-manager:src/PVE/HA/Manager.pm since 3.0-5 of PVE 6.1; older ones: backup and mounted)."""

WITHOUT_TASK = frozenset({"fstrim", "mounted"})
"""Set by commands that make no task: no list of tasks tells of them."""


class Holder(NamedTuple):
    """Whether something holds a lock (yes, no, unknown), why that is said, how sure it is, and the line."""

    held: str
    why: str
    proof: bool = False
    line: Evidence | None = None


def track(view: View, estate: Estate, _: Sequence[Interval]) -> Iterator[Interval]:
    """`lock:<sid>@<node>` set.

    Fields: `guest`, `vmid`, `lock`, `held` (yes, no, unknown), `why`, `said`, `proof`, `boot_clears`, `recovery_clears`, `ha` (yes, no, unknown).
    """
    managed = frozenset(each.sid for each in estate.resources or ())
    for guest in estate.guests.values():
        if not guest.lock or (guest.lock == "suspended" and "vmstate" in guest.options):
            continue
        holder = _holder(view, guest)
        fields = {
            "guest": guest.sid,
            "vmid": guest.vmid,
            "lock": guest.lock,
            "held": holder.held,
            "why": holder.why if holder.held == "unknown" else "",
            "said": holder.why,
            "proof": "yes" if holder.proof else "no",
            "boot_clears": "yes" if guest.lock in BOOT_CLEARS else "no",
            "recovery_clears": "yes" if guest.lock in RECOVERY_CLEARS else "no",
            "ha": "unknown" if estate.resources is None else "yes" if guest.sid in managed else "no",
            "tool": "pct" if guest.sid.startswith("ct:") else "qm",
        }
        yield Interval(
            f"lock:{guest.sid}@{guest.landed or guest.node}", "set", None, None, fields, cited(guest.lines.get("lock"), holder.line)
        )


def _holder(view: View, guest: Guest) -> Holder:
    types = SETTERS.get(guest.lock, frozenset())
    if guest.lock in WITHOUT_TASK or not types:
        return Holder("unknown", f"the lock `{guest.lock}` is set by commands that leave no task")
    nodes = view.nodes if guest.lock == "migrate" else (guest.node,)
    current = False
    ended: Holder | None = None
    for node in nodes:
        for dump in view.snapshots_of(node, "task_list"):
            current = current or dump.evidence[0].path.rpartition("/")[2].startswith("active")
            for row in dump.rows:
                if row.get("type") not in types or row.get("tid") not in ("", guest.vmid):
                    continue
                if not row.get("end"):
                    return _running(view, node, dump, row["starttime"], row.get("tid") == guest.vmid, row_evidence(dump, row))
                if row.get("tid") == guest.vmid:
                    ended = Holder(
                        "no",
                        f"its task {row['type']} on {node} ended ({row.get('status') or 'no status'}) and left the lock",
                        line=row_evidence(dump, row),
                    )
    if not current:
        return Holder("unknown", f"the list of running tasks (/var/log/pve/tasks/active) of {guest.node} is not in the bundle")
    return ended or Holder("no", f"no task on {guest.node} that sets the lock `{guest.lock}` is running")


def _running(view: View, node: str, dump: Snapshot, start: str, own: bool, line: Evidence | None) -> Holder:
    """A task in the list without an end: running, unless the node booted since."""
    started = int(start, 16) * SECOND
    booted = [boot.start for boot in view.boots_of(node) if boot.start is not None and boot.start.us > started + 60 * SECOND]
    if booted:
        return Holder(
            "no",
            f"its task began before the boot of {node} at {booted[-1].iso()}: the process cannot exist any more",
            proof=True,
            line=line,
        )
    whose = "its task" if own else "a task that may be its own"
    return Holder("yes", f"{whose} was running on {node} when {dump.evidence[0].path} was saved", line=line)
