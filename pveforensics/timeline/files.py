"""Files: the timeline written as Parquet, CSV or JSONL."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pveforensics.errors import UsageError

PARQUET_LEVEL = 1
"""Of zstd: logs shrink hardly more at higher ones."""

NOT_A_TIME = "1970-01-01T00:00:00.000000+00:00"
"""With `Not a time` for its meaning, what plaso writes for an event without a time: Timesketch takes no row without a date."""

Batches = Iterable[pa.RecordBatch]


def writer_of(path: str) -> Callable[[BinaryIO, pa.Schema, Batches], None]:
    """What writes a file of this name. Raises UsageError for a suffix that means none of the formats."""
    suffix = PurePath(path).suffix.lower()
    if suffix not in WRITERS:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(list(WRITERS)[:-1])} or {list(WRITERS)[-1]}")
    return WRITERS[suffix]


def write_parquet(file: BinaryIO, schema: pa.Schema, batches: Batches) -> None:
    """Parquet: zstd, a row group a batch, names as dictionaries; of messages a dictionary is given up soon, after the work of making it."""
    from pyarrow import parquet  # noqa: PLC0415 - half of pyarrow's start-up, for one of the formats

    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    with parquet.ParquetWriter(
        file,
        schema,
        compression="zstd",
        compression_level=PARQUET_LEVEL,
        use_dictionary=words,
        column_encoding={"time": "DELTA_BINARY_PACKED", "line": "DELTA_BINARY_PACKED"},
        write_statistics=["time", "line"],
    ) as writer:
        for batch in batches:
            if len(batch):
                writer.write_batch(batch, row_group_size=len(batch))


def write_csv(file: BinaryIO, schema: pa.Schema, batches: Batches) -> None:
    """CSV in UTF-8 with a head line; times are RFC 3339 with microseconds, what is unknown is empty."""
    from pyarrow import csv  # noqa: PLC0415 - only where asked for

    plain = pa.schema([(field.name, _in_csv(field.type)) for field in schema])
    with csv.CSVWriter(file, plain) as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays([_as_text(column) for column in batch.columns], schema=plain))


def _in_csv(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) or pa.types.is_timestamp(kind) else kind


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def write_jsonl(file: BinaryIO, schema: pa.Schema, batches: Batches) -> None:
    """JSON, one object a row: the columns that have a value, and what Timesketch demands."""
    names = [name for name in schema.names if name not in ("time", "message")]
    encode = msgspec.json.Encoder().encode
    for batch in batches:
        columns = {name: values_of(column) for name, column in zip(schema.names, batch.columns, strict=True)}
        if "fields" in columns:
            columns["fields"] = [msgspec.Raw(fields.encode()) if fields is not None else None for fields in columns["fields"]]
            columns["last"] = [iso(last) if last is not None else None for last in columns["last"]]
        rest = zip(*(columns[name] for name in names), strict=True)
        rows = []
        for time, basis, message, values in zip(columns["time"], columns["basis"], columns["message"], rest, strict=True):
            row = _for_timesketch(message, time, basis)
            row.update([pair for pair in zip(names, values, strict=True) if pair[1] is not None])
            rows.append(encode(row))
        file.write(b"\n".join((*rows, b"")))


def _for_timesketch(message: str, time: int | None, basis: str | None) -> dict[str, Any]:
    if time is None:
        return {"message": message, "datetime": NOT_A_TIME, "timestamp_desc": "Not a time", "time": None}
    date = iso(time)
    meaning = "Time logged" if basis == "stated" else f"Time logged ({basis})"
    return {"message": message, "datetime": date, "timestamp_desc": meaning, "time": date}


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


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@functools.lru_cache(10_000)
def iso(us: int) -> str:
    """ISO 8601 in UTC with microseconds and the offset written out."""
    return (_EPOCH + dt.timedelta(microseconds=us)).isoformat(timespec="microseconds")


WRITERS: dict[str, Callable[[BinaryIO, pa.Schema, Batches], None]] = {
    ".parquet": write_parquet,
    ".csv": write_csv,
    ".jsonl": write_jsonl,
}
"""Formats by the suffix of the file's name."""
