"""Why a rule did or did not fire: each step of it, tried on the facts, with what kept it from holding."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pveforensics.detect.clauses import (
    AbsenceClause,
    AllClause,
    AnyClause,
    Clause,
    EventClause,
    Question,
    Rule,
    SettingClause,
    SnapshotClause,
    StateClause,
    Step,
    ThresholdClause,
    VerdictClause,
)
from pveforensics.detect.evaluate import evaluate
from pveforensics.detect.ground import Clear, Fired, Ground, Result, Unknown
from pveforensics.detect.index import FactIndex, Match
from pveforensics.detect.inquiry import Inquiry, on_one_node
from pveforensics.detect.question import Weighing
from pveforensics.detect.text import clock
from pveforensics.detect.where import Answer, passes, resolve_where
from pveforensics.detect.windows import Unplaced, moment_of, resolve
from pveforensics.detect.wording import clause_words, test_words
from pveforensics.model import Facts
from pveforensics.timebase import SECOND, Instant, duration_words
from pveforensics.value import Value

TRIED = 50
"""Matches of the first step that are told one by one at most."""

Placed = EventClause | StateClause | SnapshotClause


class Told(Value, frozen=True):
    """One step of a rule on one node: `answer` is holds, clear or unknown; `why` is what it rests on or what was in the way."""

    step: str
    clause: str
    answer: str
    why: str
    optional: bool = False


class Trial(Value, frozen=True):
    """One attempt of a rule: on which node, from which match of its first step, with every step up to the one that failed."""

    node: str
    at: str
    steps: tuple[Told, ...]

    @property
    def outcome(self) -> str:
        """`found`, `clear` or `unknown`: as the rule itself would conclude."""
        answers = [each.answer for each in self.steps if not each.optional]
        return "clear" if "clear" in answers else "unknown" if "unknown" in answers else "found"


def trace(rule: Rule, questions: Sequence[Question], facts: Facts) -> tuple[Trial, ...]:
    """Every attempt of a rule on the facts; if its first step matches nowhere, why not, node by node."""
    inquiry = Inquiry(FactIndex(facts), tuple(questions))
    if rule.applies and isinstance(evaluate(rule.applies.clause, inquiry.ground("", {})), Clear):
        return (Trial("", "", (Told("applies", clause_words(rule.applies.clause), "clear", rule.applies.because),)),)
    first = rule.find[0]
    trials = [_attempt(rule, matches, inquiry) for matches in inquiry.primaries(first.clause).matches[:TRIED]]
    return tuple(trials) or tuple(_nowhere(first, inquiry))


def _attempt(rule: Rule, primaries: tuple[Match, ...], inquiry: Inquiry) -> Trial:
    """As `trial.try_rule` goes, but with a word on every step, also on those that hold."""
    first, primary = rule.find[0], primaries[0]
    node = primary.node if rule.per == "node" else ""
    bound: dict[str, Match] = {first.name: primary}
    missing: dict[str, Result] = {}
    told = [_told(first, Fired(primaries), inquiry.ground(node, {}), inquiry)]
    for step in rule.find[1:]:
        ground = inquiry.ground(node, bound, missing)
        result = evaluate(step.clause, ground)
        told.append(_told(step, result, ground, inquiry))
        if not isinstance(result, Fired):
            missing[step.name] = result
            if isinstance(result, Clear) and not step.optional:
                break
        elif result.matches:
            bound[step.name] = result.matches[0]
    return Trial(primary.node, clock(primary.start, dated=True), tuple(told))


def _nowhere(first: Step, inquiry: Inquiry) -> list[Trial]:
    """Why the first step matches on no node."""
    trials = []
    for node in inquiry.index.subjects or ("",):
        ground = inquiry.ground(node, {})
        clause = on_one_node(first.clause) if node else first.clause
        trials.append(Trial(node, "", (_told(replace(first, clause=clause), evaluate(clause, ground), ground, inquiry),)))
    return trials


def _told(step: Step, result: Result, ground: Ground, inquiry: Inquiry) -> Told:
    words = clause_words(step.clause)
    match result:
        case Fired():
            return Told(step.name, words, "holds", _found(result.matches), step.optional)
        case Unknown():
            return Told(step.name, words, "unknown", f"not covered: {result.reason}", step.optional)
        case _:
            return Told(step.name, words, "clear", obstacle(step.clause, ground, inquiry), step.optional)


# --- what was in the way ---------------------------------------------------------------------


def obstacle(clause: Clause, ground: Ground, inquiry: Inquiry) -> str:
    """Why a clause that is clear does not hold: no such event, another node, outside the window, a field that differs."""
    match clause:
        case EventClause() | StateClause() | SnapshotClause():
            return _of_placed(clause, ground)
        case AbsenceClause():
            result = evaluate(clause.inner, ground)
            return f"it is there: {_found(result.matches)}" if isinstance(result, Fired) else "there is nothing to measure the silence from"
        case ThresholdClause():
            return _of_threshold(clause, ground)
        case SettingClause():
            stated = [
                f"{node}: {match.fields.get('state', '')}"
                for node, lane in ground.facts.settings(clause.key).items()
                for match in lane.matches
            ]
            return f"configured is {'; '.join(stated[:5])}" if stated else "it is not configured"
        case VerdictClause():
            return _of_verdict(clause, ground, inquiry)
        case AllClause():
            failed = next((part for part in clause.parts if isinstance(evaluate(part, ground), Clear)), clause.parts[0])
            return f"{clause_words(failed)}: {obstacle(failed, ground, inquiry)}"
        case AnyClause():
            return "; ".join(f"{clause_words(part)}: {obstacle(part, ground, inquiry)}" for part in clause.parts)


def _of_placed(clause: Placed, ground: Ground) -> str:
    """Each condition is dropped in turn: the one without which the clause holds was in the way."""
    window = resolve(clause.between, ground.bound)
    if isinstance(window, Unplaced):
        return f"its window rests on '{window.name}', which found nothing"
    everywhere = _matches(replace(_bare(clause), on="any"), ground)
    if not everywhere:
        return f"no such {_thing(clause)} in the bundle"
    here = _matches(_bare(clause), ground)
    if not here:
        return (
            f"no such {_thing(clause)} on {ground.node or 'these nodes'}; it is on {', '.join(sorted({each.node for each in everywhere}))}"
        )
    timed = _matches(replace(_bare(clause), between=clause.between), ground)
    fitting = _matches(replace(_bare(clause), where=clause.where), ground)
    both = _matches(replace(_bare(clause), where=clause.where, between=clause.between), ground)
    if both:
        return _too_few(clause, both)
    if timed:
        also = f"; with the right fields it stands outside the window: {_distance(clause, fitting, ground)}" if fitting else ""
        return f"a field differs: {_difference(clause, timed[0], ground)} ({_found(timed[:1])}){also}"
    if fitting:
        return f"outside the window: {_distance(clause, fitting, ground)}"
    return f"a field differs: {_difference(clause, here[0], ground)}, and it is outside the window: {_distance(clause, here, ground)}"


def _bare(clause: Placed) -> Placed:
    """The clause without conditions on fields, time, number and length."""
    match clause:
        case EventClause():
            return replace(clause, where=(), between=None, count=1)
        case StateClause():
            return replace(clause, where=(), between=None, count=1, min_s=None, max_s=None)
        case _:
            return replace(clause, where=(), rows=(), between=None)


def _matches(clause: Clause, ground: Ground) -> tuple[Match, ...]:
    result = evaluate(clause, ground)
    return result.matches if isinstance(result, Fired) else ()


def _too_few(clause: Placed, both: tuple[Match, ...]) -> str:
    times = sum(match.count for match in both)
    if isinstance(clause, EventClause | StateClause) and times < clause.count:
        return f"only {times} times, asked for {clause.count}"
    if isinstance(clause, StateClause) and (clause.min_s is not None or clause.max_s is not None):
        lasted = [each.end.seconds_since(each.start) for each in both if each.start and each.end]
        told = f"it lasts {', '.join(duration_words(each) for each in lasted[:5])}" if lasted else "how long it lasts is not known"
        return f"{told} ({_found(both[:1])})"
    return f"no row of its table is as asked for ({_found(both[:1])})" if isinstance(clause, SnapshotClause) else _found(both)


def _difference(clause: Placed, match: Match, ground: Ground) -> str:
    """The fields of a match that do not pass, with what was asked for."""
    wrong = []
    for name, test in resolve_where(clause.where, ground.scene):
        if passes(((name, test),), match.fields) is not Answer.YES:
            asked = test_words(test) if test.values else "known at all (what it is compared with is not)"
            wrong.append(f"`{name}` is `{match.fields.get(name, '')}`, asked is that it {asked}")
    return "; ".join(wrong) or "none of its fields alone"


def _distance(clause: Placed, matches: tuple[Match, ...], ground: Ground) -> str:
    """How far the nearest match is from the window."""
    if clause.between is None:
        return _found(matches[:1])
    low, high = moment_of(clause.between.start, ground.bound), moment_of(clause.between.end, ground.bound)
    nearest, seconds, side = min(((match, *_gap(match, low, high)) for match in matches), key=lambda row: row[1])
    span = f"the window is {_moment(low)} to {_moment(high)}"
    return f"the nearest is {_found((nearest,))}, {duration_words(seconds)} {side} it; {span}" if side else f"{_found((nearest,))}; {span}"


def _gap(match: Match, low: Instant | None, high: Instant | None) -> tuple[float, str]:
    """Seconds from a match to the window, and on which side; 0 if that cannot be said."""
    if low and match.end and match.end.us < low.us:
        return (low.us - match.end.us) / SECOND, "before"
    if high and match.start and match.start.us > high.us:
        return (match.start.us - high.us) / SECOND, "after"
    return 0.0, ""


def _of_threshold(clause: ThresholdClause, ground: Ground) -> str:
    found = _matches(replace(clause.inner, count=1), ground)
    if not found:
        return _of_placed(replace(clause.inner, count=1), ground)
    times = sum(match.count for match in found)
    if clause.distinct:
        times = len({match.fields.get(clause.distinct, "") for match in found} - {""})
    return f"{times} in the whole window, never {clause.count} of one node within {duration_words(clause.within_s)} ({_found(found[:1])})"


def _of_verdict(clause: VerdictClause, ground: Ground, inquiry: Inquiry) -> str:
    """What the question was answered with instead, where it was asked at all."""
    asked = [answer for answer in inquiry.answers(clause.question) if not ground.node or answer[0].node == ground.node]
    if not asked:
        about = inquiry.about(clause.question).clause
        about = on_one_node(about) if ground.node else about
        return f"the question {clause.question} was not asked: it is about {clause_words(about)}; {obstacle(about, ground, inquiry)}"
    rows = []
    for match, answered in asked[:5]:
        ranked = ", ".join(f"{each.hypothesis.name} {each.confidence:.2f}" for each in answered.weighings[:4])
        rows.append(f"at {clock(match.start, dated=True)} the answer is {ranked}")
    return "; ".join(rows)


# --- words -----------------------------------------------------------------------------------


def _thing(clause: Placed) -> str:
    return {EventClause: "event", StateClause: "state", SnapshotClause: "output"}[type(clause)]


def _moment(moment: Instant | None) -> str:
    return clock(moment, dated=True) if moment else "open"


def _found(matches: tuple[Match, ...]) -> str:
    """The first of some matches in words, and how many more there are."""
    if not matches:
        return "nothing of it is there"
    first = matches[0]
    what = f"{first.what or first.subject or 'it'} on {first.node or 'no node'}"
    when = _moment(first.start) if first.start == first.end else f"from {_moment(first.start)} to {_moment(first.end)}"
    return f"{what} {when}" + (f" and {len(matches) - 1} more" if len(matches) > 1 else "")


# --- questions -------------------------------------------------------------------------------


class Scored(Value, frozen=True):
    """One hypothesis of a question with its confidence and the reasons that held: sign, weight, sentence."""

    name: str
    confidence: float
    excluded: bool
    reasons: tuple[tuple[str, float, str], ...]


def weigh(question: Question, questions: Sequence[Question], facts: Facts) -> tuple[tuple[str, tuple[Scored, ...]], ...]:
    """Where and when a question was asked, each with its hypotheses, best first."""
    inquiry = Inquiry(FactIndex(facts), tuple(questions))
    return tuple((_found((match,)), tuple(map(_scored, answered.weighings))) for match, answered in inquiry.answers(question.id))


def _scored(row: Weighing) -> Scored:
    reasons = [("+", row.hypothesis.prior, "before any evidence")] if row.hypothesis.prior > 0 else []
    reasons += [("-", -row.hypothesis.prior, "before any evidence")] if row.hypothesis.prior < 0 else []
    reasons += [("+", reason.weight, reason.text) for reason in row.speaks_for]
    reasons += [("-", reason.weight, reason.text) for reason in row.against]
    reasons += [("x", 0.0, row.excluded.why)] if row.excluded else []
    return Scored(row.hypothesis.name, row.confidence, row.excluded is not None, tuple(reasons))
