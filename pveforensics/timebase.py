"""Instant: a moment in UTC that knows how well it is known, and the zones and calendars around it."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import io
import re
import zoneinfo

from pveforensics.lazyregex import regex
from pveforensics.value import Value

SECOND = 1_000_000
"""Microseconds in a second; every duration and moment inside the program is an integer of microseconds."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TWO = tuple(f"{number:02}" for number in range(60))


class Basis(enum.StrEnum):
    """What a moment rests on, best first."""

    STATED = "stated"
    ZONE_INFERRED = "zone inferred"
    YEAR_INFERRED = "year inferred"
    ALIGNED = "aligned"


class Instant(Value, frozen=True, order=True):
    """A moment: microseconds since 1970 in UTC, how far it may be off, and what it rests on.

    Equality looks at the moment alone; of equal moments the surer one is first in order. Whether an order may be *claimed* is asked
    of `certainly_before`.
    """

    us: int
    error_us: int = 0
    basis: Basis = Basis.STATED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instant) and other.us == self.us

    def __hash__(self) -> int:
        return hash(self.us)

    def seconds_since(self, other: Instant) -> float:
        """Seconds from `other` to this moment; negative if this one is earlier."""
        return (self.us - other.us) / SECOND

    def plus(self, seconds: float) -> Instant:
        """The moment `seconds` later (earlier if negative), with the same doubt."""
        return Instant(self.us + round(seconds * SECOND), self.error_us, self.basis)

    def certainly_before(self, other: Instant) -> bool:
        """True if no error of either clock reading could turn the order round."""
        return self.us + self.error_us < other.us - other.error_us

    def iso(self) -> str:
        """RFC 3339 in UTC with milliseconds, as in the case document."""
        return iso(self.us)

    def as_datetime(self) -> dt.datetime:
        """The same moment as an aware datetime in UTC."""
        return _EPOCH + dt.timedelta(microseconds=self.us)

    @classmethod
    def of(cls, moment: dt.datetime, *, error_us: int = 0, basis: Basis = Basis.STATED) -> Instant:
        """The instant of an aware datetime."""
        return cls((moment - _EPOCH) // dt.timedelta(microseconds=1), error_us, basis)


@functools.lru_cache(maxsize=16384)
def iso(us: int) -> str:
    """RFC 3339 of microseconds since 1970. A case tells each several times: of a line, of what happened in it, and of what follows from that.

    Moments of one day differ in four small numbers, which are written faster than a date is made.
    """
    minutes, rest = divmod(us, 60 * SECOND)
    day, minute = divmod(minutes, 1440)
    second, fraction = divmod(rest, SECOND)
    return f"{_day(day)}T{_TWO[minute // 60]}:{_TWO[minute % 60]}:{_TWO[second]}.{fraction // 1000:03}Z"


@functools.lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return (_EPOCH + dt.timedelta(days)).isoformat()[:10]


# --- calendars and zones -----------------------------------------------------------------------
# "Local microseconds" are what a wall clock shows, counted as if it were UTC: plain integers, so that
# differences and year steps need no zone. They become an Instant only when an offset is subtracted.

HOUR = 3600 * SECOND
DAY = 24 * HOUR

_OFFSET = regex(r"(?:UTC|GMT)?([+-])(\d\d):?(\d\d)?(?::?(\d\d))?", re.ASCII)
_LOCAL = regex(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?(?:[.,](\d{1,9}))?", re.ASCII)
_ABBREVIATIONS = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9,
    "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_RULES = {
    "WET": "WET", "WEST": "WET", "CET": "CET", "CEST": "CET", "EET": "EET", "EEST": "EET", "MSK": "Europe/Moscow", "UTC": "UTC",
    "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "EST": "EST5EDT", "EDT": "EST5EDT", "CDT": "CST6CDT", "MST": "MST7MDT",
    "MDT": "MST7MDT", "PST": "PST8PDT", "PDT": "PST8PDT",
}  # fmt: skip


def local_us(year: int, month: int, day: int, second_of_day: int = 0, micro: int = 0) -> int | None:
    """Local microseconds of a date and time; None if there is no such day. A leap second runs into the next second."""
    midnight = _midnight_us(year, month, day)
    return None if midnight is None else midnight + second_of_day * SECOND + micro


@functools.lru_cache(maxsize=16384)
def _midnight_us(year: int, month: int, day: int) -> int | None:
    """The begin of a day; a log has many lines of one day."""
    try:
        return (dt.date(year, month, day).toordinal() - 719163) * DAY
    except (ValueError, OverflowError):
        return None


def parse_local(text: str) -> int | None:
    """Local microseconds of `YYYY-MM-DD HH:MM[:SS[.ffffff]]`, whatever zone stands behind it; None if it is none."""
    found = _LOCAL.match(text.strip())
    if not found:
        return None
    year, month, day, hour, minute = (int(found[k]) for k in range(1, 6))
    if hour > 23 or minute > 59 or int(found[6] or 0) > 60:
        return None
    return local_us(year, month, day, hour * 3600 + minute * 60 + int(found[6] or 0), int((found[7] or "0").ljust(6, "0")[:6]))


def parse_offset(text: str) -> int | None:
    """Microseconds east of UTC of `+0100`, `+01:00`, `Z` or an abbreviation that means one offset only; None if unknown.

    `CST`, `IST` and `BST` mean several zones and are unknown here.
    """
    word = text.strip().strip("()")
    if word.upper() in _ABBREVIATIONS:
        return _ABBREVIATIONS[word.upper()] * HOUR
    found = _OFFSET.fullmatch(word)
    if not found or int(found[2]) > 15 or int(found[3] or 0) > 59 or int(found[4] or 0) > 59:
        return None
    size = (int(found[2]) * 3600 + int(found[3] or 0) * 60 + int(found[4] or 0)) * SECOND
    return -size if found[1] == "-" else size


def zone_of_abbreviation(text: str) -> str | None:
    """The IANA rule under which an abbreviation is in use (`CEST` gives `CET`), or None."""
    return _RULES.get(text.strip().strip("()").upper())


def load_zone(name: str) -> dt.tzinfo | None:
    """The zone of an IANA name; None if there is none of that name."""
    if not name or name.startswith("/") or ".." in name or "\0" in name:
        return None
    try:
        return zoneinfo.ZoneInfo(name.strip())
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_of_bytes(data: bytes) -> dt.tzinfo | None:
    """The zone that a TZif file (a copied `/etc/localtime`) describes; None if the bytes are none."""
    if not data.startswith(b"TZif"):
        return None
    try:
        zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(data))
        dt.datetime(2024, 7, 1, tzinfo=zone).utcoffset()
    except Exception:  # noqa: BLE001 - a damaged file makes zoneinfo raise struct.error, IndexError and more
        return None
    return zone


