"""Reader of apt's term.log: what stood on the terminal while packages were changed, of which only failures are kept."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading

KIND = "apt_term"

_STARTED = regex(r"^Log started: (?P<date>\d{4}-\d\d-\d\d) +(?P<time>\d\d:\d\d:\d\d)\s*$", re.ASCII)
_ENDED = regex(r"^Log ended: (?P<date>\d{4}-\d\d-\d\d) +(?P<time>\d\d:\d\d:\d\d)\s*$", re.ASCII)
_ERROR = regex(r"^dpkg: error processing (?:package|archive) (?P<package>\S+)(?: \((?P<action>--[a-z-]+)\))?:\s*$")
_WHY_LINES = 1


def score(page: Page) -> float:
    """By `Log started:`."""
    return 0.95 if any(_STARTED.match(line) for line in page.lines[:2000]) else 0.0


def read(page: Page) -> Reading:
    """A row a run: `start`, `end` (local time; empty if the log breaks off), `packages` that dpkg could not process, `error` (what it said of the first)."""
    rows: list[dict[str, str]] = []
    waiting = 0
    for number, line in page.filled():
        if found := _STARTED.match(line):
            start = f"{found['date']} {found['time']}"
            rows.append({"start": start, "end": "", "packages": "", "error": "", "line": str(number), "text": line.strip()})
        elif not rows:
            continue
        elif found := _ENDED.match(line):
            rows[-1]["end"] = f"{found['date']} {found['time']}"
        elif found := _ERROR.match(line):
            names = [*rows[-1]["packages"].split(), found["package"].partition(":")[0]]
            rows[-1]["packages"] = " ".join(dict.fromkeys(names))[:500]
            if not rows[-1]["error"]:
                rows[-1] |= {"line": str(number), "text": line.strip()[:300]}
                waiting = _WHY_LINES
        elif waiting:
            rows[-1]["error"], waiting = line.strip()[:300], waiting - 1
    place, text = (int(rows[0]["line"]), rows[0]["text"]) if rows else (1, "")
    return Reading(snapshots=(RawSnapshot(KIND, place, text, rows=tuple(rows)),))
