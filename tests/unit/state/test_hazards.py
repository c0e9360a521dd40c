"""Time bombs, locks and changes: told where the bundle shows them, and not otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pve import EPOCH, case, corosync, job, state, tree, vm

from pveforensics.errors import InputError, UsageError

QUIET = "Mar 14 02:20:00 alpha corosync[1532]:   [QUORUM] Members[3]: 1 2 3\n"
NAS = "nas:100/a.qcow2"
TASKS = "alpha/var/log/pve/tasks/active"


def hazards(files):
    found = case(files, rules=False).history.intervals
    return {each.fields["what"] for each in found if each.subject.startswith("config:") and each.fields["told"] == "yes"}


def conf(**options):
    return {"alpha/etc/corosync/corosync.conf": corosync(**options)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (conf(nodes=("alpha", "beta")), {"two_nodes", "one_link"}),
        (conf(nodes=("alpha", "beta"), quorum="  two_node: 1\n"), {"two_node_flag", "one_link"}),
        (conf(nodes=("a", "b", "c", "d"), second_link=True), {"even"}),
        (conf(second_link=True), set()),
        (conf(second_link=True, quorum="  two_node: 1\n"), {"two_node"}),
        (conf(second_link=True, quorum="  expected_votes: 1\n"), {"expected_votes"}),
        (conf(second_link=True, extra="  token: 400\n"), {"small"}),
        (conf(nodes=tuple(f"n{number}" for number in range(31)), second_link=True), {"long"}),
        ({"alpha/var/log/syslog": QUIET}, set()),
    ],
)
def test_votes_links_and_tokens(files, expected):
    assert hazards(files) == expected


def test_every_node_with_an_older_configuration_is_named_once():
    old = corosync(second_link=True).replace("config_version: 3", "config_version: 2")
    files = {f"{node}/etc/corosync/corosync.conf": old for node in ("beta", "gamma")}
    files |= {"beta/etc/pve/corosync.conf": old, **conf(second_link=True)}
    found = [each for each in case(files, rules=False).history.intervals if each.state == "copies"]
    assert sorted((each.node, each.fields["size"]) for each in found) == [("beta", "2"), ("gamma", "2")]


def test_a_cluster_of_one_has_no_time_bombs():
    assert hazards(conf(nodes=("alpha",))) == set()


def upid(kind, vmid, rest, start=EPOCH):
    return f"UPID:alpha:00001000:00002000:{start:08X}:{kind}:{vmid}:root@pam: {rest}\n"


def locks(lock, tasks=None, log=""):
    files = tree(vm(scsi0=NAS, lock=lock))
    if tasks is not None:
        files[TASKS] = tasks
    if log:
        files["alpha/var/log/syslog"] = log
    return [(each.fields["held"], each.fields["proof"]) for each in case(files, rules=False).history.intervals if each.state == "set"]


BOOT = """\
Mar 14 02:00:00 alpha CRON[1]: (root) CMD (true)
Mar 14 02:10:00 alpha kernel: [    0.000000] Linux version 6.8.12-4-pve (build@proxmox) (gcc) #1 SMP
Mar 14 02:10:20 alpha systemd[1]: Started cron.service - Regular background program processing daemon.
"""


@pytest.mark.parametrize(
    ("lock", "tasks", "log", "expected"),
    [
        ("backup", upid("vzdump", "100", "0"), "", [("yes", "no")]),
        ("backup", upid("vzdump", "", "0"), "", [("yes", "no")]),
        ("backup", upid("vzdump", "100", "0"), BOOT, [("no", "yes")]),
        ("backup", upid("vzdump", "100", f"1 {EPOCH + 60:08X} interrupted by signal"), "", [("no", "no")]),
        ("backup", upid("qmstart", "7", f"1 {EPOCH + 60:08X} OK"), "", [("no", "no")]),
        ("backup", None, "", [("unknown", "no")]),
        ("fstrim", upid("qmstart", "7", f"1 {EPOCH + 60:08X} OK"), "", [("unknown", "no")]),
        ("suspending", upid("qmsuspend", "100", "0"), "", [("yes", "no")]),
    ],
)
def test_a_lock_and_what_holds_it(lock, tasks, log, expected):
    assert locks(lock, tasks, log) == expected


def test_a_hibernated_guest_is_locked_by_right():
    files = tree(vm(scsi0=NAS, lock="suspended", vmstate="nas:100/state.raw"))
    assert not [each for each in case(files, rules=False).history.intervals if each.state == "set"]


APT = """\
Start-Date: 2026-03-13  22:01:02
Commandline: apt-get dist-upgrade
Install: proxmox-kernel-6.8.12-4-pve-signed:amd64 (6.8.12-4, automatic)
Upgrade: corosync:amd64 (3.1.7-pve3, 3.1.9-pve1), tzdata:amd64 (2026a, 2026b), vim:amd64 (1, 2)
End-Date: 2026-03-13  22:03:40

Start-Date: 2026-03-14  01:00:00
Upgrade: qemu-server:amd64 (8.2.1, 8.2.4)
"""


def test_changes_in_order_with_what_matters_by_name():
    files = {
        **tree(vm(scsi0=NAS)),
        "alpha/var/log/apt/history.log": APT,
        "alpha/var/log/syslog": "Mar 14 00:30:00 alpha pmxcfs[1411]: [dcdb] notice: wrote new corosync config '/etc/corosync/corosync.conf' (version = 8)\n",
    }
    found = [(each.at.iso()[:16], each.kind, each.what) for each in case(files, rules=False).history.changes]
    assert found == [
        ("2026-03-13T22:01", "package", "2 more packages changed by `apt-get dist-upgrade` (tzdata, ...)"),
        ("2026-03-13T22:01", "package", "corosync 3.1.7-pve3 -> 3.1.9-pve1"),
        ("2026-03-13T22:01", "kernel", "kernel 6.8.12-4-pve installed (in use from the next boot on)"),
        ("2026-03-14T00:30", "config", "corosync.conf version 8 written"),
        ("2026-03-14T01:00", "package", "a package run has no end: the node went down in the middle of it, or it still ran"),
        ("2026-03-14T01:00", "package", "qemu-server 8.2.1 -> 8.2.4"),
    ]


@given(data=st.data())
@settings(max_examples=40)
def test_a_damaged_etc_pve_costs_what_is_damaged(data):
    """No tracker fails (the tests run strict), whatever became of the files."""
    snaps = f"rpool/data/vm-100-disk-0@__replicate_100-0_{EPOCH}__\t1234567890123456789\t{EPOCH}\n"
    files = tree(vm(scsi0="local-zfs:vm-100-disk-0", hostpci0="mapping=gpu", lock="backup"), jobs=job(), resources="vm: 100\n\tgroup g\n")
    files |= {
        "alpha/etc/pve/ha/groups.cfg": "group: g\n\tnodes alpha:2,beta\n\trestricted 1\n",
        TASKS: upid("vzdump", "100", "0"),
        "beta/zfs.txt": snaps * 2,
    }
    files |= {
        "alpha/zfs.txt": snaps * 2,
        "alpha/var/lib/pve-manager/pve-replication-state.json": state(),
        "alpha/var/log/apt/history.log": APT,
    }
    damaged = {}
    for path, text in files.items():
        content = bytearray(text.encode())
        for _ in range(data.draw(st.integers(0, 2))):
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 6))
        damaged[path] = bytes(content[: data.draw(st.integers(1, len(content)))]).decode("utf-8", "replace")
    try:
        case(damaged)
    except (InputError, UsageError):  # nothing left, or two clusters
        return
