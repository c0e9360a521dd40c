"""The units of systemd that matter to a node of Proxmox VE, by their names and descriptions, and what is down without them."""

from __future__ import annotations

from collections.abc import Mapping

from pveforensics.lazyregex import regex

OWN = frozenset(
    {
        "pvestatd", "pveproxy", "pvedaemon", "spiceproxy", "pvescheduler", "pve-cluster", "pve-firewall", "proxmox-firewall", "pvefw-logger",
        "qmeventd", "pve-ha-lrm", "pve-ha-crm", "watchdog-mux", "pve-guests", "pve-lxc-syscalld", "pvenetcommit", "pve-storage", "rrdcached",
        "lxcfs", "lxc-monitord", "corosync-qdevice", "corosync-qnetd",
    }
)  # fmt: skip
"""Daemons of Proxmox VE. Not corosync: its lives are read from its own lines."""

BASE = frozenset(
    {
        "chrony", "chronyd", "systemd-timesyncd", "ntp", "ntpd", "ntpsec", "networking", "systemd-networkd", "systemd-journald",
        "systemd-udevd", "systemd-logind", "dbus", "rsyslog", "ssh", "sshd", "zfs-import-cache", "zfs-import-scan", "zfs-mount", "zfs-zed",
        "zed", "lvm2-monitor", "lvm2-lvmpolld", "dm-event", "iscsid", "open-iscsi", "multipathd", "multipath-tools", "nfs-server", "rpcbind",
        "rpc-statd", "openvswitch-switch", "ovs-vswitchd", "ovsdb-server", "frr", "proxmox-backup", "proxmox-backup-proxy", "linstor-satellite",
    }
)  # fmt: skip
"""Services below them."""

DESCRIPTIONS: Mapping[str, str] = {
    "The Proxmox VE cluster filesystem": "pve-cluster",
    "PVE Status Daemon": "pvestatd",
    "PVE API Daemon": "pvedaemon",
    "PVE API Proxy Server": "pveproxy",
    "PVE SPICE Proxy Server": "spiceproxy",
    "Proxmox VE scheduler": "pvescheduler",
    "Proxmox VE firewall": "pve-firewall",
    "Proxmox VE firewall logger": "pvefw-logger",
    "PVE guests": "pve-guests",
    "PVE Qemu Event Daemon": "qmeventd",
    "PVE Local HA Resource Manager Daemon": "pve-ha-lrm",
    "PVE Cluster HA Resource Manager Daemon": "pve-ha-crm",
    "PVE Cluster Resource Manager Daemon": "pve-ha-crm",
    "Proxmox VE watchdog multiplexer": "watchdog-mux",
    "chrony, an NTP client/server": "chrony",
    "Network Time Synchronization": "systemd-timesyncd",
    "Raise network interfaces": "networking",
    "Network initialization": "networking",
    "Journal Service": "systemd-journald",
    "Import ZFS pools by cache file": "zfs-import-cache",
    "Import ZFS pools by device scanning": "zfs-import-scan",
    "Mount ZFS filesystems": "zfs-mount",
    "FUSE filesystem for LXC": "lxcfs",
}
"""What systemd calls the units before it names them beside (systemd 249); the descriptions are those of the units' files."""

_CEPH = regex(r"^ceph-(?:osd|mon|mgr|mds|volume)@\S+$")
_PROCESSES: Mapping[str, str] = {
    "pmxcfs": "pve-cluster",
    "pveproxy worker": "",
    "pvedaemon worke": "",
    "spiceproxy work": "",
    "chronyd": "chrony",
    "ovs-vswitchd": "openvswitch-switch",
}


def unit_of(unit: str, description: str = "") -> str:
    """The short name of a unit that matters; empty for every other one. `unit` may carry its suffix (`.service`)."""
    name = unit.strip().removesuffix(".service")
    if not name and description:
        name = DESCRIPTIONS.get(description.strip(), "")
    return name if name in OWN or name in BASE or _CEPH.match(name) else ""


def unit_of_process(process: str) -> str:
    """The unit whose main process has that name in the kernel's words (15 characters); empty if it is none or a worker."""
    name = process.strip()
    return unit_of(_PROCESSES.get(name, name))


def is_own(unit: str) -> bool:
    """True for a daemon of Proxmox VE itself."""
    return unit in OWN
