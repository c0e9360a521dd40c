"""The overview: all nodes as thin rows over the whole span, the incidents numbered, and sums that rank the nodes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pveforensics.report.drawing import Scale, Sheet, shortened, text_width
from pveforensics.report.lanes import UNCLEAN, Lane
from pveforensics.report.picture import axis
from pveforensics.report.rows import LABELS, WIDTH, bars, thinned, ticks_of

SUMS = 6
"""Nodes from which on the sums stand at the right."""
_COLUMNS = ((136, "resets"), (70, "no quorum"), (4, "links down"))
"""Pixels from the right edge, and what is counted."""


class Frame(msgspec.Struct, frozen=True):
    """An incident in the overview: its window, its number, its name, and whether a drawing of its own follows."""

    start: int
    end: int
    number: int
    name: str
    drawn: bool
    bad: bool


def overview(found: Sequence[Lane], t0: int, t1: int, frames: Sequence[Frame], *, calm: bool = False) -> Sheet:
    """All nodes as thin rows, below them guests, storages, people and all events in one row each; windows are framed and named."""
    hosts = [lane for lane in found if lane.group == "Nodes" and lane.sub == "host"]
    row = 17.0 if len(hosts) <= 8 else 13.0
    sums = len(hosts) >= SUMS
    sheet, scale = Sheet(WIDTH), Scale(t0, t1, LABELS, WIDTH - (196 if sums else 8))
    sheet.scale, sheet.fixed = scale, False
    colour = "ink2" if calm else "bad"
    drawn = [frame for frame in frames if frame.drawn]
    top = _names(sheet, scale, drawn, colour)
    if len(frames) > len(drawn):
        top = _badges(sheet, scale, frames, top)
    others = [(name, lanes) for name in ("Guests down", "Storage", "People") if (lanes := [lane for lane in found if lane.group == name])]
    bottom = top + 20 + row * (len(hosts) + len(others) + 1)
    axis(sheet, scale, top + 12, top + 18, bottom)
    y = top + 20
    if sums:
        _sums(sheet, found, hosts, y, row)
    for lane in hosts:
        _row(sheet, lane.name, y, row)
        bars(sheet, scale, thinned(scale, lane.items), y + 1, row - 4, small=True)
        extra = [
            item
            for each in found
            if each.group == "Nodes" and each.name == lane.name and each.sub in ("network", "peers")
            for item in each.items
        ]
        bars(sheet, scale, thinned(scale, [item for item in extra if item.style in ("trouble", "unseen")]), y + row - 5, 3)
        y += row
    for name, lanes in others:
        _row(sheet, name, y, row)
        bars(sheet, scale, thinned(scale, [item for lane in lanes for item in lane.items]), y + 1, row - 4, small=True)
        ticks_of(sheet, scale, [event for lane in lanes for event in lane.events], y + 2, row - 6, "op" if name == "People" else "ink3")
        y += row
    _row(sheet, "All events", y, row)
    ticks_of(sheet, scale, [event for lane in found for event in lane.events], y + 2, row - 6)
    y += row
    sheet.block = -1
    for frame in drawn:
        x0, x1 = scale.x(frame.start), max(scale.x(frame.end), scale.x(frame.start) + 4)
        sheet.rect(x0 - 1, top + 17, x1 - x0 + 2, row * len(hosts) + 4, "none", stroke=colour)
    sheet.height = y + 6
    return sheet


def _row(sheet: Sheet, name: str, y: float, row: float) -> None:
    sheet.fixed = True
    sheet.row(y, row, lane=name)
    text = shortened(name, LABELS - 8, 10)
    sheet.text(0, y + row - 5, text, "ink2", size=10, title=name if text != name else "")
    sheet.fixed = False


def _names(sheet: Sheet, scale: Scale, frames: Sequence[Frame], colour: str) -> float:
    """The names of the framed windows in as many rows as they need to stand apart."""
    rows: list[float] = []
    for frame in sorted(frames, key=lambda each: (each.start, each.number)):
        text = shortened(frame.name, 420)
        wide = text_width(text, 11, bold=True)
        x = max(0.0, min(scale.x(frame.start), WIDTH - 8 - wide))
        row = next((k for k, used in enumerate(rows) if used + 10 < x), len(rows))
        if row == len(rows):
            rows.append(0.0)
        rows[row] = x + wide
        sheet.text(x, 12 + row * 15, text, colour, bold=True, title=frame.name, anchored=scale.x(frame.start))
    return len(rows) * 15.0


def _badges(sheet: Sheet, scale: Scale, frames: Sequence[Frame], top: float) -> float:
    """The numbers of all incidents in one row; those that would touch are one badge, `13 to 17`."""
    sheet.fixed = True
    sheet.text(0, top + 12, "incidents", "ink2", size=10)
    sheet.fixed = False
    groups: list[_Badge] = []
    right = scale.x0 - 20
    for frame in sorted(frames, key=lambda each: (each.start, each.number)):
        x = scale.x(frame.start)
        if not groups or x - 10 >= right:
            groups.append(_Badge(x, frame.number, frame.number))
        groups[-1].add(frame)
        right = max(right, groups[-1].x + text_width(groups[-1].text, 10, bold=True) + 8)
    for group in groups:
        x = min(group.x, WIDTH - 4 - text_width(group.text, 10, bold=True))
        title = "; ".join(f"{frame.number} {frame.name}" for frame in group.frames[:12])
        sheet.text(x, top + 12, group.text, "bad" if group.bad else "ink2", size=10, bold=True, title=title)
    return top + 16


class _Badge(msgspec.Struct):
    """Incidents whose numbers share a place: the place of the first, the least and the greatest number."""

    x: float
    least: int
    most: int
    bad: bool = False
    frames: list[Frame] = []

    def add(self, frame: Frame) -> None:
        """One more."""
        self.least, self.most = min(self.least, frame.number), max(self.most, frame.number)
        self.bad = self.bad or frame.bad
        self.frames.append(frame)

    @property
    def text(self) -> str:
        """`13`, `13–17`."""
        return str(self.least) if len(self.frames) == 1 else f"{self.least}–{self.most}"


def _sums(sheet: Sheet, found: Sequence[Lane], hosts: Sequence[Lane], y: float, row: float) -> None:
    """Per node how often it was reset, lost quorum and lost a link."""
    sheet.block, sheet.fixed = -1, True
    links: dict[str, int] = {}
    for lane in found:
        for item in lane.items if lane.group == "Network" else ():
            end = item.where.partition("/")[0]
            links[end] = links.get(end, 0) + 1
    for right, name in _COLUMNS:
        sheet.text(WIDTH - right, y - 8, name, "ink2", size=10, anchor="end")
    for k, lane in enumerate(hosts):
        resets = sum(item.ends in UNCLEAN for item in lane.items)
        lost = sum(item.style == "inquorate" for item in lane.items)
        for (right, name), count in zip(_COLUMNS, (resets, lost, links.get(lane.name, 0)), strict=True):
            bad = name != "links down" and count > 0
            sheet.text(
                WIDTH - right,
                y + row * (k + 1) - 5,
                str(count) if count else "·",
                "bad" if bad else "ink3",
                size=10,
                anchor="end",
            )
