"""What must not change a verdict: clocks, zones, unrelated lines, file names, rotation. What may: missing logs, downwards."""

import datetime
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.bundle import Limits, open_bundles
from pveforensics.intake import take_in
from pveforensics.pipeline import examine, load_pack

FIXTURES = Path(__file__).parents[1] / "fixtures"
STORIES = (
    "isolated-node-fenced",
    "switch-outage-fences-all",
    "planned-reboot",
    "power-loss",
    "kernel-panic",
    "even-split",
    "flapping-link",
    "cold-start",
    "fence-words-after-planned-shutdown",
    "missing-node",
)
ALL = sorted(
    folder.name for folder in FIXTURES.glob("scenarios/*") if (folder / "expect.json").exists() and folder.name != "truncated-bundle"
)
STAMP = re.compile(rb"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d")
PLAIN = re.compile(rb"(?m)^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d")
ABOUT_CLOCKS = {"clock_jump"}


@cache
def pack():
    return load_pack()


@cache
def story(name):
    sys.path.insert(0, str(FIXTURES))
    try:
        import compose
    finally:
        sys.path.remove(str(FIXTURES))
    return compose.SCENARIOS[name]().files


def told(files):
    """Findings by class and node, and how each boot ended; edges and confidences are left out."""
    with tempfile.TemporaryDirectory() as folder:
        for path, data in files.items():
            target = Path(folder, "bundle", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        with open_bundles([str(Path(folder, "bundle"))], Limits()) as bundle:
            case = examine(take_in(bundle, pack().signatures), pack())
    found = sorted((f.class_, tuple(sorted(f.nodes))) for f in case.findings if f.class_ not in ABOUT_CLOCKS)
    ends = sorted((node.name, [boot.ended_by for boot in node.boots]) for node in case.nodes)
    return found, ends, case


@cache
def untouched(name):
    return told(story(name))[:2]


def moved(data, seconds):
    """A log whose clock ran ahead by so many seconds."""
    ahead = datetime.timedelta(seconds=seconds)

    def iso(found):
        return (datetime.datetime.fromisoformat(found[0].decode()) + ahead).isoformat(timespec="microseconds").encode()

    def plain(found):
        at = datetime.datetime.strptime("2026 " + found[0].decode(), "%Y %b %d %H:%M:%S").replace(tzinfo=datetime.UTC) + ahead
        return at.strftime("%b %e %H:%M:%S").encode()

    return PLAIN.sub(plain, STAMP.sub(iso, data))


def shifted(files, seconds, node=""):
    """The bundle with the clock of one node, or of all, set ahead."""
    return {path: moved(data, seconds) if "/log/" in path and path.startswith(node) else data for path, data in files.items()}


def nodes_of(files):
    return sorted({path.partition("/")[0] for path in files})


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("seconds", [37, -37, 3600, -3600, -1234.5])
def test_one_wrong_clock_changes_no_verdict(name, seconds):
    files = story(name)
    nodes = nodes_of(files)
    for node in nodes[:1] + nodes[-1:]:
        found, ends, case = told(shifted(files, seconds, node + "/"))
        assert (found, ends) == untouched(name), node
        offsets = {each.name: each.clock_offset_s for each in case.nodes}
        assert max(map(abs, offsets.values())) == pytest.approx(abs(seconds), abs=2.5) or len(nodes) < 2


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("seconds", [-86400 * 40, 7200, 86400 * 3])
def test_the_time_of_the_year_changes_no_verdict(name, seconds):
    assert told(shifted(story(name), seconds))[:2] == untouched(name)


@settings(max_examples=25)
@given(data=st.data())
def test_generated_changes_change_no_verdict(data):
    name = data.draw(st.sampled_from(ALL))
    files = dict(story(name))
    for change in data.draw(st.lists(st.sampled_from([one_clock, noise, renamed, rotated]), min_size=1, max_size=3, unique=True)):
        files = change(files, data.draw)
    assert told(files)[:2] == untouched(name)


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("large-cluster-fences-healthy-nodes", {"alpha": 1, "beta": 1, "gamma": 153}),
        ("large-cluster-fences-healthy-nodes", {"alpha": 136, "beta": 188, "gamma": 130}),
        ("large-cluster-fences-healthy-nodes", {"alpha": 166, "beta": 69, "gamma": 72}),
    ],
)
@pytest.mark.parametrize("as_name", ["syslog", "messages"])
def test_where_a_log_was_cut_changes_no_verdict(name, cuts, as_name):
    """The newer file may hold few programs and begin in the middle of a second: the two are one log."""
    chosen = iter([as_name, *cuts.values()])
    files = renamed(story(name), lambda _: next(chosen))
    assert sorted(cuts) == nodes_of({path: data for path, data in files.items() if "/log/" in path})
    assert told(rotated(files, lambda _: next(chosen)))[:2] == untouched(name)


