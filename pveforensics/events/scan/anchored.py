"""Anchored: the hits of a page in machine code (`native/hits.c`): lines with an anchor, groups of candidates, and everyday lines that are kept.

Nothing is found, that is None, where nothing was compiled. What readers and groupers give holds until they are asked for the next page.
"""

from __future__ import annotations

import ctypes
from array import array
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pveforensics.events.scan import compiled
from pveforensics.events.scan.compiled import NUMBER, POINTER, Indexes, Mask, Words

_MOST_HINTS = 64
"""Literals that state a moment for which the loop has room (`MOST_HINTS`)."""


class PageTable(ctypes.Structure):
    """Where the columns of a page lie: ends of its lines, and what `Rows` says of them; `fed` are lines left to the reader of lines."""

    _fields_ = [("count", NUMBER), *((name, POINTER) for name in ("ends", "ok", "at", "hosts", "fed"))]


class _HitLines(ctypes.Structure):
    _fields_ = [("count", NUMBER), *((name, POINTER) for name in ("lines", "tags", "messages"))]


class _Names(ctypes.Structure):
    _fields_ = [("head", NUMBER), ("only", NUMBER), ("hosts", NUMBER), ("widths", POINTER)]


class _Anchored(ctypes.Structure):
    _fields_ = [
        *((name, POINTER) for name in ("codes", "repeated", "seconds", "whole")),
        *((name, NUMBER) for name in ("code_count", "repeats", "second_count")),
    ]


class _Meanings(ctypes.Structure):
    _fields_ = [
        ("tags", NUMBER), ("literals", NUMBER), ("fitting", POINTER), ("columns", NUMBER), ("column", POINTER), ("everyday", POINTER),
        ("signatures", NUMBER), ("endings", POINTER), ("masks", POINTER), ("corosync", POINTER), ("hints", NUMBER), ("thin", NUMBER),
        ("storms", POINTER), ("counts", POINTER),
    ]  # fmt: skip


class _Groups(ctypes.Structure):
    _fields_ = [
        *(
            (name, POINTER)
            for name in [
                "places",
                "begins",
                "sizes",
                "numbers",
                "tags",
                "messages",
                "literals",
                "fed",
                "hints",
                "left",
                "kept",
                "signatures",
            ]
        ),
        *((name, NUMBER) for name in ("literal_count", "fed_count", "hint_count", "left_count", "kept_size", "crowd")),
    ]


class _Kept(ctypes.Structure):
    _fields_ = [
        *((name, POINTER) for name in ("numbers", "moments", "starts", "lengths", "signatures", "hosts")),
        ("text", ctypes.c_char_p), ("room", NUMBER),
    ]  # fmt: skip


class Scratch:
    """Columns of numbers that are filled for one page after another: fresh memory for each would cost more than what is done with it."""

    def __init__(self, columns: int) -> None:
        """So many columns, without room yet."""
        self.rows: Indexes = np.empty((columns, 0), np.int64)
        self.addresses: list[int] = []

    def take(self, room: int) -> Indexes:
        """The columns, each with at least so much room."""
        if self.rows.shape[1] < room or not self.addresses:
            self.rows = np.empty((len(self.rows), max(1024, 2 * room)), np.int64)
            self.addresses = [row.ctypes.data for row in self.rows]
        return self.rows


class HitLines(NamedTuple):
    """The lines of a page in which hits stand, in order, with their tags and where their messages begin."""

    lines: Indexes
    tags: Indexes
    messages: Indexes


class Hits(NamedTuple):
    """The hits of a page as codes and repeats (`Located`), the lines of the codes, and places of those among them in whose message another head may stand."""

    codes: Indexes
    repeated: Indexes
    lines: HitLines
    seconds: Indexes


class HitReader:
    """Takes apart the lines of one page after another in which hits stand."""

    def __init__(self, head: int) -> None:
        """Tags begin `head` bytes and the width of the host's name behind the begin of a line."""
        self._names = _Names(head, -1, 0, None)
        self._widths: Indexes = np.zeros(0, np.int64)
        self._scratch = Scratch(7)
        self._found, self._lines = _Anchored(), _HitLines()

    def know(self, widths: list[int]) -> None:
        """The widths of the names of hosts."""
        if len(widths) != self._names.hosts:
            self._widths = np.array(widths, np.int64)
            self._names = _Names(self._names.head, -1, len(widths), self._widths.ctypes.data)

    def read(self, data: bytes, hits: array[int], marked: int, table: PageTable, tags: compiled.Tags, only: int) -> Hits | None:
        """The lines in which hits stand; of literals from `marked` on only which lines they are. `only` is the host of all lines, or -1.

        None where not all tags are known; else lines whose heads are not whole and known do not fit any more.
        """
        loaded = compiled.library()
        if loaded is None:
            return None
        address, count = hits.buffer_info()
        codes, repeated, seconds, _, *columns = self._scratch.take(count)
        found, lines, self._names.only = self._found, self._lines, only
        found.codes, found.repeated, found.seconds, found.whole, lines.lines, lines.tags, lines.messages = self._scratch.addresses
        structures = map(ctypes.addressof, (table, self._names, tags, found, lines))
        if loaded.pveforensics_anchored(data, len(data), address, count, marked, *structures):
            return None
        heads = HitLines(*(column[: lines.count] for column in columns))
        return Hits(codes[: found.code_count], repeated[: found.repeats], heads, seconds[: found.second_count])


