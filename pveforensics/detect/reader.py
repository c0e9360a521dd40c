"""Clauses as they are written in rule files: one table of fields per clause, edges, tests and steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pveforensics.detect.clauses import (
    AbsenceClause,
    AllClause,
    AnyClause,
    Between,
    Clause,
    Condition,
    Edge,
    EventClause,
    SettingClause,
    SnapshotClause,
    StateClause,
    Step,
    Test,
    ThresholdClause,
    VerdictClause,
    Weighed,
)
from pveforensics.detect.fields import (
    Field,
    Place,
    Table,
    any_text,
    check_placeholders,
    count,
    flag,
    listed,
    nearest,
    number,
    one_of,
    one_or_more,
    read,
    seconds,
    share,
    step_name,
    template,
    text,
)
from pveforensics.detect.versions import compare, is_version
from pveforensics.lazyregex import regex
from pveforensics.yamlfile import Map, Seq

_EDGE = regex(r"([a-z][a-z0-9_]*)\.(start|end|at)(?:\s*([+-])\s*(\S.*))?")


def edge(value: Any, place: Place) -> Edge:
    """`loss.start`, `end.end + 30s`, `lock.at - 2m`."""
    found = _EDGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise place.expected("an edge such as loss.start, loss.end + 30s or loss.at - 2m", value)
    if found[1] not in place.names:
        raise place.error(f"'{found[1]}' is bound by no step before this one" + (nearest(found[1], place.names) if place.names else ""))
    offset = seconds(found[4].strip(), place) if found[4] else 0.0
    return Edge(found[1], found[2], -offset if found[3] == "-" else offset)


def between(value: Any, place: Place) -> Between:
    """Two edges in a list."""
    if not isinstance(value, Seq) or len(value) != 2:
        raise place.expected("a list of two edges", value)
    return Between(edge(value[0], place), edge(value[1], place))


def word(value: Any, place: Place) -> str:
    """A value to compare with: text, number or truth value, as text; its placeholders name steps."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    shown = any_text(value, place)
    check_placeholders(shown, place)
    return shown


def test(value: Any, place: Place) -> Test:
    """What a field must hold."""
    if not isinstance(value, Map):
        return Test("in", one_or_more(word)(value, place))
    if len(value) != 1 or next(iter(value)) not in _OPERATORS:
        raise place.expected(f"one of {', '.join(sorted(_OPERATORS))} with its value", value)
    operator, wanted = next(iter(value.items()))
    return Test(operator, _OPERATORS[operator](wanted, replace(place, key=f"{place.key}.{operator}")))


def _bound(value: Any, place: Place) -> tuple[str, ...]:
    if isinstance(value, str) and "{" in value:
        return (word(value, place),)
    number(value, place)
    return (str(value),)


def _bit(value: Any, place: Place) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 64:
        raise place.expected("the number of a bit, 0 to 63", value)
    return str(value)


def _versions(value: Any, place: Place) -> tuple[str, ...]:
    """The first version that is meant and the first that is no longer."""
    bounds = listed(text)(value, place)
    if len(bounds) != 2 or not all(map(is_version, bounds)) or compare(*bounds) >= 0:
        raise place.expected("a list of two versions of a package, the older first", value)
    return tuple(bounds)


_OPERATORS: dict[str, Callable[[Any, Place], tuple[str, ...]]] = {
    "not": one_or_more(word),
    "has": one_or_more(word),
    "contains": one_or_more(word),
    "bit": one_or_more(_bit),
    "below": _bound,
    "above": _bound,
    "versions": _versions,
}


def where(value: Any, place: Place) -> tuple[tuple[str, Test], ...]:
    """Fields with their tests."""
    if not isinstance(value, Map):
        raise place.expected("a mapping of fields to values", value)
    return tuple((key, test(each, replace(place, line=value.lines[key], key=key))) for key, each in value.items())


