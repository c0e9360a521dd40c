"""`timeline` as a user meets it."""

import gzip
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

SCENARIOS = Path(__file__).parents[1] / "fixtures" / "scenarios"
BUNDLE = SCENARIOS / "isolated-node-fenced" / "bundle"


def command(*arguments):
    return [sys.executable, "-P", "-m", "pveforensics", *map(str, arguments)]


def run(*arguments, cwd, **more):
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
    return subprocess.run(command(*arguments), cwd=cwd, check=False, capture_output=True, text=True, env=environment, timeout=120, **more)


def test_events_of_all_nodes_come_in_order_with_their_node(tmp_path):
    done = run("timeline", BUNDLE, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[:24] for line in lines] == sorted(line[:24] for line in lines)
    assert {line[25:].split()[0] for line in lines} == {"alpha", "beta", "gamma"}
    assert list(tmp_path.iterdir()) == []


def test_all_lines_are_there_once_each(tmp_path):
    done = run("timeline", "--all", BUNDLE, "--node", "gamma", cwd=tmp_path)
    written = [line for line in (BUNDLE / "gamma/var/log/syslog").read_text().splitlines() if line.strip()]
    assert len(done.stdout.splitlines()) >= len(written)
    assert all("gamma" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_files_are_their_owners_alone_and_replace_what_was_there(tmp_path, suffix):
    target = tmp_path / f"t.{suffix}"
    target.write_text("old")
    done = run("timeline", "--all", BUNDLE, "-o", target.name, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [target.name]
    assert target.stat().st_size > 1_000


def test_analyze_writes_its_events_as_a_table(tmp_path):
    done = run("analyze", BUNDLE, "--timeline", "t.parquet", "--json", "c.json", "-q", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    events = json.loads((tmp_path / "c.json").read_text())["events"]
    assert sorted(pq.read_table(tmp_path / "t.parquet").column("event").to_pylist()) == sorted(each["id"] for each in events)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-o", "x.xlsx"], "expected a name that ends in .parquet"),
        (["-o", "no/such/x.csv"], "there is no folder"),
        (["--grep", "("], "--grep ("),
        (["--since", "yesterday"], "--since yesterday"),
        (["--node", "delta"], "no such node here; expected one of alpha, beta, gamma"),
        (["--timezone", "Nowhere"], "--timezone Nowhere"),
    ],
)
def test_a_wrong_call_is_one_line_and_two(tmp_path, arguments, word):
    done = run("timeline", BUNDLE, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_read_is_three_and_damage_four(tmp_path):
    (tmp_path / "x.bin").write_bytes(bytes(range(256)) * 50)
    done = run("timeline", "x.bin", "-o", "x.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), (tmp_path / "x.csv").exists()) == (3, 1, False)
    text = "".join(f"2026-03-14T01:{at // 60 % 60:02}:{at % 60:02}.000000+00:00 alpha x[{at}]: y{at * 7919}\n" for at in range(3_000))
    (tmp_path / "syslog.gz").write_bytes(gzip.compress(text.encode())[:-4_000])
    done = run("timeline", "--all", "syslog.gz", "-v", cwd=tmp_path)
    assert done.returncode == 4
    assert len(done.stdout.splitlines()) > 100
    assert "not read: syslog.gz" in done.stderr


def test_a_reader_that_leaves_is_no_error(tmp_path):
    line = "2026-03-14T01:{:02}:{:02}.000000+00:00 alpha x[1]: some message that fills the pipe\n"
    (tmp_path / "syslog").write_text("".join(line.format(at // 60 % 60, at % 60) for at in range(20_000)))
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command("timeline", "--all", "syslog"), cwd=tmp_path, **pipe) as process:
        assert process.stdout.readline().startswith("2026-03-14T01:00:00.000Z")
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def test_a_terminal_gets_colours_unless_it_is_told_not_to(tmp_path):
    def seen(**environment):
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as screen:
            variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"} | environment
            arguments = command("timeline", BUNDLE, "--kind", "boot_started", "-q")
            process = subprocess.Popen(arguments, cwd=tmp_path, stdout=theirs, stderr=subprocess.DEVNULL, env=variables)
            os.close(theirs)
            parts = []
            try:
                while part := screen.read(65_536):
                    parts.append(part)
            except OSError:
                pass
            process.wait(60)
        return b"".join(parts)

    assert b"\x1b[" in seen()
    assert b"\x1b[" not in seen(NO_COLOR="1")
    assert b"\x1b[" not in seen(TERM="dumb")


def test_an_archive_from_stdin_is_read_once(tmp_path):
    archive = subprocess.run(["tar", "-C", BUNDLE.parent, "-czf", "-", "bundle"], check=True, capture_output=True).stdout
    done = subprocess.run(command("timeline", "--all", "-"), cwd=tmp_path, input=archive, check=False, capture_output=True, timeout=120)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(run("timeline", "--all", BUNDLE, cwd=tmp_path).stdout.splitlines())
