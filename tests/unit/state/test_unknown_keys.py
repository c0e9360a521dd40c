"""A key that nobody here knows is kept where it stands and told in a note."""

from __future__ import annotations

from nodelog import dump, log

from pveforensics.state.documents import read_document
from pveforensics.state.estate.unknown_keys import KNOWN, notes

STORAGE = "dir: local\n\tpath /var/lib/vz\n\tcontent iso\n\tbrand-new yes\n\nmystore: far\n\tlens 7\n"
GUEST = "cores: 2\nname: web\nhostpci0: 01:00\nfancy9: 1\n\n[PENDING]\ndelete: cores\n\n[before]\ncores: 1\nsnaptime: 1773440000\n"
CONTAINER = "arch: amd64\nhostname: proxy\nrootfs: local:8\nlxc.cgroup2.devices.allow: a\ndev0: /dev/kvm\nscsi0: local:1\n"


def snapshots(*files):
    """The dumps of files as the readers leave them."""
    return [
        dump(each.kind, each.fields, each.rows, path=path)
        for path, text in files
        for each in read_document(path, text.encode(), None).snapshots
    ]


def test_keys_of_sections_and_guests_are_named_with_their_place():
    found = notes(log(snapshots=snapshots(("alpha/etc/pve/storage.cfg", STORAGE), ("alpha/etc/pve/qemu-server/100.conf", GUEST))))
    assert len(found) == 2
    assert "`fancy9` (alpha/etc/pve/qemu-server/100.conf:4)" in found[0]
    assert "`brand-new`" in found[1]
    assert "`lens` (alpha/etc/pve/storage.cfg:6)" in found[1]


def test_raw_keys_and_devices_of_a_container_are_known_and_disks_of_a_machine_are_not_its_own():
    (note,) = notes(log(snapshots=snapshots(("alpha/etc/pve/lxc/150.conf", CONTAINER))))
    assert note.endswith("`scsi0` (alpha/etc/pve/lxc/150.conf:6)")


def test_what_is_known_is_not_told():
    files = [(f"alpha/etc/pve/{name}", f"{head}\n" + "".join(f"\t{key} x\n" for key in sorted(KNOWN[kind]))) for kind, name, head in (
        ("ha_resources", "ha/resources.cfg", "vm: 100"), ("replication_cfg", "replication.cfg", "local: 100-0"), ("jobs_cfg", "jobs.cfg", "vzdump: b"),
    )]  # fmt: skip
    assert notes(log(snapshots=snapshots(*files))) == ()


def test_many_unknown_keys_make_one_sentence():
    text = "dir: local\n" + "".join(f"\tkey{n} x\n" for n in range(30))
    (note,) = notes(log(snapshots=snapshots(("alpha/etc/pve/storage.cfg", text))))
    assert note.endswith("and 22 more")
