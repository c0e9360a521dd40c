"""A log that was rotated is one log: where it was cut is chance and decides nothing."""

import datetime as dt

import pytest

from pveforensics.dating import date
from pveforensics.identity import identify
from pveforensics.model import Options
from pveforensics.readings import LogScan, Record, Run, Stamp

PROGRAMS = frozenset({"kernel", "systemd", "corosync", "pmxcfs"})


def at(time):
    text = f"2026-11-22T{time}+00:00"
    return Stamp(text, epoch_us=round(dt.datetime.fromisoformat(text).timestamp() * 1_000_000), resolution_us=1_000_000, zone="+00:00")


def part(path, *times, programs=PROGRAMS, node="alpha"):
    """One file of a log with an equal message at each time."""
    stamps = [at(time) for time in times]
    records = tuple(
        Record("knet_link_down", "knet_link_down", number, stamp, node, "corosync", "", f"{stamp.text} link down", {"host": "2"})
        for number, stamp in enumerate(stamps, 1)
    )
    return LogScan(
        path, "iso", "syslog", 1, "", None, len(stamps), len(stamps), records, (Run(stamps[0], stamps[-1], 1, len(stamps)),), {node: len(stamps)},
        programs, len(programs) >= 4, node_hint=node,
    )  # fmt: skip


def run(*scans):
    return date(scans, (), identify(scans, ()), Options())


def covered(timeline):
    return [(each.path, each.start.iso()[11:19], each.end.iso()[11:19], each.whole) for each in timeline.coverage]


def test_a_short_file_of_a_whole_log_is_whole():
    older = part("alpha/var/log/syslog.1", "09:00:00", "09:10:00")
    newer = part("alpha/var/log/syslog", "09:10:00", "09:12:00", programs=frozenset({"corosync"}))
    assert [each.whole for each in run(older, newer).coverage] == [True, True]
    assert [each.whole for each in run(newer).coverage] == [False]


def test_programs_of_all_files_together_make_a_log_whole():
    files = [part(f"alpha/var/log/syslog.{k}", f"09:0{9 - k}:00", programs=frozenset({name})) for k, name in enumerate(sorted(PROGRAMS), 1)]
    assert all(each.whole and each.programs == PROGRAMS for each in run(*files).coverage)
    assert not any(each.whole for each in run(*files[1:]).coverage)


def test_numbered_names_of_two_nodes_are_two_logs():
    one = part("pve.1", "09:00:00", "09:10:00")
    other = part("pve.2", "09:00:00", "09:10:00", programs=frozenset({"corosync"}), node="beta")
    assert {each.node: each.whole for each in run(one, other).coverage} == {"alpha": True, "beta": False}


def test_the_silence_at_a_cut_is_covered_as_within_a_file():
    older, newer = part("alpha/syslog.1", "09:00:00", "09:10:00"), part("alpha/syslog", "09:40:00", "10:00:00")
    timeline = run(newer, older)
    assert covered(timeline) == [("alpha/syslog.1", "09:00:00", "09:10:00", True), ("alpha/syslog", "09:10:00", "10:00:00", True)]
    assert {each.log for each in timeline.coverage} == {"alpha/syslog.1"}


@pytest.mark.parametrize(
    ("newer", "older"),
    [("syslog", "syslog.2.gz"), ("syslog.1", "syslog.1.gz"), ("syslog", "syslog-20261122"), ("syslog-20261122", "syslog-20261115")],
    ids=["one-is-missing", "same-number", "dated", "both-dated"],
)
def test_where_a_file_may_be_missing_silence_proves_nothing(newer, older):
    timeline = run(part(f"alpha/{older}", "09:00:00", "09:10:00"), part(f"alpha/{newer}", "09:40:00", "10:00:00"))
    assert [each.start.iso()[11:19] for each in timeline.coverage] == ["09:00:00", "09:40:00"]
    assert len({each.log for each in timeline.coverage}) == 2


def test_a_long_silence_at_a_cut_is_a_hole():
    timeline = run(part("alpha/syslog.1", "09:00:00", "09:10:00"), part("alpha/syslog", "10:40:00", "11:00:00"))
    assert [each.start.iso()[11:19] for each in timeline.coverage] == ["09:00:00", "10:40:00"]


def test_equal_lines_of_one_second_on_both_sides_of_a_cut_are_as_many_events():
    times = ["09:00:00"] * 2 + ["09:10:00"] * 4 + ["09:20:00"]
    uncut = [event.at for event in run(part("alpha/syslog", *times)).events]
    for cut in range(1, len(times)):
        events = run(part("alpha/syslog.1", *times[:cut]), part("alpha/syslog", *times[cut:])).events
        assert [event.at for event in events] == uncut, cut
        lines = [(event.evidence[0].path != "alpha/syslog.1", event.evidence[0].line) for event in sorted(events, key=lambda e: e.seq)]
        assert lines == sorted(lines), cut


def test_files_of_a_set_that_overlap_hold_copies():
    """Taken while it was rotated: the old content stands under both names."""
    times = ["09:00:00", "09:10:00", "09:20:00"]
    events = run(part("alpha/syslog.1", *times), part("alpha/syslog", *times, "09:30:00")).events
    assert len(events) == 4
