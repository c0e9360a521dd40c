"""Status dumps: what each command said, whichever version printed it and however it was pasted."""

from __future__ import annotations

import json
import sqlite3
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.readings import Document, RawSnapshot
from pveforensics.state.documents import document_score, read_document
from pveforensics.state.dumps.dates import find_date, in_file_name
from pveforensics.timebase import SECOND

PVECM = """\
Cluster information
-------------------
Name:             demo
Config Version:   7
Transport:        knet
Secure auth:      on

Quorum information
------------------
Date:             Sat Mar 14 02:13:40 2026
Quorum provider:  corosync_votequorum
Nodes:            1
Node ID:          0x0000000a
Ring ID:          a.1a8
Quorate:          No

Votequorum information
----------------------
Expected votes:   3
Highest expected: 3
Total votes:      1
Quorum:           2 Activity blocked
Flags:

Membership information
----------------------
    Nodeid      Votes Name
0x0000000a          1 192.0.2.11 (local)
"""

DEVICE = """\
Membership information
----------------------
    Nodeid      Votes    Qdevice Name
0x00000001          1    A,V,NMW 192.0.2.11 (local)
0x00000002          1         NR 192.0.2.12
0x00000000          1            Qdevice
"""

CFGTOOL = """\
Local node ID 1, transport knet
LINK ID 0 udp
\taddr\t= 192.0.2.11
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tconnected
\t\tnodeid:          3:\tdisconnected
LINK ID 1 udp
\taddr\t= 198.51.100.11
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tconnected (not enabled)
\t\tnodeid:          3:\tconnected
"""

HA = """\
quorum OK
master beta (active, Sat Mar 14 02:14:20 2026)
lrm alpha (old timestamp - dead?, Sat Mar 14 02:12:01 2026)
lrm beta (active, watchdog active, Sat Mar 14 02:14:22 2026)
service vm:100 (alpha, fence)
service ct:201 (---, queued)
"""

BOOTS = """\
 -1 5f0d3c9e8b1a4f7e9c2d6b8a1e4f7c3d Fri 2026-03-13 08:00:01 CET—Sat 2026-03-14 02:13:58 CET
  0 0a1b2c3d4e5f60718293a4b5c6d7e8f9 Sat 2026-03-14 02:16:40 CET—Sat 2026-03-14 09:00:00 CET
"""

LAST = """\
root     pts/0        192.0.2.50       Sat Mar 14 09:01   still logged in
reboot   system boot  6.8.12-9-pve     Sat Mar 14 02:16   still running
root     pts/1        192.0.2.50       Fri Mar 13 22:10 - crash  (04:06)
runlevel (to lvl 5)   6.8.12-9-pve     Fri Mar 13 08:00 - 02:16  (18:16)
reboot   system boot  6.8.12-9-pve     Fri Mar 13 07:59   still running
shutdown system down  6.8.12-9-pve     Wed Dec 31 23:59 - 07:59 (71+08:00)

wtmp begins Wed Dec 31 23:50:00 2025
"""


def read(text: str | bytes, path: str = "alpha/dump.txt") -> Document:
    data = text.encode() if isinstance(text, str) else text
    assert document_score(path, data) >= 0.5
    document = read_document(path, data, None)
    assert document is not None
    return document


def only(text: str | bytes, path: str = "alpha/dump.txt") -> RawSnapshot:
    (snapshot,) = read(text, path).snapshots
    return snapshot


# --- quorum --------------------------------------------------------------------------------------


def test_pvecm_status_tells_votes_quorum_and_the_moment() -> None:
    dump = only(PVECM)
    assert dump.kind == "quorum_status"
    assert dump.local == "2026-03-14 02:13:40"
    assert dump.epoch_us is None
    told = {
        "name": "demo",
        "config_version": "7",
        "node_id": "10",
        "ring_id": "a.1a8",
        "quorate": "no",
        "nodes": "1",
        "expected": "3",
        "total": "1",
    }
    assert told.items() <= dump.fields.items()
    assert (dump.fields["quorum"], dump.fields["blocked"], dump.fields["flags"]) == ("2", "yes", "")
    assert dump.rows == ({"nodeid": "10", "votes": "1", "name": "192.0.2.11", "local": "yes", "qdevice": ""},)


def test_a_dump_that_lacks_its_first_half_still_says_whether_votes_suffice() -> None:
    blocked = only(PVECM[PVECM.index("Votequorum") : PVECM.index("Membership")])
    assert blocked.fields["quorate"] == "no"
    flagged = only("Votequorum information\n---\nExpected votes: 2\nTotal votes: 2\nQuorum: 2\nFlags: 2Node Quorate WaitForAll\n")
    assert flagged.fields["quorate"] == "yes"
    silent = only("Votequorum information\n---\nExpected votes: 2\nTotal votes: 2\nQuorum: 2\n")
    assert "quorate" not in silent.fields


