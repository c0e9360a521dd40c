"""What bisection finds among incidents and findings is what trying every pair finds."""

from bisect import bisect_right
from collections import defaultdict
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.incidents import LEADS, impact, links
from pveforensics.incidents.groups import links_within
from pveforensics.model import Criticality, Finding, Incident, Interval, Link
from pveforensics.timebase import SECOND, Instant

NODES = ("alpha", "beta", "gamma")
CLASSES = sorted({name for leads in LEADS for name in (*leads.causes, *leads.effects)})


def at(second, error_s=0.0):
    return None if second is None else Instant(1_773_453_600 * SECOND + round(second * SECOND), round(error_s * SECOND))


def built(number, class_, start, length, nodes, error_s, guests):
    end = None if start is None or length is None else at(start + length)
    return Finding(
        f"rule-{number}", class_, Criticality.HIGH, 0.9, "t", "s", tuple(sorted(nodes)), tuple(guests), start=at(start, error_s), end=end
    )  # fmt: skip


FINDINGS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(["network_failure", "quorum_loss", "fencing", "misconfiguration"]), st.sampled_from(CLASSES)),
        st.one_of(st.none(), st.integers(0, 400), st.integers(0, 1500)),
        st.one_of(st.none(), st.integers(0, 20), st.integers(0, 2000)),
        st.sets(st.sampled_from(NODES), min_size=1),
        st.sampled_from([0.0, 0.5, 5.0, 90.0]),
        st.sampled_from([(), ("vm:1",), ("vm:1", "vm:2")]),
    ),
    max_size=25,
).map(lambda rows: sorted((built(number, *row) for number, row in enumerate(rows)), key=links.by_time))


def every_pair(findings, most):
    """Links as the table of causes says them, each effect with the latest of every class of causes."""
    by_class = defaultdict(list)
    for finding in findings:
        by_class[finding.class_].append(finding)
    causes_of, found = defaultdict(set), []
    for effect, leads in ((effect, leads) for effect in findings if effect.start is not None for leads in LEADS):
        if effect.class_ not in leads.effects or not effect.rule.startswith(leads.effect_rules):
            continue
        for class_ in leads.causes:
            near = by_class[class_][:most]
            if not leads.standing:
                dated = [each for each in by_class[class_] if each.start is not None]
                latest = effect.start.us + min(effect.start.error_us, 60 * SECOND) + 60 * SECOND
                near = dated[: bisect_right([each.start.us for each in dated], latest)][-most:]
            for cause in near:
                if links._led(leads, cause, effect) and not links._reaches(effect.id, cause.id, causes_of):
                    causes_of[effect.id].add(cause.id)
                    found.append(Link(cause.id, effect.id, links._why(leads, cause, effect)))
    return found


@settings(max_examples=300)
@given(FINDINGS, st.sampled_from([2, 64]))
def test_links_are_those_of_every_pair(findings, most):
    with mock.patch.object(links, "LOOKED_BACK", most):
        assert links._links(findings) == every_pair(findings, most)


def test_a_long_cause_is_found_behind_many_short_ones():
    long = built(0, "network_failure", 0, 5000, ("alpha",), 0.5, ())
    short = [built(number, "network_failure", 10 * number, 1, ("alpha",), 0.5, ()) for number in range(1, 40)]
    lost = built(99, "quorum_loss", 4000, 10, ("alpha",), 0.5, ())
    assert [(link.cause, link.effect) for link in links._links([long, *short, lost])] == [(long.id, lost.id)]


def down(number, start, length, error_s, *, before, planned):
    end = None if length is None else at((start or 0) + length, error_s)
    fields = {"node_before": before, "planned": planned, "name": f"n{number}"}
    return Interval(f"guest:vm:{number % 3}", "down", at(start, error_s), end, fields)


DOWNS = st.lists(
    st.builds(
        lambda start, length, error_s, before, planned: (start, length, error_s, before, planned),
        st.one_of(st.none(), st.integers(-100, 3000)),
        st.one_of(st.none(), st.integers(0, 500)),
        st.sampled_from([0.0, 1.0, 700.0]),
        st.sampled_from(["", *NODES]),
        st.sampled_from(["", "yes", "no"]),
    ),
    max_size=12,
)


@settings(max_examples=300)
@given(FINDINGS, DOWNS)
def test_a_guest_goes_to_the_incident_that_trying_all_would_give_it_to(findings, rows):
    downs = [down(number, *row[:3], before=row[3], planned=row[4]) for number, row in enumerate(rows)]
    by_id = {finding.id: finding for finding in findings}
    incidents = [Incident("t", each.id, (each.id,), start=each.start, end=each.end) for each in findings]
    reaches = [reach for incident in incidents if (reach := impact._reach(incident, by_id)) is not None]
    reaches.sort(key=lambda reach: (reach.incident.start.us, reach.incident.id), reverse=True)
    expected = {}
    for each in downs:
        nearest = next((reach.incident.id for reach in reaches if impact._fits(each, reach)), None)
        if nearest is not None:
            expected[each.fields["name"]] = nearest
    found = {guest.name: name for name, guests in impact.impact_of(incidents, by_id, downs).items() for guest in guests}
    assert found == expected


def test_each_group_has_its_own_links_in_order():
    one, two, three = (built(number, "fencing", number, 1, ("alpha",), 0.0, ()) for number in range(3))
    told = [Link(two.id, three.id, "a"), Link("else", one.id, "b"), Link(one.id, two.id, "c")]
    assert links_within([[one], [two, three]], told) == [[told[1]], [told[0], told[2]]]
