"""Conditions on fields: resolved once per clause, asked of each match, answered yes, no or maybe."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping

from pveforensics.detect.clauses import Test, Where
from pveforensics.detect.text import Scene
from pveforensics.detect.versions import compare, is_version
from pveforensics.lazyregex import regex

Resolved = Where
"""Fields and tests whose placeholders are filled in."""


UNKNOWN = "unknown"
"""The value of a field that the logs do not tell."""


_BITS = regex(r"\s*(?:(?P<hex>0x[0-9a-fA-F]{1,16})|(?P<dec>\d{1,18}))\s*", re.ASCII)
_NUMBER = regex(r"\s*([-+]?\d{1,18}(?:\.\d{1,9})?)\s*(?:ms|s|%)?\s*")


class Answer(enum.Enum):
    """Whether fields pass."""

    NO = 0
    MAYBE = 1
    YES = 2


def resolve_where(where: Where, scene: Callable[[], Scene]) -> Resolved:
    """The tests with their placeholders filled in from the scene, if there are any; a value that is unknown can equal nothing."""
    if not any("{" in value for _, test in where for value in test.values):
        return where
    value_of = scene().value
    return tuple(
        (
            name,
            test if not any("{" in value for value in test.values) else Test(test.op, tuple(filter(None, map(value_of, test.values)))),
        )
        for name, test in where
    )


def passes(where: Resolved, fields: Mapping[str, str], *, doubtful: bool = False) -> Answer:
    """Whether all tests pass. With `doubtful` the value `unknown` is neither right nor wrong, unless asked for by name."""
    answer = Answer.YES
    for name, test in where:
        value = fields.get(name, "")
        if test.op == "in" and value in test.values:  # by far the most frequent, and always right
            continue
        if doubtful and value == UNKNOWN and test.op in ("in", "not") and UNKNOWN not in test.values:
            answer = Answer.MAYBE
        elif not _passes(test, value):
            return Answer.NO
    return answer


def _passes(test: Test, value: str) -> bool:
    match test.op:
        case "in":
            return value in test.values
        case "not":
            return value not in test.values
        case "has":
            return any(word in test.values for word in re.split(r"[\s,]+", value))
        case "contains":
            return any(part.lower() in value.lower() for part in test.values)
        case "bit":
            return any(_bits(value) >> int(bit) & 1 for bit in test.values if bit.isdecimal())
        case "versions":
            since, before = test.values
            return is_version(value) and compare(since, value) <= 0 < compare(before, value)
        case _:
            bound, number = _number(test.values[0] if test.values else ""), _number(value)
            if bound is None or number is None:
                return False
            return number < bound if test.op == "below" else number > bound


def _bits(text: str) -> int:
    """A register's value, decimal or hexadecimal; 0 for anything else."""
    found = _BITS.fullmatch(text)
    return 0 if not found else int(found["hex"], 16) if found["hex"] else int(found["dec"])


def _number(text: str) -> float | None:
    """A number, also with a unit behind it; None for anything else."""
    found = _NUMBER.fullmatch(text)
    return float(found[1]) if found else None
