"""`pveforensics rules`: the shipped pack and one's own, a skeleton to begin with, and why a rule did not fire."""

from pathlib import Path
from typing import NamedTuple

import pytest

from pveforensics import analyze
from pveforensics.cli import _guarded, app

BUNDLE = Path(__file__).parents[1] / "fixtures" / "scenarios" / "planned-reboot" / "bundle"


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """The command line in this process: a new one for each call would cost more than what it does."""

    def in_process(*arguments):
        monkeypatch.chdir(tmp_path)
        code = _guarded(lambda: app(["rules", *map(str, arguments)], standalone_mode=True))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return in_process


@pytest.fixture
def mine(run, tmp_path):
    """A folder with one new rule in it."""
    done = run("new", "seen-twice", "--class", "quorum_loss", "--to", "mine")
    assert done.returncode == 0, done.stderr
    return tmp_path / "mine"


def test_a_skeleton_loads_and_holds_and_lint_says_what_is_missing(mine, run):
    tested = run("test", mine)
    assert (tested.returncode, tested.stdout) == (0, "3 of 3 examples hold\n")
    linted = run("lint", mine)
    assert linted.returncode == 1
    problems = linted.stdout.splitlines()[:-1]
    assert len(problems) > 8
    assert all("seen-twice.yaml:" in problem and "still to be written: " in problem for problem in problems)


def test_a_finished_rule_has_no_problem(mine, run):
    path = mine / "findings" / "quorum_loss" / "seen-twice.yaml"
    path.write_text(path.read_text().replace("TODO ", ""))
    assert run("lint", mine).stdout == "0 problems\n"
    listed = run("list", mine).stdout
    assert listed.count("\n") == 1
    assert "seen-twice" in listed
    assert "seen-twice" in run("list", "--rules", mine).stdout
    assert run("show", "seen-twice", "--rules", mine).stdout.startswith(f"# {path}:3\n")


def test_nothing_is_overwritten(mine, run):
    path = mine / "findings" / "quorum_loss" / "seen-twice.yaml"
    before = path.read_text()
    for more in ((), ("--class", "fencing")):
        again = run("new", "seen-twice", "--to", "mine", *(more or ("--class", "quorum_loss")))
        assert again.returncode == 2
        assert "nothing was written" in again.stderr
    assert path.read_text() == before
    assert len(list(mine.rglob("*.yaml"))) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("new", "Not An Id"), "expected a name of lower-case letters"),
        (("new", "self-fence"), "is there already"),
        (("new", "a-rule", "--class", "no_class"), "--class no_class: expected one of"),
        (("new", "a-rule", "--event", "no_event"), "--event no_event: no signature yields it"),
        (("lint", "no-folder"), "no-folder: is no folder"),
        (("lint", "."), "holds no rules"),
        (("test", "--why", "no-rule"), "no rule, question or benign line is called 'no-rule'"),
        (("test", "--why", "self-fence", "--example", "none such"), "self-fence has no example called 'none such'; it has: "),
        (("test", "--example", "x"), "go with --why"),
        (("show", "no-rule"), "no rule, question or signature is called 'no-rule'"),
    ],
)
def test_wrong_use_is_one_line(run, arguments, words):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_another_packs_mistakes_are_told_with_their_place(run, tmp_path):
    folder = tmp_path / "mine" / "events"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(
        "- id: a\n  kind: my_event\n  match: 'something said'\n  says: Said.\n  source: x\n  samples: [{line: 'x: something said'}]\n"
    )
    done = run("lint", "mine")
    assert done.returncode == 1
    assert done.stdout.startswith("mine/events/a.yaml:1: a: nothing uses 'my_event'; `timeline: true` says that it is only shown")
    (folder / "a.yaml").write_text("- id: a\n  kind: [\n")
    done = run("lint", "mine")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("mine/events/a.yaml:")


def test_why_on_an_example_and_on_a_bundle(run):
    done = run("test", "--why", "self-fence", "--example", "an ordered reboot is no fence")
    assert done.returncode == 0, done.stderr
    assert "on alpha: does not fire" in done.stdout
    assert "manner is clean, asked is that it is unclean" in done.stdout
    done = run("test", "--why", "self-fence", "--bundle", BUNDLE)
    assert done.returncode == 0, done.stderr
    assert "FAILED" in done.stdout
    assert ": fires" not in done.stdout
    done = run("test", "--why", "boot-end")
    assert "watchdog" in done.stdout


def test_a_sentence_names_no_node_and_no_kind_that_nothing_tells(tmp_path):
    log = tmp_path / "task.log"
    log.write_text(
        "INFO: copying\nservice 'vm:101' in error state, must be disabled and fixed first\nTASK ERROR: command failed: exit code 1\n"
    )
    told = {finding.rule: finding for finding in analyze(log).findings}
    assert told["task-failed"].title == "A task failed"
    assert told["task-failed"].summary == "A task failed: command failed: exit code 1"
    assert told["service-in-error"].title == "HA put vm:101 into the error state"
