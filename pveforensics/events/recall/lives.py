"""What was done to guests, as far as it tells where each of them ran when a node went down, and where it was started again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pveforensics.events.recall.moments import Cut
from pveforensics.events.recall.shelf import Shelf
from pveforensics.events.signatures import SignatureIndex
from pveforensics.timebase import HOUR

LIVED = 1_000
"""So many lines about the lives of guests are all taken."""

AROUND_US = 2 * HOUR
"""How far the clocks of two nodes may be apart: so long before and behind a cut it is not certain what came first."""

_UPID = rb"UPID:[^:]*:[^:]*:[^:]*:[^:]*:"
_LIFE = re.compile(
    rb" end task " + _UPID + rb"(?=\w+:(?P<number>[1-9]\d{2,8}):)"
    rb"(?:(?P<started>(?:qm|vz)start)|(?P<stopped>(?:qm|vz)(?:stop|shutdown))|(?P<moved>(?:q|vz)migrate)):"
)
"""The end of a task after which a guest runs, is down, or runs elsewhere (the words that state/trackers/guest_words.py hears)."""


class Life(NamedTuple):
    """One change in the life of a guest: `what` is started, stopped or moved, `place` its line among the everyday lines of its file."""

    at: int
    place: int
    number: bytes
    what: str


_Row = tuple[int, Life]
"""A change and the number of its file."""


def lives_of(shelf: Shelf, index: SignatureIndex) -> Iterator[Life]:
    """The changes that one file tells, in its order."""
    ends = np.array([signature.kind == "task.end" for signature in index.signatures], np.bool_)
    places = np.flatnonzero(ends[shelf.signatures])
    for place, at in zip(places.tolist(), shelf.at[places].tolist(), strict=True):
        if (found := _LIFE.search(shelf.line(place))) is not None:
            yield Life(at, place, found["number"], found.lastgroup or "")


def lives_at(rows: Sequence[_Row], cuts: Iterable[Cut], lived: int) -> Iterator[_Row]:
    """What tells where each guest was at each cut, and what became of it then; all if that is no more than `lived`."""
    if len(rows) <= lived:
        yield from rows
        return
    edges = _edges(cuts)
    guests: dict[bytes, list[_Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row[1].at):
        guests[row[1].number].append(row)
    for of_guest in guests.values():
        yield from _of_guest(of_guest, edges)


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


def _of_guest(rows: Sequence[_Row], edges: Sequence[int]) -> Iterator[_Row]:
    """Of one guest by time: where it stood before each stretch, all inside, and what came after it up to the next start: a stop is never told without the start that ends it."""
    state: list[_Row] = []
    stretch, fresh = 0, False
    for row in rows:
        now = bisect_right(edges, row[1].at)
        if now != stretch:
            yield from state
            stretch, fresh = now, True
        started = row[1].what == "started"
        if now % 2 or fresh:
            yield row
            fresh = not started
        state = [row] if started else [*(each for each in state if _stays(each, row)), row]
    yield from state


def _stays(earlier: _Row, later: _Row) -> bool:
    """False for what a later line of the same file says again."""
    return earlier[1].what == "started" or (earlier[0], earlier[1].what) != (later[0], later[1].what)
