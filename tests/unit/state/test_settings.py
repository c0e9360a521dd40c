"""Configuration files: what a node was told to do, read whole and kept whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.readings import Document
from pveforensics.state.documents import document_score, read_document

COROSYNC = """\
logging {
  debug: off
  to_syslog: yes
}

nodelist {
  node {
    name: alpha
    nodeid: 1
    quorum_votes: 1
    ring0_addr: 192.0.2.11
    ring1_addr: 198.51.100.11
  }
  node {
    name: beta
    nodeid: 2
    quorum_votes: 2
    ring0_addr: 192.0.2.12
    ring1_addr: 198.51.100.12
  }
}

quorum {
  provider: corosync_votequorum
}

totem {
  cluster_name: demo
  config_version: 7
  token: 5000
  token_coefficient: 125
  interface {
    linknumber: 0
  }
  interface {
    linknumber: 1
    knet_link_priority: 10
  }
  version: 2
}
"""


def read(text: str | bytes, path: str) -> Document:
    data = text.encode() if isinstance(text, str) else text
    assert document_score(path, data) >= 0.5
    document = read_document(path, data, 1.0)
    assert document is not None
    return document


def values(document: Document) -> dict[str, str]:
    return {setting.key: setting.value for setting in document.settings}


def test_corosync_conf_tells_members_votes_and_timeouts() -> None:
    document = read(COROSYNC, "alpha/etc/corosync/corosync.conf")
    (cluster,) = document.clusters
    assert (cluster.name, cluster.config_version, cluster.token_ms, cluster.token_coefficient_ms, cluster.links) == (
        "demo",
        7,
        5000,
        125,
        2,
    )
    assert [(member.name, member.nodeid, member.votes) for member in cluster.members] == [("alpha", 1, 1), ("beta", 2, 2)]
    assert cluster.expected_votes == 3
    assert not cluster.two_node
    assert document.aliases["198.51.100.12"] == "beta"


def test_every_key_of_corosync_conf_is_kept_with_its_line() -> None:
    document = read(COROSYNC, "corosync.conf")
    told = values(document)
    assert told["nodelist.beta.ring1_addr"] == "198.51.100.12"
    assert told["totem.interface.1.knet_link_priority"] == "10"
    assert told["logging.to_syslog"] == "yes"
    token = next(setting for setting in document.settings if setting.key == "totem.token")
    assert (token.line, token.text) == (30, "token: 5000")


@pytest.mark.parametrize(
    ("quorum", "expected", "two_node", "wait", "votes"),
    [
        ("two_node: 1", 3, True, True, 0),
        ("two_node: 1\n  wait_for_all: 0", 3, True, False, 0),
        ("expected_votes: 9", 9, False, False, 0),
        ("device {\n model: net\n votes: 3\n }", 6, False, False, 3),
        ("device {\n model: net\n net {\n algorithm: ffsplit\n }\n }", 4, False, False, 1),
        ("device {\n model: net\n net {\n algorithm: lms\n }\n }", 5, False, False, 2),
    ],
)
def test_votes_as_corosync_counts_them(quorum: str, expected: int, two_node: bool, wait: bool, votes: int) -> None:
    text = COROSYNC.replace("provider: corosync_votequorum", f"provider: corosync_votequorum\n  {quorum}")
    (cluster,) = read(text, "corosync.conf").clusters
    assert (cluster.expected_votes, cluster.two_node, cluster.wait_for_all, cluster.qdevice_votes) == (expected, two_node, wait, votes)
    assert cluster.qdevice is bool(votes)


def test_a_cut_corosync_conf_says_that_it_is_cut() -> None:
    document = read(COROSYNC[: COROSYNC.index("ring1_addr: 198.51.100.12")], "corosync.conf")
    assert "ends inside section 'node'" in document.problems[0]
    assert document.clusters[0].members[1].addresses == ("192.0.2.12",)


def test_corosync_2_with_interfaces_and_without_a_node_list() -> None:
    old = "totem {\n version: 2\n cluster_name: demo\n interface {\n  ringnumber: 0\n  bindnetaddr: 192.0.2.0\n }\n}\nquorum {\n two_node: 1\n expected_votes: 2\n}\n"
    (cluster,) = read(old, "x.conf").clusters
    assert (cluster.members, cluster.links, cluster.expected_votes, cluster.two_node) == ((), 1, 2, True)


def test_who_and_where_a_machine_is() -> None:
    assert read("alpha\n", "alpha/etc/hostname").hostname == "alpha"
    assert read("Europe/Berlin\n", "alpha/etc/timezone").timezone == "Europe/Berlin"
    linked = read_document("alpha/etc/localtime", b"", None, "../usr/share/zoneinfo/America/New_York")
    assert linked is not None
    assert linked.timezone == "America/New_York"
    assert read_document("alpha/etc/localtime", b"", None, "/somewhere/else") is None


def test_hosts_give_addresses_to_short_names_and_leave_loopback_out() -> None:
    text = "127.0.0.1 localhost\n127.0.1.1 alpha\n192.0.2.11 alpha.example.net alpha pvelocalhost # me\n192.0.2.12 beta.example.net beta\n::1 ip6-localhost\n"
    aliases = read(text, "alpha/etc/hosts").aliases
    assert aliases["192.0.2.12"] == "beta"
    assert aliases["beta.example.net"] == "beta"
    assert aliases["192.0.2.11"] == "alpha"
    assert not any(name.startswith("127.") or "ip6" in name for name in aliases)


def test_a_zone_file_is_kept_as_bytes_and_a_damaged_one_is_told() -> None:
    good = b"TZif2" + bytes(15) + bytes(24)
    document = read_document("alpha/etc/localtime", b"TZif" + b"\xff" * 60, None)
    assert document is not None
    assert document.problems
    assert read_document("alpha/etc/localtime", good, None) is not None


def test_proxmox_files_are_kept_key_by_key() -> None:
    storage = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl\n\nnfs: nas1\n\texport /srv\n\tserver 192.0.2.60\n\tdisable\n"
    told = values(read(storage, "alpha/etc/pve/storage.cfg"))
    assert (told["storage.nfs:nas1.server"], told["storage.nfs:nas1.disable"]) == ("192.0.2.60", "1")
    ha = values(read("vm: 100\n\tgroup two\n\tstate started\n", "alpha/etc/pve/ha/resources.cfg"))
    assert ha["resources.vm:100.state"] == "started"
    replication = values(read("local: 101-0\n\ttarget beta\n\tschedule */15\n", "alpha/etc/pve/replication.cfg"))
    assert replication["replication.local:101-0.target"] == "beta"
    center = values(read("keyboard: de\nha: shutdown_policy=migrate\n", "alpha/etc/pve/datacenter.cfg"))
    assert center["datacenter.ha.shutdown_policy"] == "migrate"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("notes.txt", "The node went down at noon.\nWe do not know why.\n"),
        ("ip-route.txt", "192.0.2.12 dev vmbr0 src 192.0.2.11 uid 0\n    cache\n"),
        ("ls.txt", "total 8\n-rw------- 1 root root 36864 Mar 14 02:13 config.db\n"),
        ("alpha/hostname", "two words\nand more\n"),
        ("empty", ""),
    ],
)
def test_what_is_of_no_known_kind_is_not_guessed_at(path: str, text: str) -> None:
    assert document_score(path, text.encode()) == 0.0
    assert read_document(path, text.encode(), None) is None


@settings(max_examples=150)
@given(st.integers(0, len(COROSYNC)), st.lists(st.tuples(st.integers(0, len(COROSYNC)), st.integers(0, 255)), max_size=10))
def test_no_damage_to_a_configuration_raises(cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(COROSYNC.encode()[:cut])
    for place, value in flips:
        if data:
            data[place % len(data)] = value
    assert 0.0 <= document_score("corosync.conf", bytes(data)) <= 1.0
    read_document("corosync.conf", bytes(data), None)


@settings(max_examples=60)
@given(
    st.sampled_from(["corosync.conf", "hosts", "hostname", "timezone", "localtime", "storage.cfg", "datacenter.cfg"]),
    st.binary(max_size=300),
)
def test_no_bytes_under_a_known_name_raise(name: str, data: bytes) -> None:
    read_document(f"alpha/etc/{name}", data, None, "")
    read_document(f"alpha/etc/{name}", b"", None, data.decode("latin-1"))


def test_assignments_are_kept_without_secrets_and_comments_set_nothing():
    ceph = b"# made by hand\n[global]\n\tpublic network = 192.0.2.0/24\n\tauth_client_required = cephx\n[client]\n\tkey = AQabc==\n"
    found = read_document("alpha/etc/pve/ceph.conf", ceph, None)
    assert found.kind == "assignments"
    assert dict(found.snapshots[0].fields) == {"public_network": "192.0.2.0/24", "auth_client_required": "cephx", "key": "(not kept)"}
    assert not any("AQabc" in setting.text or "AQabc" in setting.value for setting in found.settings)
    (journal,) = read_document("alpha/etc/systemd/journald.conf", b"[Journal]\n#Storage=auto\n", None).snapshots
    assert (journal.kind, dict(journal.fields)) == ("journald_conf", {})
    assert read_document("alpha/etc/default/pve-ha-manager", b"# WATCHDOG_MODULE=ipmi_watchdog\n", None).snapshots[0].kind == "ha_defaults"
    assert read_document("alpha/etc/systemd/journald.conf", b"[Journal]\nnot a pair\n", None) is None
