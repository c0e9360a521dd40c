"""The command line as a user meets it: outputs, exit codes, one line for an error."""

import hashlib
import json
import os
import pty
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pveforensics.cli import default_output

SCENARIOS = Path(__file__).parents[1] / "fixtures" / "scenarios"
NOW = "2026-03-15T12:00:00Z"


def run(*arguments, cwd, **more):
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
    return subprocess.run(
        [sys.executable, "-P", "-m", "pveforensics", *map(str, arguments)],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        **more,
    )


def test_analyze_writes_one_report_beside_us_and_says_where(tmp_path):
    done = run("analyze", SCENARIOS / "planned-reboot" / "bundle", "--json", "case.json", "--markdown", "case.md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bundle-postmortem.html", "case.json", "case.md"]
    assert "bundle-postmortem.html" in done.stdout
    assert stat.S_IMODE((tmp_path / "bundle-postmortem.html").stat().st_mode) == 0o600
    assert len((tmp_path / "case.md").read_text()) <= 4000


def test_verbose_tells_the_hash_of_the_report_as_it_was_written(tmp_path):
    done = run("analyze", SCENARIOS / "missing-node" / "bundle", "-v", "-o", "report.html", cwd=tmp_path)
    written = hashlib.sha256((tmp_path / "report.html").read_bytes()).hexdigest()
    assert f"{written}  report.html" in done.stderr.splitlines()
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_two_runs_with_one_now_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run("analyze", SCENARIOS / "isolated-node-fenced" / "bundle", "--now", NOW, "--json", "case.json", "-q", cwd=tmp_path / name)
    for file in ("case.json", "bundle-postmortem.html"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_render_draws_the_same_report_from_the_case_document(tmp_path):
    run(
        "analyze",
        SCENARIOS / "isolated-node-fenced" / "bundle",
        "--now",
        NOW,
        "--json",
        "case.json",
        "-o",
        "first.html",
        "-q",
        cwd=tmp_path,
    )
    done = run("render", "case.json", "-o", "again.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "first.html").read_bytes() == (tmp_path / "again.html").read_bytes()


def test_document_has_every_part_of_the_contract(tmp_path):
    run("analyze", SCENARIOS / "isolated-node-fenced" / "bundle", "--json", "case.json", "-q", cwd=tmp_path)
    document = json.loads((tmp_path / "case.json").read_text())
    assert document["schema"] == "pveforensics.case/1"
    for part in (
        "generator",
        "complete",
        "bundles",
        "cluster",
        "nodes",
        "sources",
        "not_read",
        "intervals",
        "events",
        "partitions",
        "beliefs",
        "placement",
        "changes",
        "findings",
        "incidents",
        "checks",
        "benign",
        "evidence",
    ):
        assert part in document
    cited = {eid for finding in document["findings"] for eid in finding["evidence"]}
    assert cited <= set(document["evidence"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["analyze", "no-such-file.tgz"], 3, "no-such-file.tgz"),
        (["analyze"], 2, ""),
        (["analyze", "empty", "--fail-on", "terrible"], 2, "terrible"),
        (["analyze", "empty", "--timezone", "Mars/Olympus"], 2, "Mars/Olympus"),
        (["analyze", "empty", "--now", "yesterday"], 2, "yesterday"),
        (["analyze", "empty"], 3, "empty"),
        (["render", "no.json"], 3, "no.json"),
    ],
)
def test_a_wrong_call_gives_one_line_and_its_code(tmp_path, arguments, code, says):
    (tmp_path / "empty").mkdir()
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert not list(tmp_path.glob("*.html"))


def test_fail_on_turns_a_finding_into_exit_1(tmp_path):
    assert run("analyze", SCENARIOS / "power-loss" / "bundle", "--fail-on", "high", "-q", cwd=tmp_path).returncode == 1
    assert run("analyze", SCENARIOS / "planned-reboot" / "bundle", "--fail-on", "high", "-q", cwd=tmp_path).returncode == 0


def test_stdin_is_an_archive(tmp_path):
    with (SCENARIOS / "truncated-bundle" / "bundle" / "bundle.tgz").open("rb") as archive:
        done = run("analyze", "-", "-q", cwd=tmp_path, stdin=archive)
    assert done.returncode == 4, done.stderr
    assert (tmp_path / "stdin-postmortem.html").exists()


def test_version_names_the_rule_pack(tmp_path):
    for call in (["version"], ["--version"]):
        done = run(*call, cwd=tmp_path)
        assert done.returncode == 0
        assert "rules" in done.stdout


@pytest.mark.parametrize(
    ("bundle", "name"),
    [("b.tar.gz", "b"), ("b.tgz", "b"), ("dir/b.tar.zst", "b"), ("b", "b"), ("b.log", "b.log"), ("-", "stdin"), (".gz", ".gz")],
)
def test_default_name_drops_archive_suffixes(bundle, name):
    assert default_output(bundle) == f"{name}-postmortem.html"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analyze"], "Missing argument"),
        (["analyze", "--nonsense", "x"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["analyze", "x", "--year", "soon"], "--year"),
        (["rules", "show"], "Missing argument"),
    ],
)
def test_a_call_that_cannot_be_read_is_one_line_with_the_way_to_the_help(tmp_path, arguments, says):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert "--help" in done.stderr


