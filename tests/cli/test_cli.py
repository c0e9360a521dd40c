"""The command line as a user meets it: outputs, exit codes, one line for an error."""

import json
import os
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
    assert run("analyze", SCENARIOS / "planned-reboot" / "bundle", "--fail-on", "medium", "-q", cwd=tmp_path).returncode == 0


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
