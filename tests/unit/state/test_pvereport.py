"""A pvereport is many sources in one file."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.state.containers import container_kind, open_report

REPORT = """\
root@alpha:~# pvereport
Process hostname...OK

==== general system info ====

# hostname
alpha

# date -R
Sat, 14 Mar 2026 09:05:11 +0100

# pveversion --verbose
proxmox-ve: 8.2.0 (running kernel: 6.8.4-2-pve)
pve-manager: 8.2.2 (running version: 8.2.2/9355359cd7afbae4)
corosync: 3.1.7-pve3

==== info about storage ====

# cat /etc/pve/storage.cfg
dir: local
\tpath /var/lib/vz

# pvesm status
Name             Type     Status           Total            Used       Available        %
local             dir     active        98497780        12345678        81132476   12.53%

==== info about virtual guests ====

# qm list
      VMID NAME                 STATUS     MEM(MB)    BOOTDISK(GB) PID
       100 web                  running    4096              32.00 1234
# output '/etc/pve/qemu-server/[0-9]+.conf' file(s)

# cat /etc/pve/qemu-server/100.conf
#the owner's note
# with a line that looks like a command
cores: 2
memory: 4096
name: web
scsi0: local-zfs:vm-100-disk-0

==== info about cluster ====

# pvecm status
ERROR: command 'pvecm status' failed: got timeout

# ha-manager status
quorum OK
"""


def kinds(text):
    return {each.path.partition("/")[2]: each for each in open_report("report.txt", text.encode(), None)}


def test_each_section_becomes_a_source_of_the_node_that_the_report_names():
    found = kinds(REPORT)
    assert found[""].kind == "pvereport"
    assert found["etc/pve/storage.cfg"].kind == "section config"
    assert found["etc/pve/storage.cfg"].node_hint == "alpha"
    assert found["pveversion --verbose"].kind == "pveversion"
    guest = found["etc/pve/qemu-server/100.conf"].snapshots[0]
    assert guest.fields["name"] == "web"
    assert [row["key"] for row in guest.rows] == ["cores", "memory", "name", "scsi0"]
    assert found["pvesm status"].snapshots[0].rows[0]["storage"] == "local"


def test_several_reports_in_one_file_windows_line_ends_and_colours():
    text = (REPORT + REPORT.replace("alpha", "beta")).replace("\n", "\r\n").replace("local  ", "\x1b[31mlocal\x1b[0m  ")
    found = kinds(text)
    assert found["alpha/qm list"].node_hint == "alpha"
    assert found["beta/etc/pve/storage.cfg"].node_hint == "beta"


def test_it_is_told_by_its_headings():
    assert container_kind(REPORT.encode()) == "pvereport"
    assert container_kind(b"==== notes ====\nnothing\n") == ""


@given(data=st.data())
@settings(max_examples=40)
def test_damage_never_raises(data):
    text = bytearray(REPORT.encode())
    for _ in range(data.draw(st.integers(0, 5))):
        text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    open_report("report.txt", bytes(text[: data.draw(st.integers(0, len(text)))]), None)
