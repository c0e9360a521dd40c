"""Of many everyday lines those become records that stand near something, tell of a guest or a boot that matters, or come in storms."""

import datetime
import zoneinfo
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.dating.clock import file_clock
from pveforensics.dating.marks import Dates
from pveforensics.dating.years import years
from pveforensics.dating.zones import Zone
from pveforensics.events import EverydayFile, Signature, SignatureIndex, make_matcher, recall, recalled, scan_log, waiting
from pveforensics.events.recall import lives, nearby
from pveforensics.events.recall.moments import Moments
from pveforensics.events.recall.shelf import Shelf
from pveforensics.resources import rules_folder
from pveforensics.timebase import SECOND, Instant

TASK = r"<\S+> (?P<what>%s) task UPID:(?P<node>\w+):\w+:\w+:\w+:(?P<type>\w+):(?P<tid>\d*):"
SIGNATURES = [
    Signature("task", "task.start", "s", TASK % "starting", programs=("pvedaemon",), everyday=""),
    Signature("end", "task.end", "s", TASK % "end", programs=("pvedaemon",), everyday=""),
    Signature("backup", "backup.guest_start", "s", r"Starting Backup of VM (?P<vmid>\d+) ", programs=("vzdump",), everyday=""),
    Signature("retransmit", "totem_retransmit", "s", "Retransmit List: ", programs=("corosync",), storm=True, everyday=""),
    Signature("lock", "lock.guest_locked", "s", r"VM (?P<vmid>\d+) is locked", programs=("pvedaemon",)),
    Signature("quorum", "corosync_quorum_lost", "s", "within the non-primary component", programs=("corosync",)),
    Signature("boot", "boot_started", "s", "Linux version ", programs=("kernel",)),
    Signature("link", "knet_link_down", "s", "link: host: 2 is down", programs=("corosync",)),
]
INDEX = SignatureIndex(SIGNATURES)


def line(second, tag, message):
    return f"Mar 14 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} alpha {tag}: {message}\n"


def task(second, guest, kind="qmsnapshot", what="starting"):
    return line(second, "pvedaemon[9]", f"<root@pam> {what} task UPID:alpha:0000000A:0000000B:69B4B5A3:{kind}:{guest}:root@pam:")


class Clock:
    """A clock that is so many seconds ahead, of a node that is known to be in 2026."""

    def __init__(self, ahead=0):
        self.ahead = ahead

    def instant(self, _line, stamp, _after=None):
        us = (stamp.day * 86_400 + stamp.second_of_day - self.ahead) * SECOND
        return Instant(us, SECOND)


TASK_LINE = "<root@pam> starting task UPID:alpha:0000000A:0000000B:69B4B5A3:qmsnapshot:100:root@pam:"


def scanned(path, *lines, index=INDEX):
    return scanned_as_is(path, *sorted(lines, key=lambda text: text[7:15]), index=index)


def scanned_as_is(path, *lines, index=INDEX):
    text = "".join(lines)
    return scan_log(path, [text.encode()], index, matcher=make_matcher(index), shelf=EverydayFile())


def recall_of(*scans, index=INDEX, few=0, lived=0, clocks=None, **how):
    clocks = {scan.path: Clock() for scan in scans} | (clocks or {})
    with mock.patch.multiple(recall, FEW=few, LIVED=lived):
        return recalled(scans, index, clocks, {scan.path: scan.path.partition("/")[0] for scan in scans}, **how)


def found(*lines, path="alpha/syslog", **how):
    return [(record.kind, record.stamp.text[7:], record.count) for record in recall_of(scanned(path, *lines), **how)[0].records]


def kinds(*lines, few=0):
    return [(kind, time) for kind, time, _ in found(*lines, few=few)]


def seconds(records):
    return [record.stamp.second_of_day for record in records]


def test_a_few_are_all_taken_and_of_many_none_without_a_reason():
    lines = [task(second, 100 + second) for second in range(0, 4000, 1000)]
    assert len(found(*lines, few=4)) == 4
    assert found(*lines, few=3) == []


@pytest.mark.parametrize(
    ("kind", "message", "before"),
    [
        ("knet_link_down", "  [KNET  ] link: host: 2 is down", 60),
        ("corosync_quorum_lost", "  [QUORUM] within the non-primary component", 600),
    ],
)
def test_what_was_begun_near_something_is_taken(kind, message, before):
    near = [task(5000 - before, 100), task(5060, 101)]
    far = [task(5000 - before - 1, 102), task(5061, 103), task(5000, 104, what="end"), task(5000, 105, "vncproxy")]
    told = kinds(*near, *far, line(5000, "corosync[1]", message))
    assert [each for each, _ in told] == ["task.start", kind, "task.start"]


