"""Arrow arrays from numpy arrays and texts by their buffers: `pyarrow.array` would copy, and load all of pandas first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def numbers(values: Array, kind: pa.DataType, missing: Mask | None = None) -> pa.Array:
    """Numbers of the width that `kind` has, null where they are missing."""
    return pa.Array.from_buffers(kind, len(values), [_valid(missing), pa.py_buffer(np.ascontiguousarray(values))])


def texts(values: Iterable[str | None]) -> pa.Array:
    """Texts, null where there is None; halves of surrogates, which no UTF-8 can hold, are written out."""
    parts = [value.encode("utf-8", "backslashreplace") if value is not None else None for value in values]
    ends = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part or b"") for part in parts], out=ends[1:])
    data = pa.py_buffer(b"".join(part or b"" for part in parts))
    missing = np.array([part is None for part in parts], np.bool_)
    large = pa.Array.from_buffers(pa.large_string(), len(parts), [_valid(missing), pa.py_buffer(ends), data])
    return large.cast(pa.string())


def words(codes: Array, names: pa.Array, missing: Mask | None = None) -> pa.Array:
    """Texts of which many are the same: their numbers, and what these stand for."""
    return pa.DictionaryArray.from_arrays(numbers(codes.astype(np.int32, copy=False), pa.int32(), missing), names, safe=False)


def coded(values: Sequence[str | None]) -> pa.Array:
    """The same from the texts themselves."""
    known = {name: number for number, name in enumerate(dict.fromkeys(value for value in values if value is not None))}
    codes = np.array([known.get(value, 0) if value is not None else 0 for value in values], np.int32)
    return words(codes, texts(known), np.array([value is None for value in values], np.bool_))


def _valid(missing: Mask | None) -> pa.Buffer | None:
    if missing is None or not missing.any():
        return None
    return pa.py_buffer(np.packbits(~missing, bitorder="little"))
