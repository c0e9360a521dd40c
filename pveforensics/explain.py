"""Why a rule fired or did not: on an example that it carries, or on a bundle; and how a question was weighed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.bundle import open_bundles
from pveforensics.detect.clauses import BenignRule, Example, Question, Rule, Step
from pveforensics.detect.trace import Trial, trace, weigh
from pveforensics.detect.wording import clause_words
from pveforensics.errors import InputError, UsageError
from pveforensics.intake import take_in
from pveforensics.model import Criticality, Facts, Options
from pveforensics.pipeline import reconstructed
from pveforensics.rulepack import RulePack
from pveforensics.selftest import EXAMPLE_OPTIONS, MemoryBundle, texts_of

_ANSWER = {"holds": "holds", "clear": "FAILED", "unknown": "NOT COVERED"}
_OPTIONAL = {"holds": "holds", "clear": "is not there", "unknown": "not covered"}
_EXPECTED = {True: "must fire", False: "must not fire", None: "cannot be told"}

Explained = Rule | BenignRule | Question


def why(identity: str, pack: RulePack, *, example: str = "", bundles: Sequence[str] = (), options: Options = Options()) -> Iterator[str]:
    """Lines of text: for each attempt of the rule which steps held, and what was in the way of the others.

    On the bundles if there are any, else on the named example, else on all of the rule's. Raises UsageError for an unknown rule or
    example, InputError if nothing in the bundles could be read.
    """
    rule = _named(identity, pack)
    if bundles:
        with open_bundles(bundles) as bundle:
            facts = reconstructed(take_in(bundle, pack.signatures), options).facts
        yield from _tell(rule, pack, facts, f"on {', '.join(bundles)}")
        return
    examples = _examples(rule, pack, example)
    for each in examples:
        title = f"example '{each.name}' ({_EXPECTED[each.fires]})"
        try:
            facts = reconstructed(take_in(MemoryBundle(texts_of(each)), pack.signatures), EXAMPLE_OPTIONS).facts
        except InputError as error:
            yield f"{identity}: {title}: nothing was read: {error}"
            continue
        yield from _tell(rule, pack, facts, title)


def _named(identity: str, pack: RulePack) -> Explained:
    every: tuple[Explained, ...] = (*pack.rules, *pack.benign, *pack.questions)
    found = next((each for each in every if each.id == identity), None)
    if found is None:
        raise UsageError(f"no rule, question or benign line is called '{identity}'; `pveforensics rules list` shows all")
    return found


def _examples(rule: Explained, pack: RulePack, name: str) -> tuple[Example, ...]:
    """A question has no examples of its own: those of the rules that ask it serve."""
    if isinstance(rule, Question):
        every = tuple(example for each in pack.rules if each.causes == rule.id for example in each.examples)
    else:
        every = rule.examples
    chosen = tuple(each for each in every if not name or each.name == name)
    if not chosen:
        known = "; ".join(each.name for each in every) or "none"
        raise UsageError(f"{rule.id} has no example called '{name}'; it has: {known}" if name else f"{rule.id} has no example")
    return chosen


def _tell(rule: Explained, pack: RulePack, facts: Facts, title: str) -> Iterator[str]:
    yield f"{rule.id}: {title}"
    if isinstance(rule, Question):
        yield from _weighings(rule, pack, facts)
        return
    trials = trace(_as_rule(rule), pack.questions, facts)
    for trial in trials:
        yield from _attempt(trial, rule)
    if not trials:
        yield "  nothing to try it on: the bundle has no node"


def _attempt(trial: Trial, rule: Rule | BenignRule) -> Iterator[str]:
    where = " ".join(filter(None, (f"on {trial.node}" if trial.node else "on all nodes together", f"at {trial.at}" if trial.at else "")))
    outcome = {"found": "fires", "clear": "does not fire", "unknown": "cannot be told"}[trial.outcome]
    yield f"  {where}: {outcome}"
    for step in trial.steps:
        answer = (_OPTIONAL if step.optional else _ANSWER)[step.answer]
        yield f"    {answer:12} {step.step}{' (optional)' if step.optional else ''}: {_plain(step.clause)}"
        yield f"    {'':12} {'= ' if step.answer == 'holds' else '- '}{_plain(step.why)}"
    if isinstance(rule, BenignRule) and rule.unless and trial.outcome == "found":
        yield f"    {'unless':12} {_plain(clause_words(rule.unless))}"


def _weighings(question: Question, pack: RulePack, facts: Facts) -> Iterator[str]:
    """Each time the question was asked: every hypothesis with what spoke for and against it."""
    asked = False
    for where, rows in weigh(question, pack.questions, facts):
        asked = True
        yield f"  {where}"
        for row in rows:
            yield f"    {row.name:20} {'excluded' if row.excluded else f'{row.confidence:.2f}'}"
            yield from (f"      {sign}{weight:g} {text}" for sign, weight, text in row.reasons)
    if not asked:
        yield f"  was not asked: there is no {_plain(clause_words(question.about.clause))}"


def _as_rule(rule: Rule | BenignRule) -> Rule:
    """A benign line as a rule of one step, so that both are traced alike."""
    if isinstance(rule, Rule):
        return rule
    step = Step(rule.step.name, rule.step.clause)
    return Rule(rule.id, "", rule.text, rule.why, Criticality.INFO, (step,), confidence=0.5)


def _plain(text: str) -> str:
    """Words of a rule's page without their Markdown."""
    return text.replace("`", "").replace("*", "")
