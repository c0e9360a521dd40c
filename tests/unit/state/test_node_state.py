"""Certificates, failed units and unfinished changes of packages: what their readers find, and what is told of them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nodelog import NODE, boot, dump, log, told

from pveforensics.state.documents import document_score, read_document
from pveforensics.state.estate import Estate, certified, failed_units, upgrades

KNOWN = Estate(nodes=(NODE,))
OPENSSL = """\
=== PVE SSL Certificate ===
notBefore=Mar  1 10:00:00 2024 GMT
notAfter=Mar  1 10:00:00 2026 GMT
subject=OU = PVE Cluster Node, CN = alpha.example.com
issuer=CN = Proxmox Virtual Environment
"""
FAILED = """\
  UNIT              LOAD   ACTIVE SUB    DESCRIPTION
● pvestatd.service  loaded failed failed PVE Status Daemon
● mnt-nas.mount     loaded failed failed /mnt/nas

2 loaded units listed.
"""
STATUS = """\
× pvescheduler.service - Proxmox VE scheduler
     Loaded: loaded (/lib/systemd/system/pvescheduler.service; enabled; preset: enabled)
     Active: failed (Result: timeout) since Sat 2026-03-14 02:13:07 UTC; 7h ago

● pveproxy.service - PVE API Proxy Server
     Active: active (running) since Sat 2026-03-14 00:00:07 UTC; 9h ago
"""
TERM = """\
Log started: 2026-03-12  22:01:02
Setting up corosync (3.1.9-pve1) ...
Log ended: 2026-03-12  22:03:40

Log started: 2026-03-13  22:01:02
dpkg: error processing package pve-manager (--configure):
 installed pve-manager package post-installation script subprocess returned error exit status 1
dpkg: error processing package proxmox-ve (--configure):
 dependency problems - leaving unconfigured
