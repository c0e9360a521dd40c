"""Where undated lines stand in time: by the lines around them in their own file."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from pveforensics.lazyregex import regex
from pveforensics.model import Event, Evidence
from pveforensics.state.moments import common_at
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant, local_us, parse_moment

_RFC3339 = regex(r"\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))\s", re.ASCII)
_SHORT = regex(r"\s*([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAP_YEAR = 2000
_FARTHEST_US = 40 * 86_400 * SECOND
_BACK = 400


def line_moment(text: str, near: Evidence, common: Instant) -> Instant | None:
    """The moment of a line that stands beside a dated one: stated in full, or by its distance to the other's stamp of the same form.

    `common` is the moment of the dated line on the common clock, to which the other is moved as well.
    """
    found = _RFC3339.match(text)
    if found:
        stated = _moment(found[1])
        return stated if stated is None or near.at is None else stated.plus(common.seconds_since(near.at))
    at, own, other = common if near.at is not None else None, _short(text), _short(near.written)
    if at is None or own is None or other is None or not -SECOND <= other - own <= _FARTHEST_US:
        return None
    return at.plus((own - other) / SECOND)


def _short(text: str) -> int | None:
    """Microseconds into a leap year of a stamp without a year."""
    found = _SHORT.match(text)
    if not found or found[1] not in _MONTHS:
        return None
    second = int(found[3]) * 3600 + int(found[4]) * 60 + int(found[5])
    return local_us(_LEAP_YEAR, _MONTHS.index(found[1]) + 1, int(found[2]), second, int((found[6] or "0").ljust(6, "0")))


def _moment(text: str) -> Instant | None:
    try:
        return parse_moment(text)
    except (ValueError, OverflowError):
        return None


def nul_edge(event: Event, side: str) -> Instant | None:
    """The moment of the last line `before` a run of NUL bytes or of the first `after` it, if it is told."""
    return _moment(event.fields.get(side) or "")


def neighbours_of(view: View, node: str, evidence: Evidence) -> tuple[Instant | None, Instant | None]:
    """The last moment before and the first after a separator in its own file, from known lines and from the edges of coverage."""
    known = _known(view, node, evidence.path)
    place = bisect_left(known, evidence.line, key=lambda item: item[0])
    before = known[place - 1][1] if place > 0 else None
    after = known[place][1] if place < len(known) else None
    for span in view.coverage_of(node):
        # a separator ends a run, so it lies between the end of one and the start of another
        if span.path != evidence.path:
            continue
        if (after is None or span.end.us < after.us) and (before is None or span.start.us <= before.us < span.end.us):
            before = span.end
        elif before is not None and span.start.us > before.us and (after is None or span.start.us < after.us):
            after = span.start
    return before, after


def place_of(view: View, node: str, evidence: Evidence, signs: list[Instant]) -> Instant | None:
    """The moment of a separator: that of the first line behind it in its file, else of any file after the line before it."""
    before, after = neighbours_of(view, node, evidence)
    if after is not None or before is None:
        return after
    place = bisect_left(signs, before.us + SECOND, key=lambda sign: sign.us)
    return signs[place] if place < len(signs) else None


def known_before(view: View, node: str, evidence: Evidence) -> Iterator[Instant]:
    """The moments of the known lines before one in its file, nearest first, some hundred at most."""
    known = _known(view, node, evidence.path)
    place = bisect_left(known, evidence.line, key=lambda item: item[0])
    return (at for _, at in reversed(known[max(0, place - _BACK) : place]))


def _known(view: View, node: str, path: str) -> list[tuple[int, Instant]]:
    return view.once(("lines of paths", node), lambda: _lines(view, node)).get(path, [])


def _lines(view: View, node: str) -> dict[str, list[tuple[int, Instant]]]:
    """The dated lines of each file in the order in which they stand."""
    found: dict[str, list[tuple[int, Instant]]] = {}
    for event in view.events_of(node):
        if event.kind == "boot_separator":
            continue  # it has no time of its own
        for evidence in event.evidence:
            at = common_at(event, evidence) or event.at
            if at is not None:
                found.setdefault(evidence.path, []).append((evidence.line, at))
    for lines in found.values():
        lines.sort(key=lambda item: item[0])
    return found
