"""One row of the drawing: its bars with faded edges, the brackets of boots, its events as ticks, its votes, and labels where they fit."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, islice

from msgspec.structs import replace

from pveforensics.report import marks, words
from pveforensics.report.drawing import Box, Scale, Sheet, shortened, text_width
from pveforensics.report.lanes import UNCLEAN, Item, Lane
from pveforensics.report.shape import Cluster

WIDTH = 1168.0
LABELS = 152.0
"""Pixels at the left for the lanes' names."""
TICK = 3.0
"""Pixels within which events are one tick."""

CROWD = 150
"""Bars of a small row from which on those that share their place are one."""

# style: fill, stroke, dash, inset from the lane's top and bottom as a share of its height
_STYLES = {
    "run": ("run", "", "", 0.0),
    "inquorate": ("hatch-bad", "bad", "", 0.0),
    "down": ("badbg", "bad", "", 0.0),
    "off": ("none", "line2", "", 0.0),
    "nolog": ("hatch-log", "", "", 0.0),
    "absent": ("none", "ink3", "3 2", 0.0),
    "trouble": ("warn", "", "", 0.2),
    "paused": ("warn", "", "", 0.0),
    "lost": ("bad", "", "", 0.2),
    "unseen": ("none", "bad", "3 2", 0.1),
    "unheard": ("none", "ink3", "3 2", 0.1),
    "act": ("op", "", "", 0.1),
    "claimed": ("badbg", "bad", "3 2", 0.1),
    "armed": ("ink3", "", "", 0.38),
    "fuse": ("ink", "", "", 0.2),
    "ha": ("ha", "", "", 0.1),
    "halost": ("warnbg", "warn", "", 0.1),
    "haidle": ("quiet", "line2", "", 0.1),
    "ring": ("quiet", "", "", 0.1),
    "split": ("warnbg", "warn", "", 0.1),
    "other": ("none", "ink2", "", 0.1),
}
_INK = {
    "ha": "bg",
    "fuse": "bg",
    "lost": "bad",
    "unseen": "bad",
    "act": "op",
    "trouble": "warn",
    "inquorate": "bad",
    "down": "bad",
    "claimed": "bad",
    "halost": "warn",
    "split": "warn",
}
_INSIDE = frozenset(
    {"inquorate", "ha", "haidle", "halost", "ring", "split", "down", "off", "absent", "other", "claimed", "fuse", "nolog", "unseen"}
)
"""Styles whose label may stand in the bar; the others carry it behind."""
_RANKS = {style: rank for rank, style in enumerate(("absent", "nolog", "run", "inquorate", "off", "down"))}
"""Painting order: what is not named here lies on top, in the order of time."""


def bars(sheet: Sheet, scale: Scale, items: Sequence[Item], y: float, height: float, *, small: bool = False) -> None:
    """The items of a lane as bars, in painting order, and the ends of boots on top."""
    for item in sorted(items, key=lambda each: _RANKS.get(each.style, len(_RANKS))):
        fill, stroke, dash, inset = _STYLES.get(item.style, _STYLES["other"])
        x0, x1 = edges(scale, item)
        if x1 < scale.x0:
            continue
        title = f"{item.what}: {words.stamp(item.start)} to {words.stamp(None if item.unended else item.end)} UTC"
        top, high = y + height * inset, height * (1 - 2 * inset)
        before, after = (0.0, 0.0) if small else _doubts(scale, item)
        if fill.startswith("hatch"):
            sheet.rect(x0 - before, top, x1 - x0 + before + after, high, "bg")
        sheet.rect(x0 - before, top, x1 - x0 + before + after, high, fill, stroke=stroke, dash=dash, title=title)
        if before:
            sheet.rect(x0 - before - 1, top - 1, 2 * before + 1, high + 2, "fade-in")
        if after:
            sheet.rect(x1 - after, top - 1, 2 * after + 1, high + 2, "fade-out")
    for item in items:
        if item.style == "run" and small:
            _end_mark(sheet, scale, item, y, height)
        elif item.style == "run":
            _brackets(sheet, scale, item, y, height)


