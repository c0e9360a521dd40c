"""Sentences from templates: placeholders, times and durations as a reader wants them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pveforensics.detect.index import Match
from pveforensics.lazyregex import regex
from pveforensics.timebase import SECOND, Instant, duration_words

UNKNOWN_TIME = "an unknown time"
UNKNOWN_NODE = "unknown"
"""The node of a log that nothing names, as `pveforensics.identity` calls it."""

_PLACEHOLDER = regex(r"\{([a-z_][a-z0-9_]*)(?:\.(start|end|at|duration|node|count|state|fields\.[A-Za-z0-9_]+))?\}")
_OPTIONAL = regex(r"\[\[(.*?)\]\]", re.DOTALL)
_GAP = regex(r"(?<=\S) {2,}(?=\S)")
"""What a part that was left out leaves between its neighbours."""


def placeholders(template: str) -> tuple[tuple[str, str], ...]:
    """The (name, part) pairs that a template uses."""
    return tuple((found[1], found[2] or "") for found in _PLACEHOLDER.finditer(template))


def stray_braces(template: str) -> bool:
    """True if a template holds a brace that is no placeholder."""
    return bool(re.search(r"[{}]", _PLACEHOLDER.sub("", template)))


class _Section(NamedTuple):
    """A part of a template in pieces: text, or name and part of a placeholder. An optional one is left out if it is not known."""

    pieces: tuple[str | tuple[str, str], ...]
    optional: bool


@functools.lru_cache(maxsize=4096)
def _parsed(template: str) -> tuple[str, tuple[_Section, ...]]:
    """A template taken apart, once, as its rule may fire hundreds of times: its sections, or the text of one that has no placeholder."""
    texts = _OPTIONAL.split(template)  # what stands between two optional parts, and those, by turns
    sections = tuple(_Section(tuple(_pieces(text)), bool(place % 2)) for place, text in enumerate(texts))
    plain = not any(isinstance(piece, tuple) for section in sections for piece in section.pieces)
    return (_evened("".join(texts)), ()) if plain else ("", sections)


def _evened(text: str) -> str:
    """A text without the gaps of what was left out."""
    return (_GAP.sub(" ", text) if "  " in text else text).strip()


def _pieces(text: str) -> Iterator[str | tuple[str, str]]:
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        yield text[end : found.start()]
        yield found[1], found[2] or ""
        end = found.end()
    yield text[end:]


def clock(moment: Instant | None, *, dated: bool) -> str:
    """`02:14:31 UTC`, with the date in front where the time of day alone does not tell."""
    if moment is None:
        return UNKNOWN_TIME
    return _clock(moment.us // SECOND, dated=dated)


@functools.lru_cache(maxsize=4096)
def _clock(second: int, *, dated: bool) -> str:
    try:
        return Instant(second * SECOND).as_datetime().strftime("%Y-%m-%d %H:%M:%S UTC" if dated else "%H:%M:%S UTC")
    except (OverflowError, ValueError):
        return UNKNOWN_TIME


def duration(start: Instant | None, end: Instant | None) -> str:
    """A length in words, as `duration_words` writes it."""
    if start is None or end is None:
        return UNKNOWN_TIME
    return duration_words(abs(end.seconds_since(start)))


def enumerate_words(names: tuple[str, ...]) -> str:
    """`alpha`, `alpha and beta`, `alpha, beta and gamma`."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]


class Scene:
    """What placeholders stand for: matches by name and the words of the finding as a whole."""

    __slots__ = ("_dated", "_matches", "_words")

    def __init__(self, matches: Mapping[str, Match], words: Mapping[str, str], *, dated: bool) -> None:
        """`words` are plain replacements such as `node` and `nodes`."""
        self._matches = matches
        self._words = words
        self._dated = dated

    def render(self, template: str) -> str:
        """The sentence. A part in `[[ ]]` is left out if a placeholder in it is unknown."""
        return self._rendered(template)[0]

    def value(self, template: str) -> str | None:
        """A value for a comparison, or None if a placeholder in it is unknown."""
        text, known = self._rendered(template)
        return text if known else None

    def _rendered(self, template: str) -> tuple[str, bool]:
        """The sentence, and whether everything in it was known."""
        plain, sections = _parsed(template)
        if not sections:
            return plain, True
        words: list[str] = []
        complete = True
        for section in sections:
            told = [(piece, True) if isinstance(piece, str) else self._value(*piece) for piece in section.pieces]
            known = all(known for _, known in told)
            complete = complete and known
            if known or not section.optional:
                words += [word for word, _ in told]
        return _evened("".join(words)), complete

    def _value(self, name: str, part: str) -> tuple[str, bool]:
        """The words for a placeholder and whether they are known."""
        if not part:
            word = self._words.get(name, "")
            return (word, True) if word else ("unknown", False)
        match = self._matches.get(name)
        if match is None:
            return ("unknown", False) if part.startswith("fields.") or part in ("node", "count", "state") else (UNKNOWN_TIME, False)
        if part.startswith("fields."):
            value = match.fields.get(part[7:], "")
            return (value, True) if value else ("unknown", False)
        if part == "duration":
            # A state of no length has no length worth telling.
            return duration(match.start, match.end), match.start is not None and match.end is not None and match.end > match.start
        if part in ("start", "at", "end"):
            moment = match.end if part == "end" else match.start
            return clock(moment, dated=self._dated), moment is not None
        return {"node": match.node, "count": str(match.count), "state": match.fields.get("state", "")}[part] or "unknown", True
