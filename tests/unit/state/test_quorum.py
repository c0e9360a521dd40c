from factory import boot, dump, isolation, quiet_start, spans, view

from pveforensics.state.trackers import quorum


def windows(logs, node="alpha", **more):
    return [
        (start, end, f["opened_by"], f["closed_by"])
        for start, end, f in spans(quorum.track(view(logs, **more)), f"node:{node}", "inquorate")
    ]


def test_isolated_node_is_inquorate_from_the_quorum_message_to_the_next_one():
    logs = isolation(3)
    assert windows(logs, "gamma")[1] == (107.81, 144.01, "lost", "gained")
    for node in ("alpha", "beta"):
        assert [w[2:] for w in windows(logs, node)] == [("start", "gained")]


def test_window_states_the_votes():
    (_, _, fields) = spans(quorum.track(view(isolation(3))), "node:gamma", "inquorate")[1]
    assert (fields["votes"], fields["expected"], fields["needed"], fields["members"]) == ("1", "3", "2", "gamma")


def test_start_until_quorum_counts_although_no_line_says_lost():
    assert windows({"alpha": quiet_start(1)}) == [(0, 3.01, "start", "gained")]


def test_node_that_never_reaches_quorum_has_an_open_window():
    assert windows({"alpha": [(0, "started"), (1, "members 1")]}) == [(0, None, "start", "")]


def test_clean_stop_ends_the_window_and_pmxcfs_then_says_nothing_new():
    log = [*quiet_start(1), (50, "announced 1"), (50.1, "cut"), (50.1, "plost"), (50.6, "nocorosync"), (51, "stopped")]
    assert windows({"alpha": log}) == [(0, 3.01, "start", "gained")]


def test_pmxcfs_word_before_the_stop_is_logged_does_not_count_either():
    log = [*quiet_start(1), (50, "cut"), (50, "plost"), (51, "signal"), (51, "stopping"), (52, "stopped")]
    assert windows({"alpha": log}) == [(0, 3.01, "start", "gained")]


def test_last_node_loses_quorum_by_the_others_leaving_and_stops():
    log = [*quiet_start(1), (50, "ring 1.d left 2 3"), (50.1, "lost"), (52, "announced 1"), (53, "stopped")]
    assert windows({"alpha": log})[1] == (50.1, 52, "lost", "stopped")


def test_crash_of_corosync_is_a_loss_until_it_is_back_and_quorate():
    log = [*quiet_start(1), (50, "cut"), (50, "plost"), (50.5, "nocorosync"), (70, "started"), (73, "gained")]
    assert windows({"alpha": log})[1] == (50, 73, "corosync_down", "gained")
    log = [*quiet_start(1), (50, "failed_unit"), (50.1, "cut"), (50.1, "plost"), (55, "nocorosync")]
    assert windows({"alpha": log})[1] == (50, None, "corosync_down", "")


def test_pmxcfs_that_loses_a_living_corosync_is_no_crash():
    log = [*quiet_start(1), (50, "cut"), (50, "plost"), (51, "down 2 0"), (52, "pgained")]
    assert windows({"alpha": log}) == [(0, 3.01, "start", "gained")]


def test_restart_without_a_word_of_the_end_opens_at_the_start():
    assert windows({"alpha": [*quiet_start(1), (60, "started"), (63, "gained")]})[1:] == [(60, 63, "start", "gained")]


def test_log_that_begins_in_the_middle():
    assert windows({"alpha": [(10, "down 2 0"), (20, "gained"), (40, "lost")]}) == [
        (None, 20, "first_line", "gained"),
        (40, None, "lost", ""),
    ]


def test_reset_ends_the_window_at_the_last_sign():
    log = [*quiet_start(1), (50, "lost"), (90, "down 2 0"), (200, "started"), (203, "gained")]
    boots = [boot("alpha", 0, 90, "unclean", 195), boot("alpha", 195, 203, "open")]
    assert windows({"alpha": log}, boots=boots)[1:] == [(50, 90, "lost", "end_of_boot"), (200, 203, "start", "gained")]


