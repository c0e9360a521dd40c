"""A rule tried on one match of its primary step: the other steps, confidence, criticality and causes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pveforensics.detect.clauses import Rule, VerdictClause
from pveforensics.detect.evaluate import evaluate, fires
from pveforensics.detect.ground import CLEAR, Clear, Fired, Ground, Result, Unknown
from pveforensics.detect.index import Match
from pveforensics.detect.inquiry import Inquiry
from pveforensics.detect.question import Answered, ask, causes_of, evidence_of
from pveforensics.detect.windows import moment_of
from pveforensics.model import Cause, Criticality, Evidence, RuledOut
from pveforensics.timebase import Instant
from pveforensics.value import Value

CAUSES_TOLD = 8
"""Causes of one finding that are listed at most."""


class Draft(Value, frozen=True):
    """A finding before its sentences are written; several may still become one."""

    node: str
    nodes: tuple[str, ...]
    start: Instant | None
    end: Instant | None
    confidence: float
    criticality: Criticality
    bound: Mapping[str, Match]
    evidence: tuple[Evidence, ...]
    causes: tuple[Cause, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    remarks: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    times: int = 1
    primary: str = ""


def try_rule(rule: Rule, primaries: tuple[Match, ...], inquiry: Inquiry) -> Draft | Clear | Unknown:
    """The draft of a finding if every required step holds; Clear or Unknown if one does not."""
    primary = primaries[0]
    node = primary.node if rule.per == "node" else ""
    bound: dict[str, Match] = {rule.find[0].name: primary}
    found: dict[str, tuple[Match, ...]] = {rule.find[0].name: primaries}
    missing: dict[str, Result] = {}
    doubt: Unknown | None = None
    for step in rule.find[1:]:
        result = evaluate(step.clause, inquiry.ground(node, bound, missing))
        if isinstance(result, Fired):
            found[step.name] = result.matches
            if result.matches:
                bound[step.name] = result.matches[0]
            continue
        missing[step.name] = result
        if step.optional:
            continue
        if isinstance(result, Clear):
            return CLEAR
        doubt = doubt or (result if isinstance(result, Unknown) else None)
    if doubt is not None:
        return Unknown(doubt.reason, primary.node or doubt.node)
    return _draft(rule, bound, found, inquiry, inquiry.ground(node, bound, missing))


def _draft(rule: Rule, bound: Mapping[str, Match], found: Mapping[str, tuple[Match, ...]], inquiry: Inquiry, ground: Ground) -> Draft:
    name = rule.find[0].name
    primary = bound[name]
    named = [match.node for step in (name, *rule.nodes) for match in found.get(step, ())]
    causes, ruled_out = _causes(rule, primary, inquiry, ground)
    confidence, surer = _confidence(rule, primary, inquiry, ground)
    criticality, graver = _criticality(rule, ground)
    evidence = tuple(dict.fromkeys(line for step in rule.find for line in evidence_of(found.get(step.name, ()))))
    return Draft(
        node=primary.node,
        nodes=tuple(dict.fromkeys(filter(None, named))),
        start=moment_of(rule.start, bound) if rule.start and rule.start.name in bound else primary.start,
        end=moment_of(rule.end, bound) if rule.end and rule.end.name in bound else primary.end,
        confidence=confidence,
        criticality=criticality,
        bound=bound,
        evidence=evidence,
        causes=causes,
        ruled_out=ruled_out,
        remarks=(*graver, *surer),
        subjects=tuple(dict.fromkeys((*(match.subject for match in bound.values() if match.subject), *_named(rule, ground)))),
        primary=name,
    )


def _named(rule: Rule, ground: Ground) -> Iterator[str]:
    """The guests, storages and jobs that the rule names from fields, several apart by blanks; one whose field is unknown is none."""
    scene = ground.scene()
    for kind, templates in (("guest", rule.guests), ("storage", rule.storages), ("job", rule.jobs)):
        yield from (f"{kind}:{word}" for value in map(scene.value, templates) if value for word in value.split())


def _confidence(rule: Rule, primary: Match, inquiry: Inquiry, ground: Ground) -> tuple[float, tuple[str, ...]]:
    """The rule's number or the verdict's own, and what moved it."""
    clause = rule.find[0].clause
    confidence = rule.confidence if rule.confidence is not None else 0.5
    if rule.confidence is None and isinstance(clause, VerdictClause):
        # the claim is that one of the answers asked for is true, not which of them
        answer = inquiry.answer(clause.question, primary)
        confidence = sum(each.confidence for each in answer.weighings if each.hypothesis.name in clause.names)
    remarks = []
    for each in rule.confidence_when:
        if fires(each.clause, ground):
            confidence += each.add
            remarks.append(f"{'Surer' if each.add > 0 else 'Less sure'}: {ground.scene().render(each.because)}.")
    top = 1.0 if rule.confidence == 1.0 else 0.99  # only what is so by definition is certain
    return round(min(max(confidence, 0.01), top), 2), tuple(remarks)


def _criticality(rule: Rule, ground: Ground) -> tuple[Criticality, tuple[str, ...]]:
    """The rule's word, or that of the first condition that holds."""
    for each in rule.criticality_when:
        if fires(each.clause, ground):
            return each.to, (f"Rated {each.to.value}: {ground.scene().render(each.because)}.",)
    return rule.criticality, ()


def _causes(rule: Rule, primary: Match, inquiry: Inquiry, ground: Ground) -> tuple[tuple[Cause, ...], tuple[RuledOut, ...]]:
    """Causes best first, and what is ruled out by them or by the verdict that the rule rests on."""
    causes: tuple[Cause, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    if rule.causes:
        answer: Answered = inquiry.answer(rule.causes, primary) if isinstance(rule.causes, str) else ask(rule.causes, ground)
        causes, ruled_out = causes_of(answer)
    clause = rule.find[0].clause
    if isinstance(clause, VerdictClause) and clause.question != rule.causes:
        _, more = causes_of(inquiry.answer(clause.question, primary))
        open_names = {cause.cause for cause in causes} | {row.cause for row in ruled_out}
        ruled_out = (*ruled_out, *(row for row in more if row.cause not in open_names))
    return causes[:CAUSES_TOLD], ruled_out
