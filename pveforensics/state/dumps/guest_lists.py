"""Readers of `qm list` and `pct list`: the guests of one node and whether they ran."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

QM, PCT = "qm_list", "pct_list"

_QM_HEAD = regex(r"^\s*VMID\s+NAME\s+STATUS\s+MEM")
_QM_ROW = regex(
    r"^\s*(?P<vmid>[1-9]\d{2,8})(?:\s+(?P<guest>\S+))??\s+(?P<status>running|stopped|paused|suspended|prelaunch|internal-error|io-error|unknown)(?:\s+(?P<rest>\S.*))?$",
    re.ASCII,
)
_PCT_HEAD = regex(r"^\s*VMID\s+Status\s+(?:Lock\s+)?Name")
_PCT_ROW = regex(
    r"^\s*(?P<vmid>[1-9]\d{2,8})\s+(?P<status>running|stopped|unknown|mounted)(?:\s+(?P<lock>[a-z][a-z-]+)(?=\s+\S))?(?:\s+(?P<guest>\S+))?\s*$",
    re.ASCII,
)


def score_qm(page: Page) -> float:
    """By its heading."""
    return _score(page, _QM_HEAD)


def read_qm(page: Page) -> Reading:
    """Rows of `vmid`, `guest` (its name, empty if it has none), `status`; `rest` as written."""
    return _read(page, QM, _QM_HEAD, _QM_ROW)


def score_pct(page: Page) -> float:
    """By its heading."""
    return _score(page, _PCT_HEAD)


def read_pct(page: Page) -> Reading:
    """Rows of `vmid`, `status`, `lock` (often empty), `guest`."""
    return _read(page, PCT, _PCT_HEAD, _PCT_ROW)


def _score(page: Page, head: re.Pattern[str]) -> float:
    return 0.9 if not page.is_log() and any(head.match(clean(line)) for _, line in page.filled()[:3000]) else 0.0


def _read(page: Page, kind: str, head: re.Pattern[str], row: re.Pattern[str]) -> Reading:
    rows: list[dict[str, str]] = []
    node, inside, place = "", False, (1, "")
    for number, line in page.filled():
        text = clean(line)
        command = command_of(line)
        if command is not None:
            node, inside = command[0] or node, False
        elif head.match(text):
            inside, place = True, (number, text.strip()[:200]) if not rows else place
        elif inside and (found := row.match(text)):
            rows.append({**{key: value or "" for key, value in found.groupdict().items()}, "line": str(number), "text": text.strip()[:300]})
    return Reading(snapshots=(RawSnapshot(kind, place[0], place[1], node=node, rows=tuple(rows)),))