@functools.lru_cache(maxsize=65536)
def offsets_at(zone: dt.tzinfo, quarter: int) -> tuple[int, int]:
    """Microseconds east of UTC for a quarter of an hour (local microseconds // 900 s): at its first and its second pass.

    They are equal except in the hour that autumn repeats (first > second) and the one that spring skips (first < second).
    """
    try:
        moment = dt.datetime(1970, 1, 1, tzinfo=zone) + dt.timedelta(seconds=quarter * 900)
        passes = [moment.replace(fold=fold).utcoffset() or dt.timedelta() for fold in (0, 1)]
    except (OverflowError, ValueError):
        return 0, 0
    microsecond = dt.timedelta(microseconds=1)
    return passes[0] // microsecond, passes[1] // microsecond


def parse_moment(text: str) -> Instant:
    """The instant of an RFC 3339 text with its offset. Raises ValueError if it is none, or if the offset is missing."""
    moment = dt.datetime.fromisoformat(text.strip().replace(" ", "T", 1))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return Instant.of(moment)


def duration_words(seconds: float) -> str:
    """`0.4 s`, `62 s`, `4 min 51 s`, `2 h 3 min`, `3 d 4 h`."""
    if seconds < 0:
        return "-" + duration_words(-seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    for size, big, small_size, small in ((60, "min", 1, "s"), (3600, "h", 60, "min"), (86400, "d", 3600, "h")):
        limit = {60: 3600, 3600: 86400 * 2, 86400: 10**15}[size]
        if whole < limit:
            rest = whole % size // small_size
            return f"{whole // size} {big}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"
