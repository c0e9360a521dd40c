"""Bundles as collectors make them, from the archive to the findings: getpvelogs.sh of Thomas-Krenn, and system reports of PVE 5 to 9."""

from __future__ import annotations

import html
import io
import re
import sqlite3
import sys
import tarfile
from pathlib import Path

import pytest

from pveforensics.pipeline import analyze, load_pack
from pveforensics.report import render, to_document

FIXTURES = str(Path(__file__).parents[1] / "fixtures")
sys.path.insert(0, FIXTURES)
try:
    from collected import getpvelogs, pvereport
finally:
    sys.path.remove(FIXTURES)

TOLD_BY_EVERY_REPORT = {
    "pveversion --verbose": "pveversion", "etc/hosts": "hosts", "etc/pve/storage.cfg": "section config", "pvesm status": "pvesm_status",
    "qm list": "qm_list", "etc/pve/qemu-server/100.conf": "guest_config", "pct list": "pct_list", "etc/pve/lxc/150.conf": "guest_config",
    "etc/network/interfaces": "interfaces", "pvecm nodes": "quorum_status", "pvecm status": "quorum_status", "etc/pve/corosync.conf": "corosync.conf",
    "zpool status": "zpool_status", "zfs list": "zfs_list", "etc/pve/local/host.fw": "pvereport section",
}  # fmt: skip


@pytest.fixture(scope="module")
def pack():
    return load_pack()


def packed(folder, files, name="bundle.tar.gz"):
    """The files as an archive."""
    path = folder / name
    with tarfile.open(path, "w:gz") as archive:
        for member, text in files.items():
            info, data = tarfile.TarInfo(member), text.encode() if isinstance(text, str) else text
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return str(path)


def test_output_of_getpvelogs_is_read_without_a_flag(tmp_path, pack):
    archive = "alpha.example.com_SN4711_20260314-023100.supportlogs.tar.gz"
    case = analyze([packed(tmp_path, getpvelogs(), archive)], pack)
    kinds = {source.path.partition("/")[2]: source.kind for source in case.sources}
    assert case.complete
    assert {source.node for source in case.sources} == {"alpha"}
    assert set(kinds) == {path.partition("/")[2] for path in getpvelogs()}
    assert (kinds["zfs.txt"], kinds["proxmox/pve_services.txt"], kinds["security/ssl_info.txt"]) == (
        "zfs_list",
        "unit_status",
        "certificate",
    )
    told = {finding.rule for finding in case.findings}
    assert {"daemon-crashed", "certificate-expired"} <= told
    assert sum(finding.rule == "daemon-crashed" for finding in case.findings) == 1  # the list of failed units tells it no second time
    assert next(node.timezone for node in case.nodes if node.name == "alpha") == "Etc/UTC"


def test_what_was_changed_shortly_before_stands_in_the_report_with_how_long_before(tmp_path, pack):
    case = analyze([packed(tmp_path, getpvelogs())], pack)
    changes = {change.what: change.at.iso() for change in case.history.changes}
    assert changes["corosync 3.1.7-pve2 -> 3.1.7-pve3"] == "2026-03-14T01:33:00.000Z"
    told = to_document(case)
    assert "corosync 3.1.7-pve2 -> 3.1.7-pve3" in [change["what"] for change in told["changes"]]
    page = html.unescape(re.sub(r"<[^>]+>", "", render(told)))
    assert re.search(r"corosync 3\.1\.7-pve2 -> 3\.1\.7-pve3 on alpha, 40 min\b[^.]* before it", page)


@pytest.mark.parametrize("release", ["5", "6", "7", "8", "9"])
def test_each_section_of_a_report_is_a_source_of_its_own(release, tmp_path, pack):
    case = analyze([packed(tmp_path, {"alpha-pve-report.txt": pvereport(release)})], pack)
    kinds = {source.path.partition("report.txt/")[2]: source.kind for source in case.sources}
    assert TOLD_BY_EVERY_REPORT.items() <= kinds.items()
    assert ("etc/pve/replication.cfg" in kinds) is (release == "9")
    assert case.complete
    assert {source.node for source in case.sources} == {"alpha"}
    assert case.history.cluster.config_version == 3


def test_a_report_that_states_its_date_dates_what_it_shows(tmp_path, pack):
    case = analyze([packed(tmp_path, {"alpha-pve-report.txt": pvereport("8")})], pack)
    known = {each.subject: each.fields for each in case.history.intervals if each.state == "installed"}
    assert known["package:corosync@alpha"]["version"] == "3.1.7-pve3"
    shown = next(each for each in case.history.intervals if each.subject == "package:corosync@alpha")
    assert shown.evidence[0].at.iso() == "2026-03-14T02:31:00.000Z"


def database(folder):
    """config.db as a node leaves it that was reset: its newest transaction stands in the write-ahead log alone."""
    path = folder / "config.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(
        "CREATE TABLE tree (inode INTEGER PRIMARY KEY NOT NULL, parent INTEGER NOT NULL, version INTEGER NOT NULL, writer INTEGER NOT NULL, "
        "mtime INTEGER NOT NULL, type INTEGER NOT NULL, name TEXT NOT NULL, data BLOB)"
    )
    insert = "INSERT INTO tree VALUES (?,?,?,?,?,?,?,?)"
    connection.execute(insert, (0, 0, 9, 1, 1_773_450_000, 8, "__version__", None))
    connection.execute(insert, (2, 0, 2, 1, 1_773_450_000, 4, "ha", None))
    connection.execute(insert, (3, 0, 3, 1, 1_773_440_000, 8, "storage.cfg", b"dir: local\n\tpath /var/lib/vz\n"))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute(insert, (4, 2, 9, 1, 1_773_450_000, 8, "resources.cfg", b"vm: 100\n\tstate started\n\tbrand-new 1\n"))
    data, wal = path.read_bytes(), path.with_name("config.db-wal").read_bytes()
    connection.close()
    return {"alpha/var/lib/pve-cluster/config.db": data, "alpha/var/lib/pve-cluster/config.db-wal": wal}


def test_config_db_with_its_newest_transaction_is_read_from_the_archive(tmp_path, pack):
    files = database(tmp_path)
    files["alpha/var/log/syslog"] = "Mar 14 02:00:00 alpha CRON[2101]: (root) CMD (true)\n"
    case = analyze([packed(tmp_path, files)], pack)
    inside = {source.path.rpartition("config.db")[2]: source.kind for source in case.sources}
    assert (inside["/storage.cfg"], inside["/ha/resources.cfg"]) == ("section config", "section config")
    changed = {change.what: change.at.iso() for change in case.history.changes}
    assert changed["/etc/pve/ha/resources.cfg last changed"] == "2026-03-14T01:00:00.000Z"
    assert any("`brand-new`" in note for note in case.notes)
    assert case.complete


def test_config_db_that_lost_a_page_is_read_in_part_and_says_so(tmp_path, pack):
    files = database(tmp_path)
    name = "alpha/var/lib/pve-cluster/config.db"
    case = analyze([packed(tmp_path, {name: files[name][:4096] + b"\xa5" * 4096 + files[name][8192:]})], pack)
    assert not case.complete
    assert any("config.db is damaged" in each.reason for each in case.not_read)
