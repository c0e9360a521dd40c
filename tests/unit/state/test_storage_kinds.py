"""Storages, kind by kind: what its failure looks like, which finding tells it, and a neighbour that is no failure."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from pve import case, fired, tree, vm

STORES = """\
nfs: nas
\tserver 192.0.2.50
\texport /pool
\tcontent {}

cifs: share
\tserver 192.0.2.51
\tshare pool
\tcontent images

zfspool: tank
\tpool tank/data
\tcontent images

lvmthin: thin
\tvgname pve
\tthinpool data
\tcontent images

dir: disk
\tpath /mnt/disk
\tcontent images
\tis_mountpoint yes
"""


class Kind(NamedTuple):
    rule: str
    fails: tuple[str, ...]
    neighbour: tuple[str, ...]


KINDS = {
    "NFS": Kind("nas-not-responding", ("kernel: nfs: server 192.0.2.50 not responding, still trying",), ("kernel: nfs: server 192.0.2.50 OK",)),
    "NFS by pvestatd": Kind("storage-offline", ("pvestatd[1501]: storage 'nas' is not online",) * 2, ("pvestatd[1501]: status update time (6.1 seconds)",)),
    "NFS export replaced": Kind(
        "storage-offline",
        ("pvestatd[1501]: unable to activate storage 'nas' - directory '/mnt/pve/nas' does not exist or is unreachable",),
        ("pvestatd[1501]: status update time (6.1 seconds)",),
    ),
    "CIFS": Kind("nas-not-responding", ("kernel: CIFS: VFS: \\\\192.0.2.51 has not responded in 180 seconds. Reconnecting...",), ("kernel: CIFS: Attempting to mount \\\\192.0.2.51\\pool",)),
    "iSCSI": Kind(
        "iscsi-lost",
        ("kernel:  connection1:0: ping timeout of 5 secs expired, recv timeout 5, last rx 4295, last ping 4296, now 4297", "kernel:  session1: session recovery timed out after 120 secs"),
        ("iscsid: connection1:0 is operational after recovery (3 attempts)",),
    ),
    "multipath": Kind("iscsi-lost", ("multipathd[700]: mpatha: remaining active paths: 0",), ("multipathd[700]: mpatha: remaining active paths: 1",)),
    "Ceph client": Kind("ceph-unreachable", tuple(f"kernel: libceph: mon{n} (1)192.0.2.6{n}:6789 session lost, hunting for new mon" for n in range(3)), ("kernel: libceph: mon0 (1)192.0.2.60:6789 session lost, hunting for new mon",)),
    "ZFS pool": Kind(
        "pool-suspended",
        ("kernel: WARNING: Pool 'tank' has encountered an uncorrectable I/O failure and has been suspended.",),
        ("zed[900]: eid=12 class=scrub_finish pool='tank'",),
    ),
    "ZFS pool gone": Kind(
        "pool-missing", ("pvestatd[1501]: zfs error: cannot open 'tank': no such pool",), ("pvestatd[1501]: zfs error: cannot open 'tank/data/vm-100-disk-0': dataset does not exist",)
    ),
    "ZFS device": Kind(
        "pool-degraded",
        ("zed[900]: eid=12 class=statechange pool='tank' vdev=sdc1 vdev_state=FAULTED",),
        ("zed[900]: eid=12 class=statechange pool='tank' vdev=sdc1 vdev_state=ONLINE",),
    ),
    "LVM thin": Kind(
        "thin-pool-full",
        ("kernel: device-mapper: thin: 252:4: switching pool to out-of-data-space (error IO) mode",),
        ("kernel: device-mapper: thin: 252:4: switching pool to write mode",),
    ),
    "directory mount": Kind(
        "storage-offline",
        ("pvestatd[1501]: unable to activate storage 'disk' - directory is expected to be a mount point but is not mounted: '/mnt/disk'",),
        ("pvestatd[1501]: status update time (6.1 seconds)",),
    ),
    "slow": Kind(
        "slow-storage",
        ("kernel: INFO: task txg_sync:1234 blocked for more than 120 seconds.",),
        ("kernel: INFO: task CPU 0/KVM:1234 blocked for more than 120 seconds.",),
    ),
    "slow commands": Kind(
        "storage-commands-time-out",
        ("pvestatd[1501]: command '/sbin/zfs get -o value -Hp available,used tank' failed: got timeout",) * 4,
        ("pvestatd[1501]: command '/sbin/zfs get -o value -Hp available,used tank' failed: got timeout",),
    ),
    "backup server": Kind(
        "backup-server-offline",
        ("pvestatd[1501]: vault: error fetching datastores - 500 Can't connect to 192.0.2.70:8007 (Connection refused)",),
        ("pvestatd[1501]: status update time (6.1 seconds)",),
    ),
    "share that is full": Kind(
        "share-full",
        ("pvestatd[1501]: mkdir /mnt/pve/nas/template: No space left on device at /usr/share/perl5/PVE/Storage/Plugin.pm line 1323.",),
        ("pvestatd[1501]: status update time (6.1 seconds)",),
    ),
}  # fmt: skip


def logged(lines, *, node="alpha", every=60, minute=10):
    shown = "".join(
        f"Mar 14 01:{minute + number * every // 60:02}:{number * every % 60:02} {node} {line}\n" for number, line in enumerate(lines)
    )
    around = f"Mar 14 01:00:00 {node} CRON[2101]: (root) CMD (true)\nMar 14 01:00:30 {node} systemd[1]: Started x.service.\n"
    return {f"{node}/var/log/syslog": around + shown + f"Mar 14 01:55:00 {node} CRON[2101]: (root) CMD (true)\n"}


def stored(content="images,iso", guests=None):
    made = {f"alpha/etc/pve/nodes/{node}/qemu-server/{vmid}.conf": text for (node, vmid), text in (guests or {}).items()}
    return {**tree(resources="ct: 7\n\tstate ignored\n"), "alpha/etc/pve/storage.cfg": STORES.format(content), **made}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_that_fails(name):
    kind = KINDS[name]
    assert kind.rule in fired({**stored(), **logged(kind.fails)})
    assert kind.rule not in fired({**stored(), **logged(kind.neighbour)})


def outage(files):
    return [each for each in case(files).findings if each.rule == "nas-not-responding"]


AWAY = (
    "kernel: nfs: server 192.0.2.50 not responding, still trying",
    "pvestatd[1501]: status update time (61.000 seconds)",
    "kernel: nfs: server 192.0.2.50 OK",
)
ON_NAS, ELSEWHERE = vm(scsi0="nas:100/a.qcow2"), vm(name="mail", scsi0="tank:vm-101-disk-0")


def test_which_storage_since_when_how_long_and_what_waited():
    (found,) = outage({**stored(guests={("alpha", 100): ON_NAS, ("alpha", 101): ELSEWHERE}), **logged(AWAY)})
    assert (found.nodes, found.guests) == (("alpha",), ("vm:100",))
    assert "nas" in found.storages
    assert "from 01:10:00 UTC to 01:12:00 UTC (2 min)" in found.summary
    assert "pvestatd did" in found.summary
    assert "Disks on it: vm:100 (web)" in found.summary


@pytest.mark.parametrize(
    ("content", "guests", "criticality"),
    [
        ("iso,vztmpl", {("alpha", 101): ELSEWHERE}, "low"),
        ("images,iso", {("alpha", 101): ELSEWHERE}, "low"),
        ("images,iso", {("alpha", 100): ON_NAS}, "high"),
        ("images,iso", None, "high"),
        ("backup", {("alpha", 101): ELSEWHERE}, "medium"),
        ("iso,vztmpl", {("alpha", 101): vm(name="mail", ide2="nas:iso/debian.iso,media=cdrom", scsi0="tank:vm-101-disk-0")}, "low"),
    ],
)
def test_how_grave_it_is_goes_by_what_lies_on_it(content, guests, criticality):
    (found,) = outage({**stored(content, guests), **logged(AWAY)})
    assert found.criticality == criticality


def test_one_outage_on_two_nodes_is_one_incident():
    files = {**stored(guests={("alpha", 100): ON_NAS}), **logged(AWAY), **logged(AWAY, node="beta")}
    files["beta/var/log/syslog"] += "Mar 14 01:56:00 beta CRON[2101]: (root) CMD (true)\n"
    found = case(files)
    outages = {each.id for each in found.findings if each.class_ == "storage_failure"}
    assert len(outages) == 2
    assert [outages <= set(incident.findings) for incident in found.incidents if outages & set(incident.findings)] == [True]


def test_two_storages_are_two_findings():
    lines = ("pvestatd[1501]: storage 'nas' is not online", "pvestatd[1501]: storage 'share' is not online")
    found = [each.storages for each in case({**stored(), **logged(lines)}).findings if each.rule == "storage-offline"]
    assert sorted(found) == [("nas",), ("share",)]


def test_a_storage_that_the_node_does_not_use_is_not_named():
    other = (
        STORES.format("images")
        + "\nnfs: old\n\tserver 192.0.2.50\n\texport /old\n\tdisable\n\nnfs: far\n\tserver 192.0.2.50\n\texport /far\n\tnodes beta\n"
    )
    (found,) = outage({**stored(), "alpha/etc/pve/storage.cfg": other, **logged(AWAY)})
    assert found.storages == ("nas",)
