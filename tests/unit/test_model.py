"""Values of the model: what makes two of them the same, and ids that are made from what they say."""

import pickle

from msgspec.structs import replace

from pveforensics.model import Criticality, Event, Evidence, Finding, Incident
from pveforensics.timebase import Basis, Instant

LINE = Evidence("alpha/syslog", 7, "alpha", "x[1]: y", "Mar 14 02:13:07")


def finding(**fields):
    return Finding("rule", "fencing", Criticality.HIGH, 0.9, "title", "summary", ("alpha",), **fields)


def test_an_id_is_made_from_what_a_finding_says_however_it_came_to_say_it():
    early, late = finding(start=Instant(1)), finding(start=Instant(2))
    assert early.id != late.id
    moved = replace(early, start=Instant(2))
    assert (moved, moved.id) == (late, late.id)
    assert pickle.loads(pickle.dumps(moved)).id == replace(late, title="another").id == late.id


def test_an_incident_has_the_id_of_its_root():
    one = Incident("title", "f-1", ("f-1", "f-2"), (), None, None)
    assert one.id == replace(one, title="another", findings=("f-1",)).id != replace(one, root="f-2").id


def test_a_line_is_one_however_it_was_dated_and_whatever_stands_around_it():
    dated = replace(LINE, at=Instant(5), match=(0, 1), before=("a",), after=("b",))
    assert dated == LINE
    assert len({dated, LINE}) == 1
    assert LINE not in (replace(LINE, line=8), replace(LINE, text="z"), replace(LINE, node="beta"))


def test_a_moment_is_one_however_sure_it_is_and_in_order_the_surer_comes_first():
    sure, unsure = Instant(5, 1), Instant(5, 2, Basis.ALIGNED)
    assert sure == unsure
    assert sorted([Instant(6), unsure, Instant(4), sure]) == [Instant(4), sure, unsure, Instant(6)]
    assert min(unsure, sure) is sure


def test_two_events_are_the_same_only_if_their_lines_are():
    assert Event("kind", "alpha", Instant(1), evidence=(LINE,)) != Event("kind", "alpha", Instant(1), evidence=(replace(LINE, line=8),))


def test_how_critical_is_a_rank_also_where_it_was_pickled():
    assert [pickle.loads(pickle.dumps(each)).rank for each in Criticality] == [0, 1, 2, 3, 4]
    assert Criticality("high") is Criticality.HIGH