def test_backups_say_nothing_by_being_near():
    backups = [line(second, "vzdump[7]", "INFO: Starting Backup of VM 100 (qemu)") for second in (4990, 6000)]
    assert kinds(*backups, line(5000, "corosync[1]", "link: host: 2 is down")) == [("knet_link_down", "01:23:20")]


def test_what_is_repeated_is_taken_near_what_the_cluster_stack_tells_and_near_nothing_else():
    ends = [line(second, "corosync[1]", "  [TOTEM ] Retransmit List: 4a") for second in (10, 80_000)]
    near = line(4890, "corosync[1]", "  [TOTEM ] Retransmit List: 4a")
    link = line(5000, "corosync[1]", "link: host: 2 is down")
    other = line(5000, "pvedaemon[9]", "VM 100 is locked (backup)")
    assert len(kinds(*ends, near, link)) == 4
    assert len(kinds(*ends, near, other)) == 3


def test_all_that_was_done_to_a_locked_guest_is_taken_from_every_file():
    backup = line(100, "vzdump[7]", "INFO: Starting Backup of VM 100 (qemu)")
    other = line(200, "pvescheduler[7]", "INFO: Starting Backup of VM 101 (qemu)")
    done = scanned("a/syslog", backup, other, task(300, 100), task(400, 101), task(500, "", "vzdump"))
    met = scanned("b/syslog", line(80_000, "pvedaemon[9]", "VM 100 is locked (backup)"))
    expected = [("backup.guest_start", 1), ("task.start", 3), ("task.start", 5)]  # of a backup of several guests nobody can say
    first, second = recall_of(done, met)
    assert [(record.kind, record.line) for record in first.records] == expected
    assert [record.kind for record in second.records] == ["lock.guest_locked"]
    assert [(record.kind, record.line) for record in recall_of(done, locked={"100"})[0].records] == expected


def test_a_number_in_the_id_of_a_task_is_no_guest():
    digits = task(300, 101).replace("0000000B", "12345678")
    lines = [digits, task(400, 100).replace("0000000B", "12345678"), line(80_000, "pvedaemon[9]", "VM 101 is locked (backup)")]
    assert kinds(*lines) == [("task.start", "00:05:00"), ("lock.guest_locked", "22:13:20")]


def test_a_lock_of_no_guest_in_particular_may_be_of_any_task_of_a_day():
    signatures = [*SIGNATURES[:3], Signature("lock", "lock.guest_locked", "s", "is locked", programs=("pvedaemon",))]
    index = SignatureIndex(signatures)
    read = scanned("a/syslog", task(300, 100), line(7000, "pvedaemon[9]", "VM 100 is locked (backup)"), index=index)
    (told,) = recall_of(read, index=index)
    assert [record.kind for record in told.records] == ["task.start", "lock.guest_locked"]


STEADY = [line(second, "corosync[1]", "x") for second in range(0, 86_000, 3_000)]
BOOT = line(40_000, "kernel", "[    0.000000] Linux version 6.8.12-4-pve")


def ends(second, guest, kind="qmstart"):
    return task(second, guest, kind, "end")


def test_before_a_boot_the_last_that_tells_where_a_guest_ran_is_taken_and_after_it_the_first():
    lines = [ends(second, 100) for second in (1000, 1100, 31_000, 34_000, 39_000, 48_000, 49_000, 50_000)]
    moved = [
        ends(1300, 101),
        ends(1400, 101, "qmigrate"),
        ends(1500, 102, "vzstop"),
        ends(1600, 102, "vzstart"),
        ends(1700, 103, "vncproxy"),
    ]
    told = seconds(recall_of(scanned("alpha/syslog", BOOT, *lines, *moved, *STEADY))[0].records)
    assert told == [1100, 1300, 1400, 1600, 31_000, 34_000, 39_000, 40_000, 48_000, 50_000]


