"""Engines, their cache and storms: what is faster must not be frailer."""

import pickle
import random
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pveforensics import cache
from pveforensics.events import Signature, SignatureIndex, backend_name, make_matcher, scan_log
from pveforensics.events.anchors import DIGIT
from pveforensics.events.scan import candidates, compiled, cpu, fast, hyper
from pveforensics.events.scan.candidates import Candidates
from pveforensics.events.scan.collector import Collector
from pveforensics.events.scan.nesting import Outer, outer_literals
from pveforensics.events.scan.plain import PlainMatcher
from pveforensics.events.scan.templates import stays_matched

WORDS = [f"literal number {number:03}" for number in range(150)]
BUFFER = "\n".join(f"Mar 14 02:13:07 alpha x[1]: literal number {number % 200:03} and so on" for number in range(500)).encode()


@pytest.fixture
def engine(tmp_path, monkeypatch):
    pytest.importorskip("hyperscan")
    if not cpu.runs_hyperscan():
        pytest.skip("not on this processor")
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "kept")
    return hyper.HyperscanMatcher


def lines_of(matcher):
    return {(index, BUFFER.count(b"\n", 0, end)) for index, end in matcher.hits(BUFFER)}


def literals():
    return [word.encode() for word in WORDS]


NESTED = st.lists(st.text("ab1 ", min_size=1, max_size=7), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(NESTED, st.lists(st.text("ab1 ", max_size=30), max_size=60), st.booleans())
@example(["b", "ab", "b", "bab", "abb"], ["abbab", "b", "", "bbabb"] * 40, False)
def test_literals_inside_others_are_all_found(engine, words, lines, compiled_loops):
    wanted = [
        word.replace("1", DIGIT).encode("utf-8", "surrogateescape") if number % 5 == 4 else word.encode()
        for number, word in enumerate(words)
    ]
    text = "\n".join(lines * 3).encode()

    def found(matcher):
        return {(index, text.count(b"\n", 0, end)) for index, end in matcher.hits(text)}

    with mock.patch.object(compiled, "library", compiled.library if compiled_loops else lambda: None):
        assert found(engine(wanted)) == found(PlainMatcher(wanted))


def test_a_literal_is_looked_for_around_its_inner_one_alone():
    assert outer_literals([b"xUPID:y", b"UPID:", b"UPID:", b"ab", b"xUPID:yz", b"\xffab", b""]) == {
        1: [Outer(0, 6, b"xUPID:y"), Outer(2, 5, b"UPID:"), Outer(4, 6, b"xUPID:yz")]
    }


def test_a_compiled_database_is_kept_and_used_again(engine, tmp_path):
    first = lines_of(engine(literals()))
    assert len(list((tmp_path / "kept").iterdir())) == 1
    with mock.patch.object(engine, "_compile", side_effect=AssertionError):
        assert lines_of(engine(literals())) == first == lines_of(PlainMatcher(literals()))


def test_a_damaged_entry_is_compiled_anew(engine, tmp_path):
    first = lines_of(engine(literals()))
    (entry,) = (tmp_path / "kept").iterdir()
    for damage in (b"", b"x" * 100, entry.read_bytes()[:-1], bytes(reversed(entry.read_bytes()))):
        entry.write_bytes(damage)
        assert lines_of(engine(literals())) == first


def test_a_folder_that_cannot_be_made_is_no_fault(engine, tmp_path):
    (tmp_path / "kept").write_text("a file where the folder should be")
    assert lines_of(engine(literals())) == lines_of(PlainMatcher(literals()))


def test_only_a_few_entries_are_kept(engine, tmp_path):
    for number in range(12):
        engine([*literals(), b"one more: %d" % number])
    assert len(list((tmp_path / "kept").iterdir())) <= 8


def expressions_of(engine, wanted):
    """What hyperscan is given to search for."""
    hyperscan = pytest.importorskip("hyperscan")
    with mock.patch.object(hyperscan, "Database") as database, mock.patch.object(hyperscan, "dumpb", return_value=b""):
        engine(wanted)
    return database.return_value.compile.call_args.kwargs["expressions"]


def test_hundreds_of_literals_are_never_searched_without_a_short_one(engine):
    """Hyperscan takes twice the time then: whether some rule or hint brings a short one must not matter."""
    alone = expressions_of(engine, literals())
    assert alone[-1] == rb"\x00\x01"
    assert len(alone) == len(WORDS) + 1
    assert expressions_of(engine, [*literals(), b"(@"]) == [*alone[:-1], rb"\(@"]
    assert expressions_of(engine, literals()[:20]) == alone[:20]


def test_what_is_searched_for_speed_alone_is_never_reported(engine):
    text = b"\x00\x01 literal number 007 \x00\x01\n" * 3
    found = sorted((index, text.count(b"\n", 0, end)) for index, end in engine(literals()).hits(text))
    assert (
        found
        == [(7, 0), (7, 1), (7, 2)]
        == sorted((index, text.count(b"\n", 0, end)) for index, end in PlainMatcher(literals()).hits(text))
    )


def test_a_matcher_travels_to_another_process(engine):
    assert lines_of(pickle.loads(pickle.dumps(engine(literals())))) == lines_of(engine(literals()))


def test_without_the_processors_help_another_engine_is_taken(monkeypatch):
    monkeypatch.setattr(cpu, "runs_hyperscan", lambda: False)
    assert backend_name() in {"ahocorasick_rs", "plain"}


def test_an_engine_that_fails_is_passed_over():
    def broken(_literals):
        raise OSError("illegal instruction")

    assert make_matcher(SignatureIndex(()), (broken, PlainMatcher)).name == "plain"


@pytest.mark.parametrize(
    ("machine", "flags", "runs"),
    [("x86_64", {"sse4_2", "popcnt"}, True), ("x86_64", {"sse2"}, False), ("aarch64", set(), True), ("riscv64", {"sse4_2"}, False)],
)
def test_processors(monkeypatch, machine, flags, runs):
    monkeypatch.setattr(cpu.platform, "machine", lambda: machine)
    monkeypatch.setattr(cpu.sys, "platform", "linux")
    monkeypatch.setattr(cpu, "flags", lambda: frozenset(flags))
    assert cpu.runs_hyperscan() is runs


@pytest.mark.parametrize(
    ("pattern", "stays"),
    [
        (r"\[TOTEM *\] Retransmit List: (?P<seqs>[0-9a-f ]+)", True), (r"^status (?:a|b)+? time", True), (r"ends here$", False),
        (r"a word\b", False), (r"(?:one|two$) three", False), (r"possessive a*+b", False), (r"atomic (?>a|ab)c", False),
    ],
)  # fmt: skip
def test_whether_more_text_can_undo_a_match(pattern, stays):
    assert stays_matched(pattern) is stays


INDEX = SignatureIndex([
    Signature("retransmit", "retransmit", "s", r"\[TOTEM *\] Retransmit List: (?P<seqs>[0-9a-f ]+)", programs=("corosync",), storm=True),
    Signature("refused", "refused", "s", r"connection refused by (?P<peer>\S+)", storm=True),
    Signature("lost", "lost", "s", r"\[QUORUM\] This node is within the non-primary", programs=("corosync",)),
])  # fmt: skip


def storm(seed, lines=8_000):
    draw = random.Random(seed)
    rows, second = [], 0
    for number in range(lines):
        second += draw.random() < 0.3
        head = f"Mar 14 {2 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} {draw.choice(['alpha', 'alpha', 'beta'])}"
        message = f"corosync[15]:   [TOTEM ] Retransmit List: {number:x} {number + 1:x}"
        if draw.random() < 0.1:
            message = draw.choice([
                "corosync[15]: notice  [TOTEM ] Retransmit List: 4a", "corosync[15]:   [TOTEM] Retransmit List: 4a", "x[3]: connection refused by y",
                "corosync[15]:   [TOTEM ] Retransmit List: zz", "corosync[16]: [QUORUM] This node is within the non-primary component", "CRON[7]: x",
                "corosync[15]: message repeated 5 times: [  [TOTEM ] Retransmit List: 5a]", "corosync:   [TOTEM ] Retransmit List: 4a",
            ])  # fmt: skip
        rows.append(draw.choice(["-- Reboot --", "  continued"]) if draw.random() < 0.002 else f"{head} {message}")
    return "\n".join(rows).encode()


@pytest.mark.parametrize("seed", range(4))
def test_storms_are_counted_the_same(seed):
    data = storm(seed)
    chunks = [data[at : at + 10_000] for at in range(0, len(data), 10_000)]
    with mock.patch("pveforensics.events.scan.SHORT", 1), mock.patch.multiple(fast, LEAST=1, SIZE=100_000):
        quick = scan_log("syslog", chunks, INDEX)
    assert quick == scan_log("syslog", [data], INDEX, fast=False)
    assert sum(record.count for record in quick.records) > 7_000


def test_a_storm_is_not_read_line_by_line():
    data = storm(0, 20_000).replace(b"notice  ", b"").replace(b"-- Reboot --", b"")
    chunks = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
    with (
        mock.patch.object(Collector, "add", autospec=True, side_effect=Collector.add) as add,
        mock.patch("pveforensics.events.scan.SHORT", 1),
        mock.patch.multiple(fast, LEAST=1, SIZE=1 << 18),
    ):
        scan_log("syslog", chunks, INDEX)
    assert add.call_count < 8_000


def test_of_the_lines_of_a_storm_few_become_objects():
    rows = [f"Mar 14 02:{k // 600:02}:{k // 10 % 60:02} alpha corosync[1]:   [TOTEM ] Retransmit List: {k:x}\n" for k in range(20_000)]
    chunks = ["".join(rows[at : at + 1_000]).encode() for at in range(0, len(rows), 1_000)]
    with (
        mock.patch("pveforensics.events.scan.candidates.Todo", side_effect=candidates.Todo) as made,
        mock.patch("pveforensics.events.scan.SHORT", 1),
        mock.patch.multiple(fast, LEAST=1, SIZE=1 << 18),
    ):
        scan = scan_log("syslog", chunks, INDEX)
    assert sum(record.count for record in scan.records) == 20_000
    assert made.call_count < 500  # one a minute, and those of the first page from which the storm is learned


def test_a_message_that_means_nothing_is_passed_over_when_it_comes_again():
    rows = []
    for number in range(20_000):
        message = "[QUORUM] This node is within the non-primary component" if number % 999 == 500 else "connection refused by"
        rows.append(f"Mar 14 02:{number // 600:02}:{number % 60:02} alpha corosync[1]: {message}\n")
    data = "".join(rows).encode()
    chunks = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
    index = SignatureIndex([*INDEX.signatures[:1], Signature("r", "r", "s", "connection refused by (?P<peer>a)"), INDEX.signatures[2]])
    with (
        mock.patch.object(Candidates, "_try", autospec=True, side_effect=Candidates._try) as tried,
        mock.patch("pveforensics.events.scan.SHORT", 1),
        mock.patch.multiple(fast, LEAST=1, SIZE=1 << 18),
    ):
        quick = scan_log("syslog", chunks, index)
    assert tried.call_count < 6_000
    assert quick == scan_log("syslog", [data], index, fast=False)
    assert len(quick.records) == 20


def test_the_copies_of_a_storm_that_corosync_2_leaves_count_once():
    rows = []
    for second in range(50):
        rows += [f"Mar 14 02:13:{second:02} alpha corosync[1]: {level}[TOTEM ] Retransmit List: {second:x}" for level in ("notice  ", "  ")]
    (record,) = scan_log("syslog", ["\n".join(rows).encode()], INDEX).records
    assert (record.count, record.last.text) == (50, "Mar 14 02:13:49")
