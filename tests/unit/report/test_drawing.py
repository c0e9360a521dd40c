"""The drawing: round ticks, no overlapping labels, every state drawn and told in the table."""

import itertools
import re

import cases
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pveforensics.events import load_signatures
from pveforensics.model import Criticality, Event, Finding, Group, Incident, Interval, Partition
from pveforensics.report import document, folding, lanes, marks, picture, words
from pveforensics.report.drawing import Scale, Sheet, shortened, text_width, ticks
from pveforensics.report.overview import Frame, overview
from pveforensics.report.room import Room
from pveforensics.report.rows import WIDTH
from pveforensics.report.sections import lanes as section
from pveforensics.report.story import tell
from pveforensics.resources import rules_folder


def view(case):
    made = section.build(tell(document.to_document(case)))
    return made and made.within(Room())


def attributes(shape):
    return dict(re.findall(r' ([\w-]+)="([^"]*)"', shape.attrs))


def overlaps(sheet):
    return [(a, b) for a, b in itertools.combinations(sheet.boxes, 2) if a.touches(b)]


@pytest.mark.parametrize("name", [name for name in cases.ALL if name != "empty"])
def test_no_label_touches_another(name):
    drawn = view(cases.ALL[name]())
    for each in (drawn.overview, *drawn.zooms):
        assert overlaps(each.sheet) == []
        assert all(box.x1 <= WIDTH + 1 for box in each.sheet.boxes)


@pytest.mark.parametrize(("nodes", "incidents"), [(1, 1), (3, 2), (8, 9), (32, 3), (32, 40)])
def test_no_label_touches_another_with_few_or_many_nodes(nodes, incidents):
    drawn = view(cases.many(nodes, incidents))
    for each in (drawn.overview, *drawn.zooms):
        assert overlaps(each.sheet) == []


@pytest.mark.parametrize("seconds", [300.0, 21 * 86400.0], ids=["5 minutes", "3 weeks"])
@pytest.mark.parametrize("nodes", [3, 8, 32])
def test_no_label_touches_another_when_all_nodes_are_hit(nodes, seconds):
    drawn = view(cases.storm(nodes, seconds))
    assert drawn.zooms
    for each in (drawn.overview, *drawn.zooms):
        assert overlaps(each.sheet) == []
        assert all(box.x0 >= -1 and box.x1 <= WIDTH + 1 and box.y1 <= each.sheet.height for box in each.sheet.boxes)


@settings(max_examples=100)
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
        "gamma no log of this node in the bundle", "ring 1.1e: beta and gamma", "ring 1.1b: alpha (no quorum)",
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
    assert not any(attributes(shape).get("class") in ("f-bad", "k-bad") for shape in drawn.overview.sheet.shapes)
    titles = [shape.title for shape in drawn.zooms[0].sheet.shapes]
    assert any(title.startswith("shut down; next sign after 4 min 36 s") for title in titles)


def test_ticks_are_round_and_name_the_day_at_midnight():
    midnight = 1_773_446_400_000_000
    scale = Scale(midnight - 600_000_000, midnight + 600_000_000, 132, 1160)
    labels = [label for _, label in ticks(scale)]
    assert "14 Mar" in labels
    assert "23:58" in labels
    assert "00:02" in labels


@settings(max_examples=100)
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


KINDS = sorted(
    {signature.kind for signature in load_signatures((rules_folder(),))} | {"syslog_nul_bytes", "boot_separator", "of.no.family"}
)


def test_every_kind_of_event_is_drawn_and_stands_in_the_table():
    """One event of every kind that the shipped rules know, and of one that they do not."""
    events = tuple(Event(kind, "alpha" if k % 3 else "beta", cases.t(600 + 300 * k / len(KINDS)), {}, ()) for k, kind in enumerate(KINDS))
    case = cases.fenced()
    drawn = view(cases.case(case.nodes, findings=case.findings, incidents=case.incidents, intervals=case.history.intervals, events=events))
    for sheet in (drawn.overview.sheet, drawn.zooms[0].sheet):
        titles = " ".join(shape.title for shape in sheet.shapes if shape.tag == "rect")
        drawn_kinds = set(titles.replace(",", " ").split())
        assert set(KINDS) <= drawn_kinds
        assert overlaps(sheet) == []
    assert {each.kind for each, _, _ in drawn.kinds} == set(KINDS)


