"""Who believed what, guests by node, storages by node, and the stopwatch."""

import cases

from pveforensics.model import Belief, Criticality, Finding, Interval, Measure
from pveforensics.report import document, render, stopwatch
from pveforensics.report.room import Room
from pveforensics.report.sections import beliefs, guests, storages
from pveforensics.report.sections import lanes as drawing
from pveforensics.report.story import tell


def story(case, **more):
    return tell(document.to_document(case) | more)


def with_beliefs():
    case = cases.fenced()
    held = (
        Belief("alpha", cases.t(0), cases.t(611), True, ("alpha", "beta", "gamma"), "beta", "active"),
        Belief("alpha", cases.t(611), cases.t(671), False, ("alpha",), "", "lost_agent_lock"),
        Belief("beta", cases.t(0), cases.t(640), True, ("alpha", "beta", "gamma"), "beta", "active"),
        Belief("beta", cases.t(640), cases.t(3600), True, ("beta", "gamma"), "beta", "active"),
    )
    intervals = (*case.history.intervals, Interval("node:alpha", "inquorate", cases.t(611), cases.t(671), {"opened_by": "lost"}))
    return cases.case(
        case.nodes, findings=case.findings, incidents=case.incidents, beliefs=held, partitions=case.history.partitions, intervals=intervals
    )


def test_each_node_tells_what_it_held_to_be_true_and_what_the_truth_contradicts():
    view = beliefs.build(story(with_beliefs()))
    rows = dict(view.rows)
    assert [column.utc for column in view.columns] == ["02:09:30", "02:10:11", "02:10:40"]
    assert [cell.text for cell in rows["alpha"]] == ["quorate 3/3", "not quorate 1/3", "not quorate 1/3"]
    assert [cell.wrong for cell in rows["beta"]] == [False, True, False]
    assert {cell.text for cell in rows["gamma"]} == {"no log"}
    assert view.truth[1].text == "2 votes, quorate | 1 votes, no quorum"


def test_whose_watchdog_was_armed_explains_who_survived():
    view = beliefs.build(story(with_beliefs()))
    armed = {row[0]: row[1:] for row in view.armed}
    assert armed["alpha"] == ("active", "not told", "armed", "was reset by it after 60 s")
    assert armed["beta"][2:] == ("not told", "ran on")


def test_placement_is_drawn_from_the_document():
    placed = [
        {"guest": "vm:100", "node": "alpha", "verdict": "ok", "why": "shared disk"},
        {"guest": "vm:100", "node": "beta", "verdict": "wrong_data", "why": "the replica is dead"},
        {"guest": "ct:200", "node": "beta", "verdict": "something new", "why": "?"},
    ]
    whole = document.to_document(cases.fenced()) | {"placement": placed}
    view = guests.build(tell(whole))
    assert [[cell.word for cell in cells] for _, cells in view.placement] == [["may run", "wrong data"], ["", "not checked"]]
    assert "the replica is dead" in render(whole)


def test_guests_that_were_down_are_told_with_their_way():
    row = guests.build(story(cases.fenced())).down[0]
    assert (row.name, row.lasted, row.where, row.data) == ("files", "89 s", "alpha → beta", "not told")


def test_storages_by_node_with_the_guests_that_were_hit():
    gone = cases.line("beta", 700, "pvestatd[1]: storage 'nas' is not online", 50)
    finding = Finding(
        "nas",
        "storage_failure",
        Criticality.HIGH,
        0.9,
        "nas is gone",
        "s",
        ("beta",),
        ("vm:100",),
        ("nas",),
        start=cases.t(700),
        evidence=(gone,),
    )
    case = cases.case(
        cases.fenced().nodes,
        findings=(finding,),
        intervals=(Interval("storage:nas@beta", "offline", cases.t(700), cases.t(790), {"blocked": "pvestatd"}, (gone,)),),
    )
    view = storages.build(story(case))
    assert view.nodes == ("beta",)
    name, cells, hit = view.rows[0]
    assert (name, cells[0].text, cells[0].note, hit) == ("nas", "offline for up to 90 s", "F1; waiting behind it: pvestatd", "vm:100")


def test_no_storage_no_belief_no_guest_no_section():
    for section in (storages, beliefs, guests):
        assert section.build(story(cases.nothing())) is None


def test_the_stopwatch_says_whether_the_protocol_kept_its_times():
    measures = document.view(
        document.to_document(
            cases.case(
                cases.nothing().nodes,
                findings=(
                    Finding("x", "fencing", Criticality.HIGH, 0.9, "t", "s", stopwatch=(
                        Measure("as it should", (42.0, 52.0), 48.0), Measure("late", (1.0, 2.0), 30.0), Measure("unseen", (10.0, 10.0), None, "no line"),
                    )),
                ),
            )
        )
    ).findings[0].stopwatch  # fmt: skip
    assert [(row.expected, row.measured, row.verdict) for row in stopwatch.rows(measures)] == [
        ("42 to 52 s", "48 s", "as expected"), ("1 to 2 s", "30 s", "longer"), ("10 s", "", "not measured"),
    ]  # fmt: skip
    sheet = stopwatch.draw(measures)
    assert all(not a.touches(b) for k, a in enumerate(sheet.boxes) for b in sheet.boxes[k + 1 :])


def test_the_stopwatch_stands_below_the_drawing_of_its_incident():
    view = drawing.build(story(cases.fenced())).within(Room())
    assert [watch.title for watch in view.zooms[0].watches] == ["F2 alpha had no quorum for 60 s", "F3 alpha was reset by its own watchdog"]
