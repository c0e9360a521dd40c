"""Dates as commands print them: `date`, `date -R`, ctime, RFC 3339, and the stamp in a dump's file name."""

from __future__ import annotations

import re
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.timebase import local_us, parse_local, parse_moment, parse_offset

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan", "feb", "mar mär mrz", "apr", "may mai", "jun", "jul", "aug", "sep sept", "oct okt", "nov", "dec dez"), 1
    )
    for name in names.split()
}
_DAY = r"\b(?:[^\W\d]{2,4}[.,]* +)?"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,]\d+)?(?: (?P<half>[AP]M))?"
_ZONE = r"(?P<zone>[A-Z]{2,5}|[+-]\d\d(?::?\d\d)?)"
_MONTH_FIRST = regex(rf"{_DAY}(?P<month>[^\W\d]{{3,4}})\.? +(?P<day>\d{{1,2}}) +{_TIME}(?: +{_ZONE})? +(?P<year>\d{{4}})\b")
_DAY_FIRST = regex(
    rf"{_DAY}(?P<day>\d{{1,2}})\.? +(?P<month>[^\W\d]{{3,4}})\.? +(?:(?P<year>\d{{4}}) +)?{_TIME}(?: +{_ZONE})?(?: +(?P<year_last>\d{{4}})\b)?"
)
_ISO = regex(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)? ?(Z\b|[+-]\d\d:?\d\d|[A-Z]{2,5}\b)?", re.ASCII)
_IN_NAME = regex(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)[T_](\d\d)[:-]?(\d\d)[:-]?(\d\d)(?:[.,](\d{1,6}))?Z", re.ASCII)


class Said(NamedTuple):
    """A date as text says it: local time as `YYYY-MM-DD HH:MM:SS` and the zone word behind it, if any."""

    local: str
    zone: str = ""

    @property
    def epoch_us(self) -> int | None:
        """The moment in microseconds since 1970, if the zone word means one offset."""
        local, offset = parse_local(self.local), parse_offset(self.zone) if self.zone else None
        return None if local is None or offset is None else local - offset


def find_date(text: str) -> Said | None:
    """The first full date with year and time in a text, English or German; None if there is none or it cannot be."""
    text = text[:400]
    if found := _ISO.search(text):
        local = f"{found[1]} {found[2]}"
        return Said(local, found[3] or "") if parse_local(local) is not None else None
    for pattern in (_MONTH_FIRST, _DAY_FIRST):
        if found := pattern.search(text):
            return _said(found.groupdict(default=""))
    return None


def _said(part: dict[str, str]) -> Said | None:
    month = _MONTHS.get(part["month"].lower())
    year = part["year"] or part.get("year_last", "")
    hour = int(part["hour"])
    if part["half"] and 1 <= hour <= 12:
        hour = hour % 12 + (12 if part["half"] == "PM" else 0)
    if month is None or not year:
        return None
    local = f"{int(year):04}-{month:02}-{int(part['day']):02} {hour:02}:{part['minute']}:{part['second']}"
    return Said(local, part["zone"]) if parse_local(local) is not None else None


def in_file_name(path: str) -> int | None:
    """Microseconds since 1970 of a stamp in UTC in the file's name (`20261122T094610.694Z-before.txt`); None if there is none."""
    found = _IN_NAME.search(path.rpartition("/")[2])
    if not found:
        return None
    year, month, day, hour, minute, second = (int(found[k]) for k in range(1, 7))
    if hour > 23 or minute > 59 or second > 60 or not 1980 <= year < 2200:
        return None
    return local_us(year, month, day, hour * 3600 + minute * 60 + second, int((found[7] or "0").ljust(6, "0")))


def absolute(text: str) -> int | None:
    """Microseconds since 1970 of an RFC 3339 text; None if it is none."""
    try:
        return parse_moment(text).us
    except (ValueError, OverflowError):
        return None
