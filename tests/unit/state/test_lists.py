"""What tools list of guests, storages, replication and packages, as people paste and collectors save it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.state.documents import document_score, read_document

PVESR_STATUS = """\
root@alpha:~# pvesr status
JobID      Enabled    Target                           LastSync             NextSync   Duration  FailCount State
100-0      Yes        local/beta            2026-03-14_02:00:04  2026-03-14_02:15:00       3.81          0 OK
101-0      Yes        local/gamma           2026-03-12_11:45:02              pending          -         97 command 'zfs recv' failed:
cannot receive incremental stream: destination has been modified
102-0      No         local/beta                              -                    -          -          0 OK
"""
PVESR_LIST = """\
JobID                Target                     Schedule       Rate Enabled
100-0                local/beta                     */15          -     yes
101-0                local/gamma        mon..fri 22:00       10.00     no
"""
PVESM = """\
Name             Type     Status           Total            Used       Available        %
local             dir     active        98497780        12345678        81132476   12.53%
nas               nfs   inactive               0               0               0    0.00%
"""
QM = """\
      VMID NAME                 STATUS     MEM(MB)    BOOTDISK(GB) PID
       100 web                  running    4096              32.00 1234
       101 db                   stopped    8192              64.00 0
"""
PCT = """\
VMID       Status     Lock         Name
150        running                 proxy
151        stopped    backup       mail
"""
VERSIONS = """\
proxmox-ve: 8.2.0 (running kernel: 6.8.4-2-pve)
pve-manager: 8.2.2 (running version: 8.2.2/9355359cd7afbae4)
corosync: 3.1.7-pve3
ceph-fuse: not correctly installed
libpve-storage-perl: 8.2.1
"""
ZFS = """\
NAME                                                       USED  AVAIL     REFER  MOUNTPOINT
rpool/data/vm-100-disk-0                                  8.12G   120G     8.01G  -
rpool/data/vm-100-disk-0@__replicate_100-0_1773450004__    116M      -     8.01G  -
rpool/data/subvol-150-disk-0                              1.20G  6.80G     1.20G  /rpool/data/subvol-150-disk-0
"""
ZFS_EXACT = "rpool/data/vm-100-disk-0@__replicate_100-0_1773450004__\t12345678901234567890\t1773450005\n"
ZFS_CREATION = """\
NAME                                       CREATION                      GUID
rpool/data/vm-100-disk-0@before_upgrade    Sat Mar 14  2:00 2026  1234567890123456789
"""
LVS = """\
  LV            VG  Attr       LSize   Pool Origin Data%  Meta%
  data          pve twi-aotz-- 337.86g             12.10  1.20
  vm-100-disk-0 pve Vwi-aotz--  32.00g data        40.00
"""
DF = """\
Filesystem           Type   Size  Used Avail Use% Mounted on
/dev/mapper/pve-root ext4    94G   93G     0 100% /
tmpfs                tmpfs   16G   40M   16G   1% /dev/shm
"""
APT = """\

Start-Date: 2026-03-13  22:01:02
Commandline: apt-get dist-upgrade
Requested-By: admin (1000)
Install: proxmox-kernel-6.8.12-4-pve-signed:amd64 (6.8.12-4, automatic)
Upgrade: corosync:amd64 (3.1.7-pve3, 3.1.9-pve1), libknet1:amd64 (1.28-pve1, 1.30-pve1)
End-Date: 2026-03-13  22:03:40

