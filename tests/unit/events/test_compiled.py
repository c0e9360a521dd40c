"""The compiled loops of the scan give what their twins in numpy give, for any bytes, and never leave the text that they are handed."""

import ctypes
import os
from array import array

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pveforensics.events import Signature, SignatureIndex, make_matcher
from pveforensics.events.scan import anchored, columns, compiled, grouping, layout, shelving, survey
from pveforensics.events.scan import meanings as meanings_of
from pveforensics.events.scan.anchored import HitLines
from pveforensics.events.scan.matcher import CODE_BITS
from pveforensics.events.scan.pieces import joined
from pveforensics.events.scan.words import Page, Room, low_bytes, word
from pveforensics.timeline import blocks, loops, merging, sink

LINES = [
    b"Mar 14 02:13:07 alpha pvestatd[1201]: x", b"Mar 14 02:13:07 alpha kernel: [1.5] y", b"Mar 14 02:13:60 alpha x[1]: y", b"Mar 14 24:13:07 alpha x[1]: y",
    b"Mar 15 00:00:00 alpha x[12345678]: y", b"Mar 14 02:13:07 b x[1]: y", b"Mar 14 02:13:07", b"", b"Feb 31 02:13:07 alpha x[1]: y", b"\xff" * 20,
    b"Mar 14 02:13:07 a-host-with-a-very-long-name.example.net (sd-pam)[55]: ]: z", b"Mar 14 02:13:07 alpha a-tag-that-is-longer-than-it-may-be-here[4]: x",
    b"2026-03-14T02:13:07.123456+01:00 alpha x[1]: y", b"2026-03-14T02:13:07.12345x+01:00 alpha x[1]: y", b"2026-03-14T02:13:07.000001Z alpha corosync[1]:  [TOTEM ] z",
    b"Mar 14 02:13:07 alpha x[]: y", b"Mar 14 02:13:07 alpha x[1]:y", b"Mar 14 02:13:07 " + b"n" * 62 + b" x[1]: y", b"Mar 14 02:13:07 alpha " + b"y" * 9_000,
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(LINES) | st.binary(max_size=60).map(lambda text: text.replace(b"\0", b"")), min_size=1, max_size=40).map(
    b"\n".join
)
NONE = Room()


@pytest.fixture(scope="module", autouse=True)
def _is_compiled():
    if compiled.library() is None and os.environ.get("CI") != "true":
        pytest.skip("nothing was compiled here: `make native`, or a wheel made where there is a C compiler")
    assert compiled.library() is not None


def in_numpy(monkeypatch):
    monkeypatch.setattr(compiled, "library", lambda: None)


def read(text, form):
    """What the columns of a layout say of a text, with what was learned from it."""
    page, taken = Page(text, Room()), columns.Columns(form)
    rows = [taken.read(page) for _ in range(2)][-1]
    fits = rows.ok
    return (
        page.starts.tolist(), page.ends.tolist(), fits.tolist(), rows.taught, taken.heads.programs, [host.name for host in taken.heads.hosts],
        *(column[fits].tolist() for column in (rows.at, rows.host, rows.tag, rows.message)),
    )  # fmt: skip


@given(TEXTS, st.sampled_from([layout.layout_of([line]) for line in (LINES[0], LINES[12], LINES[14])]))
@example(b"", layout.layout_of([LINES[0]]))
@example(b"\n\n\n", layout.layout_of([LINES[12]]))
@example(b"\n".join(LINES * 3), layout.layout_of([LINES[0]]))
def test_heads_are_read_the_same(text, form):
    with pytest.MonkeyPatch.context() as patch:
        in_numpy(patch)
        expected = read(text, form)
    assert read(text, form) == expected


def surveyed(text, form):
    """The same from one look at the text, the second page of it with what was learned from the first."""
    taken = columns.Columns(form)
    for _ in range(2):
        page, begins = taken.survey(text, Room())
        rows = taken.read(page, None, begins)
    fits = rows.ok
    assert rows.host_of_all < 0 or set(rows.host[fits].tolist()) <= {rows.host_of_all}
    cuts = [cut for cut in rows.cuts.tolist() if fits[cut] and fits[cut - 1]]
    return page.starts.tolist(), page.ends.tolist(), fits.tolist(), *(column[fits].tolist() for column in rows[1:5]), cuts


