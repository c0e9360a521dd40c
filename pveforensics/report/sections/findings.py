"""The findings as cards of one shape, in causal order, with every line they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pveforensics.report import shape, told, words
from pveforensics.report.lane_names import BETWEEN, of_findings
from pveforensics.report.room import Room
from pveforensics.report.sections.method import source_id
from pveforensics.report.story import Chain, Story, foremost, loudest, loudness, telling
from pveforensics.report.verdict import in_order
from pveforensics.report.visible import cut, marked

OPEN_LINES = 5
"""Evidence lines shown at once; the others are folded."""
OPEN_CARDS = 6
"""Cards of the main incident that stand open where there are many findings, the loudest and the root; of the others only the head is shown."""
WITH_NEIGHBOURS = 8
"""Lines of a card that carry their neighbours."""


class Line(msgspec.Struct, frozen=True):
    """One line of evidence; `anchor` is False where the same line already stands further up under its id.

    `file` is the place of its file with size and hash in the manifest.
    """

    id: str
    anchor: bool
    node: str
    path: str
    line: int
    written: str
    at: str
    before: str
    hit: str
    after: str
    lines_before: tuple[str, ...] = ()
    lines_after: tuple[str, ...] = ()
    file: str = ""


Step = tuple[str, str, tuple[shape.Remedy, ...]]
"""A kind of remedy with its heading and the remedies."""


class CauseView(msgspec.Struct, frozen=True):
    """A cause with what speaks for and against it; each reason with its evidence ids."""

    name: str
    sure: str
    confidence: float
    speaks_for: tuple[tuple[str, tuple[str, ...]], ...]
    speaks_against: tuple[tuple[str, tuple[str, ...]], ...]
    decided_by: str


class Card(msgspec.Struct, frozen=True):
    """One finding; `folded` if only its head is shown at once, `inside` says what is folded."""

    finding: shape.Finding
    code: str
    rank: int
    sure: str
    kind: str
    when: str
    causes: tuple[CauseView, ...]
    slight: tuple[str, ...]
    ruled_out: tuple[tuple[str, str, tuple[str, ...]], ...]
    open_lines: tuple[Line, ...]
    more_lines: tuple[Line, ...]
    left_out: int
    steps: tuple[Step, ...]
    led_to: tuple[tuple[tuple[str, ...], str], ...]
    came_from: tuple[tuple[tuple[str, ...], str], ...]
    folded: bool
    inside: str
    edges: tuple[int, int] | None


class Group(msgspec.Struct, frozen=True):
    """The cards of one incident."""

    id: str
    title: str
    when: str
    chained: bool
    cards: tuple[Card, ...]


class Kind(msgspec.Struct, frozen=True):
    """All findings of one rule: how many, how bad the worst is, where, from when to when, and the loudest as an example."""

    rule: str
    what: str
    criticality: str
    rank: int
    count: int
    nodes: str
    first: str
    last: str
    example: shape.Finding


class View(msgspec.Struct, frozen=True):
    """The section; `nodes` feed the filter.

    Where there are more findings than anybody reads, `lead` says which have a card and where the others are, `kinds` sum all up,
    and `short` are those of no incident that have a line each (id, code, title, criticality). `brief` are those that stand on the
    first page of a print in one line each, `lanes` those of the drawing by finding.
    """

    heading: str
    groups: tuple[Group, ...]
    count: int
    nodes: tuple[str, ...]
    placed: frozenset[str]
    lead: str = ""
    kinds: tuple[Kind, ...] = ()
    short: tuple[tuple[str, str, str, str], ...] = ()
    brief: tuple[shape.Finding, ...] = ()
    lanes: Mapping[str, str] = {}


class Findings(msgspec.Struct, frozen=True):
    """The section before it is known for how many cards there is room; `open` are the findings whose cards stand open."""

    story: Story
    open: frozenset[str]
    brief: tuple[shape.Finding, ...]

    def within(self, room: Room) -> View:
        """Cards of the worst findings, and what became of the others."""
        story = self.story
        full = told.in_full(story, room.cards)
        sheet = _Cards(story, room, self.open)
        chains = [(chain, found) for chain in story.chains if (found := [f for f in chain.findings if f.id in full])]
        groups = tuple(_group(chain, tuple(sheet.card(chain, f) for f in found), alone=len(story.chains) == 1) for chain, found in chains)
        nodes = tuple(dict.fromkeys(node for finding in story.findings for node in finding.nodes))
        heading = "Findings, cause first" if len(story.findings) > 1 else "Findings"
        drawn = tuple(finding for _, found in chains for finding in found)
        lanes = {key: BETWEEN.join(names) for key, names in of_findings(story.lanes, drawn).items()}
        count = len(story.findings)
        if len(full) == count:
            return View(heading, groups, count, nodes, full, brief=self.brief, lanes=lanes)
        loose = [finding for chain in story.chains if chain.incident is None for finding in chain.findings if finding.id not in full]
        short = tuple((f.id, story.codes[f.id], f.title, f.criticality) for f in loudest(loose, room.listed))
        placed = full.union(key for key, *_ in short)
        return View(heading, groups, count, nodes, placed, _lead(count, len(full)), _kinds(story), short, self.brief, lanes)


def _lead(count: int, full: int) -> str:
    return (
        f"{count:,} in all. {full:,} are told in full: the main incident, standing risks, and the most critical of the others. "
        "The others stand in the table of incidents, as far as it reaches, and all are summed up here. The case document (--json) holds "
        "them with their evidence, and an analysis of a shorter time (--since, --until) tells them in full."
    )


def _kinds(story: Story) -> tuple[Kind, ...]:
    """All findings by their rules, the worst and most frequent first."""
    found: dict[str, list[shape.Finding]] = {}
    for finding in story.findings:
        found.setdefault(finding.rule, []).append(finding)
    kinds = (_kind(story, rule, findings) for rule, findings in found.items())
    return tuple(sorted(kinds, key=lambda kind: (-kind.rank, -kind.count, kind.rule)))


def _kind(story: Story, rule: str, findings: Sequence[shape.Finding]) -> Kind:
    example = max(findings, key=loudness)
    starts = [us for finding in findings if (us := words.micros(finding.start)) is not None]
    nodes = in_order(story.doc, (node for finding in findings for node in finding.nodes))
    return Kind(
        rule,
        words.class_word(example.class_),
        example.criticality,
        words.rank(example.criticality),
        len(findings),
        words.names(nodes),
        words.stamp(min(starts, default=None)),
        words.stamp(max(starts, default=None)),
        example,
    )


def build(story: Story) -> Findings:
    """All findings. Without any the section says so."""
    return Findings(story, _open(story), foremost(story, told.BRIEF))


def _open(story: Story) -> frozenset[str]:
    """All of few findings; of many the first ones of the main incident: what stands beside and behind them is folded."""
    if len(story.findings) <= OPEN_CARDS:
        return frozenset(story.codes)
    if story.lead is None:
        return frozenset()
    loudest = sorted(story.lead.failures, key=loudness, reverse=True)[:OPEN_CARDS]
    root = [story.lead.incident.root] if story.lead.incident else []
    return frozenset((*root, *(finding.id for finding in loudest))) & frozenset(finding.id for finding in story.lead.findings)


def anchors(view: View) -> frozenset[str]:
    """The ids of evidence that stand in the cards: what may be linked to."""
    lines = (line for group in view.groups for card in group.cards for line in (*card.open_lines, *card.more_lines))
    return frozenset(line.id for line in lines if line.anchor)


def _group(chain: Chain, cards: tuple[Card, ...], *, alone: bool) -> Group:
    if chain.standing:
        return Group("standing", "Standing risks: weak settings, which are no incidents", "", chained=False, cards=cards)
    if chain.incident is None:
        return Group("single", "" if alone else "Findings that belong to no incident", "", chained=False, cards=cards)
    return Group(
        chain.incident.id, chain.incident.title or chain.findings[0].title, words.span(chain.start, chain.end), chained=True, cards=cards
    )


class _Cards:
    """Makes the cards one after the other: a line stands in the first that cites it, and all together have room for so many lines."""

    def __init__(self, story: Story, room: Room, open_: frozenset[str]) -> None:
        self._story, self._room, self._open = story, room, open_
        self._seen: set[str] = set()
        self._left = room.lines

    def card(self, chain: Chain, finding: shape.Finding) -> Card:
        """The card of one finding."""
        story = self._story
        ids = _lines(story.doc, finding)
        shown = ids[: max(OPEN_LINES, self._left)]
        self._left -= len(shown)
        lines = [self._line(key, k) for k, key in enumerate(shown)]
        links = chain.incident.links if chain.incident else []
        ranked = sorted(finding.causes, key=lambda each: -each.confidence)
        return Card(
            finding=finding,
            code=story.codes[finding.id],
            rank=words.rank(finding.criticality),
            sure=words.sure(finding.confidence),
            kind=words.class_word(finding.class_),
            when=_when(finding),
            causes=tuple(_cause(cause) for cause in ranked if not _slight(cause)),
            slight=tuple(words.cause_word(cause.cause) for cause in ranked if _slight(cause)),
            ruled_out=tuple((words.cause_word(ruled.cause), ruled.why, tuple(ruled.evidence)) for ruled in finding.ruled_out),
            open_lines=tuple(lines[:OPEN_LINES]),
            more_lines=tuple(lines[OPEN_LINES:]),
            left_out=len(ids) - len(shown),
            steps=tuple(_steps(finding.remedies)),
            led_to=_by_reason((link.effect, link.why) for link in links if link.cause == finding.id and link.effect in story.codes),
            folded=finding.id not in self._open,
            inside=_inside(finding, len(ids)),
            edges=_edges(finding),
            came_from=_by_reason((link.cause, link.why) for link in links if link.effect == finding.id and link.cause in story.codes),
        )

    def _line(self, key: str, place: int) -> Line:
        first = key not in self._seen
        self._seen.add(key)
        near = first and self._room.near and place < WITH_NEIGHBOURS
        return line_of(key, self._story.doc.evidence[key], self._room.chars, anchor=first, near=near)


def _lines(doc: shape.Document, finding: shape.Finding) -> list[str]:
    """The ids of all lines that a finding rests on: the most telling ones in the order of time, then the others, then those of its causes."""
    reasons = [key for cause in finding.causes for reason in cause.reasons for key in reason.evidence]
    excluded = [key for ruled in finding.ruled_out for key in ruled.evidence]
    told = telling(doc, finding)
    near = sorted(told[:OPEN_LINES], key=lambda key: words.micros(doc.evidence[key].at) or 0)
    return [key for key in dict.fromkeys([*near, *told, *reasons, *excluded]) if key in doc.evidence]


def _by_reason(links: Iterable[tuple[str, str]]) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Findings that are linked for the same reason stand in one line."""
    found: dict[str, list[str]] = {}
    for key, why in links:
        found.setdefault(why, []).append(key)
    return tuple((tuple(keys), why) for why, keys in found.items())