def test_squeezed_blanks_quotes_and_author_marks_do_not_matter() -> None:
    mangled = "\n".join("> " + " ".join(line.split()) for line in PVECM.splitlines()).replace("(local)", "(local) ← pve1 is here")
    dump = only(mangled)
    assert dump.fields["quorate"] == "no"
    assert dump.rows[0]["name"] == "192.0.2.11"
    assert dump.rows[0]["local"] == "yes"


def test_the_quorum_device_has_its_own_column_and_row() -> None:
    dump = only(DEVICE)
    assert [row["qdevice"] for row in dump.rows] == ["A,V,NMW", "NR", ""]
    assert dump.rows[2] == {"nodeid": "0", "votes": "1", "name": "Qdevice", "local": "no", "qdevice": ""}


def test_unknown_keys_are_kept() -> None:
    assert only(PVECM.replace("Secure auth:", "Moon phase: ")).fields["moon_phase"] == "on"


def test_several_dumps_in_one_paste_stay_apart_and_take_the_prompt_s_node() -> None:
    names = "Membership information\n----------------------\n    Nodeid      Votes Name\n         1          1 alpha\n        10          1 beta (local)\n"
    paste = f"root@beta:~# pvecm status\n{PVECM}root@beta:~# pvecm nodes\n{names}root@beta:~# corosync-cfgtool -s\n{CFGTOOL}"
    kinds = [(dump.kind, dump.node, len(dump.rows)) for dump in read(paste).snapshots]
    assert kinds == [("quorum_status", "beta", 1), ("quorum_status", "beta", 2), ("link_status", "beta", 6)]


def test_the_same_command_run_twice_gives_two_dumps() -> None:
    after = PVECM.replace("Quorate:          No", "Quorate:          Yes").replace("02:13:40", "02:15:00")
    assert [dump.fields["quorate"] for dump in read(PVECM + "\n" + after).snapshots] == ["no", "yes"]


def test_the_stamp_in_the_file_name_is_absolute_and_dates_the_local_one() -> None:
    document = read(PVECM, "alpha/20260314T011340.250Z-during-pvecm.txt")
    assert document.snapshots[0].epoch_us == 1773450820 * SECOND + 250_000
    assert document.hints[0].exact
    assert document.hints[0].local == "2026-03-14 02:13:40"


def test_a_log_that_quotes_a_status_stays_a_log() -> None:
    log = "".join(f"Mar 14 02:13:{k:02} alpha corosync[1]:   [TOTEM ] Retransmit List: 1\n" for k in range(40))
    assert document_score("alpha/syslog", (log + "Expected votes: 3\nQuorum information\nTotal votes: 1\n").encode()) == 0.0


# --- links ---------------------------------------------------------------------------------------


def test_cfgtool_of_today_tells_each_peer_on_each_link() -> None:
    dump = only(CFGTOOL)
    assert dump.fields["node_id"] == "1"
    assert [(row["nodeid"], row["link"], row["connected"]) for row in dump.rows] == [
        ("1", "0", "localhost"), ("2", "0", "yes"), ("3", "0", "no"), ("1", "1", "localhost"), ("2", "1", "yes"), ("3", "1", "yes"),
    ]  # fmt: skip
    assert dump.rows[0]["address"] == "192.0.2.11"
    assert "address" not in dump.rows[1]
    assert dump.rows[4]["enabled"] == "no"


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("\t\tnodeid  2:\tconnected", {"nodeid": "2", "connected": "yes"}),
        ("\t\tnodeid  2:\tlink enabled:1\tlink connected:0", {"nodeid": "2", "connected": "no", "enabled": "yes"}),
        ("\t\tnode 1:\tlink enabled:1\tlink connected:1", {"index": "1", "connected": "yes"}),
    ],
)
def test_cfgtool_of_the_early_versions_of_corosync_3(line: str, row: dict[str, str]) -> None:
    dump = only(f"Printing link status.\nLocal node ID 1\nLINK ID 0\n\taddr\t= 192.0.2.11\n\tstatus:\n{line}\n")
    assert row.items() <= dump.rows[0].items()