Start-Date: 2026-03-14  01:00:00
Remove: foo:amd64 (1.0)
"""
DPKG = """\
2026-03-13 22:01:05 startup archives unpack
2026-03-13 22:01:06 upgrade corosync:amd64 3.1.7-pve3 3.1.9-pve1
2026-03-13 22:01:06 status half-configured corosync:amd64 3.1.7-pve3
"""
STATE = '{"100":{"local/beta":{"duration":3.81,"fail_count":0,"last_iteration":1773450000,"last_node":"alpha","last_sync":1773450004,"last_try":1773450004,"storeid_list":["local-zfs"],"new":7}}}'
VMLIST = '{"version":12,"ids":{"100":{"node":"alpha","type":"qemu","version":3},"150":{"node":"beta","type":"lxc","version":5}}}'

EVERY = {
    "pvesr_status": PVESR_STATUS, "pvesr_list": PVESR_LIST, "pvesm_status": PVESM, "qm_list": QM, "pct_list": PCT, "pveversion": VERSIONS, "zfs_list": ZFS,
    "lvs": LVS, "df": DF, "apt_history": APT, "dpkg_log": DPKG, "replication_state": STATE, "vmlist": VMLIST,
}  # fmt: skip


def rows(text, path="alpha/x.txt", kind=None):
    data = text.encode()
    assert document_score(path, data) >= 0.5
    document = read_document(path, data, None)
    found = [one for one in document.snapshots if kind is None or one.kind == kind]
    assert found, document
    return [row for one in found for row in one.rows]


@pytest.mark.parametrize("kind", EVERY)
def test_each_is_told_by_its_content(kind):
    assert read_document("alpha/output.txt", EVERY[kind].encode(), None).kind == kind


def test_pvesr_status_keeps_errors_of_several_lines_and_says_never_as_a_dash():
    first, failing, off = rows(PVESR_STATUS)
    assert (first["job"], first["target"], first["last_sync"], first["state"]) == ("100-0", "beta", "2026-03-14 02:00:04", "OK")
    assert failing["fail_count"] == "97"
    assert failing["state"].endswith("failed: cannot receive incremental stream: destination has been modified")
    assert (off["enabled"], off["last_sync"]) == ("no", "-")


def test_pvesr_status_squeezed_by_a_paste():
    (row,) = rows(
        "JobID Enabled Target LastSync NextSync Duration FailCount State\n100-0 Yes local/pve-b 2026-10-05_11:37:18 11:45:00 2.96 s 0 OK\n"
    )
    assert (row["target"], row["duration"], row["next_sync"]) == ("pve-b", "2.96 s", "11:45:00")


def test_pvesr_list_has_schedules_with_blanks():
    assert [(row["target"], row["schedule"], row["enabled"]) for row in rows(PVESR_LIST)] == [
        ("beta", "*/15", "yes"),
        ("gamma", "mon..fri 22:00", "no"),
    ]


def test_storage_status_and_volumes():
    assert [(row["storage"], row["status"]) for row in rows(PVESM)] == [("local", "active"), ("nas", "inactive")]
    assert [(row["lv"], row["vg"]) for row in rows(LVS)] == [("data", "pve"), ("vm-100-disk-0", "pve")]
    assert [(row["mount"], row["percent"]) for row in rows(DF)] == [("/", "100"), ("/dev/shm", "1")]


def test_guests_and_a_lock():
    assert [(row["vmid"], row["guest"], row["status"]) for row in rows(QM)] == [("100", "web", "running"), ("101", "db", "stopped")]
    assert [(row["vmid"], row["lock"], row["guest"]) for row in rows(PCT)] == [("150", "", "proxy"), ("151", "backup", "mail")]


def test_versions_and_the_running_kernel():
    document = read_document("alpha/x", VERSIONS.encode(), None)
    assert document.snapshots[0].fields == {"kernel": "6.8.4-2-pve", "manager": "8.2.2"}
    assert ("corosync", "3.1.7-pve3") in [(row["package"], row["version"]) for row in document.snapshots[0].rows]


def test_zfs_lists_in_all_their_forms():
    plain = rows(ZFS)
    assert plain[0]["name"] == "rpool/data/vm-100-disk-0"
    assert (plain[1]["name"].partition("@")[2], plain[1]["refer"]) == ("__replicate_100-0_1773450004__", "8.01G")
    assert rows(ZFS_EXACT * 2)[0]["guid"] == "12345678901234567890"
    assert rows(ZFS_CREATION)[0]["creation"] == "2026-03-14 02:00:00"
    asked = "root@alpha:~# zfs list -Hp -o name,used,written\nrpool/data/vm-100-disk-0\t8715763712\t57344\n"
    assert rows(asked, kind="zfs_list")[0]["written"] == "57344"


def test_package_changes_with_what_was_cut_short():
    found = rows(APT)
    assert [(row["action"], row["package"], row["old"], row["new"]) for row in found][:2] == [
        ("install", "proxmox-kernel-6.8.12-4-pve-signed", "", "6.8.12-4"),
        ("upgrade", "corosync", "3.1.7-pve3", "3.1.9-pve1"),
    ]
    assert found[1]["end"] == "2026-03-13 22:03:40"
    assert found[-1]["end"] == ""  # the machine went down in the middle of it
    document = read_document("alpha/dpkg.log", DPKG.encode(), None)
    assert document.snapshots[0].fields == {"cut": "corosync", "last": "2026-03-13 22:01:06"}


def test_a_list_of_packages_longer_than_a_line_that_pages_keep():
    many = ", ".join(f"libfoo{n}:amd64 (1.{n}, 2.{n})" for n in range(500))
    found = rows(f"Start-Date: 2026-03-13  22:01:02\nUpgrade: {many}\nEnd-Date: 2026-03-13  22:03:40\n")
    assert len(found) == 500


def test_replication_state_keeps_unknown_keys():
    (row,) = rows(STATE)
    assert (row["vmid"], row["target"], row["last_sync"], row["new"]) == ("100", "beta", "1773450004", "7")
    cut = read_document("alpha/var/lib/pve-manager/pve-replication-state.json", STATE[:90].encode(), None)
    assert cut.problems


@pytest.mark.parametrize("kind", EVERY)
@given(data=st.data())
@settings(max_examples=40)
def test_truncated_or_flipped_it_is_read_or_left_but_never_raises(kind, data):
    text = bytearray(EVERY[kind].encode())
    for _ in range(data.draw(st.integers(0, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(text[: data.draw(st.integers(0, len(text)))])
    document_score("alpha/x.txt", cut)
    read_document("alpha/x.txt", cut, None)
