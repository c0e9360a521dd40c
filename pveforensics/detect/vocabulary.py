"""The words that rules may use: classes, causes, states with their fields, and commands that need a caution."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from pveforensics.lazyregex import regex

CLASSES: frozenset[str] = frozenset(
    {
        "fencing", "unclean_boot", "planned_shutdown", "quorum_loss", "network_failure", "node_lost", "service_failure",
        "storage_failure", "stuck_lock", "replication_failure", "replication_divergence", "ha_replication_mismatch",
        "ha_failure", "kernel_crash", "hardware_error", "resource_exhaustion", "clock_jump", "task_failure",
        "misconfiguration", "near_miss", "evidence_gap",
    }
)  # fmt: skip
"""Classes of findings."""

CAUSES: frozenset[str] = frozenset(
    {
        "network", "storage_stall", "starved_host", "kernel_panic", "hardware", "power_loss", "reset_button_or_bmc",
        "hypervisor_reset", "thermal", "out_of_memory", "daemon_crash", "clock_step", "operator", "planned",
        "configuration", "fencing", "unknown",
    }
)  # fmt: skip
"""Names of causes."""

ENDED_BY: frozenset[str] = frozenset({"clean_shutdown", "fencing", "kernel_crash", "power_loss", "unclean_unknown", "end_of_log"})
"""How a boot ended, in the words of the case document."""


class State(NamedTuple):
    """A state that a tracker makes: the fields of its intervals and who sees it.

    `seen_by` is `self` (only the node's own log shows it) or `any` (one node's log is enough). `shown_by` names the files that
    show a state of the configuration: its absence is known if one of them is in the bundle, whatever the logs cover.
    """

    fields: frozenset[str]
    seen_by: str = "self"
    shown_by: frozenset[str] = frozenset()


def _fields(words: str) -> frozenset[str]:
    return frozenset(words.split())


SOURCES: dict[str, str] = {
    "totem": "corosync.conf",
    "ha_resources": "/etc/pve/ha/resources.cfg",
    "guest_config": "configuration of any guest",
    "replication_state": "pve-replication-state.json",
    "pvesr_status": "output of `pvesr status`",
    "zfs_list": "output of `zfs list -t snapshot`",
    "lvs": "output of `lvs`",
    "replication_cfg": "/etc/pve/replication.cfg",
    "pveversion": "output of `pveversion -v`",
    "timedatectl": "output of `timedatectl`",
    "df": "output of `df`",
    "interfaces": "/etc/network/interfaces",
    "ha_rules": "/etc/pve/ha/rules.cfg",
    "ha_groups": "/etc/pve/ha/groups.cfg",
    "datacenter": "/etc/pve/datacenter.cfg",
    "storage_cfg": "/etc/pve/storage.cfg",
    "pvesm_status": "output of `pvesm status`",
    "jobs_cfg": "/etc/pve/jobs.cfg",
    "journald_conf": "/etc/systemd/journald.conf",
    "ceph_conf": "/etc/pve/ceph.conf",
    "ha_defaults": "/etc/default/pve-ha-manager",
    "certificate": "certificate of a node (pve-ssl.pem)",
    "apt_history": "apt's history.log",
    "apt_term": "apt's term.log",
    "dpkg_log": "dpkg.log",
}
"""Kinds of dumps, and sections of settings, that show states of the configuration; with their names for a reader."""


def _shown(fields: str, sources: str) -> State:
    """A state of the configuration, shown by the files of these kinds."""
    return State(_fields(fields), shown_by=_fields(sources))


_VOLUME = "guest jobid volume source target rule told said why last ha"
_JOB = "jobid guest target failures error cause ha level age_s age allowed"
_CONFIG = "what told said why size guest storage"
_STORAGE = "storage kind why told ids also holds how phase blocked count closed_by guests lying"

STATES: dict[str, dict[str, State]] = {
    "node": {
        "running": State(_fields("boot_id kernel")),
        "ended": State(
            _fields("manner by who why first_lost boot_id kernel armed expired followed gap_s markers unclean_markers restarted_by")
        ),
        "stopping": State(_fields("by")),
        "no_log": State(_fields("why"), "any"),
        "inquorate": State(_fields("opened_by closed_by votes expected needed members")),
        "unreachable": State(_fields("manner seen_by side own_log"), "any"),
        "network_trouble": State(
            _fields(
                "reporters peers links token_losses token_warnings memberships retransmits flaps redundancy quorum shape "
                "explained_by decided nic"
            ),
            "any",
        ),
        "paused": State(_fields("ms threshold")),
        "bmc_record": State(_fields("what said")),
        "last_word": State(_fields("source said lrm mode"), "any"),
        "quorum_contradiction": State(_fields("said computed by votes needed members why")),
        "fence_claimed": State(_fields("acknowledged master seconds planned own_log to_unknown to_fence"), "any"),
        "watchdog_expiring": State(_fields("outcome client said why")),
    },
    "link": {"down": State(_fields("from_id to_id ended last_link to link"))},
    "qdevice": {"lost": State(_fields("lines"))},
    "service": {
        "running": State(_fields("unit ended version")),
        "down": State(_fields("unit ended version why restarted restarts own count closed_by")),
        "blocked": State(_fields("unit how why count alone support closed_by")),
    },
    "ha": {
        "armed": State(_fields("closed_by")),
        "dead": State(_fields("said age_s source"), "any"),
    },
    "crm": {},
    "guest": {
        "down": State(_fields("node_before node_after planned name why state closed_by source data_age_s"), "any"),
        "error": State(_fields("node source"), "any"),
        "unplaced": State(_fields("node source"), "any"),
        "restored": State(_fields("guest vmid name node_before node_after jobid age age_s last disks data allowed returned"), "any"),
        "doubled": State(_fields("guest vmid other"), "any"),
        "placement": _shown("guest vmid name home nodes row about verdict severity why fix disk storage first lower", "ha_resources"),
    },
    "storage": {state: State(_fields(_STORAGE)) for state in ("offline", "slow", "degraded", "full")},
    "memory": {"exhausted": State(_fields("comm pid scope guest unit asked"))},
    "filesystem": {"full": State(_fields("path count closed_by"))},
    "disk": {"failing": State(_fields("dev why count lost readonly remote phase pool closed_by"))},
    "task": {"failed": State(_fields("type how guest error user upid"))},
    "config": {
        **dict.fromkeys(("votes", "links", "flags", "token", "copies"), _shown(_CONFIG, "totem")),
        **dict.fromkeys(("network", "paths"), _shown(_CONFIG, "interfaces")),
        "migration": _shown(_CONFIG, "datacenter"),
        "ceph": _shown(_CONFIG, "ceph_conf"),
        "versions": _shown(_CONFIG, "pveversion"),
        "rules": _shown(_CONFIG, "ha_rules"),
        "groups": _shown(_CONFIG, "ha_groups ha_rules"),
        "mounts": _shown(_CONFIG, "storage_cfg"),
        "capacity": _shown(_CONFIG, "pvesm_status lvs"),
        "backup": _shown(_CONFIG, "jobs_cfg"),
        "unwatched": _shown(_CONFIG, "ha_resources"),
        "cache": _shown(_CONFIG, "guest_config"),
        "replication": _shown(_CONFIG, "replication_cfg"),
        "journal": _shown(_CONFIG, "journald_conf"),
        "watchdog": _shown(_CONFIG, "ha_defaults"),
    },
    "certificate": dict.fromkeys(("expired", "unrenewed"), _shown("file subject until days", "certificate")),
    "packages": {"broken": _shown("how packages why command", "apt_history apt_term dpkg_log pveversion")},
    "package": {"installed": _shown("package version", "pveversion")},
    "lock": {
        "set": _shown("guest vmid lock held why said proof boot_clears recovery_clears cleared advice written ha tool", "guest_config"),
        "met": State(_fields("guest vmid lock held count closed_by")),
    },
    "volume": {
        "diverged": _shown(f"{_VOLUME} age", "zfs_list"),
        "orphan": _shown(_VOLUME, "zfs_list lvs"),
    },
    "job": {
        "stale": _shown(_JOB, "replication_state pvesr_status"),
        "failing": _shown(_JOB, "replication_state pvesr_status"),
        "failed": State(_fields("jobid guest sid error cause count closed_by")),
        "unfinished": State(_fields("jobid guest sid last died")),
    },
    "clock": {
        "stepped": State(_fields("seconds size why at_boot")),
        "off": State(_fields("seconds size error against anchors duration"), "any"),
    },
    "setting": {},
}
"""Subject kind, state, fields. `ha`, `crm` and `setting` also take the daemons' own words."""

