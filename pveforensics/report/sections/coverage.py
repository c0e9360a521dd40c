"""Per node: where its log begins, ends and has gaps, how its stamps were read, and how each boot ended."""

from __future__ import annotations

import msgspec

from pveforensics.report import lanes, shape, words
from pveforensics.report.story import Story
from pveforensics.report.verdict import zone_assumed

BOOTS = 30
SPANS = 12
OFFSETS = 12
"""Offsets of one node that are listed."""
_ANCHORS = {
    "ring": ("ring id", "ring ids"),
    "sync": ("synchronization of pmxcfs", "synchronizations of pmxcfs"),
    "group": ("member list of pmxcfs", "member lists of pmxcfs"),
    "leave": ("announced departure", "announced departures"),
}


class Row(msgspec.Struct, frozen=True):
    """One node."""

    node: shape.Node
    spans: tuple[str, ...]
    more_spans: int
    zone: str
    flag: bool
    clock: str
    boots: tuple[tuple[str, str, str, str], ...]
    more_boots: int


class Pair(msgspec.Struct, frozen=True):
    """One anchor: its kind, this node's stamp and line, the other's, and how far apart the two stand on their own clocks."""

    kind: str
    own: str
    own_stamp: str
    node: str
    other: str
    other_stamp: str
    apart: str


class Clock(msgspec.Struct, frozen=True):
    """One offset that was applied, and what proves it."""

    node: str
    since: str
    shift: str
    proof: str
    pairs: tuple[Pair, ...]


class View(msgspec.Struct, frozen=True):
    """The section; `more_clocks` counts offsets that are not listed."""

    heading: str
    rows: tuple[Row, ...]
    clocks: tuple[Clock, ...]
    more_clocks: int
    cited: tuple[str, ...]


def build(story: Story) -> View | None:
    """A row per node; None without any node."""
    doc = story.doc
    if not doc.nodes:
        return None
    clocks = tuple(_clock(doc, node, offset) for node in doc.nodes for offset in node.clock_offsets[:OFFSETS])
    more = sum(len(node.clock_offsets) for node in doc.nodes) - len(clocks)
    cited = tuple(dict.fromkeys(key for clock in clocks for pair in clock.pairs for key in (pair.own, pair.other)))
    return View("Coverage: which logs were there", tuple(_row(node) for node in doc.nodes), clocks, more, cited)


def _clock(doc: shape.Document, node: shape.Node, offset: shape.ClockOffset) -> Clock:
    counted = [words.counted(number, *_ANCHORS.get(kind, (kind, kind))) for kind, number in sorted(offset.anchors.items())]
    against = f" shared with {words.names(offset.against)}" if offset.against else ""
    stepped = f"; {offset.stepped_s:+.3f} s of it by steps of its clock since" if offset.stepped_s else ""
    since = words.stamp(words.micros(offset.start), digits=3) if offset.start else "its first line"
    return Clock(
        node.name,
        since,
        f"{-offset.offset_s:+.3f} s ± {offset.error_s:.3f} s",
        f"{words.names(counted, 4)}{against}{stepped}",
        tuple(_pair(doc, pair) for pair in offset.pairs if pair.own in doc.evidence and pair.other in doc.evidence),
    )


def _pair(doc: shape.Document, pair: shape.AnchorPair) -> Pair:
    own, other = (words.micros(doc.evidence[key].at) for key in (pair.own, pair.other))
    apart = f"{(own - other) / 1e6:+.3f} s" if own is not None and other is not None else ""
    stamps = [words.stamp(us, digits=3) if us is not None else "unknown" for us in (own, other)]
    return Pair(_ANCHORS.get(pair.kind, (pair.kind,))[0], pair.own, stamps[0], pair.node, pair.other, stamps[1], apart)


def _row(node: shape.Node) -> Row:
    spans = tuple(f"{words.stamp(words.micros(each.start))} to {words.stamp(words.micros(each.end))}" for each in node.coverage[:SPANS])
    zone = node.timezone or "UTC"
    basis = node.timezone_basis or ("assumed" if node.timezone is None else "")
    year = f"; year {node.year_basis}" if node.year_basis else ""
    boots = tuple((words.stamp(words.micros(b.start)), words.stamp(words.micros(b.end)), _ended(b), b.why) for b in node.boots[-BOOTS:])
    clock = (
        f"shifted by {-node.clock_offset_s:+.3f} s ± {node.clock_error_s:.3f} s" if node.clock_offset_s else f"± {node.clock_error_s:.3f} s"
    )
    text = f"{zone} ({basis}){year}" if basis else f"{zone}{year}"
    return Row(
        node,
        spans,
        len(node.coverage) - len(spans),
        text if node.in_bundle else "",
        zone_assumed(node),
        clock,
        boots,
        len(node.boots) - len(boots),
    )


def _ended(boot: shape.Boot) -> str:
    return "cannot be told" if boot.manner == "unknown" else lanes.ENDED.get(boot.ended_by, boot.ended_by)
