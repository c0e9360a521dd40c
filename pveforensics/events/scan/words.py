"""Eight bytes of every line at once: the numpy arithmetic on which the fast scan rests.

All words are little-endian unsigned 64-bit numbers, whatever the machine: byte 0 of a text is the lowest byte of its word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pveforensics.events.scan import compiled

Words = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_BLOCK = 64
PAD = 2 * _BLOCK
"""Bytes behind a page that may be gathered, all NUL: they fit no column."""

_LITTLE = np.dtype("<u8")
_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def word(text: bytes) -> np.uint64:
    """Up to eight bytes as a number."""
    return np.uint64(int.from_bytes(text, "little"))


def low_bytes(count: int) -> np.uint64:
    """A mask of the first `count` bytes."""
    return np.uint64((1 << 8 * count) - 1)


class Room:
    """Memory that one page after another is laid out in: fresh memory for each would cost more than what is done with it."""

    def __init__(self) -> None:
        """No page was laid out yet."""
        self._bytes = np.zeros(0, np.uint8)
        self._flags = np.zeros(0, np.bool_)

    def take(self, data: bytes) -> tuple[npt.NDArray[np.uint8], Mask]:
        """The padded bytes, and as many flags."""
        length = len(data) + PAD + -len(data) % _BLOCK
        if length > len(self._bytes):
            self._bytes, self._flags = np.zeros(length, np.uint8), np.zeros(length, np.bool_)
        self._bytes[: len(data)] = np.frombuffer(data, np.uint8)
        self._bytes[len(data) : length] = 0
        return self._bytes[:length], self._flags[:length]


class Page:
    """A piece of a log: where its lines begin and end (behind the last byte, without the newline), and its words at any offset."""

    __slots__ = ("_room", "_words", "data", "ends", "starts")

    def __init__(self, data: bytes, room: Room, bounds: tuple[Indexes, Indexes] | None = None) -> None:
        """Of whole lines without the last newline; the page holds until the room is taken for the next one.

        `bounds` are where the lines begin and end, if that is known.
        """
        self.data = data
        self._room = room
        self._words: Words | None = None
        if bounds is not None:
            self.starts, self.ends = bounds
            return
        newlines = compiled.newlines(data)
        if newlines is None:
            newlines = self._find_newlines()
        self.starts = np.empty(len(newlines) + 1, np.int64)
        self.starts[0] = 0
        np.add(newlines, 1, out=self.starts[1:])
        self.ends = np.empty_like(self.starts)
        self.ends[:-1] = newlines
        self.ends[-1] = len(data)

    def text(self, line: int, begin: int | None = None) -> str:
        """A line from offset `begin` of the page on, or whole, as the reader of lines gets it."""
        start = self.starts.item(line) if begin is None else begin
        return self.data[start : self.ends.item(line)].decode("utf-8", "replace").rstrip("\r")

    @property
    def words(self) -> Words:
        """The words at every offset: laid out when first asked for, which costs a copy of the page."""
        if self._words is None:
            self._words = _at_every_offset(self._room.take(self.data)[0])
        return self._words

    def words_at(self, places: Indexes) -> Words:
        """The words at these offsets, which lie in the page or less than `PAD` bytes behind it."""
        found = compiled.words(self.data, places)
        gathered: Words = self.words[places] if found is None else found
        return gathered

    def joined(self, begins: Indexes, ends: Indexes) -> bytes:
        """These stretches of the page, one behind the other."""
        return b"".join([self.data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)])

    def holding(self, begins: Indexes, ends: Indexes, three: bytes) -> Mask:
        """Which stretches of the page hold these three bytes."""
        found = compiled.holding(self.data, begins, ends, three)
        if found is None:
            bounds = zip(begins.tolist(), ends.tolist(), strict=True)
            found = np.array([self.data.find(three, begin, end) >= 0 for begin, end in bounds], np.bool_)
        return found

    def _find_newlines(self) -> Indexes:
        padded, flags = self._room.take(self.data)
        self._words = _at_every_offset(padded)
        return _newlines(padded, flags)


def _at_every_offset(padded: npt.NDArray[np.uint8]) -> Words:
    buffer: Any = padded.data
    words: Words = np.ndarray((len(padded) - 7,), _LITTLE, buffer, strides=(1,))
    return words


def _newlines(text: npt.NDArray[np.uint8], flags: Mask) -> Indexes:
    """Offsets of the newlines: a bit for each byte, and the bits of 64 bytes at a time."""
    np.equal(text, 10, out=flags)
    words = np.packbits(flags, bitorder="little").view(_LITTLE)
    places = np.flatnonzero(words != 0)  # on flags it takes a fraction of the time
    left = words[places]
    counts = np.bitwise_count(left).astype(np.int64)
    sums = np.cumsum(counts)
    found: Indexes = np.empty(int(sums[-1]) if len(sums) else 0, np.int64)
    at, base = sums - counts, places * _BLOCK
    while len(left):
        found[at] = base + np.bitwise_count((left & negative(left)) - np.uint64(1))
        left = left & (left - np.uint64(1))
        more = np.flatnonzero(left != 0)
        left, at, base = left[more], at[more] + 1, base[more]
    return found


def negative(words: Words) -> Words:
    """Two's complement: `x & -x` is the lowest bit of x."""
    return ~words + np.uint64(1)


def first_byte(lowest: Words) -> Indexes:
    """Which byte a word's only bit lies in; 8 for a word without one."""
    counts: Indexes = (np.bitwise_count(lowest - np.uint64(1)) >> np.uint8(3)).astype(np.int64)
    return counts


def zero_bytes(words: Words) -> Words:
    """The high bit of each byte that is zero; exact up to and with the first one, which is all that is asked."""
    return (words - _ONES) & ~words & _HIGH