def test_kinds_stand_in_the_lane_of_their_part_or_in_the_explicit_other_one():
    lanes_of = {kind: marks.lane_of(kind) for kind in KINDS}
    assert lanes_of["knet_link_down"] == "network"
    assert lanes_of["watchdog_expired"] == "watchdog"
    assert lanes_of["lrm_status_changed"] == "HA LRM"
    assert lanes_of["node_fence_acknowledged"] == "HA CRM"
    assert lanes_of["clean_reboot_requested"] == "people"
    assert lanes_of["of.no.family"] == "other"
    assert sum(lane == "other" for lane in lanes_of.values()) < len(KINDS) / 8


def test_events_of_one_place_are_one_mark_that_names_them():
    found = marks.merged([(0, "a", 1), (5, "b", 2), (9, "a", 1), (40, "c", 1)], 10)
    assert [(mark.first, mark.count, mark.what) for mark in found] == [(0, 4, "a ×2, b ×2"), (40, 1, "c")]


def test_parts_of_the_cluster_have_their_ring_ids_and_votes_against_the_quorum():
    sheet = view(cases.fenced()).zooms[0].sheet
    titles = [shape.title for shape in sheet.shapes]
    texts = [shape.text for shape in sheet.shapes]
    assert any(title.startswith("ring 1.1b: alpha (no quorum): 2026-03-14 02:10:11 to 2026-03-14 02:11:11") for title in titles)
    assert any(title.startswith("beta and gamma: 2 of 3 votes, quorate") for title in titles)
    assert "1 of 3 < 2" in texts
    assert "quorum: 2 of 3" in texts


def test_an_uncertain_edge_is_faded_and_what_only_peers_tell_is_dashed():
    nodes = cases.fenced().nodes
    case = cases.case(
        nodes,
        findings=cases.fenced().findings,
        incidents=cases.fenced().incidents,
        intervals=(
            Interval("node:alpha", "inquorate", cases.Instant.of(cases.t(650).as_datetime(), error_us=9_000_000), cases.t(660)),
            Interval("node:gamma", "unreachable", cases.t(640), cases.t(700), {"seen_by": "beta"}),
        ),
    )
    shapes = [attributes(shape) | {"title": shape.title} for shape in view(case).zooms[0].sheet.shapes]
    assert any(shape.get("fill") == "url(#fade-in)" for shape in shapes)
    assert any(shape.get("stroke-dasharray") and shape["title"].startswith("not seen by its peers") for shape in shapes)


def test_people_and_changes_have_a_lane_of_their_own():
    whole = document.to_document(cases.fenced()) | {
        "changes": [{"at": "2026-03-14T02:09:50.000Z", "node": "alpha", "what": "corosync 3.1.7 -> 3.1.9", "evidence": []}]
    }
    drawn = section.build(tell(whole)).within(Room())
    assert any(shape.text == "corosync 3.1.7 -> 3.1.9 on alpha" for shape in drawn.zooms[0].sheet.shapes)
    assert any(row.what == "corosync 3.1.7 -> 3.1.9 on alpha" for row in drawn.rows)


def test_many_links_of_one_node_are_one_lane():
    names = [f"n{k:02}" for k in range(1, 17)]
    links = tuple(
        Interval(f"link:{a}/{b}/0", "down", cases.t(600), cases.t(700)) for a, b in itertools.permutations(names, 2) if "n05" in (a, b)
    )
    nodes = tuple(cases.node_info(name, k) for k, name in enumerate(names, 1))
    found, _ = folding.folded(
        folding.clipped(lanes.lanes(tell(document.to_document(cases.case(nodes, intervals=links))).doc), 0, 10**18), frozenset()
    )
    assert [lane.name for lane in found if lane.group == "Network"] == ["n05 – 15 peers, link 0"]


