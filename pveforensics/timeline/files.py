"""Files: the timeline written as Parquet, CSV or JSONL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa

from pveforensics.errors import UsageError
from pveforensics.timeline.arrays import Array, Mask
from pveforensics.timeline.strings import content, fragments, joined, replaced, stamps

PARQUET_LEVEL = 1
"""Of zstd: logs shrink hardly more at higher ones."""

_VALUES, _PAGE = 1 << 14, 4 << 20
"""Values that are encoded at once, and bytes of a page: the smaller ones of the writer itself take a twentieth more time."""

NOT_A_TIME = "1970-01-01T00:00:00.000000+00:00"
"""With `Not a time` for its meaning, what plaso writes for an event without a time: Timesketch takes no row without a date."""

_AT_ONCE = 1 << 13
"""Rows that are made text of at once: their strings stay in the processor's cache."""

Batches = Iterable[pa.RecordBatch]


def writer_of(path: str) -> Callable[[BinaryIO, pa.Schema, Batches], None]:
    """What writes a file of this name. Raises UsageError for a suffix that means none of the formats."""
    suffix = PurePath(path).suffix.lower()
    if suffix not in WRITERS:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(list(WRITERS)[:-1])} or {list(WRITERS)[-1]}")
    return WRITERS[suffix]


def write_parquet(file: BinaryIO, schema: pa.Schema, batches: Batches) -> None:
    """Parquet: zstd, a row group a batch, names as dictionaries; messages have none, since it would be given up after the work of making it."""
    from pyarrow import parquet  # noqa: PLC0415 - half of pyarrow's start-up, for one of the formats

    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    with parquet.ParquetWriter(
        file,
        schema,
        compression="zstd",
        compression_level=PARQUET_LEVEL,
        use_dictionary=[*words, "error_s"],
        column_encoding={"time": "DELTA_BINARY_PACKED", "line": "DELTA_BINARY_PACKED"},
        write_statistics=["time", "line"],
        write_batch_size=_VALUES,
        data_page_size=_PAGE,
    ) as writer:
        for batch in batches:
            if len(batch):
                writer.write_batch(batch, row_group_size=len(batch))


def write_csv(file: BinaryIO, schema: pa.Schema, batches: Batches) -> None:
    """CSV in UTF-8 with a head line; times are RFC 3339 with microseconds, what is unknown is empty."""
    from pyarrow import csv  # noqa: PLC0415 - only where asked for

    plain = pa.schema([(field.name, _in_csv(field.type)) for field in schema])
    with csv.CSVWriter(file, plain) as writer:
        for batch in _parts(batches):
            writer.write_batch(pa.RecordBatch.from_arrays([_as_text(column) for column in batch.columns], schema=plain))


def _parts(batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield from (batch.slice(begin, _AT_ONCE) for begin in range(0, len(batch), _AT_ONCE))


def _in_csv(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) or pa.types.is_timestamp(kind) else kind


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return stamps(column, 6, "Z")
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def write_jsonl(file: BinaryIO, schema: pa.Schema, batches: Batches) -> None:
    """JSON, one object a row: the columns that have a value, and what Timesketch demands."""
    names = [name for name in schema.names if name not in ("time", "message")]
    for batch in _parts(batches):
        message = replaced(batch.column("message"), _escaped_in_json, _in_json)
        rest = [_member(name, batch.column(name)) for name in names]
        file.write(
            content(joined('{"message":"', message, '"', _for_timesketch(batch.column("time"), batch.column("basis")), *rest, "}\n"))
        )


def _for_timesketch(time: pa.Array, basis: pa.Array) -> pa.Array:
    date = stamps(time, 6, "+00:00")
    meaning = fragments(basis, lambda basis: "Time logged" if basis == "stated" else f"Time logged ({basis})")
    told = joined(',"datetime":"', date, '","timestamp_desc":"', meaning, '","time":"', date, '"')
    return told.fill_null(f',"datetime":"{NOT_A_TIME}","timestamp_desc":"Not a time","time":null')


def _member(name: str, column: pa.Array) -> pa.Array:
    """A column's part of each object, empty where it has no value."""
    begin = f',"{name}":'
    if pa.types.is_dictionary(column.type) or pa.types.is_floating(column.type):
        return fragments(column, lambda value: begin + msgspec.json.encode(value).decode()).fill_null("")
    if pa.types.is_timestamp(column.type):
        return joined(begin, '"', stamps(column, 6, "+00:00"), '"').fill_null("")
    if pa.types.is_string(column.type) and name != "fields":
        return joined(begin, '"', column, '"').fill_null("")
    return joined(begin, column.cast(pa.string()), "").fill_null("")


def _escaped_in_json(text: Array) -> Mask:
    escaped: Mask = (text < 0x20) | (text == ord('"')) | (text == ord("\\"))
    return escaped


def _in_json(text: str) -> str:
    return msgspec.json.encode(text)[1:-1].decode()


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows as values by name; times are microseconds since 1970."""
    columns = [values_of(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def values_of(column: pa.Array) -> list[Any]:
    """A column as Python values; times are microseconds since 1970."""
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    if not pa.types.is_dictionary(column.type):
        values: list[Any] = column.to_pylist()
        return values
    names = column.dictionary.to_pylist()
    return [names[number] if number is not None else None for number in column.indices.to_pylist()]


WRITERS: dict[str, Callable[[BinaryIO, pa.Schema, Batches], None]] = {
    ".parquet": write_parquet,
    ".csv": write_csv,
    ".jsonl": write_jsonl,
}
"""Formats by the suffix of the file's name."""
