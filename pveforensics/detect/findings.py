"""Drafts become findings: those that belong together are merged, and the sentences are written."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from pveforensics.detect.clauses import Merge, Rule
from pveforensics.detect.text import UNKNOWN_NODE, Scene, enumerate_words
from pveforensics.detect.trial import Draft
from pveforensics.model import Finding, Remedy
from pveforensics.timebase import SECOND, Instant

EVIDENCE_LINES = 40
"""Lines that one finding cites at most."""

GUESTS_TOLD = 6
"""Guests that a sentence names; the finding holds them all."""

_GROUPS_OPEN = 8
"""Occurrences of one rule that go on at the same time on different nodes are compared with so many of the latest."""


def write(rule: Rule, drafts: Iterable[Draft], most: int, *, dated: bool) -> tuple[list[Finding], int]:
    """The first findings of one rule, in order of time, each with an id of its own, and how many there would be."""
    every = sorted(drafts, key=lambda draft: (draft.start is None, draft.start.us if draft.start else 0, draft.node))
    apart: dict[tuple[object, ...], Draft] = {}
    for draft in _merged(every, rule.merge):
        apart.setdefault((draft.nodes[:1], _of("guest", draft), _of("storage", draft), _of("job", draft), draft.start), draft)
    findings: dict[str, Finding] = {}
    for draft in islice(apart.values(), most):
        finding = _finding(rule, draft, dated=dated)
        findings.setdefault(finding.id, finding)
    return list(findings.values()), len(apart)


class _Group(Struct):
    """Drafts that are one finding, and the last edge so far (None: one of them has no known end)."""

    drafts: list[Draft]
    end: Instant | None

    def add(self, draft: Draft) -> None:
        """Take one more."""
        self.drafts.append(draft)
        self.end = max(self.end, draft.end) if self.end and draft.end else None


def _merged(drafts: list[Draft], merge: Merge | None) -> list[Draft]:
    if merge is None:
        return drafts
    groups: list[_Group] = []
    newest: dict[tuple[str, ...], list[_Group]] = {}
    for draft in drafts:
        near = newest.setdefault((draft.node if merge.on == "same" else "", *_storages(draft)), [])
        group = next((each for each in reversed(near[-_GROUPS_OPEN:]) if _belongs(draft, each, merge)), None)
        if group is not None:
            group.add(draft)
            continue
        group = _Group([draft], draft.end)
        near.append(group)
        groups.append(group)
    return [_joined(group) for group in groups]


def _storages(draft: Draft) -> tuple[str, ...]:
    """The storages that a draft is about: what happened to two of them is never one finding."""
    return tuple(sorted({each.removeprefix("storage:").partition("@")[0] for each in draft.subjects if each.startswith("storage:")}))


def _belongs(draft: Draft, group: _Group, merge: Merge) -> bool:
    """True if a draft is close enough to a group: to its end, or in both edges to its first member's."""
    first = group.drafts[0]
    if merge.edges == "both":
        return _equal(draft.start, first.start, merge.within_s) and _equal(draft.end, first.end, merge.within_s)
    if draft.start is None or first.start is None:
        return draft.start is None and first.start is None
    return group.end is None or draft.start.seconds_since(group.end) <= merge.within_s


def _equal(one: Instant | None, other: Instant | None, within_s: float) -> bool:
    if one is None or other is None:
        return one is None and other is None
    return abs(one.us - other.us) <= one.error_us + other.error_us + within_s * SECOND


def _joined(group: _Group) -> Draft:
    """Several drafts as one: from the first to the last, as sure and as grave as the best of them."""
    drafts = group.drafts
    if len(drafts) == 1:
        return drafts[0]
    first = drafts[0]
    best = max(drafts, key=lambda draft: draft.confidence)
    primary = replace(first.bound[first.primary], end=group.end, count=sum(draft.bound[draft.primary].count for draft in drafts))
    return replace(
        first,
        nodes=tuple(dict.fromkeys(node for draft in drafts for node in draft.nodes)),
        end=group.end,
        confidence=best.confidence,
        criticality=max((draft.criticality for draft in drafts), key=lambda word: word.rank),
        bound={**first.bound, first.primary: primary},
        evidence=tuple(dict.fromkeys(line for draft in drafts[:EVIDENCE_LINES] for line in draft.evidence)),
        causes=best.causes,
        ruled_out=best.ruled_out,
        remarks=tuple(dict.fromkeys(remark for draft in drafts for remark in draft.remarks)),
        subjects=tuple(dict.fromkeys(subject for draft in drafts for subject in draft.subjects)),
        times=len(drafts),
    )


def _finding(rule: Rule, draft: Draft, *, dated: bool) -> Finding:
    guests = _of("guest", draft)
    nodes = enumerate_words(draft.nodes)
    known = "" if draft.nodes == (UNKNOWN_NODE,) else nodes  # a log that nothing names is of a node that no sentence can name
    words = {"node": known, "nodes": known, "times": str(draft.times), "guests": _some(guests)}
    scene = Scene(draft.bound, words, dated=dated)
    why = "\n".join(filter(None, (scene.render(rule.why), *draft.remarks)))
    return Finding(
        rule=rule.id,
        class_=rule.class_,
        criticality=draft.criticality,
        confidence=draft.confidence,
        title=scene.render(rule.title),
        summary=scene.render(rule.summary),
        nodes=draft.nodes,
        guests=guests,
        storages=_of("storage", draft),
        jobs=_of("job", draft),
        start=draft.start,
        end=draft.end,
        evidence=draft.evidence[:EVIDENCE_LINES],
        causes=draft.causes,
        ruled_out=draft.ruled_out,
        remedies=tuple(
            Remedy(scene.render(each.text), each.step, _command(each.command, scene), scene.render(each.caution)) for each in rule.remedies
        ),
        why=why,
        docs=f"docs/rules/{rule.id}.md",
        references=rule.references,
    )


def _of(kind: str, draft: Draft) -> tuple[str, ...]:
    """The guests, storages or jobs that a draft is about, each once."""
    start = len(kind) + 1
    return tuple(dict.fromkeys(each[start:].partition("@")[0] for each in draft.subjects if each.startswith(f"{kind}:")))


def _some(guests: tuple[str, ...]) -> str:
    """The guests as a sentence can hold them: the first ones, and how many more."""
    more = len(guests) - GUESTS_TOLD
    return enumerate_words(guests) if more < 2 else f"{', '.join(guests[:GUESTS_TOLD])} and {more} more"


def _command(command: str, scene: Scene) -> str:
    """A command with its placeholders filled in; one that is not known stays as written, so that nobody types a guess."""
    return scene.value(command) or command