def test_cfgtool_brief_and_corosync_2() -> None:
    brief = only("Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 192.0.2.11\n\tstatus\t= n31\n")
    assert [row["connected"] for row in brief.rows] == ["localhost", "yes", "no"]
    old = only(
        "Printing ring status.\nLocal node ID 1\nRING ID 0\n\tid\t= 192.0.2.11\n\tstatus\t= ring 0 active with no faults\n"
        "RING ID 1\n\tid\t= 198.51.100.11\n\tstatus\t= Marking ringid 1 interface 198.51.100.11 FAULTY\n"
    )
    assert [(row["link"], row["connected"]) for row in old.rows] == [("0", "yes"), ("1", "no")]


def test_cfgtool_n_lists_reachable_peers_only() -> None:
    dump = only(
        "Local node ID 1, transport knet\nnodeid: 2 reachable\n   LINK: 0 udp (192.0.2.11->192.0.2.12) enabled connected mtu: 1397\n"
        "   LINK: 1 udp (198.51.100.11->198.51.100.12) enabled mtu: 1397\n"
    )
    assert dump.fields["form"] == "n"
    assert [(row["nodeid"], row["link"], row["connected"], row["address"]) for row in dump.rows] == [
        ("2", "0", "yes", "192.0.2.12"),
        ("2", "1", "no", "198.51.100.12"),
    ]
    assert only("Local node ID 3, transport knet\n", "gamma/cfgtool-n.txt").rows == ()


# --- HA ------------------------------------------------------------------------------------------


def test_ha_manager_status_tells_master_lrms_and_services() -> None:
    document = read(HA)
    dump = document.snapshots[0]
    assert {"quorate": "yes", "master": "beta", "master_status": "active"}.items() <= dump.fields.items()
    rows = {(row["type"], row["name"]): row for row in dump.rows}
    assert rows["lrm", "alpha"]["status"] == "old timestamp - dead?"
    assert (rows["lrm", "beta"]["status"], rows["lrm", "beta"]["watchdog"]) == ("active", "active")
    assert (rows["service", "vm:100"]["node"], rows["service", "vm:100"]["status"]) == ("alpha", "fence")
    assert document.hints[0].local == "2026-03-14 02:14:22"


def test_ha_manager_status_without_quorum() -> None:
    dump = only("quorum No quorum on node 'alpha'!\nmaster beta (old timestamp - dead?, Sat Mar 14 02:12:20 2026)\n")
    assert dump.fields["quorate"] == "no"


@pytest.mark.parametrize(
    ("path", "value", "kind", "node", "epoch", "row"),
    [
        (
            "etc/pve/ha/manager_status",
            {"master_node": "beta", "timestamp": 1773450860, "node_status": {"alpha": "fence"}, "service_status": {"vm:100": {"state": "fence", "node": "alpha"}}},
            "manager_status", "", 1773450860, {"type": "service", "name": "vm:100", "state": "fence", "node": "alpha"},
        ),
        (
            "etc/pve/nodes/alpha/lrm_status",
            {"mode": "active", "state": "lost_agent_lock", "timestamp": 1773450801, "results": {"u1": {"sid": "vm:100", "exit_code": 0}}},
            "lrm_status", "alpha", 1773450801, {"uid": "u1", "sid": "vm:100", "exit_code": "0"},
        ),
        (
            "etc/pve/.members",
            {"nodename": "alpha", "version": 4, "cluster": {"name": "demo", "version": 7, "nodes": 2, "quorate": 1},
             "nodelist": {"beta": {"id": 2, "online": 0, "ip": "192.0.2.12"}}},
            "members", "alpha", None, {"name": "beta", "id": "2", "online": "no", "ip": "192.0.2.12"},
        ),
        (
            "etc/pve/.clusterlog",
            {"data": [{"uid": 1, "time": 1773450700, "pri": 6, "tag": "pvedaemon", "pid": 9, "node": "alpha", "user": "root@pam", "msg": "starting task"}]},
            "clusterlog", "", None, {"node": "alpha", "time": "1773450700", "msg": "starting task"},
        ),
        (
            "cluster-status.json",
            [{"type": "cluster", "name": "demo", "quorate": 1, "nodes": 2, "version": 7}, {"type": "node", "name": "alpha", "nodeid": 1, "ip": "192.0.2.11", "local": 1, "online": 1}],
            "cluster_status", "alpha", None, {"name": "alpha", "nodeid": "1", "online": "yes"},
        ),
        (
            "ha-current.json",
            [{"type": "quorum", "status": "OK"}, {"type": "service", "sid": "vm:100", "node": "alpha", "status": "x"}],
            "ha_status", "", None, {"type": "service", "name": "vm:100"},
        ),
        ("boots.json", [{"index": -1, "boot_id": "5f" * 16, "first_entry": 1773385201000000, "last_entry": 1773450838000001}],
         "boot_list", "", None, {"index": "-1", "first": "1773385201.000000", "last": "1773450838.000001"}),
    ],
)  # fmt: skip
def test_json_state_is_told_by_its_keys(path: str, value: object, kind: str, node: str, epoch: int | None, row: dict[str, str]) -> None:
    document = read(json.dumps(value), path)
    dump = document.snapshots[0]
    assert (document.kind, dump.kind, dump.node) == (kind, kind, node)
    assert dump.epoch_us == (epoch * SECOND if epoch else None)
    assert any(row.items() <= each.items() for each in dump.rows)


