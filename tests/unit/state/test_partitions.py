from factory import NAMES, isolation, quiet_start, seconds, view

from pveforensics.state.trackers import beliefs, partitions, quorum


def parts(logs, **more):
    seen = view(logs, **more)
    found = partitions.track(seen, quorum.track(seen))
    return [(seconds(p.start), seconds(p.end), [(g.ring, g.nodes, g.votes, g.quorate) for g in p.groups]) for p in found]


def test_split_and_merge():
    found = parts(isolation(3))
    assert [p for p in found if p[0] and 100 < p[0] < 150] == [
        (107.8, 144, [("1.11", ("alpha", "beta"), 2, True), ("3.11", ("gamma",), 1, False)]),
        (144, None, [("1.15", NAMES[:3], 3, True)]),
    ]


def test_nodes_without_a_log_stand_where_the_lists_put_them():
    found = parts({"alpha": isolation(3)["alpha"]})
    assert found[-2][2] == [("1.11", ("alpha", "beta"), 2, True)]
    assert found[-1][2] == [("1.15", NAMES[:3], 3, True)]


def test_stopped_node_is_in_no_group():
    log = [*quiet_start(1), (50, "announced 1"), (51, "stopped")]
    assert parts({"alpha": log})[-1][1] == 50


def test_votes_decide_where_the_log_is_silent():
    log = [(50, "sync_members 1"), (50, "ring 1.d left 2 3")]
    assert parts({"alpha": log})[-1][2] == [("1.d", ("alpha",), 1, False)]
    assert parts({"alpha": log}, conf=False)[-1][2][0][3] is None


def test_beliefs_of_the_isolated_node():
    seen = view(isolation(3))
    held = [b for b in beliefs.track(seen, quorum.track(seen)) if b.node == "gamma"]
    told = [(round(seconds(b.start)), b.quorate, b.members) for b in held if b.start and seconds(b.start) > 3]
    assert told == [(108, False, ("gamma",)), (144, True, NAMES[:3])]
