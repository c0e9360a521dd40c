"""The plain back-end: one `bytes.find` after another. Slow, everywhere at hand, and the oracle for the others."""

from __future__ import annotations

from collections.abc import Sequence


class PlainMatcher:
    """Looks for each literal by itself; after a hit it goes on in the next line."""

    name = "plain"

    def __init__(self, literals: Sequence[bytes]) -> None:
        """Keep the literals; their index is their place here."""
        self._literals = tuple(literals)

    def hits(self, buffer: bytes) -> list[tuple[int, int]]:
        """One hit per literal and line, sorted by offset."""
        found: list[tuple[int, int]] = []
        for index, literal in enumerate(self._literals):
            at = buffer.find(literal)
            while at >= 0:
                end = at + len(literal)
                found.append((index, end))
                newline = buffer.find(b"\n", end)
                if newline < 0:
                    break
                at = buffer.find(literal, newline + 1)
        found.sort(key=lambda hit: hit[1])
        return found