def test_members_names_the_node_and_its_peers_addresses() -> None:
    document = read('{"nodename": "alpha", "version": 4, "nodelist": {"beta": {"id": 2, "online": 1, "ip": "192.0.2.12"}}}', "x")
    assert (document.hostname, document.aliases) == ("alpha", {"192.0.2.12": "beta"})


# --- boots ---------------------------------------------------------------------------------------


def test_list_boots_of_both_layouts() -> None:
    dump = only(BOOTS)
    assert [(row["index"], row["first"], row["last"]) for row in dump.rows] == [
        ("-1", "2026-03-13 08:00:01 CET", "2026-03-14 02:13:58 CET"),
        ("0", "2026-03-14 02:16:40 CET", "2026-03-14 09:00:00 CET"),
    ]
    newer = "IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY\n" + BOOTS.replace("—", " ")
    assert [row["last"] for row in only(newer).rows] == [row["last"] for row in dump.rows]


def test_last_takes_its_year_from_the_trailer_and_over_new_year() -> None:
    rows = only(LAST).rows
    assert [(row["what"], row["start"], row["end_word"]) for row in rows] == [
        ("user", "2026-03-14 09:01:00", "still"),
        ("reboot", "2026-03-14 02:16:00", "still"),
        ("user", "2026-03-13 22:10:00", "crash"),
        ("runlevel", "2026-03-13 08:00:00", ""),
        ("reboot", "2026-03-13 07:59:00", "still"),
        ("shutdown", "2025-12-31 23:59:00", ""),
    ]


def test_last_without_a_year_invents_none() -> None:
    text = LAST[: LAST.index("wtmp begins")]
    assert {row["start"] for row in only(text).rows} == {""}
    assert only(text).rows[1]["written"] == "Sat Mar 14 02:16"


def test_last_with_full_times_and_iso() -> None:
    full = "reboot   system boot  6.8.12-9-pve     Sat Mar 14 02:16:40 2026   still running\n"
    full += "reboot   system boot  6.8.12-9-pve     Fri Mar 13 08:00:01 2026 - Sat Mar 14 02:13:00 2026  (18:12)\n"
    assert [row["start"] for row in only(full).rows] == ["2026-03-14 02:16:40", "2026-03-13 08:00:01"]
    iso = "reboot   system boot  6.8.12-9-pve     2026-03-14T02:16:40+01:00   still running\n"
    iso += "root     pts/1        192.0.2.50       2026-03-13T22:10:00+01:00 - crash                      (04:06)\n"
    assert [(row["start"], row["end"]) for row in only(iso).rows] == [
        ("2026-03-14 02:16:40 +01:00", ""),
        ("2026-03-13 22:10:00 +01:00", "crash"),
    ]


def record(size: int, kind: int, user: bytes, line: bytes, epoch: int) -> bytes:
    body = bytearray(size)
    struct.pack_into("<hxxi", body, 0, kind, 1)
    body[8 : 8 + len(line)] = line
    body[44 : 44 + len(user)] = user
    if size == 384:
        struct.pack_into("<I", body, 340, epoch)
    else:
        struct.pack_into("<q", body, 344, epoch)
    return bytes(body)


@pytest.mark.parametrize("size", [384, 400])
def test_wtmp_of_both_machines(size: int) -> None:
    entries = [(2, b"reboot", b"~"), (1, b"runlevel", b"~"), (7, b"root", b"pts/0"), (1, b"shutdown", b"~"), (2, b"reboot", b"~")]
    data = b"".join(record(size, kind, user, line, 1773385200 + 60 * k) for k, (kind, user, line) in enumerate(entries))
    document = read(data, "alpha/var/log/wtmp")
    rows = document.snapshots[0].rows
    assert [row["user"] for row in rows] == ["reboot", "runlevel", "root", "shutdown", "reboot"]
    assert (rows[0]["epoch"], rows[0]["start"]) == ("1773385200", "2026-03-13T07:00:00Z")
    cut = read(data[:-20], "alpha/var/log/wtmp")
    assert len(cut.snapshots[0].rows) == 4
    assert "cut" in cut.problems[0]


