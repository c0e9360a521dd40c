"""What the sentences of a post-mortem look up: the same as a search through the whole document."""

import cases
import pytest

from pveforensics.model import Interval
from pveforensics.report import document, words
from pveforensics.report.ground import ground
from pveforensics.report.sections import guests
from pveforensics.report.story import tell

STRANGE = (Interval("guest", "odd", cases.t(615), cases.t(620)), Interval("guest:", "odd", cases.t(615), cases.t(620)), Interval("guests:1", "odd", cases.t(615), None))  # fmt: skip


def told(name):
    case = cases.ALL[name]()
    parts = document.to_document(cases.case(case.nodes, findings=case.findings, incidents=case.incidents, intervals=(*case.history.intervals, *STRANGE)))  # fmt: skip
    return tell(parts)


@pytest.mark.parametrize("name", ["fenced", "many", "planned"])
def test_spans_are_the_intervals_that_begin_or_end_in_the_window(name):
    story = told(name)
    for chain in story.chains:
        g = ground(story, chain)
        edges = [(each, words.micros(each.start), words.micros(each.end)) for each in story.doc.intervals]
        inside = [each for each in edges if g.inside(each[1]) or g.inside(each[2])]
        for kind in ("node", "guest", "guests", "link", "ha", "moon"):
            slow = [each for each in inside if each[0].subject.startswith(f"{kind}:")]
            assert list(g.spans(kind)) == slow
            assert list(g.spans(kind, ("down", "inquorate"))) == [each for each in slow if each[0].state in ("down", "inquorate")]
        for subject in {each.subject for each in story.doc.intervals} | {"guest:none"}:
            assert list(g.about(subject)) == [each for each, _, _ in inside if each.subject == subject]


@pytest.mark.parametrize("name", ["fenced", "many", "planned"])
def test_events_are_those_between_two_moments_in_the_order_of_time(name):
    story = tell(document.to_document(cases.ALL[name]()))
    dated = [(us, event) for event in story.doc.events if (us := words.micros(event.at)) is not None]
    edges = sorted({us + by for us, _ in dated for by in (-1, 0, 1)})[:40] or [0]
    g = ground(story, story.chains[0])
    for t0 in edges[::3]:
        for t1 in edges[::4]:
            slow = sorted((pair for pair in dated if t0 <= pair[0] <= t1), key=lambda pair: (pair[0], pair[1].id))
            assert list(g.events(t0, t1)) == slow


def test_the_lines_of_an_outage_are_those_of_the_guests_state_that_began_with_it():
    story = told("fenced")
    rows = guests.build(story).down
    impact = [guest for chain in story.chains if chain.incident for guest in chain.incident.impact.guests]
    assert rows
    for row, guest in zip(rows, impact, strict=True):
        held = [each for each in story.doc.intervals if each.subject == f"guest:{guest.guest}" and each.start == guest.down_from]
        assert row.evidence == tuple(key for each in held for key in each.evidence)[:3]
