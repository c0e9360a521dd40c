"""Matcher: the seam behind which a faster engine may find the anchors; all back-ends must give equal hits."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Protocol


class Matcher(Protocol):
    """Finds literals in a buffer of whole lines; a byte 0xFF in a literal stands for any digit."""

    name: str

    def hits(self, buffer: bytes) -> list[tuple[int, int]]:
        """(index of the literal, offset behind its end) of occurrences, sorted by offset.

        A back-end may give every occurrence, or at least one per literal and line.
        """
        ...


CODE_BITS = 20
"""Of a hit in one number: the literal's index below, the offset above."""

LITERAL = (1 << CODE_BITS) - 1
"""The bits of the literal's index."""


def hit_codes(matcher: Matcher, buffer: bytes) -> array[int]:
    """The hits, each as one number, in any order; an engine that has them so at less cost has a method `codes`."""
    codes: Callable[[bytes], array[int]] | None = getattr(matcher, "codes", None)
    return codes(buffer) if codes is not None else array("q", (end << CODE_BITS | index for index, end in matcher.hits(buffer)))


MakeMatcher = Callable[[Sequence[bytes]], Matcher]