def test_watchdog_resets_ten_seconds_after_its_last_keepalive():
    log = [*quiet_start(1), (50, "lost"), (95, "expired"), (96, "alone 2"), (200, "started")]
    boots = [boot("alpha", 0, 96, "unclean", 195), boot("alpha", 195, None, "open")]
    start, end, opened, closed = windows({"alpha": log}, boots=boots)[1]
    assert (start, opened, closed) == (50, "lost", "end_of_boot")
    assert 104 <= end <= 105


def test_quorum_after_a_reset_is_no_first_line():
    boots = [boot("alpha", 0, 90, "unclean", 195), boot("alpha", 195, None, "open")]
    assert len(windows({"alpha": [*quiet_start(1), (200, "pgained")]}, boots=boots)) == 1


def test_pmxcfs_alone():
    log = [(0, "nocorosync"), (6, "clinfo"), (6, "pgained"), (50, "plost"), (80, "pgained")]
    assert windows({"alpha": log}) == [(50, 80, "lost", "gained")]
    assert windows({"alpha": [(6, "clinfo"), (66, "pgained")]}) == [(6, 66, "start", "gained")]


def test_start_of_pmxcfs_proves_nothing_of_before():
    assert windows({"alpha": [(10, "down 2 0"), (20, "clinfo"), (20, "pgained")]}) == []


def test_pmxcfs_alone_loses_its_corosync():
    log = [(5, "pgained"), (50, "cut"), (50, "plost"), (51, "nocorosync"), (70, "pgained")]
    assert windows({"alpha": log})[1] == (50, 70, "corosync_down", "gained")
    assert len(windows({"alpha": log}, boots=[boot("alpha", 0, 60, "clean", 65)])) == 1


def test_late_words_of_pmxcfs_open_no_second_window():
    log = [*quiet_start(1), (50, "lost"), (50.4, "gained"), (50.5, "plost"), (50.6, "pgained")]
    assert windows({"alpha": log})[1:] == [(50, 50.4, "lost", "gained")]


def test_votes_decide_only_while_the_log_has_said_nothing():
    assert windows({"alpha": [(10, "members 1")]}) == [(None, None, "first_line", "")]
    assert windows({"alpha": [(9, "sync_members 1"), (9, "sync_left 2 3"), (10, "members 1")]}) == [(10, None, "lost", "")]
    assert windows({"alpha": [*quiet_start(1), (60, "members 1")]}) == [(0, 3.01, "start", "gained")]


def test_votes_of_a_quorum_device_are_unknown():
    assert windows({"alpha": [(10, "members 1")]}, nodes=2, qdevice=True) == []
    assert windows({"alpha": [(10, "members 1")]}, conf=False) == []


def test_status_dump_in_a_window_is_evidence_and_opens_none():
    found = quorum.track(view(isolation(3), snapshots=[dump("gamma", 120, "No"), dump("alpha", 120, "Yes")]))
    inside = [i for i in found if i.subject == "node:gamma" and i.fields["opened_by"] == "lost"]
    assert any(e.text == "Quorate: No" for e in inside[0].evidence)
    assert sum(i.subject == "node:gamma" for i in found) == 2


def test_status_dump_where_the_log_is_silent_makes_a_window_with_unknown_edges():
    assert windows({"alpha": [(0, "down 2 0")]}, snapshots=[dump("alpha", 50, "No")]) == [(None, None, "dump", "")]
    assert windows({}, snapshots=[dump("alpha", None, "No")]) == [(None, None, "dump", "")]


def test_status_dump_against_the_log_changes_nothing():
    assert windows({"alpha": quiet_start(1)}, snapshots=[dump("alpha", 50, "No")]) == [(0, 3.01, "start", "gained")]
    assert windows({"alpha": quiet_start(1)}, snapshots=[dump("alpha", None, "No")]) == [(0, 3.01, "start", "gained")]


def test_events_without_a_time_are_left_out():
    assert windows({"alpha": [(None, "lost"), (None, "gained")]}) == []


def test_quorum_device_lost():
    log = [*quiet_start(1), (50, "qlost"), (58, "qlost"), (200, "qlost")]
    found = spans(quorum.track(view({"alpha": log})), "qdevice:alpha", "lost")
    assert [(start, end) for start, end, _ in found] == [(50, 58), (200, 200)]
