"""The incidents in one line each, where there are several; of many the worst ones, and all of them folded."""

from __future__ import annotations

import msgspec

from pveforensics.report import told, words
from pveforensics.report.room import Room
from pveforensics.report.story import Chain, Story
from pveforensics.report.verdict import in_order

SHOWN = 15
"""Incidents up to which all are shown."""
WORST = 10
"""Incidents that are shown of more."""
CODES = 8
"""Findings that are named in a line."""


class Row(msgspec.Struct, frozen=True):
    """One incident; `anchor` if it has no card further down and is to be found here, as are the `placed` of its findings."""

    id: str
    number: int
    title: str
    when: str
    lasted: str
    criticality: str
    rank: int
    nodes: str
    findings: tuple[str, ...]
    anchor: bool
    placed: frozenset[str]


class View(msgspec.Struct, frozen=True):
    """The section: the rows that are shown, and all rows where that is not all of them; `left` incidents have none."""

    heading: str
    lead: str
    rows: tuple[Row, ...]
    all: tuple[Row, ...]
    listed: str = ""
    left: int = 0

    @property
    def placed(self) -> frozenset[str]:
        """The findings that are to be found here and nowhere else."""
        return frozenset(key for row in self.all or self.rows for key in row.placed)


class Incidents(msgspec.Struct, frozen=True):
    """The section before it is known for how many lines there is room."""

    story: Story

    def within(self, room: Room) -> View:
        """Tables of the incidents in the order of time."""
        story = self.story
        total = len(story.incidents)
        full = told.in_full(story, room.cards)
        chains = told.listed(story, room.listed)
        rows = tuple(_row(story, chain, full) for chain in chains)
        if total <= SHOWN:
            return View("Incidents", "In the order of time.", rows, ())
        worst = {chain.incident.id for chain in told.gravest(story, WORST) if chain.incident}
        by = [0] * 5
        for chain in story.incidents:
            by[_rank(chain)] += 1
        sums = words.names([f"{by[rank]} {words.CRITICALITIES[rank]}" for rank in (4, 3, 2, 1, 0) if by[rank]], 5)
        left = total - len(rows)
        lead = f"{total} in all: {sums}. The {WORST} worst, in the order of time; below {f'the {len(rows):,} most critical' if left else 'them all'}."
        listed = f"The {len(rows):,} most critical incidents" if left else f"All {total} incidents"
        return View("Incidents", lead, tuple(row for row in rows if row.id in worst), rows, listed, left)


def build(story: Story) -> Incidents | None:
    """None for fewer than two."""
    return Incidents(story) if len(story.incidents) > 1 else None


def _rank(chain: Chain) -> int:
    return chain.worst if chain.failures else max(words.rank(finding.criticality) for finding in chain.findings)


def _row(story: Story, chain: Chain, full: frozenset[str]) -> Row:
    worst = _rank(chain)
    ids = tuple(finding.id for finding in chain.findings)
    return Row(
        id=chain.incident.id if chain.incident else "",
        number=story.numbers[chain.incident.id] if chain.incident else 0,
        title=(chain.incident.title if chain.incident else "") or chain.findings[0].title,
        when=words.stamp(chain.start),
        lasted=_lasted(chain),
        criticality=words.CRITICALITIES[worst],
        rank=worst,
        nodes=words.names(in_order(story.doc, (node for finding in chain.findings for node in finding.nodes))),
        findings=ids,
        anchor=full.isdisjoint(ids),
        placed=frozenset(ids[:CODES]) - full,
    )


def _lasted(chain: Chain) -> str:
    """How long; `open` where no line shows an end, `a moment` where it has no length."""
    start, end = chain.start, chain.end
    if start is None or end is None:
        return "unknown"
    if end - start >= 50_000:
        return words.duration((end - start) / 1e6)
    return "open" if any(finding.end is None for finding in chain.happened) else "a moment"
