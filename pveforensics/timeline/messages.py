"""Messages: the texts of rows that lie scattered over blocks, as one Arrow array in the order of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pveforensics.timeline.arrays import Array, numbers

Indexes = npt.NDArray[np.int64]


class Messages(NamedTuple):
    """The messages of some rows of a block: where each begins and ends in the block's text."""

    text: bytes | memoryview
    begin: Array
    end: Array


def taken(pieces: Sequence[Messages], order: Indexes) -> pa.Array:
    """The messages of all pieces as strings; `order` gives their places in the pieces, one piece counted behind the other."""
    from pyarrow import compute  # noqa: PLC0415 - a twentieth of a second, for what Parquet does not need

    strings, places, before = [], [], 0
    for piece in pieces:
        found, found_at = _in_place(piece)
        strings.append(found)
        places.append(found_at + before)
        before += len(found)
    return compute.array_take(pa.concat_arrays(strings), numbers(np.concatenate(places)[order], pa.int64()), boundscheck=False)


def _in_place(piece: Messages) -> tuple[pa.Array, Indexes]:
    """Texts that lie one behind the other in a block, without a copy, and which of them are the messages.

    Between two messages stands the head of the second: a text as well, which nobody asks for.
    """
    begin, end = piece.begin, piece.end
    places = 2 * np.arange(len(begin))
    if not bool((begin[1:] >= begin[:-1]).all()):
        order = np.lexsort((end, begin))
        begin, end = begin[order], end[order]
        places[order] = places.copy()
    borders = np.empty(2 * len(begin), np.int32)
    borders[0::2], borders[1::2] = begin, end
    return pa.StringArray.from_buffers(len(borders) - 1, pa.py_buffer(borders), pa.py_buffer(piece.text)), places
