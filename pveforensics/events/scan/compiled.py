"""Compiled: the inner loops of the fast scan in machine code (`native/`), where they were compiled; else their callers use numpy.

Every function gives None where there is no library. What they are handed is checked there against the length of the text; that the
arrays are as long as they claim is the business of this module.
"""

from __future__ import annotations

import ctypes
import functools
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

VERSION = 11
"""Of the functions in `native/`, which `native/lines.c` tells: a library left over from another version is not used."""

FILE = Path(__file__).with_name("_lines.so")
"""Where `hatch_build.py` puts it."""

BYTES_A_LINE = 24
"""So short a line on the average is rare: shorter ones cost a second look."""

POINTER, NUMBER = ctypes.c_void_p, ctypes.c_int64
_TEXT = (ctypes.c_char_p, NUMBER)
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "newlines": (*_TEXT, POINTER, NUMBER),
    "words": (*_TEXT, POINTER, NUMBER, POINTER),
    "heads": (*_TEXT, POINTER, POINTER, NUMBER, *(POINTER,) * 3),
    "survey_of_parts": (POINTER, POINTER, NUMBER, *_TEXT, POINTER, POINTER, NUMBER, *(POINTER,) * 3),
    "survey": (*_TEXT, POINTER, POINTER, NUMBER, *(POINTER,) * 3),
    "tags": (*_TEXT, POINTER, NUMBER, *(POINTER,) * 4),
    "nested": (*_TEXT, POINTER, NUMBER, POINTER, POINTER),
    "located": (POINTER, NUMBER, POINTER, NUMBER, NUMBER, *(POINTER,) * 3),
    "grouped": (*_TEXT, POINTER, NUMBER, *(POINTER,) * 3),
    "holding": (*_TEXT, POINTER, POINTER, NUMBER, ctypes.c_char_p, POINTER),
    "joined": (*_TEXT, POINTER, POINTER, NUMBER, POINTER, NUMBER),
    "entries": (*_TEXT, *(POINTER,) * 3),
    "packed": (POINTER, NUMBER, POINTER, POINTER, NUMBER, POINTER, POINTER, NUMBER),
    "merged": (POINTER, NUMBER, POINTER, POINTER),
}


class _Tags(ctypes.Structure):
    _fields_ = [
        *((name, POINTER) for name in ("slots", "factors", "words")),
        ("stride", NUMBER),
        ("with_pid", POINTER),
        ("good", POINTER),
    ]


class _Nested(ctypes.Structure):
    _fields_ = [
        ("literals", NUMBER), *((name, POINTER) for name in ("first", "numbers", "before", "begins")), ("texts", ctypes.c_char_p),
    ]  # fmt: skip


class _Meanings(ctypes.Structure):
    _fields_ = [
        ("tags", NUMBER), ("literals", NUMBER), ("fitting", POINTER), ("columns", NUMBER), ("column", POINTER), ("everyday", POINTER),
        ("signatures", NUMBER), ("endings", POINTER), ("masks", POINTER), ("corosync", POINTER),
    ]  # fmt: skip


class _Lines(ctypes.Structure):
    _fields_ = [("count", NUMBER), *((name, POINTER) for name in ("ends", "messages", "tags", "fed"))]


class _Groups(ctypes.Structure):
    _fields_ = [*((name, POINTER) for name in ("places", "begins", "sizes", "numbers", "literals", "fed")), ("fed_count", NUMBER)]


