"""The lines that a case document cites: each by its id, and each id reckoned once, however often its line is cited."""

from __future__ import annotations

from collections.abc import Iterable

from pveforensics import model
from pveforensics.report import shape
from pveforensics.timebase import iso

EVIDENCE_PER_PART = 60
"""Lines kept for one finding, cause, interval or event; a storm has its count beside it."""

_Place = tuple[str, int, str]


class Cited:
    """The evidence met so far, by id, as the document tells it."""

    def __init__(self) -> None:
        self.lines: dict[str, shape.Evidence] = {}
        self._ids: dict[_Place, str] = {}

    def knows(self, evidence: Iterable[model.Evidence]) -> bool:
        """True if one of the lines was met."""
        known = self._ids
        for one in evidence:  # noqa: SIM110 - asked of every event, nearly all of which have one line
            if (one.path, one.line, one.text) in known:
                return True
        return False

    def cite(self, evidence: Iterable[model.Evidence], *, near: bool = True) -> list[str]:
        """The ids of evidence, each once, in order; remembers the evidence itself, with the lines around it if `near`."""
        if evidence == ():  # as of most parts
            return []
        ids: dict[str, None] = {}
        for one in evidence:
            if len(ids) >= EVIDENCE_PER_PART:
                break
            place = one.path, one.line, one.text
            ids[self._ids.get(place) or self._meet(one, place, near=near)] = None
        return list(ids)

    def _meet(self, one: model.Evidence, place: _Place, *, near: bool) -> str:
        """The id of a line that is met for the first time."""
        key = self._ids[place] = one.id
        if key not in self.lines:
            at = iso(one.at.us) if one.at is not None else None
            before, after = (one.before, one.after) if near else ((), ())
            self.lines[key] = shape.Evidence(
                path=one.path,
                line=one.line,
                node=one.node,
                at=at,
                written=one.written,
                text=one.text,
                match=one.match,
                before=before,
                after=after,
            )
        return key
