"""The lines that a case document cites: each by its id, and each id reckoned once, however often its line is cited."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from pveforensics import model

EVIDENCE_PER_PART = 60
"""Lines kept for one finding, cause, interval or event; a storm has its count beside it."""


class Cited:
    """The evidence met so far."""

    def __init__(self) -> None:
        self.lines: dict[str, model.Evidence] = {}
        self._ids: dict[tuple[str, int, str], str] = {}

    def knows(self, evidence: Iterable[model.Evidence]) -> bool:
        """True if one of the lines was met."""
        return not self._ids.keys().isdisjoint([(one.path, one.line, one.text) for one in evidence])

    def cite(self, evidence: Iterable[model.Evidence], *, near: bool = True) -> list[str]:
        """The ids of evidence, each once, in order; remembers the evidence itself, with the lines around it if `near`."""
        if evidence == ():  # as of most parts
            return []
        known = self._ids
        ids: dict[str, None] = {}
        for one in evidence:
            if len(ids) >= EVIDENCE_PER_PART:
                break
            place = (one.path, one.line, one.text)
            key = known.get(place)
            if key is None:
                key = known[place] = one.id
                self.lines.setdefault(key, one if near or not (one.before or one.after) else replace(one, before=(), after=()))
            ids[key] = None
        return list(ids)
