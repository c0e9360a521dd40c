"""What one line says of a storage: which one, what kind of storage, and whether it is gone, slow, degraded, full or back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.model import Event


class Sign(NamedTuple):
    """What a line says. `name` is a storage id if `by` is `id`, else what the line names: a server, pool, device or session.

    `state` is offline, slow, degraded or full; empty if the storage is back. `told` is who noticed: kernel, daemon, zed or tool.
    """

    name: str
    by: str
    kind: str
    state: str
    why: str
    told: str = "daemon"


GONE_POOLS = ("pool I/O is currently suspended", "no such pool", "no such pool or dataset")
_ZFS_BAD = ("FAULTED", "UNAVAIL", "REMOVED", "DEGRADED")
_MOUNT = regex(r"(?://(?P<smb>[\w.-]+)/|(?P<nfs>[\w.-]+|\[[0-9a-f:]+\]):/|/mnt/pve/(?P<id>[A-Za-z][\w.-]*))")
_SHARE = regex(r"/mnt/pve/(?P<id>[A-Za-z][\w.-]*)")
_UNREACHABLE = regex(r"connect|timed? ?out|unreachable|refused|no route", re.IGNORECASE)
_NO_POOL = regex(r"cannot (?:open|import) '(?P<pool>[^'/\s]+)[^']*'")
_TOOLS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (regex(r"(?:^|/|')(?:zfs|zpool)\b"), "zfs", "zfs"),
    (regex(r"(?:^|/|')(?:lvs|vgs|pvs|lvchange|vgchange|lvcreate|lvremove)\b"), "lvm", "lvm"),
    (regex(r"(?:^|/|')(?:rbd|ceph|rados)\b"), "ceph", "ceph"),
    (regex(r"(?:^|/|')(?:iscsiadm)\b"), "iscsi", "iscsi"),
    (regex(r"(?:^|/|')(?:showmount|rpcinfo|mount\.nfs|mount)\b"), "nfs", "nfs"),
    (regex(r"(?:^|/|')(?:smbclient|mount\.cifs)\b"), "cifs", "cifs"),
    (regex(r"(?:^|/|')(?:df)\b"), "dir", "dir"),
)
_STORAGE_TASKS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (regex(r"txg_(?:sync|quiesce)|z_(?:wr|rd|null|fr)|zvol|dp_sync|spa|dbuf|arc_|zfs|zpool"), "zfs", "zfs"),
    (regex(r"jbd2/|xfsaild|ext4|btrfs|md\d+_raid|dmcrypt|kworker/\S*\+(?:flush|dm)|loop\d"), "local disks", "dir"),
    (regex(r"nfs|rpciod|mount\.nfs|cifsd|kworker/\S*\+(?:nfs|rpciod|cifs)"), "network storage", "nfs"),
)
"""Tasks of the kernel that do nothing but I/O: if one hangs, storage does not answer."""


def sign_of(event: Event) -> Sign | None:
    """What the event says of a storage; None if nothing."""
    reader = READERS.get(event.kind)
    return reader(event.fields, _line(event)) if reader is not None else None


def _line(event: Event) -> str:
    return event.evidence[0].text if event.evidence else ""


Fields = Mapping[str, str]


def _server_gone(fields: Fields, _: str) -> Sign | None:
    server = fields.get("server") or ""
    return Sign(server, "server", "nfs", "offline", f"its server {server} does not respond", "kernel") if server else None


def _server_back(fields: Fields, _: str) -> Sign | None:
    return Sign(fields.get("server") or "", "server", "nfs", "", "its server responds", "kernel")


def _cifs(fields: Fields, _: str) -> Sign | None:
    server = fields.get("server") or ""
    return Sign(server, "server", "cifs", "offline", f"its server {server} does not respond", "kernel") if server else None


def _offline(fields: Fields, _: str) -> Sign | None:
    why = fields.get("reason") or "the connection check failed"
    return Sign(fields.get("storage") or "", "id", "network", "offline", why)


def _unreachable(fields: Fields, _: str) -> Sign | None:
    return Sign(
        fields.get("storage") or "", "id", "dir", "offline", f"{fields.get('dir') or 'its directory'} does not exist or is unreachable"
    )


def _not_mounted(fields: Fields, _: str) -> Sign | None:
    return Sign(fields.get("storage") or "", "id", "dir", "offline", f"{fields.get('dir') or 'its directory'} is not mounted")


def _mount(fields: Fields, _: str) -> Sign | None:
    reason = fields.get("reason") or ""
    found = _MOUNT.search(reason)
    if (fields.get("what") or "mount") != "mount" or not found:
        return None
    if found["id"]:
        return Sign(found["id"], "id", "", "offline", f"mount error: {reason}"[:200])
    return Sign(found["smb"] or found["nfs"], "server", "cifs" if found["smb"] else "nfs", "offline", f"mount error: {reason}"[:200])


def _pool_missing(fields: Fields, _: str) -> Sign | None:
    return Sign(fields.get("storage") or "", "id", "", "offline", fields.get("reason") or "it could not be activated")


def _dataset(fields: Fields, _: str) -> Sign | None:
    reason = fields.get("reason") or ""
    pool = (fields.get("dataset") or "").partition("/")[0]
    if reason not in GONE_POOLS or not pool:
        return None
    word = "suspended" if "suspended" in reason else "missing"
    return Sign(pool, "pool", "zfs", "offline", f"{word}: {reason}")


def _zfs_error(fields: Fields, _: str) -> Sign | None:
    error = fields.get("error") or ""
    found = _NO_POOL.search(error)
    if not found or not any(word in error for word in GONE_POOLS):
        return None
    return Sign(found["pool"], "pool", "zfs", "offline", ("suspended: " if "suspended" in error else "missing: ") + error[:150])


def _pbs(fields: Fields, _: str) -> Sign | None:
    reason = fields.get("reason") or f"datastore '{fields.get('datastore') or '?'}' cannot be found"
    return Sign(fields.get("storage") or "backup-server", "id" if fields.get("storage") else "server", "pbs", "offline", reason[:200])


def _vg(fields: Fields, _: str) -> Sign | None:
    return Sign(fields.get("vg") or "", "vg", "lvm", "offline", "its volume group is not visible")


def _rbd(fields: Fields, _: str) -> Sign | None:
    reason = fields.get("reason") or ""
    return Sign("rbd", "server", "ceph", "offline", reason[:200]) if _UNREACHABLE.search(reason) else None


def _iscsi(fields: Fields, _: str) -> Sign | None:
    session = (fields.get("conn") or fields.get("session") or "").partition(":")[0]
    return Sign(f"iscsi-session{session}", "session", "iscsi", "offline", "its session lost the connection", "kernel") if session else None


def _iscsi_lost(fields: Fields, _: str) -> Sign | None:
    session = fields.get("session") or ""
    why = f"its session was not recovered in {fields.get('seconds') or '?'} s"
    return Sign(f"iscsi-session{session}", "session", "iscsi", "offline", why, "kernel")


def _iscsi_back(fields: Fields, line: str) -> Sign | None:
    sign = _iscsi(fields, line)
    return sign._replace(state="", why="its session is operational") if sign else None


def _iscsi_refused(fields: Fields, _: str) -> Sign | None:
    portal = fields.get("portal") or "iscsi"
    return Sign(portal, "server", "iscsi", "offline", "QEMU could not log in to the LUN", "tool")


def _paths(fields: Fields, _: str) -> Sign | None:
    name, count = fields.get("map") or "", fields.get("count")
    if not name:
        return None
    if count is None or count == "0":
        return Sign(name, "device", "multipath", "offline", "no path to it is left")
    return Sign(name, "device", "multipath", "", f"{count} paths are active")


def _suspended(fields: Fields, _: str) -> Sign | None:
    return Sign(fields.get("pool") or "", "pool", "zfs", "offline", "suspended: its I/O failed", "kernel")


def _resumed(fields: Fields, _: str) -> Sign | None:
    return Sign(fields.get("pool") or "", "pool", "zfs", "", "resumed", "kernel")


def _zed(fields: Fields, _: str) -> Sign | None:
    word, pool, state = fields.get("class") or "", fields.get("pool") or "", fields.get("vdev_state") or ""
    vdev = fields.get("vdev") or "a device"
    if word.endswith("io_failure"):
        return Sign(pool, "pool", "zfs", "offline", "suspended: its I/O failed", "zed")
    if word.endswith(("deadman", "delay")):
        return Sign(pool, "pool", "zfs", "slow", "an I/O of the pool takes far too long", "zed")
    if word.endswith("statechange") and state in _ZFS_BAD:
        return Sign(pool, "pool", "zfs", "degraded", f"{vdev} is {state}", "zed")
    return None


def _thin(fields: Fields, _: str) -> Sign | None:
    name, mode = fields.get("dev") or fields.get("pool") or "", fields.get("mode") or ""
    if mode == "write":
        return Sign(name, "thin", "lvmthin", "", "writable again", "kernel")
    why = f"the pool is switched to {mode} mode" if mode else "its free space reached the threshold"
    return Sign(name, "thin", "lvmthin", "offline", why, "kernel" if mode else "daemon")


def _ceph(fields: Fields, _: str) -> Sign | None:
    return Sign("ceph", "server", "ceph", "offline", f"the session with monitor {fields.get('mon') or '?'} was lost", "kernel")


def _command(fields: Fields, _: str) -> Sign | None:
    if fields.get("reason") != "got timeout":
        return None
    command = fields.get("command") or ""
    found = next(((name, kind) for pattern, name, kind in _TOOLS if pattern.search(command)), None)
    return Sign(found[0], "tool", found[1], "slow", f"`{command[:80]}` did not answer in time", "tool") if found else None


def _no_space(_: Fields, line: str) -> Sign | None:
    found = _SHARE.search(line)
    return Sign(found["id"].rstrip("."), "id", "", "full", "no space is left on it") if found else None


def _stale(_: Fields, line: str) -> Sign | None:
    found = _SHARE.search(line)
    return Sign(found["id"].rstrip("."), "id", "nfs", "offline", "its export was replaced: stale file handle") if found else None


def _hung(fields: Fields, _: str) -> Sign | None:
    task = fields.get("comm") or ""
    found = next(((name, kind) for pattern, name, kind in _STORAGE_TASKS if pattern.match(task)), None)
    return Sign(found[0], "tool", found[1], "slow", f"the kernel's task {task} waited for minutes", "kernel") if found else None


READERS: Mapping[str, Callable[[Fields, str], Sign | None]] = {
    "storage.nfs_down": _server_gone,
    "storage.nfs_up": _server_back,
    "storage.cifs_down": _cifs,
    "storage.offline": _offline,
    "storage.unreachable": _unreachable,
    "storage.not_mounted": _not_mounted,
    "storage.mount_failed": _mount,
    "storage.pool_missing": _pool_missing,
    "storage.dataset_missing": _dataset,
    "storage.zfs_error": _zfs_error,
    "storage.pbs_error": _pbs,
    "storage.vg_missing": _vg,
    "storage.rbd_error": _rbd,
    "storage.iscsi_down": _iscsi,
    "storage.iscsi_lost": _iscsi_lost,
    "storage.iscsi_up": _iscsi_back,
    "storage.iscsi_connect_failed": _iscsi_refused,
    "storage.all_paths_down": _paths,
    "storage.paths_remaining": _paths,
    "zfs_pool_suspended": _suspended,
    "storage.pool_suspended": _suspended,
    "storage.pool_resumed": _resumed,
    "storage.zed_event": _zed,
    "zfs_deadman": _zed,
    "storage.thin_full": _thin,
    "storage.ceph_down": _ceph,
    "command.failed": _command,
    "host.disk_full": _no_space,
    "storage.nfs_stale": _stale,
    "hung_task": _hung,
}
"""Event kind to what its line says."""