def test_help_has_a_short_name_and_no_command_at_all_shows_it(tmp_path):
    for call in (["-h"], ["analyze", "-h"], ["rules", "lint", "-h"]):
        assert run(*call, cwd=tmp_path).returncode == 0
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert "Commands:" in done.stderr


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (["-o", "nowhere/a.html"], "nowhere/a.html"),
        (["-o", "."], "folder"),
        (["-o", "a.html", "--json", "nowhere/a.json"], "nowhere/a.json"),
        (["-o", "same", "--json", "same"], "same"),
        (["-o", "bundle.tgz"], "overwrite"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_before_anything_is(tmp_path, outputs, says):
    (tmp_path / "bundle.tgz").write_bytes(b"evidence")
    done = run("analyze", "bundle.tgz", *outputs, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["bundle.tgz"]
    assert (tmp_path / "bundle.tgz").read_bytes() == b"evidence"


def test_outputs_follow_links_and_never_replace_what_is_no_file(tmp_path):
    (tmp_path / "kept.html").write_text("old")
    (tmp_path / "kept.html").chmod(0o644)
    (tmp_path / "link.html").symlink_to("kept.html")
    os.mkfifo(tmp_path / "pipe")
    call = ["analyze", SCENARIOS / "planned-reboot" / "bundle", "-q", "-o", "link.html", "--json", "pipe"]
    with (tmp_path / "read").open("wb") as read, subprocess.Popen(["/bin/cat", "pipe"], cwd=tmp_path, stdout=read) as reader:
        done = run(*call, cwd=tmp_path)
        reader.wait(timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "read").read_text())["schema"] == "pveforensics.case/1"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert (tmp_path / "link.html").is_symlink()
    assert "<html" in (tmp_path / "kept.html").read_text()
    assert stat.S_IMODE((tmp_path / "kept.html").stat().st_mode) == 0o600


def test_a_reader_who_leaves_changes_no_exit_code(tmp_path):
    read, write = os.pipe()
    os.close(read)
    arguments = ["analyze", SCENARIOS / "power-loss" / "bundle", "--fail-on", "high"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pveforensics", *map(str, arguments)],
        cwd=tmp_path,
        check=False,
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
    assert (tmp_path / "bundle-postmortem.html").exists()


def _hear_ctrl_c():
    """A shell starts what runs in the background deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_one_line_and_130(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "pveforensics", "analyze", "-"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - the tests have no threads
    ) as running:
        running.stdin.write(b"x" * (1 << 20))  # more than a pipe holds: once this returns, the program reads
        running.stdin.flush()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert err == b"pveforensics: interrupted\n"
    assert out == b""


def test_progress_is_for_a_terminal_only(tmp_path):
    done = run("analyze", SCENARIOS / "planned-reboot" / "bundle", cwd=tmp_path)
    assert done.stderr == ""
    leader, follower = pty.openpty()
    call = [sys.executable, "-P", "-m", "pveforensics", "analyze", str(SCENARIOS / "planned-reboot" / "bundle")]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=follower) as running:
        assert running.wait(timeout=120) == 0
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert "syslog" in shown
    assert shown.endswith("\r\x1b[K")


def test_collect_prints_the_script_and_writes_it(tmp_path):
    printed = run("collect", cwd=tmp_path)
    assert printed.returncode == 0
    assert printed.stdout.startswith("#!/bin/sh\n# pveforensics collect ")
    assert "@VERSION@" not in printed.stdout
    assert run("collect", "-o", "collect.sh", cwd=tmp_path).returncode == 0
    assert (tmp_path / "collect.sh").read_text() == printed.stdout
    done = run("collect", "-o", "missing/collect.sh", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_inventory_prints_what_is_there_and_writes_only_its_document(tmp_path):
    done = run("inventory", SCENARIOS / "missing-node" / "bundle", "--json", "held.json", "--now", NOW, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["held.json"]
    assert "nothing of it is in the bundle" in done.stdout
    assert "pveforensics collect | ssh root@" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    document = json.loads((tmp_path / "held.json").read_text())
    assert (document["schema"], document["generator"]["now"]) == ("pveforensics.inventory/1", "2026-03-15T12:00:00.000Z")
    first = (tmp_path / "held.json").read_bytes()
    again = run("inventory", SCENARIOS / "missing-node" / "bundle", "--json", "held.json", "--now", NOW, "-q", cwd=tmp_path)
    assert (again.returncode, again.stdout, (tmp_path / "held.json").read_bytes()) == (0, "", first)


def test_inventory_exits_as_analyze_does(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "syslog").write_text("Mar 15 09:00:00 alpha CRON[1]: (root) CMD (true)\n" * 3)
    (tmp_path / "torn" / "syslog.1.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    for arguments, code in (
        (["empty"], 3),
        (["no-such-file.tgz"], 3),
        (["torn"], 4),
        (["torn", "--timezone", "Mars/Olympus"], 2),
        (["torn", "--rules", "empty"], 2),
        (["torn", "--json", "empty"], 2),
        ([], 2),
    ):
        done = run("inventory", *arguments, cwd=tmp_path)
        assert done.returncode == code, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        assert code == 4 or done.stderr.count("\n") == 1, arguments


def test_inventory_names_every_file_with_v(tmp_path):
    done = run("inventory", SCENARIOS / "missing-node" / "bundle", "-v", cwd=tmp_path)
    read = [line for line in done.stderr.splitlines() if line.startswith("read: ")]
    assert read
    assert f"{len(read)} files read" in done.stdout
