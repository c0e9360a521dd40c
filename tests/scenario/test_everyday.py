"""A long log tells what a short one does: of its everyday lines those are recalled that a verdict rests on."""

import datetime
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pveforensics.events import EverydayFile, recall
from pveforensics.pipeline import analyze, load_pack

ALL, CHOSEN = 1 << 40, 0
"""Limits under which all everyday lines of a file are recalled, and under which they are chosen, as of a very long one."""

BEGIN = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)
HOUR, DAY = 3600, 86_400
BOOT = "Linux version 6.8.12-1-pve (build@proxmox) #1 SMP"
RETRANSMIT = "  [TOTEM ] Retransmit List: 1a 1b "


@pytest.fixture(scope="module")
def pack():
    return load_pack()


class Story:
    """Logs of two nodes, as they are composed: lines with their second since the beginning."""

    def __init__(self, length):
        self.length = length
        self.lines = {"alpha": [], "beta": []}
        for node in self.lines:
            self.say(node, 0, "kernel", BOOT)
            for second in range(60, length, 300):
                self.say(node, second, "CRON[12]", "(root) CMD (run-parts --report /etc/cron.hourly)")

    def say(self, node, second, program, message):
        at = BEGIN + datetime.timedelta(seconds=second)
        self.lines[node].append((second, f"{at:%b} {at.day:2d} {at:%H:%M:%S} {node} {program}: {message}"))

    def task(self, node, second, kind, guest, lasts=3, status="OK", ticks="0A31F7C2"):
        epoch = int(BEGIN.timestamp()) + second
        upid = f"UPID:{node}:{second & 0xFFFFF:08X}:{ticks}:{epoch:08X}:{kind}:{guest}:root@pam:"
        self.say(node, second, "pvedaemon[900]", f"<root@pam> starting task {upid}")
        if lasts is not None:
            self.say(node, second + lasts, "pvedaemon[900]", f"<root@pam> end task {upid} {status}")

    def ordinary(self, count):
        """So many consoles and snapshots, evenly spread."""
        for number in range(count):
            for node in self.lines:
                self.task(node, 90 + number * (self.length - 200) // count, ("vncproxy", "qmsnapshot")[number % 2], 900 + number % 7)

    def save(self, folder):
        for node, lines in self.lines.items():
            path = folder / node / "var/log/syslog"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(line for _, line in sorted(lines, key=lambda row: row[0])) + "\n")


def told(folder, pack, few):
    # where lines are chosen among they also wait on disk
    with mock.patch.multiple(recall, FEW=few, LIVED=few), mock.patch.object(EverydayFile.__init__, "__defaults__", (few,)):
        case = analyze([str(folder)], pack)
    findings = {(f.rule, f.title, f.summary, f.nodes, f.guests, f.start, f.end, f.criticality, f.confidence) for f in case.findings}
    return findings, {(each.subject, each.state, each.start, each.end) for each in case.history.intervals}


def both(story, folder, pack, few=CHOSEN):
    """The findings, which are the same whether all everyday lines are recalled or those that matter."""
    story.save(folder)
    assert min((folder / node / "var/log/syslog").stat().st_size for node in story.lines) > 1 << 16
    findings, states = told(folder, pack, ALL)
    chosen = told(folder, pack, few)
    assert chosen[0] == findings
    assert chosen[1] == states
    return findings, states


def rules_of(findings):
    return {row[0] for row in findings}


def down(states, guest):
    return [row for row in states if row[0] == f"guest:{guest}" and row[1] == "down"]


@pytest.mark.parametrize("ticks", ["0A31F7C2", "12345678"])  # digits alone look like a guest's number
def test_a_lock_is_held_by_the_task_that_set_it_hours_and_thousands_of_lines_earlier(tmp_path, pack, ticks):
    story = Story(3 * DAY)
    story.ordinary(2_600)
    story.task("alpha", 2 * DAY, "qmigrate", 101, lasts=20 * HOUR, ticks=ticks)
    story.say("alpha", 2 * DAY + 15 * HOUR, "pvedaemon[900]", "VM 101 is locked (migrate)")
    findings, states = both(story, tmp_path, pack, few=recall.FEW)
    assert any(row[0] == "lock:vm:101@alpha" for row in states)
    assert not any(row[0].startswith("guest-lock") for row in findings)


@pytest.mark.parametrize("number", [" 101", ""])
def test_a_lock_of_a_backup_of_several_guests_is_held_until_the_last_is_done(tmp_path, pack, number):
    story = Story(2 * DAY)
    story.ordinary(400)
    story.task("alpha", DAY, "vzdump", "", lasts=6 * HOUR)
    story.say("alpha", DAY + 20, "vzdump[7]", "INFO: Starting Backup of VM 101 (qemu)")
    story.say("alpha", DAY + 900, "vzdump[7]", "INFO: Finished Backup of VM 101 (00:14:40)")
    story.say("alpha", DAY + 3 * HOUR, "pvedaemon[900]", f"VM{number} is locked (backup)")
    both(story, tmp_path, pack)


