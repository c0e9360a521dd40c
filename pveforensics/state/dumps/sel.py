"""Reader of the BMC's event log as `ipmitool sel list`, `sel elist` and `ipmi-sel` print it."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading
from pveforensics.timebase import parse_local

KIND = "sel"

MOST_ROWS = 20_000

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ROW = regex(
    r"^\s*[0-9a-fA-F]{1,6}\s*\|\s*(?P<date>\d\d/\d\d/\d{2,4}|[A-Z][a-z]{2}-\d\d-\d{4})\s*\|"
    r"\s*(?P<time>\d\d:\d\d:\d\d)(?: (?P<half>[AP]M))?(?: (?P<zone>[A-Z]{3,5}|[+-]\d{4}))?\s*\|(?P<rest>.*\S)\s*$"
)
_OTHER = regex(r"^\s*(?:[0-9a-fA-F]{1,6}\s*\|\s*(?:Pre-Init\b|PostInit\b).*|ID\s*\|\s*Date\b.*|SEL has no entries.*)$")


def score(page: Page) -> float:
    """By the share of rows; nothing else is written as number, date, time and sensor between bars."""
    filled = [clean(line) for _, line in page.filled()[:3000]]
    rows = sum(1 for line in filled if _ROW.match(line))
    if page.is_log() or not rows:
        return 0.0
    others = sum(1 for line in filled if _OTHER.match(line))
    return 0.95 if (rows + others) / len(filled) > 0.6 else 0.55


def read(page: Page) -> Reading:
    """One snapshot; rows have `at` (the BMC's own clock, with a zone where it prints one), `sensor`, `event` and `direction`."""
    rows: list[dict[str, str]] = []
    first: tuple[int, str] = (1, "")
    node = ""
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node = command[0] or node
        found = _ROW.match(clean(line))
        if not found or len(rows) >= MOST_ROWS:
            continue
        first = first if rows else (number, line.strip()[:200])
        parts = [part.strip() for part in found["rest"].split("|")]
        direction = (
            parts.pop() if len(parts) > 1 and parts[-1] in ("Asserted", "Deasserted", "Assertion Event", "Deassertion Event") else ""
        )
        rows.append(
            {
                "at": _when(found),
                "sensor": parts[0],
                "event": " | ".join(parts[1:])[:300],
                "direction": "deasserted" if direction.startswith("Deassert") else "asserted" if direction else "",
                "line": str(number),
                "text": line.strip()[:300],
            }
        )
    if not rows:
        return Reading()
    return Reading(snapshots=(RawSnapshot(KIND, first[0], first[1], node=node, epoch_us=in_file_name(page.path), rows=tuple(rows)),))


def _when(found: re.Match[str]) -> str:
    """`YYYY-MM-DD HH:MM:SS zone`; empty for a date that cannot be."""
    date, time = found["date"], found["time"]
    if "/" in date:
        month, day, year = date.split("/")
        year = year if len(year) == 4 else f"20{year[-2:]}"
    else:
        word, day, year = date.split("-")
        month = f"{_MONTHS.index(word.lower()) + 1:02}" if word.lower() in _MONTHS else "00"
    hour = int(time[:2])
    if found["half"] and 1 <= hour <= 12:
        time = f"{hour % 12 + (12 if found['half'] == 'PM' else 0):02}{time[2:]}"
    local = f"{year}-{month}-{day} {time}"
    return f"{local} {found['zone'] or ''}".strip() if parse_local(local) is not None else ""
