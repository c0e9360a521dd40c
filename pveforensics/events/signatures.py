"""Signatures: what a line of a known program means, and which of them the literals in a line point to."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pveforensics.events.anchors import anchors, stands_in
from pveforensics.value import Value

LONGEST_MESSAGE = 2048
"""Characters of a message that an expression is tried on: a hostile line must not cost quadratic time."""


LONGEST_ENDING = 8
"""Characters of the end of a line by which everyday lines may be told: as many as the fast scan compares at once."""


class Sample(NamedTuple):
    """A line that the signature must match, with the fields that it must give."""

    line: str
    fields: Mapping[str, str]


class Signature(Value, frozen=True):
    """One message of one program: `match` is searched in the text behind `program[pid]: `; named groups are the fields.

    `programs` are lower case, empty for any; `pid` if set is demanded of the line. With `storm` its lines are counted by the minute.
    `timeline` says that no rule or tracker needs it: it is there to be shown among the events;
    long logs are not searched for it. `everyday` says that the line is ordinary if it ends so (any line, if empty) and tells something
    only beside others: long logs keep such lines as they stand until it is known beside which (`events/scan/everyday.py`). `guard` says that it must be all the same, as it takes lines from a more general signature.
    A `tagged` one means nothing without its program: lines that lost their tag are not tried on it.
    """

    id: str
    kind: str
    says: str
    match: str
    programs: tuple[str, ...] = ()
    pid: str = ""
    storm: bool = False
    samples: tuple[Sample, ...] = ()
    not_samples: tuple[str, ...] = ()
    source: str = ""
    versions: str = ""
    severity: str = ""
    timeline: bool = False
    guard: bool = False
    everyday: str | None = None
    tagged: bool = False
    anchors: tuple[str, ...] = ()
    file: str = ""
    line: int = 0

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled when a line first needs it."""
        return _compiled(self.match)

    def fits(self, program: str, pid: str) -> bool:
        """True if a line of this program and pid may be tried; a line without a program may always, unless `tagged`."""
        if self.tagged and not program:
            return False
        if self.programs and program and program.lower() not in self.programs:
            return False
        return not self.pid or not pid or pid == self.pid

    def search(self, message: str) -> re.Match[str] | None:
        """The match in a message, of which only the first 2048 characters are looked at."""
        return self.pattern.search(message, 0, LONGEST_MESSAGE)


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(text)


class SignatureIndex:
    """Signatures with their anchors, numbered: which signatures a literal that was found can stand for."""

    def __init__(self, signatures: Sequence[Signature]) -> None:
        """Collect the anchors; the order of `signatures` is the order in which they are tried."""
        self.signatures = tuple(signatures)
        self.fitting: dict[str, Any] = {}
        """What the fast scan has learned: by program, which anchors can mean anything there."""
        self.numbers = {signature.id: number for number, signature in enumerate(self.signatures)}
        users: dict[str, list[int]] = {}
        for number, signature in enumerate(self.signatures):
            for text in signature.anchors or anchors(signature.match):
                users.setdefault(text, []).append(number)
        self.texts = tuple(users)
        self.users = tuple(tuple(numbers) for numbers in users.values())

    def of_text(self, text: str) -> list[int]:
        """Numbers of the signatures of which an anchor stands in `text`, in pack order."""
        return sorted(
            {number for anchor, numbers in zip(self.texts, self.users, strict=True) if stands_in(anchor, text) for number in numbers}
        )

    def of_anchors(self, found: set[int]) -> list[int]:
        """Numbers of the signatures to which the anchors with these indexes belong, in pack order."""
        return sorted({number for anchor in found if anchor < len(self.users) for number in self.users[anchor]})

    def first(self, numbers: Sequence[int], program: str, pid: str, message: str) -> tuple[Signature, re.Match[str]] | None:
        """The first of these signatures that matches the message."""
        for number in numbers:
            signature = self.signatures[number]
            if signature.fits(program, pid) and (match := signature.search(message)):
                return signature, match
        return None


def match_line(index: SignatureIndex, program: str, pid: str, message: str) -> tuple[Signature, re.Match[str]] | None:
    """The first signature in pack order that matches this message, with its match."""
    return index.first(index.of_text(message), program, pid, message)
