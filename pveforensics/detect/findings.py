"""Drafts become findings: those that belong together are merged, and the sentences are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pveforensics.detect.clauses import Merge, Rule
from pveforensics.detect.index import Match
from pveforensics.detect.text import Scene, enumerate_words
from pveforensics.detect.trial import Draft
from pveforensics.model import Finding
from pveforensics.timebase import SECOND, Instant

EVIDENCE_LINES = 40
"""Lines that one finding cites at most."""


def write(rule: Rule, drafts: Iterable[Draft], *, dated: bool) -> list[Finding]:
    """The findings of one rule, in order of time, each with an id of its own."""
    every = sorted(drafts, key=lambda draft: (draft.start is None, draft.start.us if draft.start else 0, draft.node))
    findings: dict[str, Finding] = {}
    for draft in _merged(every, rule.merge):
        finding = _finding(rule, draft, dated=dated)
        findings.setdefault(finding.id, finding)
    return list(findings.values())


def _merged(drafts: list[Draft], merge: Merge | None) -> list[Draft]:
    if merge is None:
        return drafts
    groups: list[list[Draft]] = []
    newest: dict[str, list[list[Draft]]] = {}
    for draft in drafts:
        near = newest.setdefault(draft.node if merge.on == "same" else "", [])
        group = next((each for each in reversed(near[-8:]) if _belongs(draft, each, merge)), None)
        if group is None:
            group = []
            near.append(group)
            groups.append(group)
        group.append(draft)
    return [_joined(group) for group in groups]


def _belongs(draft: Draft, group: list[Draft], merge: Merge) -> bool:
    """True if a draft is close enough to a group: to its end, or in both edges to its first member's."""
    if merge.edges == "both":
        return _equal(draft.start, group[0].start, merge.within_s) and _equal(draft.end, group[0].end, merge.within_s)
    last = _latest(group)
    if draft.start is None or group[0].start is None:
        return draft.start is None and group[0].start is None
    return last is None or draft.start.seconds_since(last) <= merge.within_s


def _equal(one: Instant | None, other: Instant | None, within_s: float) -> bool:
    if one is None or other is None:
        return one is None and other is None
    return abs(one.us - other.us) <= one.error_us + other.error_us + within_s * SECOND


def _latest(group: list[Draft]) -> Instant | None:
    """The end of a group; None if one of its members has no known end."""
    if any(draft.end is None for draft in group):
        return None
    return max(draft.end for draft in group if draft.end is not None)


def _joined(group: list[Draft]) -> Draft:
    """Several drafts as one: from the first to the last, as sure and as grave as the best of them."""
    if len(group) == 1:
        return group[0]
    first = group[0]
    best = max(group, key=lambda draft: draft.confidence)
    primary: Match = replace(first.bound[first.primary], end=_latest(group), count=sum(draft.bound[draft.primary].count for draft in group))
    return replace(
        first,
        nodes=tuple(dict.fromkeys(node for draft in group for node in draft.nodes)),
        end=_latest(group),
        confidence=best.confidence,
        criticality=max((draft.criticality for draft in group), key=lambda word: word.rank),
        bound={**first.bound, first.primary: primary},
        evidence=tuple(dict.fromkeys(line for draft in group for line in draft.evidence)),
        causes=best.causes,
        ruled_out=best.ruled_out,
        remarks=tuple(dict.fromkeys(remark for draft in group for remark in draft.remarks)),
        subjects=tuple(dict.fromkeys(subject for draft in group for subject in draft.subjects)),
        times=len(group),
    )


def _finding(rule: Rule, draft: Draft, *, dated: bool) -> Finding:
    guests = tuple(subject[6:] for subject in draft.subjects if subject.startswith("guest:"))
    nodes = enumerate_words(draft.nodes)
    words = {"node": nodes, "nodes": nodes, "times": str(draft.times), "guests": enumerate_words(guests)}
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
        storages=tuple(subject[8:].partition("@")[0] for subject in draft.subjects if subject.startswith("storage:")),
        start=draft.start,
        end=draft.end,
        evidence=draft.evidence[:EVIDENCE_LINES],
        causes=draft.causes,
        ruled_out=draft.ruled_out,
        remedies=tuple(replace(each, text=scene.render(each.text), command=_command(each.command, scene)) for each in rule.remedies),
        why=why,
        docs=f"docs/rules/{rule.id}.md",
        references=rule.references,
    )


def _command(command: str, scene: Scene) -> str:
    """A command with its placeholders filled in; one that is not known stays as written, so that nobody types a guess."""
    return scene.value(command) or command
