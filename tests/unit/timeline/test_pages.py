"""Pages of Parquet that are made here say what they were made of to a reader of others: Arrow."""

import io
import os
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pveforensics.events.scan import compiled
from pveforensics.timeline import loops, pages
from pveforensics.timeline.blocks import Batch
from pveforensics.timeline.files import PARQUET_LEVEL, write_parquet
from pveforensics.timeline.lines import EveryLine, LineRows, Names
from pveforensics.timeline.merging import Piece
from pveforensics.timeline.parquet import write_lines
from pveforensics.timeline.selection import Selection
from pveforensics.timeline.tables import LINES

WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
NEAR = st.integers(1_773_450_000_000_000, 1_773_450_000_900_000)
BASES = ["stated", "zone inferred", "aligned"]
PROGRAMS = ["", "pvedaemon", "kernel", "ü" * 9, "half \udcff", *(f"program-{number}" for number in range(90))]


@pytest.fixture(scope="module", autouse=True)
def _is_compiled():
    if compiled.library() is None and os.environ.get("CI") != "true":
        pytest.skip("nothing was compiled here: `make native`, or a wheel made where there is a C compiler")
    assert compiled.library() is not None


def rows_of(drawn, kinds=("quorum_lost", "boot_start")):
    """Rows, drawn as tuples: every second one lies in another block, of the same file or not."""
    drawn = sorted(drawn, key=lambda row: row[0])
    texts = {"basis": BASES, "node": ["alpha", "beta"], "kind": list(kinds), "program": PROGRAMS, "path": ["a/syslog", "b/syslog"]}
    names = Names(texts, [0.0, 1.5, 86_400.0], np.array([0, 0, 1, 2], np.int32), np.array([0, 1, 1, 2], np.int32))
    return LineRows([_piece(some) for some in (drawn[::2], drawn[1::2]) if some], names)


def _piece(drawn):
    key, claim, node, kind, program, pid, path, line, said = zip(*drawn, strict=True)
    ends = np.cumsum([len(text.encode()) for text in said], dtype=np.uint32)
    begins = np.concatenate((np.zeros(1, np.uint32), ends[:-1]))
    lines = Batch(
        "".join(said).encode(), np.array(key, np.int64), np.array(line, np.uint32), begins, ends, np.array(pid, np.uint32),
        np.array(claim, np.uint16), np.array(node, np.uint16), np.array(program, np.uint16),
    )  # fmt: skip
    return Piece(1, lines, np.array(kind, np.int32), np.array([0, 1], np.int32), path[0], int(ends[-1]))


def every_line(groups):
    return EveryLine(iter(groups), Selection())


def table(data):
    return pq.read_table(io.BytesIO(data)).unify_dictionaries()


def plain(data):
    return [
        (column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column).combine_chunks()
        for column in table(data).itercolumns()
    ]


def written(groups):
    ours, arrows = io.BytesIO(), io.BytesIO()
    write_parquet(ours, LINES, every_line(groups))
    with mock.patch.object(compiled, "library", return_value=None):
        write_parquet(arrows, LINES, every_line(groups))
    return ours.getvalue(), arrows.getvalue()


ROW = st.tuples(
    NEAR | WHOLE, st.integers(0, 3), st.integers(0, 1), st.integers(0, 2), st.integers(0, len(PROGRAMS) - 1),
    st.integers(0, 3) | st.integers(0, (1 << 32) - 1), st.integers(0, 1), st.integers(0, (1 << 32) - 1), st.text(max_size=20),
)  # fmt: skip
ROWS = st.lists(ROW, min_size=1, max_size=60)
PLAIN_ROW = (1_773_450_000_000_000, 1, 0, 2, 1, 9, 0, 1, "said")


@given(st.lists(ROWS, max_size=3), st.integers(1, 40))
@example([], 1)
@example([[PLAIN_ROW]], 1)
@example([[PLAIN_ROW] * 700, [(0, 0, 1, 2, 0, 0, 1, 7, "")] * 9], 1)
@settings(deadline=None)
def test_any_rows_are_read_as_they_are_where_arrow_writes_them(drawn, repeated):
    groups = [rows_of([row for row in rows for _ in range(repeated)]) for rows in drawn]
    ours, arrows = written(groups)
    assert table(ours).schema.equals(table(arrows).schema)
    assert plain(ours) == plain(arrows)
    told = pq.ParquetFile(io.BytesIO(ours)).metadata
    assert (told.num_rows, told.num_row_groups) == (sum(map(len, drawn)) * repeated, len(drawn))


