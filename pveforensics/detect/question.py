"""Questions: hypotheses weighed against each other, with what speaks for and against each and what excludes it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec.structs import replace

from pveforensics.detect.clauses import Hypothesis, Weighed
from pveforensics.detect.evaluate import evaluate
from pveforensics.detect.ground import Fired, Ground, cited
from pveforensics.detect.index import Match
from pveforensics.model import Cause, Evidence, Reason, RuledOut
from pveforensics.value import Value

RULED_OUT_BELOW = 0.05
"""A hypothesis less probable than this, with something that speaks against it, is told as ruled out."""

DECIDED_FROM = 0.95
"""From here on a cause is proven and nothing is left to decide."""

CITED_LINES = 5


class Weighing(Value, frozen=True):
    """One hypothesis with its probability and the reasons that held."""

    hypothesis: Hypothesis
    confidence: float
    speaks_for: tuple[Reason, ...]
    against: tuple[Reason, ...]
    excluded: RuledOut | None


class Answered(Value, frozen=True):
    """All hypotheses of a question about one match, best first."""

    weighings: tuple[Weighing, ...]

    @property
    def winner(self) -> Weighing | None:
        """The best hypothesis that is not excluded; None if all are."""
        first = self.weighings[0] if self.weighings else None
        return first if first and first.excluded is None else None


def evidence_of(matches: Iterable[Match], limit: int = CITED_LINES) -> tuple[Evidence, ...]:
    """The first lines that matches rest on: all places of a single one, one line of each of several."""
    every = cited(matches)
    if len(every) == 1:
        return every[0].evidence[:limit]
    return tuple(line for match in every for line in (match.evidence[:2] if match.subject else match.evidence[:1]))[:limit]


def ask(hypotheses: tuple[Hypothesis, ...], ground: Ground) -> Answered:
    """Weigh the hypotheses on the ground: log-odds, then softmax over those that nothing excludes."""
    rows = []
    ground = ground.quiet()
    for hypothesis in hypotheses:
        speaks_for = _held(hypothesis.speaks_for, ground)
        against = _held(hypothesis.against, ground)
        score = hypothesis.prior + sum(reason.weight for reason in speaks_for) - sum(reason.weight for reason in against)
        if "{" in hypothesis.decided_by:
            hypothesis = replace(hypothesis, decided_by=ground.scene().render(hypothesis.decided_by))  # noqa: PLW2901
        rows.append((hypothesis, score, speaks_for, against, _excluded(hypothesis, ground)))
    top = max((score for _, score, _, _, excluded in rows if excluded is None), default=0.0)
    total = math.fsum(math.exp(score - top) for _, score, _, _, excluded in rows if excluded is None)
    weighed = [
        Weighing(hypothesis, 0.0 if excluded else math.exp(score - top) / total, speaks_for, against, excluded)
        for hypothesis, score, speaks_for, against, excluded in rows
    ]
    return Answered(tuple(sorted(weighed, key=lambda each: (each.excluded is not None, -each.confidence))))


def causes_of(answer: Answered) -> tuple[tuple[Cause, ...], tuple[RuledOut, ...]]:
    """The answer in the contract's words: causes best first, and those ruled out with why.

    Hypotheses that stand for one cause are one row; a cause that is still open is not ruled out by its other half.
    """
    open_rows: dict[str, list[Weighing]] = {}
    out: list[tuple[str, RuledOut]] = []
    for each in answer.weighings:
        name = each.hypothesis.cause
        if each.excluded is not None:
            out.append((name, each.excluded))
        elif each.confidence < RULED_OUT_BELOW and each.against:
            strongest = max(each.against, key=lambda reason: reason.weight)
            out.append((name, RuledOut(name, strongest.text, strongest.evidence)))
        else:
            open_rows.setdefault(name, []).append(each)
    causes = [_cause(name, rows) for name, rows in open_rows.items()]
    causes.sort(key=lambda cause: -cause.confidence)
    told: dict[str, RuledOut] = {}
    for name, row in out:
        if name not in open_rows and name != "unknown":
            told.setdefault(name, row)
    return tuple(causes), tuple(told.values())


def _cause(name: str, rows: list[Weighing]) -> Cause:
    confidence = sum(each.confidence for each in rows)
    deciders = [each.hypothesis.decided_by for each in rows if each.hypothesis.decided_by]
    return Cause(
        cause=name,
        confidence=round(min(confidence, 0.99), 2),
        speaks_for=tuple(reason for each in rows for reason in each.speaks_for),
        speaks_against=tuple(reason for each in rows for reason in each.against),
        decided_by="; ".join(dict.fromkeys(deciders)) if confidence < DECIDED_FROM else "",
    )


def _held(weights: tuple[Weighed, ...], ground: Ground) -> tuple[Reason, ...]:
    """The reasons whose clause fired; what cannot be told weighs nothing."""
    held = []
    for each in weights:
        result = evaluate(each.clause, ground)
        if isinstance(result, Fired):
            held.append(Reason(ground.scene().render(each.because), each.weight, evidence_of(result.matches)))
    return tuple(held)


def _excluded(hypothesis: Hypothesis, ground: Ground) -> RuledOut | None:
    for each in hypothesis.excluded_by:
        result = evaluate(each.clause, ground)
        if isinstance(result, Fired):
            return RuledOut(hypothesis.cause, ground.scene().render(each.because), evidence_of(result.matches))
    return None
