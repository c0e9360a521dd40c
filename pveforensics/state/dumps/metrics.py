"""Reader of pmxcfs' `.rrd`: the last metrics that each node sent to the cluster, with its uptime (pve-cluster:src/pmxcfs/status.c)."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading

KIND = "metrics"

_LINE = regex(r"^(?:pve2(?:\.3)?|pve)-(?P<what>node|vm|storage)(?:-\d+\.\d+)?/(?P<id>[\w.-]+(?:/[\w.-]+)?):(?P<rest>\S.*)$", re.ASCII)
_EPOCH = regex(r"[12]\d{9}", re.ASCII)
MOST_ROWS = 20_000


def score(page: Page) -> float:
    """By its lines."""
    filled = page.filled()[:500]
    known = sum(1 for _, line in filled if _LINE.match(line))
    return 0.95 if known and known >= 0.8 * len(filled) else 0.0


def read(page: Page) -> Reading:
    """A row a node: `name`, `time` (epoch seconds of its last metrics), `uptime` and `booted` (epoch seconds) where it sent them.

    Of guests and storages nothing is kept: the fields of their lines changed with every release.
    """
    rows: list[dict[str, str]] = []
    for number, line in page.filled():
        found = _LINE.match(line)
        if not found or found["what"] != "node" or len(rows) >= MOST_ROWS:
            continue
        words = found["rest"].split(":")
        # uptime:subscription:ctime:... since PVE 2; what comes behind the time differs
        if len(words) > 2 and _EPOCH.fullmatch(words[2]):
            row = {"name": found["id"], "time": words[2], "line": str(number), "text": line.strip()[:200]}
            uptime = words[0]
            if uptime.isascii() and uptime.isdigit() and len(uptime) < 10:
                row |= {"uptime": uptime, "booted": str(int(words[2]) - int(uptime))}
            rows.append(row)
    place, text = (int(rows[0]["line"]), rows[0]["text"]) if rows else (1, "")
    return Reading(snapshots=(RawSnapshot(KIND, place, text, rows=tuple(rows)),))
