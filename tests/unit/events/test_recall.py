"""Of many everyday lines those become records that stand near something, tell of a guest or a boot that matters, or come in storms."""

from unittest import mock

import pytest

from pveforensics.events import Signature, SignatureIndex, make_matcher, recall, recalled, scan_log
from pveforensics.resources import rules_folder

TASK = r"<\S+> (?P<what>starting|end) task UPID:(?P<node>\w+):\w+:\w+:\w+:(?P<type>\w+):(?P<tid>\d*):"
SIGNATURES = [
    Signature("task", "task.start", "s", TASK, programs=("pvedaemon",), everyday=""),
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


def found(*lines, path="syslog", few=0):
    scan = scan_log(path, ["".join(sorted(lines, key=lambda text: text[7:15])).encode()], INDEX, matcher=make_matcher(INDEX), shelve=True)
    with mock.patch.object(recall, "FEW", few):
        return [(record.kind, record.stamp.text[7:], record.count) for record in recalled([scan], INDEX)[0].records]


def kinds(*lines, few=0):
    return [(kind, time) for kind, time, _ in found(*lines, few=few)]


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
def test_what_stands_near_something_is_taken(kind, message, before):
    near = [task(5000 - before, 100), task(5060, 101)]
    far = [task(5000 - before - 1, 102), task(5061, 103)]
    told = kinds(*near, *far, line(5000, "corosync[1]", message))
    assert [each for each, _ in told] == ["task.start", kind, "task.start"]


def test_backups_say_nothing_by_being_near_and_the_last_of_a_guest_may_be_under_way():
    backups = [line(second, "vzdump[7]", "INFO: Starting Backup of VM 100 (qemu)") for second in (4990, 6000)]
    told = kinds(*backups, line(5000, "corosync[1]", "link: host: 2 is down"))
    assert told == [("knet_link_down", "01:23:20"), ("backup.guest_start", "01:40:00")]


def test_all_that_was_done_to_a_locked_guest_is_taken_from_every_file():
    backup = line(100, "vzdump[7]", "INFO: Starting Backup of VM 100 (qemu)")
    other = line(200, "pvescheduler[7]", "INFO: Starting Backup of VM 101 (qemu)")
    locked = line(80_000, "pvedaemon[9]", "VM 100 is locked (backup)")
    scans = [
        scan_log(path, [text.encode()], INDEX, matcher=make_matcher(INDEX), shelve=True)
        for path, text in (("a", backup + other + task(300, 100) + task(400, 101) + task(500, "", "vzdump")), ("b", locked))
    ]
    with mock.patch.object(recall, "FEW", 0):
        first, second = recalled(scans, INDEX)
    assert [(record.kind, record.line) for record in first.records] == [("backup.guest_start", 1), ("task.start", 3), ("task.start", 5)]
    assert [record.kind for record in second.records] == ["lock.guest_locked"]


def test_a_number_in_the_id_of_a_task_is_no_guest():
    digits = task(300, 101).replace("0000000B", "12345678")
    lines = [digits, task(400, 100).replace("0000000B", "12345678"), line(80_000, "pvedaemon[9]", "VM 101 is locked (backup)")]
    assert kinds(*lines) == [("task.start", "00:05:00"), ("lock.guest_locked", "22:13:20")]


def test_a_lock_of_no_guest_in_particular_may_be_of_any_task_of_a_day():
    scan = [task(300, 100), line(7000, "pvedaemon[9]", "VM 100 is locked (backup)")]
    signatures = [*SIGNATURES[:3], Signature("lock", "lock.guest_locked", "s", "is locked", programs=("pvedaemon",))]
    index = SignatureIndex(signatures)
    with mock.patch.object(recall, "FEW", 0):
        read = scan_log("a", ["".join(scan).encode()], index, matcher=make_matcher(index), shelve=True)
        assert [record.kind for record in recalled([read], index)[0].records] == ["task.start", "lock.guest_locked"]


def test_around_a_boot_all_that_was_done_to_guests_is_taken_and_before_and_after_it_the_last_and_the_first():
    boot = line(10_000, "kernel", "[    0.000000] Linux version 6.8.12-4-pve")
    lines = [task(second, 100, "qmstart") for second in (1000, 1100, 1200, 9000, 9010, 12_000, 12_010, 17_300, 17_400, 17_500)]
    moved = [task(second, 101, kind) for second, kind in ((1300, "qmigrate"), (1400, "vzmigrate"), (1500, "hamigrate"), (1600, "vncproxy"))]
    with mock.patch.object(recall, "AROUND_BOOT_US", 7_200_000_000):
        told = [time for _, time in kinds(boot, *lines, *moved)]
    expected = (1000, 1200, 1300, 1400, 1500, 9000, 9010, 10_000, 12_000, 12_010, 17_300, 17_500)
    assert told == [f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}" for second in expected]


def test_very_many_boots_and_lives_are_gone_through_once():
    rows = [(place, place, (b"1%d" % (place % 7),)) for place in range(200_000)]
    assert len(set(recall._at_cuts(rows, range(0, 200_000, 10)))) > 100_000


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
    for kind in recall.HEAVY | recall.APART | recall.BOOTS | recall.ABOUT - {"boot_separator"}:
        assert f"kind: {kind}\n" in text or kind == "boot_separator"
