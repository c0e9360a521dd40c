from factory import NAMES, event, isolation, quiet_start, spans, view

from pveforensics.state.rings import departures, rings_of
from pveforensics.state.trackers import membership


def test_isolated_node_is_unreachable_for_the_others():
    found = membership.track(view(isolation(3)))
    [(start, end, fields)] = spans(found, "node:gamma", "unreachable")
    assert (start, end) == (107.8, 144)
    assert (fields["manner"], fields["seen_by"], fields["side"]) == ("vanished", "alpha beta", "quorate")


def test_what_the_isolated_node_says_of_its_peers_is_marked_as_its_own():
    found = membership.track(view({"gamma": isolation(3)["gamma"]}))
    assert [f["side"] for _, _, f in spans(found, "node:alpha", "unreachable")] == ["inquorate"]


def test_clean_leave():
    log = [
        *quiet_start(1),
        (50, "announced 2"),
        (50, "sync_members 1 3"),
        (50, "sync_left 2"),
        (50, "ring 1.d left 2"),
        (50, "members 1 3"),
    ]
    log += [(80, "sync_members 1 2 3"), (80, "ring 1.11 joined 2"), (80, "members 1 2 3")]
    [(start, end, fields)] = spans(membership.track(view({"alpha": log})), "node:beta", "unreachable")
    assert (start, end, fields["manner"]) == (50, 80, "clean")


def test_announced_node_left_in_order_even_if_its_leave_message_was_missed():
    log = [*quiet_start(1), (50, "announced 2"), (50.1, "ring 1.d left 2"), (50.1, "unheard 2")]
    assert spans(membership.track(view({"alpha": log})), "node:beta", "unreachable")[0][2]["manner"] == "clean"


def test_leave_by_signal_is_clean_without_an_announcement():
    log = [*quiet_start(1), (50, "ring 1.d left 2"), (50.1, "members 1 3"), (51, "down 2 0")]
    assert [leave.node for leave in departures(view({"alpha": log}))] == ["beta"]


def test_wrapped_member_list_is_one_list():
    log = [(9, "sync_members 1 2\\"), (9, "sync_members 3"), (9, "ring 1.9 joined 2 3"), (9, "members 1 2\\"), (9, "members 3")]
    [ring] = rings_of(view({"alpha": log}), "alpha")
    assert ring.members == NAMES[:3]


def test_ring_without_lists_follows_from_who_joined_and_left():
    log = [(9, "members 1 2 3"), (50, "ring 1.d left 3"), (50, "unheard 3"), (90, "ring 1.11 joined 3")]
    assert [ring.members for ring in rings_of(view({"alpha": log}), "alpha")] == [NAMES[:3], NAMES[:2], NAMES[:3]]


def test_members_told_long_after_the_ring_belong_to_it():
    log = [(9, "sync_members 1"), (9, "sync_left 2"), (9, "ring 1.d left 2"), (13, "members 1")]
    assert len(rings_of(view({"alpha": log}), "alpha")) == 1


def test_unknown_ids_are_named_by_number_and_a_nodes_own_id_is_learned_from_its_lists():
    logs = {"alpha": [(0, "sync_members 7"), (0, "ring 7.5 joined 7"), (3, "sync_members 7 8"), (3, "ring 7.9 joined 8"), (9, "down 8 0")]}
    seen = view(logs, conf=False, named=False)
    assert rings_of(seen, "alpha")[-1].members == ("alpha", "node8")


def test_pmxcfs_lists_serve_where_corosync_is_silent():
    log = [(1, "pmembers 1/38, 2/37, 3/38"), (60, "pmembers 1/38, 2/37"), (90, "pmembers 1/38, 2/37, 3/39")]
    [(start, end, fields)] = spans(membership.track(view({"alpha": log})), "node:gamma", "unreachable")
    assert (start, end, fields["manner"]) == (60, 90, "unknown")


def test_views_end_with_the_reporters_own_stop():
    log = [*quiet_start(1), (50, "ring 1.d left 3"), (50, "unheard 3"), (70, "announced 1")]
    assert spans(membership.track(view({"alpha": log})), "node:gamma", "unreachable")[0][1] == 70


def test_life_of_corosync():
    log = [*quiet_start(1), (50, "announced 1"), (51, "stopped"), (80, "started"), (83, "gained")]
    found = membership.track(view({"alpha": log}))
    assert [(s, e, f["ended"]) for s, e, f in spans(found, "service:corosync@alpha", "running")] == [(0, 50, "clean"), (80, None, "")]
    assert [(s, e, f["ended"]) for s, e, f in spans(found, "service:corosync@alpha", "down")] == [(50, 80, "clean")]


def test_crash_by_the_units_word():
    found = membership.track(view({"alpha": [*quiet_start(1), (50, "failed_unit"), (60, "started")]}))
    assert [(s, e, f["ended"]) for s, e, f in spans(found, "service:corosync@alpha", "down")] == [(50, 60, "crash")]


def test_failure_of_another_unit_is_not_corosyncs():
    other = event("alpha", 50, "failed_unit")
    assert other.signature == "corosync.unit_failed"
    log = [*quiet_start(1), (50, "nicdown")]
    assert not spans(membership.track(view({"alpha": log})), "service:corosync@alpha", "down")


def test_crash_by_the_units_word_in_a_log_without_a_line_of_corosync():
    found = membership.track(view({"alpha": [(50, "failed_unit"), (50.2, "failed_unit"), (51, "cut")]}))
    ((start, end, fields),) = spans(found, "service:corosync@alpha", "down")
    assert (start, end, fields["ended"]) == (50, None, "crash")
