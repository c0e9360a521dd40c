"""Guest configurations, mappings, interfaces, and section files as rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.state.documents import document_score, read_document

QEMU = """\
#a note: of the owner
boot: order=scsi0
cipassword: geheim
cores: 2
lock: backup
memory: 4096
name: web
net0: virtio=BC:24:11:00:00:01,bridge=vmbr0
parent: before
scsi0: local-zfs:vm-100-disk-0,size=32G
strange-new-key: 7

[PENDING]
memory: 8192

[before]
memory: 2048
snaptime: 1773450000
vmstate: local-zfs:vm-100-state-before
"""
LXC = """\
arch: amd64
hostname: proxy
mp0: /srv,mp=/srv
net0: name=eth0,bridge=vmbr0
ostype: debian
rootfs: local-zfs:subvol-150-disk-0,size=8G
lxc.cgroup2.devices.allow: c 226:0 rwm
"""
STORAGE = """\
dir: local
\tpath /var/lib/vz
\tcontent iso,vztmpl

zfspool: local-zfs
\tpool rpool/data
\tsparse
\tnodes alpha,beta
\tfrobnicate yes
"""
MAPPING = """\
gpu
\tdescription graphics
\tmap id=10de:1b80,node=alpha,path=0000:01:00.0
\tmap id=10de:1b80,node=beta,path=0000:02:00.0
"""
INTERFACES = """\
auto lo
iface lo inet loopback

iface eno1 inet manual

auto vmbr0
iface vmbr0 inet static
\taddress 192.0.2.11/24
\tgateway 192.0.2.1
\tbridge-ports eno1
\tbridge_stp off

source /etc/network/interfaces.d/*
"""


def one(text, path):
    data = text.encode()
    assert document_score(path, data) >= 0.5
    (snapshot,) = read_document(path, data, None).snapshots
    return snapshot


def test_a_vm_with_snapshot_pending_part_and_an_unknown_key():
    snapshot = one(QEMU, "bundle/etc/pve/nodes/beta/qemu-server/100.conf")
    assert snapshot.fields == {"vmid": "100", "type": "vm", "node": "beta", "name": "web", "lock": "backup"}
    assert snapshot.node == "beta"
    values = {(row["section"], row["key"]): row["value"] for row in snapshot.rows}
    assert values["", "strange-new-key"] == "7"
    assert values["PENDING", "memory"] == "8192"
    assert values["before", "vmstate"] == "local-zfs:vm-100-state-before"
    assert "geheim" not in repr(snapshot)


def test_a_container_where_the_folder_of_this_node_stands_for_the_node():
    snapshot = one(LXC, "alpha/etc/pve/lxc/150.conf")
    assert (snapshot.fields["type"], snapshot.fields["name"], snapshot.node) == ("ct", "proxy", "")
    assert any(row["key"] == "lxc.cgroup2.devices.allow" for row in snapshot.rows)


def test_the_folder_of_a_collector():
    assert one(QEMU, "alpha/proxmox/vm-configs/100.conf").fields["vmid"] == "100"


def test_section_files_become_rows_with_unknown_keys():
    snapshot = one(STORAGE, "alpha/etc/pve/storage.cfg")
    assert snapshot.kind == "storage_cfg"
    assert [(row["_type"], row["_id"], row["_line"]) for row in snapshot.rows] == [("dir", "local", "1"), ("zfspool", "local-zfs", "5")]
    assert snapshot.rows[1]["sparse"] == "1"
    assert snapshot.rows[1]["frobnicate"] == "yes"


def test_a_mapping_names_a_device_for_each_node():
    snapshot = one(MAPPING, "alpha/etc/pve/mapping/pci.cfg")
    assert [(row["_id"], row.get("node", ""), row.get("path", "")) for row in snapshot.rows] == [
        ("gpu", "", ""),
        ("gpu", "alpha", "0000:01:00.0"),
        ("gpu", "beta", "0000:02:00.0"),
    ]


def test_interfaces_with_their_networks():
    snapshot = one(INTERFACES, "alpha/etc/network/interfaces")
    rows = {row["iface"]: row for row in snapshot.rows}
    assert rows["vmbr0"]["networks"] == "192.0.2.0/24"
    assert rows["vmbr0"]["bridge-stp"] == "off"
    assert snapshot.fields["sources"] == "/etc/network/interfaces.d/*"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (QEMU, "a/etc/pve/nodes/beta/qemu-server/100.conf"),
        (LXC, "a/etc/pve/lxc/150.conf"),
        (STORAGE, "a/etc/pve/storage.cfg"),
        (MAPPING, "a/etc/pve/mapping/pci.cfg"),
        (INTERFACES, "a/etc/network/interfaces"),
    ],
)
@given(data=st.data())
@settings(max_examples=40)
def test_truncated_or_flipped_it_never_raises(text, path, data):
    damaged = bytearray(text.encode())
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    document_score(path, cut)
    read_document(path, cut, None)
