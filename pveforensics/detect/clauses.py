"""The closed vocabulary of a rule as values: predicates, edges, windows, clauses, steps, questions and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pveforensics.model import Criticality, Remedy


@dataclass(frozen=True, slots=True)
class Test:
    """What a field must hold: one of `values` (placeholders allowed), none of them, a bound, or a word among others.

    `op` is `in`, `not`, `below`, `above`, `has` (a word of a list separated by blanks or commas), `contains` (a part of the text,
    whatever its case), `bit` (one of these bits is set in a number, which may be hexadecimal) or `versions` (a package's version from the first
    on, older than the second).
    """

    op: str
    values: tuple[str, ...]

    __test__ = False  # not a test case, whatever pytest makes of the name


Where = tuple[tuple[str, Test], ...]
"""Fields with their tests; empty for no condition."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a window: an edge of a match bound before, moved by seconds. `which` is start, end or at."""

    name: str
    which: str
    offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Between:
    """A window from one edge to another; both ends belong to it."""

    start: Edge
    end: Edge


@dataclass(frozen=True, slots=True)
class EventClause:
    """At least `count` events of one of the kinds whose fields pass, on the node meant by `on`, in the window."""

    kinds: tuple[str, ...]
    where: Where = ()
    on: str = ""
    between: Between | None = None
    count: int = 1
    pick: str = "first"


@dataclass(frozen=True, slots=True)
class StateClause:
    """An interval of one of the states (`node.inquorate`) that overlaps the window and lasts as long as asked (seconds)."""

    states: tuple[str, ...]
    where: Where = ()
    on: str = ""
    between: Between | None = None
    min_s: float | None = None
    max_s: float | None = None
    count: int = 1
    pick: str = "first"


@dataclass(frozen=True, slots=True)
class AbsenceClause:
    """Nothing of the inner clause, in a window that the log covers (or, with `best_effort`, whatever it covers)."""

    inner: EventClause | StateClause | AnyClause
    best_effort: bool = False


@dataclass(frozen=True, slots=True)
class SettingClause:
    """A configured value that passes a test, is missing, or is not the same on all nodes."""

    key: str
    test: Test | None = None
    missing: bool = False
    differs: bool = False
    on: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotClause:
    """A status dump of one of the kinds whose fields pass (`where`) and that has a row that passes (`rows`)."""

    kinds: tuple[str, ...]
    where: Where = ()
    rows: Where = ()
    on: str = ""
    between: Between | None = None
    pick: str = "first"


@dataclass(frozen=True, slots=True)
class ThresholdClause:
    """At least `count` matching events of one node within a sliding window, or that many distinct values of a field."""

    inner: EventClause
    count: int
    within_s: float
    distinct: str = ""


@dataclass(frozen=True, slots=True)
class VerdictClause:
    """A question's winner is one of `names` with at least the given confidence, for the interval it was asked about."""

    question: str
    names: tuple[str, ...]
    at_least: float = 0.0
    on: str = ""
    between: Between | None = None


@dataclass(frozen=True, slots=True)
class AllClause:
    """Every one of the clauses holds."""

    parts: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class AnyClause:
    """At least one of the clauses holds."""

    parts: tuple[Clause, ...]


Clause = (
    EventClause | StateClause | AbsenceClause | SettingClause | SnapshotClause | ThresholdClause | VerdictClause | AllClause | AnyClause
)


@dataclass(frozen=True, slots=True)
class Step:
    """A clause with the name its match is bound to; an optional step may fail."""

    name: str
    clause: Clause
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A clause with the sentence that says why it matters."""

    because: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class Weighed:
    """A condition with its weight in log-odds."""

    weight: float
    because: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible answer of a question: prior and weights in log-odds, proofs that exclude it."""

    name: str
    cause: str
    prior: float = 0.0
    ended_by: str = ""
    speaks_for: tuple[Weighed, ...] = ()
    against: tuple[Weighed, ...] = ()
    excluded_by: tuple[Condition, ...] = ()
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about each match of `about`, with the answers that are weighed against each other."""

    id: str
    about: Step
    hypotheses: tuple[Hypothesis, ...]
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class CriticalityWhen:
    """Another criticality if a clause holds."""

    to: Criticality
    because: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class ConfidenceWhen:
    """An addition to the confidence if a clause holds."""

    add: float
    because: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class Merge:
    """Which findings of a rule become one.

    `edges` is `gap` (closer than `within_s`) or `both` (starts and ends each differ by no more than their errors plus
    `within_s`); `on` is `same` (node) or `any`.
    """

    within_s: float = 0.0
    on: str = "same"
    edges: str = "gap"


@dataclass(frozen=True, slots=True)
class Example:
    """A small bundle with what the rule must make of it.

    `lines` maps a node to the text of its syslog, `files` a path to its text. `fires` is True, False or None (could
    not be checked); `nodes`, `cause`, `criticality`, `at_least` and `count` say more of a finding that is expected.
    """

    name: str
    fires: bool | None
    lines: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    cause: str = ""
    criticality: str = ""
    at_least: float = 0.0
    count: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One finding rule as read from its file; `find[0]` is the primary step."""

    id: str
    class_: str
    title: str
    summary: str
    criticality: Criticality
    find: tuple[Step, ...]
    confidence: float | None = None
    criticality_when: tuple[CriticalityWhen, ...] = ()
    confidence_when: tuple[ConfidenceWhen, ...] = ()
    applies: Condition | None = None
    per: str = "node"
    nodes: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    merge: Merge | None = None
    start: Edge | None = None
    end: Edge | None = None
    causes: str | tuple[Hypothesis, ...] = ""
    remedies: tuple[Remedy, ...] = ()
    why: str = ""
    not_to_confuse: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    always_tells: str = ""
    examples: tuple[Example, ...] = ()
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class BenignRule:
    """An alarming line that does not count, unless a clause says that here it does."""

    id: str
    step: Step
    text: str
    why: str
    unless: Clause | None = None
    references: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    path: str = ""
    line: int = 0


def parts_of(clause: Clause) -> tuple[Clause, ...]:
    """A clause and all clauses inside it."""
    match clause:
        case AllClause() | AnyClause():
            inner: tuple[Clause, ...] = clause.parts
        case AbsenceClause() | ThresholdClause():
            inner = (clause.inner,)
        case _:
            inner = ()
    return (clause, *(part for each in inner for part in parts_of(each)))


def clauses_of(hypotheses: tuple[Hypothesis, ...]) -> tuple[Clause, ...]:
    """All clauses that a question or a rule's inline causes weigh."""
    every: list[Clause] = []
    for row in hypotheses:
        every += [each.clause for each in (*row.speaks_for, *row.against)]
        every += [each.clause for each in row.excluded_by]
    return tuple(part for each in every for part in parts_of(each))


def clauses_in(rule: Rule) -> tuple[Clause, ...]:
    """All clauses of a rule, those of inline causes included."""
    own: list[Clause] = [step.clause for step in rule.find]
    own += [each.clause for each in rule.criticality_when]
    own += [each.clause for each in rule.confidence_when]
    own += [rule.applies.clause] if rule.applies else []
    inline = clauses_of(rule.causes) if not isinstance(rule.causes, str) else ()
    return (*(part for each in own for part in parts_of(each)), *inline)
