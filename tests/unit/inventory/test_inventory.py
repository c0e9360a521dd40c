"""The inventory: what is there, what is missing, and the command that gets it."""

import json
import re

import pytest

from pveforensics import wanted
from pveforensics.inventory import to_document, to_text
from pveforensics.model import Options
from pveforensics.pipeline import analyze, inventory, load_pack
from pveforensics.report import document

COROSYNC = """totem {{
  cluster_name: demo
  config_version: 2
  version: 2
}}
nodelist {{
{nodes}}}
quorum {{
  provider: corosync_votequorum
}}
"""
NODE = "  node {{\n    name: {name}\n    nodeid: {nodeid}\n    quorum_votes: 1\n    ring0_addr: 192.0.2.{nodeid}\n  }}\n"
CONF = COROSYNC.format(nodes="".join(NODE.format(name=name, nodeid=k) for k, name in enumerate(("alpha", "beta", "gamma"), 1)))


def log(node, *lines):
    return "".join(f"2026-03-15T{clock}.000000+01:00 {node} {text}\n" for clock, text in lines)


QUIET = (
    ("07:00:00", "systemd[1]: Started Session 1 of User root."),
    ("07:00:10", "CRON[12]: (root) CMD (true)"),
    ("07:01:00", "pmxcfs[1411]: [dcdb] notice: data verification successful"),
    ("07:05:00", "pvestatd[99]: status update time (6.1 seconds)"),
)
BOOT = (
    ("09:30:00", "kernel: Linux version 6.8.12-4-pve (build@proxmox) #1 SMP"),
    ("09:30:01", "systemd[1]: Started Session 2 of User root."),
    ("09:30:30", "pmxcfs[1410]: [dcdb] notice: data verification successful"),
    ("09:31:00", "pvestatd[98]: starting server"),
)


@pytest.fixture(scope="module")
def pack():
    return load_pack()


@pytest.fixture
def take(tmp_path, pack):
    def run(files, **options):
        for place, data in files.items():
            path = tmp_path / "bundle" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return inventory([str(tmp_path / "bundle")], pack, Options(**options))

    return run


def asked(found):
    return {(each.want.id, each.node) for each in found.asked}


def test_nodes_that_are_there_half_there_and_missing(take):
    found = take({"alpha/var/log/syslog": log("alpha", *QUIET), "alpha/etc/corosync/corosync.conf": CONF, "beta/etc/hostname": "beta\n"})
    assert [(node.name, node.has_log, node.files) for node in found.nodes] == [("alpha", True, 2), ("beta", False, 1), ("gamma", False, 0)]
    assert {node.member for node in found.nodes} == {True}
    assert ("node", "gamma") in asked(found)
    assert ("system-log", "beta") in asked(found)
    assert ("system-log", "alpha") not in asked(found)
    everything = next(each for each in found.asked if each.node == "gamma")
    assert everything.command == "pveforensics collect | ssh root@gamma sh -s -- -o - > gamma.tgz"
    text = to_text(found)
    assert "logs of 1 of 3 nodes" in text
    assert re.search(r"gamma +nothing of it is in the bundle", text)
    assert re.search(r"beta +no log, 1 file", text)


def test_files_that_name_no_node_are_no_node(take):
    logs = {f"{node}/var/log/syslog": log(node, *QUIET) for node in ("alpha", "beta")}
    found = take({**logs, "replication.cfg": "local: 100-0\n\ttarget beta\n"})
    assert [(node.name, node.member) for node in found.nodes] == [("alpha", None), ("beta", None)]
    assert "1 file that nothing ties to a node" in to_text(found)
    assert wanted.collect_command("unknown") == wanted.collect_command("NODE")


def test_a_log_that_begins_with_the_boot_lacks_the_one_that_died(take):
    found = take({"alpha/var/log/syslog": log("alpha", *BOOT)})
    assert ("boot-before", "alpha") in asked(found)
    assert [boot.iso() for boot in found.nodes[0].boots] == ["2026-03-15T08:30:00.000Z"]


def test_a_log_that_shows_the_boot_before_is_asked_for_none(take):
    found = take({"alpha/var/log/syslog": log("alpha", *QUIET, *BOOT)})
    assert ("boot-before", "alpha") not in asked(found)
    (gap,) = found.nodes[0].gaps
    assert (gap.start.iso(), gap.end.iso(), gap.boot) == ("2026-03-15T06:05:00.000Z", "2026-03-15T08:30:00.000Z", True)
    assert "gap 2026-03-15 06:05:00 to 2026-03-15 08:30:00: 2 h 25 min, a boot follows" in to_text(found)


