"""The same rows in every format, and what programs get of a case."""

import csv
import datetime as dt
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import row_by_row
from hypothesis import given
from hypothesis import strategies as st

import pveforensics
from pveforensics.errors import UsageError
from pveforensics.model import Event, Evidence
from pveforensics.rulepack import load_pack
from pveforensics.timebase import Basis, Instant
from pveforensics.timeline import tables
from pveforensics.timeline.files import NOT_A_TIME, rows_of, writer_of
from pveforensics.timeline.heads import message_of
from pveforensics.timeline.stream import Request, open_timeline
from pveforensics.timeline.strings import content
from pveforensics.timeline.text import text_lines

SCENARIOS = Path(__file__).parents[2] / "fixtures" / "scenarios"
BUNDLE = str(SCENARIOS / "isolated-node-fenced" / "bundle")
PACK = load_pack()
AT = Instant(1_773_450_000_123_456, 1_000_000, Basis.YEAR_INFERRED)


def event(kind="quorum_lost", at=AT, text="2026-03-14T01:00:00+00:00 alpha corosync[15]: [QUORUM] lost", **more):
    return Event(kind, "alpha", at, evidence=(Evidence("alpha/syslog", 7, "alpha", text, at=at),), program="corosync", **more)


EVENTS = [
    event(),
    event(fields={"a": "ü\n", "b": '"'}, count=3, last=Instant(AT.us + 5)),
    event(text="2026-03-14T01:00:00+00:00 alpha x: tab\there, \x1b[31mred, \udcff and a \u202e comma"),
    event(at=None, text="nothing says when"),
]


def written(suffix, schema, batches):
    file = io.BytesIO()
    writer_of("x" + suffix)(file, schema, batches)
    return file.getvalue()


def all_formats(schema, batches):
    parquet = pq.read_table(io.BytesIO(written(".parquet", schema, batches)))
    rows = list(csv.DictReader(io.StringIO(written(".csv", schema, batches).decode())))
    objects = [json.loads(line) for line in written(".jsonl", schema, batches).splitlines()]
    return [row for batch in parquet.to_batches() for row in rows_of(batch)], rows, objects


def shown(batches, nodes, **more):
    return [line + "\n" for some in text_lines(batches, nodes, **more) for line in bytes(some).decode().split("\n")[:-1]]


def moment(text):
    return round(dt.datetime.fromisoformat(text).timestamp() * 1e6) if text else None


@pytest.mark.parametrize("every_line", [False, True])
def test_parquet_csv_and_jsonl_tell_the_same_rows(every_line):
    with open_timeline([BUNDLE], PACK, Request(every_line)) as stream:
        batches = list(stream.batches)
    told = [row for batch in batches for row in rows_of(batch)]
    parquet, rows, objects = all_formats(stream.schema, batches)
    assert len(told) > 100
    assert parquet == told
    for row, plain, one in zip(told, rows, objects, strict=True):
        assert moment(plain["time"]) == moment(one["time"]) == row["time"]
        for name in ("basis", "node", "kind", "program", "message", "path"):
            assert plain[name] == one.get(name, "") == (row[name] or "")
        assert int(plain["line"]) == one["line"] == row["line"]
    assert [row["time"] for row in told] == sorted(row["time"] for row in told)
    text = shown(batches, stream.nodes)
    assert text == row_by_row.text(batches, stream.nodes)
    assert shown(batches, stream.nodes, colour=True) == row_by_row.text(batches, stream.nodes, colour=True)
    assert written(".jsonl", stream.schema, batches) == row_by_row.jsonl(batches)
    assert [line[:24] for line in text[:40]] == [Instant(row["time"]).iso() for row in told[:40]]


def test_rows_of_timesketch_have_what_it_demands():
    objects = all_formats(tables.EVENTS, list(tables.event_batches(EVENTS)))[2]
    for row in objects:
        assert {"message", "datetime", "timestamp_desc"} <= set(row)
        assert dt.datetime.fromisoformat(row["datetime"]).utcoffset() == dt.timedelta()
    assert objects[0]["datetime"] == "2026-03-14T01:00:00.123456+00:00"
    assert objects[0]["timestamp_desc"] == "Time logged (year inferred)"
    assert objects[1]["fields"] == {"a": "ü\n", "b": '"'}
    assert (objects[3]["datetime"], objects[3]["timestamp_desc"], objects[3]["time"]) == (NOT_A_TIME, "Not a time", None)


def test_parquet_has_the_columns_and_types_that_are_documented():
    told = pq.ParquetFile(io.BytesIO(written(".parquet", tables.EVENTS, list(tables.event_batches(EVENTS)))))
    assert told.schema_arrow.field("time").type == pa.timestamp("us", "UTC")
    assert pa.types.is_dictionary(told.schema_arrow.field("node").type)
    assert {told.metadata.row_group(0).column(place).compression for place in range(told.metadata.num_columns)} == {"ZSTD"}
    assert told.metadata.row_group(0).column(0).statistics.has_min_max  # readers pass over row groups of other times
    page = (Path(__file__).parents[3] / "docs" / "timeline.md").read_text()
    for name in dict.fromkeys((*tables.EVENTS.names, *tables.LINES.names)):
        assert f"| `{name}` |" in page


