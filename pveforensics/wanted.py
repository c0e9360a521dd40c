"""What a bundle should hold of each node: which question each piece answers, and the command that gets it."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from pveforensics.lazyregex import regex
from pveforensics.value import Value

LOG, BOOT_BEFORE, ZONE = "whole log", "boot before", "zone"
"""What is asked of a node beside kinds of files: a log of all its programs, one of the boot before its last, the zone of its stamps."""

NODE, CLUSTER = "node", "cluster"

_HOST = regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9-]{1,63}){0,10}", re.ASCII)


class Want(Value, frozen=True):
    """One piece of evidence.

    It is there if one of the kinds `met_by` is (kinds of sources and of dumps, or LOG, BOOT_BEFORE, ZONE): on the node, or for `scope`
    CLUSTER anywhere, as /etc/pve is the same on all. It is asked for only where one of `if_any` (`ha`, `replication`, `zfs`, `cluster`,
    `boot`; empty: always) is known to hold. `decisive` tells what a verdict rests on from what makes it richer.
    """

    id: str
    what: str
    question: str
    why: str
    command: str
    met_by: frozenset[str]
    scope: str = NODE
    decisive: bool = False
    if_any: frozenset[str] = frozenset()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


WANTED: tuple[Want, ...] = (
    Want(
        "system-log", "the system log, of all programs", "Why did the node go down, and what came first?",
        "a log of some programs proves nothing about what the others did not say",
        "journalctl --since=-2d -o short-iso-precise --no-pager", frozenset({LOG}), decisive=True,
    ),
    Want(
        "boot-before", "the log of the boot before the last one", "What did the node say up to its end?",
        "the boot that died is not the one that runs when logs are collected",
        "journalctl -b -1 -o short-iso-precise --no-pager", frozenset({BOOT_BEFORE}), decisive=True, if_any=_set("boot"),
    ),
    Want(
        "boots", "its boots and shutdowns", "When did it boot, and was it shut down in order?",
        "wtmp and the list of boots survive where logs were rotated away",
        "last -xFw; journalctl --list-boots --no-pager", _set("boot_list last wtmp"),
    ),
    Want(
        "time-zone", "its time zone", "What time was it really?",
        "syslog and journal texts tell neither zone nor year",
        "timedatectl", frozenset({ZONE}), decisive=True,
    ),
    Want(
        "corosync-conf", "corosync.conf", "Who belongs to the cluster, with how many votes and links?",
        "without it nobody can say which node is missing, or who could have had quorum",
        "cat /etc/pve/corosync.conf /etc/corosync/corosync.conf", _set("corosync.conf"), scope=CLUSTER, decisive=True, if_any=_set("cluster"),
    ),
    Want(
        "quorum-status", "the quorum as the node sees it", "Who has quorum now, and with how many votes?",
        "it confirms or contradicts what the logs tell",
        "pvecm status; corosync-quorumtool -siH", _set("quorum_status"), if_any=_set("cluster"),
    ),
    Want(
        "link-status", "the state of its links", "Which link to which node is down?",
        "logs tell changes only; a link that never came up says nothing",
        "corosync-cfgtool -s; corosync-cfgtool -n", _set("link_status"), if_any=_set("cluster"),
    ),
    Want(
        "ha-config", "the configuration of HA", "Which guests does HA keep, and where may it start them?",
        "only an armed watchdog resets a node, and only HA arms it",
        "tar -C /etc/pve -czf ha.tgz ha", _set("ha_resources ha_status manager_status"), scope=CLUSTER, decisive=True, if_any=_set("cluster"),
    ),
    Want(
        "ha-status", "the state of HA", "What did HA want of each guest and node?",
        "manager_status and lrm_status tell what the manager decided last",
        "ha-manager status -v; cat /etc/pve/ha/manager_status", _set("ha_status manager_status"), scope=CLUSTER, if_any=_set("ha"),
    ),
    Want(
        "guests", "the guests and their configurations", "Which guest was where, on which storage, and is it locked?",
        "names, disks and locks stand nowhere else",
        "cat /etc/pve/.vmlist; qm list; pct list", _set("guest_config vmlist qm_list pct_list"), scope=CLUSTER,
    ),
    Want(
        "storages", "the configuration of the storages", "Could another node have started the guest with its data?",
        "whether a disk is shared, replicated or on one node alone decides it",
        "grep -vi pass /etc/pve/storage.cfg", _set("storage_cfg"), scope=CLUSTER,
    ),
    Want(
        "storage-status", "the state of its storages", "Which storage is offline, and for whom?",
        "pvestatd logs the failure, not which storages are well",
        "timeout -k 2 30 pvesm status", _set("pvesm_status"),
    ),
    Want(
        "replication-jobs", "the replication jobs", "Which disk is copied where, and how often?",
        "how old the data after a fail-over is depends on it",
        "cat /etc/pve/replication.cfg", _set("replication_cfg pvesr_list"), scope=CLUSTER, if_any=_set("ha zfs replication"),
    ),
    Want(
        "replication-state", "the state of its replication", "When did each job last succeed?",
        "it is overwritten when the old node comes back: take it before",
        "pvesr status; cat /var/lib/pve-manager/pve-replication-state.json", _set("replication_state pvesr_status"),
        decisive=True, if_any=_set("replication"),
    ),
    Want(
        "snapshots", "its ZFS snapshots", "Do source and target still share a snapshot?",
        "without a common one the replica is dead, and no log says so",
        "zfs list -p -t snapshot -o name,guid,creation", _set("zfs_list"), decisive=True, if_any=_set("replication"),
    ),
    Want(
        "pools", "the state of its ZFS pools", "Is a pool degraded, suspended or full?",
        "a suspended pool stops everything on it without many words",
        "timeout -k 2 20 zpool status", _set("zpool_status"), if_any=_set("zfs"),
    ),
    Want(
        "tasks", "its tasks", "Who started, stopped, moved or backed up what?",
        "the task index names user and result of each action",
        "tar -C /var/log/pve -czf tasks.tgz tasks", _set("task_list task_log"),
    ),
    Want(
        "changes", "its package history", "What was changed before it happened?",
        "an upgrade an hour before is a suspect",
        "cat /var/log/apt/history.log; zcat /var/log/apt/history.log.1.gz", _set("apt_history dpkg_log"),
    ),
    Want(
        "versions", "its versions", "Is this a known fault of a version?",
        "messages and defaults differ between versions",
        "pveversion -v", _set("pveversion"),
    ),
    Want(
        "network", "its network configuration", "Do corosync, storage and backup share one wire?",
        "links on one bond or VLAN fail together",
        "cat /etc/network/interfaces /etc/hosts", _set("interfaces"),
    ),
    Want(
        "bmc", "the event log of its BMC", "Did power or hardware fail?",
        "the only witness that does not lose power with the node",
        "ipmitool sel elist", _set("sel"),
    ),
)  # fmt: skip
"""In the order in which they are asked for: what decides most first."""


def missing(have: AbstractSet[str], anywhere: AbstractSet[str], facts: AbstractSet[str], scope: str = NODE) -> tuple[Want, ...]:
    """The wants of a scope that `have` (of the node) or `anywhere` (in the bundle) does not meet, given what is known to hold."""
    return tuple(
        want
        for want in WANTED
        if want.scope == scope and (not want.if_any or want.if_any & facts) and not want.met_by & (anywhere if scope == CLUSTER else have)
    )


def collect_command(node: str) -> str:
    """The command that gets all of this from one node at once; what is no host's name is not put into a command."""
    name = node if _HOST.fullmatch(node) and node != "unknown" else "NODE"
    return f"pveforensics collect | ssh root@{name} sh -s -- -o - > {name}.tgz"
