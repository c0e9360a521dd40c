"""Alarming lines that were seen and do not count, each with the reason."""

from __future__ import annotations

import msgspec

from pveforensics.report import shape
from pveforensics.report.story import Story

SHOWN = 60


class View(msgspec.Struct, frozen=True):
    """The section: text, why, and up to two lines of evidence each."""

    heading: str
    rows: tuple[tuple[str, str, tuple[shape.Evidence, ...]], ...]
    more: int


def build(story: Story) -> View | None:
    """The harmless lines; None if there are none."""
    rows = tuple(
        (each.text, each.why, tuple(story.doc.evidence[key] for key in each.evidence[:2] if key in story.doc.evidence))
        for each in story.doc.benign[:SHOWN]
    )
    return View("Alarming, but harmless", rows, len(story.doc.benign) - len(rows)) if rows else None