def test_three_parts_of_a_cluster_are_three_rows():
    groups = (Group("1", ("a", "b"), 2, False), Group("2", ("c", "d"), 2, False), Group("3", ("e",), 1, False))
    names = "abcde"
    case = cases.case(
        tuple(cases.node_info(name, k) for k, name in enumerate(names, 1)), partitions=(Partition(cases.t(0), cases.t(100), groups),)
    )
    found = lanes.lanes(tell(document.to_document(case)).doc)
    assert [lane.sub for lane in found if lane.name == "Partition"] == ["apart", "apart 2", "ring id"] or [
        lane.sub for lane in found if lane.name == "Partition"
    ] == ["ring id", "apart", "apart 2"]


def test_a_setting_that_was_weak_all_along_does_not_widen_the_window_of_an_incident():
    case = cases.fenced()
    weak = cases.Finding(
        "soft", "misconfiguration", cases.Criticality.MEDIUM, 0.9, "soft watchdog", "s", ("alpha",), start=cases.t(-86_400)
    )
    old = case.incidents[0]
    both = cases.Incident(old.title, old.root, (weak.id, *old.findings), old.links, cases.t(-86_400), old.end, old.guests)
    wider = cases.case(case.nodes, findings=(weak, *case.findings), incidents=(both,), intervals=case.history.intervals)
    assert view(wider).zooms[0].caption == view(case).zooms[0].caption
    assert not any("soft watchdog" in shape.text for shape in view(wider).zooms[0].sheet.shapes)


def test_what_was_away_before_during_and_after_an_incident_is_counted_not_drawn():
    case = cases.fenced()
    away = tuple(Interval(f"guest:vm:{k}", "down", cases.t(0), cases.t(3500)) for k in range(900, 906))
    crowded = view(replace(case, history=replace(case.history, intervals=(*case.history.intervals, *away))))
    assert "6 lanes in which nothing changed here" in crowded.zooms[0].caption
    names = {block.lane for block in crowded.zooms[0].sheet.blocks}
    assert "vm:100" in names
    assert not names & {f"vm:{k}" for k in range(900, 906)}


def test_a_window_ends_with_the_logs_and_shows_a_state_without_an_end_for_a_while():
    found = Finding("q", "quorum_loss", Criticality.HIGH, 0.9, "t", "s", ("alpha",), start=cases.t(1000.0))
    nodes = (cases.node_info("alpha", 1, coverage=((990.0, 1900.0),)),)
    drawn = view(cases.case(nodes, findings=(found,), incidents=(Incident("i", found.id, (found.id,)),)))
    scale = drawn.zooms[0].sheet.scale
    assert (scale.t0, scale.t1) == (drawn.overview.sheet.scale.t0, cases.t(1000.0 + 120 + 15).us)


def test_leaders_cross_no_callout():
    callouts = [
        picture.Callout(at * 1_000_000, f"F{at}", "a rather long text of a finding " * 2, True)
        for at in (5, 20, 40, 60, 80, 85, 90, 91, 99)
    ]
    sheet = picture.zoom([], 0, 100_000_000, callouts)
    texts = [(attributes(shape), box) for shape, box in zip([s for s in sheet.shapes if s.tag == "text"], sheet.boxes, strict=True)]
    leaders = [(float(a["x1"]), float(a["y1"]), float(a["y2"])) for a in (attributes(s) for s in sheet.shapes if s.tag == "line") if a["x1"] == a["x2"] and "f-line" not in a.get("class", "") and "k-line" not in a.get("class", "")]  # fmt: skip
    for attrs, box in texts:
        for x, y0, y1 in leaders:
            crossed = box.x0 + 1 < x < box.x1 - 1 and y0 < box.y1 - 2 and box.y0 + 2 < y1
            assert not crossed, attrs


def test_the_legend_names_what_is_drawn_and_nothing_else():
    calm, bad = view(cases.planned()), view(cases.fenced())
    assert [words for *_, words in calm.legend] == ["running", "shut down", "no log"]
    assert {"no quorum", "down", "link down", "HA lock lost"} <= {words for *_, words in bad.legend}
    assert "unclean" not in calm.marks
    assert "unclean" in bad.marks


