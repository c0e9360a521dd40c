"""One run over the facts: the matches of primary steps node by node, and questions asked once about each match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from pveforensics.detect.clauses import (
    AllClause,
    AnyClause,
    Clause,
    EventClause,
    Question,
    SettingClause,
    SnapshotClause,
    StateClause,
    Step,
    ThresholdClause,
    VerdictClause,
)
from pveforensics.detect.evaluate import evaluate
from pveforensics.detect.ground import Fired, Ground, Result, Unknown
from pveforensics.detect.index import FactIndex, Match
from pveforensics.detect.question import Answered, ask
from pveforensics.value import Value

PRIMARIES = 20_000
"""Matches of a primary step that are tried on one node at most."""


class Primaries(Value, frozen=True):
    """What a primary step matched, the nodes of which it cannot be told whether it would, and those that it does not match.

    `cut` are nodes with more matches than are tried.
    """

    matches: tuple[tuple[Match, ...], ...]
    doubts: tuple[Unknown, ...]
    clear: tuple[str, ...]
    cut: tuple[str, ...] = ()


class Inquiry:
    """The facts by index, the questions by id, and the answers given so far."""

    def __init__(self, index: FactIndex, questions: tuple[Question, ...]) -> None:
        """Nothing is asked yet."""
        self.index = index
        self._questions = {question.id: question for question in questions}
        self._answers: dict[tuple[object, ...], Answered] = {}
        self._subjects: dict[str, Primaries] = {}

    def ground(self, node: str, bound: Mapping[str, Match], missing: Mapping[str, Result] | None = None) -> Ground:
        """The ground to evaluate a clause on."""
        return Ground(self.index, bound, node, missing or {}, self._verdicts)

    def primaries(self, clause: Clause) -> Primaries:
        """All matches of a primary step, each alone (or all nodes' together where they are compared)."""
        if isinstance(clause, VerdictClause):
            subjects = self._of_question(clause.question)
            return replace(subjects, matches=tuple((match,) for match in self._verdicts(clause)))
        if isinstance(clause, SettingClause) and clause.differs:
            result = evaluate(clause, self.ground("", {}))
            return Primaries(
                (result.matches,) if isinstance(result, Fired) else (),
                (result,) if isinstance(result, Unknown) else (),
                () if isinstance(result, Unknown) else self.index.nodes,
            )
        matches: list[tuple[Match, ...]] = []
        doubts: list[Unknown] = []
        clear: list[str] = []
        cut: list[str] = []
        for node in self.index.subjects:
            result = evaluate(on_one_node(clause), replace(self.ground(node, {}), limit=PRIMARIES)) if node else self._nodeless(clause)
            if isinstance(result, Fired):
                matches.extend((match,) for match in result.matches)
                cut += [node] if len(result.matches) == PRIMARIES else []
            elif node in self.index.nodes and isinstance(result, Unknown):
                doubts.append(replace(result, node=node))
            elif node in self.index.nodes:
                clear.append(node)
        return Primaries(tuple(matches), tuple(doubts), tuple(clear), tuple(cut))

    def _nodeless(self, clause: Clause) -> Result:
        """Matches of subjects that belong to no node."""
        result = evaluate(clause, replace(self.ground("", {}), limit=PRIMARIES))
        if isinstance(result, Fired):
            kept = tuple(match for match in result.matches if not match.node)
            return Fired(kept)
        return result

    def answer(self, question_id: str, match: Match) -> Answered:
        """A question's answer about one match, asked once. Raises KeyError for a question that does not exist."""
        key = (question_id, match.node, match.what, match.subject, match.start, match.end)
        if key not in self._answers:
            question = self._questions[question_id]
            self._answers[key] = ask(question.hypotheses, self.ground(match.node, {question.about.name: match}))
        return self._answers[key]

    def _of_question(self, question_id: str) -> Primaries:
        if question_id not in self._subjects:
            self._subjects[question_id] = self.primaries(self._questions[question_id].about.clause)
        return self._subjects[question_id]

    def about(self, question_id: str) -> Step:
        """What a question is asked about. Raises KeyError for a question that does not exist."""
        return self._questions[question_id].about

    def answers(self, question_id: str) -> Iterator[tuple[Match, Answered]]:
        """Every match that a question is asked about, with its answer."""
        for match, *_ in self._of_question(question_id).matches:
            yield match, self.answer(question_id, match)

    def _verdicts(self, clause: VerdictClause) -> Iterator[Match]:
        """The matches of a question whose winner is one of those asked for, sure enough."""
        for match, *_ in self._of_question(clause.question).matches:
            winner = self.answer(clause.question, match).winner
            if winner and winner.hypothesis.name in clause.names and winner.confidence >= clause.at_least:
                yield match


def on_one_node(clause: Clause) -> Clause:
    """A primary step looks at one node at a time, whatever its `on` says."""
    match clause:
        case EventClause() | StateClause() | SnapshotClause() | SettingClause():
            return replace(clause, on="same")
        case ThresholdClause():
            return replace(clause, inner=replace(clause.inner, on="same"))
        case AnyClause():
            return AnyClause(tuple(on_one_node(part) for part in clause.parts))
        case AllClause():
            return AllClause(tuple(on_one_node(part) for part in clause.parts))
        case _:
            return clause
