"""The review that a machine can do: a rule pack against its format, its vocabulary and its own examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pveforensics.detect.clauses import (
    BenignRule,
    Between,
    Clause,
    EventClause,
    Question,
    Rule,
    StateClause,
    ThresholdClause,
    VerdictClause,
    clauses_in,
    clauses_of,
    parts_of,
)
from pveforensics.detect.load import benign_of, entries, files, question_of, rule_of
from pveforensics.detect.text import placeholders
from pveforensics.detect.vocabulary import STATES, danger_of, state_problem
from pveforensics.errors import RulePackError
from pveforensics.value import Value

SYNTHETIC: Mapping[str, frozenset[str]] = {"syslog_nul_bytes": frozenset({"length"}), "boot_separator": frozenset({"boot_id"})}
"""Event kinds that readers make, with their fields; no signature yields them."""


class Problem(Value, frozen=True):
    """What is wrong, and where."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class Pack(Value, frozen=True):
    """What a check may look at: the pack's own parts, and the words it may use."""

    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    benign: tuple[BenignRule, ...]
    kinds: Mapping[str, frozenset[str]]
    known: Mapping[str, Question]


Check = Callable[[Pack], Iterator[Problem]]


def lint(folders: Sequence[Path], kinds: Mapping[str, frozenset[str]], known: Sequence[Question] = ()) -> list[Problem]:
    """All problems of the packs in some folders, in order of place.

    `kinds` maps each event kind to the fields that its signatures give; `known` are questions of other packs.
    """
    problems: list[Problem] = []
    rules: list[Rule] = []
    questions: list[Question] = []
    benign: list[BenignRule] = []
    for path in files(folders, "findings"):
        problems += _collect(path, lambda data, place: rules.append(rule_of(data, place)))
    for path in files(folders, "questions"):
        problems += _collect(path, lambda data, place: questions.append(question_of(data, place)))
    for path in files(folders, "benign"):
        problems += _collect(path, lambda data, place: benign.append(benign_of(data, place)))
    by_id = {question.id: question for question in (*known, *questions)}
    pack = Pack(tuple(rules), tuple(questions), tuple(benign), {**SYNTHETIC, **kinds}, by_id)
    for check in CHECKS:
        problems += check(pack)
    return sorted(problems, key=lambda each: (each.path, each.line, each.message))


def unused_kinds(
    pack_rules: Sequence[Rule], questions: Sequence[Question], benign: Sequence[BenignRule], kinds: Mapping[str, object]
) -> list[str]:
    """Event kinds that no rule asks for. Trackers may: this is a listing, not a problem."""
    every = [*(part for rule in pack_rules for part in clauses_in(rule)), *(part for each in questions for part in _in_question(each))]
    every += [part for each in benign for part in _in_benign(each)]
    used = {kind for part in every if isinstance(part, EventClause) for kind in part.kinds}
    return sorted(set(kinds) - used)


def _collect(path: Path, take: Callable[..., None]) -> Iterator[Problem]:
    try:
        for data, place in entries(path):
            take(data, place)
    except RulePackError as error:
        yield _as_problem(error, path)


def _as_problem(error: RulePackError, path: Path) -> Problem:
    """A loader's message without the place that stands in front of it."""
    rest = str(error).removeprefix(f"{path}:")
    line, _, message = rest.partition(": ")
    return Problem(str(path), int(line), message) if line.isdigit() else Problem(str(path), 1, str(error))


def _in_question(question: Question) -> tuple[Clause, ...]:
    return (*parts_of(question.about.clause), *clauses_of(question.hypotheses))


def _in_benign(rule: BenignRule) -> tuple[Clause, ...]:
    return (*parts_of(rule.step.clause), *(parts_of(rule.unless) if rule.unless else ()))


# --- checks ----------------------------------------------------------------------------------


def _names(pack: Pack) -> Iterator[Problem]:
    """Ids are file names, unique, and a rule lies in the folder of its class."""
    seen: dict[str, Rule | Question | BenignRule] = {}
    every: tuple[Rule | Question | BenignRule, ...] = (*pack.rules, *pack.questions, *pack.benign)
    for each in every:
        path = Path(each.path)
        if each.id in seen:
            yield Problem(each.path, each.line, f"id: '{each.id}' is taken by {seen[each.id].path}")
        seen.setdefault(each.id, each)
        if not isinstance(each, BenignRule) and path.stem != each.id:
            yield Problem(each.path, each.line, f"id: expected the file's name '{path.stem}'; got '{each.id}'")
        if isinstance(each, Rule) and path.parent.name != each.class_:
            yield Problem(each.path, each.line, f"class: the rule lies in {path.parent.name}/, its class is '{each.class_}'")


def _examples(pack: Pack) -> Iterator[Problem]:
    """Every rule has an example that fires, one that does not, and one that cannot tell."""
    for rule in pack.rules:
        kinds = {example.fires for example in rule.examples}
        for wanted, words in (
            (True, "that fires"),
            (False, "that does not fire"),
            (None, "that cannot be checked (could_not_check: true)"),
        ):
            if wanted not in kinds and not (wanted is None and rule.always_tells):
                yield Problem(rule.path, rule.line, f"examples: there is none {words}")
        for example in rule.examples:
            if not example.lines and not example.files:
                yield Problem(rule.path, example.line, f"examples: '{example.name}' has neither lines nor files")


