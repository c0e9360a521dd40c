"""Objects found by their shape: no chain, hash table or counter of the file is followed, so that damage costs only what it hit.

`take` and `compress` are what costs least of numpy's ways to pick: a third of what indexing by an array or a mask does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_TYPE_DATA, _TYPE_ENTRY = 1, 3
_PAGE = 1 << 15
_LARGEST_ENTRY = 1 << 20
_ENTRY_HEAD = 64
_EARLIEST, _LATEST = 978_307_200_000_000, 4_985_971_200_000_000
_BLOCK = 1 << 20
_BATCH = 1 << 12
_LITTLE = np.dtype("<u8")
_LITTLE_HALF = np.dtype("<u4")


class Layout(NamedTuple):
    """Regular or compact: how long the head of a DATA object is, and an item of an entry, in bytes."""

    compact: bool
    head: int
    item: int


REGULAR, COMPACT = Layout(False, 64, 16), Layout(True, 72, 4)


class Objects(NamedTuple):
    """Places (in words of eight bytes) and sizes (in bytes) of what looks like a DATA object, with flags, or an entry."""

    layout: Layout
    words: Words
    data: Indexes
    data_size: Indexes
    data_flags: Indexes
    entry: Indexes
    entry_size: Indexes


def words_of(buffer: Any) -> Words:
    """The whole words of a file."""
    return np.frombuffer(buffer, _LITTLE, len(buffer) // 8)


def objects(words: Words, layout: Layout) -> Objects:
    """Everything in the file that has the shape of a DATA object or of an entry."""
    data: list[tuple[Indexes, Indexes, Indexes]] = []
    entries: list[tuple[Indexes, Indexes]] = []
    for places in _candidates(words):
        kinds, sizes = words[places], words[places + 1].astype(np.int64)
        is_entry = kinds == _TYPE_ENTRY
        entries.append(_entries(words, places.compress(is_entry), sizes.compress(is_entry), layout))
        is_data = ~is_entry
        data.append(_data(words, places.compress(is_data), kinds.compress(is_data), sizes.compress(is_data), layout))
    entry, entry_size = (_joined(list(column)) for column in zip(*entries, strict=True))
    apart = np.ones(len(entry), np.bool_)
    apart[:-1] = entry[:-1] + (entry_size[:-1] + 7) // 8 <= entry[1:]  # a size that reaches into the next entry is damaged
    place, size, flags = (_joined(list(column)) for column in zip(*data, strict=True))
    return Objects(layout, words, place, size, flags, entry[apart], entry_size[apart])


def _candidates(words: Words) -> Iterator[Indexes]:
    """Words that are 1 or 3 but for the flags of a DATA object, and that a possible size follows, some thousand at a time."""
    found, count = [], 0
    largest = np.uint64(len(words) * 8 - _ENTRY_HEAD)
    for begin in range(0, len(words) - 1, _PAGE):
        part = words[begin : begin + _PAGE + 1]
        kinds = (part[:-1] & np.uint64(0xFFFF_FFFF_FFFF_F8FD)) == _TYPE_DATA
        kinds &= part[1:] - np.uint64(_ENTRY_HEAD) <= largest  # what is smaller wraps around
        found.append(np.flatnonzero(kinds) + begin)
        count += len(found[-1])
        if count >= _BATCH:
            yield np.concatenate(found)
            found, count = [], 0
    yield _joined(found)


def _joined(parts: list[Indexes]) -> Indexes:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _data(words: Words, places: Indexes, kinds: Words, sizes: Indexes, layout: Layout) -> tuple[Indexes, Indexes, Indexes]:
    """Places, sizes and flags where a DATA object can stand: its size fits, its offsets are aligned, its payload is not empty."""
    good = ((kinds & np.uint64(2)) == 0) & (sizes > layout.head) & (sizes <= (len(words) - places) * 8)
    if not good.all():
        places, kinds, sizes = places.compress(good), kinds.compress(good), sizes.compress(good)
    offsets = words[places + 3]
    for step in (4, 5, 6):
        offsets |= words[places + step]
    good = ((offsets & np.uint64(0xFFFF_0000_0000_0007)) == 0) & (words[places + 7] >> np.uint64(40) == 0)
    return places.compress(good), sizes.compress(good), (kinds.compress(good) >> np.uint64(8)).astype(np.int64)


def _entries(words: Words, places: Indexes, sizes: Indexes, layout: Layout) -> tuple[Indexes, Indexes]:
    """Places and sizes where an entry can stand: size, number, time and boot are possible ones."""
    good = (sizes > _ENTRY_HEAD) & (sizes <= _LARGEST_ENTRY) & (sizes <= (len(words) - places) * 8)
    good &= (sizes - _ENTRY_HEAD) % layout.item == 0
    places, sizes = places.compress(good), sizes.compress(good)
    numbers, moments = words[places + 2], words[places + 3]
    good = (numbers >= 1) & (numbers >> np.uint64(48) == 0) & (moments >= _EARLIEST) & (moments < _LATEST)
    good &= (words[places + 4] >> np.uint64(53) == 0) & ((words[places + 5] | words[places + 6]) != 0)
    return places.compress(good), sizes.compress(good)


def items(found: Objects, places: Indexes, count: int) -> Indexes:
    """The places of the objects that entries of `count` items refer to, a row for each entry; what lies outside becomes the last word."""
    layout, words = found.layout, found.words
    steps = np.arange(count, dtype=np.int64)
    if layout.compact:
        halves = words.view(_LITTLE_HALF)
        offsets = halves[(places * 2 + 16)[:, None] + steps].astype(np.int64)
    else:
        offsets = np.minimum(words[(places + 8)[:, None] + 2 * steps], np.uint64(len(words) * 8)).astype(np.int64)
    found_at: Indexes = np.minimum(offsets >> 3, len(words) - 1)
    return found_at


class Block(NamedTuple):
    """Entries with equally many items: their numbers in the file's list, and the objects that they refer to."""

    rows: Indexes
    objects: Indexes


