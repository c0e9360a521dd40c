"""Cause and consequence: what is linked, what never is, and what an incident says."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.incidents import LEADS, assemble, ordered
from pveforensics.model import Cause, Cluster, Criticality, Finding, History, Interval, RuledOut
from pveforensics.timebase import SECOND, Instant

NOTHING_HAPPENED = History(Cluster())
RANKS = {
    "planned_shutdown": "info",
    "evidence_gap": "info",
    "network_failure": "high",
    "quorum_loss": "catastrophic",
    "fencing": "catastrophic",
}


def at(second, error_s=0.5):
    return Instant(1_773_453_600 * SECOND + second * SECOND, round(error_s * SECOND))


def finding(class_, start, end=None, nodes=("alpha",), rule="", **more):
    error_s = more.pop("error_s", 0.5)
    criticality = Criticality(more.pop("criticality", RANKS.get(class_, "high")))
    first = None if start is None else at(start, error_s)
    last = None if end is None else at(end)
    title = f"{class_} on {' '.join(nodes)}"
    return Finding(rule or f"rule-{class_}", class_, criticality, 0.9, title, "", tuple(nodes), start=first, end=last, **more)


CUT = finding("network_failure", 100, 220)
LOST = finding("quorum_loss", 108, 220)
FENCED = finding("fencing", 165, 230)


def test_a_chain_from_the_network_to_the_fence():
    (incident,) = assemble([FENCED, LOST, CUT], NOTHING_HAPPENED)
    assert incident.root == CUT.id
    assert incident.findings == (CUT.id, LOST.id, FENCED.id)
    assert {(link.cause, link.effect) for link in incident.links} == {(CUT.id, LOST.id), (LOST.id, FENCED.id)}
    assert all(link.why for link in incident.links)
    assert incident.title == "network_failure on alpha, which led to: fencing on alpha"
    assert (incident.start, incident.end) == (CUT.start, FENCED.end)


def test_an_effect_is_never_linked_to_something_that_begins_later():
    late = finding("network_failure", 170, 300)
    (one, two) = assemble([late, LOST], NOTHING_HAPPENED)
    assert not one.links
    assert not two.links


def test_within_the_doubt_of_two_clocks_the_order_is_not_claimed():
    cut = finding("network_failure", 110, 220, nodes=("beta",), error_s=3.0)
    (incident,) = assemble([cut, LOST], NOTHING_HAPPENED)
    assert "the two cannot be ordered: they began 2.0 s apart, and the clocks are known to 3.5 s only" in incident.links[0].why


def test_what_is_long_over_led_to_nothing():
    early = finding("network_failure", 0, 20)
    assert len(assemble([early, finding("quorum_loss", 1000, 1100)], NOTHING_HAPPENED)) == 2


def test_a_cause_on_another_node_leads_to_no_fence_here():
    cut = finding("network_failure", 100, 220, nodes=("beta",))
    assert not any(incident.links for incident in assemble([cut, finding("fencing", 400, 410)], NOTHING_HAPPENED))


def test_a_planned_shutdown_explains_the_quorum_that_it_cost():
    stop = finding("planned_shutdown", 100, 400, nodes=("beta",))
    (incident,) = assemble([stop, LOST], NOTHING_HAPPENED)
    assert incident.root == stop.id
    assert incident.title == "planned_shutdown on beta, which led to: quorum_loss on alpha"


def test_a_planned_shutdown_alone_is_no_incident():
    assert assemble([finding("planned_shutdown", 100, 400)], NOTHING_HAPPENED) == ()


def test_what_is_only_told_is_attached_where_it_overlaps():
    gap = finding("evidence_gap", 150, 160)
    other = finding("evidence_gap", 150, 160, nodes=("gamma",))
    never = finding("evidence_gap", None)
    (incident,) = assemble([CUT, LOST, gap, other, never], NOTHING_HAPPENED)
    assert incident.findings == (CUT.id, LOST.id, gap.id)
    assert [each.id for each in ordered([gap, other, LOST, CUT, never], [incident])] == [CUT.id, LOST.id, gap.id, other.id, never.id]


def test_only_corosync_takes_quorum_with_it():
    for rule, linked in (("corosync-crashed", True), ("pveproxy-hung", False)):
        crash = finding("service_failure", 100, 200, rule=rule)
        assert any(incident.links for incident in assemble([crash, LOST], NOTHING_HAPPENED)) == linked


def test_one_thing_that_happened_to_all_nodes_is_one_incident():
    losses = [finding("quorum_loss", 100 + place, 300, nodes=(node,)) for place, node in enumerate(("alpha", "beta", "gamma"))]
    (incident,) = assemble(losses, NOTHING_HAPPENED)
    assert len(incident.findings) == 3
    assert not incident.links
    assert incident.root == losses[0].id


def test_incidents_stand_in_order_of_time():
    later = finding("storage_failure", 9000, 9100)
    undated = finding("misconfiguration", None)
    told = assemble([later, undated, CUT], NOTHING_HAPPENED)
    assert [incident.root for incident in told] == [CUT.id, later.id, undated.id]
    assert told[-1].start is None


def guest(sid, start, end, **fields):
    edges = [None if edge is None else at(edge) for edge in (start, end)]
    return Interval(f"guest:{sid}", "down", edges[0], edges[1], fields)


def test_guests_that_were_down_are_told():
    history = History(
        Cluster(),
        (
            guest("vm:100", 200, 320, node_before="alpha", node_after="beta", planned="no", name="db"),
            guest("ct:101", 240, None),
            guest("vm:102", 10, 20),
            guest("vm:103", 90_000, 90_010),
        ),
    )
    (incident,) = assemble([CUT, LOST, FENCED], history)
    assert [(each.guest, each.name, each.node_before, each.node_after, each.planned) for each in incident.guests] == [
        ("ct:101", "", "", "", None),
        ("vm:100", "db", "alpha", "beta", False),
    ]
    assert incident.guests[0].down_to is None


CLASSES = sorted({name for leads in LEADS for name in (*leads.causes, *leads.effects)} | {"evidence_gap", "misconfiguration"})
SOME = st.builds(
    lambda class_, start, length, nodes, error: finding(
        class_, start, None if start is None or length is None else start + length, tuple(sorted(nodes)), error_s=error
    ),
    st.sampled_from(CLASSES),
    st.one_of(st.none(), st.integers(0, 400)),
    st.one_of(st.none(), st.integers(0, 200)),
    st.sets(st.sampled_from(["alpha", "beta", "gamma"]), min_size=1, max_size=2),
    st.sampled_from([0.0, 0.5, 5.0]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(SOME, max_size=12, unique_by=lambda each: each.id))
def test_no_effect_before_its_cause_and_no_circle(findings):
    by_id = {each.id: each for each in findings}
    incidents = assemble(findings, NOTHING_HAPPENED)
    for incident in incidents:
        places = {name: place for place, name in enumerate(incident.findings)}
        assert incident.root in places
        assert incident.root not in {link.effect for link in incident.links}
        for link in incident.links:
            cause, effect = by_id[link.cause], by_id[link.effect]
            assert cause.start.us - effect.start.us <= cause.start.error_us + effect.start.error_us
            assert places[link.cause] < places[link.effect]
    told = [name for incident in incidents for name in incident.findings]
    assert len(told) == len(set(told))
    assert {each.id for each in findings if each.criticality is not Criticality.INFO} <= set(told)
    assert {each.id for each in ordered(findings, incidents)} == set(by_id)


@settings(max_examples=60, deadline=None)
@given(st.lists(SOME, max_size=8, unique_by=lambda each: each.id), st.randoms())
def test_order_of_findings_and_unrelated_ones_change_nothing(findings, chance):
    before = assemble(findings, NOTHING_HAPPENED)
    unrelated = [finding("storage_failure", 500_000 + 5000 * number, 500_010 + 5000 * number, nodes=("delta",)) for number in range(3)]
    mixed = [*findings, *unrelated]
    random.Random(chance.random()).shuffle(mixed)
    after = assemble(mixed, NOTHING_HAPPENED)
    assert {incident.id for incident in before} <= {incident.id for incident in after}
    assert {incident.id: incident.links for incident in before}.items() <= {incident.id: incident.links for incident in after}.items()


def test_thousands_of_findings_take_no_time():
    many = [finding(class_, 30 * number, 30 * number + 20) for number in range(1500) for class_ in ("network_failure", "quorum_loss")]
    assert assemble(many, NOTHING_HAPPENED)


def test_what_the_effect_itself_holds_out_of_the_question_is_not_linked():
    for causes, ruled_out, linked in (
        ((Cause("planned", 0.98), Cause("network", 0.01)), (), False),
        ((Cause("unknown", 0.6), Cause("network", 0.4)), (), True),
        ((Cause("unknown", 1.0),), (RuledOut("network", "it answered"),), False),
        ((Cause("unknown", 1.0),), (), True),
    ):
        lost = finding("quorum_loss", 108, 220, causes=causes, ruled_out=ruled_out)
        assert any(incident.links for incident in assemble([CUT, lost], NOTHING_HAPPENED)) == linked


def test_quorum_lost_after_the_network_is_back_has_another_cause():
    assert len(assemble([finding("network_failure", 100, 140), finding("quorum_loss", 156, 160)], NOTHING_HAPPENED)) == 2
    assert len(assemble([finding("network_failure", 100, 100), finding("quorum_loss", 112, 160)], NOTHING_HAPPENED)) == 1
