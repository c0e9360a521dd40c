"""Reader of /etc/pve/mapping/*.cfg: which device or folder each node has under a common name (PVE 8 and later)."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading

KIND = "mapping"

_HEAD = regex(r"^(?P<id>[A-Za-z][\w.-]*)\s*$", re.ASCII)
_INNER = regex(r"^\s+(?P<key>[A-Za-z][\w-]*)(?:\s+(?P<value>.*?))?\s*$", re.ASCII)
_NAMES = {"pci.cfg": "pci", "usb.cfg": "usb", "directory.cfg": "directory"}


def score(page: Page) -> float:
    """By its name and `map ...,node=...` lines below names."""
    maps = sum(
        1 for line in page.lines[:5000] if (found := _INNER.match(line)) and found["key"] == "map" and "node=" in (found["value"] or "")
    )
    heads = sum(1 for line in page.lines[:5000] if _HEAD.match(line))
    if page.is_log() or not maps or not heads:
        return 0.0
    return 0.9 if page.name in _NAMES else 0.6


def read(page: Page) -> Reading:
    """One row a `map` line: `_id`, `_line`, `_text`, `node`, and its other properties as written; other keys of a section give rows without node."""
    kind, rows, name = _NAMES.get(page.name, ""), [], ""
    for number, line in page.filled():
        text = line.strip()[:300]
        if found := _HEAD.match(line):
            name = found["id"]
        elif (found := _INNER.match(line)) and name:
            row = {"_id": name, "_line": str(number), "_text": text}
            if found["key"] == "map":
                pairs = (word.partition("=") for word in (found["value"] or "").split(","))
                row |= {key.strip(): value.strip() for key, equals, value in pairs if equals}
            else:
                row[found["key"]] = found["value"] if found["value"] is not None else "1"
            rows.append(row)
    kind = kind or ("pci" if any(row.get("path", "").count(":") >= 1 and "." in row.get("path", "") for row in rows) else "usb")
    return Reading(snapshots=(RawSnapshot(KIND, 1, page.lines[0].strip()[:200], fields={"type": kind}, rows=tuple(rows)),))
