"""Reading a mapping of a rule file by a table of fields: every error names file, line, key and what was expected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from pveforensics.detect.text import placeholders, stray_braces
from pveforensics.errors import RulePackError
from pveforensics.lazyregex import regex
from pveforensics.value import Value
from pveforensics.yamlfile import Map, Seq

WORDS = frozenset({"node", "nodes", "times", "guests"})
"""Placeholders that are there in every sentence."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = regex(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)")


class Place(Value, frozen=True):
    """Where in which file a value stands, and the names that steps before it have bound."""

    path: str
    line: int
    key: str = ""
    names: tuple[str, ...] = ()

    def error(self, message: str) -> RulePackError:
        """The error to raise: `file:line: key: message`."""
        return RulePackError(f"{self.path}:{self.line}: {self.key + ': ' if self.key else ''}{message}")

    def expected(self, what: str, value: Any) -> RulePackError:
        """The error for a value of the wrong kind."""
        shown = {Map: "a mapping", Seq: "a list", type(None): "nothing"}.get(type(value)) or repr(value)
        return self.error(f"expected {what}; got {shown}")


Parser = Callable[[Any, Place], Any]


class Field(NamedTuple):
    """How a key's value is read; a required one must be there."""

    parse: Parser
    required: bool = False


Table = Mapping[str, Field]


def read(table: Table, data: Any, place: Place) -> dict[str, Any]:
    """The parsed values of a mapping by key; keys that are not there are left out.

    Values are read in the order of the table, so that what others refer to is complained of first. Raises RulePackError.
    """
    if not isinstance(data, Map):
        raise place.expected("a mapping", data)
    for key in data:
        if key not in table:
            raise replace(place, line=data.lines[key], key=key).error("unknown key" + nearest(key, table))
    for key, field in table.items():
        if field.required and key not in data:
            raise replace(place, line=data.line, key=key).error("is missing")
    return {key: field.parse(data[key], replace(place, line=data.lines[key], key=key)) for key, field in table.items() if key in data}


def nearest(word: str, known: Mapping[str, Any] | frozenset[str] | tuple[str, ...]) -> str:
    """`; did you mean 'x'?` or the known words."""
    close = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(known))}"


# --- scalars ---------------------------------------------------------------------------------


def text(value: Any, place: Place) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise place.expected("a text", value)
    return value.strip()


def any_text(value: Any, place: Place) -> str:
    """A text, also an empty one."""
    if not isinstance(value, str):
        raise place.expected("a text", value)
    return value


def template(value: Any, place: Place) -> str:
    """A text whose placeholders name steps of the rule."""
    sentence = text(value, place)
    check_placeholders(sentence, place)
    if stray_braces(sentence):
        raise place.error("expected placeholders such as {node}, {loss.start} or {loss.fields.votes}; got a stray brace")
    return sentence


def check_placeholders(sentence: str, place: Place) -> None:
    """Raise if a placeholder names neither a step nor one of the words that are always there."""
    for name, part in placeholders(sentence):
        known = place.names if part else (*WORDS, *place.names)
        if name not in known or (not part and name not in WORDS):
            hint = "needs a part such as .start" if name in place.names else "is no step of this rule"
            raise place.error(f"placeholder {{{name}{'.' + part if part else ''}}} {hint}")


def identifier(value: Any, place: Place) -> str:
    """A name of lower-case letters, digits and hyphens."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        raise place.expected("a name of lower-case letters, digits and hyphens", value)
    return value


def step_name(value: Any, place: Place) -> str:
    """A name for a step: a word that is no placeholder of its own."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", value) or value in WORDS:
        raise place.expected("a name of lower-case letters, digits and underscores other than node, nodes, times, guests", value)
    return value


def number(value: Any, place: Place) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise place.expected("a number", value)
    return float(value)


def share(value: Any, place: Place) -> float:
    """A number from 0 to 1."""
    amount = number(value, place)
    if not 0 <= amount <= 1:
        raise place.expected("a number from 0 to 1", value)
    return amount


def count(value: Any, place: Place) -> int:
    """A whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise place.expected("a whole number from 1", value)
    return value


def flag(value: Any, place: Place) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise place.expected("true or false", value)
    return value


def seconds(value: Any, place: Place) -> float:
    """A duration such as 30s, 5m or 2h, in seconds."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise place.expected("a duration such as 500ms, 30s, 5m, 2h, 1d", value)
    return float(found[1]) * _SECONDS[found[2]]


def one_of(words: Mapping[str, Any] | frozenset[str] | tuple[str, ...]) -> Parser:
    """A parser for one of some words."""

    def parse(value: Any, place: Place) -> str:
        if not isinstance(value, str) or value not in words:
            raise place.error(f"expected one of {', '.join(sorted(words))}; got {value!r}")
        return value

    return parse


# --- lists and mappings ----------------------------------------------------------------------


def listed(parse: Parser) -> Parser:
    """A parser for a list of what `parse` reads."""

    def parse_list(value: Any, place: Place) -> tuple[Any, ...]:
        if not isinstance(value, Seq):
            raise place.expected("a list", value)
        return tuple(parse(item, replace(place, line=line)) for item, line in zip(value, value.lines, strict=True))

    return parse_list


def one_or_more(parse: Parser) -> Parser:
    """A parser for one value or a list of them that is not empty."""

    def parse_some(value: Any, place: Place) -> tuple[Any, ...]:
        if not isinstance(value, Seq):
            return (parse(value, place),)
        if not value:
            raise place.error("expected at least one value; got an empty list")
        return tuple(listed(parse)(value, place))

    return parse_some


def texts_by_name(value: Any, place: Place) -> dict[str, str]:
    """A mapping of names to texts."""
    if not isinstance(value, Map):
        raise place.expected("a mapping of names to texts", value)
    return {key: any_text(each, replace(place, line=value.lines[key], key=key)) for key, each in value.items()}
