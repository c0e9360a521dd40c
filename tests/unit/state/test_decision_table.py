"""HA against reality, row by row: of each of the 32 rows of the decision table one fixture that fires it and a neighbour that does not.

`verdict` is what the matrix says in that row (None: no place is made); `rule` the finding that tells it (None: the matrix alone does).
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from pve import EPOCH, fired, job, rows, state, tree, vm


class Row(NamedTuple):
    verdict: str | None
    rule: str | None
    fires: dict[str, str]
    neighbour: dict[str, str]


ZFS, NAS, LVM = "local-zfs:vm-100-disk-0,size=32G", "nas:100/vm-100-disk-0.qcow2", "local-lvm:vm-100-disk-0"
STATE = "alpha__var__lib__pve-manager__pve-replication-state.json"
HEAD = "NAME                       USED  AVAIL     REFER  MOUNTPOINT\n"
ITSELF, OTHER = (
    f"{HEAD}rpool/data/vm-{number}-disk-0  8.12G   120G     8.01G  -\nrpool/data/vm-9-disk-0  1G  120G  1G  -\n" for number in (100, 8)
)
PVESM = "Name             Type     Status           Total            Used       Available        %\n{}             nfs   {}               {}               0               0    0.00%\n"
LVS = "  LV            VG  Attr       LSize\n  vm-{}-disk-0 pve Vwi-aotz--  32.00g\n"
LSPCI = "00:00.0 Host bridge [0600]: Intel Corporation Device [8086:3e30]\n01:00.0 VGA compatible controller [0300]: Device [{}] (rev a1)\n"
INTERFACES = "auto lo\niface lo inet loopback\n\nauto {0}\niface {0} inet static\n\taddress 192.0.2.11/24\n"
GPU = {"alpha__etc__pve__mapping__pci.cfg": "gpu\n\tmap id=10de:1b80,node=alpha,path=0000:01:00.0\n{}"}
ON_BETA = "\tmap id=10de:1b80,node=beta,path=0000:01:00.0\n"
CT = "arch: amd64\nhostname: proxy\n{}rootfs: nas:150/disk.raw\n"


def grouped(nodes, guest, *options, **files):
    group = "group: g\n\tnodes " + nodes + "\n" + "".join(f"\t{each}\n" for each in options)
    return tree(guest, resources="vm: 100\n\tstate started\n\tgroup g\n", **{"alpha__etc__pve__ha__groups.cfg": group}, **files)


def container(mounts):
    return tree(CT.format(mounts), vmid=150, kind="lxc", resources="ct: 150\n")


def pci(ours, theirs):
    return {"alpha__lspci.txt": LSPCI.format(ours), "beta__lspci.txt": LSPCI.format(theirs)}


def bridges(ours, theirs):
    guest = vm(scsi0=NAS, net0=f"virtio=BC:24:11:00:00:01,bridge={ours}")
    return tree(guest, alpha__etc__network__interfaces=INTERFACES.format(ours), beta__etc__network__interfaces=INTERFACES.format(theirs))


def recovered(disk, **files):
    log = (
        "Mar 14 01:10:00 beta pve-ha-crm[2061]: node 'alpha': state changed from 'online' => 'unknown'\n"
        "Mar 14 01:10:50 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'started' to 'fence'\n"
        "Mar 14 01:12:00 beta pve-ha-crm[2061]: recover service 'vm:100' from fenced node 'alpha' to node 'beta'\n"
        "Mar 14 01:12:00 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'recovery' to 'started'  (node = beta)\n"
        "Mar 14 01:12:20 beta pve-ha-lrm[2062]: service status vm:100 started\n"
    )
    return {**tree(vm(scsi0=disk), home="beta", jobs=job(), **files), "beta/var/log/syslog": log}


def two_nodes(ended):
    return {
        "alpha/var/log/syslog": "Mar 14 01:00:00 alpha pvedaemon[1600]: VM 100 started with PID 40211.\n"
        f"Mar 14 01:{ended}:00 alpha qmeventd[50121]: Starting cleanup for 100\n",
        "beta/var/log/syslog": "Mar 14 01:15:00 beta pvedaemon[1600]: VM 100 started with PID 50211.\n",
    }


def beside(onboot):
    return tree(vm(scsi0=NAS), **{"alpha__etc__pve__nodes__alpha__qemu-server__101.conf": vm(name="mail", scsi0=LVM, **onboot)})


TABLE = {
    1: Row("ok", None, tree(vm(scsi0="narrow:100/a.qcow2"), nodes=("alpha", "gamma")), tree(vm(scsi0="narrow:100/a.qcow2"), nodes=("alpha", "beta"))),
    2: Row("start_fails", "no-disk-on-candidate", tree(vm(scsi0="narrow:100/a.qcow2")), tree(vm(scsi0=NAS))),
    3: Row(
        "start_fails", "storage-offline",
        tree(vm(scsi0=NAS), **{"beta__pvesm-status.txt": PVESM.format("nas", "inactive", 0)}),
        tree(vm(scsi0=NAS), **{"beta__pvesm-status.txt": PVESM.format("nas", "active", 9)}),
    ),
    4: Row("stale", None, tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state()}), tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state(last=0, seen=EPOCH)})),
    5: Row(
        "stale", "replica-not-kept",
        tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state(failures=9)}), tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state(failures=1)}),
    ),
    6: Row(
        "start_fails", "no-disk-on-candidate",
        tree(vm(scsi0=ZFS), jobs=job("gamma")), tree(vm(scsi0=ZFS), jobs=job("gamma") + job("beta", 1)),
    ),
    7: Row("start_fails", "no-disk-on-candidate", tree(vm(scsi0=ZFS)), tree(vm(scsi0=ZFS), jobs=job("gamma") + job("beta", 1))),
    8: Row(
        "wrong_data", "foreign-copy-would-start",
        tree(vm(scsi0=ZFS), **{"beta__zfs-list.txt": ITSELF}), tree(vm(scsi0=ZFS), **{"beta__zfs-list.txt": OTHER}),
    ),
    9: Row("start_fails", "no-disk-on-candidate", tree(vm(scsi0=LVM)), tree(vm(scsi0=NAS))),
    10: Row(
        "wrong_data", "foreign-copy-would-start",
        tree(vm(scsi0=LVM), **{"beta__lvs.txt": LVS.format(100)}), tree(vm(scsi0=LVM), **{"beta__lvs.txt": LVS.format(101)}),
    ),
    11: Row(
        "start_fails", "no-disk-on-candidate",
        tree(vm(scsi0="said:100/a.qcow2"), **{"alpha__pvesm-status.txt": PVESM.format("said", "active", 100), "beta__pvesm-status.txt": PVESM.format("said", "active", 200)}),
        tree(vm(scsi0="said:100/a.qcow2"), **{"alpha__pvesm-status.txt": PVESM.format("said", "active", 100), "beta__pvesm-status.txt": PVESM.format("said", "active", 100)}),
    ),
    12: Row(
        "start_fails", "no-disk-on-candidate",
        grouped("alpha,beta", vm(scsi0=ZFS, scsi1="local-zfs:vm-100-disk-1,replicate=0"), "restricted 1", jobs=job(), **{STATE: state()}),
        grouped("alpha,beta", vm(scsi0=ZFS, scsi1="local-zfs:vm-100-disk-1"), "restricted 1", jobs=job(), **{STATE: state()}),
    ),
    13: Row("start_fails", "no-disk-on-candidate", tree(vm(scsi0="off:100/a.qcow2")), tree(vm(scsi0=NAS))),
    14: Row(
        "start_fails", "local-file-in-the-way",
        tree(vm(scsi0=NAS, ide2="local:iso/debian.iso,media=cdrom")), tree(vm(scsi0=NAS, ide2="none,media=cdrom")),
    ),
    15: Row("ok", None, tree(vm(ide2="local-zfs:vm-100-cloudinit,media=cdrom")), tree(vm(ide2="off:vm-100-cloudinit,media=cdrom"))),
    16: Row(
        "start_fails", "device-in-the-way",
        tree(vm(scsi0=NAS, hostpci0="0000:02:00.0"), **pci("10de:1b80", "10de:1b80")), tree(vm(scsi0=NAS, hostpci0="01:00"), **pci("10de:1b80", "10de:1b80")),
    ),
    17: Row(
        "wrong_data", "wrong-device-would-be-taken",
        tree(vm(scsi0=NAS, hostpci0="01:00"), **pci("10de:1b80", "8086:1521")), tree(vm(scsi0=NAS, hostpci0="01:00"), **pci("10de:1b80", "10de:1b80")),
    ),
    18: Row(
        "start_fails", "device-in-the-way",
        grouped("alpha,beta", vm(scsi0=NAS, hostpci0="mapping=gpu"), "restricted 1", **{path: text.format("") for path, text in GPU.items()}),
        grouped("alpha,beta", vm(scsi0=NAS, hostpci0="mapping=gpu"), "restricted 1", **{path: text.format(ON_BETA) for path, text in GPU.items()}),
    ),
    19: Row("unknown", None, tree(vm(scsi0=NAS, usb0="host=1234:5678")), tree(vm(scsi0=NAS, usb0="spice"))),
    20: Row("unknown", None, tree(vm(scsi0=NAS, serial0="/dev/ttyS0")), tree(vm(scsi0=NAS, serial0="socket"))),
    21: Row("unknown", None, container("mp0: /srv,mp=/srv\n"), container("mp0: nas:150/data.raw,mp=/srv\n")),
    22: Row("unknown", None, container("mp0: /srv,mp=/srv,shared=1\n"), container("mp0: /srv,mp=/srv\n")),
    23: Row("start_fails", "device-in-the-way", bridges("vmbr7", "vmbr0"), bridges("vmbr7", "vmbr7")),
    24: Row("start_fails", "local-file-in-the-way", tree(vm(scsi0=NAS, hookscript="local:snippets/hook.pl")), tree(vm(scsi0=NAS, hookscript="nas:snippets/hook.pl"))),
    25: Row("start_fails", "lock-blocks-recovery", tree(vm(scsi0=NAS, lock="create")), tree(vm(scsi0=NAS, lock="migrate"))),
    26: Row("start_fails", "ha-without-another-node", grouped("alpha", vm(scsi0=NAS), "restricted 1"), grouped("alpha,beta", vm(scsi0=NAS), "restricted 1")),
    27: Row(
        "start_fails", "no-disk-on-candidate",
        grouped("alpha,gamma", vm(scsi0=ZFS), jobs=job("gamma"), **{STATE: state("gamma")}),
        grouped("alpha,gamma", vm(scsi0=ZFS), "restricted 1", jobs=job("gamma"), **{STATE: state("gamma")}),
    ),
    28: Row(
        None, "higher-class-blocks",
        grouped("alpha:3,beta:2,gamma:1", vm(scsi0=ZFS), "restricted 1", jobs=job("gamma"), **{STATE: state("gamma")}),
        grouped("alpha:3,beta:2,gamma:2", vm(scsi0=ZFS), "restricted 1", jobs=job("gamma"), **{STATE: state("gamma")}),
    ),
    29: Row(None, "guests-not-under-ha", beside({"onboot": "1"}), beside({})),
    30: Row(
        "start_fails", "memory-image-left-behind",
        tree(vm(scsi0=NAS, lock="suspended", vmstate="local-zfs:vm-100-state-suspend-2026")), tree(vm(scsi0=NAS, lock="suspended", vmstate="nas:100/state.raw")),
    ),
    31: Row(None, "came-back-with-old-data", recovered(ZFS, **{STATE: state(last=EPOCH - 260)}), recovered(NAS)),
    32: Row(None, "running-on-two-nodes", two_nodes(40), two_nodes(10)),
}  # fmt: skip


def test_every_row_stands_in_the_table():
    assert sorted(TABLE) == list(range(1, 33))


@pytest.mark.parametrize("number", TABLE)
def test_a_row_fires(number):
    row = TABLE[number]
    if row.verdict:
        assert (number, row.verdict) in rows(row.fires)
    if row.rule:
        assert row.rule in fired(row.fires)


@pytest.mark.parametrize("number", TABLE)
def test_its_neighbour_does_not(number):
    row = TABLE[number]
    assert number not in {found for found, _ in rows(row.neighbour)} or row.verdict not in {
        word for found, word in rows(row.neighbour) if found == number
    }
    if row.rule:
        assert row.rule not in fired(row.neighbour)


def test_a_copy_that_never_was_made_is_catastrophic_under_ha():
    from pve import case

    found = case(tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state(last=0, seen=EPOCH)})).findings
    assert {each.criticality for each in found if each.rule == "no-disk-on-candidate"} == {"catastrophic"}
