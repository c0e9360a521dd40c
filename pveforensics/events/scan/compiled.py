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

VERSION = 13
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
    "nested": (*_TEXT, POINTER, NUMBER, POINTER, POINTER, NUMBER),
    "located": (POINTER, NUMBER, POINTER, NUMBER, NUMBER, *(POINTER,) * 3),
    "anchored": (*_TEXT, POINTER, NUMBER, NUMBER, *(POINTER,) * 5),
    "grouped": (*_TEXT, POINTER, NUMBER, *(POINTER,) * 4),
    "kept": (*_TEXT, POINTER, POINTER, POINTER, NUMBER, NUMBER, POINTER, NUMBER, NUMBER, POINTER),
    "holding": (*_TEXT, POINTER, POINTER, NUMBER, ctypes.c_char_p, POINTER),
    "entries": (*_TEXT, *(POINTER,) * 3),
    "packed": (POINTER, NUMBER, POINTER, POINTER, NUMBER, POINTER, POINTER, NUMBER),
    "merged": (POINTER, NUMBER, POINTER, POINTER),
}


class Tags(ctypes.Structure):
    """Where a `TagTable` lies."""

    _fields_ = [
        *((name, POINTER) for name in ("slots", "factors", "words")),
        ("stride", NUMBER),
        ("with_pid", POINTER),
        ("good", POINTER),
    ]


class Nested(ctypes.Structure):
    """Where `NestedTables` lie."""

    _fields_ = [
        ("literals", NUMBER), *((name, POINTER) for name in ("first", "numbers", "before", "begins")), ("texts", ctypes.c_char_p),
    ]  # fmt: skip


class TagTable(NamedTuple):
    """The tags that are known, as `Heads` keeps them."""

    slots: npt.NDArray[np.int16]
    factors: Words
    words: Words
    with_pid: Mask
    good: Mask

    def lies(self) -> Tags:
        """Where it lies, as long as its arrays live."""
        slots, factors, words, with_pid, good = self
        return Tags(slots.ctypes.data, factors.ctypes.data, words.ctypes.data, words.shape[1], with_pid.ctypes.data, good.ctypes.data)


blank = ctypes.pythonapi.PyBytes_FromStringAndSize
"""Bytes of a length that are filled before anybody looks at them: called with None and the length."""
blank.restype, blank.argtypes = ctypes.py_object, (ctypes.c_char_p, ctypes.c_ssize_t)


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


def tags(data: bytes, places: Indexes, known: Tags) -> tuple[Indexes, Indexes, Mask] | None:
    """Of lines whose tags begin at `places`: the tag (0: unknown), where the message begins, and whether the head is whole and known."""
    loaded = library()
    if loaded is None:
        return None
    found, messages = np.empty((2, len(places)), np.int64)
    good = np.empty(len(places), np.bool_)
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

    def lies(self) -> Nested:
        """Where they lie, as long as its arrays live."""
        return Nested(len(self.first) - 1, *(column.buffer_info()[0] for column in self[:4]), self.texts)


def nested(data: bytes, pairs: array[int], known: Nested) -> array[int] | None:
    """Hits, of each its end and its literal, as codes with those of the outer literals around them."""
    loaded = library()
    if loaded is None:
        return None
    address, count = pairs.buffer_info()
    room = count
    while True:
        found = array("q", bytes(8 * room))
        there = loaded.pveforensics_nested(data, len(data), address, count // 2, ctypes.addressof(known), found.buffer_info()[0], room)
        if there <= room:
            return found[:there]
        room = there


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


def holding(data: bytes, begins: Indexes, ends: Indexes, three: bytes) -> Mask | None:
    """Which stretches of the text hold these three bytes."""
    loaded = library()
    if loaded is None:
        return None
    found = np.empty(len(begins), np.bool_)
    loaded.pveforensics_holding(data, len(data), begins.ctypes.data, ends.ctypes.data, len(begins), three, found.ctypes.data)
    return found
