"""Guests that were down: from when, to when, where they came back, and whether somebody had ordered it."""

from factory import HOUR
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.model import Boot, Event, Evidence, Snapshot, Timeline
from pveforensics.readings import Naming
from pveforensics.state.trackers import guests
from pveforensics.state.view import view_of
from pveforensics.timebase import SECOND, Instant

NODES = ("alpha", "beta")


def at(seconds):
    return Instant(HOUR + round(seconds * SECOND))


def down(*events, deaths=(), snapshots=()):
    """Rows of (seconds, node, kind, fields) as the spans in which guests were down."""
    made = [
        Event(kind, node, at(when), fields, (Evidence(f"{node}/syslog", place, node, kind),), seq=place)
        for place, (when, node, kind, fields) in enumerate(sorted(events, key=lambda row: row[0]))
    ]
    boots = [Boot(node, None, at(when), "unclean", next_start=at(when + 60)) for when, node in deaths]
    view = view_of(Timeline(tuple(made), snapshots=tuple(snapshots)), Naming(NODES, frozenset(NODES), {}, {}, {}), None, boots)
    short = lambda moment: None if moment is None else (moment.us - HOUR) / SECOND  # noqa: E731
    return [(i.subject, short(i.start), short(i.end), i.fields["planned"], i.fields["node_after"]) for i in guests.track(view)]


def task(kind, number, *, status=None):
    return {"type": kind, "tid": number, **({"status": status} if status else {})}


def test_a_guest_that_is_stopped_and_started_by_hand_was_down_on_purpose():
    assert down(
        (10, "alpha", "task.start", task("qmshutdown", "101")),
        (20, "alpha", "guest.cleanup", {"what": "Starting", "vmid": "101"}),
        (21, "alpha", "task.end", task("qmshutdown", "101", status="OK")),
        (90, "alpha", "task.end", task("qmstart", "101", status="OK")),
    ) == [("guest:vm:101", 20, 90, "yes", "alpha")]


def test_a_process_that_ends_without_an_order_is_not_called_planned():
    assert down((20, "alpha", "guest.cleanup", {"what": "Starting", "vmid": "101"})) == [("guest:vm:101", 20, None, "", "")]


def test_a_guest_goes_down_with_its_node_and_comes_back_where_it_is_started():
    assert down(
        (10, "alpha", "task.end", task("vzstart", "200", status="OK")),
        (300, "beta", "task.end", task("vzstart", "200", status="OK")),
        deaths=[(100, "alpha")],
    ) == [("guest:ct:200", 100, 300, "no", "beta")]


def test_a_failed_start_does_not_end_the_time_down():
    assert down(
        (20, "alpha", "task.end", task("qmstop", "101", status="OK")),
        (40, "alpha", "task.end", task("qmstart", "101", status="start failed: QEMU exited with code 1")),
    ) == [("guest:vm:101", 20, None, "yes", "")]


def test_a_guest_that_moves_away_is_not_down():
    assert not down(
        (5, "alpha", "task.end", task("qmstart", "101", status="OK")),
        (10, "alpha", "task.start", task("qmigrate", "101")),
        (40, "alpha", "guest.cleanup", {"what": "Starting", "vmid": "101"}),
        (41, "alpha", "task.end", task("qmigrate", "101", status="OK")),
        deaths=[(100, "alpha")],
    )


def test_a_backup_in_mode_stop_is_planned():
    assert down(
        (5, "alpha", "backup.guest_start", {"vmid": "101", "gtype": "qemu"}),
        (40, "alpha", "guest.cleanup", {"what": "Starting", "vmid": "101"}),
        (60, "alpha", "task.vm_started", {"vmid": "101"}),
    ) == [("guest:vm:101", 40, 60, "yes", "alpha")]


def test_ha_says_fence_late_and_started_early():
    state = lambda was, to, **more: {"sid": "vm:105", "from": was, "to": to, **more}  # noqa: E731
    assert down(
        (10, "alpha", "ha_service_started", {"sid": "vm:105", "state": "started"}),
        (170, "beta", "crm_service_state_changed", state("started", "fence")),
        (230, "beta", "crm_service_state_changed", state("fence", "recovery")),
        (230, "beta", "ha_service_recovered", {"sid": "vm:105", "from": "alpha", "to": "beta"}),
        (231, "beta", "crm_service_state_changed", state("recovery", "started", params="node = beta")),
        (245, "beta", "ha_service_started", {"sid": "vm:105", "state": "started"}),
        deaths=[(110, "alpha")],
    ) == [("guest:vm:105", 110, 245, "no", "beta")]


def test_a_guest_has_the_name_of_its_configuration():
    dump = Snapshot("guest_config", "alpha", None, {"type": "vm", "vmid": "101", "name": "mail"})
    view = view_of(
        Timeline((Event("guest.cleanup", "alpha", at(1), {"what": "Starting", "vmid": "101"}),), snapshots=(dump,)),
        Naming(NODES, frozenset(NODES), {}, {}, {}),
    )
    assert [i.fields["name"] for i in guests.track(view)] == ["mail"]


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "sid": st.sampled_from(["vm:100", "ct:200", "", "x"]),
        "vmid": st.sampled_from(["100", "200", "7", ""]),
        "tid": st.sampled_from(["100", "200", ""]),
        "type": st.sampled_from(["qmstart", "qmstop", "vzstart", "vzshutdown", "qmigrate", "vzdump"]),
        "status": st.sampled_from(["OK", "job errors", ""]),
        "what": st.sampled_from(["Starting", "Finished"]),
        "state": st.sampled_from(["started", "stopped"]),
        "from": st.sampled_from(["started", "fence", "error", "alpha"]),
        "to": st.sampled_from(["fence", "recovery", "started", "stopped", "freeze", "beta"]),
        "params": st.sampled_from(["node = beta", "", "target = x"]),
    },
)
KINDS = ["crm_service_state_changed", "ha_service_recovered", "ha_service_added", "ha_service_started", "ha_service_stop", "task.start",
         "task.end", "task.vm_started", "guest.cleanup", "backup.guest_start", "ha_service_migrate"]  # fmt: skip


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(NODES), st.sampled_from(KINDS), FIELDS), max_size=25),
    st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(NODES)), max_size=3),
)
def test_no_guest_comes_back_before_it_goes_down_and_none_is_down_twice_at_once(events, deaths):
    spans = down(*events, deaths=deaths)
    assert all(start is None or end is None or start <= end for _, start, end, _, _ in spans)
    for guest in {span[0] for span in spans}:
        assert sum(1 for span in spans if span[0] == guest and span[2] is None) <= 1
