"""Matcher: the seam behind which a faster engine may find the anchors; all back-ends must give equal hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Matcher(Protocol):
    """Finds literals in a buffer of whole lines."""

    name: str

    def hits(self, buffer: bytes) -> list[tuple[int, int]]:
        """(index of the literal, offset behind its end) of occurrences, sorted by offset.

        A back-end may give every occurrence, or at least one per literal and line.
        """
        ...


MakeMatcher = Callable[[Sequence[bytes]], Matcher]
