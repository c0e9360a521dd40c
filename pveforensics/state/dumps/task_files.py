"""Readers of /var/log/pve/tasks: the log of one task, and the lists `index`, `index.1` and `active`."""

from __future__ import annotations

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading
from pveforensics.timebase import SECOND

LOG, LIST = "task_log", "task_list"

_FIELDS = (
    r"UPID{0}(?P<node>[A-Za-z0-9.-]+){0}(?P<pid>[0-9A-Fa-f]{{8}}){0}(?P<pstart>[0-9A-Fa-f]{{8,9}}){0}(?P<starttime>[0-9A-Fa-f]{{8}}){0}"
    r"(?P<type>[a-z][a-z_-]*){0}(?P<tid>{1}*){0}(?P<user>{1}+?){0}?"
)
_UPID = regex(_FIELDS.format(":", r"[^:\s]"))
_IN_NAME = (regex(_FIELDS.format(":", r"[^:\s/]") + "$"), regex(_FIELDS.format("_", r"[^_\s/]") + r"(?:\.log|\.txt)?$"))
_ENTRY = regex(
    _UPID.pattern + r" (?:(?P<saved>[01])(?: (?P<end>[0-9A-Fa-f]{8})(?: (?P<status>.+))?)?|(?P<ended>[0-9A-Fa-f]{8}) (?P<result>.+))$"
)
_RESULT = regex(r"^TASK (?:(?P<ok>OK)\s*$|ERROR: (?P<error>.+)|WARNINGS: (?P<warnings>\d+))")
_COLONS = ("%3A", "%3a", "\uf03a", "\\357\\200\\272")


def upid_of(path: str) -> dict[str, str]:
    """The parts of the UPID that a task log's name is, whatever became of its colons on the way; empty if it is none."""
    name = path.rpartition("/")[2]
    for mark in _COLONS:
        name = name.replace(mark, ":")
    found = next((found for pattern in _IN_NAME if (found := pattern.search(name))), None)
    return {key: value or "" for key, value in found.groupdict().items()} if found else {}


def started_us(fields: dict[str, str]) -> int | None:
    """Microseconds since 1970 at which the task started."""
    return int(fields["starttime"], 16) * SECOND if fields.get("starttime") else None


def score_log(page: Page) -> float:
    """By its result in one of the last lines, or by its name."""
    if not page.lines or page.is_log():
        return 0.0
    tail = [line for line in page.lines[-60:] if line.strip()]
    if any(_RESULT.match(line) for line in tail):
        return 0.9
    return 0.8 if upid_of(page.path) else 0.0


def read_log(page: Page) -> Reading:
    """One snapshot: `result` ok, error, warnings or empty (still running or killed), `error`, and the parts of the UPID, if its name tells."""
    upid = upid_of(page.path)
    number, line, result, error = 1, page.lines[0], "", ""
    for place in range(len(page.lines), 0, -1):
        if found := _RESULT.match(page.lines[place - 1]):
            number, line = place, page.lines[place - 1]
            result = "ok" if found["ok"] else "error" if found["error"] else "warnings"
            error = (
                " ".join(part.strip() for part in (found["error"] or "", *page.lines[place : place + 3]) if part.strip())
                if found["error"]
                else ""
            )
            break
    fields = {**upid, "result": result, "error": error[:500]}
    snapshot = RawSnapshot(LOG, number, line.strip()[:300], node=upid.get("node", ""), epoch_us=started_us(upid), fields=fields)
    return Reading(snapshots=(snapshot,))


def score_list(page: Page) -> float:
    """By lines that are a UPID with what became of it."""
    filled = page.filled()[:500]
    known = sum(1 for _, line in filled if _ENTRY.match(line))
    return 0.95 if filled and known >= 0.8 * len(filled) else 0.0


def read_list(page: Page) -> Reading:
    """One snapshot with a row a task: the parts of its UPID, `end` (epoch, hexadecimal) and `status`; both empty for one that runs."""
    rows = []
    for number, line in page.filled():
        if found := _ENTRY.match(line):
            parts = {key: found[key] or "" for key in ("node", "pid", "pstart", "starttime", "type", "tid", "user")}
            status, end = (found["status"] or found["result"] or "").strip(), found["end"] or found["ended"] or ""
            rows.append(
                {**parts, "upid": line.partition(" ")[0], "end": end, "status": status, "line": str(number), "text": line.strip()[:300]}
            )
    nodes = {row["node"] for row in rows}
    if not rows:
        return Reading()
    node = nodes.pop() if len(nodes) == 1 else ""
    return Reading(snapshots=(RawSnapshot(LIST, 1, rows[0]["text"], node=node, rows=tuple(rows)),))
