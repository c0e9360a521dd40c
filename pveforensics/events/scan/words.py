"""Eight bytes of every line at once: the numpy arithmetic on which the fast scan rests.

All words are little-endian unsigned 64-bit numbers, whatever the machine: byte 0 of a text is the lowest byte of its word.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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


class Page(NamedTuple):
    """A piece of a log: where its lines begin and end (behind the last byte, without the newline), and its words at every offset."""

    data: bytes
    starts: Indexes
    ends: Indexes
    words: Words

    def text(self, line: int, begin: int | None = None) -> str:
        """A line from offset `begin` of the page on, or whole, as the reader of lines gets it."""
        start = self.starts.item(line) if begin is None else begin
        return self.data[start : self.ends.item(line)].decode("utf-8", "replace").rstrip("\r")


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


def page(data: bytes, room: Room) -> Page:
    """The page of whole lines that have no last newline; it holds until the room is taken for the next one."""
    padded, flags = room.take(data)
    newlines = _newlines(padded, flags)
    starts = np.empty(len(newlines) + 1, np.int64)
    starts[0] = 0
    np.add(newlines, 1, out=starts[1:])
    ends = np.empty_like(starts)
    ends[:-1] = newlines
    ends[-1] = len(data)
    words: Any = np.ndarray((len(padded) - 7,), _LITTLE, padded.data, strides=(1,))
    return Page(data, starts, ends, words)


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
