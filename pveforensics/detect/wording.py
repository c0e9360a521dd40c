"""A clause in words: what a step of a rule asks for, for its page and for the answer why it did not hold."""

from __future__ import annotations

import re

from pveforensics.detect.clauses import (
    AbsenceClause,
    AllClause,
    AnyClause,
    Between,
    Clause,
    Edge,
    EventClause,
    SettingClause,
    SnapshotClause,
    StateClause,
    Test,
    ThresholdClause,
    VerdictClause,
    Where,
)
from pveforensics.timebase import duration_words

_ON = {"": "", "same": "", "other": " on another node", "any": " on any node"}


def clause_words(clause: Clause) -> str:
    """What has to be there for the clause to hold, as a part of a sentence (Markdown: names stand in backticks)."""
    match clause:
        case EventClause():
            times = f" at least {clause.count} times" if clause.count > 1 else ""
            return f"{_names(clause.kinds)}{_where(clause.where)}{times}{_ON[clause.on]}{_window(clause.between)}"
        case StateClause():
            times = f" at least {clause.count} times" if clause.count > 1 else ""
            return (
                f"the state {_names(clause.states)}{_where(clause.where)}{_length(clause)}{times}{_ON[clause.on]}{_window(clause.between)}"
            )
        case AbsenceClause():
            return f"nothing of: {clause_words(clause.inner)}" + ("" if clause.best_effort else " (and the log covers that time)")
        case SettingClause():
            return f"the setting `{clause.key}` {_asked(clause)}{_ON[clause.on]}"
        case SnapshotClause():
            rows = f", with a row{_where(clause.rows)}" if clause.rows else ""
            return f"the output of {_names(clause.kinds)}{_where(clause.where)}{rows}{_ON[clause.on]}{_window(clause.between)}"
        case ThresholdClause():
            what = f"{clause.count} values of `{clause.distinct}`" if clause.distinct else f"{clause.count} times"
            return f"{clause_words(clause.inner)}, at least {what} within {span_words(clause.within_s)}"
        case VerdictClause():
            sure = f" with a confidence of {clause.at_least} or more" if clause.at_least else ""
            return (
                f"the question `{clause.question}` is answered with {_names(clause.names)}{sure}{_ON[clause.on]}{_window(clause.between)}"
            )
        case AllClause():
            return "all of: " + "; ".join(clause_words(part) for part in clause.parts)
        case AnyClause():
            return "one of: " + "; ".join(clause_words(part) for part in clause.parts)


def edge_words(edge: Edge) -> str:
    """`3 min before the start of *end*`."""
    where = {"start": "the start of", "end": "the end of"}.get(edge.which, "")
    place = f"{where} *{edge.name}*".strip()
    if not edge.offset_s:
        return place
    return f"{span_words(abs(edge.offset_s))} {'before' if edge.offset_s < 0 else 'after'} {place}"


def span_words(seconds: float) -> str:
    """A length as a rule states it: `90 s`, `3 min`, `2 h`."""
    for unit, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {word}"
    return f"{seconds:g} s" if seconds < 600 else duration_words(seconds)


def test_words(test: Test) -> str:
    """What a field must hold, as a part of a sentence."""
    if test.op == "versions":
        return f"is a version from {_value(test.values[0])} on, before {_value(test.values[1])}"
    values = " or ".join(map(_value, test.values))
    return {
        "in": "is {}", "not": "is not {}", "has": "holds the word {}", "contains": "contains {}", "bit": "has bit {} set",
        "below": "is below {}", "above": "is above {}",
    }[test.op].format(values)  # fmt: skip


def _value(value: str) -> str:
    """A value that is compared with: itself, or the field of a step that it stands for."""
    if value == "{node}":
        return "the same node"
    if found := re.fullmatch(r"\{(\w+)\.(?:fields\.)?(\w+)\}", value):
        return f"the `{found[2]}` of *{found[1]}*"
    return f"`{re.sub(r'[{}]', '', value).removesuffix('.0')}`" if value else "empty"


def _names(names: tuple[str, ...]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _where(where: Where) -> str:
    return " whose " + " and ".join(f"`{name}` {test_words(test)}" for name, test in where) if where else ""


def _window(between: Between | None) -> str:
    if between is None:
        return ""
    if between.start == between.end:
        return f", at {edge_words(between.start)}"
    return f", between {edge_words(between.start)} and {edge_words(between.end)}"


def _length(clause: StateClause) -> str:
    words = []
    if clause.min_s is not None:
        words.append(f"at least {span_words(clause.min_s)}")
    if clause.max_s is not None:
        words.append(f"at most {span_words(clause.max_s)}")
    return f" for {' and '.join(words)}" if words else ""


def _asked(clause: SettingClause) -> str:
    if clause.differs:
        return "differs between the nodes"
    return "is missing" if clause.missing or clause.test is None else test_words(clause.test)
