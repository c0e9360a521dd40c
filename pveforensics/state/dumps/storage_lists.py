"""Readers of `pvesm status`, `lvs` and `df`: which storages, volumes and file systems a node has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

PVESM, LVS, DF = "pvesm_status", "lvs", "df"

_TABLES = {
    PVESM: (
        regex(r"^\s*Name\s+Type\s+Status\s+Total\b"),
        regex(
            r"^\s*(?P<storage>[A-Za-z][\w.-]*)\s+(?P<type>[a-z]+)\s+(?P<status>active|inactive|disabled|unknown)\s+(?P<total>\d+|N/A)"
            r"(?:\s+(?P<used>\d+|N/A)\s+(?P<available>\d+|N/A)\s+(?P<percent>[\d.]+%|N/A))?\s*$",
            re.ASCII,
        ),
    ),
    LVS: (
        regex(r"^\s*LV\s+VG\s+Attr\s+LSize\b"),
        regex(r"^\s*\[?(?P<lv>[\w.+-]+)\]?\s+(?P<vg>[\w.+-]+)\s+(?P<attr>[a-zA-Z-]{8,10})\s+<?(?P<size>[\d.,]+[a-zA-Z]?)(?:\s+(?P<rest>\S.*))?$", re.ASCII),
    ),
    DF: (
        regex(r"^\s*Filesystem\s+(?:Type\s+)?(?:Size|1K-blocks|1024-blocks)\s+Used\s+Avail"),
        regex(
            r"^(?P<device>\S+)\s+(?:(?P<type>[a-z][\w.-]*)\s+)?(?P<size>[\d.,]+[KMGTPE]?)\s+(?P<used>[\d.,]+[KMGTPE]?)\s+(?P<available>[\d.,]+[KMGTPE]?)"
            r"\s+(?P<percent>\d{1,3})%\s+(?P<mount>/\S*)",
            re.ASCII,
        ),
    ),
}  # fmt: skip
"""Kind to its heading and its rows; the heading must be there."""


def score_pvesm(page: Page) -> float:
    """By its heading."""
    return _score(page, PVESM)


def read_pvesm(page: Page) -> Reading:
    """Rows of `storage`, `type`, `status` (active, inactive, disabled), `total` in KiB and so on."""
    return _read(page, PVESM)


def score_lvs(page: Page) -> float:
    """By its heading."""
    return _score(page, LVS)


def read_lvs(page: Page) -> Reading:
    """Rows of `lv`, `vg`, `attr`, `size`; `rest` as written."""
    return _read(page, LVS)


def score_df(page: Page) -> float:
    """By its heading."""
    return _score(page, DF)


def read_df(page: Page) -> Reading:
    """Rows of `device`, `type`, `size`, `used`, `available`, `percent` (a number) and `mount`."""
    return _read(page, DF)


def _score(page: Page, kind: str) -> float:
    head, row = _TABLES[kind]
    lines = [clean(line) for _, line in page.filled()[:5000]]
    heads, rows = (sum(1 for line in lines if pattern.match(line)) for pattern in (head, row))
    return 0.0 if page.is_log() or not heads or not rows else 0.95 if 2 * (heads + rows) >= len(lines) else 0.7


def _read(page: Page, kind: str) -> Reading:
    """One snapshot for each table in the page."""
    return Reading(snapshots=tuple(_tables(page, kind)))


def _tables(page: Page, kind: str) -> Iterator[RawSnapshot]:
    head, row = _TABLES[kind]
    rows: list[dict[str, str]] = []
    node, open_table = "", False
    for number, line in page.filled():
        text = clean(line)
        command = command_of(line)
        if command is not None or head.match(text):
            if rows:
                yield _snapshot(kind, rows, node)
            rows, open_table = [], command is None
            node = (command[0] or node) if command is not None else node
        elif open_table and (found := row.match(text)):
            rows.append({**{key: value or "" for key, value in found.groupdict().items()}, "line": str(number), "text": text.strip()[:300]})
    if rows:
        yield _snapshot(kind, rows, node)


def _snapshot(kind: str, rows: list[dict[str, str]], node: str) -> RawSnapshot:
    return RawSnapshot(kind, int(rows[0]["line"]), rows[0]["text"], node=node, rows=tuple(rows))
