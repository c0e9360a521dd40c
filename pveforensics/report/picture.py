"""One window of the drawing: callouts in a staircase, the axis, then the lanes in groups. Owns the layout, so that no labels overlap."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pveforensics.report import stopwatch
from pveforensics.report.drawing import Scale, Sheet, shortened, text_width, ticks
from pveforensics.report.lane_names import name_of
from pveforensics.report.lanes import Lane
from pveforensics.report.rows import LABELS, WIDTH, bars, labels, ticks_of, votes
from pveforensics.report.shape import Cluster


class Callout(msgspec.Struct, frozen=True):
    """A numbered moment above the lanes."""

    at: int
    code: str
    text: str
    bad: bool


def zoom(found: Sequence[Lane], t0: int, t1: int, callouts: Sequence[Callout], zone: str = "UTC", cluster: Cluster = Cluster()) -> Sheet:
    """One window: callouts in a staircase, the axis, then the lanes in groups."""
    sheet, scale = Sheet(WIDTH), Scale(t0, t1, LABELS, WIDTH - 8)
    sheet.scale = scale
    sheet.fixed = False
    top = _staircase(sheet, scale, callouts) + 14
    heights = [_height(lane) for lane in found]
    heads = sum(1 for k, lane in enumerate(found) if k == 0 or lane.group != found[k - 1].group)
    bottom = top + 10 + sum(heights) + heads * 18
    axis(sheet, scale, top, top + 5, bottom)
    sheet.fixed = False
    for callout in callouts:
        x = scale.x(callout.at)
        sheet.line(x, top + 6, x, bottom, "bad" if callout.bad else "ink3", dash="" if callout.bad else "1 3")
        sheet.leaders.append(x)
    y, group, name = top + 8, "", ""
    for lane, height in zip(found, heights, strict=True):
        sheet.fixed = True
        if lane.group != group:
            group, name = lane.group, ""
            sheet.row(y, 18)
            sheet.text(0, y + 13, group.upper(), "ink3", size=10, bold=True)
            y += 18
        sheet.row(y, height, lane=name_of(lane))
        _name(sheet, lane, y, height, cluster, first=lane.name != name)
        name = lane.name
        sheet.fixed = False
        _fill(sheet, scale, lane, y + 2, height - 5, cluster)
        y += height
    sheet.block = -2
    if zone != "UTC":
        second_axis(sheet, scale, y + 14, zone)
        y += 16
    sheet.height = y + 6
    return sheet


def _fill(sheet: Sheet, scale: Scale, lane: Lane, y: float, height: float, cluster: Cluster) -> None:
    if lane.divisions:
        votes(sheet, scale, lane, y, height, cluster)
        return
    if lane.step is not None:
        stopwatch.on_axis(sheet, scale, lane.step, y, height)
        return
    bars(sheet, scale, lane.items, y, height)
    alone = not lane.items
    ticks_of(
        sheet,
        scale,
        lane.events,
        y + (1 if alone else height - 3),
        height - 2 if alone else 4,
        "op" if lane.group == "People" else "ink3" if alone else "ink",
    )
    if not lane.thin:
        labels(sheet, scale, lane, y, height)


def _height(lane: Lane) -> float:
    if lane.divisions:
        return 54.0
    if lane.thin or lane.step is not None:
        return 15.0
    if not lane.items:
        return 14.0
    return 22.0 if lane.sub == "host" else 18.0


def _sub(lane: Lane) -> str:
    return "" if lane.sub in ("host", "votes") else lane.sub


def _name(sheet: Sheet, lane: Lane, y: float, height: float, cluster: Cluster, *, first: bool) -> None:
    base = y + height / 2 + 3
    sub = _sub(lane)
    if lane.divisions:
        base -= 7
        if cluster.quorum:
            sheet.text(0, base + 13, f"quorum: {cluster.quorum} of {cluster.expected_votes or '?'}", "ink3", size=10)
    if first:
        bold = lane.group in ("Cluster", "Nodes")
        name = lane_name(lane.name, max(LABELS - (text_width(sub, 10) + 18 if sub else 8), 60), bold=bold)
        sheet.text(0, base, name, "ink", bold=bold, title=lane.name if name != lane.name else "")
    if sub:
        taken = text_width(shortened(lane.name, LABELS - 78, 11, bold=True), 11, bold=True) if first else 0.0
        text = shortened(sub, min(LABELS - 20 - taken, 100), 10)
        sheet.text(LABELS - 8, base, text, "ink3", size=10, anchor="end", title=sub if text != sub else "")


def lane_name(name: str, room: float, *, bold: bool = False) -> str:
    """The name of a lane as far as it fits; of a link both ends are shortened, so that each still says which node it is."""
    ends, _, link = name.partition(", link ")
    one, dash, other = ends.partition(" – ")
    if not dash or text_width(name, bold=bold) <= room:
        return shortened(name, room, 11, bold=bold)
    number = f" /{link}" if link else ""
    left = room - text_width(f" – {number}", bold=bold)
    first = shortened(one, max(left / 2, left - text_width(other, bold=bold)), bold=bold)
    second = shortened(other, left - text_width(first, bold=bold), bold=bold)
    return f"{first} – {second}{number}" if first and second else shortened(name, room, 11, bold=bold)


def axis(sheet: Sheet, scale: Scale, base: float, y0: float, y1: float) -> None:
    """Round moments in UTC with a line down through the lanes."""
    sheet.block, sheet.fixed = -1, True
    sheet.text(0, base, "UTC", "ink2", size=10, bold=True)
    sheet.block, sheet.fixed = -2, False
    for us, label in ticks(scale):
        x = scale.x(us)
        sheet.line(x, y0, x, y1, "line")
        wide = text_width(label, 10)
        if x - wide / 2 >= scale.x0 - 4 and x + wide / 2 <= min(WIDTH, scale.x1 + 8):
            sheet.text(x, base, label, "ink2", size=10, anchor="middle")
    sheet.block = -1


def second_axis(sheet: Sheet, scale: Scale, base: float, zone: str) -> None:
    """The same on the nodes' own clocks."""
    sheet.fixed = True
    sheet.text(0, base, shortened(zone, LABELS - 34, 10), "ink3", size=10, title=zone)
    sheet.fixed = False
    for us, label in ticks(scale, zone):
        wide = text_width(label, 10)
        if scale.x(us) - wide / 2 >= scale.x0 - 4 and scale.x(us) + wide / 2 <= WIDTH:
            sheet.text(scale.x(us), base, label, "ink3", size=10, anchor="middle")


