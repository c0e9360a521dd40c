"""The incidents in one line each, where there are several; of many the worst ones, and all of them folded."""

from __future__ import annotations

import msgspec

from pveforensics.report import words
from pveforensics.report.story import Chain, Story
from pveforensics.report.verdict import in_order

SHOWN = 15
"""Incidents up to which all are shown."""
WORST = 10
"""Incidents that are shown of more."""


class Row(msgspec.Struct, frozen=True):
    """One incident."""

    id: str
    number: int
    title: str
    when: str
    lasted: str
    criticality: str
    rank: int
    nodes: str
    findings: tuple[str, ...]


class View(msgspec.Struct, frozen=True):
    """The section: the rows that are shown, and all rows where that is not all of them."""

    heading: str
    lead: str
    rows: tuple[Row, ...]
    all: tuple[Row, ...]


def build(story: Story) -> View | None:
    """Tables of the incidents in the order of time; None for fewer than two."""
    told = story.incidents
    if len(told) < 2:
        return None
    numbers = story.numbers
    rows = tuple(_row(story, chain, numbers[chain.incident.id]) for chain in told if chain.incident)
    if len(rows) <= SHOWN:
        return View("Incidents", "In the order of time.", rows, ())
    worst = {chain.incident.id for chain in sorted(told, key=lambda chain: chain.weight, reverse=True)[:WORST] if chain.incident}
    by = [sum(row.rank == rank for row in rows) for rank in range(5)]
    sums = words.names([f"{by[rank]} {words.CRITICALITIES[rank]}" for rank in (4, 3, 2, 1, 0) if by[rank]], 5)
    lead = f"{len(rows)} in all: {sums}. The {WORST} worst, in the order of time; below them all."
    return View("Incidents", lead, tuple(row for row in rows if row.id in worst), rows)


def _row(story: Story, chain: Chain, number: int) -> Row:
    worst = chain.worst if chain.failures else max(words.rank(finding.criticality) for finding in chain.findings)
    return Row(
        id=chain.incident.id if chain.incident else "",
        number=number,
        title=(chain.incident.title if chain.incident else "") or chain.findings[0].title,
        when=words.stamp(chain.start),
        lasted=_lasted(chain),
        criticality=words.CRITICALITIES[worst],
        rank=worst,
        nodes=words.names(in_order(story.doc, (node for finding in chain.findings for node in finding.nodes))),
        findings=tuple(f.id for f in chain.findings),
    )


def _lasted(chain: Chain) -> str:
    """How long; `open` where no line shows an end, `a moment` where it has no length."""
    start, end = chain.start, chain.end
    if start is None or end is None:
        return "unknown"
    if end - start >= 50_000:
        return words.duration((end - start) / 1e6)
    return "open" if any(finding.end is None for finding in chain.happened) else "a moment"
