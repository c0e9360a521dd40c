"""Survey: where lines begin and end and what their heads say, from one look of machine code at the text (`native/lines.c`).

Nothing is found, that is None, where nothing was compiled.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pveforensics.events.scan import compiled
from pveforensics.events.scan.anchored import PageTable
from pveforensics.events.scan.compiled import BYTES_A_LINE, NUMBER, POINTER, Indexes, Mask

NAME_WORDS = 8
"""Words of a name in the host column with its blanks."""

_COLUMNS = 6
"""Where lines begin and end, their clock and host, edges and cuts."""


class _Columns(ctypes.Structure):
    _fields_ = [
        *((name, NUMBER) for name in ("date", "fraction", "zone_at", "zone_size", "head", "longest", "back", "hole")),
        ("zone", ctypes.c_uint64),
    ]


class _Hosts(ctypes.Structure):
    _fields_ = [("count", NUMBER), ("widths", POINTER), ("words", POINTER), ("masks", POINTER)]


class _Heads(ctypes.Structure):
    _fields_ = [
        *((name, POINTER) for name in ("ok", "clock", "host", "edges", "cuts")),
        *((name, NUMBER) for name in ("changes", "breaks", "seen", "before", "unknown", "latest")),
        *((name, ctypes.c_uint64) for name in ("first", "second")),
    ]


class HeadRows(NamedTuple):
    """What the heads of lines say: of each whether it fits, its moment of the day (microseconds) and its host (-1: unknown).

    `edges` are the fitting lines with a new date, `cuts` those that may not follow plainly on the line before: all with a new date, and
    those whose clock stepped. `strange` is of how many fitting lines the host is unknown, `seen` has a bit for each host that was found.
    """

    ok: Mask
    clock: Indexes
    host: Indexes
    edges: Indexes
    cuts: Indexes
    strange: int
    seen: int


Surveyed = tuple[Indexes, Indexes, HeadRows]
"""Where lines begin and end, and their heads."""


class HeadReader:
    """Reads the heads of lines in fixed columns."""

    def __init__(self, date: int, zone_at: int, zone: bytes, head: int, longest: int, plain: tuple[int, int], *, fraction: bool) -> None:
        """The columns as `Layout` has them; `plain` is how far the clock of a line that follows plainly may be behind and ahead (microseconds)."""
        self._columns = _Columns(date, int(fraction), zone_at, len(zone), head, longest, *plain, int.from_bytes(zone, "little"))
        self.hosts = 0
        self._arrays: tuple[Any, ...] = ()
        self._names = _Hosts(0, None, None, None)
        self._ok: Mask = np.empty(0, np.bool_)
        self._room: Indexes = np.empty((_COLUMNS, 0), np.int64)
        self._heads = _Heads()
        self._addresses: tuple[int, ...] = ()
        self.table = PageTable()

    def know(self, hosts: Sequence[tuple[tuple[np.uint64, np.uint64], ...]]) -> None:
        """Names in the host column with their blanks, as masks and words."""
        if len(hosts) == self.hosts:
            return
        self.hosts = len(hosts)
        shown, masks = np.zeros((2, len(hosts), NAME_WORDS), np.uint64)
        for number, parts in enumerate(hosts):
            for step, (mask, wanted) in enumerate(parts):
                masks[number, step], shown[number, step] = mask, wanted
        widths = np.array([8 * len(parts) for parts in hosts], np.int64)
        self._arrays = (widths, shown, masks)  # they live as long as what points at them
        self._names = _Hosts(len(hosts), widths.ctypes.data, shown.ctypes.data, masks.ctypes.data)

    def read(self, data: bytes, starts: Indexes, ends: Indexes) -> HeadRows | None:
        """The heads of these lines."""
        loaded = compiled.library()
        if loaded is None:
            return None
        count = len(starts)
        ok, columns = np.empty(count, np.bool_), np.empty((4, count), np.int64)
        heads = _Heads(ok.ctypes.data, *(column.ctypes.data for column in columns))
        loaded.pveforensics_heads(
            data, len(data), starts.ctypes.data, ends.ctypes.data, count, ctypes.addressof(self._columns), ctypes.addressof(self._names),
            ctypes.addressof(heads),
        )  # fmt: skip
        return _told(heads, ok, columns)

    def survey(self, data: bytes) -> Surveyed | None:
        """Where the lines of a text begin and end, and their heads; the next call overwrites them."""
        loaded = compiled.library()
        if loaded is None:
            return None
        room = len(data) // BYTES_A_LINE + 1
        while True:
            count = loaded.pveforensics_survey(data, len(data), *self._places(room))
            if count <= room:
                return self._found(count)
            room = min(count, 4 * room)

    def survey_of_parts(self, parts: Sequence[bytes], size: int) -> tuple[bytes, Surveyed | None] | None:
        """The first `size` bytes of these parts as one text, with what `survey` says of it unless its lines are too short; None if there are NUL bytes."""
        loaded = compiled.library()
        if loaded is None:
            return None
        data: bytes = compiled.blank(None, size)
        sizes = [len(part) for part in parts]
        sizes[-1] -= sum(sizes) - size
        room = size // BYTES_A_LINE + 1
        count = loaded.pveforensics_survey_of_parts(
            (ctypes.c_char_p * len(parts))(*parts), (NUMBER * len(parts))(*sizes), len(parts), data, size, *self._places(room)
        )
        if count < 0:
            return None
        return data, self._found(count) if count <= room else None

    def _places(self, room: int) -> tuple[int, ...]:
        """Where so many lines at least go: fresh memory for each text would cost as much as what is done with it."""
        if len(self._ok) < room:
            self._ok, self._room = np.empty(room, np.bool_), np.empty((_COLUMNS, room), np.int64)
            starts, ends, clock, host, edges, cuts = (column.ctypes.data for column in self._room)
            ok = self._ok.ctypes.data
            self._heads = _Heads(ok, clock, host, edges, cuts)
            self.table = PageTable(0, ends, ok, clock, host)
            self._addresses = starts, ends
        heads = self._heads
        heads.changes = heads.breaks = heads.seen = heads.before = heads.unknown = heads.latest = heads.first = heads.second = 0
        return *self._addresses, room, *map(ctypes.addressof, (self._columns, self._names, heads))

    def _found(self, count: int) -> Surveyed:
        self.table.count = count
        columns = self._room[:, :count]
        return columns[0], columns[1], _told(self._heads, self._ok[:count], columns[2:])


def _told(heads: _Heads, ok: Mask, columns: Indexes) -> HeadRows:
    clock, host, edges, cuts = columns
    return HeadRows(ok, clock, host, edges[: heads.changes], cuts[: heads.breaks], heads.unknown, heads.seen)