def test_a_stop_that_is_taken_comes_with_the_start_that_ends_it():
    lines = [ends(1000, 100), ends(2000, 100, "qmstop"), *(ends(second, 100, "qmstop") for second in (48_000, 52_000))]
    later = scanned("beta/syslog", *(ends(second, 100) for second in (60_000, 61_000, 70_000)), *STEADY)
    alpha, beta = recall_of(scanned("alpha/syslog", BOOT, *lines, *STEADY), later)
    assert seconds(alpha.records) == [1000, 2000, 40_000, 48_000, 52_000]
    assert seconds(beta.records) == [60_000, 70_000]


@given(
    st.lists(st.tuples(st.integers(0, 86_399), st.integers(100, 101), st.sampled_from(["qmstart", "qmstop", "qmigrate"])), max_size=60),
    st.lists(st.integers(0, 86_399), max_size=3),
    st.lists(st.integers(0, 86_399), max_size=9),
)
@settings(max_examples=100)
def test_what_is_passed_over_at_once_is_what_a_walk_from_line_to_line_passes_over(lives_of_guests, boots, others):
    alpha = scanned("alpha/syslog", *(line(second, "kernel", "[    0.000000] Linux version 6.8.12-4-pve") for second in boots), *STEADY)
    beta = scanned("beta/syslog", *(ends(*life) for life in lives_of_guests))
    gamma = scanned("gamma/syslog", *(ends(second, 100) for second in others))
    told = recall_of(alpha, beta, gamma)
    with mock.patch.object(lives, "_telling", lambda guests, *_: np.ones(len(guests), np.bool_)):
        assert told == recall_of(alpha, beta, gamma)


def test_lines_that_wait_in_many_blocks_are_recalled_as_those_in_memory():
    lines = [ends(second, 100 + second % 7) for second in range(0, 80_000, 900)]
    lines += [task(second, 100 + second % 5, kind) for second in range(100, 80_000, 500) for kind in ("qmsnapshot", "vncproxy")]
    lines += [BOOT, line(50_000, "corosync[1]", "link: host: 2 is down"), line(60_000, "pvedaemon[9]", "VM 101 is locked (backup)")]
    with mock.patch.multiple(waiting, BLOCK=200, TEXT_IN_MEMORY=0):
        file = EverydayFile(in_memory=0)
        text = "".join(sorted(lines, key=lambda each: each[7:15]))
        on_disk = file.put(scan_log("alpha/syslog", [text.encode()], INDEX, matcher=make_matcher(INDEX), shelf=file))
        assert isinstance(on_disk.everyday, waiting.Waiting)
        assert recall_of(on_disk)[0].records == recall_of(scanned("alpha/syslog", *lines))[0].records


def test_of_a_long_absence_only_its_begin_and_its_end_count():
    before, boot = line(10_000, "corosync[1]", "x"), line(60_000, "kernel", "[    0.000000] Linux version 6.8.12-4-pve")
    told = [ends(second, 100) for second in range(2_000, 80_000, 2_000)]
    alpha = scanned("alpha/syslog", before, boot, line(85_000, "corosync[1]", "x"))
    beta = scanned("beta/syslog", *told, *(task(second, 200) for second in (9_000, 9_500, 30_000, 59_500)), *STEADY)
    _, records = (scan.records for scan in recall_of(alpha, beta))
    moved = [record.stamp.second_of_day for record in records if record.kind == "task.end"]
    assert {2_000, 16_000, 54_000, 66_000} <= set(moved)
    assert not {22_000, 30_000, 40_000, 48_000} & set(moved)
    assert [record.stamp.second_of_day for record in records if record.kind == "task.start"] == [9_500, 59_500]


def test_where_the_clocks_of_two_nodes_differ_they_are_set_beside_each_other():
    alpha = scanned("alpha/syslog", BOOT, *STEADY)
    beta = scanned("beta/syslog", *(ends(second, 100) for second in range(2_000, 80_000, 2_000)))
    plain = seconds(recall_of(alpha, beta)[1].records)
    ahead = seconds(recall_of(alpha, beta, clocks={"beta/syslog": Clock(20_000)})[1].records)
    assert {34_000, 46_000} <= set(plain)
    assert 24_000 not in plain
    assert {54_000, 66_000} <= set(ahead)
    assert 44_000 not in ahead


def test_where_a_log_ends_its_node_may_have_gone_down():
    alpha = scanned("alpha/syslog", ends(1000, 100), ends(2000, 100), line(20_000, "corosync[1]", "x"))
    beta = scanned("beta/syslog", *(ends(second, 100) for second in (26_000, 40_000, 50_000)), line(80_000, "corosync[1]", "x"))
    first, second = recall_of(alpha, beta)
    assert seconds(first.records) == [2000]
    assert 26_000 in seconds(second.records)