_LONGEST = 420.0
"""Pixels of a callout's text."""


class _Placed(msgspec.Struct, frozen=True):
    """A callout with its leader's place, its row, and the stretch that its text takes."""

    callout: Callout
    x: float
    row: int
    text: str
    left: float
    right: float
    flip: bool


def _staircase(sheet: Sheet, scale: Scale, callouts: Sequence[Callout]) -> float:
    """Callouts in rows, so that no text touches another and no leader crosses one. Returns the height that they take."""
    placed: list[_Placed] = []
    # Texts to the left of their leaders come first, the last moment highest: then no leader crosses them.
    for callout, flip in sorted(
        ((each, _flips(each, scale.x(each.at))) for each in callouts),
        key=lambda pair: (not pair[1], -pair[0].at if pair[1] else pair[0].at),
    ):
        placed.append(_place(callout, scale.x(callout.at), placed, flip=flip))
    depth = max((each.row + 1 for each in placed), default=0)
    for each in placed:
        y, bad = 13 + each.row * 16, each.callout.bad
        colour = "bad" if bad else "ink"
        sheet.line(each.x, y - 8, each.x, 3 + depth * 16, "bad" if bad else "ink3", dash="" if bad else "1 3")
        step = text_width(each.callout.code, 11, bold=True) + 6
        side, anchor = (-1, "end") if each.flip else (1, "start")
        sheet.text(each.x + side * 5, y, each.callout.code, colour, bold=True, anchor=anchor, anchored=each.x)
        if each.text:
            x = each.x + side * (5 + step)
            sheet.text(x, y, each.text, colour, anchor=anchor, bold=bad, title=each.callout.text, halo=each.flip, anchored=each.x)
    return depth * 16.0


def _flips(callout: Callout, x: float) -> bool:
    """True if the text stands to the left of its leader, because it does not fit at the right and there is more room."""
    wide = min(_LONGEST, text_width(callout.text, 11, bold=callout.bad)) + _head(callout)
    return wide > WIDTH - 4 - x and x - LABELS > WIDTH - 4 - x


def _head(callout: Callout) -> float:
    return text_width(callout.code, 11, bold=True) + 18


def _place(callout: Callout, x: float, placed: Sequence[_Placed], *, flip: bool) -> _Placed:
    """The highest row in which the text is free, its leader crosses no text below, and no leader from above crosses it."""
    head = _head(callout)
    room = min(_LONGEST, x - LABELS - head if flip else WIDTH - 4 - x - head)
    depth = max((each.row + 1 for each in placed), default=0)
    # What crosses a leader in every row is cut before the nearest one.
    beyond = [each.x - x if each.x > x else x - each.x for each in placed if (each.x < x) == flip and abs(each.x - x) > 1]
    for width in (room, max(0.0, min(beyond, default=room) - head - 6)):
        text = shortened(callout.text, min(room, width), 11, bold=callout.bad)
        wide = text_width(text, 11, bold=callout.bad) + head
        left, right = (x - wide, x) if flip else (x, x + wide)
        row = next((k for k in range(depth + 1) if _fits(placed, k, x, left, right)), None)
        if row is not None:
            break
    return _Placed(callout, x, depth if row is None else row, text, left, right, flip)


def _fits(placed: Sequence[_Placed], row: int, x: float, left: float, right: float) -> bool:
    """True if a text from `left` to `right` with its leader at `x` collides with nothing in this row, above and below."""
    for each in placed:
        if each.row == row and left < each.right and each.left < right:
            return False
        if each.row < row and left < each.x - 1 and each.x + 1 < right:
            return False
        if each.row > row and each.left - 2 < x < each.right + 2:
            return False
    return True
