"""--since and --until: the part of the timeline that is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from pveforensics.errors import UsageError
from pveforensics.lazyregex import regex
from pveforensics.model import Coverage, Options
from pveforensics.timebase import Instant, parse_moment

_BACK = regex(r"-\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def window(options: Options, last: Instant | None) -> tuple[Instant | None, Instant | None]:
    """Both edges of the window, None where it is open. `-2h` counts back from the last log line. Raises UsageError on a text that is no time."""
    since = _edge("--since", options.since, last)
    until = _edge("--until", options.until, last)
    if since is not None and until is not None and since > until:
        raise UsageError(f"--since {options.since} lies after --until {options.until}")
    return since, until


def _edge(option: str, text: str | None, last: Instant | None) -> Instant | None:
    if not text:
        return None
    if back := _BACK.fullmatch(text.strip()):
        seconds = float(back[1]) * _SECONDS[back[2].lower()]
        return last.plus(-seconds) if last is not None and seconds < 1e10 else None
    try:
        return parse_moment(text)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text}: give a time with its zone, such as 2026-11-22T09:00:00Z or -2h") from None


def inside(us: int | None, since: Instant | None, until: Instant | None) -> bool:
    """True for a moment within the window; what has no moment at all is kept."""
    return us is None or ((since is None or us >= since.us) and (until is None or us <= until.us))


def clip(coverage: Iterable[Coverage], since: Instant | None, until: Instant | None) -> tuple[Coverage, ...]:
    """The coverage within the window."""
    clipped = []
    for each in coverage:
        start = max(each.start, since) if since is not None else each.start
        end = min(each.end, until) if until is not None else each.end
        if start <= end:
            clipped.append(replace(each, start=start, end=end))
    return tuple(clipped)