def thinned(scale: Scale, items: Sequence[Item]) -> Sequence[Item]:
    """The items; of a crowd those of one style that begin and end at the same place are one, which counts them."""
    if len(items) <= CROWD:
        return items
    found: dict[tuple[str, str, int, int], list[Item]] = {}
    for item in items:
        x0, x1 = edges(scale, item)
        found.setdefault((item.style, item.ends, int(x0 / TICK), int(x1 / TICK)), []).append(item)
    return [
        group[0] if len(group) == 1 else replace(group[0], what=f"{len(group)} states here, first {group[0].what}")
        for group in found.values()
    ]


def _doubts(scale: Scale, item: Item) -> tuple[float, float]:
    """Pixels by which each edge is uncertain; nothing where it would not be seen, or where the edge lies beyond the window."""
    unit = (scale.x1 - scale.x0) / max(1, scale.t1 - scale.t0)
    if max(item.doubt) * unit < 2.5:  # as nearly all
        return 0.0, 0.0
    wide = [
        min(doubt * unit, 60.0) if us is not None and scale.t0 < us < scale.t1 else 0.0
        for us, doubt in zip((item.start, item.end), item.doubt, strict=True)
    ]
    x0, x1 = edges(scale, item)
    return (wide[0] if wide[0] >= 2.5 else 0.0, wide[1] if wide[1] >= 2.5 and x1 - x0 > wide[1] else 0.0)


def _end_mark(sheet: Sheet, scale: Scale, item: Item, y: float, height: float) -> None:
    """The end of a boot in a row too small for brackets: one stroke, red for an end without a shutdown."""
    if item.end is not None and item.ends:
        x = scale.x(item.end)
        sheet.line(x, y - 1, x, y + height + 1, "bad" if item.ends in UNCLEAN else "ink", width=3)


def edges(scale: Scale, item: Item) -> tuple[float, float]:
    """The pixels between which an item is drawn; what happened is never too thin to be seen."""
    x0 = scale.x(item.start) if item.start is not None else scale.x0
    x1 = scale.x(item.end) if item.end is not None else scale.x1
    least = 0.0 if item.style in ("run", "nolog", "absent") else 3.0
    return x0, max(x1, x0 + least)


def _brackets(sheet: Sheet, scale: Scale, item: Item, y: float, height: float) -> None:
    """The start and the end of a boot: a black bracket, a red one for an end without a shutdown."""
    for us, inward, ended in ((item.start, 3.0, ""), (item.end, -3.0, item.ends)):
        if us is None or not scale.t0 < us < scale.t1 or (not ended if inward < 0 else not item.begins):
            continue
        colour = "bad" if ended in UNCLEAN else "ink"
        x = scale.x(us)
        sheet.line(x, y - 1, x, y + height + 1, colour, width=2)
        sheet.line(x, y - 1, x + inward, y - 1, colour, width=2)
        sheet.line(x, y + height + 1, x + inward, y + height + 1, colour, width=2)


def ticks_of(sheet: Sheet, scale: Scale, events: Sequence[tuple[int, str, int]], y: float, height: float, colour: str = "ink3") -> None:
    """Events as ticks; those that would share a place are one, which names them all."""
    t0, t1 = scale.t0, scale.t1
    per_pixel = max(1, t1 - t0) / max(1.0, scale.x1 - scale.x0)
    for mark in marks.merged([event for event in events if t0 <= event[0] <= t1], round(TICK * per_pixel)):
        until = f" to {words.clock(mark.last)}" if mark.last - mark.first >= 1_000_000 else ""
        x = scale.x(mark.first)
        wide = max(1.0, min(scale.x(mark.last), scale.x1) - x)
        sheet.rect(x - 0.5, y, wide, height, colour, title=f"{words.stamp(mark.first)}{until} UTC: {mark.what}")


