"""Meanings: what a literal can mean on a line of which program, in tables for all candidates of a page at once."""

from __future__ import annotations

import functools

import numpy as np

from pveforensics.events.scan.anchored import Grouper, MeaningTables
from pveforensics.events.scan.hints import ANCHORS, THIN_US
from pveforensics.events.scan.words import Indexes, Mask, low_bytes, word
from pveforensics.events.signatures import LONGEST_ENDING, Signature, SignatureIndex

_MOST_KNOWN = 50_000


def tried(index: SignatureIndex, program: str, *literals: int) -> tuple[Signature, ...]:
    """The signatures that these literals stand for and that this program may be tried on, in pack order."""
    return tuple(one for number in index.of_anchors(set(literals)) if (one := index.signatures[number]).fits(program, ""))


class EverydaySignatures:
    """What of an index concerns everyday lines: the same for all files."""

    def __init__(self, index: SignatureIndex) -> None:
        """`rows` fills up with the programs that are met."""
        signatures = index.signatures
        self.literals = [
            literal for literal, users in enumerate(index.users) if any(signatures[user].everyday is not None for user in users)
        ]
        self.column = np.full(len(index.texts) + 1, len(self.literals), np.int64)  # the last one stands for no literal, and for several
        self.column[self.literals] = np.arange(len(self.literals))
        endings = [(signature.everyday or "").encode("ascii") for signature in signatures]
        self.endings = np.array([word(ending.rjust(LONGEST_ENDING, b"\0")) for ending in endings], np.uint64)
        self.masks = ~np.array([low_bytes(LONGEST_ENDING - len(ending)) for ending in endings], np.uint64)
        self.storms = np.array([signature.storm for signature in signatures], np.bool_)
        self.rows: dict[str, Indexes] = {}


@functools.lru_cache(maxsize=4)
def everyday_signatures(index: SignatureIndex) -> EverydaySignatures:
    """Those of an index, made once."""
    return EverydaySignatures(index)


class Meanings:
    """Tables with a row for each tag of one file.

    `fitting` says which literals can mean anything on its lines; `everyday` by the columns of `signatures` the number of the everyday
    signature that is the only one to be tried there with one literal, -1 for none; `corosync` whether they are corosync's.
    """

    def __init__(self, index: SignatureIndex, *, shelves: bool) -> None:
        """No tag is known yet. Without `shelves` nothing is everyday."""
        self._index = index
        self._shelves = shelves
        self._programs: list[str] = []
        self.signatures = everyday_signatures(index)
        self.fitting: Mask = np.zeros((0, len(index.texts)), np.bool_)
        self.everyday: Indexes = np.zeros((0, len(self.signatures.literals) + 1), np.int64)
        self.corosync: Mask = np.zeros(0, np.bool_)
        self.grouper = self._grouper()

    def learn(self, programs: list[str]) -> None:
        """Make the tables those of these programs, by tag."""
        known = len(self.fitting) if self._programs is programs else 0
        if known == len(programs):
            return
        fresh = programs[known:]
        self.fitting = np.concatenate((self.fitting[:known], [self._fitting(program) for program in fresh]))
        self.everyday = np.concatenate((self.everyday[:known], [self._everyday(program) for program in fresh]))
        self.corosync = np.concatenate((self.corosync[:known], [program == "corosync" for program in fresh]))
        self._programs = programs
        self.grouper = self._grouper()

    def _grouper(self) -> Grouper:
        """What sorts codes by these tables in machine code."""
        known = self.signatures
        return Grouper(
            MeaningTables(
                self.fitting, known.column, self.everyday, known.endings, known.masks, self.corosync, known.storms, len(ANCHORS), THIN_US
            )
        )

    def _fitting(self, program: str) -> Mask:
        known: dict[str, Mask] = self._index.fitting
        row = known.get(program)
        if row is None:
            fits = {number for number, signature in enumerate(self._index.signatures) if signature.fits(program, "")}
            row = np.array([not fits.isdisjoint(numbers) for numbers in self._index.users], np.bool_)
            if len(known) < _MOST_KNOWN:
                known[program] = row
        return row

    def _everyday(self, program: str) -> Indexes:
        literals, known = self.signatures.literals, self.signatures.rows
        if not self._shelves:
            return np.full(len(literals) + 1, -1)
        row = known.get(program)
        if row is None:
            row = np.array([*(self._only(program, literal) for literal in literals), -1], np.int64)
            if len(known) < _MOST_KNOWN:
                known[program] = row
        return row

    def _only(self, program: str, literal: int) -> int:
        candidates = tried(self._index, program, literal)
        alone = len(candidates) == 1 and candidates[0].everyday is not None and not candidates[0].pid
        return self._index.numbers[candidates[0].id] if alone else -1
