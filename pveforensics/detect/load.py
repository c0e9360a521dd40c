"""Rules, questions and benign lines from their folders, each validated by one table of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from pveforensics import yamlfile
from pveforensics.detect.clauses import (
    BenignRule,
    Condition,
    ConfidenceWhen,
    CriticalityWhen,
    Example,
    Hypothesis,
    Merge,
    Question,
    Rule,
    Step,
    VerdictClause,
)
from pveforensics.detect.fields import (
    Field,
    Place,
    Table,
    any_text,
    count,
    flag,
    identifier,
    listed,
    number,
    one_of,
    one_or_more,
    read,
    seconds,
    share,
    template,
    text,
    texts_by_name,
)
from pveforensics.detect.reader import clause, condition, edge, split, step, steps, weighed
from pveforensics.detect.vocabulary import CAUSES, CLASSES, ENDED_BY
from pveforensics.model import Criticality, Remedy
from pveforensics.yamlfile import Map, Seq

_CRITICALITY = one_of(tuple(word.value for word in Criticality))


def load_rules(folders: Sequence[Path]) -> tuple[Rule, ...]:
    """The finding rules of all folders, in order of id. Raises RulePackError with file, line and key."""
    return _load(folders, "findings", rule_of)


def load_questions(folders: Sequence[Path]) -> tuple[Question, ...]:
    """The questions of all folders, in order of id. Raises RulePackError with file, line and key."""
    return _load(folders, "questions", question_of)


def load_benign(folders: Sequence[Path]) -> tuple[BenignRule, ...]:
    """The benign lines of all folders, in order of id. Raises RulePackError with file, line and key."""
    return _load(folders, "benign", benign_of)


Loaded = TypeVar("Loaded", Rule, Question, BenignRule)


def files(folders: Iterable[Path], room: str) -> list[Path]:
    """The YAML files of one room of the rule folders, sorted."""
    return [path for folder in folders for path in sorted((folder / room).rglob("*.yaml"))]


def entries(path: Path) -> list[tuple[Any, Place]]:
    """The mappings in one file: one, or a list of them. Raises RulePackError."""
    data = yamlfile.load(path)
    if isinstance(data, Seq):
        return [(item, Place(str(path), line)) for item, line in zip(data, data.lines, strict=True)]
    return [(data, Place(str(path), data.line if isinstance(data, Map) else 1))]


def _load(folders: Sequence[Path], room: str, make: Callable[[Any, Place], Loaded]) -> tuple[Loaded, ...]:
    loaded: dict[str, Loaded] = {}
    for path in files(folders, room):
        for data, place in entries(path):
            each = make(data, place)
            if each.id in loaded:
                raise place.error(f"id: '{each.id}' is taken by {loaded[each.id].path}:{loaded[each.id].line}")
            loaded[each.id] = each
    return tuple(loaded[name] for name in sorted(loaded))


# --- parts -----------------------------------------------------------------------------------


def _remedies(word: str) -> Callable[[Any, Place], tuple[Remedy, ...]]:
    def parse(value: Any, place: Place) -> Remedy:
        if isinstance(value, str):
            return Remedy(template(value, place), word)
        return Remedy(step=word, **read(_REMEDY, value, place))

    return listed(parse)


_REMEDY: Table = {"text": Field(template, required=True), "command": Field(any_text), "caution": Field(any_text)}


def _merge(value: Any, place: Place) -> Merge:
    if not isinstance(value, Map):
        return Merge(seconds(value, place))
    values = read({"within": Field(seconds), "on": Field(one_of(("same", "any"))), "edges": Field(one_of(("gap", "both")))}, value, place)
    return Merge(values.pop("within", 0.0), **values)


def _hypothesis(value: Any, place: Place) -> Hypothesis:
    values = read(_HYPOTHESIS, value, place)
    return Hypothesis(speaks_for=values.pop("for", ()), **values)


_HYPOTHESIS: Table = {
    "name": Field(identifier, required=True),
    "cause": Field(one_of(CAUSES), required=True),
    "ended_by": Field(one_of(ENDED_BY)),
    "prior": Field(number, required=True),
    "for": Field(listed(weighed)),
    "against": Field(listed(weighed)),
    "excluded_by": Field(listed(condition)),
    "decided_by": Field(text),
}


def _hypotheses(value: Any, place: Place) -> tuple[Hypothesis, ...]:
    read_rows: tuple[Hypothesis, ...] = listed(_hypothesis)(value, place)
    names = [each.name for each in read_rows]
    if len(set(names)) < len(names):
        raise place.error("two hypotheses have one name")
    if not names:
        raise place.error("expected at least one hypothesis; got an empty list")
    return read_rows


def _causes(value: Any, place: Place) -> str | tuple[Hypothesis, ...]:
    return identifier(value, place) if isinstance(value, str) else _hypotheses(value, place)


def _criticality_when(value: Any, place: Place) -> CriticalityWhen:
    values = read({"to": Field(_CRITICALITY, required=True), **_WHEN}, value, place)
    return CriticalityWhen(Criticality(values["to"]), values["because"], values["when"])


def _confidence_when(value: Any, place: Place) -> ConfidenceWhen:
    values = read({"add": Field(number, required=True), **_WHEN}, value, place)
    return ConfidenceWhen(values["add"], values["because"], values["when"])


_WHEN: Table = {"because": Field(template, required=True), "when": Field(clause, required=True)}


def _applies(value: Any, place: Place) -> Condition:
    values = read({"because": Field(text, required=True), "when": Field(clause, required=True)}, value, place)
    return Condition(values["because"], values["when"])


def _example(value: Any, place: Place) -> Example:
    values = read(_EXAMPLE, value, place)
    expect = values.pop("expect")
    return Example(line=value.line, **values, **expect)


def _expect(value: Any, place: Place) -> dict[str, Any]:
    values = read({"fires": Field(_fires), "could_not_check": Field(flag)}, value, place)
    if len(values) != 1 or values.get("could_not_check") is False:
        raise place.expected("fires, or could_not_check: true", value)
    told: dict[str, Any] = values.get("fires", {"fires": None})
    return told


def _fires(value: Any, place: Place) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"fires": value}
    table: Table = {
        "nodes": Field(one_or_more(text)), "cause": Field(one_of(CAUSES)), "criticality": Field(_CRITICALITY),
        "at_least": Field(share), "count": Field(count),
    }  # fmt: skip
    return {"fires": True, **read(table, value, place)}


_EXAMPLE: Table = {
    "name": Field(text, required=True),
    "lines": Field(texts_by_name),
    "files": Field(texts_by_name),
    "expect": Field(_expect, required=True),
}

# --- whole files -----------------------------------------------------------------------------

_RULE: Table = {
    "find": Field(steps, required=True),
    "id": Field(identifier, required=True),
    "class": Field(one_of(CLASSES), required=True),
    "title": Field(template, required=True),
    "summary": Field(template, required=True),
    "criticality": Field(_CRITICALITY, required=True),
    "criticality_when": Field(listed(_criticality_when)),
    "confidence": Field(share),
    "confidence_when": Field(listed(_confidence_when)),
    "applies": Field(_applies),
    "per": Field(one_of(("node", "cluster"))),
    "nodes": Field(one_or_more(text)),
    "guests": Field(one_or_more(template)),
    "storages": Field(one_or_more(template)),
    "jobs": Field(one_or_more(template)),
    "merge": Field(_merge),
    "start": Field(edge),
    "end": Field(edge),
    "causes": Field(_causes),
    "look": Field(_remedies("look")),
    "hold": Field(_remedies("hold")),
    "press": Field(_remedies("press")),
    "why": Field(template, required=True),
    "not_to_confuse": Field(listed(text)),
    "references": Field(listed(text)),
    "always_tells": Field(text),
    "examples": Field(listed(_example)),
}


def rule_of(data: Any, place: Place) -> Rule:
    """A finding rule. Raises RulePackError."""
    names = _names(data.get("find") if isinstance(data, Map) else None)
    values = read(_RULE, data, replace(place, names=names))
    find = values["find"]
    if isinstance(find[0].clause, VerdictClause) == ("confidence" in values):
        problem = "a verdict brings its own" if "confidence" in values else "is missing"
        raise replace(place, line=data.lines.get("confidence", data.line), key="confidence").error(problem)
    for name in values.get("nodes", ()):
        if name not in names:
            raise replace(place, line=data.lines["nodes"], key="nodes").error(f"'{name}' is no step of this rule")
    remedies = tuple(remedy for word in ("look", "hold", "press") for remedy in values.pop(word, ()))
    return Rule(
        class_=values.pop("class"), criticality=Criticality(values.pop("criticality")), remedies=remedies,
        path=place.path, line=place.line, **values,
    )  # fmt: skip


def _names(find: Any) -> tuple[str, ...]:
    """The names of a rule's steps, for the parts that stand before and after them."""
    if not isinstance(find, Seq):
        return ()
    return tuple(each["as"] for each in find if isinstance(each, Map) and isinstance(each.get("as"), str))


def question_of(data: Any, place: Place) -> Question:
    """A question. Raises RulePackError."""
    about = data.get("about") if isinstance(data, Map) else None
    name = about.get("as") if isinstance(about, Map) else None
    inside = replace(place, names=(name,) if isinstance(name, str) else ())
    table: Table = {
        "id": Field(identifier, required=True),
        "about": Field(lambda value, here: step(value, replace(here, names=())), required=True),
        "hypotheses": Field(_hypotheses, required=True),
        "references": Field(listed(text)),
    }
    values = read(table, data, inside)
    values.pop("references", None)
    return Question(path=place.path, line=place.line, **values)


def benign_of(data: Any, place: Place) -> BenignRule:
    """A benign rule: a clause with its id, text and reason; the clause's match is called `line`. Raises RulePackError."""
    inside = replace(place, names=("line",))
    beside: Table = {
        "id": Field(identifier, required=True),
        "text": Field(template, required=True),
        "why": Field(template, required=True),
        "unless": Field(clause),
        "references": Field(listed(text)),
        "examples": Field(listed(_example)),
    }
    values, found = split(data, inside, beside)
    return BenignRule(step=Step("line", found), path=place.path, line=place.line, **values)