def votes(sheet: Sheet, scale: Scale, lane: Lane, y: float, height: float, cluster: Cluster) -> None:
    """Each part's votes as a line over time, blue with quorum and red without, against the dashed line of the quorum."""
    total = cluster.expected_votes or max((group.votes for each in lane.divisions for group in each.groups), default=1)
    most = max([total, *(group.votes for each in lane.divisions for group in each.groups)])

    def level(count: int) -> float:
        return y + height - 2 - (height - 14) * min(1.0, max(0, count) / max(1, most))

    if cluster.quorum:
        sheet.line(scale.x0, level(cluster.quorum), scale.x1, level(cluster.quorum), "ink3", dash="3 2")
    before: float | None = None
    for each in lane.divisions:
        start, end = words.micros(each.start), words.micros(each.end)
        if (start is not None and start > scale.t1) or (end is not None and end < scale.t0):
            continue
        x0, x1 = (scale.x(start) if start is not None else scale.x0), (scale.x(end) if end is not None else scale.x1)
        groups = sorted(each.groups, key=lambda group: (-group.votes, group.nodes))
        for rank, group in enumerate(groups):
            at, colour = level(group.votes), "bad" if group.quorate is False else "ha"
            if rank == 0 and before is not None and abs(before - at) > 0.5:
                sheet.line(x0, before, x0, at, "ha", width=1)
            said = (
                f"{words.names(group.nodes, 6)}: {group.votes} of {total} votes"
                + {True: ", quorate", False: ", no quorum", None: ""}[group.quorate]
            )
            sheet.rect(x0, at - 1, max(1.5, x1 - x0), 2, colour, title=f"{said}: {words.stamp(start)} to {words.stamp(end)} UTC")
            text = f"{group.votes} of {total}" + (" < " + str(cluster.quorum) if group.quorate is False and cluster.quorum else "")
            wide = text_width(text, 10)
            for base in (at - 3, at + 10) if x1 - x0 > wide + 8 else ():
                if sheet.free(Box(x0 + 4, x0 + 4 + wide, base - 8, base + 3)):
                    sheet.text(x0 + 4, base, text, colour, size=10, halo=True, anchored=x0, until=x1)
                    break
        before = level(groups[0].votes) if groups else None


def labels(sheet: Sheet, scale: Scale, lane: Lane, y: float, height: float) -> None:
    """A label in its bar if it fits, else behind it if nothing stands there; otherwise the table alone tells it."""
    spans = sorted(edges(scale, item) for item in lane.items if item.style != "run" or lane.sub != "host")
    starts, reach = [a for a, _ in spans], list(accumulate((b for _, b in spans), max))
    base = y + height / 2 + 3.6
    for item in lane.items:
        if not item.label:
            continue
        x0, x1 = edges(scale, item)
        inside = item.style in _INSIDE
        text = shortened(item.label, x1 - x0 - 8, 10) if inside else ""
        text = text if len(text) >= 10 or not text.endswith("…") else ""  # less than a word says nothing
        if inside and text and sheet.free(Box(x0 + 4, x0 + 4 + text_width(text, 10), base - 8, base + 2)):
            plain = item.style in ("down", "off", "absent", "unseen")
            if _STYLES[item.style][0].startswith("hatch"):
                sheet.rect(x0 + 2, y + 1, text_width(text, 10) + 4, height - 2, "bg", anchored=x0)
            title = item.label if text != item.label else ""
            sheet.text(x0 + 4, base, text, _INK.get(item.style, "ink2"), size=10, halo=plain, title=title, anchored=x0, until=x1)
            continue
        at = sheet.clear(x1 + 4)
        before = bisect_left(starts, at)
        if before and reach[before - 1] > at:
            continue
        behind = (span[0] for span in islice(spans, bisect_left(starts, x1 - 1), None) if span != (x0, x1))
        room = min(next(behind, scale.x1 + 4), scale.x1 + 4) - at - 4
        text = shortened(item.label, room, 10)
        if len(text) >= 4 and sheet.free(Box(at, at + text_width(text, 10), base - 8, base + 2)):
            ink = _INK.get(item.style, "ink2")
            title = item.label if text != item.label else ""
            sheet.text(at, base, text, "ink2" if ink == "bg" else ink, size=10, halo=True, title=title, anchored=x1)