def test_the_protocol_stands_under_the_real_events():
    drawn = view(cases.fenced())
    sheet = drawn.zooms[0].sheet
    lanes_of = [block.lane for block in sheet.blocks if "step" in block.lane]
    assert lanes_of == ["F3 step 1", "F3 step 2"]
    texts = [shape.text for shape in sheet.shapes if shape.tag == "text"]
    assert "lock lost to watchdog expired: 46 s, expected 42 to 61 s" in texts
    assert "watchdog expired to reset: not measured, expected 10 to 11.5 s" in texts
    mark = next(attributes(shape) for shape in sheet.shapes if shape.title == "measured 46 s")
    assert abs(float(mark["x"]) + 2 - sheet.scale.x(cases.t(625.0 + 46).us)) < 0.2
    assert {watch.finding: watch.folded for watch in drawn.zooms[0].watches} == {
        finding.id: finding.class_ == "fencing" for finding in cases.fenced().findings if finding.stopwatch
    }


@given(st.text("abci.-1", min_size=1, max_size=40), st.text("abci.-1", min_size=1, max_size=40))
def test_the_name_of_a_link_fits_and_tells_both_ends(one, other):
    name = picture.lane_name(f"{one} – {other}, link 0", 140)
    assert text_width(name) <= 140.01
    first, dash, second = name.removesuffix(", link 0").removesuffix(" /0").partition(" – ")
    assert dash
    assert one.startswith(first.removesuffix("…"))
    assert other.startswith(second.removesuffix("…"))


def test_numbers_of_incidents_that_would_touch_are_one_badge():
    frames = [Frame(at * 1_000_000, at * 1_000_000 + 1, number, f"n{number}", drawn=number == 2, bad=number == 3) for at, number in ((10, 1), (11, 3), (11, 2), (90, 5), (50, 4))]  # fmt: skip
    sheet = overview([], 0, 100_000_000, frames)
    badges = [
        (shape.text, shape.title, attributes(shape)["class"]) for shape in sheet.shapes if shape.title.startswith(("1 n", "4 n", "5 n"))
    ]
    assert badges == [("1–3", "1 n1; 2 n2; 3 n3", "f-bad"), ("4", "4 n4", "f-ink2"), ("5", "5 n5", "f-ink2")]


def test_a_shape_has_its_colours_as_attributes_and_all_its_classes_in_one_at_the_end():
    sheet = Sheet(100.0, fixed=False)
    sheet.rect(0, 1, 2, 3, "hatch-bad", stroke="bad", dash="3 2", anchored=7)
    sheet.rect(0, 1, 2, 3, "none")
    sheet.line(0, 1, 2, 3, "line", width=2, dash="1 3")
    sheet.text(0, 1, "t", "ink", bold=True, halo=True, until=9)
    assert [shape.attrs for shape in sheet.shapes] == [
        ' x="0" y="1" width="2" height="3" fill="url(#hatch-bad)" stroke="#a83606" stroke-dasharray="3 2" data-a="7" class="k-bad"',
        ' x="0" y="1" width="2" height="3" fill="none"',
        ' x1="0" y1="1" x2="2" y2="3" stroke="#e3e7eb" stroke-width="2" stroke-dasharray="1 3" class="k-line"',
        ' x="0" y="1" font-size="11" text-anchor="start" fill="#14181d" font-weight="700" data-a="0" data-e="9" class="f-ink halo"',
    ]


@given(st.integers(-(10**16), 10**16), st.integers(0, 10**15), st.integers(0, 10**12))
def test_a_moment_beyond_the_axis_stands_at_its_end(us, t0, length):
    scale = Scale(t0, t0 + length, 132.0, 1160.0)
    assert scale.x(us) == 132.0 + (1160.0 - 132.0) * min(1.0, max(0.0, (us - t0) / max(1, length)))


def test_a_window_has_the_events_inside_it_also_where_the_document_has_them_in_another_order():
    events = tuple(Event("corosync_quorum_lost", "alpha", cases.t(at), seq=k) for k, at in enumerate((650, 600, 700, 650, 610)))
    found = lanes.lanes(tell(document.to_document(cases.case(cases.fenced().nodes, events=events))).doc)
    whole = [event for lane in found for event in lane.events]
    assert len(whole) == len(events)
    for t0, t1 in itertools.combinations((0, *(cases.t(at).us + by for at in (600, 610, 650, 700) for by in (-1, 0, 1))), 2):
        inside = [event for lane in folding.clipped(found, t0, t1) for event in lane.events]
        assert sorted(inside) == sorted(event for event in whole if t0 <= event[0] <= t1)
