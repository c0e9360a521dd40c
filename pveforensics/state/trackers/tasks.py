"""Tasks that ended in error: from their end in the log, from their own logs and from the node's lists of tasks, each task once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from pveforensics.model import Evidence, Interval
from pveforensics.state.view import View
from pveforensics.tasktypes import CONSOLES
from pveforensics.timebase import SECOND, Instant

NO_FAILURE = ("OK", "WARNINGS", "interrupted by signal", "received interrupt", "unexpected status", "stopped: unexpected status")
"""How a task ends that did not fail: well, with warnings, by its user's hand, or in a way that says nothing."""

HOW: Mapping[str, str] = {
    "qmstart": "start", "vzstart": "start", "qmresume": "start", "vzresume": "start", "qmreboot": "start", "vzreboot": "start",
    "startall": "start", "bulk-start": "start",
    "vzdump": "backup", "prunebackups": "backup",
    "qmigrate": "migration", "vzmigrate": "migration", "migrateall": "migration", "hamigrate": "migration", "bulk-migrate": "migration",
    "qmrestore": "restore", "vzrestore": "restore",
}  # fmt: skip
"""What a task was for, by its type."""

_CONTAINERS = ("vz", "pct")


class _Task(Struct):
    """One task and how it ended, as far as the sources tell."""

    kind: str
    guest: str
    start: Instant | None
    end: Instant | None
    error: str
    upid: str
    user: str
    evidence: tuple[Evidence, ...]


def track(view: View) -> tuple[Interval, ...]:
    """`task:<type>:<id>@<n>` failed.

    Fields: `type`, `how` (start, backup, migration, restore, other), `guest` (vm:100, ct:100 or empty), `error`, `user`, `upid`.
    """
    return tuple(_interval(node, task) for node in view.nodes for task in _failed(view, node).values())


def _failed(view: View, node: str) -> dict[str, _Task]:
    found: dict[str, _Task] = {}
    for key, task in _everywhere(view, node):
        if key in found:
            known = found[key]
            known.evidence = tuple(dict.fromkeys((*known.evidence, *task.evidence)))[:4]
            known.end = known.end or task.end
            known.error = max(known.error, task.error, key=len)
        else:
            found[key] = task
    return found


def _everywhere(view: View, node: str) -> Iterator[tuple[str, _Task]]:
    offset_us = round(view.timeline.clocks[node].offset_s * SECOND) if node in view.timeline.clocks else 0
    for event in view.events_of(node, "task.end"):
        if failed(event.fields.get("type") or "", event.fields.get("status") or ""):
            task = _task(
                event.fields,
                event.fields.get("status") or "",
                _epoch(event.fields.get("starttime"), offset_us),
                event.at,
                event.evidence[:1],
            )
            yield task.upid or event.id, task
    for dump in view.snapshots_of(node, "task_log"):
        if dump.fields.get("result") == "error" and failed(dump.fields.get("type") or "", dump.fields.get("error") or "?"):
            task = _task(dump.fields, dump.fields.get("error") or "", dump.at, None, dump.evidence)
            yield task.upid or dump.evidence[0].path, task
    for dump in view.snapshots_of(node, "task_list"):
        for row in dump.rows:
            if row.get("node") in ("", node) and row.get("end") and failed(row.get("type") or "", row.get("status") or ""):
                line = tuple(_row_evidence(each, row) for each in dump.evidence[:1])
                ended = _epoch(row.get("end"), offset_us)
                task = _task(row, row.get("status") or "", _epoch(row.get("starttime"), offset_us), ended, line)
                yield task.upid, task


def failed(kind: str, status: str) -> bool:
    """True for a task that ended in error, by its type and the status that its end or the list tells."""
    return bool(status) and kind not in CONSOLES and not status.startswith(NO_FAILURE)


def _row_evidence(first: Evidence, row: Mapping[str, str]) -> Evidence:
    return Evidence(first.path, int(row.get("line") or 1), first.node, row.get("text") or "")


def _epoch(text: str | None, offset_us: int) -> Instant | None:
    return Instant(int(text, 16) * SECOND - offset_us, SECOND) if text else None


def _task(fields: Mapping[str, str], error: str, start: Instant | None, end: Instant | None, evidence: tuple[Evidence, ...]) -> _Task:
    kind, number = fields.get("type") or "", fields.get("tid") or ""
    guest = (
        f"{'ct' if kind.startswith(_CONTAINERS) and kind != 'vzdump' else 'vm'}:{number}"
        if number.isdigit() and 3 <= len(number) <= 9
        else ""
    )
    parts = [fields.get(key) or "" for key in ("node", "pid", "pstart", "starttime", "type", "tid")]
    upid = ":".join(parts) if fields.get("starttime") else ""
    return _Task(kind, guest, start, end, error.strip(), upid, fields.get("user") or "", evidence)


def _interval(node: str, task: _Task) -> Interval:
    how = HOW.get(task.kind, "start" if task.error.startswith("start failed") else "other")
    fields = {"type": task.kind, "how": how, "guest": task.guest, "error": task.error[:300], "user": task.user, "upid": task.upid}
    end = task.end if task.end is None or task.start is None or task.end.us >= task.start.us else task.start
    return Interval(f"task:{task.kind or 'task'}:{task.guest.partition(':')[2]}@{node}", "failed", task.start, end, fields, task.evidence)