@given(TEXTS, st.sampled_from([layout.layout_of([line]) for line in (LINES[0], LINES[12], LINES[14])]))
@example(b"", layout.layout_of([LINES[0]]))
@example(b"\n" * 300, layout.layout_of([LINES[0]]))
@example(b"\n".join(LINES * 3), layout.layout_of([LINES[0]]))
@example((LINES[0] + b"\n") * 900 + LINES[5] + (b"\n" + LINES[0]) * 900 + b"\n" + LINES[4], layout.layout_of([LINES[0]]))
def test_a_survey_says_the_same_as_lines_and_their_heads_one_by_one(text, form):
    with pytest.MonkeyPatch.context() as patch:
        in_numpy(patch)
        expected = surveyed(text, form)
    assert surveyed(text, form) == expected


def in_lists(said):
    starts, ends, heads = said
    return starts.tolist(), ends.tolist(), *(column.tolist() for column in heads[:5]), heads[5:]


@given(st.lists(TEXTS | st.just(b""), min_size=1, max_size=4), st.integers(0, 30), st.booleans())
@example([b"x" * 40_000 + b"\n", LINES[0] + b"\n", b"\n" * 9_000], 0, False)
@example([LINES[0] + b"\n" + LINES[5], b"\0"], 0, False)
def test_a_text_in_parts_is_surveyed_as_if_whole(parts, less, nul):
    parts = [*parts, b"y" * less + (b"\0" if nul else b"") + b"z"]
    size = sum(map(len, parts)) - less
    reader = survey.HeadReader(7, 15, b"", 15, 8192, (1, 9), fraction=False)
    reader.know([tuple((low_bytes(len(part)), word(part)) for part in (b" alpha ",))])
    found, whole = reader.survey_of_parts(parts, size), b"".join(parts)[:size]
    assert (found is None) == (b"\0" in whole)
    assert joined(parts, size) == (None if b"\0" in b"".join(parts) else whole)
    if found is None:
        return
    text, said = found
    assert text == whole
    shown = said and in_lists(said)  # the next survey overwrites it
    assert shown is None or shown == in_lists(reader.survey(whole))


INDEX = SignatureIndex(
    [
        Signature(
            "slow", "slow", "s", r"^status update time \((?P<seconds>[\d.]+) seconds\)$", programs=("pvestatd",), everyday="seconds)"
        ),
        Signature(
            "list", "list", "s", r"\[TOTEM *\] Retransmit List: (?P<seqs>[0-9a-f ]+)", programs=("corosync",), storm=True, everyday=""
        ),
        Signature("task", "task", "s", r"starting task UPID:(?P<node>[^:]+):", everyday=""),
        Signature("crm", "crm", "s", r"status change (?P<from>\w+) => (?P<to>\w+)", programs=("pve-ha-crm",)),
    ]
)
BEGINS = [
    "pvestatd[1]: status update time (1.5 seconds)",
    "corosync[2]:   [TOTEM ] Retransmit List: 4a",
    "corosync[2]: notice  [TOTEM ] Retransmit List: 4a",
]
MEANT = [
    *BEGINS,
    "x[4]: y Mar 14 02:13:07 alpha x[1]: starting task UPID:a: and UPID:b",
    "x[4]: (@1) UPID: Linux version ",
    "pve-ha-crm[3]: status change slave => master",
    "x[4]: starting task UPID:a: status change a => b",
    "pvestatd[1]: status update time (x",
    "é",
    "",
]
HELD = st.lists(st.sampled_from(MEANT).flatmap(lambda text: st.sampled_from([text, text + "\r"])), min_size=1, max_size=30)


@given(HELD, st.randoms(), st.booleans())
def test_hits_are_located_and_grouped_the_same(messages, draw, shelves):
    text = "\n".join(message and f"Mar 14 {draw.randrange(2, 4):02}:13:07 alpha {message}" for message in messages).encode()
    hits = make_matcher(INDEX).hits(text)
    draw.shuffle(hits)
    codes = array("q", (end << CODE_BITS | literal for literal, end in hits))
    fed = np.array([draw.random() < 0.2 for _ in messages], np.bool_)
    marked = draw.choice([2, len(INDEX.texts) + 20])

    def sorted_out(*, at_once):
        taken = columns.Columns(layout.layout_of([LINES[0]]))
        page = Page(text, Room())
        rows = [taken.read(page) for _ in range(2)][-1]
        meanings = meanings_of.Meanings(INDEX, shelves=shelves)
        meanings.learn(taken.heads.programs)
        located = grouping.locate(page, codes, marked)
        hit = np.unique(located.codes >> CODE_BITS)
        lines, two = HitLines(hit, rows.tag[hit], rows.message[hit]), rows.ok[hit]
        two[two] = page.holding(lines.messages[two], page.ends[hit[two]], b"]: ")
        feed = fed | ~rows.ok
        whole = rows.ok
        if at_once:
            page, begins = taken.survey(text, Room())
            assert not begins.strange or not taken.heads.hosts
        if at_once and not begins.strange:
            rows = taken.read_hit(begins, codes, marked, text)
            located, lines, two = rows.hits[:2], rows.hits.lines, rows.hits.seconds
        assert rows.ok[hit].tolist() == whole[hit].tolist()
        groups = grouping.grouped(page, located[0], lines, feed, rows, meanings)
        kept = shelving.kept(7, page, rows, groups.kept, np.array([4, 9]))
        fits = rows.ok[lines.lines]
        return [
            located[0].tolist(), sorted(located[1].tolist()), *(column[fits].tolist() for column in lines), np.arange(len(hit))[two].tolist(),
            *(column.tolist() for column in groups[:-2]), *(column.tolist() for column in groups.kept[:2]), groups.kept.size, groups.crowd, kept.wide.tolist(), kept.narrow.tolist(), kept.text,
        ]  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        in_numpy(patch)
        expected = sorted_out(at_once=False)
    assert sorted_out(at_once=False) == expected
    assert sorted_out(at_once=True) == expected


