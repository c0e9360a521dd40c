"""The estate: guests, disks, storages, replication jobs and HA resources as the cluster's configuration and lists have them.

What the bundle does not hold is None, which is not the same as empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import field
from msgspec.structs import force_setattr

from pveforensics.lazyregex import regex
from pveforensics.model import NOTHING, Evidence
from pveforensics.timebase import Instant
from pveforensics.value import Value

ALWAYS_SHARED = frozenset({"nfs", "cifs", "rbd", "cephfs", "iscsi", "iscsidirect", "zfs", "drbd", "pbs", "glusterfs"})
"""Storage types that are the same on all nodes by nature (pve-storage:src/PVE/Storage/*Plugin.pm)."""

SHARED_IF_SAID = frozenset({"dir", "lvm", "btrfs", "esxi"})
"""Types that are taken as shared where `shared 1` is set: an assertion that nobody checks."""

RECOVERY_CLEARS = frozenset({"backup", "mounted", "migrate", "clone", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended"})
"""Locks that HA's recovery removes (pve-ha-manager:src/PVE/HA/Manager.pm since 3.0-5 of PVE 6.1)."""

OLD_RECOVERY_CLEARS = frozenset({"backup", "mounted"})
"""Those that it removed before."""

_REPLICATE = regex(r"__replicate_(?P<job>\d+-\d+)_(?P<epoch>\d{9,11})__", re.ASCII)


class Disk(Value, frozen=True):
    """One disk, mount point or drive of a guest.

    `kind` is disk, efi, tpm, rootfs, mount, vmstate, unused, cdrom, cloudinit, bind (a path of the host), device (a device of the host).
    """

    key: str
    kind: str
    storage: str = ""
    volume: str = ""
    options: Mapping[str, str] = NOTHING
    evidence: Evidence | None = None

    @property
    def name(self) -> str:
        """The volume's own name, without the base image that it is linked to."""
        return self.volume.rpartition("/")[2]

    @property
    def shared(self) -> bool:
        """True if the configuration asserts that it is the same on all nodes."""
        return self.options.get("shared") == "1"

    @property
    def replicated(self) -> bool:
        """False if the disk is excluded from replication."""
        return self.options.get("replicate", "1") != "0"


class Guest(Value, frozen=True):
    """A guest as its configuration has it: `sid` as HA calls it (`vm:100`), all own keys in `options`.

    `node` is where its configuration lies; of a guest that HA moved in vain it is the node before, and `landed` the one it lies on now.
    """

    sid: str
    vmid: str
    node: str
    name: str = ""
    lock: str = ""
    disks: tuple[Disk, ...] = ()
    snapshots: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    options: Mapping[str, str] = NOTHING
    lines: Mapping[str, Evidence] = field(default_factory=dict)
    evidence: Evidence | None = None
    landed: str = ""
    landing: Evidence | None = None

    @property
    def template(self) -> bool:
        """True for a template, which never starts."""
        return self.options.get("template") == "1"


class Storage(Value, frozen=True):
    """A section of storage.cfg; `nodes` None where it is not limited."""

    id: str
    type: str
    nodes: frozenset[str] | None = None
    said_shared: bool = False
    disabled: bool = False
    content: str = ""
    options: Mapping[str, str] = NOTHING
    evidence: Evidence | None = None

    @property
    def shared(self) -> bool:
        """True if it is the same on all nodes, by its nature or because the configuration says so."""
        return self.type in ALWAYS_SHARED or (self.said_shared and self.type not in ("zfspool", "lvmthin"))

    def on(self, node: str) -> bool:
        """True if the configuration lets a node use it; `local` is on every node whatever it says."""
        return self.id == "local" or self.nodes is None or node in self.nodes


class Job(Value, frozen=True):
    """A job of storage replication."""

    id: str
    vmid: str
    target: str
    source: str = ""
    schedule: str = "*/15"
    disabled: bool = False
    removing: bool = False
    evidence: Evidence | None = None


class HaResource(Value, frozen=True):
    """A guest under HA; `state` as requested."""

    sid: str
    state: str = "started"
    group: str = ""
    evidence: Evidence | None = None

    @property
    def wanted(self) -> bool:
        """True if HA starts the guest elsewhere when its node is lost."""
        return self.state in ("started", "enabled")


class Affinity(Value, frozen=True):
    """A group (PVE 4 to 8) or a node-affinity rule (PVE 9): nodes with their priorities."""

    id: str
    nodes: Mapping[str, int]
    strict: bool = False
    resources: frozenset[str] = frozenset()
    evidence: Evidence | None = None


class Dropped(Value, frozen=True):
    """A rule that HA ignores, and why (pve-ha-manager:src/PVE/HA/Rules)."""

    id: str
    why: str
    evidence: Evidence | None = None


class Snap(Value, frozen=True):
    """A snapshot of a dataset; `guid` and `creation` (epoch seconds) empty where the list does not show them."""

    name: str
    guid: str = ""
    creation: int | None = None
    evidence: Evidence | None = None


class Listing(Value, frozen=True):
    """The datasets of one node: `datasets` those listed themselves, `snapshots` by dataset; `latest` the newest moment that it shows."""

    datasets: Mapping[str, Mapping[str, str]]
    snapshots: Mapping[str, tuple[Snap, ...]]
    evidence: Mapping[str, Evidence]
    latest: int = 0

    def holds(self, dataset: str) -> bool | None:
        """Whether the node has the dataset; None if the list shows snapshots only and none of it."""
        if dataset in self.datasets or dataset in self.snapshots:
            return True
        return False if self.datasets else None


class Sync(Value, frozen=True):
    """What a source node knows of a job's last runs. `last` None: never, or not known if `told` is False."""

    vmid: str
    source: str
    target: str
    last: Instant | None = None
    told: bool = True
    failures: int = 0
    error: str = ""
    duration_s: float | None = None
    seen: Instant | None = None
    running: bool = False
    evidence: Evidence | None = None


class Estate(Value, frozen=True):
    """All of it. A part that no file of the bundle tells is None; `whole` if a copy of /etc/pve holds all that there is."""

    nodes: tuple[str, ...] = ()
    guests: Mapping[str, Guest] = field(default_factory=dict)
    storages: Mapping[str, Storage] | None = None
    jobs: tuple[Job, ...] | None = None
    resources: tuple[HaResource, ...] | None = None
    groups: Mapping[str, Affinity] | None = None
    rules: tuple[Affinity, ...] | None = None
    apart: Mapping[str, frozenset[str]] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    mappings: Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]] | None = None
    listings: Mapping[str, Listing] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[tuple[str, str], Evidence]] = field(default_factory=dict)
    status: Mapping[str, Mapping[str, tuple[str, str, Evidence | None]]] = field(default_factory=dict)
    bridges: Mapping[str, frozenset[str]] = field(default_factory=dict)
    vnets: frozenset[str] = frozenset()
    devices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    syncs: tuple[Sync, ...] = ()
    recovery_clears: frozenset[str] = RECOVERY_CLEARS
    whole: bool = False
    _jobs_of: Mapping[str, tuple[Job, ...]] = field(default_factory=dict)
    _syncs_of: Mapping[tuple[str, str, str], Sync] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index what is asked for once per guest and node."""
        jobs: dict[str, tuple[Job, ...]] = {}
        for job in self.jobs or ():
            jobs[job.vmid] = (*jobs.get(job.vmid, ()), job)
        force_setattr(self, "_jobs_of", jobs)
        force_setattr(self, "_syncs_of", {(each.vmid, each.source, each.target): each for each in reversed(self.syncs)})

    def storage(self, name: str) -> Storage | None:
        """The storage of a name; `local` is there even if no file says so (pve-storage:src/PVE/Storage/Plugin.pm)."""
        found = (self.storages or {}).get(name)
        return found or (Storage("local", "dir", options={"path": "/var/lib/vz"}) if name == "local" else None)

    def jobs_of(self, vmid: str) -> tuple[Job, ...]:
        """The jobs of a guest."""
        return self._jobs_of.get(vmid, ())

    def sync(self, vmid: str, source: str, target: str) -> Sync | None:
        """What the source knows of its runs to a target."""
        return self._syncs_of.get((vmid, source, target))

    def dataset(self, disk: Disk) -> str:
        """The dataset that holds a disk on a `zfspool`; an empty string for other storages."""
        storage = self.storage(disk.storage)
        pool = storage.options.get("pool", "") if storage is not None and storage.type == "zfspool" else ""
        return f"{pool}/{disk.name}" if pool and disk.name else ""

    def same_group(self, group: str, one: str, other: str) -> bool:
        """True if two nodes list a volume group of one name with the very same volumes: then it may be one LUN that both see."""
        here, there = ({lv for vg, lv in self.volumes.get(node, {}) if vg == group} for node in (one, other))
        return bool(here) and here == there


def epoch_of(snapshot: str) -> tuple[str, int] | None:
    """Job and epoch in the name of a snapshot that replication made; None for another's."""
    found = _REPLICATE.fullmatch(snapshot)
    return (found["job"], int(found["epoch"])) if found else None
