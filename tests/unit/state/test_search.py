"""What the views' indices find is what going through every event finds."""

from hypothesis import given, settings
from hypothesis import strategies as st
from lives import at, story
from msgspec.structs import replace

from pveforensics.model import Event, Evidence
from pveforensics.state import reconstruct
from pveforensics.state.machine import corosync_of, is_corosync
from pveforensics.state.moments import common_at, moments_of
from pveforensics.state.trackers import TRACKERS, daemons, node_life
from pveforensics.state.view import view_of
from pveforensics.timebase import SECOND, Basis, Instant

KINDS = (
    "rsyslog_started", "rsyslog_stopped", "corosync_started", "corosync_stopped", "corosync_members", "knet_link_down", "service_failed",
    "lrm_status_changed", "ha_daemon_started", "ha_daemon_stopped", "ha_daemon_failed", "watchdog_driver", "node_shutdown_requested",
    "pmxcfs_started",
)  # fmt: skip
PROGRAMS = ("", "corosync", "Corosync", "rsyslogd", "pve-ha-lrm", "pve-ha-crm", "watchdog-mux", "pmxcfs", "systemd")
LOGS = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(PROGRAMS), st.one_of(st.none(), st.integers(0, 600))), max_size=14)


def view_from(rows):
    """One node's lines in order of time, as a timeline has them; those without a time last."""
    events = [
        Event(kind, "alpha", None if second is None else at(second), {"from": "startup"} if place % 2 else {}, program=program, seq=place)
        for place, (kind, program, second) in enumerate(sorted(rows, key=lambda row: (row[2] is None, row[2] or 0)))
    ]
    empty = story({})
    return view_of(replace(empty.timeline, events=tuple(events)), empty.naming)


@settings(max_examples=200)
@given(LOGS, st.sets(st.sampled_from(KINDS), max_size=3), st.sets(st.sampled_from(PROGRAMS).map(str.lower), max_size=2))
def test_events_by_kind_and_program(rows, kinds, programs):
    view = view_from(rows)
    every = view.events_of("alpha")
    assert view.written_by("alpha", *programs, kinds=kinds) == tuple(e for e in every if e.kind in kinds or e.program.lower() in programs)
    assert not kinds or view.events_of("alpha", *kinds) == tuple(e for e in every if e.kind in kinds)
    assert corosync_of(view, "alpha") == tuple(filter(is_corosync, every))
    assert view.written_by("beta", *programs, kinds=kinds) == ()


def unstopped(view, daemon):
    """Starts of a daemon by a walk over all lines."""
    told = (*daemons._STARTS["rsyslog"], *daemons._STOPS["rsyslog"])
    shutdowns = [when for when, _ in view.dated("alpha", *daemons.NODE_SHUTDOWN)]
    alive = stopped = begun = None
    for moment, event in view.dated("alpha"):
        if not (event.kind in told if daemon == "rsyslog" else event.program.lower() == daemon):
            alive = moment if daemon == "rsyslog" else alive
            continue
        if daemons._starts(event, daemon):
            planned = stopped is not None and any(-120 * SECOND <= when.us - stopped.us <= 600 * SECOND for when in shutdowns)
            again = begun is not None and moment.us - begun.us <= 10 * SECOND
            if alive is not None and not again and (stopped is None or planned):
                yield moment, daemon, event
            begun, stopped = moment, None
        elif event.kind in daemons._STOPS[daemon]:
            stopped = moment
        alive = moment


@settings(max_examples=200)
@given(LOGS)
def test_daemons_that_were_not_stopped(rows):
    view = view_from(rows)
    for daemon in daemons._STARTS:
        assert list(daemons._fresh(view, "alpha", daemon)) == list(unstopped(view, daemon))


INSTANTS = st.one_of(st.none(), st.builds(Instant, st.integers(0, 3), st.integers(0, 2), st.sampled_from([Basis.STATED, Basis.ALIGNED])))


@settings(max_examples=300)
@given(INSTANTS, INSTANTS, st.lists(INSTANTS, max_size=3), st.booleans())
def test_the_moments_of_an_event_are_those_of_all_its_lines(moment, last, lines, shared):
    lines = [moment if shared and not place else own for place, own in enumerate(lines)]
    event = Event("k", "alpha", moment, evidence=tuple(Evidence("p", 1, "alpha", "t", at=own) for own in lines), last=last)
    every = (moment, last, *(common_at(event, line) for line in event.evidence))
    parts = {(each.us, each.error_us, each.basis) for each in every if each is not None}
    assert {(each.us, each.error_us, each.basis) for each in moments_of(event)} == parts


def test_a_view_with_boots_is_the_one_made_with_them():
    log = [
        (0, "rsyslog"), (1, "kernel"), (60, "corosync"), (70, "pmxcfs"), (80, "armed"), (900, "lost_lock"), (2000, "rsyslog"),
        (2001, "kernel"), (2060, "corosync"), (2100, "line"), (3000, "rebooting"), (3010, "corosync_stop"), (3300, "kernel"), (3400, "line"),
    ]  # fmt: skip
    first = story({"alpha": log, "beta": log[:5]})
    boots = node_life.boots(first)
    assert len(boots) == 4
    anew = view_of(first.timeline, first.naming, first.cluster, boots)
    for name, track in TRACKERS:
        assert track(first.with_boots(boots)) == track(anew), name
    assert reconstruct(first.timeline, first.naming).boots == boots
