"""Readers of status dumps, one kind each: what a command or a state file said at one moment."""

from __future__ import annotations

from pveforensics.state.dumps import (
    boot_list,
    clock,
    ha_status,
    json_state,
    last,
    link_status,
    quorum_status,
    sel,
    task_files,
    wtmp,
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
)
"""Outputs of commands that people paste one below the other: all that fit a page read it."""

WHOLE: tuple[Reader, ...] = (
    Reader("json_state", json_state.score, json_state.read),
    Reader("wtmp", wtmp.score_binary, wtmp.read_binary),
    Reader("wtmpdb", wtmp.score_database, wtmp.read_database),
    Reader("date", clock.score_date, clock.read_date),
    Reader(task_files.LIST, task_files.score_list, task_files.read_list),
    Reader(task_files.LOG, task_files.score_log, task_files.read_log),
)
"""Files that are one thing from beginning to end."""

QUOTING = frozenset({task_files.LOG})
"""Kinds of documents in which daemons and tools speak without stamps: their lines are also searched for known messages."""
