"""Pages: the columns of a row group as Parquet's bytes, https://parquet.apache.org/docs/file-format/data-pages/.

Arrow's own writer does the same for any table, and takes three times as long for ours: it looks at each value of each column, where
mostly all of a column's values are known to be there, few, or all the same.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pveforensics.events.scan.compiled import Bytes
from pveforensics.timeline import loops
from pveforensics.timeline.arrays import Array, Mask
from pveforensics.timeline.thrift import Value, binary, i32, i64, varint
from pveforensics.timeline.thrift import struct as record

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor as Compressor
else:
    from backports.zstd import ZstdCompressor as Compressor

__all__ = [
    "Chunk",
    "Compressor",
    "Page",
    "Written",
    "all_there",
    "compressed",
    "moments",
    "plain_numbers",
    "statistics",
    "strings",
    "words",
]

PLAIN, RLE, DELTA_BINARY_PACKED, RLE_DICTIONARY = 0, 3, 5, 8
"""Encodings, by their numbers in Parquet."""

_DATA, _DICTIONARY = 0, 2
_FEW = 64
"""Names of which a dictionary may hold more than its rows have."""


class Page(NamedTuple):
    """A page before it is compressed: its bytes, how many values it has, and their encoding; `names` says that it is a dictionary."""

    data: bytes | memoryview
    values: int
    encoding: int
    names: bool = False


class Chunk(NamedTuple):
    """A column of a row group: its pages, its rows, and the least and the greatest value where these are worth to be told."""

    pages: tuple[Page, ...]
    rows: int
    nulls: int
    least: bytes | None = None
    greatest: bytes | None = None


class Written(NamedTuple):
    """A chunk as it goes to the file; sizes in bytes, with the pages' heads."""

    data: list[bytes]
    plain_size: int
    size: int
    offset_of_data: int


def moments(values: Array, missing: Mask | None = None) -> Chunk:
    """Numbers of 64 bits that are near those before them."""
    levels, told = _levels(len(values), missing), _told(values, missing)
    page = Page(b"".join((levels, _bytes(loops.deltas(np.ascontiguousarray(told, np.int64))))), len(values), DELTA_BINARY_PACKED)
    ends = (struct.pack("<q", told.min()), struct.pack("<q", told.max())) if len(told) else (None, None)
    return Chunk((page,), len(values), len(values) - len(told), *ends)


def plain_numbers(values: Array, missing: Mask | None = None) -> Chunk:
    """Numbers as they are."""
    told = _told(values, missing)
    data = b"".join((_levels(len(values), missing), told.astype(told.dtype.newbyteorder("<"), copy=False).tobytes()))
    return Chunk((Page(data, len(values), PLAIN),), len(values), len(values) - len(told))


def words(codes: Array, names: Sequence[str | float], missing: Mask | None = None, place: Array | None = None) -> Chunk:
    """Values of which many are the same: `names` are all that there may be, and `place` tells which of these a code stands for."""
    told = np.ascontiguousarray(_told(codes, missing), np.int32)
    places = np.arange(len(names), dtype=np.int32) if place is None else place
    if len(names) > _FEW:
        used = np.unique(places[np.flatnonzero(np.bincount(told))])
        fresh = np.zeros(len(names), np.int32)
        fresh[used] = np.arange(len(used))
        places = fresh[places]
        names = [names[code] for code in used.tolist()]
    known = [_name(name) for name in names]
    width = max(1, (len(known) - 1).bit_length())
    packed = _bytes(loops.mixture(told, places, width))
    data = b"".join((_levels(len(codes), missing), bytes((width,)), packed))
    pages = (Page(b"".join(known), len(known), PLAIN, names=True), Page(data, len(codes), RLE_DICTIONARY))
    return Chunk(pages, len(codes), len(codes) - len(told))


def strings(levels: bytes, page: Bytes, rows: int) -> Chunk:
    """Strings that stand in a page already, but for its begin: `levels` say that all are there."""
    page[: len(levels)] = np.frombuffer(levels, np.uint8)
    return Chunk((Page(page.data, rows, PLAIN),), rows, 0)


def all_there(rows: int) -> bytes:
    """What stands before the values of a page of so many rows that all have one."""
    return _levels(rows, None)


def compressed(chunk: Chunk, compressor: Compressor) -> Written:
    """A chunk's pages with their heads."""
    parts: list[bytes] = []
    size = plain_size = offset = 0
    for page in chunk.pages:
        packed = compressor.compress(page.data, Compressor.FLUSH_FRAME)
        head = _head(page, len(packed))
        offset = size
        parts += head, packed
        size += len(head) + len(packed)
        plain_size += len(head) + len(page.data)
    return Written(parts, plain_size, size, offset)


def statistics(chunk: Chunk) -> Value:
    """What the footer tells of a chunk's values."""
    told = {3: i64(chunk.nulls)}
    if chunk.least is not None and chunk.greatest is not None:
        told |= {5: binary(chunk.greatest), 6: binary(chunk.least)}
    return record(told)


def _name(name: str | float) -> bytes:
    """A value as a dictionary's page holds it; halves of surrogates, which no UTF-8 can hold, are written out."""
    if isinstance(name, float):
        return struct.pack("<d", name)
    text = name.encode("utf-8", "backslashreplace")
    return struct.pack("<I", len(text)) + text


def _head(page: Page, size: int) -> bytes:
    common = {1: i32(_DICTIONARY if page.names else _DATA), 2: i32(len(page.data)), 3: i32(size)}
    if page.names:
        return record(common | {7: record({1: i32(page.values), 2: i32(PLAIN)})}).written
    return record(common | {5: record({1: i32(page.values), 2: i32(page.encoding), 3: i32(RLE), 4: i32(RLE)})}).written


def _told(values: Array, missing: Mask | None) -> Array:
    return values if missing is None or not missing.any() else values[~missing]


def _levels(rows: int, missing: Mask | None) -> bytes:
    """Which rows have a value, as Parquet's definition levels."""
    if missing is None or not missing.any():
        runs = _run(rows, 1, 1)
    elif missing.all():
        runs = _run(rows, 0, 1)
    else:  # one run of groups of eight
        runs = varint((rows + 7) // 8 << 1 | 1) + np.packbits(~missing, bitorder="little").tobytes()
    return struct.pack("<I", len(runs)) + runs


def _run(count: int, code: int, width: int) -> bytes:
    return varint(count << 1) + code.to_bytes((width + 7) // 8, "little") if count else b""


def _bytes(found: Bytes | None) -> memoryview:
    if found is None:
        raise RuntimeError("nothing was compiled here")
    return found.data
