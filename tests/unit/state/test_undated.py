"""Quotes without a stamp: what they prove, and what is only the noise of a stop or a start."""

from factory import event, quiet_start, spans, view
from msgspec.structs import replace

from pveforensics.state.trackers import undated
from pveforensics.state.view import view_of


def told(*words, **more):
    return undated.track(view({"gamma": [*((None, each) for each in words)]}, **more))


def test_a_quote_of_an_isolation_tells_loss_and_peers_but_no_time():
    found = told("down 1 0", "down 2 0", "token", "unheard 1 2", "lost")
    ((start, end, fields),) = spans(found, "node:gamma", "inquorate")
    assert (start, end, fields["opened_by"], fields["closed_by"]) == (None, None, "quote", "")
    ((start, end, fields),) = spans(found, "node:gamma", "network_trouble")
    assert (start, end, fields["peers"], fields["decided"]) == (None, None, "alpha beta", "no")


def test_the_end_of_the_loss_may_stand_in_the_quote():
    ((_, _, fields),) = spans(told("plost", "pgained"), "node:gamma", "inquorate")
    assert fields["closed_by"] == "gained"
    ((_, _, fields),) = spans(told("plost", "pgained", "plost"), "node:gamma", "inquorate")
    assert fields["closed_by"] == ""


def test_one_lost_peer_is_named_beside_its_reporter():
    found = told("unheard 1")
    assert {each.subject for each in found} == {"node:gamma", "node:alpha"}


def test_what_a_stop_or_start_explains_is_no_loss():
    assert told("cut", "plost") == ()
    assert told("announced 1", "ring 2.a left 1", "down 1 0") == ()
    assert told("started", "alone 1", "token") == ()
    assert told("retransmit 2") == ()


def test_many_retransmits_are_a_storm():
    ((_, _, fields),) = spans(told("retransmit 3", "retransmit 4"), "node:gamma", "network_trouble")
    assert (fields["shape"], fields["retransmits"]) == ("storm", "7")


def test_a_dated_log_of_the_node_decides_alone():
    assert undated.track(view({"gamma": [*quiet_start(3), (None, "lost"), (None, "token")]})) == ()


def named(*words, gap=1.0):
    """A view of gamma's log in which id 1 leaves and pacemaker then says the words, a gap apart."""
    made = view({"gamma": [(10, "members 1 2 3"), (20, "ring 2.a left 1")]}, named=False, conf=False)
    peers = [
        replace(event("gamma", 20 + gap, "lost", 9 + k), kind="pacemaker_peer_state", program="pacemakerd", fields={"node": n, "state": s})
        for k, (n, s) in enumerate(words)
    ]
    return view_of(replace(made.timeline, events=(*made.timeline.events, *peers)), made.naming)


def test_pacemaker_names_the_id_that_corosync_lost():
    assert named(("db1.example.com", "lost"), ("db1", "lost")).resolve(1) == "db1"
    assert named(("db1", "member")).resolve(1) == "node1"
    assert named(("db1", "lost"), ("db2", "lost")).resolve(1) == "node1"
    assert named(("db1", "lost"), gap=30).resolve(1) == "node1"


def test_a_quote_adds_no_window_to_one_that_dated_lines_open():
    seen = view({"gamma": [(None, "lost"), (0, "clinfo")]})
    assert not [each for each in undated.track(seen) if each.state == "inquorate"]
