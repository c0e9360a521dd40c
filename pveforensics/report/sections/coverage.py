"""Per node: where its log begins, ends and has gaps, how its stamps were read, and how each boot ended."""

from __future__ import annotations

from dataclasses import dataclass

from pveforensics.report import lanes, shape, words
from pveforensics.report.story import Story
from pveforensics.report.verdict import zone_assumed

BOOTS = 30
SPANS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One node."""

    node: shape.Node
    spans: tuple[str, ...]
    more_spans: int
    zone: str
    flag: bool
    clock: str
    boots: tuple[tuple[str, str, str, str], ...]
    more_boots: int


@dataclass(frozen=True, slots=True)
class View:
    """The section."""

    heading: str
    rows: tuple[Row, ...]


def build(story: Story) -> View | None:
    """A row per node; None without any node."""
    return View("Coverage: which logs were there", tuple(_row(node) for node in story.doc.nodes)) if story.doc.nodes else None


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