def _edges(finding: shape.Finding) -> tuple[int, int] | None:
    """First and last millisecond, by which the window of a drawing filters; of an open end the first."""
    start, end = words.micros(finding.start), words.micros(finding.end)
    return (start // 1000, max(start, end if end is not None else start) // 1000) if start is not None else None


def _inside(finding: shape.Finding, lines: int) -> str:
    parts = [
        words.counted(lines, "line of evidence", "lines of evidence") if lines else "",
        "causes" if finding.causes else "",
        "what is ruled out" if finding.ruled_out else "",
        "what to do" if finding.remedies else "",
    ]
    text = words.names([part for part in parts if part]) or "more"
    return text[:1].upper() + text[1:]


def _when(finding: shape.Finding) -> str:
    start, end = words.micros(finding.start), words.micros(finding.end)
    if start is None:
        return "time unknown"
    if end is None or end <= start:
        return f"{words.stamp(start)} UTC"
    until = words.clock(end) if words.day(start) == words.day(end) else words.stamp(end)
    return f"{words.stamp(start)} to {until} UTC ({words.duration((end - start) / 1e6)})"


def line_of(key: str, one: shape.Evidence, chars: int, *, anchor: bool = True, near: bool = False) -> Line:
    """A line of evidence as it is shown, cut to so many characters."""
    before, hit, after = marked(one.text, one.match, chars)
    at = words.stamp(words.micros(one.at), digits=3) + " UTC" if one.at else "time unknown"
    return Line(
        key, anchor, one.node, one.path, one.line, one.written, at, before, hit, after,
        tuple(cut(each, chars) for each in one.before) if near else (), tuple(cut(each, chars) for each in one.after) if near else (),
        source_id(one.path),
    )  # fmt: skip


def _slight(cause: shape.Cause) -> bool:
    """True for a cause of hardly any weight of which nothing more is told: one line names them all."""
    return cause.confidence < 0.05 and not cause.reasons


def _cause(cause: shape.Cause) -> CauseView:
    def side(sign: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((reason.text, tuple(reason.evidence[:3])) for reason in cause.reasons if reason.weight * sign > 0)

    return CauseView(words.cause_word(cause.cause), words.sure(cause.confidence), cause.confidence, side(1), side(-1), cause.decided_by)


def _steps(remedies: Iterable[shape.Remedy]) -> Iterable[Step]:
    given = tuple(remedies)
    for step, word in (("look", "Look at"), ("hold", "Hold"), ("press", "Press")):
        found = tuple(each for each in given if each.step == step or (step == "press" and each.step not in ("look", "hold")))
        if found:
            yield step, word, found
