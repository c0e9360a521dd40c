"""Boots, coverage and steps of the clock, from the times of all entries at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from pveforensics.events.journal.carve import Indexes
from pveforensics.events.journal.entries import Columns
from pveforensics.events.scan.coverage import BACK_US, HOLE_US, MOST_RUNS
from pveforensics.readings import Run, Stamp

_APART_US = 1_000_000
"""Wall clock and monotonic clock are slewed together: a difference that changes by a second was a step, or is damage."""

_DAY_US = 86_400_000_000
_MOST_STEPS = 200
_MOST_EDGES = 20_000
_FIRST = 4


class Step(NamedTuple):
    """The wall clock was set forward by `seconds` between an entry and the one before it, of the same boot."""

    row: int
    seconds: float


class Lives(NamedTuple):
    """`number` counts, for each boot, those before it on the same machine; `begins` (and `first_of`) are the rows at which another one began."""

    number: tuple[int, ...]
    begins: tuple[int, ...]
    first_of: frozenset[int]


def lives(rows: Columns, host_of: Callable[[int], str]) -> Lives:
    """The boots in the order of their first entries. A collector's file has boots of several machines beside each other."""
    first = np.full(len(rows.boots), len(rows.boot), np.int64)
    np.minimum.at(first, rows.boot[_changes(rows.boot)], _changes(rows.boot))
    count, hosts, numbers, begins = 0, set(), [], []
    for row in first.tolist():
        host = host_of(row)
        if host in hosts:
            count += 1
            begins.append(row)
        hosts.add(host)
        numbers.append(count)
    return Lives(tuple(numbers), tuple(begins), frozenset(begins))


def _changes(column: Indexes) -> Indexes:
    """Where a value stands for the first time in a row, the first row included."""
    changed = np.ones(len(column), np.bool_)
    changed[1:] = column[1:] != column[:-1]
    return np.flatnonzero(changed)


def settled(rows: Columns) -> tuple[Columns, tuple[Step, ...]]:
    """The columns with damaged times put right by the other clock and the neighbours, and the steps of the wall clock."""
    at, monotonic = rows.at.copy(), rows.monotonic.copy()
    order = np.argsort(rows.boot, kind="stable")  # boots of several machines may stand in each other's midst
    steps = sorted(_settle(order, rows.boot, at, monotonic))
    return rows._replace(at=at, monotonic=monotonic), tuple(steps[:_MOST_STEPS])


def _settle(order: Indexes, boot: Indexes, at: Indexes, monotonic: Indexes) -> Iterator[Step]:
    """Look at the difference of both clocks: one entry apart from its neighbours is damaged, a lasting change is a step."""
    apart = at[order] - monotonic[order]
    cut = np.flatnonzero((np.abs(np.diff(apart)) >= _APART_US) | (np.diff(boot[order]) != 0)) + 1
    if not len(cut) or len(cut) > _MOST_EDGES:
        return
    edges = [0, *cut.tolist(), len(order)]
    steady: int | None = None  # the last row of the stretch before
    for begin, end in itertools.pairwise(edges):
        row, last = int(order[begin]), int(order[end - 1])
        if steady is not None and boot[steady] != boot[row]:
            steady = None
        if end - begin == 1 and not _lone(begin, order, boot):
            _mend(begin, order, boot, at, monotonic)
            continue
        if steady is not None:
            seconds = (int(at[row]) - int(monotonic[row]) - int(at[steady]) + int(monotonic[steady])) / 1e6
            if abs(seconds) * 1e6 >= _APART_US:
                yield Step(row, seconds)
        steady = last


def _lone(place: int, order: Indexes, boot: Indexes) -> bool:
    """True for the only entry of a boot."""
    before = place > 0 and boot[order[place - 1]] == boot[order[place]]
    behind = place + 1 < len(order) and boot[order[place + 1]] == boot[order[place]]
    return not before and not behind


def _mend(place: int, order: Indexes, boot: Indexes, at: Indexes, monotonic: Indexes) -> None:
    """One clock of one entry is wrong: keep the one that lies between the neighbours, and work out the other."""
    row = int(order[place])
    sides = [int(order[k]) for k in (place - 1, place + 1) if 0 <= k < len(order) and boot[order[k]] == boot[row]]
    offset = int(at[sides[0]]) - int(monotonic[sides[0]])
    low, high = min(int(at[k]) for k in sides), max(int(at[k]) for k in sides)
    if len(sides) == 1 and abs(int(at[row]) - low) < _DAY_US:
        return  # the first or last of its boot: a step of the clock is more likely than damage
    if low - _APART_US <= at[row] <= high + _APART_US:
        monotonic[row] = max(0, int(at[row]) - offset)
        return
    first, last = min(int(monotonic[k]) for k in sides), max(int(monotonic[k]) for k in sides)
    if len(sides) == 2 and not first - _APART_US <= monotonic[row] <= last + _APART_US:
        monotonic[row] = first
    at[row] = int(monotonic[row]) + offset


def runs(rows: Columns, lived: Lives, stamp_of: Callable[[int], Stamp | None]) -> tuple[tuple[Run, ...], bool]:
    """Coverage: stretches without a hole, a fall back or another boot; False if there are more than are kept."""
    if not len(rows.at):
        return (), True
    delta = np.diff(rows.at)
    cuts = np.flatnonzero((delta < -BACK_US) | (delta > HOLE_US)) + 1
    edges = np.unique(np.concatenate((np.array([0, len(rows.at)]), cuts, np.array(lived.begins, np.int64))))
    found: list[Run] = []
    for begin, end in itertools.pairwise(edges.tolist()):
        if len(found) >= MOST_RUNS:
            return tuple(found), False
        newest = begin + int(rows.at[begin:end].argmax())
        stamps = [stamp for row in range(begin, min(begin + _FIRST, end)) if (stamp := stamp_of(row)) is not None]
        first, last = min(stamps, key=_moment, default=None), stamp_of(newest)
        if first is not None and last is not None:
            found.append(Run(first, max(first, last, key=_moment), begin + 1, end, lived.number[int(rows.boot[begin])]))
    return tuple(found), True


def _moment(stamp: Stamp) -> int:
    return stamp.epoch_us or 0