@given(TEXTS, st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 90)), max_size=30), st.binary(min_size=3, max_size=3))
@example(b"a]: b", [(0, 5), (1, 3), (2, 3)], b"]: ")
def test_stretches_and_words_are_taken_the_same(text, stretches, three):
    page = Page(text, Room())
    begins = np.array([min(begin, len(text)) for begin, _ in stretches], np.int64)
    ends = np.minimum(begins + np.array([length for _, length in stretches], np.int64), len(text))
    ours = page.joined(begins, ends), page.holding(begins, ends, three).tolist(), page.words_at(begins).tolist()
    with pytest.MonkeyPatch.context() as patch:
        in_numpy(patch)
        twin = Page(text, Room())
        assert ours == (twin.joined(begins, ends), twin.holding(begins, ends, three).tolist(), twin.words_at(begins).tolist())


@given(TEXTS, st.integers(0, 3), st.sampled_from([b"", b"\r", b"\r\r"]))
@example(b"\n".join(LINES), 1, b"\r")
@example(b"\n".join(b"Mar 14 02:13:07 alpha x[%d]: y" % (10**digits - 1) for digits in range(9)), 0, b"")
def test_lines_are_put_in_columns_the_same(text, left, returns):
    page, taken = Page(text.replace(b"\n", returns + b"\n"), Room()), columns.Columns(layout.layout_of([LINES[0]]))
    rows = [taken.read(page) for _ in range(2)][-1]
    hosts = np.array([*range(4, 4 + len(taken.heads.hosts)), 0], np.uint16)
    programs = np.array([number if number % 4 != left else -1 for number in range(len(taken.heads.programs))], np.int32)
    known = loops.PageLines(page.starts, page.ends, *rows[:5], hosts, programs)
    ours, odd = loops.entries(page.data, known, 7)
    expected, expected_odd = sink.entries_in_numpy(page, known, 7)
    assert odd.tolist() == expected_odd.tolist()
    for column, twin in zip(ours, expected, strict=True):
        assert (column.dtype, column.tolist()) == (twin.dtype, twin.tolist())


@given(st.lists(st.tuples(st.binary(max_size=90), st.binary(max_size=5)), max_size=30), st.booleans())
def test_messages_are_packed_the_same(parts, viewed):
    lengths = np.array([(len(message), len(between)) for message, between in parts], np.int64).reshape(-1, 2)
    edges = np.cumsum(lengths.ravel()).reshape(-1, 2)
    text = b"".join(message + between for message, between in parts)
    batch = blocks.Batch(memoryview(text) if viewed else text, *(edges[:, 0],) * 8)._replace(begin=edges[:, 0] - lengths[:, 0])
    ours = blocks.packed(batch)
    with pytest.MonkeyPatch.context() as patch:
        in_numpy(patch)
        twin = blocks.packed(batch)
    assert bytes(ours.text) == bytes(twin.text) == b"".join(message for message, _ in parts)
    for some in (ours, twin):
        assert [bytes(some.text[begin:end]) for begin, end in zip(some.begin.tolist(), some.end.tolist(), strict=True)] == [
            message for message, _ in parts
        ]


def piece(turn, text, lines, *, path=0):
    """A piece of lines, each with a key, its begin and its end."""
    key, begin, end = np.array(lines, np.int64).reshape(-1, 3).T
    count = np.arange(len(lines))
    host, program = (count % 3).astype(np.uint16), (count * 7 % 50).astype(np.uint16)
    batch = blocks.Batch(
        text, key, count + 5, begin.astype(np.uint32), end.astype(np.uint32), count * 3, (count % 2).astype(np.uint16), host, program
    )
    return merging.Piece(
        turn, batch, (count % 4).astype(np.int32), np.array([8, 6, 7], np.int32), path, int((batch.end - batch.begin).view(np.int32).sum())
    )