def test_no_rows_are_empty_files_with_their_columns():
    parquet, rows, objects = all_formats(tables.LINES, [])
    assert (parquet, rows, objects) == ([], [], [])
    assert pq.read_schema(io.BytesIO(written(".parquet", tables.LINES, []))).names == tables.LINES.names
    assert written(".csv", tables.LINES, []).count(b"\n") == 1


def test_a_terminal_obeys_nothing_that_a_log_says():
    hostile = shown(tables.event_batches(EVENTS), ["alpha"])
    assert len(hostile) == 4
    for line in hostile:
        assert line.endswith("\n")
        assert all(char.isprintable() for char in line[:-1])
    assert "\\x1b[31mred, \\udcff and a \\u202e comma" in hostile[2]
    assert hostile[0].startswith("2026-03-14T01:00:00.123Zy alpha  quorum_lost  corosync: [QUORUM] lost")
    assert hostile[1].rstrip().endswith("(× 3)")
    assert hostile[3].startswith("(no time)")
    assert "\x1b" in "".join(shown(tables.event_batches(EVENTS), ["alpha"], colour=True))


def test_what_a_line_says_stands_behind_its_head():
    assert message_of("Mar 14 01:00:00 alpha kernel: [    1.5] x") == "[    1.5] x"
    assert message_of("Mar 14 01:00:00 alpha kernel: [    1.500000] x") == "[    1.500000] x"
    assert message_of('{"MESSAGE":"said","_PID":"3"}') == "said"
    assert message_of('  "MESSAGE" : "said",') == "said"
    assert message_of("MESSAGE=said") == "said"
    assert message_of("{ no json") == "{ no json"
    assert message_of("") == ""


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.one_of(st.none(), st.integers(-(1 << 47), 1 << 52), st.integers(AT.us, AT.us + 3_000_000))


@given(st.lists(st.tuples(MOMENTS, TEXTS, st.integers(0, 99), st.sampled_from([1e-06, 1.0, 300.000001])), max_size=30), st.integers(0, 9))
def test_any_rows_are_written_as_row_by_row(rows, skipped):
    columns = [tables.texts([text for _, text, _, _ in rows])]
    times = [at for at, *_ in rows]
    undated = tables.np.array([at is None for at in times], bool)
    basis = [("stated", "aligned", "year inferred")[number % 3] if at is not None else None for at, _, number, _ in rows]
    names = [text or None for _, text, _, _ in rows]
    numbers = tables.np.array([number for _, _, number, _ in rows], tables.np.int64)
    columns = [
        tables.numbers(tables.np.array([at or 0 for at in times], tables.np.int64), tables.TIME, undated), tables.coded(basis),
        tables.numbers(tables.np.array([error for *_, error in rows]), pa.float64(), undated), tables.coded([str(number) for number in numbers]),
        tables.coded([name and f"kind_{len(name)}" for name in names]), tables.coded(names), tables.numbers(numbers.astype("u4"), pa.uint32(), numbers % 2 == 0), columns[0],
        tables.coded([f"{text}/x" for _, text, _, _ in rows]), tables.numbers(numbers, pa.int64()),
    ]  # fmt: skip
    batch = pa.RecordBatch.from_arrays(columns, schema=tables.LINES).slice(skipped)
    assert written(".jsonl", tables.LINES, [batch]) == row_by_row.jsonl([batch])
    assert shown([batch], ["7", "8"], colour=True) == row_by_row.text([batch], ["7", "8"], colour=True)


@pytest.mark.parametrize("strings", [[], ["", ""]])
def test_strings_without_a_byte_have_no_content(strings):
    assert bytes(content(pa.array(strings, pa.string()))) == b""
    assert bytes(content(pa.array(["a", *strings, "b"]).slice(1, len(strings)))) == b""


def test_a_suffix_that_means_nothing_is_told():
    with pytest.raises(UsageError, match=r"expected a name that ends in \.parquet, \.csv or \.jsonl"):
        writer_of("x.xlsx")


def test_programs_get_a_case_and_its_timeline():
    case = pveforensics.analyze(Path(BUNDLE))
    table = pveforensics.timeline.to_arrow(case)
    assert table.schema == tables.EVENTS
    assert table.column("event").to_pylist() == [each.id for each in case.events]
    frame = pveforensics.timeline.to_pandas(case)
    assert len(frame) == len(case.events)
    assert str(frame.dtypes["time"]) == "datetime64[us, UTC]"
    assert frame["time"].is_monotonic_increasing
    with pytest.raises(AttributeError):
        pveforensics.nothing  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, pveforensics; print({'numpy', 'pyarrow', 'pandas', 'yaml', 'pveforensics.pipeline'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
    code = "import sys, pveforensics.timeline; print({'numpy', 'pyarrow', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_writing_lines_does_not_load_what_others_need(tmp_path):
    """Arrow's own constructors load pandas: a third of a second, and 40 MB, for nothing."""
    code = (
        "import sys; from pveforensics.cli import app; "
        f"app(['timeline', '--all', {BUNDLE!r}, '-o', {str(tmp_path / 'x.parquet')!r}], standalone_mode=False); print({{'pandas', 'jinja2'}} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
