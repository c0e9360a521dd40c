"""Strings of all rows of a batch at once, by their buffers: what text, JSONL and CSV are put together from."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from pveforensics.timebase import DAY, SECOND
from pveforensics.timeline.arrays import Array, Mask, texts

Part: TypeAlias = "pa.Array | str"
"""One string a row, or the same for all rows."""

_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()


def joined(*parts: Part) -> pa.Array:
    """The parts of each row one behind the other; null where one of them is."""
    from pyarrow import compute  # noqa: PLC0415 - a twentieth of a second, for what Parquet does not need

    return compute.binary_join_element_wise(*(part if isinstance(part, pa.Array) else texts([part])[0] for part in parts), "")


def content(strings: pa.Array) -> memoryview:
    """The bytes of all strings, one behind the other, without a copy; none of them may be null."""
    borders = _borders(strings) if len(strings) else (0, 0)
    if borders[0] == borders[-1]:  # then there may be no buffer either
        return memoryview(b"")
    return memoryview(strings.buffers()[2])[int(borders[0]) : int(borders[-1])]


def stamps(moments: pa.Array, digits: int, tail: str) -> pa.Array:
    """Timestamps in UTC as RFC 3339 with so many digits of the second (3 or 6), null where there is none; `tail` names UTC."""
    us = np.frombuffer(moments.buffers()[1], np.int64)[moments.offset : moments.offset + len(moments)]
    if moments.null_count:
        us = np.where(valid(moments), us, 0)
    day = us // DAY
    second, micro = np.divmod(us - day * DAY, SECOND)
    rows = np.empty(
        len(us),
        [
            ("day", "S10"),
            ("between", "S1"),
            ("hour", "S3"),
            ("clock", "S6"),
            ("milli", "S3"),
            ("micro", f"S{digits - 3}"),
            ("tail", f"S{len(tail)}"),
        ],
    )
    edges = [0, *(np.flatnonzero(day[1:] != day[:-1]) + 1).tolist(), len(day)]
    for begin, end in itertools.pairwise(edges):
        rows["day"][begin:end] = dt.date.fromordinal(int(day[begin]) + _EPOCH_DAY).isoformat() if begin < end else ""
    milli, left = np.divmod(micro, 1_000)
    hour, second = np.divmod(second, 3_600)
    rows["between"], rows["hour"], rows["clock"], rows["milli"], rows["tail"] = (
        b"T",
        _hours()[hour],
        _clocks()[second],
        _thousands()[milli],
        tail,
    )
    if digits > 3:
        rows["micro"] = _thousands()[left]
    borders = np.arange(len(us) + 1, dtype=np.int32) * np.int32(rows.dtype.itemsize)
    return pa.StringArray.from_buffers(len(us), pa.py_buffer(borders), pa.py_buffer(rows), _validity(moments))


def fragments(column: pa.Array, show: Callable[[Any], str]) -> pa.Array:
    """Each value as `show` writes it; of names and of numbers that repeat it is asked once for each that there is. Null stays null."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    shown = texts([show(value) for value in coded.dictionary.to_pylist()])
    return pa.DictionaryArray.from_arrays(coded.indices, shown, safe=False).cast(pa.string())


def replaced(strings: pa.Array, is_odd: Callable[[Array], Mask], show: Callable[[str], str], longest: int | None = None) -> pa.Array:
    """The strings, those with an odd byte (or with more than `longest` bytes) as `show` writes them; none may be null."""
    borders = _borders(strings)
    odd = np.zeros(len(strings), np.bool_)
    places = np.flatnonzero(is_odd(np.frombuffer(content(strings), np.uint8)))
    odd[np.searchsorted(borders, places + int(borders[0]), "right") - 1] = True
    if longest is not None:
        odd |= borders[1:] - borders[:-1] > longest
    rows = np.flatnonzero(odd)
    if not len(rows):
        return strings
    mask = pa.Array.from_buffers(pa.bool_(), len(odd), [None, pa.py_buffer(np.packbits(odd, bitorder="little"))])
    from pyarrow import compute  # noqa: PLC0415 - a twentieth of a second, for what Parquet does not need

    return compute.replace_with_mask(strings, mask, texts([show(strings[row].as_py()) for row in rows.tolist()]))


def valid(column: pa.Array) -> Mask:
    """Which rows have a value."""
    from pyarrow import compute  # noqa: PLC0415 - a twentieth of a second, for what Parquet does not need

    told = compute.is_valid(column).cast(pa.uint8())
    return np.frombuffer(told.buffers()[1], np.bool_)[told.offset : told.offset + len(told)]


def _validity(column: pa.Array) -> pa.Buffer | None:
    return pa.py_buffer(np.packbits(valid(column), bitorder="little")) if column.null_count else None


def _borders(strings: pa.Array) -> Array:
    return np.frombuffer(strings.buffers()[1], np.int32)[strings.offset : strings.offset + len(strings) + 1]


@functools.cache
def _hours() -> Array:
    return np.array([f"{hour:02}:" for hour in range(24)], "S3")


@functools.cache
def _clocks() -> Array:
    """All seconds of an hour as they are written."""
    return np.array([f"{second // 60:02}:{second % 60:02}." for second in range(3_600)], "S6")


@functools.cache
def _thousands() -> Array:
    return np.array([f"{number:03}" for number in range(1_000)], "S3")
