"""Reader of `journalctl --list-boots` (systemd:src/journal/journalctl.c)."""

from __future__ import annotations

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import find_date, in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "boot_list"

_ROW = regex(r"^\s*(?P<index>[-+]?\d{1,5})\s+(?P<id>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+(?P<rest>\S.*)$")
_MOMENT = regex(r"(?:[^\W\d]{2,4}\.? )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [A-Z]{2,5}| [+-]\d\d(?::?\d\d)?)?")


def score(page: Page) -> float:
    """By the rows of index, boot id and two dates."""
    rows = sum(1 for _, line in page.filled()[:2000] if _ROW.match(clean(line)))
    return 0.0 if not rows else 0.95 if 2 * rows >= len(page.filled()[:2000]) else 0.6


def read(page: Page) -> Reading:
    """The boots in the order of the page; `first` and `last` with the zone word behind them."""
    rows: list[dict[str, str]] = []
    start, text, node = 0, "", ""
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node = command[0] or node
            continue
        found = _ROW.match(clean(line))
        if not found:
            continue
        start, text = start or number, text or line.strip()
        row = {"index": found["index"], "boot_id": found["id"].replace("-", ""), "first": "", "last": "", "zone": "", "line": str(number)}
        said = [find_date(each[0]) for each in _MOMENT.finditer(found["rest"])]
        for name, one in zip(("first", "last"), said, strict=False):
            if one is not None:
                row[name], row["zone"] = f"{one.local} {one.zone}".strip(), one.zone or row["zone"]
        rows.append(row)
    if not rows:
        return Reading()
    snapshot = RawSnapshot(KIND, start, text[:200], node=node, epoch_us=in_file_name(page.path), rows=tuple(rows))
    return Reading(snapshots=(snapshot,))
