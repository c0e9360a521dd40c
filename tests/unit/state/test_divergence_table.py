"""Divergence, letter by letter: of each of the rules a to l one fixture that fires it and a neighbour that does not, with the finding that tells it."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from pve import EPOCH, case, fired, job, state, tree, vm

ZFS = "local-zfs:vm-100-disk-0,size=32G"
DISK, SECOND = "rpool/data/vm-100-disk-0", "rpool/data/vm-100-disk-1"
STATE = "alpha/var/lib/pve-manager/pve-replication-state.json"
LOG = "alpha/var/log/pve/replicate/100-0"
DAY = 86_400
LATER = f"rpool/data/vm-9-disk-0@later\t4444444444444444444\t{EPOCH + DAY}\n"
G1, G2 = "1111111111111111111", "2222222222222222222"


class Letter(NamedTuple):
    """`lists` if the letter stands in an interval made from lists; else logs tell it."""

    rule: str
    fires: dict[str, str]
    neighbour: dict[str, str]
    lists: bool = True


def snap(epoch, guid=G1, dataset=DISK):
    return f"{dataset}@__replicate_100-0_{epoch}__\t{guid}\t{epoch + 1}\n"


def listed(alpha, beta, **more):
    guest = vm(scsi0=ZFS, scsi1=f"local-zfs:{SECOND.rpartition('/')[2]}")
    return {**tree(guest, jobs=job()), "alpha/zfs-snap.txt": alpha + LATER, "beta/zfs-snap.txt": beta + LATER, **more}


def dated(theirs):
    """Lists without GUIDs."""
    return listed("", "") | {"alpha/zfs-snap.txt": f"{DISK}@a\t{EPOCH}\n" * 2, "beta/zfs-snap.txt": f"{DISK}@a\t{theirs}\n" * 2}


def written(size):
    command = "root@beta:~# zfs list -Hp -o name,used,written\n"
    return {**tree(vm(scsi0=ZFS), jobs=job()), "beta/zfs.txt": f"{command}{DISK}\t8715763712\t{size}\n{DISK}9\t8715763712\t0\n"}


def copied(dataset, **more):
    head = "NAME                       USED  AVAIL     REFER  MOUNTPOINT\n"
    return {**tree(vm(scsi0=ZFS), resources=None, **more), "beta/zfs-list.txt": f"{head}{dataset}  8.12G   120G     8.01G  -\n"}


def run(line, end="end replication job"):
    stamp = "2026-03-14 01:00:0"
    return {
        LOG: f"{stamp}2 100-0: start replication job\n{stamp}2 100-0: guest => VM 100, running => 2291\n{stamp}3 100-0: {line}\n{stamp}5 100-0: {end}\n"
    }


MANUAL = f"{DISK}@by_hand\t{G2}\t{EPOCH}\n"
FAILED = "end replication job with error: command 'set -o pipefail && pvesm export' failed: exit code 1"
SEEN = state(last=EPOCH - DAY, seen=EPOCH + 7200)

LETTERS = {
    "a": Letter("replica-diverged", listed(snap(EPOCH), snap(EPOCH - DAY, G2)), listed(snap(EPOCH), snap(EPOCH))),
    "b": Letter("replica-diverged", listed(snap(EPOCH), snap(EPOCH, G2)), listed(snap(EPOCH), snap(EPOCH))),
    "c": Letter("replica-diverged", dated(EPOCH + 50), dated(EPOCH)),
    "d": Letter("replica-diverged", listed(snap(EPOCH - DAY), snap(EPOCH - DAY) + MANUAL), listed(snap(EPOCH - DAY) + MANUAL, snap(EPOCH - DAY) + MANUAL)),
    "e": Letter(
        "disks-of-different-times",
        listed(*(snap(EPOCH - DAY) + snap(EPOCH, G1, SECOND),) * 2), listed(*(snap(EPOCH) + snap(EPOCH, G1, SECOND),) * 2),
    ),
    "f": Letter(
        "recorded-run-is-missing",
        listed(snap(EPOCH) + snap(EPOCH - DAY), snap(EPOCH - DAY), **{STATE: state()}), listed(snap(EPOCH), snap(EPOCH), **{STATE: state()}),
    ),
    "g": Letter(
        "copy-newer-than-recorded",
        listed(snap(EPOCH), snap(EPOCH), **{STATE: SEEN}), listed(snap(EPOCH), snap(EPOCH), **{STATE: state(last=EPOCH - DAY)}),
    ),
    "h": Letter("orphan-volume", copied(DISK), copied(DISK, jobs=job())),
    "i": Letter(
        "no-common-snapshot",
        run("cannot receive incremental stream: most recent snapshot of rpool/data/vm-100-disk-0 does not", FAILED),
        run("incremental sync 'local-zfs:vm-100-disk-0' (__replicate_100-0_1773449100__ => __replicate_100-0_1773450000__)"), lists=False,
    ),
    "j": Letter(
        "copy-in-the-way",
        run("cannot receive new filesystem stream: destination 'rpool/data/vm-100-disk-0' exists", FAILED),
        run("full sync 'local-zfs:vm-100-disk-0' (__replicate_100-0_1773450000__)"), lists=False,
    ),
    "k": Letter("replica-was-written-to", written(57344), written(0)),
    "l": Letter("newer-data-on-old-node", listed(snap(EPOCH - DAY), snap(EPOCH) + snap(EPOCH - DAY)), listed(snap(EPOCH), snap(EPOCH))),
}  # fmt: skip

SIGNS = {
    "repl-no-common-base": "100-0: got unexpected replication job error - No common base snapshot on volume(s) local-zfs:vm-100-disk-0",
    "repl-no-common-base-old": "100-0: got unexpected replication job error - No common base to restore the job state",
    "zfs-recv-not-match": "cannot receive incremental stream: most recent snapshot of rpool/data/vm-100-disk-0 does not",
    "zfs-send-no-incsource": "incremental source (__replicate_100-0_1__) does not exist",
    "pvesm-import-nobase": "base snapshot 'rpool/data/vm-100-disk-0@__replicate_100-0_1773449100__' doesn't exist",
    "repl-expected-missing": "expected snapshot __replicate_100-0_1773449100__ not present for local-zfs:vm-100-disk-0, not removing others",
}
"""Rule i has more texts than one: those of the tools, each alone in the log of a run."""


def letters(files):
    intervals = case(files, rules=False).history.intervals
    return {each.fields["rule"] for each in intervals if each.state in ("diverged", "orphan") and each.fields["told"] == "yes"}


def test_every_letter_stands_in_the_table():
    assert "".join(sorted(LETTERS)) == "abcdefghijkl"


@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_fires(letter):
    told = LETTERS[letter]
    assert not told.lists or letter in letters(told.fires)
    assert told.rule in fired(told.fires)


@pytest.mark.parametrize("letter", LETTERS)
def test_its_neighbour_does_not(letter):
    told = LETTERS[letter]
    assert letter not in letters(told.neighbour)
    assert told.rule not in fired(told.neighbour)


@pytest.mark.parametrize("sign", SIGNS)
def test_the_tools_own_words_for_divergence(sign):
    assert "no-common-snapshot" in fired(run(SIGNS[sign], FAILED))


def test_the_only_copy_is_no_forgotten_one():
    """The guest's own node lists its pool without the disk: then the copy elsewhere is what is left of it."""
    files = copied(DISK) | {"alpha/zfs-list.txt": "NAME  USED  AVAIL  REFER  MOUNTPOINT\nrpool/data  1G  1G  1G  /rpool/data\n"}
    assert letters(files) == set()


def test_a_forgotten_volume_of_lvm_is_told_too():
    lvs = "  LV            VG  Attr       LSize\n  vm-100-disk-0 pve Vwi-aotz--  32.00g\n"
    files = tree(
        vm(scsi0="local-lvm:vm-100-disk-0"),
        resources=None,
        **{"alpha__lvs.txt": lvs + "  root pve -wi-ao---- 96.00g\n", "beta__lvs.txt": lvs},
    )
    assert letters(files) == {"h"}
    files["alpha/lvs.txt"] = "  LV            VG  Attr       LSize\n  root pve -wi-ao---- 96.00g\n"
    assert letters(files) == set()


@pytest.mark.parametrize(
    ("resources", "rule"), [("vm: 100\n\tstate started\n", "foreign-copy-would-start"), ("vm: 100\n\tstate ignored\n", "orphan-volume")]
)
def test_a_forgotten_copy_is_told_once_whether_or_not_ha_would_start_it(resources, rule):
    files = {**copied(DISK), "alpha/etc/pve/ha/resources.cfg": resources}
    assert fired(files) & {"foreign-copy-would-start", "orphan-volume"} == {rule}
