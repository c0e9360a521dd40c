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


def task(second, guest, kind="qmstart", what="starting"):
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


def test_backups_say_nothing_by_being_near():
    backup = line(4990, "vzdump[7]", "INFO: Starting Backup of VM 100 (qemu)")
    assert kinds(backup, line(5000, "corosync[1]", "link: host: 2 is down")) == [("knet_link_down", "01:23:20")]


def test_all_that_was_done_to_a_locked_guest_is_taken_from_every_file():
    backup = line(100, "vzdump[7]", "INFO: Starting Backup of VM 100 (qemu)")
    other = line(200, "vzdump[7]", "INFO: Starting Backup of VM 101 (qemu)")
    locked = line(80_000, "pvedaemon[9]", "VM 100 is locked (backup)")
    scans = [
        scan_log(path, [text.encode()], INDEX, matcher=make_matcher(INDEX), shelve=True)
        for path, text in (("a", backup + other + task(300, 100, "vzdump") + task(400, 101, "vzdump")), ("b", locked))
    ]
    with mock.patch.object(recall, "FEW", 0):
        first, second = recalled(scans, INDEX)
    assert [(record.kind, record.line) for record in first.records] == [("backup.guest_start", 1), ("task.start", 3)]
    assert [record.kind for record in second.records] == ["lock.guest_locked"]


def test_before_a_boot_the_last_word_on_each_guest_is_taken_and_after_it_every_one():
    boot = line(10_000, "kernel", "[    0.000000] Linux version 6.8.12-4-pve")
    lines = [task(1000, 100), task(2000, 100, "qmstop"), task(1500, 101), task(1600, 101, "vncproxy"), task(11_000, 102), task(17_201, 103)]
    assert kinds(boot, *lines) == [
        ("task.start", "00:25:00"), ("task.start", "00:33:20"), ("boot_started", "02:46:40"), ("task.start", "03:03:20"),
    ]  # fmt: skip


def test_storms_are_taken_and_single_repetitions_are_not():
    def retransmit(second):
        return line(second, "corosync[1]", "  [TOTEM ] Retransmit List: 4a")

    assert found(*(retransmit(3600 * hour) for hour in range(20))) == []
    assert found(*(retransmit(7200 + second) for second in range(5))) == [("totem_retransmit", "02:00:00", 5)]
    slow = found(*(retransmit(7200 + 30 * step) for step in range(20)), *(retransmit(80_000 + hour) for hour in (0, 3600)))
    assert sum(count for _, _, count in slow) == 20


def test_every_kind_that_recall_asks_for_is_one_of_the_pack():
    text = "".join(path.read_text() for path in (rules_folder() / "events").glob("*.yaml"))
    for kind in recall.HEAVY | recall.APART | recall.BOOTS | recall.ABOUT - {"boot_separator"}:
        assert f"kind: {kind}\n" in text or kind == "boot_separator"
