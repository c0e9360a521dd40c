"""Lanes to shapes: the overview of the whole span, and the zoom on one incident. Owns the layout, so that no labels overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pveforensics.report import words
from pveforensics.report.drawing import Box, Scale, Sheet, shortened, text_width, ticks
from pveforensics.report.lanes import UNCLEAN, Item, Lane

WIDTH = 1168.0
LABELS = 132.0
"""Pixels at the left for the lanes' names."""

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
    "claimed": ("badbg", "bad", "", 0.1),
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
    "trouble": "warn",
    "inquorate": "bad",
    "down": "bad",
    "claimed": "bad",
    "halost": "warn",
    "split": "warn",
}
_INSIDE = frozenset({"inquorate", "ha", "haidle", "halost", "ring", "split", "down", "off", "absent", "other", "claimed", "fuse", "nolog"})
"""Styles whose label may stand in the bar; the others carry it behind."""
_ORDER = ("absent", "nolog", "run", "off", "down")
"""Painting order: what is not named here lies on top, in the order of time."""


@dataclass(frozen=True, slots=True)
class Callout:
    """A numbered moment above the lanes."""

    at: int
    code: str
    text: str
    bad: bool


def overview(found: Sequence[Lane], t0: int, t1: int, frames: Sequence[tuple[int, int, str]], *, calm: bool = False) -> Sheet:
    """All nodes as thin rows over the whole span, with the windows of the incidents framed and named."""
    hosts = [lane for lane in found if lane.group == "Nodes" and lane.sub == "host"]
    extra = {lane.name: lane.items for lane in found if lane.group == "Nodes" and lane.sub in ("network", "peers")}
    row = 17.0 if len(hosts) <= 8 else 13.0
    sheet, scale = Sheet(WIDTH), Scale(t0, t1, LABELS, WIDTH - 8)
    colour = "ink2" if calm else "bad"
    top = _frames_top(sheet, scale, frames, colour)
    _axis(sheet, scale, top + 12, top + 18, top + 20 + row * len(hosts))
    y = top + 20
    for lane in hosts:
        sheet.text(0, y + row - 5, shortened(lane.name, LABELS - 8, 10), "ink2", size=10, title=lane.name)
        _bars(sheet, scale, lane.items, y + 1, row - 4, small=True)
        _bars(sheet, scale, [item for item in extra.get(lane.name, ()) if item.style in ("trouble", "lost")], y + row - 5, 3)
        y += row
    for start, end, _ in frames:
        x0, x1 = scale.x(start), max(scale.x(end), scale.x(start) + 4)
        sheet.rect(x0 - 1, top + 17, x1 - x0 + 2, row * len(hosts) + 4, "none", stroke=colour)
    sheet.height = y + 6
    return sheet


def _frames_top(sheet: Sheet, scale: Scale, frames: Sequence[tuple[int, int, str]], colour: str) -> float:
    """The names of the framed windows in as many rows as they need to stand apart."""
    rows: list[float] = []
    for start, _, label in sorted(frames):
        text = shortened(label, 420)
        wide = text_width(text, 11, bold=True)
        x = min(scale.x(start), WIDTH - 8 - wide)
        row = next((k for k, used in enumerate(rows) if used + 10 < x), len(rows))
        if row == len(rows):
            rows.append(0.0)
        rows[row] = x + wide
        sheet.text(x, 12 + row * 15, text, colour, bold=True, title=label)
    return len(rows) * 15.0


