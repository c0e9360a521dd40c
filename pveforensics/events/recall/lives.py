"""What was done to guests, as far as it tells where each of them ran when a node went down, and where it was started again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pveforensics.events.recall.moments import Cut, Mask, Numbers
from pveforensics.events.recall.shelf import Shelf
from pveforensics.events.signatures import SignatureIndex
from pveforensics.tasktypes import ENDS, MOVES, STARTS
from pveforensics.timebase import HOUR

_CHANGES = (STARTS, ENDS, MOVES)
_STARTED = 0
_WHAT = {kind.encode(): what for what, kinds in enumerate(_CHANGES) for kind in kinds}

LIVED = 1_000
"""So many lines about the lives of guests are all taken."""

AROUND_US = 2 * HOUR
"""How far the clocks of two nodes may be apart: so long before and behind a cut it is not certain what came first."""

_UPID = rb"UPID:[^:]*:[^:]*:[^:]*:[^:]*:"
_LIFE = re.compile(rb" end task " + _UPID + rb"(?P<words>(?:" + b"|".join(sorted(_WHAT)) + rb"):[1-9]\d{2,8}):")
"""The end of a task after which a guest runs, is down, or runs elsewhere (the words that state/trackers/guest_words.py hears)."""


class Life(NamedTuple):
    """One change in the life of a guest: `what` is its place in `_CHANGES`, `place` its line among the everyday lines of the log with that number."""

    at: int
    log: int
    place: int
    what: int


class Lives:
    """The changes that all logs tell, in columns: there may be millions of them."""

    def __init__(self) -> None:
        """None is known yet."""
        self._known: dict[bytes, int] = {}
        self._columns: list[Numbers] = []

    def __len__(self) -> int:
        return sum(column.shape[1] for column in self._columns)

    def add(self, log: int, shelf: Shelf, index: SignatureIndex) -> None:
        """Take the changes that one log tells."""
        ends = np.array([signature.kind == "task.end" for signature in index.signatures], np.bool_)
        places, words = [], []
        for place, found in shelf.search(_LIFE, np.flatnonzero(ends[shelf.signatures])):
            places.append(place)
            words.append(self._known.setdefault(found[1], len(self._known)))
        if places:
            self._columns.append(np.stack((words, shelf.at[places], np.full(len(places), log), places)))

    def at(self, cuts: Iterable[Cut], lived: int) -> Iterator[Life]:
        """What tells where each guest was at each cut, and what became of it then; all if that is no more than `lived`."""
        if not self._columns:
            return
        words, *rest = np.concatenate(self._columns, axis=1)
        guests, what = self._meanings()[:, words]
        columns = np.stack((guests, *rest, what))
        if len(self) <= lived:
            yield from map(Life, *columns[1:].tolist())
            return
        edges = _edges(cuts)
        columns = columns[:, np.lexsort((columns[1], guests))]
        columns = columns[:, _telling(columns[0], columns[1], columns[-1] == _STARTED, edges)]
        changes = np.flatnonzero(np.diff(columns[0])) + 1
        for of_guest in np.split(columns[1:], changes, axis=1):
            yield from _of_guest(list(map(Life, *of_guest.tolist())), edges)

    def _meanings(self) -> Numbers:
        """For each of the words a number for its guest, and what was done."""
        guests: dict[bytes, int] = {}
        split = (words.split(b":") for words in self._known)
        return np.array([(guests.setdefault(number, len(guests)), _WHAT[kind]) for kind, number in split], np.int64).T


def _edges(cuts: Iterable[Cut]) -> list[int]:
    """Begin and end of each stretch of time in which everything counts, none of which touches the next: a node may have been down for weeks between."""
    edges: list[int] = []
    for at in sorted(moment for cut in cuts for moment in cut):
        begin, end = at - AROUND_US, at + AROUND_US
        if edges and begin <= edges[-1]:
            edges[-1] = max(edges[-1], end)
        else:
            edges += [begin, end]
    return edges


def _telling(guests: Numbers, moments: Numbers, started: Mask, edges: Sequence[int]) -> Mask:
    """The rows, by guest and time, without those that `_of_guest` would pass over: between two stretches nothing tells between the first and the last start."""
    now = np.searchsorted(edges, moments, "right")
    new = np.ones(len(now), np.bool_)
    new[1:] = (guests[1:] != guests[:-1]) | (now[1:] != now[:-1])
    begins, numbers = np.flatnonzero(new), np.cumsum(new) - 1
    rows = np.arange(len(now))
    first = np.minimum.reduceat(np.where(started, rows, len(now)), begins)[numbers]
    last = np.maximum.reduceat(np.where(started, rows, -1), begins)[numbers]
    telling: Mask = (now % 2 == 1) | (rows <= first) | (rows >= last)
    return telling


def _of_guest(rows: Sequence[Life], edges: Sequence[int]) -> Iterator[Life]:
    """Of one guest by time: where it stood before each stretch, all inside, and what came after it up to the next start: a stop is never told without the start that ends it."""
    state: list[Life] = []
    stretch, fresh = 0, False
    for row in rows:
        now = bisect_right(edges, row.at)
        if now != stretch:
            yield from state
            stretch, fresh = now, True
        started = row.what == _STARTED
        if now % 2 or fresh:
            yield row
            fresh = not started
        state = [row] if started else [*(each for each in state if _stays(each, row)), row]
    yield from state


def _stays(earlier: Life, later: Life) -> bool:
    """False for what a later line of the same file says again."""
    return earlier.what == _STARTED or (earlier.log, earlier.what) != (later.log, later.what)
