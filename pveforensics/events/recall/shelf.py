"""Shelf: the everyday lines of one file, with their moments on the common clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from pveforensics.events.formats import LineReader
from pveforensics.events.recall.moments import Moments, Numbers
from pveforensics.events.waiting import block_of
from pveforensics.readings import Everyday, KeptLines, Stamp


class Shelf:
    """The lines of one file. They are loaded when they are asked for, until they are put away."""

    def __init__(self, lines: KeptLines, moments: Moments) -> None:
        """`moments` are those of the file."""
        self.moments = moments
        self._lines = lines
        self._reader = LineReader()

    def __len__(self) -> int:
        return len(self._lines)

    @cached_property
    def kept(self) -> Everyday:
        """The lines in columns."""
        return self._lines.load()

    def line(self, place: int) -> bytes:
        """One line as it stands in the file."""
        kept = self.kept
        return kept.text[kept.starts[place] : kept.ends[place]]

    def lines(self, places: Numbers) -> Iterator[bytes]:
        """The lines at these places as they stand in the file."""
        return (bytes(block[start:end]) for block, start, end in self._stretches(places))

    def search(self, pattern: re.Pattern[bytes], places: Numbers) -> Iterator[tuple[int, re.Match[bytes]]]:
        """Those of the lines at these places in which the expression is found, with what it found there."""
        search = pattern.search
        for place, (block, start, end) in zip(places.tolist(), self._stretches(places), strict=True):
            if (found := search(block, start, end)) is not None:
                yield place, found

    def _stretches(self, places: Numbers) -> Iterator[tuple[bytes | memoryview, int, int]]:
        """For each line a part of the text, and where in it the line begins and ends: lines are asked for nearly in order."""
        kept = self.kept
        starts, ends = np.frombuffer(kept.starts, np.int64)[places], np.frombuffer(kept.ends, np.int64)[places]
        begin = 0
        block: bytes | memoryview = b""
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if start < begin or end > begin + len(block):
                begin, block = block_of(kept.text, start)
            yield block, start - begin, end - begin

    def put_away(self) -> None:
        """Let go of all that can be had again: of all files together it is much."""
        for name in ("kept", "at", "order", "signatures"):
            self.__dict__.pop(name, None)

    @cached_property
    def at(self) -> Numbers:
        """The moment of each line."""
        lines, moments = np.frombuffer(self.kept.lines, np.int64), np.frombuffer(self.kept.moments, np.int64)
        return self.moments.of_all(lines, moments, self._stamp)

    @cached_property
    def order(self) -> Numbers:
        """The places of the lines by moment; lines of one file are nearly in order as they stand."""
        return np.argsort(self.at, kind="stable")

    @cached_property
    def signatures(self) -> Numbers:
        """The number of each line's signature."""
        return np.frombuffer(self.kept.signatures, np.int64)

    def _stamp(self, place: int) -> Stamp | None:
        read = self._reader.read(self.line(place).decode("utf-8", "replace"))
        return read[1].stamp if read is not None else None
