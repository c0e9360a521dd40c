"""Stamps as daemons and tools write them: what the text states, and nothing more."""

from __future__ import annotations

import functools
import re
from datetime import date

from pveforensics.events.formats.months import month_number
from pveforensics.lazyregex import regex
from pveforensics.readings import Stamp
from pveforensics.timebase import SECOND

TIME = r"\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?"

BSD = rf"[A-Z][a-z]{{2}} (?: ?\d|\d\d) {TIME}"
"""`Nov 22 09:01:02`, also with a fraction."""

LOCAL_MONTH = rf"(?:[^\W\d_]{{2,10}}\.?|\d{{1,2}} ?月) {{1,2}}\d{{1,2}}(?:\.| ?日)? {TIME}"
"""The same with the month in the language of whoever ran journalctl: `июл 21`, `nov. 21`, `11月 21`, `9 月 16 日`."""

ISO = rf"\d{{4}}-\d{{2}}-\d{{2}}[T ]{TIME}(?: ?(?:Z|[+-]\d{{2}}:?\d{{2}})(?!\d))?"
FULL = rf"[A-Z][a-z]{{2}} \d{{4}}-\d{{2}}-\d{{2}} {TIME} (?:[A-Z]{{2,5}}|[+-]\d{{2}}(?::?\d{{2}})?)"
UNIX = r"\d{9,10}\.\d{6}"
UPTIME = r"\[ *\d{1,9}\.\d{6}(?: <[ \d.]+>)?\]"
CTIME = rf"\[\w{{2,4}}\.? +\w{{2,5}}\.? +\d{{1,2}} {TIME} \d{{4}}\]"
CLOCK = TIME
SLASHED = r"\d{1,2}/(?:\d{2}|[A-Z][a-z]{2})/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"
"""`22/Nov/2025:09:01:02 +0100` of the firewall's log; pveproxy's writes the month as a number."""


_DIGITS = regex(r"\d+")
_TIME = regex(r"(\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?")
_EPOCH = date(1970, 1, 1)
_UTC_NAMES = frozenset({"Z", "UTC", "GMT"})


@functools.lru_cache(maxsize=8192)
def yearless(text: str) -> Stamp | None:
    """A stamp of month, day and time without a year; None if the month or a number is none."""
    found = _TIME.search(text)
    if not found:
        return None
    month, day = _month_and_day(text[: found.start()])
    return _local(text, None, month, day, found, "")


@functools.lru_cache(maxsize=512)
def _month_and_day(head: str) -> tuple[int, int]:
    """What stands before the time, which is the same for all lines of a day; 0 for what is no number or no month."""
    if "月" in head:
        numbers = [int(number) for number in _DIGITS.findall(head)]
        return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)
    name, *rest = head.split()
    return month_number(name), int("".join(_DIGITS.findall("".join(rest))) or 0)


@functools.lru_cache(maxsize=8192)
def iso(text: str) -> Stamp | None:
    """RFC 3339 and its kin: with an offset a moment, without one a local date and time."""
    found = _TIME.search(text, 11)
    if not found:
        return None
    zone = text[found.end() :].strip()
    return _dated(text, int(text[:4]), int(text[5:7]), int(text[8:10]), found, zone)


@functools.lru_cache(maxsize=8192)
def full(text: str) -> Stamp | None:
    """`Fri 2025-11-21 12:21:06 CET`: year and abbreviation stand there, the abbreviation is no offset."""
    _, day, rest = text.split(" ", 2)
    found = _TIME.match(rest)
    if not found:
        return None
    return _dated(text, int(day[:4]), int(day[5:7]), int(day[8:10]), found, rest[found.end() :].strip())


@functools.lru_cache(maxsize=8192)
def ctime(text: str) -> Stamp | None:
    """`[Sat Nov 22 09:01:02 2025]` of `dmesg -T`: local time, worked out when it was printed."""
    words = text.strip("[]").split()
    found = _TIME.match(words[3]) if len(words) == 5 else None
    if not found:
        return None
    return _dated(text, int(words[4]), month_number(words[1]), int(words[2]) if words[2].isdigit() else 0, found, "")


@functools.lru_cache(maxsize=8192)
def slashed(text: str) -> Stamp | None:
    """`22/Nov/2025:09:01:02 +0100`, also with the month as a number."""
    day, month, rest = text.split("/", 2)
    found = _TIME.search(rest, 5)
    if not found:
        return None
    number = int(month) if month.isdigit() else month_number(month)
    return _dated(text, int(rest[:4]), number, int(day), found, rest[found.end() :].strip())


def unix(text: str) -> Stamp | None:
    """Seconds since 1970 with six decimals."""
    whole, _, part = text.partition(".")
    return Stamp(text, epoch_us=int(whole) * SECOND + int(part), resolution_us=1)


def uptime(text: str) -> Stamp | None:
    """Kernel seconds since boot in brackets."""
    whole, _, part = text.strip("[]").split("<")[0].strip().partition(".")
    return Stamp(text, uptime_us=int(whole) * SECOND + int(part), resolution_us=1)


def clock(text: str) -> Stamp | None:  # noqa: ARG001 - one signature for all decoders
    """A time without a date states no moment."""
    return None


def epoch(text: str, micros: int) -> Stamp:
    """A moment that a journal states in microseconds; `text` as it stands in the file."""
    return Stamp(text, epoch_us=micros, resolution_us=1)


def _seconds(found: re.Match[str]) -> tuple[int, int, int] | None:
    """Second of the day, microseconds and resolution; a leap second counts as the last microsecond before it."""
    hour, minute, second = int(found[1]), int(found[2]), int(found[3])
    if hour > 23 or minute > 59 or second > 60:
        return None
    digits = found[4] or ""
    micro, resolution = int((digits + "000000")[:6]), max(1, 10 ** (6 - len(digits)) if len(digits) <= 6 else 1)
    if second == 60:
        second, micro = 59, 999_999
    return hour * 3600 + minute * 60 + second, micro, resolution


_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _local(text: str, year: int | None, month: int, day: int, found: re.Match[str], zone: str) -> Stamp | None:
    time = _seconds(found)
    if time is None or not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    return Stamp(text, None, year, month, day, *time, zone)


def _dated(text: str, year: int, month: int, day: int, found: re.Match[str], zone: str) -> Stamp | None:
    stamp = _local(text, year, month, day, found, zone)
    offset = _offset(zone)
    if stamp is None:
        return None
    try:
        days = (date(year, month, day) - _EPOCH).days
    except ValueError:
        return None
    if offset is None:
        return stamp
    return Stamp(text, (days * 86400 + stamp.second_of_day - offset) * SECOND + stamp.micro, resolution_us=stamp.resolution_us, zone=zone)


def _offset(zone: str) -> int | None:
    """Seconds east of UTC, None if the text does not say."""
    if zone in _UTC_NAMES:
        return 0
    if not zone or zone[0] not in "+-":
        return None
    digits = zone[1:].replace(":", "")
    if len(digits) not in (2, 4) or int(digits[:2]) > 15 or int(digits[2:] or 0) > 59:
        return None
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if zone[0] == "-" else seconds
