"""Readers of status dumps, one kind each: what a command or a state file said at one moment."""

from __future__ import annotations

from pveforensics.state.dumps import (
    apt_term,
    boot_list,
    certificates,
    clock,
    collect_manifest,
    devices,
    guest_lists,
    ha_status,
    json_cluster,
    json_state,
    last,
    link_status,
    metrics,
    packages,
    quorum_status,
    replication_lists,
    sel,
    storage_lists,
    task_files,
    unit_status,
    wtmp,
    zfs_list,
    zpool_status,
)
from pveforensics.state.page import Reader

PASTED: tuple[Reader, ...] = (
    Reader(quorum_status.KIND, quorum_status.score, quorum_status.read),
    Reader(link_status.KIND, link_status.score, link_status.read),
    Reader(ha_status.KIND, ha_status.score, ha_status.read),
    Reader(boot_list.KIND, boot_list.score, boot_list.read),
    Reader(last.KIND, last.score, last.read),
    Reader(sel.KIND, sel.score, sel.read),
    Reader(zpool_status.KIND, zpool_status.score, zpool_status.read),
    Reader("timedatectl", clock.score_timedatectl, clock.read_timedatectl),
    Reader(replication_lists.LIST, replication_lists.score_list, replication_lists.read_list),
    Reader(replication_lists.STATUS, replication_lists.score_status, replication_lists.read_status),
    Reader(storage_lists.PVESM, storage_lists.score_pvesm, storage_lists.read_pvesm),
    Reader(storage_lists.LVS, storage_lists.score_lvs, storage_lists.read_lvs),
    Reader(storage_lists.DF, storage_lists.score_df, storage_lists.read_df),
    Reader(zfs_list.KIND, zfs_list.score, zfs_list.read),
    Reader(guest_lists.QM, guest_lists.score_qm, guest_lists.read_qm),
    Reader(guest_lists.PCT, guest_lists.score_pct, guest_lists.read_pct),
    Reader(devices.KIND, devices.score, devices.read),
    Reader(packages.VERSIONS, packages.score_versions, packages.read_versions),
    Reader(unit_status.KIND, unit_status.score, unit_status.read),
)
"""Outputs of commands that people paste one below the other: all that fit a page read it."""

WHOLE: tuple[Reader, ...] = (
    Reader(collect_manifest.KIND, collect_manifest.score, collect_manifest.read),
    Reader("json_state", json_state.score, json_state.read),
    Reader("wtmp", wtmp.score_binary, wtmp.read_binary),
    Reader("wtmpdb", wtmp.score_database, wtmp.read_database),
    Reader("date", clock.score_date, clock.read_date),
    Reader(task_files.LIST, task_files.score_list, task_files.read_list),
    Reader(task_files.LOG, task_files.score_log, task_files.read_log),
    Reader(json_cluster.VMLIST, json_cluster.score_vmlist, json_cluster.read_vmlist),
    Reader(json_cluster.REPLICATION, json_cluster.score_replication, json_cluster.read_replication),
    Reader(packages.APT, packages.score_apt, packages.read_apt),
    Reader(packages.DPKG, packages.score_dpkg, packages.read_dpkg),
    Reader(metrics.KIND, metrics.score, metrics.read),
    Reader(apt_term.KIND, apt_term.score, apt_term.read),
    Reader(certificates.KIND, certificates.score, certificates.read),
)
"""Files that are one thing from beginning to end."""

DATED = frozenset({packages.DPKG})
"""Kinds of documents whose lines carry stamps and are no log all the same: they show nothing of what else went on."""

QUOTING = frozenset({task_files.LOG, collect_manifest.FAILED_COMMAND, collect_manifest.OTHER_COMMAND})
"""Kinds of documents in which daemons and tools speak without stamps: their lines are also searched for known messages."""