def zoom(found: Sequence[Lane], t0: int, t1: int, callouts: Sequence[Callout], zone: str = "UTC") -> Sheet:
    """One window: callouts in a staircase, the axis, then the lanes in groups."""
    sheet, scale = Sheet(WIDTH), Scale(t0, t1, LABELS, WIDTH - 8)
    top = _staircase(sheet, scale, callouts) + 14
    heights = [_height(lane) for lane in found]
    heads = sum(1 for k, lane in enumerate(found) if k == 0 or lane.group != found[k - 1].group)
    bottom = top + 10 + sum(heights) + heads * 18
    _axis(sheet, scale, top, top + 5, bottom)
    for callout in callouts:
        sheet.line(
            scale.x(callout.at), top + 6, scale.x(callout.at), bottom, "bad" if callout.bad else "ink3", dash="" if callout.bad else "1 3"
        )
    y, group, name = top + 8, "", ""
    for lane, height in zip(found, heights, strict=True):
        if lane.group != group:
            group, name = lane.group, ""
            sheet.text(0, y + 13, group.upper(), "ink3", size=10, bold=True)
            y += 18
        _name(sheet, lane, y, height, first=lane.name != name)
        name = lane.name
        _bars(sheet, scale, lane.items, y + 2, height - 5)
        if not lane.thin:
            _labels(sheet, scale, lane, y + 2, height - 5)
        y += height
    if zone != "UTC":
        _second_axis(sheet, scale, y + 14, zone)
        y += 16
    sheet.height = y + 6
    return sheet


def _height(lane: Lane) -> float:
    if lane.thin:
        return 15.0
    return 22.0 if lane.sub == "host" else 18.0


def _name(sheet: Sheet, lane: Lane, y: float, height: float, *, first: bool) -> None:
    base = y + height / 2 + 3
    if first:
        own = lane.sub not in ("", "host", "ring")
        sheet.text(0, base, shortened(lane.name, LABELS - (68 if own else 8), 11, bold=True), "ink", bold=True, title=lane.name)
    if lane.sub and lane.sub not in ("host", "ring"):
        sheet.text(LABELS - 8, base, shortened(lane.sub, 66, 10), "ink3", size=10, anchor="end", title=lane.sub)


def _axis(sheet: Sheet, scale: Scale, base: float, y0: float, y1: float) -> None:
    sheet.text(0, base, "UTC", "ink2", size=10, bold=True)
    for us, label in ticks(scale):
        x = scale.x(us)
        sheet.line(x, y0, x, y1, "line")
        wide = text_width(label, 10)
        if x - wide / 2 >= LABELS - 4 and x + wide / 2 <= WIDTH:
            sheet.text(x, base, label, "ink2", size=10, anchor="middle")


def _second_axis(sheet: Sheet, scale: Scale, base: float, zone: str) -> None:
    sheet.text(0, base, shortened(zone, LABELS - 34, 10), "ink3", size=10, title=zone)
    for us, label in ticks(scale, zone):
        wide = text_width(label, 10)
        if scale.x(us) - wide / 2 >= LABELS - 4 and scale.x(us) + wide / 2 <= WIDTH:
            sheet.text(scale.x(us), base, label, "ink3", size=10, anchor="middle")


@dataclass(frozen=True, slots=True)
class _Placed:
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
    for callout in sorted(callouts, key=lambda each: each.at):
        placed.append(_place(callout, scale.x(callout.at), placed))
    depth = max((each.row + 1 for each in placed), default=0)
    for each in placed:
        y, bad = 13 + each.row * 16, each.callout.bad
        colour = "bad" if bad else "ink"
        sheet.line(each.x, y - 8, each.x, 3 + depth * 16, "bad" if bad else "ink3", dash="" if bad else "1 3")
        step = text_width(each.callout.code, 11, bold=True) + 6
        side, anchor = (-1, "end") if each.flip else (1, "start")
        sheet.text(each.x + side * 5, y, each.callout.code, colour, bold=True, anchor=anchor)
        if each.text:
            sheet.text(each.x + side * (5 + step), y, each.text, colour, anchor=anchor, bold=bad, title=each.callout.text, halo=each.flip)
    return depth * 16.0


