"""Rules that looked and found nothing, and rules that had nothing to look at: two lists, never blended."""

from __future__ import annotations

import msgspec

from pveforensics.report.story import Story


class View(msgspec.Struct, frozen=True):
    """The section."""

    heading: str
    clear: tuple[str, ...]
    not_applicable: tuple[str, ...]


def build(story: Story) -> View | None:
    """The two lists; None if both are empty. A rule stands under its worst outcome alone."""
    by = {
        word: {check.rule for check in story.doc.checks if check.outcome == word}
        for word in ("found", "could_not_check", "clear", "not_applicable")
    }
    clear = by["clear"] - by["found"] - by["could_not_check"]
    idle = by["not_applicable"] - by["found"] - by["could_not_check"] - clear
    return View("Checked and clear", tuple(sorted(clear)), tuple(sorted(idle))) if clear or idle else None
