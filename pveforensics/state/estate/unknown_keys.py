"""Keys of configuration files that this version does not know: they are kept as they stand, and told, since nothing was concluded from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pveforensics.lazyregex import regex
from pveforensics.model import Evidence, Snapshot
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.view import View

MOST = 8
"""Keys that one note names."""

_STORAGE = """
    path content nodes disable shared maxfiles prune-backups max-protected-backups format preallocation content-dirs bwlimit create-base-path
    create-subdirs is_mountpoint mkdir server server2 export options share username password domain smbversion subdir vgname base saferemove
    saferemove_throughput saferemove-stepsize tagged_only thinpool snapshot-as-volume-chain pool data-pool blocksize sparse mountpoint iscsiprovider
    portal target nowritecache comstar_tg comstar_hg lio_tpg zfs-base-path monhost namespace krbd keyring authsupported fs-name fuse datastore
    fingerprint port encryption-key master-pubkey volume transport skip-cert-verification nocow comment
"""
_VZDUMP = """
    all bwlimit comment compress dow dumpdir enabled exclude exclude-path fleecing id ionice job-id lockwait mailnotification mailto maxfiles mode
    next-run node notes-template notification-mode notification-policy notification-target pbs-change-detection-mode performance pigz pool protected
    prune-backups quiet remove repeat-missed schedule script starttime stdexcludes stop stopwait storage tmpdir vmid zstd
    realm scope remove-vanished enable-new
"""
KNOWN: Mapping[str, frozenset[str]] = {
    "storage_cfg": frozenset(_STORAGE.split()),
    "ha_resources": frozenset(["state", "group", "max_restart", "max_relocate", "failback", "auto-rebalance", "comment", "type"]),
    "ha_groups": frozenset(["nodes", "restricted", "nofailback", "comment", "type"]),
    "ha_rules": frozenset(["resources", "nodes", "strict", "affinity", "disable", "comment", "type"]),
    "replication_cfg": frozenset(["target", "source", "schedule", "rate", "disable", "remove_job", "comment", "guest", "jobnum", "type"]),
    "jobs_cfg": frozenset(_VZDUMP.split()),
}
"""Keys of a section by the file's kind (pve-storage:src/PVE/Storage, pve-ha-manager:src/PVE/HA, pve-guest-common:src/PVE/ReplicationConfig.pm, pve-manager:PVE/Jobs)."""

_QEMU = regex(
    r"(?:acpi|affinity|agent|allow-ksm|amd-sev|arch|args|autostart|balloon|bios|boot|bootdisk|cdrom|cicustom|cipassword|citype|ciupgrade|ciuser|cores|cpu|"
    r"cpulimit|cpuunits|description|freeze|hookscript|hotplug|hugepages|intel-tdx|ivshmem|keephugepages|keyboard|kvm|localtime|lock|machine|memory|meta|"
    r"migrate_downtime|migrate_speed|name|nameserver|numa|onboot|ostype|parent|protection|reboot|running-nets-host-mtu|runningcpu|runningmachine|scsihw|"
    r"searchdomain|shares|smbios1|smp|snapstate|snaptime|sockets|spice_enhancements|sshkeys|startdate|startup|tablet|tags|tdf|template|vcpus|vga|vmgenid|"
    r"vmstate|vmstatestorage|watchdog|delete|(?:audio|efidisk|hostpci|ide|ipconfig|net|numa|parallel|rng|sata|scsi|serial|tpmstate|unused|usb|virtio|virtiofs)\d+)"
)
_LXC = regex(
    r"(?:arch|cmode|console|cores|cpulimit|cpuunits|debug|delete|description|entrypoint|env|features|hookscript|hostname|lock|memory|nameserver|onboot|ostype|"
    r"parent|protection|rootfs|searchdomain|snapstate|snaptime|startup|swap|tags|template|timezone|tty|unprivileged|lxc\..+|(?:dev|mp|net|unused)\d+)"
)
"""Keys of guests (qemu-server:src/PVE/QemuServer.pm, pve-container:src/PVE/LXC/Config.pm)."""

_FILES = {
    "storage_cfg": "storage.cfg", "ha_resources": "ha/resources.cfg", "ha_groups": "ha/groups.cfg", "ha_rules": "ha/rules.cfg",
    "replication_cfg": "replication.cfg", "jobs_cfg": "jobs.cfg", "guest_config": "configurations of guests",
}  # fmt: skip


def notes(view: View) -> tuple[str, ...]:
    """One sentence for each kind of file that holds keys nobody here knows, with the first place of each key."""
    found: dict[str, dict[str, Evidence | None]] = {}
    for dump in view.timeline.snapshots:
        for key, line in _unknown(dump):
            found.setdefault(dump.kind, {}).setdefault(key, line)
    return tuple(_note(kind, keys) for kind, keys in sorted(found.items()))


def _note(kind: str, keys: Mapping[str, Evidence | None]) -> str:
    named = [f"`{key}`{f' ({line.path}:{line.line})' if line is not None else ''}" for key, line in list(keys.items())[:MOST]]
    more = f" and {len(keys) - MOST} more" if len(keys) > MOST else ""
    what = "a key that is" if len(keys) == 1 else "keys that are"
    return f"{_FILES[kind]}: {what} not known to this version, kept and not interpreted: {', '.join(named)}{more}"


def _unknown(dump: Snapshot) -> Iterator[tuple[str, Evidence | None]]:
    """Unknown keys with their lines. Of a section only its head has a line of its own."""
    if known := KNOWN.get(dump.kind):
        for row in dump.rows:
            for key in row:
                if not key.startswith("_") and key not in known:
                    yield key, row_evidence(dump, row)
    elif dump.kind == "guest_config":
        pattern = _LXC if dump.fields.get("type") == "ct" else _QEMU
        for row in dump.rows:
            if not pattern.fullmatch(row["key"]):
                yield row["key"], row_evidence(dump, row)
