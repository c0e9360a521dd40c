"""Which literals a regular expression cannot do without: the seeds of the fast scan, derived and never kept by hand."""

from __future__ import annotations

import functools
import re
import re._constants as ops  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterable
from typing import Any

SHORTEST = 5
"""Bytes; a shorter literal would make every second line a candidate."""

DIGIT = "\udcff"
"""Stands in an anchor for any digit from 0 to 9: no text holds it. In bytes it is 0xFF, which no UTF-8 holds either."""

MOST_DIGITS = 3
"""Digits of a longer number that an anchor goes on with."""

MOST_BRANCHES = 48
"""More alternatives than this are not worth an anchor each: the run ends before them."""

LONG_ENOUGH = 20
"""From this length on, fewer literals beat longer ones."""


class NoAnchorError(ValueError):
    """The expression has a branch without any literal of the least length, or uses what the engines do not share."""


def anchors(pattern: str) -> tuple[str, ...]:
    """Literals of which every match of `pattern` contains at least one, sorted.

    Raises NoAnchorError if there is no such set, and re.error for what is no regular expression.
    """
    parsed = parser.parse(pattern)
    if parsed.state.flags & re_flag("IGNORECASE"):
        raise NoAnchorError("case-insensitive matching is not supported: spell the message as the daemon does")
    best = _best(parsed)
    if best is None or min(map(len, map(in_bytes, best))) < SHORTEST:
        raise NoAnchorError(f"every match must contain a literal of {SHORTEST} bytes or more")
    return tuple(sorted(_without_supersets(best)))


def in_bytes(anchor: str) -> bytes:
    """An anchor as the engines search it: UTF-8, with 0xFF for each DIGIT."""
    return anchor.encode("utf-8", "surrogateescape")


def stands_in(anchor: str, text: str) -> bool:
    """True if the anchor stands in the text."""
    return anchor in text if DIGIT not in anchor else expression(in_bytes(anchor)).search(text.encode("utf-8", "replace")) is not None


@functools.lru_cache(maxsize=4096)
def expression(anchor: bytes) -> re.Pattern[bytes]:
    """The regular expression of an anchor in bytes."""
    return re.compile(re.escape(anchor).replace(b"\xff", b"[0-9]"))


def re_flag(name: str) -> int:
    """The value of one flag of the regular expression compiler."""
    return int(getattr(ops, f"SRE_FLAG_{name}"))


def _without_supersets(texts: frozenset[str]) -> list[str]:
    return [text for text in texts if not any(other != text and other in text for other in texts)]


def _score(texts: frozenset[str]) -> tuple[int, int, int]:
    shortest = min(map(len, texts))
    numbered = all(DIGIT in text for text in texts)  # a number in the right place tells more than many letters
    return min(shortest, LONG_ENOUGH) + numbered, -len(texts), shortest


def _better(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    usable = [texts for texts in (one, other) if texts and min(map(len, texts)) > 0]
    return max(usable, key=_score) if usable else None


def _best(sequence: Iterable[Any], run: frozenset[str] = frozenset({""})) -> frozenset[str] | None:
    """The best set of literals that a sequence of parsed elements requires; `run` is what must stand right before it."""
    best: frozenset[str] | None = None
    for element in sequence:
        exact = _exact([element])
        if exact is None or len(exact) > 1:
            best = _better(best, run)
        if exact is not None and len(run) * len(exact) <= MOST_BRANCHES:
            run = frozenset(head + tail for head in run for tail in exact)
            continue
        best = _better(best, _required(element, run))
        run = exact if exact is not None and len(exact) <= MOST_BRANCHES else frozenset({""})
    return _better(best, run)


def _required(element: Any, run: frozenset[str]) -> frozenset[str] | None:
    """What one element requires that is not a finite set of texts, with what must stand before it."""
    kind, value = element
    if kind is ops.SUBPATTERN:
        _, flags, _, inner = value
        _refuse_case(flags)
        return _best(inner, run)
    if kind is ops.BRANCH:
        before = run if len(run) * len(value[1]) <= MOST_BRANCHES else frozenset({""})
        parts = [_best(branch, before) for branch in value[1]]
        return frozenset().union(*parts) if all(parts) else None  # type: ignore[arg-type]
    if kind in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        least, _, inner = value
        if least and _is_digit(inner):
            return frozenset(head + DIGIT * min(least, MOST_DIGITS) for head in run)
        best = _best(inner)  # also where nothing is demanded: it refuses what the engines do not share
        return best if least else None
    if kind is ops.ATOMIC_GROUP:
        return _best(value)
    if kind in (ops.ASSERT, ops.ASSERT_NOT, ops.GROUPREF, ops.GROUPREF_EXISTS):
        raise NoAnchorError("look-around and back-references are not supported")
    return None


def _is_digit(sequence: Any) -> bool:
    """True for `[0-9]` alone: the class of digits means those of all scripts."""
    return len(sequence) == 1 and sequence[0] == (ops.IN, [(ops.RANGE, (ord("0"), ord("9")))])


def _refuse_case(flags: int) -> None:
    if flags & re_flag("IGNORECASE"):
        raise NoAnchorError("case-insensitive matching is not supported: spell the message as the daemon does")


def _exact(sequence: Iterable[Any]) -> frozenset[str] | None:
    """All texts that the sequence can match, if they are few; else None."""
    texts = frozenset({""})
    for element in sequence:
        one = _exact_element(element)
        if one is None or len(texts) * len(one) > MOST_BRANCHES:
            return None
        texts = frozenset(head + tail for head in texts for tail in one)
    return texts


def _exact_element(element: Any) -> frozenset[str] | None:
    kind, value = element
    if kind is ops.LITERAL:
        return frozenset({chr(value)})
    if kind is ops.AT:
        return frozenset({""})
    if kind is ops.IN:
        if _is_digit([element]):
            return frozenset({DIGIT})
        if all(part is ops.LITERAL for part, _ in value) and len(value) <= 4:
            return frozenset(chr(code) for _, code in value)
        return None
    if kind is ops.SUBPATTERN:
        _refuse_case(value[1])
        return _exact(value[3])
    if kind is ops.BRANCH:
        parts = [_exact(branch) for branch in value[1]]
        if any(part is None for part in parts):
            return None
        texts: frozenset[str] = frozenset().union(*[part for part in parts if part is not None])
        return texts if len(texts) <= MOST_BRANCHES else None
    if kind in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        least, most, inner = value
        one = _exact(inner)
        if one is None or most == ops.MAXREPEAT or most > 3:
            return None
        result: frozenset[str] = frozenset()
        texts = frozenset({""})
        for count in range(most + 1):
            if count >= least:
                result |= texts
            texts = frozenset(head + tail for head in texts for tail in one)
            if len(texts) > MOST_BRANCHES:
                return None
        return result
    return None
