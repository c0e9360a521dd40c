"""Which lanes of the drawing a finding or a row stands in: what a filter by lane goes by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pveforensics.report import shape
from pveforensics.report.lanes import Lane

_JOINED = frozenset({"Guests down", "Storage", "People"})
"""Groups whose lanes are one row in the overview."""
BETWEEN = "|"
"""What parts the names in an attribute."""


def name_of(lane: Lane) -> str:
    """The name under which a lane is drawn: of a node's first lane, and of the votes, the name alone."""
    return lane.name if lane.sub in ("", "host", "votes") else f"{lane.name} {lane.sub}".strip()


def names_of(lane: Lane) -> tuple[str, ...]:
    """Its own name, and those of the rows that stand for it where less is drawn."""
    wider = lane.name if lane.group == "Nodes" else lane.group if lane.group in _JOINED else ""
    return tuple(dict.fromkeys(filter(None, (name_of(lane), wider))))


def of_findings(found: Sequence[Lane], findings: Sequence[shape.Finding]) -> Mapping[str, tuple[str, ...]]:
    """By finding the lanes that draw one of its lines, or its node, guest or storage."""
    wanted = {key for finding in findings for key in finding.evidence}
    by_line: dict[str, dict[str, None]] = defaultdict(dict)
    by_subject: dict[str, dict[str, None]] = defaultdict(dict)
    for lane in found:
        names = dict.fromkeys(names_of(lane))
        for key in (*lane.cited, *(key for item in lane.items for key in item.evidence)):
            if key in wanted:
                by_line[key].update(names)
        if lane.sub == "host" or lane.group in ("Guests down", "Storage"):
            by_subject[lane.name.partition("@")[0]].update(names)
    return {
        finding.id: tuple(
            dict.fromkeys(
                name
                for names in (
                    *(by_subject.get(each, {}) for each in (*finding.nodes, *finding.guests, *finding.storages)),
                    *(by_line.get(key, {}) for key in finding.evidence),
                )
                for name in names
            )
        )
        for finding in findings
    }