def _words(pack: Pack) -> Iterator[Problem]:
    """Kinds, states and fields are known."""
    every: list[tuple[Rule | Question | BenignRule, tuple[Clause, ...]]] = [(rule, clauses_in(rule)) for rule in pack.rules]
    every += [(question, _in_question(question)) for question in pack.questions]
    every += [(each, _in_benign(each)) for each in pack.benign]
    for owner, parts in every:
        for part in parts:
            for message in _word_problems(part, pack):
                yield Problem(owner.path, owner.line, message)


def _word_problems(part: Clause, pack: Pack) -> Iterator[str]:
    match part:
        case EventClause():
            unknown = [kind for kind in part.kinds if kind not in pack.kinds]
            yield from (f"event: no signature yields '{kind}'" for kind in unknown)
            given = frozenset().union(*(pack.kinds.get(kind, frozenset()) for kind in part.kinds))
            yield from (
                f"where: {' or '.join(part.kinds)} has no field '{name}'" for name, _ in part.where if name not in given and not unknown
            )
        case StateClause():
            fields = frozenset(name for name, _ in part.where)
            problems = [state_problem(*state.partition(".")[::2], fields) for state in part.states]
            if all(problems):
                yield problems[0]
            yield from (problem for problem in problems if problem.startswith("unknown") and not all(problems))
        case ThresholdClause() if part.distinct:
            given = frozenset().union(*(pack.kinds.get(kind, frozenset()) for kind in part.inner.kinds))
            if part.distinct not in given:
                yield f"distinct: {' or '.join(part.inner.kinds)} has no field '{part.distinct}'"
        case VerdictClause():
            question = pack.known.get(part.question)
            if question is None:
                yield f"verdict: there is no question '{part.question}'"
                return
            hypotheses = [each.name for each in question.hypotheses]
            yield from (f"is: question '{part.question}' has no hypothesis '{name}'" for name in part.names if name not in hypotheses)


def _causes(pack: Pack) -> Iterator[Problem]:
    """A question that a rule asks exists."""
    for rule in pack.rules:
        if isinstance(rule.causes, str) and rule.causes and rule.causes not in pack.known:
            yield Problem(rule.path, rule.line, f"causes: there is no question '{rule.causes}'")


def _placeholders(pack: Pack) -> Iterator[Problem]:
    """Fields that sentences show are fields of what the step matches."""
    for rule in pack.rules:
        given = {step.name: _fields_of(step.clause, pack) for step in rule.find}
        for sentence in (rule.title, rule.summary, rule.why, *rule.guests, *rule.storages, *rule.jobs):
            for name, part in placeholders(sentence):
                field = part.removeprefix("fields.")
                known = given.get(name)
                if part.startswith("fields.") and known is not None and field not in known:
                    yield Problem(rule.path, rule.line, f"placeholder {{{name}.{part}}}: the step has no field '{field}'")


def _fields_of(clause: Clause, pack: Pack) -> frozenset[str] | None:
    """The fields that a match of a clause may have; None if that is not known."""
    match clause:
        case EventClause():
            return frozenset().union(*(pack.kinds.get(kind, frozenset()) for kind in clause.kinds))
        case StateClause():
            pairs = [state.split(".", 1) for state in clause.states]
            known = [STATES[kind][word].fields for kind, word in pairs if word in STATES.get(kind, {})]
            return frozenset({"state"}).union(*known) if len(known) == len(pairs) else None
        case VerdictClause() if clause.question in pack.known:
            return _fields_of(pack.known[clause.question].about.clause, pack)
        case _:
            return None


def _dangers(pack: Pack) -> Iterator[Problem]:
    """A dangerous command carries its caution."""
    for rule in pack.rules:
        for remedy in rule.remedies:
            danger = danger_of(remedy.command)
            if danger and not remedy.caution:
                yield Problem(rule.path, rule.line, f"{remedy.step}: `{remedy.command}` needs a caution: {danger}")


def _reach(pack: Pack) -> Iterator[Problem]:
    """No step that can never hold: an empty window, or a state that must last longer than it may."""
    for rule in pack.rules:
        for part in clauses_in(rule):
            between = getattr(part, "between", None)
            if isinstance(between, Between) and _empty(between):
                yield Problem(
                    rule.path, rule.line, f"between: the window ends before it begins ({between.start.name}.{between.start.which})"
                )
            if isinstance(part, StateClause) and part.min_s is not None and part.max_s is not None and part.min_s > part.max_s:
                yield Problem(rule.path, rule.line, "min: expected no more than max")


def _empty(between: Between) -> bool:
    low, high = between.start, between.end
    order = {"start": 0, "at": 0, "end": 1}
    return low.name == high.name and order[low.which] >= order[high.which] and low.offset_s > high.offset_s


def _unfinished(pack: Pack) -> Iterator[Problem]:
    """Nothing of a skeleton is left: `TODO` in any text."""
    every: tuple[Rule | Question | BenignRule, ...] = (*pack.rules, *pack.questions, *pack.benign)
    for each in {each.path: each for each in every}.values():
        for line, text in enumerate(Path(each.path).read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if "TODO" in text:
                yield Problem(each.path, line, f"still to be written: {text.strip()[:80]}")


CHECKS: tuple[Check, ...] = (_names, _examples, _words, _causes, _placeholders, _dangers, _reach, _unfinished)
