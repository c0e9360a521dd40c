"""Replicas and their sources: divergence rules a to l, jobs that do not keep up, data that came back old."""

from __future__ import annotations

import pytest
from pve import EPOCH, case, job, state, tree, vm

from pveforensics.state.estate.calendar_events import interval_of
from pveforensics.state.estate.disks import span

ZFS = "local-zfs:vm-100-disk-0,size=32G"
DISK, SECOND = "rpool/data/vm-100-disk-0", "rpool/data/vm-100-disk-1"
STATE = "alpha/var/lib/pve-manager/pve-replication-state.json"
DAY = 86_400
LATER = f"rpool/data/vm-9-disk-0@later\t4444444444444444444\t{EPOCH + DAY}\n"
"""Shows that a list was made a day later."""

G1, G2 = "1111111111111111111", "2222222222222222222"


def snap(epoch, guid=G1, dataset=DISK):
    return f"{dataset}@__replicate_100-0_{epoch}__\t{guid}\t{epoch + 1}\n"


def lists(alpha, beta, *, later=LATER, **more):
    return {
        **tree(vm(scsi0=ZFS, scsi1=f"local-zfs:{SECOND.rpartition('/')[2]}"), jobs=job()),
        "alpha/zfs-snap.txt": alpha + later,
        "beta/zfs-snap.txt": beta + later,
        **more,
    }


def rules(files):
    found = [each for each in case(files, rules=False).history.intervals if each.state == "diverged"]
    return {(each.fields["rule"], each.fields["told"]) for each in found}


NEVER = {STATE: state(last=0, seen=EPOCH)}

RULES = {
    "a": (lists(snap(EPOCH), snap(EPOCH - DAY, G2)), {("a", "yes")}),
    "a: the target has a dataset and no snapshot": (lists(snap(EPOCH), f"{DISK}@manual\t{G2}\t{EPOCH - DAY}\n"), {("a", "yes")}),
    "a, lists of different times": (lists(snap(EPOCH), snap(EPOCH - 900, G2), later=""), {("a", "unknown")}),
    "a, the first run is still to come": (lists(snap(EPOCH), f"{DISK}@manual\t{G2}\t{EPOCH - DAY}\n", **NEVER), set()),
    "a, one in common": (lists(snap(EPOCH), snap(EPOCH)), set()),
    "b": (lists(snap(EPOCH), snap(EPOCH, G2)), {("b", "yes")}),
    "b, one of two is the same": (lists(snap(EPOCH) + snap(EPOCH - DAY), snap(EPOCH, G2) + snap(EPOCH - DAY)), set()),
    "d": (lists(snap(EPOCH - DAY), snap(EPOCH - DAY) + f"{DISK}@by_hand\t{G2}\t{EPOCH}\n"), {("d", "yes")}),
    "d, which the source has too": (
        lists(snap(EPOCH - DAY) + f"{DISK}@by_hand\t{G2}\t{EPOCH}\n", snap(EPOCH - DAY) + f"{DISK}@by_hand\t{G2}\t{EPOCH}\n"),
        set(),
    ),
    "e": (
        lists(snap(EPOCH - DAY) + snap(EPOCH, G1, SECOND), snap(EPOCH - DAY) + snap(EPOCH, G1, SECOND)),
        {("e", "yes")},
    ),
    "e, a run may be under way": (
        lists(snap(EPOCH - DAY) + snap(EPOCH, G1, SECOND), snap(EPOCH - DAY) + snap(EPOCH, G1, SECOND), later=""),
        {("e", "unknown")},
    ),
    "f": (lists(snap(EPOCH) + snap(EPOCH - DAY), snap(EPOCH - DAY), **{STATE: state()}), {("f", "yes")}),
    "f, the recorded run arrived": (lists(snap(EPOCH), snap(EPOCH), **{STATE: state()}), set()),
    "g: a newer copy than recorded is usable": (lists(snap(EPOCH), snap(EPOCH), **{STATE: state(last=EPOCH - DAY)}), set()),
    "l": (lists(snap(EPOCH - DAY), snap(EPOCH) + snap(EPOCH - DAY)), {("l", "yes")}),
    "l, lists of different times": (lists(snap(EPOCH - 900), snap(EPOCH), later=""), {("l", "unknown")}),
}


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule):
    files, expected = RULES[rule]
    assert rules(files) == expected


def creation(minute, dataset=DISK):
    return f"NAME  CREATION\n{dataset}@__replicate_100-0_{EPOCH}__  Sat Mar 14  1:{minute:02} 2026\n"


