"""The drawing's ground: scales, round ticks, widths of texts, and the shapes that a template writes as SVG.

A shape carries presentation attributes (so that it reads without the style sheet) and a class (so that the theme
can colour it). Widths are those of the widest usual fonts, so that no two labels overlap on any machine.
"""

from __future__ import annotations

import datetime
import functools
import itertools
from collections.abc import Iterator

import msgspec

from pveforensics.report import words
from pveforensics.report.visible import one_line
from pveforensics.value import Value

COLOURS = {
    "run": "#d3dbe4", "quiet": "#e9edf1", "bad": "#a83606", "badbg": "#fdeee5", "warn": "#835600", "warnbg": "#fdf3d9", "ok": "#006b55",
    "ha": "#0b5fa5", "habg": "#dcebf8", "op": "#8a3570", "ink": "#14181d", "ink2": "#434b55", "ink3": "#616a75", "line": "#e3e7eb",
    "line2": "#c5ccd4", "bg": "#ffffff",
}  # fmt: skip
"""The light theme's colours; the style sheet has the same under the classes `f-…` (fill) and `k-…` (stroke)."""

# Thousandths of an em: of each character the wider one of Helvetica and DejaVu Sans, which stands in where there is no Helvetica.
_ORDINARY = 636
_WIDTHS = {
    char: width
    for width, chars in (
        (280, "'ijl"),
        (340, " ,.I/:;\\|"),
        (400, "f-t!()[]"),
        (460, 'r"'),
        (530, "*_`sJ?z"),
        (580, "cLk"),
        (725, "ABCEKPRSVXYZ"),
        (787, "DGHNOQU&"),
        (863, "w#+<=>^~M"),
        (1015, "%mW@"),
    )
    for char in chars
}
_BOLD = 1.14
_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000,
    31536000, 63072000, 157680000, 315360000, 3153600000,
)  # fmt: skip


class Shape(Value, frozen=True):
    """One SVG element: tag and attributes, which stand as they are written, come from code alone; `text` and `title` may come from the evidence."""

    tag: str
    attrs: str
    text: str = ""
    title: str = ""
    block: int = -1
    fixed: bool = False


class Block(msgspec.Struct, frozen=True):
    """A row of the drawing that script may move: its place, its height, and the lane's whole name (none for a heading)."""

    y: float
    height: float
    lane: str


class Box(msgspec.Struct, frozen=True):
    """The place that a text takes: what the overlap test looks at."""

    x0: float
    x1: float
    y0: float
    y1: float

    def touches(self, other: Box) -> bool:
        """True if the two share some place."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1


class Scale(msgspec.Struct, frozen=True):
    """A linear axis: microseconds to pixels."""

    t0: int
    t1: int
    x0: float
    x1: float

    def x(self, us: int) -> float:
        """The place of a moment, held inside the axis."""
        share = (us - self.t0) / max(1, self.t1 - self.t0)
        return self.x0 + (self.x1 - self.x0) * (0.0 if share < 0.0 else min(share, 1.0))


class Sheet(msgspec.Struct):
    """A drawing in the making: shapes in painting order and the places of its texts.

    `leaders` are the places of lines that go down through all rows. Shapes belong to the row `block` (-1: none, -2: the axis), and stand on the time axis unless `fixed`. `scale` is that axis, if there is one.
    """

    width: float
    height: float = 0.0
    shapes: list[Shape] = []
    boxes: list[Box] = []
    blocks: list[Block] = []
    scale: Scale | None = None
    leaders: list[float] = []
    block: int = -1
    fixed: bool = True

    def row(self, y: float, height: float, lane: str = "") -> None:
        """The shapes that follow belong to a row of their own."""
        self.block = len(self.blocks)
        self.blocks.append(Block(y, height, lane))

    def groups(self) -> Iterator[tuple[int, bool, list[Shape]]]:
        """The shapes in painting order, those of one row and kind together."""
        for (block, fixed), found in itertools.groupby(self.shapes, key=lambda shape: (shape.block, shape.fixed)):
            yield block, fixed, list(found)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        *,
        stroke: str = "",
        dash: str = "",
        title: str = "",
        anchored: float | None = None,
    ) -> None:
        """A bar; `fill` is a colour's name, `none`, or a hatch (`hatch-bad`, `hatch-log`)."""
        colours, classes = painted(fill, stroke)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        moment = f' data-a="{num(anchored)}"' if anchored is not None else ""
        place = f' x="{num(x)}" y="{num(y)}" width="{num(max(0.5, width))}" height="{num(height)}"'
        self._add("rect", f"{place}{colours}{dashes}{moment}{classes}", title=title)

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str, *, width: float = 1.0, dash: str = "") -> None:
        """A straight line."""
        colours, classes = painted("", stroke)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        place = f' x1="{num(x1)}" y1="{num(y1)}" x2="{num(x2)}" y2="{num(y2)}"'
        self._add("line", f'{place}{colours} stroke-width="{num(width)}"{dashes}{classes}')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        fill: str,
        *,
        size: int = 11,
        bold: bool = False,
        anchor: str = "start",
        halo: bool = False,
        title: str = "",
        anchored: float | None = None,
        until: float | None = None,
    ) -> None:
        """A label whose baseline stands at `y`; on the time axis it belongs to the moment at `anchored`, or to the bar up to `until`."""
        wide = text_width(text, size, bold=bold)
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        self.boxes.append(Box(left, left + wide, y - size * 0.78, y + size * 0.22))
        colours, classes = painted(fill, "", halo=halo)
        weight = ' font-weight="700"' if bold else ""
        moment = f' data-a="{num(x if anchored is None else anchored)}"' if not self.fixed else ""
        end = f' data-e="{num(until)}"' if until is not None else ""
        place = f' x="{num(x)}" y="{num(y)}" font-size="{size}" text-anchor="{anchor}"'
        self._add("text", f"{place}{colours}{weight}{moment}{end}{classes}", text, title)

    def _add(self, tag: str, attrs: str, text: str = "", title: str = "") -> None:
        self.shapes.append(Shape(tag, attrs, text, title, self.block, self.fixed))

    def clear(self, x: float) -> float:
        """The first place from `x` on at which a text would not touch a leader with its beginning."""
        for at in sorted(self.leaders):
            x = at + 4 if at - 3 <= x <= at + 4 else x
        return x

    def free(self, box: Box) -> bool:
        """True if no text stands there."""
        x0, x1, y0, y1 = box.x0, box.x1, box.y0, box.y1  # as `touches`, of thousands of boxes
        return not any(x0 < other.x1 and other.x0 < x1 and y0 < other.y1 and other.y0 < y1 for other in self.boxes)


