"""Every form in which tools print the same thing: columns, headings or none, versions of the tool."""

from __future__ import annotations

import pytest

from pveforensics.state.documents import read_document

SNAP = "rpool/data/vm-100-disk-0@__replicate_100-0_1773450004__"
GUID = "12345678901234567890"


def document(text, path="alpha/x.txt"):
    return read_document(path, text.encode(), None)


def rows(text, path="alpha/x.txt"):
    found = document(text, path)
    return [row for one in found.snapshots for row in one.rows] if found is not None else []


def without_place(row):
    return {key: value for key, value in row.items() if key not in ("line", "text")}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (
            f"NAME                     USED  AVAIL  REFER  MOUNTPOINT\n{SNAP}  116M      -  8.01G  -\n",
            {"name": SNAP, "used": "116M", "avail": "-", "refer": "8.01G", "mountpoint": "-"},
        ),
        (
            "NAME        AVAIL   USED  USEDSNAP  USEDDS  USEDREFRESERV  USEDCHILD\nrpool/data   120G  40.1G        0B    104K             0B      40.1G\n",
            {
                "name": "rpool/data",
                "avail": "120G",
                "used": "40.1G",
                "usedsnap": "0B",
                "usedds": "104K",
                "usedrefreserv": "0B",
                "usedchild": "40.1G",
            },
        ),
        (f"{SNAP}\t{GUID}\t1773450005\n", {"name": SNAP, "guid": GUID, "creation": "1773450005"}),
        (f"{SNAP}\t{GUID}\n", {"name": SNAP, "guid": GUID}),
        (f"{SNAP}\t1773450005\n", {"name": SNAP, "creation": "1773450005"}),
        (f"NAME  GUID  CREATION\n{SNAP}  {GUID}  Sat Mar 14  1:00 2026\n", {"name": SNAP, "guid": GUID, "creation": "2026-03-14 01:00:00"}),
        (
            "# zfs list -Hp -o name,used,written\nrpool/data/vm-100-disk-0\t8123456789\t0\n",
            {"name": "rpool/data/vm-100-disk-0", "used": "8123456789", "written": "0"},
        ),
        (
            "rpool\t40.1G\t120G\t104K\t/rpool\n",
            {"name": "rpool", "used": "40.1G", "avail": "120G", "refer": "104K", "mountpoint": "/rpool"},
        ),
        (
            "NAME        USED  COM.SUN:AUTO-SNAPSHOT  SYNC\nrpool/data    1G  -                      standard\n",
            {"name": "rpool/data", "used": "1G", "com.sun:auto-snapshot": "-", "sync": "standard"},
        ),
        (
            f"NAME  PROPERTY  VALUE  SOURCE\n{SNAP}  creation  Sat Mar 14  1:00 2026  -\n{SNAP}  guid  {GUID}  -\n{SNAP}  compressratio  1.20x  -\n",
            {"name": SNAP, "creation": "2026-03-14 01:00:00", "guid": GUID},
        ),
    ],
)
def test_zfs_in_all_column_forms(text, want):
    (row,) = rows(text)
    assert without_place(row) == want


def test_columns_of_a_list_without_heading_stand_in_its_file_name():
    (row,) = rows("rpool/data/vm-100-disk-0\t8123456789\t12\n", "alpha/zfs list -Hp -o name,used,written.txt")
    assert without_place(row) == {"name": "rpool/data/vm-100-disk-0", "used": "8123456789", "written": "12"}


def test_three_numbers_without_a_word_of_what_they_are_stay_unread():
    assert document("rpool/data/vm-100-disk-0\t8123456789\t12\nrpool/data/vm-101-disk-0\t1\t2\n") is None


def test_no_datasets_is_an_empty_list():
    found = document("no datasets available\n")
    assert (found.kind, found.snapshots[0].rows) == ("zfs_list", ())


def test_storage_status_names_its_unit_since_pve_9_and_has_types_of_plugins():
    text = (
        "Name             Type     Status     Total (KiB)      Used (KiB) Available (KiB)        %\n"
        "local             dir     active        98497780        12345678        81132476   12.53%\n"
        "lin              drbd   inactive               0               0               0    0.00%\n"
    )
    assert [(row["storage"], row["type"], row["status"]) for row in rows(text)] == [("local", "dir", "active"), ("lin", "drbd", "inactive")]


def test_a_guest_without_a_name_is_listed():
    text = "      VMID NAME                 STATUS     MEM(MB)    BOOTDISK(GB) PID\n       102                      stopped    2048               8.00 0\n"
    (row,) = rows(text)
    assert (row["vmid"], row["guest"], row["status"], row["rest"]) == ("102", "", "stopped", "2048               8.00 0")


def test_last_of_wtmpdb_shows_the_boot_that_runs():
    text = (
        "reboot   system boot  6.14.8-2-pve     Sat Mar 14 02:00 - still running\n"
        "reboot   system boot  6.14.8-2-pve     Fri Mar 13 20:00 - crash\n\n"
        "/var/lib/wtmpdb/wtmp.db begins Fri Mar 13 20:00:00 2026\n"
    )
    assert [(row["start"], row["end_word"]) for row in rows(text)] == [("2026-03-14 02:00:00", "still"), ("2026-03-13 20:00:00", "crash")]


def test_dot_version_as_pmxcfs_writes_it():
    text = '{\n"starttime": 1773450000,\n"clinfo": 3,\n"vmlist": 12,\n"corosync.conf": 1,\n"a-new-file.cfg": 4,\n"kvstore": {\n"alpha": { "tasks": 7}}\n}\n'
    found = document(text, "alpha/etc/pve/.version")
    assert found.snapshots[0].kind == "pmxcfs_version"
    assert found.snapshots[0].fields["a-new-file.cfg"] == "4"


@pytest.mark.parametrize("name", ["ha/resources.cfg", "ha/groups.cfg", "ha/rules.cfg", "replication.cfg", "jobs.cfg"])
def test_a_file_whose_last_section_is_gone_says_that_there_is_none(name):
    for content in ("", "\n", "# nothing\n"):
        found = document(content, f"alpha/etc/pve/{name}")
        assert (found.kind, found.snapshots[0].rows) == ("section config", ())
    assert document("", "alpha/etc/pve/storage.cfg") is None


def test_metrics_of_nodes_with_their_uptime_in_the_forms_of_pve_4_to_9():
    text = (
        "pve2-node/alpha:86400:sublevel:1773450000:0.1:8:0.02:0.0:33000000000:8000000000\n"
        "pve-node-9.0/beta:60::1773449000:0.1:8:0.02\n"
        "pve2.3-vm/100:86400:web:running:0:1773450000:4:0.1\n"
        "pve2-storage/alpha/local:1773450000:100000000000:20000000000\n"
    )
    assert [(row["name"], row["time"], row["booted"]) for row in rows(text, "alpha/etc/pve/.rrd")] == [
        ("alpha", "1773450000", "1773363600"),
        ("beta", "1773449000", "1773448940"),
    ]