DAEMON_WORDS: dict[str, frozenset[str]] = {
    "ha": frozenset({"startup", "wait_for_agent_lock", "active", "lost_agent_lock", "maintenance", "restart", "shutdown", "idle"}),
    "crm": frozenset({"startup", "wait_for_quorum", "master", "slave", "lost_manager_lock", "idle"}),
}
"""States of LRM and CRM (pve-ha-manager:src/PVE/HA/LRM.pm, CRM.pm)."""

DAEMON_FIELDS: frozenset[str] = frozenset({"armed", "regained", "to", "closed_by"})
"""Fields of the intervals in which the LRM or CRM is in one of its states."""


def state_problem(kind: str, state: str, field_names: frozenset[str]) -> str:
    """What is wrong with a state clause, or an empty string."""
    if kind not in STATES:
        return f"unknown subject kind '{kind}'; known: {', '.join(sorted(STATES))}"
    known = STATES[kind]
    if kind == "setting":
        return ""
    if state in DAEMON_WORDS.get(kind, frozenset()):
        unknown = sorted(field_names - DAEMON_FIELDS)
        return f"{kind}.{state} has no field '{unknown[0]}'; it has: {', '.join(sorted(DAEMON_FIELDS))}" if unknown else ""
    if state not in known:
        words = sorted(set(known) | DAEMON_WORDS.get(kind, frozenset()))
        return f"unknown state '{kind}.{state}'; known: {', '.join(words)}"
    unknown = sorted(field_names - known[state].fields)
    if unknown:
        return f"{kind}.{state} has no field '{unknown[0]}'; it has: {', '.join(sorted(known[state].fields)) or 'none'}"
    return ""


