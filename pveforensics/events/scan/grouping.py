"""Grouping: from the hits of a page to the lines in which they stand, and to those of them that can mean anything there."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np

from pveforensics.events.scan import compiled
from pveforensics.events.scan.columns import Rows
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
    """Lines that are not fed and hold literals which can mean something there, in order; `fed` are the codes of lines that are fed.

    The literals of a line are `sizes` of `literals` from `begins` on. `numbers` is the everyday signature that is the only one to be
    tried on a line with one literal, if the line ends as that one demands; else -1.
    """

    places: Indexes
    begins: Indexes
    sizes: Indexes
    numbers: Indexes
    literals: Indexes
    fed: Indexes


def locate(lines: Page, hits: array[int], marked: int) -> Located:
    """Of the hits of a page, those of literals from `marked` on apart."""
    found = compiled.located(lines.ends, hits, marked)
    return _located_in_numpy(lines, hits, marked) if found is None else Located(*found)


def _located_in_numpy(lines: Page, hits: array[int], marked: int) -> Located:
    offsets = np.frombuffer(hits, np.int64)
    places, literals = np.searchsorted(lines.ends, offsets >> CODE_BITS), offsets & LITERAL
    others = literals >= marked
    return Located(np.unique(places[~others] << CODE_BITS | literals[~others]), places[others])


def grouped(lines: Page, codes: Indexes, feed: Mask, rows: Rows, meanings: Meanings) -> Groups:
    """Sort out what is fed, and of the others what means nothing."""
    found = compiled.grouped(lines.data, codes, compiled.LineColumns(lines.ends, rows.message, rows.tag, feed), meanings.tables)
    return _grouped_in_numpy(lines, codes, feed, rows, meanings) if found is None else Groups(*found)


def _grouped_in_numpy(lines: Page, codes: Indexes, feed: Mask, rows: Rows, meanings: Meanings) -> Groups:
    places, literals = codes >> CODE_BITS, codes & LITERAL
    fed = feed[places]
    wanted = ~fed & (literals < meanings.fitting.shape[1])
    wanted[wanted] = meanings.fitting[rows.tag[places[wanted]], literals[wanted]]
    places, literals = places[wanted], literals[wanted]
    begins = firsts(places)
    sizes = np.diff(np.append(begins, len(places)))
    places = places[begins]
    alone = np.where(sizes == 1, literals[begins], meanings.fitting.shape[1])
    numbers = meanings.everyday[rows.tag[places], meanings.signatures.column[alone]]
    numbers[~_as_demanded(lines, places, numbers, rows, meanings)] = -1
    return Groups(places, begins, sizes, numbers, literals, codes[fed])


def _as_demanded(lines: Page, places: Indexes, numbers: Indexes, rows: Rows, meanings: Meanings) -> Mask:
    """Whether each line ends as its everyday signature demands (some signature where there is none)."""
    known = meanings.signatures
    last = lines.words_at(lines.ends[places] - LONGEST_ENDING)
    fits = (last & known.masks[numbers]) == known.endings[numbers]
    # what a carriage return ends is taken apart by the slower way, and so is corosync's second copy with its level
    fits &= last >> _LAST != _CARRIAGE_RETURN
    begins = lines.words_at(rows.message[places])
    bracket = (begins & low_bytes(3) == word(b"  [")) | (begins & low_bytes(1) == word(b"["))
    every: Mask = fits & (~meanings.corosync[rows.tag[places]] | bracket)
    return every


def firsts(places: Indexes) -> Indexes:
    """Where a sorted row of numbers changes, its begin included."""
    return np.flatnonzero(np.concatenate((np.ones(min(1, len(places)), np.bool_), places[1:] != places[:-1])))