class MeaningTables(NamedTuple):
    """What literals can mean on lines of which tag, as `Meanings` keeps it; behind them come as many `hints`, of which one in `thin` microseconds is enough."""

    fitting: Mask
    column: Indexes
    everyday: Indexes
    endings: Words
    masks: Words
    corosync: Mask
    storms: Mask
    hints: int
    thin: int


class ToKeep(NamedTuple):
    """Everyday lines by their places in a page, their signatures, and how many bytes they have together."""

    places: Indexes
    signatures: Indexes
    size: int


class Grouper:
    """Sorts out the codes of one page after another by what the same tables say."""

    def __init__(self, tables: MeaningTables) -> None:
        """The tables are read as they are now."""
        fitting, column, everyday, endings, masks, corosync, storms, hints, thin = tables
        counts = np.empty(len(endings), np.int64)
        self._arrays = (*tables[:7], counts)  # they live as long as what points at them
        self._meanings = _Meanings(
            len(fitting), fitting.shape[1], fitting.ctypes.data, everyday.shape[1], column.ctypes.data, everyday.ctypes.data,
            len(endings), endings.ctypes.data, masks.ctypes.data, corosync.ctypes.data, hints, thin, storms.ctypes.data, counts.ctypes.data,
        )  # fmt: skip
        self._scratch = Scratch(12)
        self._groups = _Groups()

    def grouped(self, data: bytes, codes: Indexes, table: PageTable, lines: HitLines) -> tuple[Any, ...] | None:
        """The columns of `Groups`."""
        loaded = compiled.library()
        if loaded is None or self._meanings.hints > _MOST_HINTS:
            return None
        *columns, literals, fed, hints, left, kept, signatures = self._scratch.take(len(codes))
        groups = self._groups
        (
            groups.places, groups.begins, groups.sizes, groups.numbers, groups.tags, groups.messages, groups.literals, groups.fed,
            groups.hints, groups.left, groups.kept, groups.signatures,
        ) = self._scratch.addresses  # fmt: skip
        heads = _HitLines(len(lines.lines), *(column.ctypes.data for column in lines))
        structures = map(ctypes.addressof, (table, heads, self._meanings, groups))
        found = loaded.pveforensics_grouped(data, len(data), codes.ctypes.data, len(codes), *structures)
        more = found - groups.left_count
        return (
            *(column[:found] for column in columns), literals[: groups.literal_count], fed[: groups.fed_count], hints[: groups.hint_count],
            left[: groups.left_count], ToKeep(kept[:more], signatures[:more], groups.kept_size), groups.crowd,
        )  # fmt: skip


class KeptLines(NamedTuple):
    """Everyday lines of a page: in columns their numbers, moments and begins in the text, and their lengths, signatures and hosts; and their text."""

    wide: Indexes
    narrow: npt.NDArray[np.int32]
    text: bytes


def kept(data: bytes, table: PageTable, lines: ToKeep, first: int, hosts: Indexes, only: int) -> KeptLines | None:
    """These lines of a page whose first line has the number `first`; `hosts` are numbers by the host, `only` is the host of all lines, or -1."""
    loaded = compiled.library()
    if loaded is None:
        return None
    places, signatures, size = lines
    count = len(places)
    wide, narrow, text = np.empty((3, count), np.int64), np.empty((3, count), np.int32), compiled.blank(None, size)
    at, below = wide.ctypes.data, narrow.ctypes.data
    room = _Kept(at, at + 8 * count, at + 16 * count, below, below + 4 * count, below + 8 * count, text, size)
    length = loaded.pveforensics_kept(
        data, len(data), ctypes.addressof(table), places.ctypes.data, signatures.ctypes.data, count, first, hosts.ctypes.data, len(hosts),
        only, ctypes.addressof(room),
    )  # fmt: skip
    if length != size:
        raise ValueError("a line lies outside of the text")
    return KeptLines(wide, narrow, text)
