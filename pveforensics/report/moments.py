"""Moments as the case document writes them: a report writes ten thousand, and those of one day differ in four small numbers."""

from __future__ import annotations

import datetime
import functools

_MIDNIGHT_1970 = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - a text without a zone
_TWO = tuple(f"{number:02}" for number in range(60))


@functools.lru_cache(maxsize=16384)
def iso(us: int) -> str:
    """RFC 3339 of microseconds since 1970, in UTC with milliseconds: the same as `timebase.iso`, in little more than half of its time."""
    minutes, rest = divmod(us, 60_000_000)
    day, minute = divmod(minutes, 1440)
    second, fraction = divmod(rest, 1_000_000)
    return f"{_day(day)}T{_TWO[minute // 60]}:{_TWO[minute % 60]}:{_TWO[second]}.{fraction // 1000:03}Z"


@functools.lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return (_MIDNIGHT_1970 + datetime.timedelta(days)).isoformat()[:10]
