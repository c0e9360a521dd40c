"""Everyday lines of a long log: kept as they stand, folded by the minute where they are a storm, until it is known which of them matter."""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pveforensics.events.scan.coverage import moment
from pveforensics.events.signatures import SignatureIndex
from pveforensics.readings import Everyday, Stamp
from pveforensics.timebase import SECOND

MOST = 2_000_000
"""Lines of one file that are kept; there is no fault that needs more."""

_MINUTE_US = 60 * SECOND
Numbers = npt.NDArray[np.int64]


class Kept(NamedTuple):
    """A line that was kept: it may still be counted more often."""

    lines: EverydayLines
    place: int

    def repeat(self, times: int, _line: int, stamp: Stamp | None) -> None:
        """Count it so many times more, the last time at that stamp."""
        self.lines.count(self.place, times, stamp)


class EverydayLines:
    """Gathers everyday lines of one file, in any order."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self.lost = 0
        self._hosts: dict[str, int] = {}
        self._columns = _columns()
        self._text = bytearray()
        self._pages: list[tuple[Numbers, ...]] = []
        self._page_texts: list[bytes] = []
        self._paged = 0

    def __len__(self) -> int:
        return len(self._columns["line"]) + self._paged

    def add(
        self, number: int, text: bytes, stamp: Stamp | None, host: str, signature: int, boot: int, *, count: int = 1, leveled: bool = False
    ) -> Kept | None:
        """Keep one line that stands for `count` of them; `leveled` is corosync 2's second copy. None if there are too many."""
        if len(self) >= MOST:
            self.lost += count
            return None
        self._text += text
        at = moment(stamp)[1] if stamp is not None else -1
        row = (number, at, at, len(text), signature, self.host(host), boot, count, leveled)
        for column, value in zip(self._columns.values(), row, strict=True):
            column.append(value)
        return Kept(self, len(self._columns["line"]) - 1)

    def extend(
        self, numbers: Numbers, texts: bytes, lengths: Numbers, moments: Numbers, hosts: Numbers, signatures: Numbers, boots: Numbers
    ) -> None:
        """Keep the lines of a page at once, their texts one behind the other; `hosts` are numbers given by `host`."""
        if len(self) + len(numbers) > MOST:
            self.lost += len(numbers)
            return
        self._paged += len(numbers)
        self._page_texts.append(texts)
        same = np.ones(len(numbers), np.int64)
        self._pages.append((numbers, moments, moments, lengths, signatures, hosts, boots, same, same * 0))

    def host(self, name: str) -> int:
        """The number that stands for a name in the host column here."""
        return self._hosts.setdefault(name, len(self._hosts))

    def count(self, place: int, times: int, stamp: Stamp | None) -> None:
        """Count a line more often, the last time at that stamp."""
        self._columns["count"][place] += times
        if stamp is not None:
            self._columns["last"][place] = max(self._columns["last"][place], moment(stamp)[1])

    def closed(self, index: SignatureIndex) -> Everyday | None:
        """All lines in file order, those of a storm folded by the minute; None if there are none."""
        if not len(self):
            return None
        singles = tuple(np.frombuffer(column, np.int64) for column in self._columns.values())
        columns = dict(zip(self._columns, map(np.concatenate, zip(singles, *self._pages, strict=True)), strict=True))
        columns["end"] = np.cumsum(columns["length"])
        starts = columns["end"] - columns["length"]
        order = np.argsort(columns["line"], kind="stable")
        counts, lasts = _folded(columns, order, np.array([signature.storm for signature in index.signatures], np.bool_))
        kept = order[counts[order] > 0]

        def of(rows: Numbers) -> array[int]:
            return array("q", rows[kept].tobytes())

        return Everyday(
            of(columns["line"]), of(columns["moment"]), of(lasts), of(columns["signature"]), of(columns["boot"]), of(counts), of(starts),
            of(columns["end"]), b"".join((self._text, *self._page_texts)),
        )  # fmt: skip


def _columns() -> dict[str, Any]:
    return {name: array("q") for name in ("line", "moment", "last", "length", "signature", "host", "boot", "count", "leveled")}


def _folded(columns: dict[str, Numbers], order: Numbers, storms: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """How many lines each row stands for, and the moment of the last of them: of a storm the first one of a minute for all of it, the others for none.

    Corosync 2 under systemd leaves each line twice, once with its level: the larger number counts.
    """
    counts, lasts = columns["count"].copy(), columns["last"].copy()
    rows = order[storms[columns["signature"][order]]]
    if not len(rows):
        return counts, lasts
    minute = columns["moment"][rows] // _MINUTE_US
    keys = np.stack((minute, columns["boot"][rows], columns["host"][rows], columns["signature"][rows]))
    sorted_rows = np.lexsort(keys)  # stable: within a minute the rows stay in file order
    changes = np.flatnonzero((np.diff(keys[:, sorted_rows]) != 0).any(axis=0)) + 1
    begins = np.concatenate((np.zeros(1, np.int64), changes))
    rows = rows[sorted_rows]
    leveled = columns["leveled"][rows]
    plain = np.add.reduceat(counts[rows] * (1 - leveled), begins)
    copies = np.add.reduceat(counts[rows] * leveled, begins)
    counts[rows] = 0
    counts[rows[begins]] = np.maximum(plain, copies)
    lasts[rows[begins]] = np.maximum.reduceat(columns["last"][rows], begins)
    return counts, lasts
