"""Which entries refer to what: read from every entry, or along the chains of a file that was closed in order and whose counts agree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pveforensics.events.journal.carve import Indexes, Mask, Objects, blocks
from pveforensics.events.journal.header import Header
from pveforensics.events.journal.search import COMM, DATA, HIT, HOST, NAME, Anchors, Fields

_MOST_NAMES = 1_000
_FEW = 8
"""Chains pay while no more than one entry in so many is asked for."""

_ARRAY, _ARRAY_HEAD = 6, 24


class Marks(NamedTuple):
    """The entries that are sound, those of them (by place among all) that hold an anchor; hosts' and programs' DATA objects."""

    sound: Mask
    hits: Indexes
    hosts: dict[int, int]
    names: frozenset[int]


def marks(found: Objects, fields: Fields, header: Header | None, anchors: Anchors) -> Marks:
    """What the entries of a file refer to. Chains are believed only where each link and each count proves right."""
    closed = header is not None and header.state in ("offline", "archived") and header.entries == len(found.entry) and not header.unknown
    return (_chained(found, fields, anchors) if closed else None) or _gathered(found, fields)


def _gathered(found: Objects, fields: Fields) -> Marks:
    """Look at every entry. One that refers to DATA objects for less than a half of its items is none."""
    sound = np.zeros(len(found.entry), np.bool_)
    hit = np.zeros(len(found.entry), np.bool_)
    hosts: dict[int, int] = {}
    names = _places(fields, NAME)
    for block in blocks(found):
        kinds = fields.classes[block.objects]
        seen = np.bitwise_or.reduce(kinds, axis=1)
        sound[block.rows] = good = 2 * np.count_nonzero(kinds & DATA, axis=1) >= kinds.shape[1]
        hit[block.rows] = good & ((seen & HIT) != 0)
        _count(block.objects[((kinds & (1 << HOST)) != 0) & good[:, None]], hosts)
        nameless = ((seen & (1 << NAME)) == 0) & good
        if nameless.any():
            names = np.union1d(names, block.objects[((kinds & (1 << COMM)) != 0) & nameless[:, None]])
    return Marks(sound, np.flatnonzero(hit), hosts, frozenset(names.tolist()))


def _count(places: Indexes, counts: dict[int, int]) -> None:
    if not len(places):
        return
    if (places == places[0]).all():
        counts[int(places[0])] = counts.get(int(places[0]), 0) + len(places)
        return
    for place, count in zip(*(column.tolist() for column in np.unique(places, return_counts=True)), strict=True):
        if place in counts or len(counts) < _MOST_NAMES:
            counts[place] = counts.get(place, 0) + count


def _places(fields: Fields, field: int) -> Indexes:
    """The DATA objects of one field."""
    places: Indexes = fields.found.data[(fields.classes[fields.found.data] & (1 << field)) != 0]
    return places


# --- along the chains ------------------------------------------------------------------------------


def _chained(found: Objects, fields: Fields, anchors: Anchors) -> Marks | None:
    """By the entries that DATA objects themselves name, and by how many they count; None where anything does not agree."""
    total = len(found.entry)
    hosts, names = _places(fields, HOST), _places(fields, NAME)
    counts = found.words[hosts + 7]
    if int(counts.sum()) != total or int(found.words[names + 7].sum()) != total or len(hosts) > _MOST_NAMES:
        return None  # an entry without a program's name, or with two
    messages = np.fromiter(anchors, np.int64, len(anchors))
    if int(found.words[messages + 7].sum()) * _FEW > total:
        return None
    entries: list[int] = []
    for message in messages.tolist():
        chain = _chain(found, message)
        if chain is None:
            return None
        entries += chain
    places = np.unique(np.array(entries, np.int64))
    rows = np.searchsorted(found.entry, places)
    if len(places) and (rows[-1] >= total or (found.entry[rows] != places).any() or not _all_hit(found, fields, rows)):
        return None
    return Marks(np.ones(total, np.bool_), rows, dict(zip(hosts.tolist(), counts.tolist(), strict=True)), frozenset(names.tolist()))


def _chain(found: Objects, place: int) -> list[int] | None:
    """The entries of one DATA object: the first by itself, the others in a chain of arrays; as many as it counts, or None."""
    words, width = found.words, 4 if found.layout.compact else 8
    entry, array, left = (int(word) for word in words[place + 5 : place + 8].tolist())
    if not left or not entry or left > len(found.entry):
        return None
    entries, left, array = [entry >> 3], left - 1, array >> 3
    while left:
        if not 0 < array < len(words) - 3 or int(words[array]) & 255 != _ARRAY:
            return None
        room = (min(int(words[array + 1]), (len(words) - array) * 8) - _ARRAY_HEAD) // width
        if room <= 0:
            return None
        part = words[array + 3 :].view("<u4" if found.layout.compact else "<u8")[: min(room, left)]
        if not part.all():
            return None
        entries += (part.astype(np.int64) >> 3).tolist()
        left, array = left - len(part), int(words[array + 2]) >> 3
    return entries


def _all_hit(found: Objects, fields: Fields, rows: Indexes) -> bool:
    """True if each of these entries does refer to a message that holds an anchor."""
    return all(((fields.classes[block.objects] & HIT) != 0).any(axis=1).all() for block in blocks(found, rows))