def one_clock(files, draw):
    seconds = draw(st.integers(-3600, 3600))
    return shifted(files, seconds, draw(st.sampled_from(nodes_of(files))) + "/")


def noise(files, draw):
    """Lines of a program that no rule speaks of, each behind the line whose stamp it takes.

    Not before it: in front of a boot's first line, with that boot's stamp, they would hide the last line of the boot before, of
    which no more is kept than two lines of context. Then less is known of when it ended, and the report is less sure of the cause.
    """
    changed = {}
    for path, data in files.items():
        lines = data.splitlines(keepends=True)
        if "/log/" in path:
            for number in range(draw(st.integers(0, 12))):
                place = draw(st.integers(0, len(lines) - 1))
                head = re.match(rb"\S+ \S+ |\S+ +\d+ \S+ \S+ ", lines[place])
                lines.insert(place + 1, head[0] + f"backup-agent[{9000 + number}]: pass {number} of the nightly report is done\n".encode())
        changed[path] = b"".join(lines)
    return changed


def renamed(files, draw):
    """The log under another name, with the files of its rotation: if one of them alone had another name, nothing would tell that
    the two are one log, and a file of few programs proves nothing by itself.
    """
    name = draw(st.sampled_from(["messages", "syslog.txt", "daemon.log", "alles"]))
    return {re.sub(r"(?<=/log/)syslog(?=$|\.1$)", name, path): data for path, data in files.items()}


def rotated(files, draw):
    """The log of each node in two files, the older part under the rotated name."""
    changed = {}
    for path, data in files.items():
        lines = data.splitlines(keepends=True)
        if "/log/" in path and len(lines) > 3:
            cut = draw(st.integers(1, len(lines) - 1))
            changed[path] = b"".join(lines[cut:])
            changed[path + ".1"] = b"".join(lines[:cut])
        else:
            changed[path] = data
    return changed


RESETS = {"fencing", "unclean_boot", "kernel_crash", "node_lost"}


def about(case, node):
    return {f.class_: f.confidence for f in case.findings if f.nodes[:1] == (node,)}


def test_without_the_fenced_nodes_log_it_is_less_sure_and_never_another_verdict():
    files = story("isolated-node-fenced")
    whole = about(told(files)[2], "gamma")
    others = {path: data for path, data in files.items() if not path.startswith("gamma/")}
    less = about(told(others)[2], "gamma")
    assert less["fencing"] < whole["fencing"]
    assert not {"planned_shutdown", "unclean_boot", "kernel_crash"} & set(less)
    assert "evidence_gap" in less


def test_without_all_others_logs_the_fence_stands_on_its_own_log_and_is_no_surer():
    files = story("isolated-node-fenced")
    whole = about(told(files)[2], "gamma")
    own = {path: data for path, data in files.items() if path.startswith("gamma/")}
    found, ends, case = told(own)
    less = about(case, "gamma")
    assert less["fencing"] <= whole["fencing"]
    assert not {"planned_shutdown", "unclean_boot", "kernel_crash"} & set(less)
    assert ends[0][0]
    assert {pair[0] for pair in found} & RESETS == {"fencing"}


@pytest.mark.parametrize("name", ["planned-reboot", "power-loss", "kernel-panic", "fence-words-after-planned-shutdown"])
@pytest.mark.parametrize("kept", ["own", "others"])
def test_a_missing_side_never_makes_a_fence_of_what_was_none(name, kept):
    files = {path: data for path, data in story(name).items() if path.startswith("gamma/") == (kept == "own")}
    _, ends, case = told(files)
    fences = [f for f in case.findings if f.class_ == "fencing"]
    assert all(f.confidence < 0.75 for f in fences), fences
    assert not fences or kept == "others"
    if name in ("planned-reboot", "fence-words-after-planned-shutdown"):
        assert not fences
        assert not any("fencing" in boots for _, boots in ends)