def test_wtmpdb_shows_a_crash_as_a_boot_without_logout() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT)"
    )
    base = 1773385200 * SECOND
    rows = [(1, "reboot", base, base + 3600 * SECOND), (1, "reboot", base + 7200 * SECOND, None), (1, "reboot", base + 9000 * SECOND, None)]
    for kind, user, login, logout in rows:
        connection.execute(
            "INSERT INTO wtmp(Type, User, Login, Logout, TTY, RemoteHost) VALUES (?, ?, ?, ?, '~', '6.14.8-2-pve')",
            (kind, user, login, logout),
        )
    connection.commit()
    data = connection.serialize()
    assert [row["end_word"] for row in only(data, "alpha/var/lib/wtmpdb/wtmp.db").rows] == ["down", "crash", "still"]
    broken = read_document("alpha/wtmp.db", data[:5000], None)
    assert broken is None or not broken.snapshots or broken.snapshots[0].rows


# --- clocks --------------------------------------------------------------------------------------


def test_timedatectl_states_the_zone_and_both_times() -> None:
    document = read(
        "               Local time: Sat 2026-03-14 02:13:40 CET\n           Universal time: Sat 2026-03-14 01:13:40 UTC\n"
        "                 RTC time: Sat 2026-03-14 01:13:40\n                Time zone: Europe/Berlin (CET, +0100)\n"
        "System clock synchronized: yes\n              NTP service: active\n"
    )
    assert document.timezone == "Europe/Berlin"
    assert (document.hints[0].epoch_us, document.hints[0].local) == (1773450820 * SECOND, "2026-03-14 02:13:40")


@pytest.mark.parametrize(
    ("line", "local", "epoch"),
    [
        ("Sat Mar 14 02:13:40 AM CET 2026", "2026-03-14 02:13:40", 1773450820),
        ("Sat 14 Mar 2026 02:13:40 AM CET", "2026-03-14 02:13:40", 1773450820),
        ("Sa 14. Mär 02:13:40 CET 2026", "2026-03-14 02:13:40", 1773450820),
        ("Sat, 14 Mar 2026 02:13:40 +0100", "2026-03-14 02:13:40", 1773450820),
        ("2026-03-14T02:13:40+01:00", "2026-03-14 02:13:40", 1773450820),
        ("Sat Mar 14 02:13:40 CST 2026", "2026-03-14 02:13:40", None),
    ],
)
def test_date_in_the_forms_that_people_collect(line: str, local: str, epoch: int | None) -> None:
    dump = only(line + "\n", "alpha/date.txt")
    assert (dump.kind, dump.local, dump.epoch_us) == ("date", local, epoch * SECOND if epoch else None)


def test_a_date_that_cannot_be_is_none() -> None:
    assert find_date("Sat Feb 30 02:13:40 2026") is None
    assert find_date("Mar 14 02:13:40") is None
    assert in_file_name("a/20261399T094610Z-x.txt") is None
    assert in_file_name("a/20261122T094610Z.txt") == 1795340770 * SECOND


# --- robustness ----------------------------------------------------------------------------------

PAGES = [text.encode() for text in (PVECM, DEVICE, CFGTOOL, HA, BOOTS, LAST, PVECM + CFGTOOL + HA + BOOTS + LAST)]
PAGES += [record(384, 2, b"reboot", b"~", 1773385200) * 3, b'{"nodename": "alpha", "version": 4, "nodelist": {"beta": {"id": 2}}}']


@settings(max_examples=150)
@given(st.sampled_from(PAGES), st.integers(0, 3000), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=8))
def test_no_damage_to_a_dump_raises(page: bytes, cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(page[: len(page) - cut % len(page)])
    for place, value in flips:
        if data:
            data[place % len(data)] = value
    assert 0.0 <= document_score("alpha/dump", bytes(data)) <= 1.0
    read_document("alpha/dump", bytes(data), None)


@settings(max_examples=100)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace"))))
def test_no_noise_raises_or_is_taken_for_a_dump_without_reason(data: bytes) -> None:
    document = read_document("alpha/noise", data, None)
    assert document is None or document.snapshots or document.settings or document.aliases or document.timezone or document.problems


@settings(max_examples=100)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["node_status", "service_status", "master_node", "timestamp", "mode", "state", "results", "nodename", "version", "nodelist", "cluster",
                     "data", "uid", "time", "msg", "type", "boot_id", "first_entry", "id", "ip"]), inner, max_size=6), max_leaves=12))  # fmt: skip
def test_no_json_raises(value: object) -> None:
    read_document("alpha/state.json", json.dumps(value).encode(), None)
