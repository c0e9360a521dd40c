"""Parquet: every line of the timeline as a file of row groups, by way of `pages`; where nothing was compiled Arrow writes it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import pyarrow as pa

from pveforensics import __version__
from pveforensics.timeline import pages
from pveforensics.timeline.lines import LineRows
from pveforensics.timeline.merging import merged_for_parquet
from pveforensics.timeline.pages import Chunk, Compressor, Written
from pveforensics.timeline.tables import LINES
from pveforensics.timeline.thrift import Value, binary, byte, flag, i16, i32, i64, sequence, struct

_MAGIC = b"PAR1"
_NOTHING = struct({})
_OPTIONAL, _ZSTD = 1, 6
_INT32, _INT64, _DOUBLE, _BYTE_ARRAY = 1, 2, 5, 6
_UTF8, _TIMESTAMP_MICROS, _UINT_32 = 0, 10, 13
_STRING = {6: i32(_UTF8), 10: struct({1: _NOTHING})}
_MOMENT = {6: i32(_TIMESTAMP_MICROS), 10: struct({8: struct({1: flag(True), 2: struct({2: _NOTHING})})})}
_UNSIGNED = {6: i32(_UINT_32), 10: struct({10: struct({1: byte(32), 2: flag(False)})})}


def write_lines(file: BinaryIO, rows: Iterable[LineRows], level: int) -> None:
    """Lines as Parquet: `level` is that of zstd, a batch is a row group."""
    compressor = Compressor(level)
    kinds = [_kind(field.type) for field in LINES]
    groups: list[Value] = []
    total, place = 0, file.write(_MAGIC)
    for some in rows:
        chunks = _chunks(some)
        columns, begin, plain = [], place, 0
        for name, (kind, _), chunk in zip(LINES.names, kinds, chunks, strict=True):
            written = pages.compressed(chunk, compressor)
            columns.append(_column(name, kind, chunk, written, place))
            file.writelines(written.data)
            place += written.size
            plain += written.plain_size
        count = chunks[0].rows
        total += count
        group = {1: sequence(columns), 2: i64(plain), 3: i64(count), 5: i64(begin), 6: i64(place - begin)}
        groups.append(struct(group | ({7: i16(len(groups))} if len(groups) < 1 << 15 else {})))
    footer = _footer(kinds, groups, total)
    file.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)


def _chunks(some: LineRows) -> list[Chunk]:
    """The columns, in the order of `LINES`."""
    levels = pages.all_there(sum(len(piece.kind) for piece in some.pieces))
    found = merged_for_parquet(some.pieces, len(levels))
    if found is None:
        raise RuntimeError("nothing was compiled here")
    rows, names = found[0], some.names
    undated = rows.claim == 0
    return [
        pages.moments(rows.key, undated),
        pages.words(rows.claim, names.texts["basis"], undated, names.bases),
        pages.words(rows.claim, names.seconds, undated, names.errors),
        pages.words(rows.node, names.texts["node"]),
        pages.words(rows.kind, names.texts["kind"], rows.kind == some.no_kind),
        pages.words(rows.program, names.texts["program"], rows.program == 0),
        pages.plain_numbers(rows.pid, rows.pid == 0),
        pages.strings(levels, found[1], len(rows.key)),
        pages.words(rows.path, names.texts["path"]),
        pages.moments(rows.line),
    ]


def _kind(of: pa.DataType) -> tuple[int, dict[int, Value]]:
    """A column's type as it is stored, and what it stands for."""
    if pa.types.is_timestamp(of):
        return _INT64, _MOMENT
    if pa.types.is_uint32(of):
        return _INT32, _UNSIGNED
    if pa.types.is_floating(of):
        return _DOUBLE, {}
    return (_INT64, {}) if pa.types.is_int64(of) else (_BYTE_ARRAY, _STRING)


def _column(name: str, kind: int, chunk: Chunk, written: Written, place: int) -> Value:
    """What the footer says of a chunk that begins at this place."""
    encodings = dict.fromkeys((*(page.encoding for page in chunk.pages), pages.RLE))
    told = {
        1: i32(kind),
        2: sequence([i32(encoding) for encoding in encodings]),
        3: sequence([binary(name.encode())]),
        4: i32(_ZSTD),
        5: i64(chunk.rows),
        6: i64(written.plain_size),
        7: i64(written.size),
        9: i64(place + written.offset_of_data),
    }
    if chunk.pages[0].names:
        told[11] = i64(place)
    return struct({2: i64(0), 3: struct(told | {12: pages.statistics(chunk)})})


def _footer(kinds: Sequence[tuple[int, dict[int, Value]]], groups: Sequence[Value], total: int) -> bytes:
    root = struct({4: binary(b"schema"), 5: i32(len(kinds))})
    columns = [
        struct({1: i32(kind), 3: i32(_OPTIONAL), 4: binary(name.encode())} | meaning)
        for name, (kind, meaning) in zip(LINES.names, kinds, strict=True)
    ]
    # so that Arrow reads dictionaries as such
    arrow = struct({1: binary(b"ARROW:schema"), 2: binary(base64.b64encode(LINES.serialize().to_pybytes()))})
    writer = binary(f"pveforensics version {__version__}".encode())
    order = struct({1: _NOTHING})  # numbers by their value, texts by their bytes
    told = {1: i32(2), 2: sequence([root, *columns]), 3: i64(total), 4: sequence(groups), 5: sequence([arrow]), 6: writer}
    return struct(told | {7: sequence([order] * len(kinds))}).written
