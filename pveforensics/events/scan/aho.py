"""The ahocorasick_rs back-end, for systems without hyperscan: an automaton in Rust, optional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pveforensics.events.anchors import expression

DIGIT = b"\xff"


class AhoCorasickMatcher:
    """Literals as one automaton over bytes."""

    name = "ahocorasick_rs"

    def __init__(self, literals: Sequence[bytes]) -> None:
        """Build the automaton. Raises ImportError where the library is missing."""
        import ahocorasick_rs  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - an extra that may be missing

        self._literals = tuple(literals)
        self._digits = {index: expression(literal) for index, literal in enumerate(literals) if DIGIT in literal}
        self._automaton: Any = ahocorasick_rs.BytesAhoCorasick(
            [literal.partition(DIGIT)[0] for literal in literals], implementation=ahocorasick_rs.Implementation.DFA
        )

    def __reduce__(self) -> tuple[type[AhoCorasickMatcher], tuple[tuple[bytes, ...]]]:
        return type(self), (self._literals,)

    def hits(self, buffer: bytes) -> list[tuple[int, int]]:
        """Every occurrence, sorted by offset."""
        found = []
        for index, start, end in self._automaton.find_matches_as_indexes(buffer, overlapping=True):
            pattern = self._digits.get(index)
            if pattern is None:
                found.append((index, end))
            elif (whole := pattern.match(buffer, start)) is not None:
                found.append((index, whole.end()))
        found.sort(key=lambda hit: hit[1])
        return found
