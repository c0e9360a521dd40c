"""Calendar events: the longest time between two runs that a schedule allows (pve-docs:pve-intro.adoc "Calendar Events", pve-common:src/PVE/CalendarEvent.pm)."""

from __future__ import annotations

import itertools
import re

from pveforensics.lazyregex import regex

DAY_S = 86_400.0
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

NAMED = {
    "minutely": 60.0,
    "hourly": 3600.0,
    "daily": DAY_S,
    "weekly": 7 * DAY_S,
    "monthly": 31 * DAY_S,
    "quarterly": 92 * DAY_S,
    "semiannually": 184 * DAY_S,
    "semi-annually": 184 * DAY_S,
    "yearly": 366 * DAY_S,
    "annually": 366 * DAY_S,
}
"""Words for a whole schedule, as the longest span that each can mean."""

_PART = regex(r"(?P<first>\*|\d{1,2})(?:\.\.(?P<last>\d{1,2}))?(?:/(?P<step>\d{1,2}))?$", re.ASCII)


def interval_of(schedule: str) -> float | None:
    """The longest time in seconds between two runs; None for a schedule that is not understood, such as one by date."""
    words = schedule.strip().lower().split()
    if len(words) == 1 and words[0] in NAMED:
        return NAMED[words[0]]
    days = _days(words[0]) if words and words[0][:3] in DAYS else frozenset(range(7))
    time = words[1:] if words and words[0][:3] in DAYS else words
    if days is None or len(time) > 1:
        return None
    minutes = _minutes(time[0] if time else "0:00")
    if not minutes:
        return None
    runs = [day * 1440 + minute for day in sorted(days) for minute in minutes]
    return 60.0 * max(later - earlier for earlier, later in itertools.pairwise([*runs, runs[0] + 7 * 1440]))


def _days(text: str) -> frozenset[int] | None:
    """`mon..fri,sun` as numbers from 0."""
    found: set[int] = set()
    for word in text.strip(",").split(","):
        first, _, last = word.partition("..")
        if first[:3] not in DAYS or (last and last[:3] not in DAYS):
            return None
        begin, end = DAYS.index(first[:3]), DAYS.index(last[:3]) if last else DAYS.index(first[:3])
        found |= set(range(begin, end + 1)) if begin <= end else {*range(begin, 7), *range(end + 1)}
    return frozenset(found)


def _minutes(text: str) -> list[int]:
    """The minutes of a day; a lone number is one of minutes. Empty if the text is not understood."""
    parts = text.split(":")
    hours = _values(parts[0], 24) if len(parts) > 1 else frozenset(range(24))
    minutes = _values(parts[1] if len(parts) > 1 else parts[0], 60)
    if len(parts) > 3 or hours is None or minutes is None:
        return []
    return sorted(60 * hour + minute for hour in hours for minute in minutes)


def _values(text: str, limit: int) -> frozenset[int] | None:
    """`8..17,22`, `*/15`, `30/10` as numbers below a limit; None if one is not."""
    found: set[int] = set()
    for word in text.split(","):
        part = _PART.match(word)
        if part is None:
            return None
        first = 0 if part["first"] == "*" else int(part["first"])
        last = int(part["last"]) if part["last"] else limit - 1 if part["step"] or part["first"] == "*" else first
        step = int(part["step"]) if part["step"] else 1
        if not 0 <= first <= last < limit or step < 1:
            return None
        found |= set(range(first, last + 1, step))
    return frozenset(found)
