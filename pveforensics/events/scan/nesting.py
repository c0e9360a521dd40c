"""Nesting: literals that hold another one are not searched but looked for around each hit of that one: fewer literals are found sooner."""

from __future__ import annotations

import bisect
import itertools
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pveforensics.events.scan.matcher import CODE_BITS

if TYPE_CHECKING:  # numpy only where a long text is searched
    from pveforensics.events.scan.compiled import Nested

_DIGIT = 0xFF
_MANY, _VERY_MANY = 100, 20_000
"""Hits from which on compiled loops are worth calling, and, where nothing else has loaded them with numpy, loading."""


class Outer(NamedTuple):
    """A literal by its place in the set; the inner one ends behind so many bytes of it."""

    number: int
    before: int
    text: bytes


def outer_literals(literals: Sequence[bytes]) -> dict[int, list[Outer]]:
    """By the index of an inner literal those that hold it, or are the same; no inner one is an outer one. What asks for digits is neither."""
    starts = [0, *itertools.accumulate(len(text) + 1 for text in literals)]
    together = b"\n".join(literals)
    outers: set[int] = set()
    found: dict[int, list[Outer]] = {}
    for inner in sorted(range(len(literals)), key=lambda index: (len(literals[index]), index)):
        text = literals[inner]
        if inner in outers or not text or _DIGIT in text:
            continue
        for at in _places(text, together):
            index = bisect.bisect_right(starts, at) - 1
            before = at - starts[index] + len(text)
            if index == inner or index in outers or before > len(literals[index]) or _DIGIT in literals[index]:
                continue
            outers.add(index)
            found.setdefault(inner, []).append(Outer(index, before, literals[index]))
    return found


def _places(text: bytes, where: bytes) -> Iterable[int]:
    at = where.find(text)
    while at >= 0:
        yield at
        at = where.find(text, at + 1)


class Nesting:
    """The outer literals of a set, as they are looked for."""

    def __init__(self, outers: dict[int, list[Outer]], literals: int) -> None:
        """Of a set of so many literals."""
        self._outers = outers
        every = [outers.get(inner, []) for inner in range(literals)]
        self._first = array("q", itertools.accumulate(map(len, every), initial=0))
        row = [outer for some in every for outer in some]
        self._numbers, self._before = (array("q", column) for column in ([each.number for each in row], [each.before for each in row]))
        self._begins = array("q", itertools.accumulate((len(each.text) for each in row), initial=0))
        self._texts = b"".join(each.text for each in row)
        self._lie: Nested | None = None

    def codes(self, buffer: bytes, pairs: list[int]) -> array[int]:
        """Hits, of each its end and its literal one behind the other, as codes, with those of outer literals around inner ones, nearly in their order."""
        many = _MANY if "pveforensics.events.scan.compiled" in sys.modules else _VERY_MANY
        found = self._in_machine_code(buffer, pairs) if len(pairs) >= 2 * many else None
        return found if found is not None else self._one_by_one(buffer, pairs)

    def _one_by_one(self, buffer: bytes, pairs: list[int]) -> array[int]:
        found = array("q")
        for end, literal in zip(pairs[::2], pairs[1::2], strict=True):
            found.append(end << CODE_BITS | literal)
            for index, before, text in self._outers.get(literal, ()):
                begin = end - before
                if begin >= 0 and buffer.startswith(text, begin):
                    found.append(begin + len(text) << CODE_BITS | index)
        return found

    def _in_machine_code(self, buffer: bytes, pairs: list[int]) -> array[int] | None:
        from pveforensics.events.scan import compiled  # noqa: PLC0415 - it loads numpy, which short texts do without

        if self._lie is None:
            self._lie = compiled.NestedTables(self._first, self._numbers, self._before, self._begins, self._texts).lies()
        return compiled.nested(buffer, array("q", pairs), self._lie)