def test_the_footer_tells_what_others_look_for():
    said = [(1_773_450_000_000_000 + row, 1 + (row > 5), 0, 2, 1, 9, 0, row, "said") for row in range(9)]
    ours, arrows = (pq.ParquetFile(io.BytesIO(data)).metadata for data in written([rows_of(said)]))
    for place in range(len(LINES)):
        one, other = ours.row_group(0).column(place), arrows.row_group(0).column(place)
        assert (one.path_in_schema, one.physical_type, one.compression, one.num_values) == (
            other.path_in_schema, other.physical_type, "ZSTD", other.num_values,
        )  # fmt: skip
        assert one.has_dictionary_page == other.has_dictionary_page
        assert ours.schema.column(place).equals(arrows.schema.column(place))
    time = ours.row_group(0).column(0).statistics
    assert (time.min, time.max, time.null_count) == arrows_of(arrows)
    assert ours.created_by.startswith("pveforensics version ")


def arrows_of(arrows):
    time = arrows.row_group(0).column(0).statistics
    return time.min, time.max, time.null_count


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=40), st.sampled_from([4, 9, 31]))
def test_runs_and_single_codes_are_packed_as_they_are_unpacked(runs, width):
    codes = [code for code, count in runs for _ in range(count)]
    told = np.arange(9, -1, -1, dtype=np.int32)
    packed = bytes(loops.mixture(np.array(codes, np.int32), told, width))
    assert unpacked(packed, width)[: len(codes)] == [9 - code for code in codes]


def unpacked(packed, width):
    """Parquet's mixture of runs and packed groups, as its description has it."""
    codes, at = [], 0
    while at < len(packed):
        head = shift = 0
        while True:
            head |= (packed[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if packed[at - 1] < 0x80:
                break
        if head & 1:
            size = (head >> 1) * width
            bits = int.from_bytes(packed[at : at + size], "little")
            codes += [bits >> width * place & (1 << width) - 1 for place in range((head >> 1) * 8)]
        else:
            size = (width + 7) // 8
            codes += [int.from_bytes(packed[at : at + size], "little")] * (head >> 1)
        at += size
    return codes


@pytest.mark.parametrize(
    ("values", "codes", "width"), [([1], [0, 4], 2), ([0], [-1], 4), ([0], [0], 0), ([0], [0], 32), ([2], [0, 1], 4), ([-1], [0], 4)]
)
def test_a_value_without_a_code_and_a_code_that_is_wider_are_not_packed(values, codes, width):
    with pytest.raises(ValueError, match="wider"):
        loops.mixture(np.array(values, np.int32), np.array(codes, np.int32), width)


def test_names_that_no_row_has_are_left_out_where_there_are_many():
    names = [f"program-{number}" for number in range(1_000)]
    chunk = pages.words(np.array([7, 900, 7], np.int32), names)
    assert (chunk.pages[0].values, chunk.rows) == (2, 3)
    chunk = pages.words(np.array([0, 2, 0, 1], np.int32), names, None, np.array([7, 900, 7], np.int32))
    assert (chunk.pages[0].values, chunk.rows) == (2, 4)
    assert chunk.pages[0].data == b"".join(len(name).to_bytes(4, "little") + name.encode() for name in ("program-7", "program-900"))
    assert unpacked(bytes(chunk.pages[1].data)[-2:], 1)[:4] == [0, 0, 0, 1]


def test_what_is_searched_in_messages_is_left_to_arrow():
    lines = EveryLine(iter([rows_of([PLAIN_ROW])]), Selection(grep="said"))
    assert lines.in_numbers() is None
    file = io.BytesIO()
    write_lines(file, every_line([rows_of([PLAIN_ROW])]).in_numbers(), PARQUET_LEVEL)
    assert table(file.getvalue()).num_rows == 1
