"""Events as marks: the lane in which each kind stands, and marks that share a place as one."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import msgspec

from pveforensics.report import shape, words
from pveforensics.report.actions import acts

_FAMILIES = (
    ("watchdog", ("watchdog_", "softdog", "hardware_watchdog", "kernel_watchdog", "corosync_watchdog")),
    ("network", ("corosync_", "totem_", "knet_", "ring_", "qdevice_", "qnetd", "net.", "nic_", "bond_", "bridge_", "network_", "quorum_", "pacemaker")),
    ("HA CRM", ("crm_", "node_fence", "service_state", "ha_service_recover", "ha_service_move", "ha_service_reloc", "ha_service_failback")),
    ("HA LRM", ("lrm_", "ha_", "ha.", "node_maintenance", "node_reboot", "node_poweroff", "node_shutdown")),
    ("host", (
        "boot_", "clean_", "kexec_", "kernel_", "kernel.", "hardware", "memory_error", "thermal", "oom", "host.", "power_", "ups_", "bmc_", "sysrq_",
        "nmi_", "soft_lockup", "hard_lockup", "rcu_", "hung_", "previous_reset", "pstore", "clock_", "time.", "syslog_nul", "process.",
    )),
    ("pmxcfs", ("pmxcfs_", "etc_pve", "cfs_", "cluster_not_ready", "lock.cfs", "guests_waiting")),
    ("storage", ("storage.", "zfs_", "disk_", "filesystem_", "pvezsync.")),
    ("guests", ("guest.", "backup.", "migration.", "replication.", "task.", "vm_", "pve_guests", "lock.")),
)  # fmt: skip
"""Beginnings of kinds and the lane of the node in which they stand; the first that fits holds."""
OTHER = "other"
KINDS_NAMED = 40
"""Kinds named by one mark; the others are counted."""


class Mark(msgspec.Struct, frozen=True):
    """What happened at one place of a lane: from the first to the last moment, how often, and what."""

    first: int
    last: int
    count: int
    what: str


@functools.lru_cache(maxsize=4096)
def lane_of(kind: str) -> str:
    """The lane of a kind of event: of people, of a part of the node, or the explicit one for all others."""
    if acts(kind):
        return "people"
    return next((name for name, starts in _FAMILIES if kind.startswith(starts)), OTHER)


def merged(moments: Iterable[tuple[int, str, int]], apart: int) -> list[Mark]:
    """Marks for (moment, kind, count); those nearer than `apart` microseconds to the first of a mark are one."""
    found: list[Mark] = []
    group: list[tuple[int, str, int]] = []
    apart = max(1, apart)
    for one in sorted(moments):
        if group and one[0] - group[0][0] >= apart:
            found.append(_mark(group))
            group = []
        group.append(one)
    return [*found, _mark(group)] if group else found


def _mark(group: list[tuple[int, str, int]]) -> Mark:
    kinds: dict[str, int] = {}
    for _, kind, count in group:
        kinds[kind] = kinds.get(kind, 0) + count
    named = [f"{kind} ×{count}" if count > 1 else kind for kind, count in list(kinds.items())[:KINDS_NAMED]]
    more = f" and {len(kinds) - KINDS_NAMED} more kinds" if len(kinds) > KINDS_NAMED else ""
    return Mark(group[0][0], group[-1][0], sum(kinds.values()), ", ".join(named) + more)


class Kind(msgspec.Struct, frozen=True):
    """One kind of event in the table: lane, nodes, how often, first and last moment, and a line."""

    kind: str
    lane: str
    nodes: str
    count: int
    first: int | None
    last: int | None
    evidence: tuple[str, ...]


def kinds(events: Iterable[shape.Event]) -> tuple[Kind, ...]:
    """Every kind of event of the document."""
    by: dict[str, list[shape.Event]] = {}
    for event in events:
        by.setdefault(event.kind, []).append(event)
    return tuple(_kind(kind, by[kind]) for kind in sorted(by))


def _kind(kind: str, events: list[shape.Event]) -> Kind:
    times = [us for event in events for time in (event.at, event.last) if time and (us := words.micros(time)) is not None]
    nodes = words.names(tuple(dict.fromkeys(event.node for event in events if event.node)), 5)
    line = next((event.evidence[:1] for event in events if event.evidence), [])
    return Kind(
        kind, lane_of(kind), nodes, sum(event.count for event in events), min(times, default=None), max(times, default=None), tuple(line)
    )
