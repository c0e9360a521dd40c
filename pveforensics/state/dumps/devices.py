"""Reader of `lspci -nn`: which device each node has at which address."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "lspci"

_ROW = regex(
    r"^(?:0000:)?(?P<address>(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (?P<what>\S.{3,200}?) \[(?P<class>[0-9a-f]{4})\]: (?P<device>\S.*?)\[(?P<ids>[0-9a-f]{4}:[0-9a-f]{4})\]",
    re.ASCII,
)


def score(page: Page) -> float:
    """By its rows."""
    rows = sum(1 for _, line in page.filled()[:5000] if _ROW.match(clean(line)))
    return 0.0 if page.is_log() or rows < 2 else 0.9


def read(page: Page) -> Reading:
    """Rows of `address` (without a domain of zeros), `ids` (vendor and device), `class` and `device` in words."""
    rows: list[dict[str, str]] = []
    node = ""
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node = command[0] or node
        elif found := _ROW.match(clean(line)):
            row = {
                "address": found["address"],
                "ids": found["ids"],
                "class": found["class"],
                "device": f"{found['what']}: {found['device'].strip()}"[:200],
            }
            rows.append({**row, "line": str(number), "text": line.strip()[:300]})
    place, text = (int(rows[0]["line"]), rows[0]["text"]) if rows else (1, "")
    return Reading(snapshots=(RawSnapshot(KIND, place, text, node=node, rows=tuple(rows)),))
