"""Reader of the text of `last` and `last -x` in its variants, of util-linux and of wtmpdb."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import Said, find_date, in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading
from pveforensics.timebase import local_us, parse_local

KIND = "last"

_SHORT = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?::\d\d(?: \d{4})?)?"
_DATED = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?Z|[+-]\d\d:?\d\d)?"
_ROW = regex(
    rf"^\s*(?P<user>[\w.$+-]{{1,32}})\s+(?P<where>system (?:boot|down)|\(to lvl \d\)|\S+)\s+(?P<host>\S.*?)?\s*(?P<start>{_DATED}|{_SHORT})"
    rf"\s*(?P<rest>(?:-\s*(?P<end>{_DATED}|{_SHORT}|\d\d:\d\d|crash|down|gone)|(?:-\s*)?still|gone|\(|$).*)$"
)
_TRAILER = regex(r"^\s*(?P<file>\S*(?:wtmp|utmp|btmp)\S*) begins (?P<date>.*)$")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PARTS = regex(r"([A-Z][a-z]{2}) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d)(?::(\d\d))?")


class _Line(NamedTuple):
    number: int
    text: str
    found: re.Match[str]


def score(page: Page) -> float:
    """By its rows and by `wtmp begins`."""
    filled = page.filled()[:3000]
    rows = [found for _, line in filled if (found := _ROW.match(clean(line)))]
    trailer = any(_TRAILER.match(clean(line)) for _, line in filled)
    boots = sum(1 for found in rows if found["user"] in ("reboot", "shutdown", "runlevel", "soft-reboot"))
    if page.is_log() or not rows:
        return 0.6 if trailer and len(filled) <= 2 else 0.0
    share = (len(rows) + trailer) / len(filled)
    return 0.95 if share > 0.6 and (boots or trailer) else 0.6 if boots or (trailer and share > 0.3) else 0.0


def read(page: Page) -> Reading:
    """One snapshot; `start` and `end` are local times as far as a year can be told (`-F`, `--time-format iso`, or the trailer's year)."""
    lines, begins, node = [], None, ""
    trailer = ""
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node = command[0] or node
            continue
        text = clean(line)
        if found := _TRAILER.match(text):
            begins, trailer = find_date(found["date"]), text.strip()
        elif found := _ROW.match(text):
            lines.append(_Line(number, text, found))
    if not lines:
        return Reading()
    years = dict(_years(lines, begins))
    rows = tuple(_row(line, years.get(line.number)) for line in lines)
    fields = {"begins": begins.local if begins else "", "trailer": trailer}
    snapshot = RawSnapshot(
        KIND, lines[0].number, lines[0].text.strip()[:200], node=node, epoch_us=in_file_name(page.path), fields=fields, rows=rows
    )
    return Reading(snapshots=(snapshot,))


def _years(lines: list[_Line], begins: Said | None) -> Iterator[tuple[int, int]]:
    """The year of each row without one: from the oldest up, beginning at the trailer's; the weekday must agree.

    A row whose weekday fits neither the running year nor the next is left without a year, and so are all that follow.
    """
    first = parse_local(begins.local) if begins else None
    if begins is None or first is None:
        return
    year, before = int(begins.local[:4]), first - 86_400_000_000
    for line in reversed(lines):
        parts = _PARTS.match(line.found["start"])
        if not parts or find_date(line.found["start"]):
            continue
        options = [each for each in (year, year + 1) if _fits(parts, each)]
        at = next((one for each in options if (one := _local(parts, each)) is not None and one >= before), None)
        if at is None:
            return
        year = next(each for each in options if _local(parts, each) == at)
        before = at - 86_400_000_000
        yield line.number, year


def _local(parts: re.Match[str], year: int) -> int | None:
    if parts[2] not in _MONTHS:
        return None
    second = int(parts[4]) * 3600 + int(parts[5]) * 60 + int(parts[6] or 0)
    return local_us(year, _MONTHS.index(parts[2]) + 1, int(parts[3]), second)


def _fits(parts: re.Match[str], year: int) -> bool:
    at = _local(parts, year)
    return at is not None and _DAYS[(at // 86_400_000_000 + 3) % 7] == parts[1]


def _row(line: _Line, year: int | None) -> dict[str, str]:
    found = line.found
    user, rest = found["user"], found["rest"]
    what = user if user in ("reboot", "shutdown", "runlevel") else "reboot" if user == "soft-reboot" else "user"
    row = {
        "what": what,
        "user": user,
        "start": _when(found["start"], year),
        "end": "",
        "end_word": _end_word(rest),
        "written": found["start"],
    }
    if row["end_word"] in ("crash", "down"):
        row["end"] = row["end_word"]
    elif found["end"]:
        row["end"] = _when(found["end"], year) if len(found["end"]) > 5 else found["end"]
    if what == "user":
        row |= {"tty": found["where"], "host": (found["host"] or "").strip()}
    elif found["host"]:
        row["kernel"] = found["host"].strip()
    return {**row, "line": str(line.number), "text": line.text.strip()[:300]}


def _end_word(rest: str) -> str:
    for word in ("crash", "down", "gone", "still"):
        if re.search(rf"\b{word}\b", rest):
            return word
    return ""


def _when(text: str, year: int | None) -> str:
    said = find_date(text)
    if said is not None:
        return f"{said.local} {said.zone}".strip()
    parts = _PARTS.match(text)
    if not parts or year is None or parts[2] not in _MONTHS:
        return ""
    return f"{year:04}-{_MONTHS.index(parts[2]) + 1:02}-{int(parts[3]):02} {parts[4]}:{parts[5]}:{parts[6] or '00'}"
