"""Lines that other parts of the report cite and that stand in no finding's card: so that every id has a place to go to."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pveforensics.report import shape
from pveforensics.report.room import Room
from pveforensics.report.sections.findings import Line, line_of
from pveforensics.report.story import Story


class View(msgspec.Struct, frozen=True):
    """The section; `total` counts the lines that were asked for."""

    heading: str
    lines: tuple[Line, ...]
    total: int


def build(story: Story, room: Room, wanted: Iterable[str], shown: frozenset[str]) -> View | None:
    """The cited lines in the order of citing; None if all stand elsewhere."""
    ids = [key for key in dict.fromkeys(wanted) if key in story.doc.evidence and key not in shown]
    kept = ids[: room.cited]
    evidence: dict[str, shape.Evidence] = story.doc.evidence
    return View("Other cited lines", tuple(line_of(key, evidence[key], room.chars) for key in kept), len(ids)) if ids else None
