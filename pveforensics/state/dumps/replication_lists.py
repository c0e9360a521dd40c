"""Readers of `pvesr list` and `pvesr status`: the replication jobs, and how the last run of each went (pve-manager:PVE/CLI/pvesr.pm)."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

LIST, STATUS = "pvesr_list", "pvesr_status"

_LIST_HEAD = regex(r"^\s*JobID\s+Target\s+Schedule\b")
_LIST_ROW = regex(
    r"^\s*(?P<job>\d{3,9}-\d{1,9})\s+(?P<target>(?:local/)?[A-Za-z][\w.-]*)\s+(?P<schedule>\S.*?)\s+(?P<rate>-|[\d.]+)\s+(?P<enabled>yes|no)\s*$",
    re.ASCII,
)
_STATUS_HEAD = regex(r"^\s*JobID\s+Enabled\s+Target\s+LastSync\b")
_STATUS_ROW = regex(
    r"^\s*(?P<job>\d{3,9}-\d{1,9})\s+(?P<enabled>Yes|No)\s+(?P<target>(?:local/)?[A-Za-z][\w.-]*)\s+(?P<last_sync>-|\d{4}-\d\d-\d\d[_T ]\d\d:\d\d:\d\d)"
    r"\s+(?P<next_sync>\S+)\s+(?P<duration>-|[\d.]+(?: ?s)?)\s+(?P<fail_count>\d{1,6})\s+(?P<state>\S.*?)\s*$",
    re.ASCII,
)
_ERROR_LINES = 5


def score_list(page: Page) -> float:
    """By its heading with a row, or by rows alone."""
    return _score(page, _LIST_HEAD, _LIST_ROW)


def score_status(page: Page) -> float:
    """By its heading with a row, or by rows alone."""
    return _score(page, _STATUS_HEAD, _STATUS_ROW)


def _score(page: Page, head: re.Pattern[str], row: re.Pattern[str]) -> float:
    lines = [clean(line) for _, line in page.filled()[:3000]]
    heads, rows = (sum(1 for line in lines if pattern.match(line)) for pattern in (head, row))
    if page.is_log() or not (heads or rows):
        return 0.0
    return 0.95 if heads else 0.6 if 2 * rows >= len(lines) else 0.0


def read_list(page: Page) -> Reading:
    """Rows of `job`, `target` (a node), `schedule`, `rate`, `enabled` (yes, no)."""
    rows, node = [], ""
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node = command[0] or node
        elif found := _LIST_ROW.match(clean(line)):
            rows.append({**found.groupdict(), "target": _node(found["target"]), "line": str(number), "text": line.strip()[:300]})
    return _reading(LIST, rows, node)


def read_status(page: Page) -> Reading:
    """Rows of `job`, `enabled`, `target`, `last_sync`, `next_sync` (local time as written or `-`), `duration`, `fail_count`, `state`.

    `state` is `OK`, `SYNCING` or the error, whose further lines are joined to it.
    """
    rows: list[dict[str, str]] = []
    node, more = "", 0
    for number, line in page.filled():
        text = clean(line)
        command = command_of(line)
        if command is not None:
            node, more = command[0] or node, 0
        elif found := _STATUS_ROW.match(text):
            row = {key: value or "" for key, value in found.groupdict().items()}
            row |= {"enabled": row["enabled"].lower(), "target": _node(row["target"]), "line": str(number), "text": line.strip()[:300]}
            row["last_sync"] = row["last_sync"].replace("_", " ")
            rows.append(row)
            more = 0 if row["state"] in ("OK", "SYNCING") else _ERROR_LINES
        elif _STATUS_HEAD.match(text):
            more = 0
        elif more and rows:
            more -= 1
            rows[-1]["state"] = f"{rows[-1]['state']} {text.strip()}"[:500]
    return _reading(STATUS, rows, node)


def _node(target: str) -> str:
    return target.removeprefix("local/")


def _reading(kind: str, rows: list[dict[str, str]], node: str) -> Reading:
    line, text = (int(rows[0]["line"]), rows[0]["text"]) if rows else (1, "")
    return Reading(snapshots=(RawSnapshot(kind, line, text, node=node, rows=tuple(rows)),))
