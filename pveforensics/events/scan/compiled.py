"""Compiled: the inner loops of the fast scan in machine code (`native/lines.c`), where they were compiled; else their callers use numpy.

Every function gives None where there is no library. What they are handed is checked there against the length of the text; that the
arrays are as long as they claim is the business of this module.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

VERSION = 3
"""Of the functions in `native/lines.c`: a library left over from another version is not used."""

FILE = Path(__file__).with_name("_lines.so")
"""Where `hatch_build.py` puts it."""

NAME_WORDS = 8
"""Words of a name in the host column with its blanks."""

_BYTES_A_LINE = 24
"""So short a line on the average is rare: shorter ones cost a second look."""

_MOST_OF_A_HEAD, _MOST_DELTAS = 64, 128
"""Bytes of what stands before the numbers of a page, and numbers that are packed at once."""

_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_int64
_TEXT = (ctypes.c_char_p, _NUMBER)
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "newlines": (*_TEXT, _POINTER, _NUMBER),
    "words": (*_TEXT, _POINTER, _NUMBER, _POINTER),
    "heads": (*_TEXT, _POINTER, _POINTER, _NUMBER, *(_POINTER,) * 6),
    "tags": (*_TEXT, _POINTER, _NUMBER, *(_POINTER,) * 4),
    "holding": (*_TEXT, _POINTER, _POINTER, _NUMBER, ctypes.c_char_p, _POINTER),
    "joined": (*_TEXT, _POINTER, _POINTER, _NUMBER, _POINTER, _NUMBER),
    "pids": (*_TEXT, _POINTER, _NUMBER, _POINTER),
    "gathered": (*(_POINTER,) * 4, _NUMBER, _POINTER, _NUMBER, _POINTER, _POINTER, _NUMBER),
    "plain": (*(_POINTER,) * 4, _NUMBER, _POINTER, _NUMBER, _POINTER, _NUMBER),
    "mixture": (_POINTER, _NUMBER, _NUMBER, _POINTER, _NUMBER),
    "deltas": (_POINTER, _NUMBER, _POINTER, _NUMBER),
}


class _Columns(ctypes.Structure):
    _fields_ = [*((name, _NUMBER) for name in ("date", "fraction", "zone_at", "zone_size", "head", "longest")), ("zone", ctypes.c_uint64)]


class _Hosts(ctypes.Structure):
    _fields_ = [("count", _NUMBER), ("widths", _POINTER), ("words", _POINTER), ("masks", _POINTER)]


class _Tags(ctypes.Structure):
    _fields_ = [
        *((name, _POINTER) for name in ("slots", "factors", "words")),
        ("stride", _NUMBER),
        ("with_pid", _POINTER),
        ("good", _POINTER),
    ]


class _Texts(ctypes.Structure):
    _fields_ = [("data", _POINTER), ("sizes", _POINTER), ("count", _NUMBER)]


class HeadRows(NamedTuple):
    """What `heads` gives: of each line whether it fits, its moment of the day (microseconds), its host (-1: unknown); and the lines with a new date."""

    ok: Mask
    clock: Indexes
    host: Indexes
    edges: Indexes


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
        version.restype = _NUMBER
        if version() != VERSION:
            return None
        for name, arguments in _ARGUMENTS.items():
            function = getattr(loaded, f"pveforensics_{name}")
            function.argtypes, function.restype = arguments, _NUMBER
    except (OSError, AttributeError):  # not compiled, compiled for another machine, or not ours
        return None
    return loaded


def newlines(data: bytes) -> Indexes | None:
    """The offset of every newline."""
    loaded = library()
    if loaded is None:
        return None
    room = len(data) // _BYTES_A_LINE + 1
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


class HeadReader:
    """Reads the heads of lines in fixed columns."""

    def __init__(self, date: int, zone_at: int, zone: bytes, head: int, longest: int, *, fraction: bool) -> None:
        """The columns as `Layout` has them."""
        self._columns = _Columns(date, int(fraction), zone_at, len(zone), head, longest, int.from_bytes(zone, "little"))
        self._count = 0
        self._arrays: tuple[Any, ...] = ()
        self._hosts = _Hosts(0, None, None, None)

    def know(self, hosts: Sequence[tuple[tuple[np.uint64, np.uint64], ...]]) -> None:
        """Names in the host column with their blanks, as masks and words."""
        if len(hosts) == self._count:
            return
        self._count = len(hosts)
        shown, masks = np.zeros((2, len(hosts), NAME_WORDS), np.uint64)
        for number, parts in enumerate(hosts):
            for step, (mask, wanted) in enumerate(parts):
                masks[number, step], shown[number, step] = mask, wanted
        widths = np.array([8 * len(parts) for parts in hosts], np.int64)
        self._arrays = (widths, shown, masks)  # they live as long as what points at them
        self._hosts = _Hosts(len(hosts), widths.ctypes.data, shown.ctypes.data, masks.ctypes.data)

    def read(self, data: bytes, starts: Indexes, ends: Indexes) -> HeadRows | None:
        """The heads of all lines."""
        loaded = library()
        if loaded is None:
            return None
        count = len(starts)
        ok, (clock, host, edges) = np.empty(count, np.bool_), np.empty((3, count), np.int64)
        changes = loaded.pveforensics_heads(
            data, len(data), starts.ctypes.data, ends.ctypes.data, count, ctypes.addressof(self._columns), ctypes.addressof(self._hosts),
            ok.ctypes.data, clock.ctypes.data, host.ctypes.data, edges.ctypes.data,
        )  # fmt: skip
        return HeadRows(ok, clock, host, edges[:changes])


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


def pids(data: bytes, messages: Indexes) -> Indexes | None:
    """The numbers of the processes that stand before `]: ` in front of each message, of at most eight digits; 0 for none."""
    loaded = library()
    if loaded is None:
        return None
    found = np.empty(len(messages), np.int64)
    loaded.pveforensics_pids(data, len(data), messages.ctypes.data, len(messages), found.ctypes.data)
    return found


class Stretches(NamedTuple):
    """Parts of several texts: of each in `which` text it lies, from where to where."""

    texts: Sequence[npt.NDArray[np.uint8]]
    which: npt.NDArray[np.int32]
    begins: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.uint32]


def gathered(stretches: Stretches, order: Indexes) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]] | None:
    """The stretches at these places one behind the other, with where each begins and the last one ends."""
    loaded = library()
    if loaded is None:
        return None
    known, _places = _texts(stretches)
    room = _length(stretches)
    borders, together = np.empty(len(order) + 1, np.int32), np.empty(max(0, room), np.uint8)
    length = loaded.pveforensics_gathered(*known, order.ctypes.data, len(order), borders.ctypes.data, together.ctypes.data, room)
    if length < 0:
        raise ValueError("a stretch lies outside of its text")
    return borders, together[:length]


def plain(stretches: Stretches, order: Indexes, before: int) -> Bytes | None:
    """The same as a page of Parquet's strings, behind `before` bytes that the caller fills in."""
    loaded = library()
    if loaded is None:
        return None
    known, _places = _texts(stretches)
    room = max(0, _length(stretches)) + 4 * len(order)
    page = np.empty(before + room, np.uint8)
    length = loaded.pveforensics_plain(*known, order.ctypes.data, len(order), page.ctypes.data + before, room)
    if length < 0:
        raise ValueError("a stretch lies outside of its text")
    return page[: before + length]


