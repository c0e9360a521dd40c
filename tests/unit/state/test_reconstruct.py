import itertools
import time

import pytest
from factory import NAMES, at, dump, event, isolation, made_cluster, naming, quiet_start, timeline
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics import state
from pveforensics.model import Cluster, Event, Member, Timeline
from pveforensics.state import reconstruct
from pveforensics.state.trackers.cluster import choose, counted, has_quorum

LOGS = isolation(3)


def test_history_of_an_isolated_node():
    history = reconstruct(timeline(LOGS, clusters=[made_cluster(3)]), naming(LOGS))
    assert history.notes == ()
    assert {i.subject for i in history.intervals if i.state == "network_trouble"} == {"node:gamma"}
    assert history.partitions
    assert history.beliefs


def test_history_is_the_same_whatever_the_order_of_the_files():
    back = dict(reversed(LOGS.items()))
    assert reconstruct(timeline(LOGS), naming(LOGS)) == reconstruct(timeline(back), naming(LOGS))


def test_failing_tracker_leaves_a_note_and_the_rest_stands(monkeypatch):
    def broken(_view):
        raise ValueError("no idea")

    monkeypatch.delenv("PVEFORENSICS_STRICT")
    monkeypatch.setattr(state, "TRACKERS", (("broken", broken), *state.TRACKERS))
    history = reconstruct(timeline(LOGS), naming(LOGS))
    assert [note for note in history.notes if "broken" in note]
    assert any(i.state == "inquorate" for i in history.intervals)


def test_empty_timeline():
    assert reconstruct(Timeline(()), naming({}, 0)).intervals == ()


def test_newest_configuration_counts():
    old = Cluster("demo", (Member("alpha", 1),), config_version=3)
    new = Cluster("demo", tuple(Member(name, k) for k, name in enumerate(NAMES[:3], 1)), config_version=4)
    chosen = choose(timeline({}, clusters=[new, old]), naming({}))
    assert (len(chosen.members), chosen.expected_votes, chosen.quorum) == (3, 3, 2)


def test_without_configuration_a_status_dump_states_the_votes():
    status = dump("alpha", 5, "Yes")
    told = type(status)(status.kind, status.node, status.at, {**status.fields, "Expected votes": "5", "Quorum": "3 ", "Flags": "Quorate"})
    chosen = choose(timeline({}, snapshots=[told]), naming({}))
    assert (chosen.expected_votes, chosen.quorum, chosen.qdevice) == (5, 3, False)
    assert choose(timeline({}), naming({})).expected_votes is None


def test_votes_of_two_nodes_and_of_a_device():
    two = tuple(Member(name, k) for k, name in enumerate(NAMES[:2], 1))
    assert counted(Cluster(members=two)).quorum == 2
    assert counted(Cluster(members=two, two_node=True)).quorum == 1
    device = counted(Cluster(members=two, qdevice=True, qdevice_votes=1))
    assert (device.expected_votes, device.quorum) == (3, 2)
    assert has_quorum(device, ("alpha",)) is None


WORDS = ["started", "lost", "gained", "plost", "pgained", "cut", "nocorosync", "clinfo", "warning", "token", "signal", "stopped"]
WORDS += [
    "failed_unit",
    "expired",
    "qlost",
    "nicdown",
    "down 2 0",
    "up 2 0",
    "alone 3",
    "announced 1",
    "announced 2",
    "miss 9000",
    "miss x",
]
WORDS += [
    "members 1",
    "members 1 2\\",
    "members 3",
    "sync_members 1 2 3",
    "sync_left 3",
    "sync_joined 2",
    "ring 1.a left 2",
    "ring 9.b joined 3 left 3",
]
WORDS += ["unheard 2", "pmembers 1/3, 2/4", "retransmit 6", "down 99 7", "announced 99"]
MOMENTS = st.one_of(st.none(), st.integers(0, 400))


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(NAMES[:4]), st.lists(st.tuples(MOMENTS, st.sampled_from(WORDS)), max_size=14), max_size=4),
    st.booleans(),
)
def test_any_order_of_lines_gives_intervals_that_do_not_end_before_they_start(logs, conf):
    history = reconstruct(timeline(logs, clusters=[made_cluster(3)] if conf else []), naming(logs, 3, conf))
    for span in (*history.intervals, *history.partitions, *history.beliefs):
        assert span.start is None or span.end is None or span.start.us <= span.end.us
    for node in NAMES:
        windows = [i for i in history.intervals if i.subject == f"node:{node}" and i.state == "inquorate"]
        for one, other in itertools.pairwise(windows):
            assert one.end is not None
            assert other.start is None or one.end.us <= other.start.us


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["node", "ids", "ring_rep", "link", "ms", "members"]), st.text(max_size=12), max_size=4),
    st.sampled_from(WORDS),
)
def test_fields_of_any_text_raise_nothing(fields, words):
    event_ = event("alpha", 5, words)
    strange = Event(event_.kind, "alpha", at(5), fields, event_.evidence, program=event_.program)
    reconstruct(Timeline((strange,)), naming({"alpha": []}))


@pytest.mark.parametrize("words", ["down 2 0", "ring 1.a left 2", "retransmit 9", "members 1 2", "lost"])
def test_many_lines_take_no_more_than_a_moment(words):
    log = [*quiet_start(1), *((10 + k * 3, words) for k in range(3000))]
    begun = time.process_time()
    reconstruct(timeline({"alpha": log, "beta": log}), naming({"alpha": [], "beta": []}))
    assert time.process_time() - begun < 20


def test_status_dump_that_contradicts_the_log_is_told():
    def notes(*dumps):
        return reconstruct(timeline(LOGS, snapshots=dumps), naming(LOGS)).notes

    assert notes(dump("gamma", 120, "No"), dump("alpha", 120, "Yes"), dump("gamma", 145, "No")) == ()
    assert len(notes(dump("gamma", 120, "Yes"), dump("alpha", 120, "No"))) == 2
