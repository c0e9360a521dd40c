"""Entries as columns: when, in which boot, and the hosts and programs of all of them, without taking one apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pveforensics.events.journal.carve import Indexes, Mask, Objects, blocks
from pveforensics.events.journal.search import COMM, DATA, HOST, NAME, Classes, Fields

_MOST_NAMES = 1_000


class Columns(NamedTuple):
    """The entries of a file in the order in which they were written; line numbers are places here plus one.

    `at` and `monotonic` are microseconds, `boot` an index into `boots`, `bits` all bits of the fields that an entry refers to.
    """

    place: Indexes
    size: Indexes
    at: Indexes
    monotonic: Indexes
    boot: Indexes
    boots: tuple[str, ...]
    bits: Classes
    hosts: dict[str, int]
    programs: frozenset[str]


def columns(found: Objects, fields: Fields) -> Columns:
    """The entries that refer to DATA objects for the most part, with the names of hosts and programs in them."""
    classes = fields.classes
    bits: Classes = np.zeros(len(found.entry), np.uint16)
    sound: Mask = np.zeros(len(found.entry), np.bool_)
    hosts: dict[int, int] = {}
    names: set[int] = set(found.data[(classes[found.data] & (1 << NAME)) != 0].tolist())
    for block in blocks(found):
        kinds = classes[block.objects]
        bits[block.rows] = seen = np.bitwise_or.reduce(kinds, axis=1)
        sound[block.rows] = good = 2 * np.count_nonzero(kinds & DATA, axis=1) >= kinds.shape[1]
        _count(block.objects[((kinds & (1 << HOST)) != 0) & good[:, None]], hosts)
        nameless = ((seen & (1 << NAME)) == 0) & good
        if nameless.any():
            names.update(np.unique(block.objects[((kinds & (1 << COMM)) != 0) & nameless[:, None]]).tolist())
    place, size = found.entry[sound], found.entry_size[sound]
    boot, boots = _boots(found, place)
    return Columns(
        place,
        size,
        found.words[place + 3].astype(np.int64),
        found.words[place + 4].astype(np.int64),
        boot,
        boots,
        bits[sound],
        _named(hosts, fields),
        frozenset(name for name in (_value(fields.payload(each)) for each in sorted(names)[:_MOST_NAMES]) if name),
    )


def _count(places: Indexes, counts: dict[int, int]) -> None:
    if not len(places):
        return
    if (places == places[0]).all():
        counts[int(places[0])] = counts.get(int(places[0]), 0) + len(places)
        return
    for place, count in zip(*(column.tolist() for column in np.unique(places, return_counts=True)), strict=True):
        if place in counts or len(counts) < _MOST_NAMES:
            counts[place] = counts.get(place, 0) + count


def _named(counts: dict[int, int], fields: Fields) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, count in counts.items():
        name = _value(fields.payload(place))
        if name:
            found[name] = found.get(name, 0) + count
    return found


def _value(payload: bytes) -> str:
    return payload.partition(b"=")[2].decode("utf-8", "replace")


def _boots(found: Objects, places: Indexes) -> tuple[Indexes, tuple[str, ...]]:
    """Each entry's boot by number, and their ids. A boot that one entry alone claims amid those of another is a damaged id."""
    low, high = found.words[places + 5], found.words[places + 6]
    changed = np.ones(len(places), np.bool_)
    changed[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    starts = np.flatnonzero(changed)
    if not len(starts):
        return np.empty(0, np.int64), ()
    ids = np.stack((low[starts], high[starts]), axis=1).astype("<u8")
    names = [row.tobytes().hex() for row in ids]
    lengths = np.diff(np.append(starts, len(places))).tolist()
    known = dict.fromkeys(names, 0)
    for name, length in zip(names, lengths, strict=True):
        known[name] += length
    for k in range(1, len(names) - 1):
        if known[names[k]] == 1 and names[k - 1] == names[k + 1]:
            names[k] = names[k - 1]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.repeat(np.array([numbers[name] for name in names], np.int64), lengths), tuple(numbers)
