import pytest
from factory import NAMES, boot, isolation, quiet_start, spans, view

from pveforensics.state.trackers import network

KEYS = ("shape", "explained_by", "redundancy", "quorum")


def troubles(logs, **more):
    found = network.track(view(logs, **more))
    return {
        node: [(start, end, *(f[key] for key in KEYS)) for start, end, f in spans(found, f"node:{node}", "network_trouble")]
        for node in NAMES
        if spans(found, f"node:{node}", "network_trouble")
    }


def starts():
    return {NAMES[n - 1]: quiet_start(n) for n in (1, 2, 3)}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_isolated_node_is_named_alone(number):
    assert troubles(isolation(number)) == {NAMES[number - 1]: [(101, 144, "isolated", "", "lost", "lost")]}


@pytest.mark.parametrize("reporter", NAMES[:3])
def test_isolated_node_is_named_from_any_single_log(reporter):
    assert list(troubles({reporter: isolation(3)[reporter]})) == ["gamma"]


def test_starts_alone_are_no_trouble():
    assert troubles(starts()) == {}


def stop(number, when):
    others = [n for n in (1, 2, 3) if n != number]
    logs = starts()
    for n in (1, 2, 3):
        if n == number:
            logs[NAMES[n - 1]] += [(when, f"announced {n}"), (when + 1, f"alone {others[0]}"), (when + 1, "stopped")]
        else:
            rest = " ".join(map(str, others))
            logs[NAMES[n - 1]] += [(when, f"announced {number}"), (when, f"sync_members {rest}"), (when, f"sync_left {number}")]
            logs[NAMES[n - 1]] += [
                (when, f"ring {others[0]}.d left {number}"),
                (when + 1, f"down {number} 0"),
                (when + 1, f"alone {number}"),
            ]
    return logs


def test_orderly_stop_explains_the_links_that_follow():
    assert [t[3] for ts in troubles(stop(2, 60)).values() for t in ts] == ["planned_stop"]
    assert list(troubles(stop(2, 60))) == ["beta"]


def test_orderly_stop_is_explained_from_a_peers_log_alone_without_announcement():
    log = [*quiet_start(1), (60, "ring 1.d left 2"), (60, "members 1 3"), (61, "down 2 0"), (61, "alone 2"), (62, "warning")]
    assert [t[3] for t in troubles({"alpha": log})["beta"]] == ["planned_stop"]


def test_everybody_lost_everybody():
    logs = starts()
    for n in (1, 2, 3):
        others = [o for o in (1, 2, 3) if o != n]
        logs[NAMES[n - 1]] += [(100, f"down {o} 0") for o in others] + [(107, f"ring {n}.d left {others[0]} {others[1]}")]
        logs[NAMES[n - 1]] += [(107, f"unheard {others[0]} {others[1]}"), (107.1, "lost")] + [(130, f"up {o} 0") for o in others]
        logs[NAMES[n - 1]] += [(132, "sync_members 1 2 3"), (132, "ring 1.11 joined 1 2 3"), (132, "gained")]
    assert {node: ts[0][2] for node, ts in troubles(logs).items()} == dict.fromkeys(NAMES[:3], "outage")


def test_minority_of_a_split_is_named():
    logs = {}
    for n in range(1, 6):
        mine, theirs = ((1, 2, 3), (4, 5)) if n <= 3 else ((4, 5), (1, 2, 3))
        left, kept = " ".join(map(str, theirs)), " ".join(map(str, mine))
        log = [(0, "started"), (3, "sync_members 1 2 3 4 5"), (3, "ring 1.9 joined 1 2 3 4 5"), (3, "gained")]
        log += [(100, f"down {o} 0") for o in theirs] + [
            (110, f"sync_members {kept}"),
            (110, f"ring {mine[0]}.d left {left}"),
            (110, f"unheard {left}"),
        ]
        if n > 3:
            log += [(110.1, "lost")]
        log += [(150, f"up {o} 0") for o in theirs] + [(152, "sync_members 1 2 3 4 5"), (152, f"ring 1.11 joined {left}"), (152, "gained")]
        logs[NAMES[n - 1]] = log
    found = troubles(logs, nodes=5)
    assert {node: ts[0][2] for node, ts in found.items()} == {"delta": "partition", "epsilon": "partition"}


def test_flapping_with_a_second_link_that_holds():
    logs = starts()
    for k in range(6):
        when = 100 + 10 * k
        logs["beta"] += [(when, "down 1 0"), (when, "down 3 0"), (when + 5, "up 1 0"), (when + 5, "up 3 0")]
        for peer in ("alpha", "gamma"):
            logs[peer] += [(when + 0.2, "down 2 0"), (when + 5.2, "up 2 0")]
    assert troubles(logs) == {"beta": [(100, 155.2, "flapping", "", "held", "kept")]}


