"""Cause and consequence: what is linked, what never is, and what an incident says."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.incidents import LEADS, assemble, ordered
from pveforensics.model import Cause, Cluster, Criticality, Evidence, Finding, History, Interval, Member, RuledOut
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
            guest("vm:104", 20, 900),
            guest("vm:105", 200, 300, node_before="delta"),
            guest("ct:106", None, 210),
        ),
    )
    (incident,) = assemble([CUT, LOST, FENCED], history)
    assert [(each.guest, each.name, each.node_before, each.node_after, each.planned) for each in incident.guests] == [
        ("ct:101", "", "", "", None),
        ("ct:106", "", "", "", None),
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


@settings(max_examples=150)
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
        assert incident.findings[0] == incident.root
        assert incident.trigger == "" or incident.trigger in places
    told = [name for incident in incidents for name in incident.findings]
    assert len(told) == len(set(told))
    assert {each.id for each in findings if each.criticality is not Criticality.INFO} <= set(told)
    assert {each.id for each in ordered(findings, incidents)} == set(by_id)


@settings(max_examples=60)
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


def test_a_guest_goes_to_the_nearest_incident_that_began_before_it():
    again = [finding("network_failure", 400, 420), finding("quorum_loss", 405, 425)]
    history = History(Cluster(), (guest("vm:100", 200, 320), guest("vm:100", 430, 500)))
    first, second = assemble([CUT, LOST, FENCED, *again], history)
    assert [each.down_from for each in first.guests] == [at(200)]
    assert [each.down_from for each in second.guests] == [at(430)]


def test_a_guest_that_a_finding_names_is_hit_wherever_it_ran():
    named = finding("ha_failure", 100, 130, guests=("vm:100",))
    history = History(Cluster(), (guest("vm:100", 110, None, node_before="delta"), guest("vm:101", 110, None, node_before="delta")))
    assert [each.guest for each in assemble([named], history)[0].guests] == ["vm:100"]


def test_a_guest_that_was_stopped_on_purpose_afterwards_is_no_impact():
    for second, hit in ((150, True), (300, False)):
        (incident,) = assemble([CUT, LOST], History(Cluster(), (guest("vm:100", second, 900, planned="yes"),)))
        assert bool(incident.guests) == hit


# --- order and clocks ------------------------------------------------------------------------


def line(node, second, text="something"):
    return Evidence(f"{node}/var/log/syslog", second, node, text, at=at(second))


def test_on_one_clock_a_later_second_is_later_whatever_is_unknown_of_the_zone():
    stop = finding("planned_shutdown", 109, 400, error_s=1800.0, evidence=(line("alpha", 109),))
    lost = finding("quorum_loss", 108, 220, error_s=1800.0, evidence=(line("alpha", 108),))
    assert not any(incident.links for incident in assemble([stop, lost], NOTHING_HAPPENED))
    stop = finding("planned_shutdown", 108, 400, error_s=1800.0, evidence=(line("alpha", 108),))
    (incident,) = assemble([stop, lost], NOTHING_HAPPENED)
    assert "cannot be ordered" not in incident.links[0].why


def test_between_clocks_that_are_far_apart_nothing_is_claimed():
    cut = finding("network_failure", 300, 900, nodes=("beta",), error_s=3600.0)
    assert len(assemble([cut, LOST], NOTHING_HAPPENED)) == 2
    cut = finding("network_failure", 150, 900, nodes=("beta",), error_s=3600.0)
    (incident,) = assemble([cut, LOST], NOTHING_HAPPENED)
    assert "cannot be ordered: they began 42.0 s apart, and the clocks are known to 3600.5 s only" in incident.links[0].why


# --- root and trigger ------------------------------------------------------------------------


def test_of_two_votes_that_went_away_the_last_was_the_trigger():
    first = finding("planned_shutdown", 50, 400, nodes=("beta",))
    second = finding("planned_shutdown", 105, 400, nodes=("gamma",))
    (incident,) = assemble([first, second, LOST], NOTHING_HAPPENED)
    assert (incident.root, incident.trigger) == (first.id, second.id)
    assert incident.findings[0] == first.id


def test_without_another_finding_the_trigger_is_the_first_line():
    cut = finding(
        "network_failure", 100, 220, evidence=(line("alpha", 20, "boot"), line("beta", 101, "second"), line("alpha", 100, "link  down"))
    )
    (incident,) = assemble([cut, LOST], NOTHING_HAPPENED)
    assert incident.trigger == "alpha: link down"


def test_a_journal_record_is_told_by_its_message():
    text = '{"SYSLOG_IDENTIFIER": "corosync", "MESSAGE": "[KNET  ] link down", "_PID": "1"}'
    (incident,) = assemble([finding("network_failure", 100, 220, evidence=(line("alpha", 100, text),))], NOTHING_HAPPENED)
    assert incident.trigger == "alpha: corosync: [KNET ] link down"


def test_the_boot_that_followed_is_no_trigger():
    boot = finding("unclean_boot", 100, 160, evidence=(line("alpha", 102, "Linux version 6.8"),))
    assert assemble([boot], NOTHING_HAPPENED)[0].trigger == ""


def test_a_setting_is_the_root_where_it_is_weighed_and_the_loss_is_its_trigger():
    setting = finding("misconfiguration", None, nodes=("alpha",), rule="two-nodes-without-qdevice")
    stop = finding("planned_shutdown", 100, 400, nodes=("beta",))
    lost = finding("quorum_loss", 108, 220, causes=(Cause("planned", 0.55), Cause("configuration", 0.45)))
    (incident,) = assemble([setting, stop, lost], NOTHING_HAPPENED)
    assert (incident.root, incident.trigger) == (setting.id, stop.id)
    assert "since when it stands so is not known" in next(link.why for link in incident.links if link.cause == setting.id)
    assert len(assemble([setting, LOST], NOTHING_HAPPENED)) == 2


def test_the_root_is_what_led_to_the_gravest():
    slow = finding("storage_failure", 90, 150, criticality="low", rule="slow-storage")
    hung = finding("service_failure", 95, 150, criticality="medium", rule="pmxcfs-blocked")
    (incident,) = assemble([slow, hung, CUT, LOST, FENCED], NOTHING_HAPPENED)
    assert {link.cause for link in incident.links if link.effect == FENCED.id} >= {LOST.id}
    assert incident.findings[0] == incident.root


# --- again -----------------------------------------------------------------------------------

DAY = 86_400


def test_the_same_again_is_counted():
    days = (0, 9, 20)
    found = [
        each for day in days for each in (finding("network_failure", day * DAY, day * DAY + 90), finding("fencing", day * DAY + 60, None))
    ]
    other = finding("fencing", 4 * DAY, None, nodes=("beta",))
    told = [incident for incident in assemble([*found, other], NOTHING_HAPPENED) if "alpha" in incident.title]
    assert [incident.recurrence for incident in told] == [
        "first of 3 times in 20 days",
        "second of 3 times in 20 days",
        "third time in 20 days",
    ]
    assert told[2].title == "network_failure on alpha, which led to: fencing on alpha (third time in 20 days)"
    assert not next(incident for incident in assemble([other], NOTHING_HAPPENED)).recurrence


def test_what_is_less_grave_does_not_make_it_another_story():
    first = [finding("fencing", 0, None)]
    again = [finding("fencing", 20 * DAY + 60, None), finding("ha_failure", 20 * DAY + 70, None, criticality="medium")]
    assert [incident.recurrence for incident in assemble([*first, *again], NOTHING_HAPPENED)] == [
        "first of 2 times in 21 days",
        "second time in 21 days",
    ]


def test_the_whole_cluster_is_one_place():
    cluster = History(Cluster(members=tuple(Member(name) for name in ("alpha", "beta"))))
    one = finding("quorum_loss", 0, 60, nodes=("alpha", "beta"))
    two = [finding("quorum_loss", 5000, 5060, nodes=("alpha",)), finding("quorum_loss", 5001, 5060, nodes=("beta",))]
    assert [incident.recurrence for incident in assemble([one, *two], cluster)] == ["first of 2 times in 2 hours", "second time in 2 hours"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["fencing", "storage_failure"]), st.sampled_from(["alpha", "beta"])), max_size=14))
def test_grouping_counts_every_incident_once(stories):
    incidents = assemble(
        [finding(class_, 5000 * place, 5000 * place + 10, nodes=(node,)) for place, (class_, node) in enumerate(stories)], NOTHING_HAPPENED
    )
    assert len(incidents) == len(stories)
    for story in set(stories):
        alike = [incident for incident, each in zip(incidents, stories, strict=True) if each == story]
        if len(alike) == 1:
            assert alike[0].recurrence == ""
            continue
        assert all(f"of {len(alike)} times in " in incident.recurrence for incident in alike[:-1])
        assert " time in " in alike[-1].recurrence
        assert len({incident.recurrence for incident in alike}) == len(alike)