class TagTable(NamedTuple):
    """The tags that are known, as `Heads` keeps them."""

    slots: npt.NDArray[np.int16]
    factors: Words
    words: Words
    with_pid: Mask
    good: Mask


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled functions; None if there are none, or none of this version."""
    try:
        loaded = ctypes.CDLL(str(FILE))
        version = loaded.pveforensics_lines_version
        version.restype = NUMBER
        if version() != VERSION:
            return None
        for name, arguments in _ARGUMENTS.items():
            function = getattr(loaded, f"pveforensics_{name}")
            function.argtypes, function.restype = arguments, NUMBER
    except (OSError, AttributeError):  # not compiled, compiled for another machine, or not ours
        return None
    return loaded


def newlines(data: bytes) -> Indexes | None:
    """The offset of every newline."""
    loaded = library()
    if loaded is None:
        return None
    room = len(data) // BYTES_A_LINE + 1
    while True:
        found = np.empty(room, np.int64)
        count = loaded.pveforensics_newlines(data, len(data), found.ctypes.data, room)
        if count <= room:
            return found[:count]
        room = count


def words(data: bytes, places: Indexes) -> Words | None:
    """Eight bytes from each place on; what lies outside of the text counts as NUL."""
    loaded = library()
    if loaded is None:
        return None
    places = np.ascontiguousarray(places, np.int64)
    found = np.empty(len(places), np.uint64)
    loaded.pveforensics_words(data, len(data), places.ctypes.data, len(places), found.ctypes.data)
    return found


def tags(data: bytes, places: Indexes, table: TagTable) -> tuple[Indexes, Indexes, Mask] | None:
    """Of lines whose tags begin at `places`: the tag (0: unknown), where the message begins, and whether the head is whole and known."""
    loaded = library()
    if loaded is None:
        return None
    found, messages = np.empty((2, len(places)), np.int64)
    good = np.empty(len(places), np.bool_)
    known = _Tags(
        table.slots.ctypes.data, table.factors.ctypes.data, table.words.ctypes.data, table.words.shape[1], table.with_pid.ctypes.data,
        table.good.ctypes.data,
    )  # fmt: skip
    loaded.pveforensics_tags(
        data, len(data), places.ctypes.data, len(places), ctypes.addressof(known), found.ctypes.data, messages.ctypes.data, good.ctypes.data
    )
    return found, messages, good


class NestedTables(NamedTuple):
    """Literals that hold an inner one, as `Nesting` keeps them.

    Of each literal the `first` of them, of each of them its number, where the inner one ends in it, and where it begins in `texts`.
    """

    first: array[int]
    numbers: array[int]
    before: array[int]
    begins: array[int]
    texts: bytes


def nested(data: bytes, hits: array[int], tables: NestedTables, most: int) -> array[int] | None:
    """The hits with those of the outer literals around them, of which no literal has more than `most`."""
    loaded = library()
    if loaded is None:
        return None
    found = array("q", bytes(8 * (most + 1) * len(hits)))
    known = _Nested(len(tables.first) - 1, *(column.buffer_info()[0] for column in tables[:4]), tables.texts)
    count = loaded.pveforensics_nested(data, len(data), hits.buffer_info()[0], len(hits), ctypes.addressof(known), found.buffer_info()[0])
    return found[:count]


def located(ends: Indexes, hits: array[int], marked: int) -> tuple[Indexes, Indexes] | None:
    """The codes of the lines in which hits stand, in order, each once; and the lines of those whose literals count from `marked` on."""
    loaded = library()
    if loaded is None:
        return None
    codes, repeated = np.empty((2, len(hits)), np.int64)
    address, count = hits.buffer_info()
    repeats = NUMBER()
    found = loaded.pveforensics_located(
        ends.ctypes.data, len(ends), address, count, marked, codes.ctypes.data, repeated.ctypes.data, ctypes.byref(repeats)
    )
    return codes[:found], repeated[: repeats.value]


class LineColumns(NamedTuple):
    """Of each line of a page where it ends and its message begins, its tag, and whether it is fed."""

    ends: Indexes
    messages: Indexes
    tags: Indexes
    fed: Mask


class MeaningTables(NamedTuple):
    """What literals can mean on lines of which tag, as `Meanings` keeps it."""

    fitting: Mask
    column: Indexes
    everyday: Indexes
    endings: Words
    masks: Words
    corosync: Mask


def grouped(data: bytes, codes: Indexes, lines: LineColumns, tables: MeaningTables) -> tuple[Indexes, ...] | None:
    """The columns of `Groups`: of lines that are not fed those whose literals can mean anything there."""
    loaded = library()
    if loaded is None:
        return None
    places, begins, sizes, numbers, literals, fed = columns = np.empty((6, len(codes)), np.int64)
    fitting, column, everyday, endings, masks, corosync = tables
    meanings = _Meanings(
        len(fitting), fitting.shape[1], fitting.ctypes.data, everyday.shape[1], column.ctypes.data, everyday.ctypes.data,
        len(endings), endings.ctypes.data, masks.ctypes.data, corosync.ctypes.data,
    )  # fmt: skip
    known = _Lines(len(lines.ends), *(each.ctypes.data for each in lines))
    groups = _Groups(*(each.ctypes.data for each in columns), 0)
    found = loaded.pveforensics_grouped(
        data, len(data), codes.ctypes.data, len(codes), ctypes.addressof(known), ctypes.addressof(meanings), ctypes.addressof(groups)
    )
    return places[:found], begins[:found], sizes[:found], numbers[:found], literals[: int(sizes[:found].sum())], fed[: groups.fed_count]


def holding(data: bytes, begins: Indexes, ends: Indexes, three: bytes) -> Mask | None:
    """Which stretches of the text hold these three bytes."""
    loaded = library()
    if loaded is None:
        return None
    found = np.empty(len(begins), np.bool_)
    loaded.pveforensics_holding(data, len(data), begins.ctypes.data, ends.ctypes.data, len(begins), three, found.ctypes.data)
    return found


def joined(data: bytes, begins: Indexes, ends: Indexes) -> bytes | None:
    """These stretches of the text, one behind the other."""
    loaded = library()
    if loaded is None:
        return None
    room = int((ends - begins).sum())
    together = np.empty(room, np.uint8)
    if loaded.pveforensics_joined(data, len(data), begins.ctypes.data, ends.ctypes.data, len(begins), together.ctypes.data, room) != room:
        raise ValueError("a stretch lies outside of the text")
    return together.tobytes()