Log ended: 2026-03-13  22:03:40
"""


def der(tag, *parts):
    """One element of DER with its parts as content."""
    content = b"".join(parts)
    size = len(content)
    length = bytes((size,)) if size < 128 else bytes((0x82, size >> 8, size & 255))
    return bytes((tag,)) + length + content


def pem(not_after=b"260301100000Z", name=b"alpha.example.com", tag=0x17):
    """A certificate without a key or signature: what the reader looks at stands in its first parts (RFC 5280, 4.1)."""
    common = der(0x30, der(0x31, der(0x30, b"\x06\x03\x55\x04\x03", der(0x0C, name))))
    validity = der(0x30, der(0x17, b"240301100000Z"), der(tag, not_after))
    body = der(0x30, der(0xA0, der(2, b"\2")), der(2, b"\7"), der(0x30, b"\5\0"), common, validity, common, der(0x30, b"\0" * 200))
    text = base64.encodebytes(der(0x30, body, der(0x30, b"\5\0"))).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


def read(path, text):
    return read_document(path, text.encode(), None)


def rows(path, text):
    return [row for each in read(path, text).snapshots for row in each.rows]


@pytest.mark.parametrize(("tag", "date"), [(0x17, b"260301100000Z"), (0x18, b"20260301100000Z")])
def test_certificate_of_a_node(tag, date):
    (row,) = rows("alpha/etc/pve/nodes/alpha/pve-ssl.pem", pem(date, tag=tag))
    assert (row["subject"], row["not_before"], row["not_after"]) == ("alpha.example.com", "1709287200", "1772359200")


def test_dates_as_openssl_prints_them():
    (row,) = rows("alpha/security/ssl_info.txt", OPENSSL)
    assert (row["not_after"], row["issuer"]) == ("1772359200", "CN = Proxmox Virtual Environment")


def test_certificate_that_is_cut_leaves_a_problem():
    found = read("alpha/etc/pve/nodes/alpha/pve-ssl.pem", pem()[:200])
    assert found.problems
    assert found.snapshots == ()


def certificate(not_after, path="alpha/etc/pve/nodes/alpha/pve-ssl.pem"):
    return dump("certificate", rows=[{"line": "1", "text": "x", "not_after": str(not_after), "subject": "alpha"}], path=path)


def test_certificate_is_judged_at_the_last_moment_of_the_log():
    end, day = log().last_sign(NODE).us // 1_000_000, 86_400
    for not_after, want in ((end - day, "expired"), (end + day, "unrenewed"), (end + 15 * day, "")):
        found = certified.track(log(snapshots=[certificate(not_after)]), KNOWN, ())
        assert [each.state for each in found] == ([want] if want else [])
    removed = certificate(end - day, "alpha/etc/pve/nodes/zeta/pve-ssl.pem")
    authority = certificate(end - day, "alpha/etc/pve/pve-root-ca.pem")
    other = dump(
        "certificate",
        rows=[{"line": "1", "text": "x", "not_after": str(end - day), "subject": "CN = shop.example.com"}],
        path="alpha/shop.txt",
    )
    assert certified.track(log(snapshots=[removed, authority, other]), KNOWN, ()) == ()


def test_units_that_failed_with_their_result_and_moment():
    assert [(row["unit"], row["active"]) for row in rows("alpha/failed.txt", FAILED)] == [
        ("pvestatd.service", "failed"),
        ("mnt-nas.mount", "failed"),
    ]
    first, second = rows("alpha/status.txt", STATUS)
    assert (first["unit"], first["result"], first["since"]) == ("pvescheduler.service", "timeout", "2026-03-14 02:13:07 UTC")
    assert (second["active"], second["result"]) == ("active", "")


def test_failed_unit_is_told_once_and_only_if_no_log_tells_it():
    listed = [{**row} for text in (FAILED, STATUS) for row in rows("alpha/x.txt", text)]
    view = log(snapshots=[dump("unit_status", rows=listed)])
    found = failed_units.track(view, KNOWN, ())
    assert {(each.fields["unit"], each.fields["ended"]) for each in found} == {("pvestatd", "failed"), ("pvescheduler", "hang")}
    assert [each.fields["unit"] for each in failed_units.track(view, KNOWN, found[:1])] == [found[1].fields["unit"]]


def test_last_run_of_apt_that_dpkg_could_not_finish():
    first, second = rows("alpha/var/log/apt/term.log", TERM)
    assert (first["packages"], first["end"]) == ("", "2026-03-12 22:03:40")
    assert second["packages"] == "pve-manager proxmox-ve"
    assert second["error"].startswith("installed pve-manager package post-installation")
    view = log(snapshots=[dump("apt_term", rows=[first, second])])
    [(_, _, fields)] = told(upgrades.track(view, KNOWN, ()), f"packages:failed@{NODE}", "broken")
    assert fields["packages"] == "pve-manager, proxmox-ve"
    mended = {**first, "start": "2026-03-13 23:00:00"}
    assert upgrades.track(log(snapshots=[dump("apt_term", rows=[first, second, mended])]), KNOWN, ()) == ()


def run(start, end=""):
    return {
        "start": start,
        "end": end,
        "action": "upgrade",
        "package": "corosync",
        "old": "1",
        "new": "2",
        "command": "apt-get dist-upgrade",
    }


def test_run_without_an_end_counts_once_something_shows_that_it_ended():
    open_run = [run("2026-03-13 22:01:02")]
    assert upgrades.track(log(snapshots=[dump("apt_history", rows=open_run)]), KNOWN, ()) == ()
    later = [*open_run, run("2026-03-13 23:01:02", "2026-03-13 23:02:00")]
    [(_, _, fields)] = told(upgrades.track(log(snapshots=[dump("apt_history", rows=later)]), KNOWN, ()), f"packages:cut@{NODE}", "broken")
    assert (fields["packages"], fields["command"]) == ("corosync", "apt-get dist-upgrade")


def test_packages_left_half_set_up_by_a_node_that_went_down():
    fields = {"cut": "pve-manager", "last": "2026-05-28 20:36:40"}  # ten minutes after the log's beginning
    lives = [boot(NODE, 0, 700, "unclean", 900), boot(NODE, 900, None, "open")]
    [(start, _, found)] = told(
        upgrades.track(log(snapshots=[dump("dpkg_log", fields)], boots=lives), KNOWN, ()), f"packages:half@{NODE}", "broken"
    )
    assert (start, found["packages"]) == (600, "pve-manager")
    assert upgrades.track(log(snapshots=[dump("dpkg_log", fields)]), KNOWN, ()) == ()


def test_needed_package_that_is_not_installed():
    lines = [
        {"package": "pve-cluster", "version": "not correctly installed"},
        {"package": "ceph-fuse", "version": "not correctly installed"},
    ]
    [(_, _, fields)] = told(
        upgrades.track(log(snapshots=[dump("pveversion", rows=lines)]), KNOWN, ()), f"packages:missing@{NODE}", "broken"
    )
    assert fields["packages"] == "pve-cluster"


@settings(max_examples=150)
@given(st.sampled_from([pem(), OPENSSL, FAILED, STATUS, TERM]), st.data())
def test_damage_never_raises(text, data):
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(0, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    document_score("alpha/x.pem", cut)
    read_document("alpha/x.pem", cut, None)
