"""Quorum arithmetic: votes and votequorum's flags give who could be quorate; where it, logs and dumps differ is told."""

import pytest
from factory import NAMES, at, made_cluster, naming, timeline
from msgspec.structs import replace

from pveforensics.model import Cluster, Interval, Member, Snapshot
from pveforensics.state import reconstruct
from pveforensics.state.arithmetic import could, needed_votes, tie_breakers, votes_of
from pveforensics.state.trackers.cluster import counted

A, B, C, D, E = NAMES


@pytest.mark.parametrize(
    ("expected", "two_node", "needed"), [(1, False, 1), (2, False, 2), (2, True, 1), (3, False, 2), (4, False, 3), (5, False, 3)]
)
def test_votes_needed(expected, two_node, needed):
    assert needed_votes(expected, two_node=two_node) == needed


LONE = {"two_node": True, "quorum": 1}


@pytest.mark.parametrize(
    ("nodes", "flags", "group", "quorate", "firm"),
    [
        (3, {}, (A, B), True, True),
        (3, {}, (A,), False, True),
        (4, {}, (A, B), False, True),
        (2, {}, (A,), False, True),
        (2, LONE, (A,), True, True),
        (2, {**LONE, "wait_for_all": True}, (A,), True, False),
        (3, {"wait_for_all": True}, (A, B), True, False),
        (3, {"wait_for_all": True}, (A,), False, True),
        (4, {"auto_tie_breaker": True}, (A, B), True, False),
        (4, {"auto_tie_breaker": True}, (C, D), False, True),
        (4, {"auto_tie_breaker": True}, (A,), False, True),
        (5, {"last_man_standing": True}, (A, B), None, False),
        (5, {"last_man_standing": True}, (A, B, C), True, True),
        (4, {"last_man_standing": True, "auto_tie_breaker": True}, (C, D), False, False),
        (2, {"qdevice": True, "qdevice_votes": 1}, (A,), None, False),
        (4, {"qdevice": True, "qdevice_votes": 1}, (A, B), None, False),
        (4, {"qdevice": True, "qdevice_votes": 1}, (A,), False, True),
        (4, {"qdevice": True, "qdevice_votes": 0}, (A,), None, False),
        (3, {}, (), None, False),
    ],
)
def test_table_of_flags(nodes, flags, group, quorate, firm):
    cluster = made_cluster(nodes, flags)
    told = could(cluster, group, breakers=tie_breakers(cluster, None))
    assert (told.quorate, told.firm) == (quorate, firm), told.why
    assert told.why


def test_an_even_split_without_a_known_tie_breaker_is_not_decided():
    assert could(made_cluster(4, {"auto_tie_breaker": True}), (A, B)).quorate is None


@pytest.mark.parametrize(("setting", "breakers"), [(None, {A}), ("lowest", {A}), ("highest", {D}), ("3", {C}), ("2 3", None), ("x", None)])
def test_who_breaks_a_tie(setting, breakers):
    assert tie_breakers(made_cluster(4), setting) == (breakers if breakers is None else frozenset(breakers))


def test_an_override_lowers_what_is_needed():
    assert could(made_cluster(5), (A,), expected=1).quorate is True
    assert could(made_cluster(5), (A,)).quorate is False


def test_nodes_may_weigh_differently():
    cluster = counted(Cluster("demo", (Member(A, 1, 3), Member(B, 2, 1), Member(C, 3, 1))))
    assert (cluster.expected_votes, cluster.quorum) == (5, 3)
    assert votes_of(cluster, (B, C)) == 2
    assert could(cluster, (A,)).quorate is True
    assert could(cluster, (B, C)).quorate is False


def history(logs, *, dumps=(), nodes=3, **flags):
    conf = replace(made_cluster(nodes, flags), config_version=7)
    return reconstruct(timeline(logs, snapshots=dumps, clusters=(conf,)), naming(logs, nodes))


def disputed(told):
    return [(i.node, i.fields["said"], i.fields["computed"], i.fields["by"]) for i in told.intervals if i.state == "quorum_contradiction"]


def log(*more):
    return [(0, "sync_members 1 2 3"), (0, "ring 1.1a joined 2 3"), (0, "gained"), (0.1, "members 1 2 3"), *more]


ALONE = ((100, "sync_members 1"), (100, "ring 1.1e left 2 3"), (100, "unheard 2 3"), (100.1, "members 1"))


def test_a_node_alone_of_three_that_logs_no_loss_is_told():
    assert disputed(history({A: log(*ALONE, (600, "warning"))})) == [(A, "quorate", "not quorate", "votes")]


def test_a_loss_that_is_logged_fits():
    assert disputed(history({A: log(*ALONE, (100.2, "lost"), (600, "warning"))})) == []


def test_a_configuration_whose_members_were_never_together_proves_nothing():
    assert disputed(history({A: log(*ALONE, (600, "warning"))}, nodes=5)) == []


@pytest.mark.parametrize("flags", [{"qdevice": True, "qdevice_votes": 2, "expected_votes": 5}, {"last_man_standing": True}])
def test_flags_that_make_up_for_votes_are_no_contradiction(flags):
    assert disputed(history({A: log(*ALONE, (600, "warning"))}, **flags)) == []


def dump(when, **fields):
    return Snapshot("quorum_status", A, at(when), {"quorate": "yes", **{key: str(value) for key, value in fields.items()}})


@pytest.mark.parametrize(
    ("fields", "by"),
    [
        ({"total": 3, "quorum": 2, "expected": 3, "expected_votes": 3, "config_version": 7}, []),
        ({"total": 1, "quorum": 2, "expected_votes": 3, "config_version": 7}, ["its own votes"]),
        ({"total": 1, "quorum": 1, "expected_votes": 1, "config_version": 7}, ["corosync.conf"]),
        ({"total": 1, "quorum": 1, "expected_votes": 1, "config_version": 6}, []),
        ({"total": 1, "quorum": 1, "expected_votes": 1}, []),
        ({"total": 1, "quorum": 1, "expected_votes": 1, "config_version": 7, "flags": "Quorate LastManStanding"}, []),
        ({"quorate": "no", "total": 3, "quorum": 2, "expected_votes": 3, "flags": "WaitForAll"}, ["dump"]),
    ],
)
def test_dumps_are_held_against_log_votes_and_configuration(fields, by):
    told = history({A: log((600, "warning"))}, dumps=(dump(300, **fields),))
    assert [each[3] for each in disputed(told)] == by


def test_groups_carry_votes_and_quorum():
    told = history({A: log(*ALONE, (100.2, "lost"), (600, "warning"))})
    assert [(group.nodes, group.votes, group.quorate) for part in told.partitions for group in part.groups] == [
        ((A, B, C), 3, True),
        ((A,), 1, False),
    ]
    assert all(isinstance(each, Interval) for each in told.intervals)
