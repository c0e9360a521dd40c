"""Storages: storage by node, how often and how long it was away there, and the guests that were hit by it."""

from __future__ import annotations

import msgspec

from pveforensics.report import shape, words
from pveforensics.report.story import Story

SHOWN = 60


class Cell(msgspec.Struct, frozen=True):
    """What happened to a storage on a node: states with count and length, the guests hit, and the lines."""

    text: str
    note: str
    bad: bool
    evidence: tuple[str, ...]


class View(msgspec.Struct, frozen=True):
    """The section."""

    heading: str
    nodes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...], str], ...]
    total: int
    cited: tuple[str, ...]


def build(story: Story) -> View | None:
    """The matrix; None if no storage stands in an interval or finding."""
    by: dict[tuple[str, str], list[shape.Interval]] = {}
    for each in story.doc.intervals:
        kind, _, rest = each.subject.partition(":")
        if kind == "storage":
            name, _, node = rest.rpartition("@") if "@" in rest else (rest, "", "")
            by.setdefault((name, node), []).append(each)
    told = [finding for finding in story.findings if finding.storages]
    names = sorted({name for name, _ in by} | {storage for finding in told for storage in finding.storages})
    nodes = [node.name for node in story.doc.nodes if any(name == node.name for _, name in by)] or [node.name for node in story.doc.nodes][
        :12
    ]
    if not names:
        return None
    rows = []
    for name in names[:SHOWN]:
        naming = [finding for finding in told if name in finding.storages]
        cells = tuple(_cell(by.get((name, node), []), story, naming, node) for node in nodes)
        guests = tuple(dict.fromkeys(guest for finding in naming for guest in finding.guests))
        rows.append((name, cells, words.names(guests, 8) or "none named"))
    cited = tuple(dict.fromkeys(key for _, cells, _ in rows for cell in cells for key in cell.evidence))
    return View("Storages", tuple(nodes), tuple(rows), len(names), cited)


def _cell(held: list[shape.Interval], story: Story, naming: list[shape.Finding], node: str) -> Cell:
    named = [finding for finding in naming if node in finding.nodes]
    codes = ", ".join(story.codes[finding.id] for finding in named[:4])
    if not held:
        seen = any(each.name == node and each.coverage for each in story.doc.nodes)
        return Cell("nothing told" if seen else "no log", codes, bool(named), ())
    states: dict[str, list[int | None]] = {}
    for each in held:
        start, end = words.micros(each.start), words.micros(each.end)
        states.setdefault(each.state, []).append(end - start if start is not None and end is not None else None)
    parts = []
    for state, lengths in sorted(states.items()):
        known = [length for length in lengths if length is not None]
        longest = (
            f" for up to {words.duration(max(known) / 1e6)}" if known and max(known) > 0 else ", no end in the log" if not known else ""
        )
        parts.append(f"{state.replace('_', ' ')}{f' {len(lengths)} times' if len(lengths) > 1 else ''}{longest}")
    blocked = sorted({each.fields["blocked"] for each in held if each.fields.get("blocked")})
    note = "; ".join(filter(None, (codes, f"waiting behind it: {', '.join(blocked)}" if blocked else "")))
    return Cell("; ".join(parts), note, bad=True, evidence=tuple(key for each in held for key in each.evidence[:1])[:3])