def state_word(value: Any, place: Place) -> str:
    """A state such as `node.inquorate`."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z]+\.[A-Za-z0-9_]+", value):
        raise place.expected("a state such as node.inquorate", value)
    return value


_ON = Field(one_of(("same", "other", "any")))
_PICK = Field(one_of(("first", "last")))
_WHERE = Field(where)
_BETWEEN = Field(between)


def clause(data: Any, place: Place) -> Clause:
    """One clause; the key that names its kind decides which table it is read by."""
    result: Clause = split(data, place, {})[1]
    return result


def split(data: Any, place: Place, beside: Table) -> tuple[dict[str, Any], Clause]:
    """The keys beside a clause (a step's name, a weight) and the clause itself."""
    if not isinstance(data, Map):
        raise place.expected("a clause in a mapping", data)
    kinds = [kind for kind in CLAUSES if kind in data]
    if len(kinds) != 1:
        told = f"got {' and '.join(kinds)}" if kinds else f"got {', '.join(data) or 'nothing'}"
        raise replace(place, line=data.line).error(f"expected exactly one of {', '.join(CLAUSES)}; {told}")
    table, make = CLAUSES[kinds[0]]
    values = read({**beside, **table}, data, place)
    aside = {key: values.pop(key) for key in beside if key in values}
    return aside, make(values, replace(place, line=data.line))


def _event(values: dict[str, Any], _: Place) -> EventClause:
    return EventClause(values.pop("event"), **values)


def _state(values: dict[str, Any], _: Place) -> StateClause:
    return StateClause(values.pop("state"), min_s=values.pop("min", None), max_s=values.pop("max", None), **values)


def _snapshot(values: dict[str, Any], _: Place) -> SnapshotClause:
    return SnapshotClause(values.pop("snapshot"), **values)


def _absence(values: dict[str, Any], place: Place) -> AbsenceClause:
    inner = values["absence"]
    parts = inner.parts if isinstance(inner, AnyClause) else (inner,)
    if not all(isinstance(part, EventClause | StateClause) for part in parts):
        raise place.error("absence: expected an event or state clause, or any of them")
    return AbsenceClause(inner, best_effort=values.get("coverage") == "best_effort")


def _threshold(values: dict[str, Any], place: Place) -> ThresholdClause:
    if not isinstance(values["threshold"], EventClause):
        raise place.error("threshold: expected an event clause")
    return ThresholdClause(values["threshold"], values["count"], values["within"], values.get("distinct", ""))


def _setting(values: dict[str, Any], place: Place) -> SettingClause:
    asked = [key for key in ("is", "below", "above", "missing", "differs_between_nodes") if key in values]
    if len(asked) != 1:
        raise place.error("setting: expected exactly one of is, below, above, missing, differs_between_nodes")
    key, on = values["setting"], values.get("on", "")
    match asked[0]:
        case "is":
            return SettingClause(key, values["is"], on=on)
        case "below" | "above" as operator:
            return SettingClause(key, Test(operator, (str(values[operator]),)), on=on)
        case "missing":
            return SettingClause(key, missing=True, on=on)
        case _:
            return SettingClause(key, differs=True, on=on)


def _verdict(values: dict[str, Any], _: Place) -> VerdictClause:
    return VerdictClause(values.pop("verdict"), values.pop("is"), **values)


CLAUSES: dict[str, tuple[Table, Callable[[dict[str, Any], Place], Clause]]] = {
    "event": (
        {"event": Field(one_or_more(text)), "where": _WHERE, "on": _ON, "between": _BETWEEN, "count": Field(count), "pick": _PICK},
        _event,
    ),
    "state": (
        {
            "state": Field(one_or_more(state_word)), "where": _WHERE, "on": _ON, "between": _BETWEEN, "min": Field(seconds),
            "max": Field(seconds), "count": Field(count), "pick": _PICK,
        },
        _state,
    ),
    "absence": ({"absence": Field(clause), "coverage": Field(one_of(("required", "best_effort")))}, _absence),
    "setting": (
        {
            "setting": Field(text), "is": Field(test), "below": Field(number), "above": Field(number), "missing": Field(flag),
            "differs_between_nodes": Field(flag), "on": _ON,
        },
        _setting,
    ),
    "snapshot": (
        {"snapshot": Field(one_or_more(text)), "where": _WHERE, "rows": _WHERE, "on": _ON, "between": _BETWEEN, "pick": _PICK},
        _snapshot,
    ),
    "threshold": (
        {"threshold": Field(clause), "count": Field(count, required=True), "within": Field(seconds, required=True), "distinct": Field(text)},
        _threshold,
    ),
    "verdict": (
        {"verdict": Field(text), "is": Field(one_or_more(text), required=True), "at_least": Field(share), "on": _ON, "between": _BETWEEN},
        _verdict,
    ),
    "all": ({"all": Field(listed(clause))}, lambda values, _: AllClause(values["all"])),
    "any": ({"any": Field(listed(clause))}, lambda values, _: AnyClause(values["any"])),
}  # fmt: skip
"""Each clause by the key that names it: its fields and what is made of them."""


def step(data: Any, place: Place) -> Step:
    """One step of `find`, or what a question is about."""
    aside, read_clause = split(data, place, {"as": Field(step_name, required=True), "optional": Field(flag)})
    return Step(aside["as"], read_clause, aside.get("optional", False))


def steps(value: Any, place: Place) -> tuple[Step, ...]:
    """The steps in order; each may use the names of those before it."""
    if not isinstance(value, Seq) or not value:
        raise place.expected("a list of steps", value)
    read_steps: list[Step] = []
    for data, line in zip(value, value.lines, strict=True):
        names = tuple(each.name for each in read_steps)
        here = replace(place, line=line, names=names)
        each = step(data, here)
        if each.name in names:
            raise here.error(f"the name '{each.name}' is taken by a step before this one")
        read_steps.append(each)
    first = read_steps[0]
    if isinstance(first.clause, AbsenceClause | AllClause) or first.optional:
        raise replace(place, line=value.lines[0]).error(
            "the first step must be a required clause of one kind that can be found, not an absence"
        )
    return tuple(read_steps)


def condition(data: Any, place: Place) -> Condition:
    """A clause with `because`."""
    aside, read_clause = split(data, place, {"because": Field(template, required=True)})
    return Condition(aside["because"], read_clause)


def weighed(data: Any, place: Place) -> Weighed:
    """A clause with `weight` and `because`."""
    aside, read_clause = split(data, place, {"weight": Field(number, required=True), "because": Field(template, required=True)})
    if aside["weight"] <= 0:
        raise place.error("weight: expected a number above 0; what speaks against stands under `against`")
    return Weighed(aside["weight"], aside["because"], read_clause)
