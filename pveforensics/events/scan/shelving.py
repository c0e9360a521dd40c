"""Shelving: the candidates of a page that are everyday lines without any doubt, kept all at once without being taken apart."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from pveforensics.events.scan.columns import Columns, Rows
from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.words import Indexes, Mask, Page, low_bytes, word
from pveforensics.events.signatures import LONGEST_ENDING, Signature, SignatureIndex
from pveforensics.timebase import SECOND

DENSE = 200
"""From so many lines of one storm in a page on it is folded as it comes, if they are also crowded in time."""

_A_MINUTE = 3
_MOST_KNOWN = 10_000

_CARRIAGE_RETURN = np.uint64(ord("\r"))
_LAST = np.uint64(56)

Tried = Callable[[str, int], tuple[Signature, ...]]
"""The signatures that one anchor stands for on lines of a program."""


class EverydaySignatures:
    """What of an index concerns everyday lines: the same for all files."""

    def __init__(self, index: SignatureIndex) -> None:
        """`rows` fills up with the programs that are met."""
        signatures = index.signatures
        self.anchors = [anchor for anchor, users in enumerate(index.users) if any(signatures[user].everyday is not None for user in users)]
        self.column = np.full(len(index.texts) + 1, len(self.anchors), np.int64)  # the last one stands for no anchor, and for several
        self.column[self.anchors] = np.arange(len(self.anchors))
        endings = [(signature.everyday or "").encode("ascii") for signature in signatures]
        self.endings = np.array([word(ending.rjust(LONGEST_ENDING, b"\0")) for ending in endings], np.uint64)
        self.masks = ~np.array([low_bytes(LONGEST_ENDING - len(ending)) for ending in endings], np.uint64)
        self.storms = np.array([signature.storm for signature in signatures], np.bool_)
        self.rows: dict[str, list[int]] = {}


@functools.lru_cache(maxsize=4)
def _everyday(index: SignatureIndex) -> EverydaySignatures:
    return EverydaySignatures(index)


class Shelving:
    """Chooses and keeps the everyday lines of one page after another of one file."""

    def __init__(self, scan: TextScan, tried: Tried) -> None:
        """Nothing at hand yet."""
        self._scan = scan
        self._index = scan.index
        self._tried = tried
        self._known = _everyday(scan.index)
        self._table: Indexes = np.zeros((0, 0), np.int64)
        self._corosync: Mask = np.zeros(0, np.bool_)
        self._programs: list[str] = []
        self._spans: list[tuple[int, int]] = []
        self._places: Indexes = np.zeros(0, np.int64)
        self._numbers = self._places

    def choose(self, lines: Page, rows: Rows, columns: Columns, places: Indexes, anchors: Indexes) -> Mask:
        """Of lines with one anchor that means anything there (-1: with several) set those aside that will be kept; gives a mask of the others."""
        self._spans = []
        if self._scan.collector.everyday is None or not self._known.anchors or not len(places):
            self._places = places[:0]
            return np.ones(len(places), np.bool_)
        self._learn(columns.heads.programs)
        tags = rows.tag[places]
        numbers = self._table[tags, self._known.column[anchors]]
        ours = np.flatnonzero(numbers >= 0)
        found, here = numbers[ours], places[ours]
        last = lines.words_at(lines.ends[here] - LONGEST_ENDING)
        fits = (last & self._known.masks[found]) == self._known.endings[found]
        # what a carriage return ends is taken apart by the slower way, and so is corosync's second copy with its level
        fits &= last >> _LAST != _CARRIAGE_RETURN
        begins = lines.words_at(rows.message[here])
        fits &= ~self._corosync[tags[ours]] | (begins & low_bytes(3) == word(b"  [")) | (begins & low_bytes(1) == word(b"["))
        for number in np.flatnonzero(self._known.storms & (np.bincount(found, minlength=len(self._known.storms)) > DENSE)).tolist():
            if _is_crowded(rows.at[here[found == number]]):
                fits &= found != number  # a storm in earnest is better counted as it comes
        self._places, self._numbers = here[fits], found[fits]
        left = np.ones(len(places), np.bool_)
        left[ours[fits]] = False
        return left

    def pass_by(self, begin: int) -> None:
        """Lines from `begin` on, up to the next ones that are fed, belong to the boot at hand."""
        self._spans.append((begin, self._scan.coverage.boot))

    def keep(self, first: int, lines: Page, rows: Rows, columns: Columns) -> None:
        """Keep what was chosen of this page, whose first line has this number."""
        shelf, here = self._scan.collector.everyday, self._places
        if shelf is None or not len(here):
            return
        known = np.array([shelf.host(host.name) for host in columns.heads.hosts], np.int64)
        begins, boots = np.array(self._spans, np.int64).T
        starts, ends = lines.starts[here], lines.ends[here]
        shelf.extend(
            first + here, lines.joined(starts, ends), ends - starts, rows.at[here], known[rows.host[here]], self._numbers,
            boots[np.searchsorted(begins, here, "right") - 1],
        )  # fmt: skip

    def _learn(self, programs: list[str]) -> None:
        """Make the table of the everyday signature that is the only one to be tried on lines of a tag with one anchor; -1 for none."""
        if self._programs is programs and len(self._table) == len(programs):
            return
        rows = self._known.rows
        fresh = {
            program: [*(self._only(program, anchor) for anchor in self._known.anchors), -1] for program in programs if program not in rows
        }
        if len(rows) < _MOST_KNOWN:
            rows.update(fresh)
        self._table = np.array([rows.get(program) or fresh[program] for program in programs], np.int64)
        self._corosync = np.array([program == "corosync" for program in programs], np.bool_)
        self._programs = programs

    def _only(self, program: str, anchor: int) -> int:
        tried = self._tried(program, anchor)
        alone = len(tried) == 1 and tried[0].everyday is not None and not tried[0].pid
        return self._index.numbers[tried[0].id] if alone else -1


def _is_crowded(moments: Indexes) -> bool:
    """True if several lines fall on each minute: fewer are cheaper to keep than to count."""
    return len(moments) > _A_MINUTE * (1 + (int(moments.max()) - int(moments.min())) // (60 * SECOND))