def blocks(found: Objects, rows: Indexes | None = None) -> Iterator[Block]:
    """All entries (or those of `rows`), some at a time, by their count of items."""
    rows = np.arange(len(found.entry)) if rows is None else rows
    ends = np.cumsum(found.entry_size[rows])
    begin = 0
    while begin < len(rows):
        end = max(begin + 1, int(np.searchsorted(ends, (int(ends[begin - 1]) if begin else 0) + 8 * _BLOCK)))
        some = rows[begin:end]
        counts = (found.entry_size[some] - _ENTRY_HEAD) // found.layout.item
        for count in np.flatnonzero(np.bincount(counts)).tolist():
            equal = some[counts == count]
            yield Block(equal, items(found, found.entry[equal], count))
        begin = end


def best_layout(words: Words, stated: Layout | None) -> Objects:
    """The objects by the layout in which entries refer to DATA objects: the header's own, unless that one cannot be."""
    first = objects(words, stated or COMPACT)
    if _resolves(first) >= 0.5:
        return first
    other = objects(words, REGULAR if first.layout.compact else COMPACT)
    return other if _resolves(other) > _resolves(first) else first


def _resolves(found: Objects) -> float:
    """The share of items, of some hundred entries all over the file, that lead to a DATA object."""
    if not len(found.entry):
        return 0.0
    sample = np.unique(np.linspace(0, len(found.entry) - 1, 300).astype(np.int64))
    good = total = 0
    for block in blocks(found, sample):
        place = np.searchsorted(found.data, block.objects)
        place[place == len(found.data)] = 0
        good += int(np.count_nonzero(found.data[place] == block.objects)) if len(found.data) else 0
        total += block.objects.size
    return good / total
