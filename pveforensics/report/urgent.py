"""What must be said before all else: remedies that keep data from being destroyed while somebody reads."""

from __future__ import annotations

from pveforensics.report import shape
from pveforensics.report.story import Story

BEFORE_ALL = "Before all else"
"""How a rule begins such a remedy."""


def urgent(story: Story) -> list[tuple[shape.Finding, shape.Remedy]]:
    """Findings with such a remedy, whichever incident they are part of, the graver first."""
    ranked = sorted(story.findings, key=lambda finding: finding.criticality != "catastrophic")
    return [(finding, each) for finding in ranked for each in finding.remedies if each.text.startswith(BEFORE_ALL)]
