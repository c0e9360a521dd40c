"""Entries as columns: when, in which boot, and the hosts and programs of all of them, without taking one apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pveforensics.events.journal.carve import Indexes, Objects
from pveforensics.events.journal.marks import Marks
from pveforensics.events.journal.search import Fields

_MOST_NAMES = 1_000


class Columns(NamedTuple):
    """The entries of a file in the order in which they were written; line numbers are places here plus one.

    `at` and `monotonic` are microseconds, `boot` an index into `boots`, `hits` the entries that hold an anchor.
    """

    place: Indexes
    size: Indexes
    at: Indexes
    monotonic: Indexes
    boot: Indexes
    boots: tuple[str, ...]
    hits: Indexes
    hosts: dict[str, int]
    programs: frozenset[str]


def columns(found: Objects, fields: Fields, marked: Marks) -> Columns:
    """The sound entries, with the names of hosts and programs in them."""
    place, size = found.entry.compress(marked.sound), found.entry_size.compress(marked.sound)
    boot, boots = _boots(found, place)
    return Columns(
        place,
        size,
        found.words.take(place + 3).astype(np.int64),
        found.words.take(place + 4).astype(np.int64),
        boot,
        boots,
        (np.cumsum(marked.sound) - 1)[marked.hits],
        _named(marked.hosts, fields),
        frozenset(name for name in (_value(fields.payload(each)) for each in sorted(marked.names)[:_MOST_NAMES]) if name),
    )


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
    low, high = found.words.take(places + 5), found.words.take(places + 6)
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
