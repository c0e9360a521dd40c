"""Loops: the timeline's inner loops in machine code (`native/timeline.c`), by way of `events.scan.compiled`.

Nothing is made, that is None, where nothing was compiled.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pveforensics.events.scan.compiled import NUMBER, POINTER, Bytes, Indexes, Mask, library

Places = npt.NDArray[np.uint32]


class _PageLines(ctypes.Structure):
    _fields_ = [
        ("count", NUMBER),
        *((name, POINTER) for name in ("starts", "ends", "ok", "at", "host", "tag", "message", "hosts")),
        ("known_hosts", NUMBER),
        ("programs", POINTER),
        ("known_programs", NUMBER),
        ("form", NUMBER),
    ]


class _WaitingLines(ctypes.Structure):
    _fields_ = [(name, POINTER) for name in ("at", "begin", "end", "pid", "form", "host", "program")]


class PageLines(NamedTuple):
    """What the columns of a page say of its lines; `hosts` and `programs` are what the numbers of hosts and tags stand for (below 0: none)."""

    starts: Indexes
    ends: Indexes
    ok: Mask
    at: Indexes
    host: Indexes
    tag: Indexes
    message: Indexes
    hosts: npt.NDArray[np.uint16]
    programs: npt.NDArray[np.int32]


class Entries(NamedTuple):
    """Lines in the columns of the timeline: their moments, where their messages begin and end, process, form of stamp, host and program."""

    at: Indexes
    begin: npt.NDArray[np.uint32]
    end: npt.NDArray[np.uint32]
    pid: npt.NDArray[np.uint32]
    form: npt.NDArray[np.uint16]
    host: npt.NDArray[np.uint16]
    program: npt.NDArray[np.uint16]


def entries(data: bytes, lines: PageLines, form: int) -> tuple[Entries, Indexes] | None:
    """The lines in columns, and which of them are odd: they fit none, and have but their begin and end."""
    loaded = library()
    if loaded is None:
        return None
    count = len(lines.starts)
    if any(len(column) != count for column in lines[:7]):
        raise ValueError("each line needs all of its columns")
    at, odd = np.empty((2, count), np.int64)
    begin, end, pid = np.empty((3, count), np.uint32)
    found = Entries(at, begin, end, pid, *np.empty((3, count), np.uint16))
    known = _PageLines(
        count, *(column.ctypes.data for column in lines[:8]), len(lines.hosts), lines.programs.ctypes.data, len(lines.programs), form
    )
    waiting = _WaitingLines(*(column.ctypes.data for column in found))
    odds = loaded.pveforensics_entries(data, len(data), ctypes.addressof(known), ctypes.addressof(waiting), odd.ctypes.data)
    return found, odd[:odds]


def packed(data: Bytes, begins: Places, ends: Places) -> tuple[Bytes, Places] | None:
    """These stretches of the text one behind the other, and where each of them ends."""
    loaded = library()
    if loaded is None:
        return None
    if len(begins) != len(ends):
        raise ValueError("each stretch needs its begin and its end")
    room = len(data)  # they do not overlap
    together, borders = np.empty(room, np.uint8), np.empty(len(begins), np.uint32)
    length = loaded.pveforensics_packed(
        data.ctypes.data, len(data), begins.ctypes.data, ends.ctypes.data, len(begins), together.ctypes.data, borders.ctypes.data, room
    )
    if length < 0:
        raise ValueError("a stretch lies outside of the text")
    return together[:length], borders
