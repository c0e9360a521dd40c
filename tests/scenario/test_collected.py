"""Bundles as collectors make them, from the archive to the findings: getpvelogs.sh of Thomas-Krenn, and system reports of PVE 5 to 9."""

from __future__ import annotations

import html
import io
import re
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
            info, data = tarfile.TarInfo(member), text.encode()
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
