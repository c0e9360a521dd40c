"""Everyday lines of a long log: kept as they stand, folded by the minute where they are a storm, until it is known which of them matter."""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pveforensics.events.scan.anchored import KeptLines
from pveforensics.events.scan.coverage import moment
from pveforensics.events.signatures import SignatureIndex
from pveforensics.events.waiting import EverydayFile
from pveforensics.readings import Everyday, Stamp
from pveforensics.timebase import SECOND

MOST = 2_000_000
"""Lines of one file that are kept; there is no fault that needs more."""

_MINUTE_US = 60 * SECOND
Numbers = npt.NDArray[np.int64]

_PAGED = ("line", "moment", "start", "length", "signature", "host", "boot")
"""Columns of the lines of a page; each counts once, and its moment is the last."""


class Kept(NamedTuple):
    """A line that was kept: it may still be counted more often."""

    lines: EverydayLines
    place: int

    def repeat(self, times: int, _line: int, stamp: Stamp | None) -> None:
        """Count it so many times more, the last time at that stamp."""
        self.lines.count(self.place, times, stamp)


class EverydayLines:
    """Gathers everyday lines of one file, in any order."""

    def __init__(self, file: EverydayFile) -> None:
        """Nothing is kept yet; if it gets much, the text waits in the file."""
        self.lost = 0
        self._hosts: dict[str, int] = {}
        self._columns = _columns()
        self._text = file.text()
        self._pages: list[tuple[npt.NDArray[np.signedinteger[Any]], ...]] = []
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
        at = moment(stamp)[1] if stamp is not None else -1
        row = (number, at, at, self._text.append(text), len(text), signature, self.host(host), boot, count, leveled)
        for column, value in zip(self._columns.values(), row, strict=True):
            column.append(value)
        return Kept(self, len(self._columns["line"]) - 1)

    def extend(self, page: KeptLines, boots: Numbers | int) -> None:
        """Keep the lines of a page at once, of these boots; their hosts are numbers given by `host`."""
        count = page.wide.shape[1]
        if len(self) + count > MOST:
            self.lost += count
            return
        self._paged += count
        page.wide[2] += self._text.append(page.text)
        self._pages.append((*page.wide, *page.narrow, np.full(count, boots, np.int32)))

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
        columns = self._all()
        order = np.argsort(columns["line"], kind="stable")
        counts, lasts = _folded(columns, order, np.array([signature.storm for signature in index.signatures], np.bool_))
        kept = order[counts[order] > 0]

        def of(rows: Numbers) -> array[int]:
            return array("q", rows[kept].tobytes())

        return Everyday(
            of(columns["line"]), of(columns["moment"]), of(lasts), of(columns["signature"]), of(columns["boot"]), of(counts),
            of(columns["start"]), of(columns["start"] + columns["length"]), self._text.closed(),
        )  # fmt: skip

    def _all(self) -> dict[str, Numbers]:
        """All rows by column, those that came one by one first; what they were gathered in is let go."""
        columns = {name: np.frombuffer(column, np.int64) for name, column in self._columns.items()}
        if not self._pages:
            return columns
        paged = {name: np.concatenate(parts, dtype=np.int64) for name, parts in zip(_PAGED, zip(*self._pages, strict=True), strict=True)}
        self._pages.clear()
        paged |= {"last": paged["moment"], "count": np.ones(self._paged, np.int64), "leveled": np.zeros(self._paged, np.int64)}
        return {name: np.concatenate((column, paged.pop(name))) for name, column in columns.items()}


def _columns() -> dict[str, Any]:
    return {name: array("q") for name in ("line", "moment", "last", "start", "length", "signature", "host", "boot", "count", "leveled")}


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
