"""Tasks of a node from its lists and single logs, and whether the process of one that shows no end can still exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pveforensics.model import Evidence, Snapshot
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.view import View
from pveforensics.timebase import SECOND

BOOTED_S = 600.0
"""The boot that a UPID tells (its start less the uptime then) may be off by what the clock was set since."""


class Task(NamedTuple):
    """A task: `start` and the `boot` of its node in epoch seconds (None: not told), `status` as the list has it."""

    node: str
    type: str
    tid: str
    start: int
    boot: float | None
    ended: bool
    status: str
    path: str
    line: Evidence | None


def tasks_of(view: View, node: str) -> tuple[Task, ...]:
    """All tasks of a node that lists or logs of tasks tell, each once; what shows its end counts."""
    return view.once(("tasks", node), lambda: tuple(_all(view, node)))


def _all(view: View, node: str) -> Iterator[Task]:
    ended: set[tuple[str, str]] = set()
    open_tasks: dict[tuple[str, str], Task] = {}
    for dump in view.snapshots_of(node, "task_list"):
        for row in dump.rows:
            task = _task(dump, row, ended=bool(row.get("end")), status=row.get("status", ""))
            if task is not None:
                if not task.ended:
                    open_tasks.setdefault(_key(row), task)
                elif _key(row) not in ended:
                    ended.add(_key(row))
                    yield task
    for dump in view.snapshots_of(node, "task_log"):
        fields = dump.fields
        task = (
            _task(dump, fields, ended=bool(fields.get("result")), status=fields.get("error") or fields.get("result", ""))
            if fields.get("starttime")
            else None
        )
        if task is not None and _key(fields) not in ended:
            if task.ended:
                ended.add(_key(fields))
                yield task
            else:
                open_tasks.setdefault(_key(fields), task)
    yield from (task for key, task in open_tasks.items() if key not in ended)


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    return row.get("pid", ""), row.get("starttime", "")


def _task(dump: Snapshot, row: Mapping[str, str], *, ended: bool, status: str) -> Task | None:
    try:
        start, ticks = int(row["starttime"], 16), int(row.get("pstart") or "0", 16)
    except (KeyError, ValueError):
        return None
    boot = start - ticks / 100 if ticks else None
    path = dump.evidence[0].path if dump.evidence else ""
    return Task(
        row.get("node") or dump.node, row.get("type", ""), row.get("tid", ""), start, boot, ended, status, path, row_evidence(dump, row)
    )


def is_dead(view: View, task: Task) -> bool:
    """True if the node booted after the task began, by its log or by what later tasks tell of their boot."""
    if any(boot.start is not None and boot.start.us > (task.start + 60) * SECOND for boot in view.boots_of(task.node)):
        return True
    later = [each.boot for each in tasks_of(view, task.node) if each.boot is not None and each.start > task.start]
    return bool(later) and max(later) > max(task.start, (task.boot or task.start) + BOOTED_S)
