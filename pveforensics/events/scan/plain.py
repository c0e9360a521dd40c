"""The plain back-end: one search after another. Slow, everywhere at hand, and the oracle for the others."""

from __future__ import annotations

from collections.abc import Sequence

from pveforensics.events.anchors import expression


class PlainMatcher:
    """Looks for each literal by itself; after a hit it goes on in the next line."""

    name = "plain"

    def __init__(self, literals: Sequence[bytes]) -> None:
        """Keep the literals; their index is their place here."""
        self._patterns = tuple(expression(literal) for literal in literals)

    def hits(self, buffer: bytes) -> list[tuple[int, int]]:
        """One hit per literal and line, sorted by offset."""
        found: list[tuple[int, int]] = []
        for index, pattern in enumerate(self._patterns):
            hit = pattern.search(buffer)
            while hit is not None:
                found.append((index, hit.end()))
                newline = buffer.find(b"\n", hit.end())
                if newline < 0:
                    break
                hit = pattern.search(buffer, newline + 1)
        found.sort(key=lambda hit: hit[1])
        return found