def test_a_guest_is_down_with_its_node_though_it_was_started_long_before(tmp_path, pack):
    story = Story(6 * DAY)
    story.ordinary(900)
    story.task("alpha", HOUR, "qmstart", 101)
    story.task("alpha", 2 * DAY, "qmresume", 101)
    story.say("alpha", 5 * DAY, "kernel", BOOT)
    story.task("alpha", 5 * DAY + 20 * HOUR, "qmstart", 101)
    _, states = both(story, tmp_path, pack)
    (row,) = down(states, "vm:101")
    assert row[3].seconds_since(row[2]) > 19 * HOUR


@pytest.mark.parametrize(("mover", "back"), [("alpha", False), ("beta", True)])
def test_a_guest_that_was_moved_is_down_with_the_node_where_it_was_last(tmp_path, pack, mover, back):
    story = Story(6 * DAY)
    story.ordinary(900)
    story.task(mover, HOUR, "qmstart", 101)
    story.task(mover, 2 * DAY, "qmigrate", 101, lasts=4 * HOUR)
    if back:
        story.task("alpha", 3 * DAY, "qmstart", 101)
    story.say("alpha", 5 * DAY, "kernel", BOOT)
    _, states = both(story, tmp_path, pack)
    assert bool(down(states, "vm:101")) == back


def test_the_end_of_a_guest_follows_from_the_stop_that_was_ordered_before(tmp_path, pack):
    story = Story(2 * DAY)
    story.ordinary(400)
    story.task("alpha", HOUR, "qmstart", 101)
    story.task("alpha", DAY, "qmshutdown", 101, lasts=700)
    story.say("alpha", DAY + 690, "qmeventd[700]", "Starting cleanup for 101")
    _, states = both(story, tmp_path, pack)
    assert down(states, "vm:101")


@pytest.mark.parametrize("gaps", [[9] * 6, [25, 25, 25, 25, 3, 3, 3], [50, 30, 10, 10, 10, 100, 100], [29] * 25])
def test_a_storm_is_found_whole_within_a_sea_of_single_retransmits(tmp_path, pack, gaps):
    story = Story(2 * DAY)
    story.ordinary(400)
    for second in range(600, story.length - 600, 1_700):
        story.say("alpha", second, "corosync[800]", RETRANSMIT)
    second = DAY + 47
    for gap in gaps:
        story.say("alpha", second, "corosync[800]", RETRANSMIT)
        second += gap
    findings, _ = both(story, tmp_path, pack)
    assert "retransmit-storm" in rules_of(findings)


def test_single_retransmits_are_no_storm_however_many(tmp_path, pack):
    story = Story(6 * DAY)
    for second in range(600, story.length - 600, 170):
        story.say("alpha", second, "corosync[800]", RETRANSMIT)
        story.say("beta", second, "CRON[9]", "(root) CMD (true)")
    findings, _ = both(story, tmp_path, pack)
    assert "retransmit-storm" not in rules_of(findings)


def test_a_failed_task_is_found_among_thousands_of_good_ones(tmp_path, pack):
    story = Story(2 * DAY)
    story.ordinary(2_600)
    story.task("alpha", DAY, "qmstart", 101, lasts=4_000, status="start failed: command '/usr/bin/kvm' failed: exit code 1")
    findings, _ = both(story, tmp_path, pack, few=recall.FEW)
    assert "guest-start-failed" in rules_of(findings)


DEEDS = st.tuples(
    st.sampled_from(
        ["qmstart", "qmstop", "qmigrate", "qmreboot", "vzstart", "vzmigrate", "vzdump", "lock", "end", "boot", "storm", "quorum"]
    ),
    st.sampled_from(["alpha", "beta"]),
    st.integers(200, 2 * DAY - 6_000),
    st.sampled_from([101, 102]),
    st.sampled_from([3, 700, 5_000]),
)


@given(st.lists(DEEDS, min_size=2, max_size=14))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_story_is_told_the_same(tmp_path, pack, deeds):
    story = Story(2 * DAY)
    story.ordinary(300)
    for what, node, second, guest, lasts in deeds:
        match what:
            case "lock":
                story.say(node, second, "pvedaemon[900]", f"VM {guest} is locked (migrate)")
            case "end":
                story.say(node, second, "qmeventd[700]", f"Starting cleanup for {guest}")
            case "boot":
                story.say(node, second, "kernel", BOOT)
            case "storm":
                for place in range(7):
                    story.say(node, second + place * (lasts % 31), "corosync[800]", RETRANSMIT)
            case "quorum":
                lost = "  [QUORUM] This node is within the non-primary component and will NOT provide any services."
                story.say(node, second, "corosync[800]", lost)
                story.say(
                    node, second + 90, "corosync[800]", "  [QUORUM] This node is within the primary component and will provide service."
                )
            case _:
                story.task(node, second, what, guest, lasts)
    both(story, tmp_path, pack)