@functools.cache
def shown_by(states: tuple[str, ...]) -> frozenset[str]:
    """The files that show one of the states; empty if logs show them."""
    found = (STATES.get(kind, {}).get(word) for kind, word in (state.split(".", 1) for state in states))
    return frozenset(source for state in found if state is not None for source in state.shown_by)


@functools.cache
def seen_by_peers(states: tuple[str, ...]) -> bool:
    """True if a log of any node can show each of the states."""
    known = [STATES.get(kind, {}).get(word) for kind, word in (state.split(".", 1) for state in states)]
    return all(state is not None and state.seen_by == "any" for state in known)


DANGEROUS: tuple[tuple[re.Pattern[str], str], ...] = (
    (regex(r"\bpvecm\s+(expected|delnode|add|qdevice)\b"), "it changes the votes or the members of the cluster"),
    (regex(r"\brm\s"), "it deletes files"),
    (regex(r"\bdd\s"), "it overwrites what it is pointed at"),
    (regex(r"\b(mkfs|wipefs|sgdisk|blkdiscard)"), "it destroys what is on the disk"),
    (regex(r"\b(qm|pct)\s+(unlock|destroy|stop|rollback)\b"), "it acts on a guest that may be in use"),
    (regex(r"\bha-manager\b.*\b(remove|disarm-ha)\b"), "the guest is no longer watched over"),
    (regex(r"\b(zfs|zpool)\s+(destroy|rollback|clear|labelclear|remove|export)\b"), "data can be lost"),
    (regex(r"\b(lvremove|vgremove|pvremove|lvconvert\s+--repair)\b"), "data can be lost"),
    (
        regex(r"\bsystemctl\s+(stop|kill|restart|mask|disable)\s+\S*(corosync|pve-cluster|pve-ha-lrm|pve-ha-crm|watchdog)"),
        "it can fence the node it is typed on",
    ),
    (regex(r"\b(corosync-cfgtool\s+-[HkR]|pmxcfs\s+-l)"), "it acts on the whole cluster stack"),
    (regex(r"/dev/watchdog|\bwdctl\b|nowayout"), "it can reset the node"),
    (regex(r"\b(reboot|poweroff|shutdown)\b|sysrq"), "it ends the node"),
    (regex(r"\bpvesr\s+(delete|disable)\b"), "it removes the replica"),
    (regex(r"\b(ipmitool|ipmi-power)\b.*\b(power|chassis)\b.*\b(off|cycle|reset)\b"), "it cuts the power of the node"),
)
"""Commands that must not stand in a remedy without a caution, and why."""


def danger_of(command: str) -> str:
    """Why a command is dangerous, or an empty string."""
    return next((why for pattern, why in DANGEROUS if pattern.search(command)), "")
