"""Templates: what messages begin with when the outcome is known, so that a storm is counted and noise passed over unread.

A regular expression without a condition on what follows its match stays matched whatever is appended to the text. So once it
matches the first bytes of a message it matches every message that begins with them. And a whole message that matched nothing
matches nothing when it comes again.
"""

from __future__ import annotations

import functools
import re._constants as ops  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from pveforensics.events.scan.collector import is_leveled
from pveforensics.events.scan.words import Indexes, Page, low_bytes, word
from pveforensics.events.signatures import Signature

LONGEST = 64
MOST = 64
"""Templates of one tag and anchor: a message whose begin varies more is read line by line."""


_MOST_MISSED = 512


class Template(NamedTuple):
    """The begin of a message as words with their masks, whether a signature matches it, and whether it shows corosync's level."""

    shown: bytes
    words: tuple[tuple[np.uint64, np.uint64], ...]
    matched: bool
    leveled: bool


class Templates:
    """What has been learned of one file: templates by tag and anchor."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known: dict[tuple[int, int], list[Template]] = {}
        self._missed: dict[tuple[int, int], set[bytes]] = {}

    def learn(self, key: tuple[int, int], signature: Signature, program: str, message: str) -> bool:
        """Note that the first signature to be tried on lines with this tag and this only anchor matched this message; true if that is new."""
        known = self._known.setdefault(key, [])
        written = message[:LONGEST].encode("utf-8", "replace")
        if any(written.startswith(template.shown) for template in known):
            return False
        if len(known) >= MOST or not signature.storm or signature.pid or program == "kernel" or not stays_matched(signature.match):
            return False
        text = _proof(signature, message)
        if text is None or (program == "corosync" and is_leveled(program, text) != is_leveled(program, message)):
            return False
        # what a level looks like must be decided within the template as well
        if program == "corosync" and "]" not in text:
            return False
        known.append(_template(text.encode("ascii"), matched=True, leveled=is_leveled(program, text)))
        return True

    def learn_miss(self, key: tuple[int, int], message: bytes) -> None:
        """Note a whole message of a line with this tag and this only anchor that matched nothing; the second time it is believed."""
        shown = message + b"\n"
        known = self._known.setdefault(key, [])
        if len(shown) > LONGEST or len(known) >= MOST:
            return
        missed = self._missed.setdefault(key, set())
        if shown not in missed:
            if len(missed) >= _MOST_MISSED:
                missed.clear()
            missed.add(shown)
        elif all(template.shown != shown for template in known):
            known.append(_template(shown, matched=False, leveled=False))

    def find(self, page: Page, places: Indexes, key: tuple[int, int]) -> tuple[Indexes, list[Template]]:
        """For messages at `places`: the number of the template that each begins with, -1 for none."""
        templates = self._known.get(key, [])
        found = np.full(len(places), -1, np.int64)
        if templates:
            gathered = [page.words_at(places + 8 * step) for step in range(max(len(template.words) for template in templates))]
            for number, template in enumerate(templates):
                same = found < 0
                for (mask, wanted), have in zip(template.words, gathered, strict=False):
                    same &= (have & mask) == wanted
                found[same] = number
        return found, templates

    def __contains__(self, key: tuple[int, int]) -> bool:
        return bool(self._known.get(key))


def _template(shown: bytes, *, matched: bool, leveled: bool) -> Template:
    parts = [shown[at : at + 8] for at in range(0, len(shown), 8)]
    return Template(shown, tuple((low_bytes(len(part)), word(part)) for part in parts), matched, leveled)


def _proof(signature: Signature, message: str) -> str | None:
    """The shortest begin of the message that the signature matches; None if it is long, or holds more than ASCII."""
    text = message[:LONGEST]
    if not text.isascii() or signature.search(text) is None:
        return None
    low, high = 1, len(text)
    while low < high:
        middle = (low + high) // 2
        if signature.search(text[:middle]) is None:
            low = middle + 1
        else:
            high = middle
    return text[:high]


@functools.lru_cache(maxsize=4096)
def stays_matched(pattern: str) -> bool:
    """True if a match cannot be undone by text that is appended: no end, no border of words, no look-around, nothing possessive."""
    return _stays(parser.parse(pattern))


def _stays(elements: Iterable[Any]) -> bool:
    return all(_element_stays(kind, value) for kind, value in elements)


def _element_stays(kind: Any, value: Any) -> bool:
    if kind is ops.AT:
        return value in (ops.AT_BEGINNING, ops.AT_BEGINNING_STRING)
    if kind is ops.SUBPATTERN:
        return _stays(value[3])
    if kind is ops.BRANCH:
        return all(_stays(branch) for branch in value[1])
    if kind in (ops.MAX_REPEAT, ops.MIN_REPEAT):
        return _stays(value[2])
    return kind in (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN)