def _texts(stretches: Stretches) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Stretches as arguments, and what must live as long as these."""
    texts, which, begins, ends = stretches
    if not len(which) == len(begins) == len(ends):
        raise ValueError("each stretch needs its text, its begin and its end")
    places = np.array([text.ctypes.data for text in texts], np.uint64)
    sizes = np.array([len(text) for text in texts], np.int64)
    known = _Texts(places.ctypes.data, sizes.ctypes.data, len(texts))
    arguments = (ctypes.addressof(known), which.ctypes.data, begins.ctypes.data, ends.ctypes.data, len(which))
    return arguments, (places, sizes, known)


def _length(stretches: Stretches) -> int:
    return int(stretches.ends.sum(dtype=np.int64) - stretches.begins.sum(dtype=np.int64))


def mixture(codes: npt.NDArray[np.int32], width: int) -> Bytes | None:
    """Codes of `width` bits (1 to 31) in Parquet's mixture of runs and packed groups of eight."""
    loaded = library()
    if loaded is None:
        return None
    page = np.empty(8 * len(codes) + _MOST_OF_A_HEAD, np.uint8)
    length = loaded.pveforensics_mixture(codes.ctypes.data, len(codes), width, page.ctypes.data, len(page))
    if length < 0:
        raise ValueError("a code is wider than that")
    return page[:length]


def deltas(values: Indexes) -> Bytes | None:
    """Numbers as Parquet's DELTA_BINARY_PACKED has them."""
    loaded = library()
    if loaded is None:
        return None
    page = np.empty(10 * len(values) + 8 * _MOST_DELTAS + _MOST_OF_A_HEAD, np.uint8)
    length = loaded.pveforensics_deltas(values.ctypes.data, len(values), page.ctypes.data, len(page))
    if length < 0:
        raise ValueError("there is no room for these numbers")
    return page[:length]