def _place(callout: Callout, x: float, placed: Sequence[_Placed]) -> _Placed:
    """The highest row in which the text is free, its leader crosses no text below, and no leader from above crosses it."""
    head = text_width(callout.code, 11, bold=True) + 18
    room = WIDTH - 4 - x - head
    flip = room < 150
    text = shortened(callout.text, min(380, x - LABELS - head if flip else room), 11, bold=callout.bad)
    wide = text_width(text, 11, bold=callout.bad) + head
    left, right = (x - wide, x) if flip else (x, x + wide)
    depth = max((each.row + 1 for each in placed), default=0)

    def fits(row: int) -> bool:
        for each in placed:
            if each.row == row and left < each.right and each.left < right:
                return False
            if each.row < row and left < each.x - 1 and each.x + 1 < right and not flip:
                return False
            if each.row > row and each.left - 2 < x < each.right + 2:
                return False
        return True

    row = next((k for k in range(depth) if fits(k)), depth)
    return _Placed(callout, x, row, text, left, right, flip)


def _bars(sheet: Sheet, scale: Scale, items: Sequence[Item], y: float, height: float, *, small: bool = False) -> None:
    places = sorted(range(len(items)), key=lambda k: (_ORDER.index(items[k].style) if items[k].style in _ORDER else len(_ORDER), k))
    for k in places:
        item = items[k]
        fill, stroke, dash, inset = _STYLES.get(item.style, _STYLES["other"])
        x0, x1 = _edges(scale, item)
        if x1 < LABELS:
            continue
        title = f"{item.what}: {words.stamp(item.start)} to {words.stamp(None if item.unended else item.end)} UTC"
        if fill.startswith("hatch"):
            sheet.rect(x0, y + height * inset, x1 - x0, height * (1 - 2 * inset), "bg")
        sheet.rect(x0, y + height * inset, x1 - x0, height * (1 - 2 * inset), fill, stroke=stroke, dash=dash, title=title)
    for item in items:
        if item.style == "run" and small:
            _end_mark(sheet, scale, item, y, height)
        elif item.style == "run":
            _brackets(sheet, scale, item, y, height)


def _end_mark(sheet: Sheet, scale: Scale, item: Item, y: float, height: float) -> None:
    """The end of a boot in a row too small for brackets: one stroke, red for an end without a shutdown."""
    if item.end is not None and item.ends:
        x = scale.x(item.end)
        sheet.line(x, y - 1, x, y + height + 1, "bad" if item.ends in UNCLEAN else "ink", width=3)


def _edges(scale: Scale, item: Item) -> tuple[float, float]:
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


def _labels(sheet: Sheet, scale: Scale, lane: Lane, y: float, height: float) -> None:
    """A label in its bar if it fits, else behind it if nothing stands there; otherwise the table alone tells it."""
    spans = sorted(_edges(scale, item) for item in lane.items if item.style != "run" or lane.sub != "host")
    base = y + height / 2 + 3.6
    for item in lane.items:
        if not item.label:
            continue
        x0, x1 = _edges(scale, item)
        inside = item.style in _INSIDE
        text = shortened(item.label, x1 - x0 - 8, 10) if inside else ""
        if inside and text and sheet.free(Box(x0 + 4, x0 + 4 + text_width(text, 10), base - 8, base + 2)):
            plain = item.style in ("down", "off", "absent")
            if _STYLES[item.style][0].startswith("hatch"):
                sheet.rect(x0 + 2, y + 3, text_width(text, 10) + 4, height - 6, "bg")
            sheet.text(
                x0 + 4, base, text, _INK.get(item.style, "ink2"), size=10, halo=plain, title=item.label if text != item.label else ""
            )
            continue
        room = min([a for a, b in spans if a >= x1 - 1 and (a, b) != (x0, x1)] + [WIDTH - 4]) - x1 - 8
        text = shortened(item.label, room, 10)
        if len(text) >= 4 and sheet.free(Box(x1 + 4, x1 + 4 + text_width(text, 10), base - 8, base + 2)):
            ink = _INK.get(item.style, "ink2")
            sheet.text(
                x1 + 4, base, text, "ink2" if ink == "bg" else ink, size=10, halo=True, title=item.label if text != item.label else ""
            )
