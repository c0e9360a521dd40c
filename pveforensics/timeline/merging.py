"""Merging: lines of several blocks, of each in order, become rows in one order: a loop in machine code (`native/timeline.c`), or numpy."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pveforensics.events.scan.compiled import NUMBER, POINTER, library
from pveforensics.timeline.arrays import Array
from pveforensics.timeline.blocks import Batch
from pveforensics.timeline.messages import Messages, taken


class Piece(NamedTuple):
    """Lines in order of their keys, with the kind of each, the node of each host and their file, as numbers; `size` is that of all messages.

    Pieces of one `turn` are merged: no line comes before one of an earlier turn.
    """

    turn: int
    lines: Batch
    kind: Array
    nodes: Array
    path: int
    size: int


class Numbers(NamedTuple):
    """Rows in numbers: the key, the line, its process, and which claim, node, program, kind and file."""

    key: Array
    line: Array
    pid: Array
    claim: Array
    node: Array
    program: Array
    kind: Array
    path: Array


_KINDS = (np.int64, np.uint32, np.uint32, *(np.int32,) * 5)
_COLUMNS = ("at", "line", "begin", "end", "pid", "form", "host", "program")
_KINDS_OF_LINES = (np.int64, *(np.uint32,) * 4, *(np.uint16,) * 3)


class _Piece(ctypes.Structure):
    _fields_ = [
        *((name, NUMBER) for name in ("turn", "count")),
        *((name, POINTER) for name in (*_COLUMNS, "kind", "nodes")),
        *((name, NUMBER) for name in ("hosts", "path")),
        ("text", POINTER),
        ("size", NUMBER),
    ]


class _Rows(ctypes.Structure):
    _fields_ = [*((name, POINTER) for name in (*Numbers._fields, "borders", "text")), ("room", NUMBER)]


def merged(pieces: Sequence[Piece]) -> tuple[Numbers, pa.Array]:
    """The rows, and their messages as strings."""
    loaded = library()
    if loaded is None:
        return _in_numpy(pieces)
    held: list[Any] = []  # what pointers lead to
    known = (_Piece * len(pieces))(*(_told(piece, held) for piece in pieces))
    count, room = sum(len(piece.kind) for piece in pieces), sum(piece.size for piece in pieces)
    rows = Numbers(*(np.empty(count, kind) for kind in _KINDS))
    borders, text, heap = np.empty(count + 1, np.int32), np.empty(room, np.uint8), np.empty(3 * len(pieces), np.int64)
    told = _Rows(*(column.ctypes.data for column in (*rows, borders, text)), room)
    length = loaded.pveforensics_merged(ctypes.addressof(known), len(pieces), heap.ctypes.data, ctypes.addressof(told))
    if length < 0:
        raise ValueError("a line lies outside of its block")
    return rows, pa.StringArray.from_buffers(count, pa.py_buffer(borders), pa.py_buffer(text[:length]))


def _told(piece: Piece, held: list[Any]) -> _Piece:
    lines = piece.lines
    columns = [getattr(lines, name) for name in _COLUMNS]
    arrays = [
        *(np.ascontiguousarray(column, kind) for column, kind in zip(columns, _KINDS_OF_LINES, strict=True)),
        np.ascontiguousarray(piece.kind, np.int32),
        np.ascontiguousarray(piece.nodes, np.int32),
    ]
    text = np.frombuffer(lines.text, np.uint8)
    held += arrays, text
    count = len(piece.kind)
    if any(len(column) != count for column in arrays[:-1]):
        raise ValueError("each line needs all of its columns")
    return _Piece(piece.turn, count, *(array.ctypes.data for array in arrays), len(piece.nodes), piece.path, text.ctypes.data, len(text))


def _in_numpy(pieces: Sequence[Piece]) -> tuple[Numbers, pa.Array]:
    """The same as `merged`."""
    gathered = [
        Numbers(lines.at, lines.line, lines.pid, lines.form, nodes[lines.host], lines.program, kind, np.full(len(kind), path, np.int32))
        for _, lines, kind, nodes, path, _ in pieces
    ]
    columns = [np.concatenate(column) for column in zip(*gathered, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    rows = Numbers(*(column[order].astype(kind) for column, kind in zip(columns, _KINDS, strict=True)))
    return rows, taken([Messages(piece.lines.text, piece.lines.begin, piece.lines.end) for piece in pieces], order)
