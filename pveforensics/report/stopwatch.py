"""The stopwatch: for each step of the protocol the range that it should take, and the time that the logs show."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pveforensics.report import shape, words
from pveforensics.report.drawing import Box, Scale, Sheet, shortened, text_width

WIDTH = 1168.0
NAMES = 300.0
BARS = 540.0
"""Pixels of the axis; the words stand to its right."""
SLACK_S = 1.0
"""Stamps of whole seconds at both ends: so far beyond the range a time is still as expected."""

_AXES = ((1, 5), (1.5, 3), (2, 4), (3, 3), (4, 4), (5, 5), (6, 3), (8, 4))
"""Round ends of the axis and the parts into which they are cut."""


class Row(msgspec.Struct, frozen=True):
    """One step in words."""

    step: str
    expected: str
    measured: str
    verdict: str
    note: str


def rows(measures: Sequence[shape.Measure]) -> tuple[Row, ...]:
    """The steps as a table."""
    return tuple(
        Row(m.step, expected(m), "" if m.measured_s is None else words.duration(m.measured_s), judged(m), m.note) for m in measures
    )


def expected(measure: shape.Measure) -> str:
    """`42 to 52 s`, `10 s`."""
    low, high = measure.expected_s
    return f"{low:.4g} to {high:.4g} s" if high > low else f"{low:.4g} s"


def judged(measure: shape.Measure) -> str:
    """`as expected`, `shorter`, `longer`, or `not measured`."""
    if measure.measured_s is None:
        return "not measured"
    low, high = measure.expected_s
    return "shorter" if measure.measured_s < low - SLACK_S else "longer" if measure.measured_s > high + SLACK_S else "as expected"


def draw(measures: Sequence[shape.Measure]) -> Sheet:
    """One line a step: a box from the least to the most that is expected, a mark where it was measured; dashed if it was not."""
    sheet = Sheet(WIDTH)
    most = max([1.0, *(m.expected_s[1] for m in measures), *(m.measured_s or 0.0 for m in measures)])
    axis, parts = next((step * 10.0**power, cut) for power in range(12) for step, cut in _AXES if step * 10**power >= most)
    for k in range(parts + 1):
        x = NAMES + BARS * k / parts
        sheet.line(x, 18, x, 22 + 20 * len(measures), "line")
        sheet.text(x, 12, f"{axis * k / parts:g} s", "ink2", size=10, anchor="middle")
    for k, measure in enumerate(measures):
        y = 22 + 20 * k
        _row(sheet, measure, y, axis)
    sheet.height = 26 + 20 * len(measures)
    return sheet


def on_axis(sheet: Sheet, scale: Scale, measure: shape.Measure, y: float, height: float) -> None:
    """A step under the real events: from its beginning a line to the least, a box to the most that is expected, and the measured time."""
    start = words.micros(measure.start)
    if start is None:
        return

    def x(seconds: float) -> float:
        return scale.x(start + round(seconds * 1e6))

    low, high = measure.expected_s
    told, middle = measure.measured_s, y + height / 2
    sheet.line(x(0), middle, x(low), middle, "ink3", dash="" if told is not None else "2 3")
    sheet.rect(x(0) - 0.5, y + 1, 1, height - 2, "ink3")
    sheet.rect(x(low) - 1, y + 1, max(3.0, x(high) - x(low) + 2), height - 2, "quiet", stroke="ink3", title=f"expected {expected(measure)}")
    bad = judged(measure) in ("shorter", "longer")
    if told is not None:
        sheet.rect(x(told) - 2, y - 1, 4, height + 2, "bad" if bad else "ha", title=f"measured {words.duration(told)}")
    took = words.duration(told) if told is not None else "not measured"
    after, before, base = sheet.clear(max(x(high), x(told or 0.0)) + 7), x(0) - 6, middle + 3.5
    for text in (f"{measure.step}: {took}, expected {expected(measure)}", f"{measure.step}: {took}", took):
        wide = text_width(text, 10)
        if after + wide <= scale.x1 + 4 and sheet.free(Box(after, after + wide, base - 8, base + 2)):
            sheet.text(after, base, text, "bad" if bad else "ink2", size=10, halo=True, anchored=x(high))
            break
        if before - wide >= scale.x0:
            sheet.text(before, base, text, "bad" if bad else "ink2", size=10, halo=True, anchor="end", anchored=x(0))
            break


def _row(sheet: Sheet, measure: shape.Measure, y: float, axis: float) -> None:
    def x(seconds: float) -> float:
        return NAMES + BARS * min(1.0, max(0.0, seconds / axis))

    low, high = measure.expected_s
    told, verdict = measure.measured_s, judged(measure)
    sheet.text(0, y + 12, shortened(measure.step, NAMES - 12), "ink", title=measure.step)
    sheet.line(NAMES, y + 8, x(low), y + 8, "line2", dash="2 3" if told is None else "")
    sheet.rect(
        x(low) - (2 if high <= low else 0),
        y + 3,
        max(4.0, x(high) - x(low)),
        10,
        "quiet",
        stroke="ink3",
        dash="3 2" if told is None and x(high) - x(low) >= 6 else "",
        title=f"expected {expected(measure)}",
    )
    if told is not None:
        colour = "ha" if verdict == "as expected" else "bad"
        sheet.rect(x(told) - 2, y, 4, 16, colour, title=f"measured {words.duration(told)}")
    text = f"expected {expected(measure)}, " + (
        f"measured {words.duration(told)}" + ("" if verdict == "as expected" else f": {verdict}") if told is not None else "not measured"
    )
    start = NAMES + BARS + 14
    sheet.text(start, y + 12, shortened(text, WIDTH - start), "bad" if verdict in ("shorter", "longer") else "ink2")
