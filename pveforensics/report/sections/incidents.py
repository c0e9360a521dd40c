"""The incidents in one line each, where there are several."""

from __future__ import annotations

from dataclasses import dataclass

from pveforensics.report import words
from pveforensics.report.story import Story


@dataclass(frozen=True, slots=True)
class Row:
    """One incident."""

    id: str
    number: int
    title: str
    when: str
    lasted: str
    criticality: str
    nodes: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The section."""

    heading: str
    rows: tuple[Row, ...]


def build(story: Story) -> View | None:
    """A table of the incidents; None for fewer than two."""
    told = [chain for chain in story.chains if chain.incident is not None]
    if len(told) < 2:
        return None
    rows = []
    for number, chain in enumerate(told, 1):
        if chain.incident is None:
            continue
        start, end = chain.start, chain.end
        lasted = words.duration((end - start) / 1e6) if start is not None and end is not None else "unknown"
        nodes = tuple(dict.fromkeys(node for finding in chain.findings for node in finding.nodes))
        worst = words.CRITICALITIES[max(chain.worst, 0)]
        title = chain.incident.title or chain.findings[0].title
        rows.append(
            Row(
                chain.incident.id, number, title, words.stamp(start), lasted, worst, words.names(nodes), tuple(f.id for f in chain.findings)
            )
        )
    return View("Incidents", tuple(rows))