def test_rule_c_needs_exact_times():
    files = {**lists("", "", later="")}
    files |= {"alpha/zfs-snap.txt": f"{DISK}@a\t{EPOCH}\n" * 2, "beta/zfs-snap.txt": f"{DISK}@a\t{EPOCH + 50}\n" * 2}
    assert rules(files) == {("c", "yes")}


@pytest.mark.parametrize(("written", "found"), [("57344", {("k", "yes")}), ("0", set())])
def test_rule_k(written, found):
    command = "root@beta:~# zfs list -Hp -o name,used,written\n"
    files = {**tree(vm(scsi0=ZFS), jobs=job()), "beta/zfs.txt": f"{command}{DISK}\t8715763712\t{written}\n{DISK}9\t8715763712\t0\n"}
    assert rules(files) == found


def test_a_job_without_lists_or_state_claims_nothing():
    intervals = case(tree(vm(scsi0=ZFS), jobs=job()), rules=False).history.intervals
    assert not [each for each in intervals if each.state in ("diverged", "orphan", "stale", "failing")]


@pytest.mark.parametrize(
    ("last", "schedule", "level"),
    [
        (EPOCH - 3600, "*/15", "late"),
        (EPOCH - 3 * DAY, "*/15", "old"),
        (EPOCH - 1500, "*/15", None),
        (EPOCH - DAY, "22:00", None),
        (EPOCH - 3 * DAY, "22:00", "old"),
    ],
)
def test_a_job_that_is_late_for_its_schedule(last, schedule, level):
    files = {**tree(vm(scsi0=ZFS), jobs=job("beta", 0, f"schedule {schedule}")), STATE: state(last=last, seen=EPOCH)}
    found = [each.fields["level"] for each in case(files, rules=False).history.intervals if each.state == "stale"]
    assert found == ([level] if level else [])


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("*/15", 900),
        ("*:0/30", 1800),
        ("*/2:00", 7200),
        ("22:00", DAY),
        ("mon..fri 22:00", 3 * DAY),
        ("sat 22:00", 7 * DAY),
        ("2026-03-14", None),
        ("8..17,22:0/15", 9.25 * 3600),
        ("mon..fri 8:00", 3 * DAY),
        ("mon,thu 30", 3 * DAY + 3600),
        ("fri..mon 12:00", 4 * DAY),
        ("30/10", 2400),
        ("*", 60),
        ("sat", 7 * DAY),
        ("*/15:00:00", 15 * 3600),
        ("monthly", 31 * DAY),
        ("25:00", None),
        ("*-*-1 02:00", None),
        ("5/0", None),
    ],
)
def test_schedules(schedule, seconds):
    assert interval_of(schedule) == seconds


def test_spans_are_said_in_two_words():
    assert [span(860), span(3), span(2 * DAY + 3600 * 3), span(0)] == ["14 min 20 s", "3 s", "2 d 3 h", "0 s"]


CRM = """\
Mar 14 01:10:00 beta pve-ha-crm[2061]: node 'alpha': state changed from 'online' => 'unknown'
Mar 14 01:10:50 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'started' to 'fence'
Mar 14 01:12:00 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'fence' to 'recovery'
Mar 14 01:12:00 beta pve-ha-crm[2061]: recover service 'vm:100' from fenced node 'alpha' to node 'beta'
Mar 14 01:12:00 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'recovery' to 'started'  (node = beta)
"""


def test_a_recovered_guest_has_data_of_the_last_run_before_its_node_was_lost():
    files = {**tree(vm(scsi0=ZFS), jobs=job(), home="beta"), STATE: state(last=EPOCH - 260, seen=EPOCH - 260), "beta/var/log/syslog": CRM}
    history = case(files, rules=False).history
    (down,) = [each for each in history.intervals if each.state == "down" and each.subject.startswith("guest:")]
    (back,) = [each for each in history.intervals if each.state == "restored"]
    assert (down.fields["data_age_s"], down.fields["name"]) == ("860", "web")
    assert (back.fields["age"], back.fields["node_before"], back.fields["returned"]) == ("14 min 20 s", "alpha", "no")


def test_a_run_after_the_loss_is_no_data_of_the_recovered_guest():
    files = {**tree(vm(scsi0=ZFS), jobs=job(), home="beta"), STATE: state(last=EPOCH + 9000), "beta/var/log/syslog": CRM}
    (back,) = [each for each in case(files, rules=False).history.intervals if each.state == "restored"]
    assert back.fields["age"] == ""
