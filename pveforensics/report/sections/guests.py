"""Guests: which were down, from when to when and with data of what age; and where each may start (guest by node)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pveforensics.report import shape, words
from pveforensics.report.story import Story

SHOWN = 300
WORDS = {
    "ok": "may run",
    "stale": "stale data",
    "start_fails": "start fails",
    "wrong_data": "wrong data",
    "unknown": "not checked",
}


class Down(msgspec.Struct, frozen=True):
    """One outage of a guest."""

    guest: str
    name: str
    start: str
    end: str
    lasted: str
    where: str
    data: str
    evidence: tuple[str, ...]


class Cell(msgspec.Struct, frozen=True):
    """Whether the guest can start on the node."""

    verdict: str
    word: str
    why: str
    evidence: tuple[str, ...]


class View(msgspec.Struct, frozen=True):
    """The section."""

    heading: str
    down: tuple[Down, ...]
    down_total: int
    nodes: tuple[str, ...]
    placement: tuple[tuple[str, tuple[Cell, ...]], ...]
    placement_total: int
    cited: tuple[str, ...]


def build(story: Story) -> View | None:
    """Both tables; None if the document knows no guest."""
    impact = [guest for chain in story.chains if chain.incident for guest in chain.incident.impact.guests]
    held = _held(story.doc)
    rows = tuple(_down(held, guest) for guest in impact[:SHOWN])
    nodes = tuple(dict.fromkeys(each.node for each in story.doc.placement))
    guests = tuple(dict.fromkeys(each.guest for each in story.doc.placement))
    by = {(each.guest, each.node): each for each in story.doc.placement}
    placement = tuple((guest, tuple(_cell(by.get((guest, node))) for node in nodes)) for guest in guests[:SHOWN])
    if not rows and not placement:
        return None
    cited = (*(key for row in rows for key in row.evidence), *(key for _, cells in placement for cell in cells for key in cell.evidence))
    return View("Guests", rows, len(impact), nodes, placement, len(guests), tuple(dict.fromkeys(cited)))


def _held(doc: shape.Document) -> Mapping[tuple[str, str | None], list[str]]:
    """The lines behind each guest's states, by its subject and the state's beginning."""
    found: dict[tuple[str, str | None], list[str]] = {}
    for each in doc.intervals:
        if each.subject.startswith("guest:"):
            found.setdefault((each.subject, each.start), []).extend(each.evidence)
    return found


def _down(held: Mapping[tuple[str, str | None], list[str]], guest: shape.GuestImpact) -> Down:
    start, end = words.micros(guest.down_from), words.micros(guest.down_to)
    lasted = words.duration((end - start) / 1e6) if start is not None and end is not None else "open"
    where = (
        f"{guest.node_before} → {guest.node_after}"
        if guest.node_before and guest.node_after
        else guest.node_after or guest.node_before or "not told"
    )
    data = "not told" if guest.data_age_s is None else "none lost" if guest.data_age_s == 0 else f"{words.duration(guest.data_age_s)} old"
    return Down(
        guest.guest,
        guest.name,
        words.stamp(start),
        words.stamp(end) if end is not None else "no return in the logs",
        lasted,
        where + ("; planned" if guest.planned else ""),
        data,
        tuple(held.get((f"guest:{guest.guest}", guest.down_from), ())[:3]),
    )


def _cell(found: shape.Placement | None) -> Cell:
    if found is None:
        return Cell("none", "", "", ())
    return Cell(
        found.verdict if found.verdict in WORDS else "unknown",
        WORDS.get(found.verdict, "not checked"),
        found.why,
        tuple(found.evidence[:2]),
    )