class Berlin:
    """Local time with a summer of one hour's difference, as a file's clock reads it."""

    zone = zoneinfo.ZoneInfo("Europe/Berlin")

    def instant(self, _line, stamp, _after=None):
        naive = datetime.datetime(2025, stamp.month, stamp.day, tzinfo=self.zone) + datetime.timedelta(seconds=stamp.second_of_day)
        return Instant(int(naive.timestamp()) * SECOND, SECOND)


@given(st.lists(st.integers(0, 365 * 24 - 1), min_size=1, max_size=300, unique=True), st.integers(1, 40))
@settings(max_examples=40)
def test_all_moments_are_what_the_clock_gives_for_each_line(hours, every):
    year = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    stamps = [year + datetime.timedelta(hours=hour) for hour in sorted(hours)]
    lines = [f"{at:%b} {at.day:2d} {at:%H:%M:%S} alpha pvedaemon[9]: {TASK_LINE}\n" for at in stamps for _ in range(every)]
    scan = scanned_as_is("alpha/syslog", *lines)
    shelf = Shelf(scan.everyday, Moments(scan, Berlin()))
    expected = [int(at.replace(tzinfo=Berlin.zone).timestamp()) * SECOND for at in stamps for _ in range(every)]
    wrong = [place for place, at in enumerate(shelf.at.tolist()) if at != expected[place]]
    # around a change of the clock a few lines may be read with the shift of their neighbours
    assert len(wrong) <= 4 * 32
    assert all(min(abs(place - edge) for edge in edges_of(expected, stamps, every)) <= 32 for place in wrong)


def edges_of(expected, stamps, every):
    shifts = [us - int(at.timestamp()) * SECOND for us, at in zip(expected, (at for at in stamps for _ in range(every)), strict=True)]
    return [place for place in range(1, len(shifts)) if shifts[place] != shifts[place - 1]]


def test_few_lives_are_all_taken():
    lines = [ends(second, 100) for second in range(1_000, 9_000, 1_000)]
    assert len(found(*lines, BOOT, lived=8)) == 9


@pytest.mark.parametrize(
    "zone", [Zone("Europe/Berlin", "etc/timezone", zoneinfo.ZoneInfo("Europe/Berlin")), Zone()], ids=["a rule", "none"]
)
def test_a_recalled_storm_ends_when_its_last_line_was_written(zone):
    lines = [line(7200 + 10 * step, "corosync[5]", "[TOTEM ] Retransmit List: 1a") for step in range(6)]
    (scan,) = recall_of(scanned("alpha/syslog", *lines))
    (record,) = scan.records
    clock = file_clock(scan, years([scan], Dates(), {}, 2026)[scan.path], zone)
    begin, end = clock.instant(record.line, record.stamp), clock.instant(record.line, record.last)
    assert end.us - begin.us == 50 * SECOND


def test_storms_are_taken_and_single_repetitions_are_not():
    def retransmit(second):
        return line(second, "corosync[1]", "  [TOTEM ] Retransmit List: 4a")

    ends = [("totem_retransmit", "00:00:00", 1), ("totem_retransmit", "19:00:00", 1)]
    assert found(*(retransmit(3600 * hour) for hour in range(20))) == ends
    across = [(time, count) for _, time, count in found(*(retransmit(7250 + 5 * step) for step in range(6)), retransmit(7400))]
    assert across == [("02:00:50", 2), ("02:01:00", 4), ("02:03:20", 1)]
    assert found(*(retransmit(7200 + second) for second in range(5))) == [("totem_retransmit", "02:00:00", 5)]
    slow = found(*(retransmit(7200 + 30 * step) for step in range(20)), *(retransmit(80_000 + hour) for hour in (0, 3600)))
    assert sum(count for _, _, count in slow) == 20 + 1


def test_every_kind_that_recall_asks_for_is_one_of_the_pack():
    text = "".join(path.read_text() for path in (rules_folder() / "events").glob("*.yaml"))
    for kind in nearby.HEAVY | nearby.APART | recall.BOOTS | recall.ABOUT - {"boot_separator"}:
        assert f"kind: {kind}\n" in text or kind == "boot_separator"
