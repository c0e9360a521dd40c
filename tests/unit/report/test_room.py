"""A report that is drawn again with less is the one that would have been drawn with less at once."""

import cases
import pytest

from pveforensics.report import document, render
from pveforensics.report.html import Report
from pveforensics.report.room import STEPS
from pveforensics.report.story import tell

NAMES = [*cases.ALL, "hostile"]


def whole(name):
    return document.to_document(cases.ALL[name]() if name in cases.ALL else cases.hostile(cases.PAYLOADS[0]))


@pytest.mark.parametrize("name", NAMES)
def test_a_step_looks_the_same_whatever_was_drawn_before(name):
    used = Report(tell(whole(name)))
    for room in (*STEPS[::-1], *STEPS):
        assert used.within(room) == Report(tell(whole(name))).within(room)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_left_as_soon_as_it_holds_more_bytes_than_the_cap(name):
    report = Report(tell(whole(name)))
    html = report.within(STEPS[0])
    size = len(html)
    assert report.within(STEPS[0], size) == html
    assert report.within(STEPS[0], size - 1) is None
    assert report.within(STEPS[0], 1) is None
    assert render(whole(name), 1).encode() == report.within(STEPS[-1])
