"""The drawing: round ticks, no overlapping labels, every state drawn and told in the table."""

import itertools

import cases
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.report import document, lanes, picture, words
from pveforensics.report.drawing import Scale, shortened, text_width, ticks
from pveforensics.report.sections import lanes as section
from pveforensics.report.story import tell


def view(case):
    return section.build(tell(document.to_document(case)))


def overlaps(sheet):
    return [(a, b) for a, b in itertools.combinations(sheet.boxes, 2) if a.touches(b)]


@pytest.mark.parametrize("name", [name for name in cases.ALL if name != "empty"])
def test_no_label_touches_another(name):
    drawn = view(cases.ALL[name]())
    for each in (drawn.overview, *drawn.zooms):
        assert overlaps(each.sheet) == []
        assert all(box.x1 <= picture.WIDTH + 1 for box in each.sheet.boxes)


@pytest.mark.parametrize(("nodes", "incidents"), [(1, 1), (3, 2), (8, 9), (32, 3)])
def test_no_label_touches_another_with_few_or_many_nodes(nodes, incidents):
    drawn = view(cases.many(nodes, incidents))
    for each in (drawn.overview, *drawn.zooms):
        assert overlaps(each.sheet) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), st.text("abc WM", max_size=60), st.booleans()), max_size=9))
def test_callouts_never_collide(moments):
    callouts = [picture.Callout(at * 1_000_000, f"F{k}", text, bad) for k, (at, text, bad) in enumerate(moments)]
    sheet = picture.zoom([], 0, 100_000_000, callouts)
    assert overlaps(sheet) == []


def test_nothing_to_draw_draws_nothing():
    assert view(cases.empty()) is None


def test_every_state_is_drawn_and_stands_in_the_table():
    case = cases.fenced()
    drawn = view(case)
    told = " ".join(f"{row.where} {row.what}" for row in drawn.rows)
    for words_of_state in (
        "alpha no quorum (votes 1, expected 3, needed 2)", "alpha no log", "alpha not seen by its peers", "alpha watchdog not renewed", "alpha watchdog armed",
        "ha active", "ha lost_agent_lock", "master beta", "link alpha/beta/0 down", "guest vm:100 down", "moon:full waxing", "boot, reset by its watchdog",
        "gamma no log of this node in the bundle", "beta and gamma | alpha (no quorum)",
    ):  # fmt: skip
        assert words_of_state in told, words_of_state
    titles = " ".join(shape.title for shape in drawn.zooms[0].sheet.shapes)
    for item in (item for lane in lanes.lanes(tell(document.to_document(case)).doc) for item in lane.items if item.told):
        if item.style != "run":
            assert item.what in titles, item.what


def test_an_open_edge_ends_with_the_log_and_is_called_open():
    drawn = view(cases.fenced())
    row = next(row for row in drawn.rows if row.what.startswith("link alpha/beta/0"))
    assert row.start == "2026-03-14 02:10:00.000"
    assert row.lasted == "open"


def test_a_crowd_of_quiet_nodes_is_counted_in_the_zoom():
    drawn = view(cases.many())
    assert "31 nodes to which nothing happened here" in drawn.zooms[0].caption
    assert "Framed: the 3 worst of 40 incidents" in drawn.overview.caption


def test_a_planned_stop_is_drawn_calm():
    drawn = view(cases.planned())
    assert not any(dict(shape.attrs).get("class") in ("f-bad", "k-bad") for shape in drawn.overview.sheet.shapes)
    titles = [shape.title for shape in drawn.zooms[0].sheet.shapes]
    assert any(title.startswith("shut down; next sign after 4 min 36 s") for title in titles)


def test_ticks_are_round_and_name_the_day_at_midnight():
    midnight = 1_773_446_400_000_000
    scale = Scale(midnight - 600_000_000, midnight + 600_000_000, 132, 1160)
    labels = [label for _, label in ticks(scale)]
    assert "14 Mar" in labels
    assert "23:58" in labels
    assert "00:02" in labels


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4_000_000_000_000_000), st.integers(1, 10**15))
def test_ticks_stay_few_whatever_the_span(start, length):
    scale = Scale(start, start + length, 132, 1160)
    found = ticks(scale, "Europe/Berlin")
    assert len(found) <= 16
    assert all(start <= us <= start + length for us, _ in found)


@given(st.text(max_size=80), st.integers(0, 300))
def test_a_shortened_text_fits(text, room):
    assert text_width(shortened(text, room)) <= max(room, 0) or text == ""


def test_words_for_times():
    assert words.duration(0.4) == "0.4 s"
    assert words.duration(62) == "62 s"
    assert words.duration(291) == "4 min 51 s"
    assert words.duration(7380) == "2 h 3 min"
    assert words.duration(273_600) == "3 d 4 h"
    assert words.sure(0.949) == "likely 0.94"
    assert words.names(["a"]) == "a"
    assert words.names(["a", "b", "c", "d", "e", "f"]) == "a, b, c and 3 more"
