"""detect(): every rule on the facts, with one outcome for each rule, and the alarming lines that do not count."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pveforensics.detect.clauses import BenignRule, Question, Rule
from pveforensics.detect.evaluate import evaluate, fires
from pveforensics.detect.findings import write
from pveforensics.detect.ground import Clear, Unknown
from pveforensics.detect.index import FactIndex, Match
from pveforensics.detect.inquiry import PRIMARIES, Inquiry, Primaries
from pveforensics.detect.question import evidence_of
from pveforensics.detect.text import Scene, enumerate_words
from pveforensics.detect.trial import Draft, try_rule
from pveforensics.model import Benign, Check, Facts, Finding, Outcome, Verdicts
from pveforensics.timebase import Instant

STRICT = "PVEFORENSICS_STRICT"
"""Environment variable under which a failing rule raises instead of leaving a note; for tests."""

FINDINGS_PER_RULE = 300
"""More findings of one rule than anybody reads; the rest is told as a number."""


def detect(
    rules: Sequence[Rule], questions: Sequence[Question], facts: Facts, benign: Sequence[BenignRule] = (), *, strict: bool = False
) -> Verdicts:
    """What the rules say of the facts.

    A rule that raises becomes a note and a `could_not_check` row; with `strict` it raises, for tests.
    """
    strict = strict or bool(os.environ.get(STRICT))
    index = FactIndex(facts)
    inquiry = Inquiry(index, tuple(questions))
    findings: list[Finding] = []
    checks: list[Check] = []
    harmless: list[Benign] = []
    notes: list[str] = []
    for rule in rules:
        try:
            found, rows, told = _apply(rule, inquiry)
        except Exception as error:  # one broken rule must not cost the others: a post-mortem with a hole beats none
            if strict:
                raise
            notes.append(f"rule {rule.id} failed and was left out: {type(error).__name__}: {error}")
            checks.append(Check(rule.id, Outcome.COULD_NOT_CHECK, "the rule failed on this bundle"))
            continue
        findings.extend(found)
        checks.extend(rows)
        notes.extend(told)
    for each in benign:
        try:
            harmless.extend(_harmless(each, inquiry))
        except Exception as error:
            if strict:
                raise
            notes.append(f"rule {each.id} failed and was left out: {type(error).__name__}: {error}")
    findings.sort(key=lambda finding: (finding.start is None, _us(finding.start), -finding.criticality.rank, finding.rule, finding.nodes))
    return Verdicts(tuple(findings), tuple(checks), tuple(harmless), tuple(notes))


def _apply(rule: Rule, inquiry: Inquiry) -> tuple[list[Finding], list[Check], list[str]]:
    """The findings of one rule, its outcomes, and notes."""
    if rule.applies and isinstance(evaluate(rule.applies.clause, inquiry.ground("", {})), Clear):
        return [], [Check(rule.id, Outcome.NOT_APPLICABLE, rule.applies.because)], []
    primaries = inquiry.primaries(rule.find[0].clause)
    drafts: list[Draft] = []
    doubts = list(primaries.doubts)
    for matches in primaries.matches:
        result = try_rule(rule, matches, inquiry)
        if isinstance(result, Draft):
            drafts.append(result)
        elif isinstance(result, Unknown):
            doubts.append(result)
    findings, occurrences = write(rule, drafts, FINDINGS_PER_RULE, dated=inquiry.index.several_days)
    notes = [f"rule {rule.id}: {node} has more occurrences than are looked at; the first {PRIMARIES} are" for node in primaries.cut]
    if occurrences > FINDINGS_PER_RULE:
        notes.append(f"rule {rule.id} found {occurrences} occurrences; the first {FINDINGS_PER_RULE} are told")
    return findings, _checks(rule, findings, doubts, primaries, inquiry.index), notes


def _checks(rule: Rule, findings: list[Finding], doubts: list[Unknown], primaries: Primaries, index: FactIndex) -> list[Check]:
    """One row for the rule, and one for each node of which it cannot be told."""
    rows: list[Check] = []
    if findings:
        nodes = enumerate_words(tuple(dict.fromkeys(node for finding in findings for node in finding.nodes)))
        times = "once" if len(findings) == 1 else f"{len(findings)} times"
        rows.append(Check(rule.id, Outcome.FOUND, f"found {times}" + (f", on {nodes}" if nodes else "")))
    doubtful: dict[str, Unknown] = {}
    for doubt in doubts:
        doubtful.setdefault(doubt.node, doubt)
    shown = tuple(node for node in index.nodes if node not in doubtful)
    if not findings and shown and (primaries.clear or primaries.matches):
        rows.append(Check(rule.id, Outcome.CLEAR, f"the evidence of {enumerate_words(shown)} would show it, and does not"))
    rows.extend(Check(rule.id, Outcome.COULD_NOT_CHECK, doubt.reason, node) for node, doubt in sorted(doubtful.items()))
    if not rows:
        reason = "nothing in the bundle speaks of it" if index.nodes else "the bundle has no log of any node"
        rows.append(Check(rule.id, Outcome.COULD_NOT_CHECK, reason))
    return rows


def _harmless(rule: BenignRule, inquiry: Inquiry) -> list[Benign]:
    """One row for all lines that a benign rule explains."""
    kept: list[Match] = []
    for match, *_ in inquiry.primaries(rule.step.clause).matches:
        ground = inquiry.ground(match.node, {rule.step.name: match})
        if rule.unless is None or not fires(rule.unless, ground):
            kept.append(match)
    if not kept:
        return []
    kept.sort(key=lambda match: (_us(match.start), match.node))
    nodes = enumerate_words(tuple(dict.fromkeys(match.node for match in kept if match.node)))
    times = sum(match.count for match in kept)
    scene = Scene({rule.step.name: kept[0]}, {"node": nodes, "nodes": nodes, "times": str(times)}, dated=inquiry.index.several_days)
    where = f"{times} times, on {nodes}" if times > 1 else f"once, on {nodes}"
    return [Benign(f"{scene.render(rule.text)} ({where})", scene.render(rule.why), evidence_of(kept), rule.id)]


def _us(moment: Instant | None) -> int:
    return moment.us if moment else 0