@functools.cache
def painted(fill: str, stroke: str, *, halo: bool = False) -> tuple[str, str]:
    """What is filled and stroked, each with a colour's name if at all: as attributes, and as one attribute with all classes."""
    given = [(kind, colour) for kind, colour in (("fill", fill), ("stroke", stroke)) if colour]
    classes = [f"{'f' if kind == 'fill' else 'k'}-{colour}" for kind, colour in given if colour in COLOURS] + (["halo"] if halo else [])
    return "".join(f' {kind}="{_colour(colour)}"' for kind, colour in given), f' class="{" ".join(classes)}"' if classes else ""


def _colour(name: str) -> str:
    if name.startswith(("hatch", "fade")):
        return f"url(#{name})"
    return "none" if name == "none" else COLOURS[name]


def num(value: float) -> str:
    """A coordinate with one decimal at most: equal on every machine."""
    return f"{value:.1f}".removesuffix(".0")


def text_width(text: str, size: int = 11, *, bold: bool = False) -> float:
    """Pixels that a text takes; characters beyond ASCII count as a full em, which is more than most need."""
    return sum(map(_EMS.__getitem__, text)) * size / 1000 * (_BOLD if bold else 1.0)


class _Ems(dict[str, int]):
    """The width of each character in thousandths of an em, looked up once."""

    def __missing__(self, char: str) -> int:
        self[char] = _WIDTHS.get(char, _ORDINARY) if char < "\x7f" else 1000
        return self[char]


_EMS = _Ems()


def shortened(text: str, room: float, size: int = 11, *, bold: bool = False) -> str:
    """The text in one line, or as much of its beginning as fits with an ellipsis; empty if hardly anything fits.

    Hidden characters are written out first, since they count by the width of their escapes.
    """
    # No character is narrower than 0.2 em: what can never fit is not measured.
    most = max(0, int(room * 1000 / (size * 200))) + 2
    line = one_line(text[:most])
    if len(text) <= most and text_width(line, size, bold=bold) <= room:
        return line
    left = room - text_width("…", size, bold=bold)
    unit = size / 1000 * (_BOLD if bold else 1.0)
    keep = 0
    for char in line:
        left -= _EMS[char] * unit
        if left < 0:
            break
        keep += 1
    return line[:keep].rstrip() + "…" if keep >= 3 else ""


def tick_step(scale: Scale, least_px: float = 74.0) -> int:
    """The smallest round step in microseconds whose ticks stand at least `least_px` apart."""
    for step in _STEPS_S:
        if step * 1_000_000 * (scale.x1 - scale.x0) / max(1, scale.t1 - scale.t0) >= least_px:
            return step * 1_000_000
    return _STEPS_S[-1] * 1_000_000


def ticks(scale: Scale, zone: str = "UTC") -> list[tuple[int, str]]:
    """Round moments of a zone inside the axis, with their labels: month and year, the day at midnight, or the time."""
    step = tick_step(scale)
    offset = (words.local(scale.t0, zone).utcoffset() or datetime.timedelta()) // datetime.timedelta(microseconds=1)
    first = -(-(scale.t0 + offset) // step) * step - offset
    found = []
    for us in range(first, scale.t1 + 1, step):
        time = words.clock(us, zone)
        if step >= 2_592_000_000_000:
            found.append((us, words.day(us, zone).partition(" ")[2]))
        elif step >= 86_400_000_000 or time == "00:00:00":
            found.append((us, words.day(us, zone, short=True)))
        else:
            found.append((us, time if step < 60_000_000 else time[:5]))
    return found