def test_a_log_that_begins_in_the_middle_of_a_boot_is_asked_for_none(take):
    assert ("boot-before", "alpha") not in asked(take({"alpha/var/log/syslog": log("alpha", *QUIET)}))


def test_a_log_of_one_program_is_no_system_log(take):
    only = log("alpha", *((f"09:00:{k:02}", "corosync[1532]:   [KNET  ] link: host: 2 link: 0 is down") for k in range(20)))
    assert ("system-log", "alpha") in asked(take({"alpha/corosync.txt": only, "alpha/etc/corosync/corosync.conf": CONF}))


def test_a_history_of_packages_is_no_log_and_makes_no_gaps(take):
    dpkg = "".join(f"2026-0{month}-01 06:00:00 upgrade corosync:amd64 3.1.{month} 3.1.{month + 1}\n" for month in range(1, 4))
    found = take({"alpha/var/log/syslog": log("alpha", *QUIET), "alpha/var/log/dpkg.log": dpkg})
    assert {source.kind for source in found.sources} == {"syslog", "dpkg_log"}
    assert found.nodes[0].gaps == ()
    assert found.nodes[0].coverage == found.nodes[0].whole


def test_a_history_of_packages_still_tells_the_year(take):
    bsd = "".join(f"Mar 15 09:0{k}:00 alpha CRON[1]: (root) CMD (true)\n" for k in range(5))
    found = take({"alpha/var/log/syslog": bsd, "alpha/var/log/dpkg.log": "2021-03-14 06:00:00 upgrade corosync:amd64 3.1.2 3.1.3\n", "alpha/etc/timezone": "UTC\n"})  # fmt: skip
    assert found.nodes[0].coverage[0][0].iso() == "2021-03-15T09:00:00.000Z"


def test_replication_is_asked_for_only_where_there_is_some(take):
    files = {"alpha/var/log/syslog": log("alpha", *QUIET), "alpha/etc/corosync/corosync.conf": CONF}
    assert not {"replication-state", "snapshots"} & {want for want, _ in asked(take(files))}
    found = asked(take({**files, "alpha/etc/pve/replication.cfg": "local: 100-0\n\ttarget beta\n"}))
    assert {("replication-state", "alpha"), ("snapshots", "alpha")} <= found


def test_what_one_node_has_of_the_cluster_no_other_is_asked_for(take):
    files = {f"{node}/var/log/syslog": log(node, *QUIET) for node in ("alpha", "beta")}
    assert ("corosync-conf", "") in asked(take(files))
    assert "corosync-conf" not in {want for want, _ in asked(take({**files, "beta/etc/corosync/corosync.conf": CONF}))}


def test_the_zone_is_asked_for_where_stamps_carry_none(take):
    bsd = "".join(f"Mar 15 09:0{k}:00 alpha CRON[1]: (root) CMD (true)\n" for k in range(5))
    assert ("time-zone", "alpha") in asked(take({"alpha/var/log/syslog": bsd}))
    assert ("time-zone", "alpha") not in asked(take({"alpha/var/log/syslog": bsd, "alpha/etc/timezone": "Europe/Berlin\n"}))


def test_what_the_collector_could_not_get_is_told(take):
    manifest = (
        "# pveforensics collect 1 on alpha\n# began 2026-03-15T10:00:00+0100\noutcome\twhat\twhy\n"
        "limit\tcommands/pvesm-status.txt\tpvesm status: stopped at its limit after 30 s\nok\tcommands/qm-list.txt\tqm list\n"
    )
    found = take({"alpha/collect/manifest.tsv": manifest, "alpha/var/log/syslog": log("alpha", *QUIET)})
    assert [(each.outcome, each.what) for each in found.nodes[0].failed] == [("limit", "commands/pvesm-status.txt")]
    assert "alpha: pvesm status: stopped at its limit after 30 s" in to_text(found)


def test_damage_and_unknown_files_are_told_apart(take):
    found = take(
        {"alpha/var/log/syslog": log("alpha", *QUIET), "alpha/photo.bin": bytes(range(256)) * 4, "alpha/x.gz": b"\x1f\x8b\x08\x00broken"}
    )
    assert not found.complete
    text = to_text(found)
    assert "Damaged, unsafe or beyond a limit: 1 file" in text
    assert "Not read, empty or of no known kind: 2 files" in text