def test_pause_of_the_process_is_not_the_networks_fault():
    logs = starts()
    logs["beta"] += [(108, "miss 8795.1"), (108, "token"), (108, "down 1 0"), (108, "down 3 0"), (110, "up 1 0"), (110, "up 3 0")]
    for peer, number in (("alpha", 3), ("gamma", 1)):
        logs[peer] += [
            (101, "down 2 0"),
            (101, "alone 2"),
            (102, "warning"),
            (107.5, "sync_members 1 3"),
            (107.5, "ring 1.d left 2"),
            (107.5, "unheard 2"),
        ]
        logs[peer] += [(110, "up 2 0"), (110, "sync_members 1 2 3"), (110, f"ring 1.11 joined {number}"), (110, "ring 1.11 joined 2")]
    found = troubles(logs)
    assert list(found) == ["beta"]
    assert found["beta"][0][2:4] == ("pause", "pause")
    [(start, end, fields)] = spans(network.track(view(logs)), "node:beta", "paused")
    assert (round(start, 1), end, fields["ms"]) == (99.2, 108, "8795.1")


def test_two_troubles_soon_after_each_other_keep_their_nodes():
    logs = starts()
    for number, when in ((2, 100), (1, 130)):
        for peer in (1, 2, 3):
            if peer != number:
                logs[NAMES[peer - 1]] += [(when, f"down {number} 0"), (when + 3, f"up {number} 0")]
            else:
                logs[NAMES[peer - 1]] += [e for o in (1, 2, 3) if o != number for e in ((when, f"down {o} 0"), (when + 3, f"up {o} 0"))]
    assert {node: len(ts) for node, ts in troubles(logs).items()} == {"alpha": 1, "beta": 1}


def test_two_retransmits_in_an_hour_harm_nobody():
    assert troubles({"alpha": [*quiet_start(1), (100, "retransmit 1"), (2000, "retransmit 1")]}) == {}


def test_storm_of_retransmits():
    found = troubles({"alpha": [*quiet_start(1), (100, "retransmit 3"), (130, "retransmit 4")]})
    assert found["alpha"][0][2:4] == ("storm", "")
    assert len(found) == 3  # the log does not tell whose messages were lost


def test_node_that_was_reset_has_no_network_trouble_any_more():
    logs = isolation(3, length=400)
    boots = [boot("gamma", 0, 170, "unclean", 490), boot("gamma", 490, None, "open")]
    assert troubles(logs, boots=boots)["gamma"][0][:2] == (101, 170)


def test_peers_losing_a_node_that_was_already_dead_is_explained_by_its_end():
    logs = isolation(3)
    del logs["gamma"]
    boots = [boot("gamma", 0, 95, "unclean", 300), boot("gamma", 300, None, "open")]
    assert [t[3] for t in troubles({**logs, "gamma": quiet_start(3)}, boots=boots)["gamma"]] == ["boot_end"]


def test_two_nodes_that_lost_each_other_are_both_named_unless_one_kept_quorum():
    def two(lost):
        logs = {}
        for n, other in ((1, 2), (2, 1)):
            log = [(0, "started"), (2, f"up {other} 0"), (3, "sync_members 1 2"), (3, "ring 1.9 joined 1 2"), (3, "gained")]
            log += [
                (100, f"down {other} 0"),
                (100, f"alone {other}"),
                (107, f"sync_members {n}"),
                (107, f"ring {n}.d left {other}"),
                (107, f"unheard {other}"),
            ]
            logs[NAMES[n - 1]] = log + ([(108, "lost")] if NAMES[n - 1] in lost else [])
        return logs

    assert sorted(troubles(two({"alpha", "beta"}), nodes=2)) == ["alpha", "beta"]
    assert sorted(troubles(two({"beta"}), nodes=2, qdevice=True)) == ["beta"]


def test_quorum_device_lost_on_its_own_is_told_as_such():
    log = [*quiet_start(1), (100, "qlost"), (108, "qlost")]
    assert troubles({"alpha": log}) == {"alpha": [(100, 108, "qdevice", "", "unknown", "kept")]}


def test_interface_going_down_with_the_machine_is_no_trouble():
    boots = [boot("alpha", 0, 200, "clean", 260), boot("alpha", 260, None, "open")]
    found = troubles({"alpha": [(150, "nicdown"), (265, "nicdown")]}, boots=boots)
    assert {t[3] for t in found["alpha"]} == {"planned_stop", "startup"}
    assert [t[2:4] for t in troubles({"alpha": [(1500, "nicdown")]})["alpha"]] == [("nic", "")]


def test_nothing_comes_of_nothing():
    assert network.track(view({})) == ()
    assert network.track(view({"alpha": [(None, "down 2 0"), (None, "ring 1.d left 2")]})) == ()


def test_nameless_node_that_peers_lost_as_a_logged_one_went_down_is_explained():
    logs = {"alpha": [(0, "members 1 2"), (100, "down 5 0"), (100, "alone 5")], "epsilon": [(0, "nicdown")]}
    boots = [boot("epsilon", 0, 99, "clean", 200), boot("epsilon", 200, None, "open")]
    found = network.track(view(logs, conf=False, named=False, boots=boots))
    assert [f["explained_by"] for _, _, f in spans(found, "node:node5", "network_trouble")] == ["planned_stop"]
