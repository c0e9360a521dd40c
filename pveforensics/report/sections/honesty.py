"""What the verdict rests on: nodes received, spans and gaps, lines recognized, rules that could not run, zones and clocks."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pveforensics.report import shape, words
from pveforensics.report.drawing import Scale, Sheet
from pveforensics.report.room import Room
from pveforensics.report.story import Story
from pveforensics.report.verdict import gaps, zone_assumed

FEW = 5
"""Nodes up to which each has its bar; of more, those with the same span share one."""
BARS = 12
"""Nodes whose span is drawn on the first screen; the others stand in the section on coverage."""


class Bar(msgspec.Struct, frozen=True):
    """One node's log over the whole span; `flag` is what the reader must not miss."""

    node: str
    sheet: Sheet
    text: str
    flag: str = ""


class Fact(msgspec.Struct, frozen=True):
    """`name` and text; `flag` is what the reader must not miss."""

    name: str
    text: str
    flag: str = ""


class View(msgspec.Struct, frozen=True):
    """The section."""

    bars: tuple[Bar, ...]
    more: int
    facts: tuple[Fact, ...]

    def within(self, room: Room) -> View:
        """The same, and what is left out of the report."""
        if not room.said:
            return self
        short = Fact("Shortened", "to keep the file below its cap; all is in the case document (--json)", room.said)
        return replace(self, facts=(*self.facts, short))


def build(story: Story) -> View:
    """The strip. It always stands."""
    doc = story.doc
    edges = [
        us for node in doc.nodes for each in node.coverage for us in (words.micros(each.start), words.micros(each.end)) if us is not None
    ]
    whole = (min(edges), max(edges)) if edges else (0, 1)
    alike, rest = _alike([_bar(node, whole) for node in doc.nodes])
    worst_first = sorted(rest, key=lambda bar: not bar.flag)[: BARS - len(alike)]
    bars = (*alike, *(bar for bar in rest if bar in worst_first))
    facts = (_nodes(doc), _lines(doc), _rules(doc), _times(doc), _clocks(doc), _unread(doc), _redaction(doc), _made(doc))
    return View(bars, len(rest) - len(worst_first), tuple(fact for fact in facts if fact))


def _alike(bars: list[Bar]) -> tuple[list[Bar], list[Bar]]:
    """Of many nodes those whose logs have the same span and no gap, as one bar; and the others."""
    same: dict[str, list[Bar]] = {}
    for bar in bars if len(bars) > FEW else ():
        if not bar.flag:
            same.setdefault(bar.text, []).append(bar)
    most = max(same.values(), key=len, default=[])
    if len(most) < FEW:
        return [], bars
    one = replace(most[0], node=f"all {len(bars)} nodes" if len(most) == len(bars) else f"{len(most)} nodes")
    return [one], [bar for bar in bars if bar not in most]


def _bar(node: shape.Node, whole: tuple[int, int]) -> Bar:
    sheet, scale = Sheet(150, 10), Scale(whole[0], max(whole[1], whole[0] + 1), 0, 150)
    sheet.rect(0, 1, 150, 8, "quiet")
    spans = [
        (start, end)
        for each in node.coverage
        if (start := words.micros(each.start)) is not None and (end := words.micros(each.end)) is not None
    ]
    for start, end in spans:
        sheet.rect(scale.x(start), 1, max(1.5, scale.x(end) - scale.x(start)), 8, "ink2")
    if not spans:
        return Bar(node.name, sheet, "", "no log in the bundle" if not node.in_bundle else "no log with a time")
    first, last = spans[0][0], spans[-1][1]
    return Bar(node.name, sheet, f"{_moment(first)} to {_moment(last, first)}", _holes(gaps(node), first))


def _holes(holes: list[tuple[int, int]], first: int) -> str:
    """The gap in words, or their number and the longest."""
    if not holes:
        return ""
    start, end = max(holes, key=lambda hole: hole[1] - hole[0])
    long = words.duration((end - start) / 1e6)
    return f"{len(holes)} gaps, the longest {long}" if len(holes) > 1 else f"gap of {long} at {_moment(start, first)}"


def _moment(us: int, beside: int | None = None) -> str:
    """Day and time; the time alone beside a moment of the same day."""
    time = words.clock(us)[:5]
    return time if beside is not None and words.day(us) == words.day(beside) else f"{words.day(us, short=True)} {time}"


def _nodes(doc: shape.Document) -> Fact:
    missing = [node.name for node in doc.nodes if not node.in_bundle]
    return Fact(
        "Nodes", f"{len(doc.nodes) - len(missing)} of {len(doc.nodes)} received", f"missing: {words.names(missing, 6)}" if missing else ""
    )


def _lines(doc: shape.Document) -> Fact:
    lines, known = sum(source.lines for source in doc.sources), sum(source.recognized for source in doc.sources)
    share = f", {100 * known / lines:.1f} % in a form that was recognized" if lines and known else ""
    return Fact("Lines", f"{lines:,} read in {words.counted(len(doc.sources), 'file')}{share}")


def _rules(doc: shape.Document) -> Fact:
    by = {
        word: {check.rule for check in doc.checks if check.outcome == word}
        for word in ("found", "clear", "not_applicable", "could_not_check")
    }
    total = len({check.rule for check in doc.checks})
    unchecked = len(by["could_not_check"] - by["found"])
    text = f"{total}: {len(by['found'])} found something, {len(by['clear'] - by['found'] - by['could_not_check'])} clear"
    return Fact("Rules", text, f"{unchecked} could not be checked" if unchecked else "")


def _times(doc: shape.Document) -> Fact:
    zones = sorted({node.timezone for node in doc.nodes if node.in_bundle and node.timezone})
    assumed = [node.name for node in doc.nodes if zone_assumed(node)]
    inferred = [node.name for node in doc.nodes if node.in_bundle and node.year_basis and "stated" not in node.year_basis.lower()]
    text = "UTC" + (f"; the nodes write in {words.names(zones)}" if zones and zones != ["UTC"] else "")
    flags = [
        f"zone assumed for {words.names(assumed)}" if assumed else "",
        f"year inferred for {words.names(inferred)}" if inferred else "",
    ]
    return Fact("Times", text, "; ".join(filter(None, flags)))


def _clocks(doc: shape.Document) -> Fact | None:
    shifted = [node for node in doc.nodes if abs(node.clock_offset_s) >= 0.0005]
    if shifted:
        return Fact("Clocks", "; ".join(f"{n.name} shifted by {-n.clock_offset_s:+.3f} s ± {n.clock_error_s:.3f}" for n in shifted[:4]))
    seen = [node.clock_error_s for node in doc.nodes if node.in_bundle]
    return Fact("Clocks", f"none shifted; known to ± {max(seen):g} s at worst") if len(seen) > 1 else None


def _unread(doc: shape.Document) -> Fact | None:
    damaged = sum(skipped.damage for skipped in doc.not_read)
    unknown = len(doc.not_read) - damaged
    if not doc.not_read:
        return Fact("Not read", "nothing")
    return Fact(
        "Not read",
        f"{words.counted(unknown, 'file')} of unknown kind" if unknown else "",
        words.counted(damaged, "damaged or unsafe file") if damaged else "",
    )


def _redaction(doc: shape.Document) -> Fact:
    redacted = doc.generator.options.get("redact") is True
    return Fact("Redaction", "names and addresses are pseudonyms" if redacted else "none: names and addresses are real")


def _made(doc: shape.Document) -> Fact:
    return Fact("Made from", words.names([bundle.name for bundle in doc.bundles], 3) or "no bundle named")
