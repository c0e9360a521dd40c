"""The closed vocabulary of a rule as values: predicates, edges, windows, clauses, steps, questions and rules."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from pveforensics.model import Criticality, Remedy
from pveforensics.value import Value


class Test(Value, frozen=True):
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


class Edge(Value, frozen=True):
    """One end of a window: an edge of a match bound before, moved by seconds. `which` is start, end or at."""

    name: str
    which: str
    offset_s: float = 0.0


class Between(Value, frozen=True):
    """A window from one edge to another; both ends belong to it."""

    start: Edge
    end: Edge


class EventClause(Value, frozen=True):
    """At least `count` events of one of the kinds whose fields pass, on the node meant by `on`, in the window."""

    kinds: tuple[str, ...]
    where: Where = ()
    on: str = ""
    between: Between | None = None
    count: int = 1
    pick: str = "first"


class StateClause(Value, frozen=True):
    """An interval of one of the states (`node.inquorate`) that overlaps the window and lasts as long as asked (seconds)."""

    states: tuple[str, ...]
    where: Where = ()
    on: str = ""
    between: Between | None = None
    min_s: float | None = None
    max_s: float | None = None
    count: int = 1
    pick: str = "first"


class AbsenceClause(Value, frozen=True):
    """Nothing of the inner clause, in a window that the log covers (or, with `best_effort`, whatever it covers)."""

    inner: EventClause | StateClause | AnyClause
    best_effort: bool = False


class SettingClause(Value, frozen=True):
    """A configured value that passes a test, is missing, or is not the same on all nodes."""

    key: str
    test: Test | None = None
    missing: bool = False
    differs: bool = False
    on: str = ""


class SnapshotClause(Value, frozen=True):
    """A status dump of one of the kinds whose fields pass (`where`) and that has a row that passes (`rows`)."""

    kinds: tuple[str, ...]
    where: Where = ()
    rows: Where = ()
    on: str = ""
    between: Between | None = None
    pick: str = "first"


class ThresholdClause(Value, frozen=True):
    """At least `count` matching events of one node within a sliding window, or that many distinct values of a field."""

    inner: EventClause
    count: int
    within_s: float
    distinct: str = ""


class VerdictClause(Value, frozen=True):
    """A question's winner is one of `names` with at least the given confidence, for the interval it was asked about."""

    question: str
    names: tuple[str, ...]
    at_least: float = 0.0
    on: str = ""
    between: Between | None = None


class AllClause(Value, frozen=True):
    """Every one of the clauses holds."""

    parts: tuple[Clause, ...]


class AnyClause(Value, frozen=True):
    """At least one of the clauses holds."""

    parts: tuple[Clause, ...]


Clause = (
    EventClause | StateClause | AbsenceClause | SettingClause | SnapshotClause | ThresholdClause | VerdictClause | AllClause | AnyClause
)


class Step(Value, frozen=True):
    """A clause with the name its match is bound to; an optional step may fail."""

    name: str
    clause: Clause
    optional: bool = False


class Condition(Value, frozen=True):
    """A clause with the sentence that says why it matters."""

    because: str
    clause: Clause


class Weighed(Value, frozen=True):
    """A condition with its weight in log-odds."""

    weight: float
    because: str
    clause: Clause


class Hypothesis(Value, frozen=True):
    """One possible answer of a question: prior and weights in log-odds, proofs that exclude it."""

    name: str
    cause: str
    prior: float = 0.0
    ended_by: str = ""
    speaks_for: tuple[Weighed, ...] = ()
    against: tuple[Weighed, ...] = ()
    excluded_by: tuple[Condition, ...] = ()
    decided_by: str = ""


class Question(Value, frozen=True):
    """A question about each match of `about`, with the answers that are weighed against each other."""

    id: str
    about: Step
    hypotheses: tuple[Hypothesis, ...]
    path: str = ""
    line: int = 0


class CriticalityWhen(Value, frozen=True):
    """Another criticality if a clause holds."""

    to: Criticality
    because: str
    clause: Clause


class ConfidenceWhen(Value, frozen=True):
    """An addition to the confidence if a clause holds."""

    add: float
    because: str
    clause: Clause


class Merge(Value, frozen=True):
    """Which findings of a rule become one.

    `edges` is `gap` (closer than `within_s`) or `both` (starts and ends each differ by no more than their errors plus
    `within_s`); `on` is `same` (node) or `any`.
    """

    within_s: float = 0.0
    on: str = "same"
    edges: str = "gap"


class Example(Value, frozen=True):
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


class Rule(Value, frozen=True):
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


class BenignRule(Value, frozen=True):
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