def test_hostile_names_reach_neither_the_terminal_nor_a_command(take):
    name = "a\x1b[31m;rm -rf ~"
    found = take({f"{name}/var/log/syslog": log("alpha", *QUIET), "alpha/etc/corosync/corosync.conf": CONF.replace("gamma", "$(reboot)")})
    text = to_text(found)
    assert "\x1b" not in text
    assert "ssh root@$(reboot)" not in text
    assert "ssh root@NODE" in text
    assert wanted.collect_command("-oProxyCommand=x") == wanted.collect_command("NODE")


def test_the_text_fits_80_columns_and_colour_is_only_colour(take):
    files = {
        f"{node}/var/log/syslog": log(node, *QUIET, *BOOT)
        for node in ("alpha", "beta", "a-node-with-a-name-as-long-as-dns-has-it-and-not-one-character-l")
    }
    found = take(
        {**files, "alpha/etc/corosync/corosync.conf": CONF.replace("gamma", "long" * 5), f"alpha/{'x' * 200}.bin": b"\x00\x01\x02"}
    )
    text = to_text(found)
    assert max(map(len, text.splitlines())) <= 80
    assert f"      pveforensics collect |\n        ssh root@{'long' * 5} sh -s -- -o - > {'long' * 5}.tgz" in text
    assert re.sub(r"\x1b\[\d*m", "", to_text(found, colour=True)) == text != to_text(found, colour=True)


def test_the_document_has_every_part_that_is_promised(take):
    found = take(
        {"alpha/var/log/syslog": log("alpha", *QUIET, *BOOT), "alpha/etc/corosync/corosync.conf": CONF}, now="2026-03-15T12:00:00.000Z"
    )
    told = json.loads(document.dump(to_document(found)))
    assert list(told) == ["schema", "generator", "complete", "bundles", "cluster", "nodes", "sources", "not_read", "collect", "notes"]
    assert told["schema"] == "pveforensics.inventory/1"
    assert list(told["nodes"][0]) == ["name", "nodeid", "member", "in_bundle", "files", "timezone", "timezone_basis", "year_basis", "coverage", "whole", "gaps", "boots", "kinds", "failed"]  # fmt: skip
    assert told["nodes"][0]["gaps"][0]["seconds"] == 8700.0
    assert list(told["collect"][0]) == ["id", "node", "what", "question", "why", "command", "decisive"]


def test_sources_are_those_of_the_analysis(take, tmp_path, pack):
    found = take(
        {"alpha/var/log/syslog": log("alpha", *QUIET, *BOOT), "beta/note.txt": "client watchdog expired - disable watchdog updates\n"}
    )
    case = analyze([str(tmp_path / "bundle")], pack)
    assert found.sources == case.sources
    assert found.not_read == case.not_read


# --- the registry --------------------------------------------------------------------------------


def test_every_want_is_whole():
    assert len({want.id for want in wanted.WANTED}) == len(wanted.WANTED)
    for want in wanted.WANTED:
        assert want.question.endswith("?")
        assert want.why
        assert want.met_by
        assert want.scope in (wanted.NODE, wanted.CLUSTER)
        assert len(want.command) <= 74, f"{want.id}: a command is copied, so it stands in one line of 80"
        assert want.if_any <= {"boot", "cluster", "ha", "replication", "zfs"}


def test_every_kind_that_meets_a_want_is_one_that_a_reader_gives():
    from pathlib import Path

    import pveforensics

    code = "\n".join(path.read_text() for path in (Path(pveforensics.__file__).parent / "state").rglob("*.py"))
    for want in wanted.WANTED:
        for kind in want.met_by - {wanted.LOG, wanted.BOOT_BEFORE, wanted.ZONE}:
            assert f'"{kind}"' in code, f"{want.id}: nothing reads a {kind}"


@pytest.mark.parametrize("want", [want for want in wanted.WANTED if not want.if_any], ids=lambda want: want.id)
def test_a_want_is_missing_until_one_of_its_kinds_is_there(want):
    assert want in wanted.missing(frozenset(), frozenset(), frozenset(), want.scope)
    for kind in want.met_by:
        assert want not in wanted.missing({kind}, {kind}, frozenset(), want.scope)
