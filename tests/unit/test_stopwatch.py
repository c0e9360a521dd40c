"""The stopwatch: the protocol's times for this cluster's size and token beside those that lines show."""

import pytest

from pveforensics.model import Cluster, Criticality, Event, Facts, Finding, History, Interval, Member
from pveforensics.stopwatch import formation, timed, token_of
from pveforensics.timebase import SECOND, Instant

HOUR = 1_780_000_000 * SECOND
NAMES = tuple(f"pve{number}" for number in range(1, 40))


def at(seconds, error=0.0):
    return Instant(HOUR + round(seconds * SECOND), round(error * SECOND))


def cluster(nodes, **more):
    return Cluster("demo", tuple(Member(name, k) for k, name in enumerate(NAMES[:nodes], 1)), **more)


def facts(*events, intervals=(), nodes=3, **more):
    return Facts(tuple(events), History(cluster(nodes, **more), tuple(intervals)), nodes=NAMES[:nodes])


def event(kind, when, node="pve1", **fields):
    return Event(kind, node, at(when), fields)


def fencing(node="pve1", start=70, **more):
    return Finding("self-fence", more.pop("class_", "fencing"), Criticality.CATASTROPHIC, 0.9, "", "", (node,), start=at(start), **more)


def steps(finding, known):
    return {measure.step: measure for measure in timed((finding,), known)[0].stopwatch}


@pytest.mark.parametrize(
    ("nodes", "more", "token", "formed"),
    [
        (2, {"token_ms": 3000}, 3.0, 6.6),
        (3, {"token_ms": 3000}, 3.65, 8.03),
        (5, {"token_ms": 3000}, 4.95, 10.89),
        (32, {"token_ms": 3000}, 22.5, 49.5),
        (3, {"token_ms": 3000, "token_coefficient_ms": 125}, 3.125, 6.875),
        (3, {"token_ms": 1000}, 1.65, 3.63),
    ],
)
def test_the_token_grows_with_the_cluster_and_a_membership_takes_token_and_consensus(nodes, more, token, formed):
    told = token_of(facts(nodes=nodes, **more))
    assert told.low == told.high == pytest.approx(token)
    assert formation(told)[0] == pytest.approx(formed, abs=0.01)


def test_corosyncs_own_word_goes_before_the_configuration():
    told = token_of(facts(event("totem_token_lost", 0, token_ms="4950"), token_ms=3000))
    assert (told.low, told.high) == (4.95, 4.95)


def test_without_any_word_both_defaults_hold():
    told = token_of(facts())
    assert (told.low, told.high) == (1.65, 3.65)


@pytest.mark.parametrize(("nodes", "expected"), [(2, (43, 53)), (3, (42, 52)), (4, (41, 51)), (5, (39, 49)), (16, (23, 33)), (32, (0, 10))])
def test_the_time_to_expiry_shrinks_as_the_cluster_grows(nodes, expected):
    measure = steps(fencing(), facts(nodes=nodes, token_ms=3000))["quorum lost to watchdog expired"]
    assert measure.expected_s == pytest.approx(expected, abs=0.7)
    assert measure.measured_s is None


def story(acknowledged=125, expired=56, last=58, master="", fence=70):
    claim = {"acknowledged": "yes", "to_unknown": at(18).iso(), "to_fence": at(fence).iso(), "master": "pve2"}
    intervals = [
        Interval("node:pve1", "inquorate", at(8), at(last), {"opened_by": "lost"}),
        Interval("node:pve1", "ended", at(last), at(170), {"manner": "unclean"}),
        Interval("node:pve1", "fence_claimed", at(18), at(acknowledged), claim),
    ]
    if master:
        intervals.append(Interval("ha:master", master, None, None))
    events = (
        event("nic_link_down", 0),
        event("knet_link_down", 1.5),
        event("totem_token_warning", 2.74),
        event("totem_membership_changed", 8.03),
        event("watchdog_about_to_expire", expired - 10),
        event("watchdog_expired", expired),
    )
    return facts(*events, intervals=intervals, token_ms=3000)


def test_a_fence_by_the_book_is_measured_step_by_step_without_remarks():
    told = steps(fencing(), story())
    assert told["network cut to new membership"].measured_s == 8.0
    assert told["quorum lost to watchdog expired"].measured_s == 48.0
    assert told["50 s warning to watchdog expired"].measured_s == 10.0
    assert told["watchdog expired to reset"].measured_s == 2.0
    assert told["node unknown to fence, as the master saw it"].measured_s == 52.0
    assert told["network cut to fence acknowledged"].measured_s == 125.0
    assert told["last lock renewal to watchdog expired"].measured_s is None
    assert not any("clock" in measure.note for measure in told.values())


def test_a_fenced_masters_own_lock_runs_out_first():
    assert steps(fencing(), story(acknowledged=185, master="pve1"))["network cut to fence acknowledged"].expected_s == (180, 190)
    assert steps(fencing(), story(master="pve2"))["network cut to fence acknowledged"].expected_s == (110, 130)


@pytest.mark.parametrize(
    ("changed", "step", "word"),
    [
        ({"acknowledged": 300}, "network cut to fence acknowledged", "renewed"),
        ({"acknowledged": 75}, "network cut to fence acknowledged", "released"),
        ({"expired": 20, "last": 21}, "quorum lost to watchdog expired", "renewals failed before"),
        ({"expired": 80, "last": 82}, "quorum lost to watchdog expired", "later"),
        ({"last": 90}, "watchdog expired to reset", "wrote on"),
        ({"fence": 140}, "node unknown to fence, as the master saw it", "master"),
    ],
)
def test_a_deviation_is_explained(changed, step, word):
    assert word in steps(fencing(), story(**changed))[step].note


def test_a_deviation_within_the_clocks_error_says_so():
    known = story(acknowledged=134)
    doubtful = tuple(Event(e.kind, e.node, Instant(e.at.us, 5 * SECOND), e.fields) for e in known.events)
    told = steps(fencing(), Facts(doubtful, known.history, nodes=known.nodes))["network cut to fence acknowledged"]
    assert "doubt" in told.note


def test_other_findings_and_findings_without_a_time_keep_their_peace():
    known = story()
    other = fencing(class_="unclean_boot")
    undated = Finding("self-fence", "fencing", Criticality.HIGH, 0.5, "", "", ("pve1",))
    assert timed((other,), known) == (other,)
    assert all(measure.measured_s is None for measure in timed((undated,), known)[0].stopwatch)
