"""Which findings are told in full: all that a person can read, and of more the main incident and the most critical of the others."""

from __future__ import annotations

import itertools

from pveforensics.report.room import CARDS
from pveforensics.report.story import Chain, Story, foremost, loudness

BRIEF = 14
"""Findings on the first page of a print."""
LARGEST = 100
"""Findings of one incident that are told in full, where not all are: another one must have room beside it."""
_URGENT = 20


def in_full(story: Story, most: int) -> frozenset[str]:
    """The ids of these findings, whole incidents at a time: a consequence without its cause would explain nothing.

    What the first page names is always among them, so that its links lead somewhere.
    """
    if len(story.findings) <= most:
        return frozenset(story.codes)
    named = (*foremost(story, BRIEF), *(finding for finding, _ in story.urgent[:_URGENT]))
    chosen = dict.fromkeys(finding.id for finding in named)
    for chain in story.gravest:
        root = chain.incident.root if chain.incident else ""
        worst = sorted(chain.findings, key=lambda finding: (finding.id == root, loudness(finding)), reverse=True)
        for finding in worst[: min(LARGEST, most - len(chosen))]:
            chosen.setdefault(finding.id)
        if len(chosen) >= most:
            break
    return frozenset(chosen)


def where_all_are(story: Story) -> str:
    """The output that tells every finding."""
    return "report" if len(story.findings) <= CARDS else "case document (--json)"


def listed(story: Story, most: int) -> tuple[Chain, ...]:
    """The incidents that have a line, in the order of time: all, or the most critical ones."""
    told = story.incidents
    if len(told) <= most:
        return told
    chosen = {id(chain) for chain in gravest(story, most)}
    return tuple(chain for chain in told if id(chain) in chosen)


def gravest(story: Story, most: int) -> tuple[Chain, ...]:
    """So many incidents, in the order of `Story.gravest`."""
    return tuple(itertools.islice((chain for chain in story.gravest if chain.incident is not None), most))
