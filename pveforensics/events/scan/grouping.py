"""Grouping: from the hits of a page to the lines in which they stand, and to those of them that can mean anything there."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np

from pveforensics.events.scan import compiled
from pveforensics.events.scan.anchored import HitLines, ToKeep
from pveforensics.events.scan.columns import Rows
from pveforensics.events.scan.hints import THIN_US
from pveforensics.events.scan.matcher import CODE_BITS, LITERAL
from pveforensics.events.scan.meanings import Meanings
from pveforensics.events.scan.words import Indexes, Mask, Page, low_bytes, word
from pveforensics.events.signatures import LONGEST_ENDING

_CARRIAGE_RETURN = np.uint64(ord("\r"))
_LAST = np.uint64(56)


class Located(NamedTuple):
    """The codes of lines and literals (a hit's, with the line instead of the offset), in order, each once, and the lines with a literal that is none of the scan's own."""

    codes: Indexes
    repeated: Indexes


class Groups(NamedTuple):
    """Lines that are not fed and hold literals which can mean something there, in order, with tags and messages as in `HitLines`; `fed` are the codes of lines that are fed.

    The literals of a line are `sizes` of `literals` from `begins` on. `numbers` is the everyday signature that is the only one to be
    tried on a line with one literal, if the line ends as that one demands; else -1. `crowd` is how many lines have the same one, of a storm,
    at the most. `hints` are the codes of lines that are not fed and state a moment twice, with the literal counted among those of the
    hints: of each literal the first one in an hour, as far as the page tells. `left` are those without an everyday signature, by their places
    among all, `kept` are the others.
    """

    places: Indexes
    begins: Indexes
    sizes: Indexes
    numbers: Indexes
    tags: Indexes
    messages: Indexes
    literals: Indexes
    fed: Indexes
    hints: Indexes
    left: Indexes
    kept: ToKeep
    crowd: int


def locate(lines: Page, hits: array[int], marked: int) -> Located:
    """Of the hits of a page, those of literals from `marked` on apart."""
    found = compiled.located(lines.ends, hits, marked)
    return _located_in_numpy(lines, hits, marked) if found is None else Located(*found)


def _located_in_numpy(lines: Page, hits: array[int], marked: int) -> Located:
    offsets = np.frombuffer(hits, np.int64)
    places, literals = np.searchsorted(lines.ends, offsets >> CODE_BITS), offsets & LITERAL
    others = literals >= marked
    return Located(np.unique(places[~others] << CODE_BITS | literals[~others]), places[others])


def grouped(page: Page, codes: Indexes, lines: HitLines, feed: Mask, rows: Rows, meanings: Meanings) -> Groups:
    """Sort out what is fed, and of the others what means nothing; `lines` are those of the codes."""
    rows.table.fed = feed.ctypes.data
    found = meanings.grouper.grouped(page.data, codes, rows.table, lines)
    return _grouped_in_numpy(page, codes, lines, feed, rows, meanings) if found is None else Groups(*found)


def _grouped_in_numpy(page: Page, codes: Indexes, lines: HitLines, feed: Mask, rows: Rows, meanings: Meanings) -> Groups:
    places, literals = codes >> CODE_BITS, codes & LITERAL
    heads = np.searchsorted(lines.lines, places)
    fed = feed[places]
    wanted = ~fed & (literals < meanings.fitting.shape[1])
    wanted[wanted] = meanings.fitting[lines.tags[heads[wanted]], literals[wanted]]
    places, literals, heads = places[wanted], literals[wanted], heads[wanted]
    begins = firsts(places)
    sizes = np.diff(np.append(begins, len(places)))
    places, tags, messages = places[begins], lines.tags[heads[begins]], lines.messages[heads[begins]]
    alone = np.where(sizes == 1, literals[begins], meanings.fitting.shape[1])
    numbers = meanings.everyday[tags, meanings.signatures.column[alone]]
    numbers[~_as_demanded(page, page.ends[places], messages, numbers, meanings.corosync[tags], meanings)] = -1
    counts = np.bincount(numbers[numbers >= 0], minlength=len(meanings.signatures.storms))
    crowd = int(counts.max(where=meanings.signatures.storms, initial=0))
    hints = _due_hints(codes, feed, rows, meanings.fitting.shape[1])
    left = np.flatnonzero(numbers < 0)
    kept = to_keep(page, places, numbers, numbers >= 0)
    return Groups(places, begins, sizes, numbers, tags, messages, literals, codes[fed], hints, left, kept, crowd)


def to_keep(page: Page, places: Indexes, numbers: Indexes, ours: Mask) -> ToKeep:
    """Those of these lines that are kept, whose everyday signatures have these numbers."""
    places = places[ours]
    return ToKeep(places, numbers[ours], int((page.ends[places] - page.starts[places]).sum()))


def _due_hints(codes: Indexes, feed: Mask, rows: Rows, signatures: int) -> Indexes:
    hinting = codes[codes & LITERAL >= signatures]
    hinting = hinting[np.argsort(hinting & LITERAL, kind="stable")]
    places, anchors = hinting >> CODE_BITS, (hinting & LITERAL) - signatures
    fed, stretches = feed[places], rows.at[places] // THIN_US
    first = np.ones(len(places), np.bool_)
    # what is fed may be of any hour, which is looked up there
    first[1:] = (anchors[1:] != anchors[:-1]) | (stretches[1:] != stretches[:-1]) | fed[:-1]
    first &= ~fed
    return np.sort(places[first] << CODE_BITS | anchors[first])


def _as_demanded(page: Page, ends: Indexes, messages: Indexes, numbers: Indexes, corosync: Mask, meanings: Meanings) -> Mask:
    """Whether each line ends as its everyday signature demands (some signature where there is none)."""
    known = meanings.signatures
    last = page.words_at(ends - LONGEST_ENDING)
    fits = (last & known.masks[numbers]) == known.endings[numbers]
    # what a carriage return ends is taken apart by the slower way, and so is corosync's second copy with its level
    fits &= last >> _LAST != _CARRIAGE_RETURN
    begins = page.words_at(messages)
    bracket = (begins & low_bytes(3) == word(b"  [")) | (begins & low_bytes(1) == word(b"["))
    every: Mask = fits & (~corosync | bracket)
    return every


def firsts(places: Indexes) -> Indexes:
    """Where a sorted row of numbers changes, its begin included."""
    return np.flatnonzero(np.concatenate((np.ones(min(1, len(places)), np.bool_), places[1:] != places[:-1])))
