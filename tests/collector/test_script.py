"""The script of `pveforensics collect` on fake nodes: what it takes, what it never takes, and that nothing stops it."""

import io
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from fake_node import FILES, QUORUM, SECRET, SHELL, tree

from pveforensics.collector import script
from pveforensics.resources import collector_script


def members(bundle):
    with tarfile.open(fileobj=bundle) if isinstance(bundle, io.BytesIO) else tarfile.open(bundle) as archive:
        return {each.name: (archive.extractfile(each).read() if each.isfile() else b"") for each in archive}


def manifest(files, node="alpha"):
    rows = [line.split("\t") for line in files[f"{node}/collect/manifest.tsv"].decode().splitlines() if line.count("\t") == 2]
    return {what: (outcome, why) for outcome, what, why in rows}


def test_shellcheck_finds_nothing():
    found = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("SKIPPED ALOUD: shellcheck is missing; pip install -r requirements-dev.txt brings it")
    done = subprocess.run([found, "--shell", "sh", str(collector_script())], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_sick_node_gives_a_bundle_that_tells_what_failed(sick):
    node, bundle = sick
    files = members(bundle)
    assert all(name == "alpha" or name.startswith("alpha/") for name in files)
    told = manifest(files)
    assert told["commands/pvecm-status.txt"][0] == "ok"
    assert told["commands/pvecm-nodes.txt"][0] == "limit"
    assert told["commands/pvecm-nodes.txt"][1].startswith("pvecm nodes: stopped at its limit after ")
    assert told["commands/pvesr-status.txt"][0] == "limit"
    assert told["commands/pvesm-status.txt"] == ("failed", "pvesm status: exit 255")
    assert told["commands/last.txt"] == ("absent", "last is not installed")
    first, second, *output, last = files["alpha/commands/pvecm-status.txt"].decode().splitlines()
    assert first == "### [alpha] pvecm status ###"
    assert second.startswith("# began 20")
    assert second.endswith(", limit 2 s")
    assert output == QUORUM.splitlines()
    assert last.endswith(", ok, exit 0")
    assert files["alpha/var/log/syslog"] == (node.root / "var/log/syslog").read_bytes()
    assert "alpha/var/log/pve/tasks/0/UPID:alpha:00001234:00005678:69B65700:vzdump:100:root@pam:" in files


def test_no_secret_leaves_the_node(sick):
    _, bundle = sick
    with tarfile.open(bundle) as archive:
        everything = b"".join(archive.extractfile(each).read() + repr(each.get_info()).encode() for each in archive if each.isfile())
    assert SECRET.encode() not in everything
    files = members(bundle)
    assert b"cipassword: (masked)" in files["alpha/etc/pve/nodes/alpha/qemu-server/100.conf"]
    assert b"http_proxy: http://(masked)@192.0.2.9:3128" in files["alpha/etc/pve/datacenter.cfg"]
    assert b"keyboard: de" in files["alpha/etc/pve/datacenter.cfg"]
    assert b"token: 10000" in files["alpha/etc/pve/corosync.conf"], "corosync's token is a time"
    told = manifest(files)
    assert told["etc/pve/a-plugin-of-tomorrow.cfg"][0] == "left out"
    assert told["etc/pve/nodes/alpha/qemu-server/100.conf"][0] == "masked"
    assert told["var/log/pveproxy/access.log, var/log/auth.log"][0] == "left out"


def test_only_the_archive_is_new_and_hostile_names_are_names(sick):
    node, bundle = sick
    assert sorted(each.name for each in node.home.iterdir()) == ["alpha.tgz", "path", "root", "tmp"]
    assert list((node.home / "tmp").iterdir()) == []
    assert bundle.stat().st_mode & 0o777 == 0o600
    assert not list(node.home.rglob("pwned"))
    files = members(bundle)
    assert files["alpha/var/log/pve/replicate/-rf; touch pwned $(touch pwned)"] == b"x"
    assert not [name for name in files if "\n" in name]


def test_the_archive_goes_to_stdout_alone(make_node):
    node = make_node(stubs={"pvesr": None, "pvecm": None})
    done = node.collect("-o", "-", "--access-logs")
    assert done.returncode == 0
    files = members(io.BytesIO(done.stdout))
    assert files["alpha/var/log/auth.log"].decode() == SECRET
    assert sorted(each.name for each in node.home.iterdir()) == ["path", "root", "tmp"]


@pytest.mark.parametrize("fault", ["is not mounted", "hangs"])
def test_where_pmxcfs_does_not_answer_a_copy_of_its_database_does(make_node, fault):
    if shutil.which("sqlite3") is None and os.environ.get("CI") != "true":
        pytest.skip("SKIPPED ALOUD: sqlite3 is missing; apt install sqlite3")
    gone = {place: None for place in FILES if place.startswith("etc/pve/")}
    hang = f'case $1 in etc/pve) exec sleep 60;; *) exec {shutil.which("find")} "$@";; esac'
    node = make_node(
        files=gone if fault == "is not mounted" else {},
        stubs={"pvesr": None, "pvecm": None, **({"find": hang} if fault == "hangs" else {})},
    )
    (node.root / "etc/pve").mkdir(exist_ok=True)
    path = node.root / "var/lib/pve-cluster/config.db"
    path.unlink()
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE tree(inode INTEGER PRIMARY KEY NOT NULL, parent INTEGER NOT NULL, version INTEGER NOT NULL, writer INTEGER NOT NULL, mtime INTEGER NOT NULL, type INTEGER NOT NULL, name TEXT NOT NULL, data BLOB)")  # fmt: skip
        for row in (
            (0, 0, 9, 1, 1773565000, 8, "__version__", None),
            (2, 0, 2, 1, 1773565000, 4, "nodes", None),
            (3, 2, 3, 1, 1773565000, 4, "it's alpha", None),
            (4, 3, 4, 1, 1773565000, 4, "qemu-server", None),
            (5, 4, 5, 1, 1773565000, 8, "100.conf", f"name: web\ncipassword: {SECRET}\n".encode()),
            (6, 0, 6, 1, 1773565000, 4, "priv", None),
            (7, 6, 7, 1, 1773565000, 8, "authkey.key", SECRET.encode()),
            (8, 0, 8, 1, 1773565000, 8, "storage.cfg", b"dir: local\n\tpath /var/lib/vz\n"),
        ):
            base.execute("INSERT INTO tree VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    before = tree(node.root)
    bundle = node.bundle("alpha.tgz")
    assert tree(node.root) == before
    assert sorted(each.name for each in node.home.iterdir()) == ["alpha.tgz", "path", "root", "tmp"]
    files = members(bundle)
    assert files["alpha/etc/pve/storage.cfg"] == b"dir: local\n\tpath /var/lib/vz\n\n"
    assert files["alpha/etc/pve/nodes/it's alpha/qemu-server/100.conf"] == b"name: web\ncipassword: (masked)\n\n"
    assert not [name for name in files if "priv" in name or "config.db" in name]
    assert SECRET.encode() not in b"".join(files.values())
    with tarfile.open(bundle) as archive:
        assert archive.getmember("alpha/etc/pve/storage.cfg").mtime == 1773565000


def test_a_command_that_not_even_a_kill_ends_is_left_behind(make_node, tmp_path):
    # what a process in state D looks like from outside: timeout has sent its KILL and waits
    hung = f'echo $$ >"{tmp_path}/hung"; exec sleep 600'
    timeout = f'case $* in *"pvecm status"*) {hung};; *) exec {shutil.which("timeout")} "$@";; esac'
    node = make_node(stubs={"timeout": timeout, "pvesr": None, "pvecm": "true"})
    files = members(node.bundle("alpha.tgz"))
    outcome, why = manifest(files)["commands/pvecm-status.txt"]
    assert outcome == "hangs"
    assert "left behind" in why
    assert manifest(files)["commands/pvecm-nodes.txt"][0] == "ok"
    os.kill(int((tmp_path / "hung").read_text()), signal.SIGKILL)  # it still ran, and nobody waited for it


def test_a_signal_ends_it_and_what_it_started_without_a_trace(make_node, tmp_path):
    node = make_node(stubs={"pvecm": f'echo $$ >"{tmp_path}/started"; exec sleep 60'})
    os.mkfifo(tmp_path / "started")
    running = subprocess.Popen([SHELL, "-s", "--", "--command-limit", "50", "-o", "x.tgz"], stdin=subprocess.PIPE, cwd=node.home, env=node.environment(), stderr=subprocess.DEVNULL)  # fmt: skip
    running.stdin.write(script())
    running.stdin.close()
    command = os.pidfd_open(int((tmp_path / "started").read_text()))
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=30) == 130
    assert select.select([command], [], [], 30)[0], "the command that it had started still runs"
    os.close(command)
    assert sorted(each.name for each in node.home.iterdir()) == ["path", "root", "tmp"]
    assert list((node.home / "tmp").iterdir()) == []


def test_beyond_the_limit_for_all_commands_the_rest_is_skipped_and_named(make_node):
    told = manifest(members(make_node(stubs={"pvesr": None}).bundle("alpha.tgz", "--limit=1")))
    assert told["commands/qm-list.txt"][0] == "skipped"
    assert told["var/log/syslog"][0] == "taken"


def test_journals_are_taken_that_were_written_in_the_window(make_node):
    node = make_node(
        files={f"var/log/journal/0123/{name}": "x" for name in ("system.journal", "system@1.journal", "user@2.journal~")},
        stubs={"pvesr": None, "pvecm": None},
    )
    os.utime(node.root / "var/log/journal/0123/system@1.journal", (1770000000, 1770000000))
    files = members(node.bundle("alpha.tgz"))
    assert [name.rpartition("/")[2] for name in sorted(files) if "/journal/" in name] == ["system.journal", "user@2.journal~"]


def test_logs_beyond_the_size_limit_stay_and_are_named(make_node):
    node = make_node(files={"var/log/syslog.1": b"x" * 3_000_000}, stubs={"pvesr": None, "pvecm": None})
    files = members(node.bundle("alpha.tgz", "--max-size=1"))
    assert manifest(files)["var/log/syslog.1"][0] == "left out"
    assert "alpha/var/log/syslog.1" not in files
    assert "alpha/var/log/syslog" in files


@pytest.mark.parametrize("arguments", [["--frobnicate"], ["--since", "gestern abend"], ["-o"], ["--limit", "soon"], ["-o", "."]])
def test_a_wrong_call_is_one_line_and_2(make_node, arguments):
    node = make_node()
    done = node.collect(*arguments)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert not list(node.home.glob("*.tgz"))