@given(
    st.lists(
        st.lists(st.tuples(TEXTS, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000), st.integers(0, 90)), min_size=1, max_size=9)), max_size=5),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_lines_of_blocks_are_merged_the_same(drawn):
    pieces = [
        piece(
            turn, text, sorted((key + 10 * turn, min(at, len(text)), min(at + length, len(text))) for key, at, length in lines), path=path
        )
        for turn, some in enumerate(drawn)
        for path, (text, lines) in enumerate(some)
    ]
    if not pieces:
        return
    expected = sorted((int(some.lines.at[row]), number, row) for number, some in enumerate(pieces) for row in range(len(some.kind)))
    rows, said = merging.merged(pieces)
    shown = [
        bytes(pieces[number].lines.text[int(pieces[number].lines.begin[row]) : int(pieces[number].lines.end[row])])
        for _, number, row in expected
    ]
    assert said.cast(pa.binary()).to_pylist() == shown
    assert list(zip(rows.key.tolist(), rows.path.tolist(), rows.line.tolist(), strict=True)) == [
        (key, pieces[number].path, row + 5) for key, number, row in expected
    ]
    with pytest.MonkeyPatch.context() as patch:
        in_numpy(patch)
        twin, twin_said = merging.merged(pieces)
    assert twin_said.cast(pa.binary()).equals(said.cast(pa.binary()))
    for column, other in zip(rows, twin, strict=True):
        assert (column.dtype, column.tolist()) == (other.dtype, other.tolist())


@pytest.mark.parametrize("wrong", [(0, 4), (3, 2), (9, 10)])
def test_a_message_outside_of_its_block_is_not_merged(wrong):
    pieces = [piece(1, b"abc", [(1, 0, 3), (2, *wrong)]), piece(1, b"", [(0, 0, 0)])]
    with pytest.raises(ValueError, match="outside"):
        merging.merged(pieces)


def test_a_host_without_a_node_is_not_merged():
    known = piece(1, b"abc", [(1, 0, 3)] * 3)
    with pytest.raises(ValueError, match="outside"):
        merging.merged([known._replace(nodes=known.nodes[:2])])


def test_lines_shorter_than_reckoned_are_all_found():
    text = b"\n" * 10_000 + b"x"
    assert compiled.newlines(text).tolist() == list(range(10_000))


def test_a_line_outside_of_the_text_is_not_kept():
    ends, ok, at, host = np.array([3, 9]), np.ones(2, np.bool_), np.zeros(2, np.int64), np.zeros(2, np.int64)
    table = anchored.PageTable(2, *(column.ctypes.data for column in (ends, ok, at, host)))
    for place, size in ((1, 5), (2, 0), (-1, 0), (0, 2)):
        with pytest.raises(ValueError, match="outside"):
            anchored.kept(b"abc", table, anchored.ToKeep(np.array([place]), np.array([5]), size), 1, np.array([0]), -1)
    assert anchored.kept(b"abc", table, anchored.ToKeep(np.array([0]), np.array([5]), 3), 1, np.array([0]), -1).text == b"abc"


def test_what_lies_outside_of_the_text_counts_as_nul():
    places = np.array([-(2**62), -1, 0, 5, 8, 9, 2**62])
    assert [int(word).to_bytes(8, "little") for word in compiled.words(b"abcdefghi", places)] == [
        b"\0" * 8, b"\0" * 8, b"abcdefgh", b"fghi\0\0\0\0", b"i" + b"\0" * 7, b"\0" * 8, b"\0" * 8,
    ]  # fmt: skip


def test_a_library_of_another_version_or_of_another_machine_is_left_alone(monkeypatch, tmp_path):
    try:
        for version in (compiled.VERSION, compiled.VERSION + 1):
            monkeypatch.setattr(compiled, "VERSION", version)
            compiled.library.cache_clear()
            assert (compiled.library() is None) == (version != ctypes.CDLL(str(compiled.FILE)).pveforensics_lines_version())
        for content in (b"", b"\x7fELF", b"no library"):
            (tmp_path / "other.so").write_bytes(content)
            monkeypatch.setattr(compiled, "FILE", tmp_path / "other.so")
            compiled.library.cache_clear()
            assert compiled.library() is None
            assert compiled.newlines(b"a\nb") is None
    finally:
        monkeypatch.undo()
        compiled.library.cache_clear()
