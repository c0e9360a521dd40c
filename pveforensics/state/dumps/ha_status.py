"""Reader of `ha-manager status`, with `-v` too (pve-ha-manager:src/PVE/API2/HA/Status.pm)."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot, TimeHint
from pveforensics.state.dumps.dates import find_date, in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "ha_status"

_LINE = regex(
    r"^\W{0,4}(?P<type>quorum|master|fencing|lrm|service)\s+(?P<rest>(?:OK|No quorum\b|armed|standby|disarm|[\w.-]+ \(|(?:vm|ct):\d+ \().*)$"
)
_NAMED = regex(r"^(?P<name>\S+) \((?P<inside>.*)\)\s*(?P<tail>\S.*)?$")
_DATE = regex(r",\s*((?:[A-Z][a-z]{2} ){2}[ \d]?\d \d\d:\d\d:\d\d \d{4})")


def score(page: Page) -> float:
    """By the lines of quorum, master, LRMs and services."""
    kinds = [found["type"] for _, line in page.filled()[:3000] if (found := _LINE.match(clean(line)))]
    if page.is_log() or not kinds:
        return 0.0
    sure = {"quorum", "master", "lrm"} & set(kinds)
    return 0.95 if len(sure) >= 2 else 0.75 if sure and len(kinds) >= 2 else 0.6 if len(kinds) >= 2 else 0.5 if sure else 0.0


def read(page: Page) -> Reading:
    """One snapshot for each run of the command; a line `quorum` begins the next."""
    groups: list[list[tuple[int, str, re.Match[str]]]] = []
    nodes: list[str] = []
    node, fresh = "", True
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node, fresh = command[0] or node, True
            continue
        found = _LINE.match(clean(line))
        if not found:
            continue
        if fresh or found["type"] == "quorum":
            groups.append([])
            nodes.append(node)
            fresh = False
        groups[-1].append((number, line, found))
    epoch = in_file_name(page.path) if len(groups) == 1 else None
    read_ones = [_snapshot(group, name, epoch) for group, name in zip(groups, nodes, strict=True)]
    return Reading(snapshots=tuple(one for one, _ in read_ones), hints=tuple(hint for _, hint in read_ones if hint is not None))


def _snapshot(group: list[tuple[int, str, re.Match[str]]], node: str, epoch: int | None) -> tuple[RawSnapshot, TimeHint | None]:
    fields: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    newest: tuple[str, int] = ("", 0)
    for number, _, found in group:
        row = _row(found["type"], found["rest"].strip())
        row["line"] = str(number)
        rows.append(row)
        newest = max(newest, (row.get("at", ""), number))
        if row["type"] == "quorum":
            fields |= {"quorum": row["status"], "quorate": "yes" if row["status"] == "OK" else "no"}
        elif row["type"] == "master":
            fields |= {"master": row.get("name", ""), "master_status": row["status"]}
        elif row["type"] == "fencing":
            fields["fencing"] = row["status"]
    first = group[0]
    hint = TimeHint(newest[1], "ha-manager status", None, None, newest[0]) if newest[0] else None
    return RawSnapshot(KIND, first[0], first[1].strip()[:200], node=node, epoch_us=epoch, fields=fields, rows=tuple(rows)), hint


def _row(kind: str, rest: str) -> dict[str, str]:
    """`{type, name, status}` and what else the line says: `at`, `watchdog`, `node`, `detail`."""
    found = _NAMED.match(rest) if kind not in ("quorum", "fencing") else None
    if not found:
        return {"type": kind, "name": "", "status": rest}
    row = {"type": kind, "name": found["name"], "status": found["inside"].strip()}
    if found["tail"]:
        row["detail"] = found["tail"].strip()
    if kind == "service":
        node, _, status = row["status"].partition(", ")
        return {**row, "status": status.strip(), "node": node.strip()}
    date = _DATE.search(row["status"])
    said = find_date(date[1]) if date else None
    words = [word.strip() for word in (row["status"][: date.start()] if date else row["status"]).split(",")]
    row["status"] = words[0]
    for word in words[1:]:
        if word.startswith("watchdog "):
            row["watchdog"] = word.removeprefix("watchdog ")
    if said:
        row["at"] = said.local
    if date and row.get("detail") is None and found["inside"][date.end() :].strip(" ,-"):
        row["detail"] = found["inside"][date.end() :].strip(" ,-")
    return row
