"""The ahocorasick_rs back-end, for systems without hyperscan: an automaton in Rust, optional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class AhoCorasickMatcher:
    """Literals as one automaton over bytes."""

    name = "ahocorasick_rs"

    def __init__(self, literals: Sequence[bytes]) -> None:
        """Build the automaton. Raises ImportError where the library is missing."""
        import ahocorasick_rs  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - an extra that may be missing

        self._literals = tuple(literals)
        self._automaton: Any = ahocorasick_rs.BytesAhoCorasick(list(literals), implementation=ahocorasick_rs.Implementation.DFA)

    def __reduce__(self) -> tuple[type[AhoCorasickMatcher], tuple[tuple[bytes, ...]]]:
        return type(self), (self._literals,)

    def hits(self, buffer: bytes) -> list[tuple[int, int]]:
        """Every occurrence, sorted by offset."""
        found = [(index, end) for index, _, end in self._automaton.find_matches_as_indexes(buffer, overlapping=True)]
        found.sort(key=lambda hit: hit[1])
        return found
