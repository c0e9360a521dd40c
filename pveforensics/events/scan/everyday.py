"""Everyday lines of a long log: kept as they stand, folded by the minute where they are a storm, until it is known which of them matter."""

from __future__ import annotations

from array import array
from collections.abc import Callable
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
        self._pages: dict[str, list[npt.NDArray[np.signedinteger[Any]]]] = {name: [] for name in _PAGED}
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
        for name, column in zip(_PAGED, (*page.wide, *page.narrow, np.full(count, boots, np.int32)), strict=True):
            self._pages[name].append(column)

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
        order = np.argsort(self._column("line"), kind="stable")
        counts, lasts = _folded(self._column, order, np.array([signature.storm for signature in index.signatures], np.bool_))
        kept = order[counts[order] > 0]
        del order

        def of(name: str) -> array[int]:  # what it is made from is let go: of millions of lines both together would be much
            return array("q", self._column(name, take=True)[kept].tobytes())

        starts = of("start")
        ends = array("q", (np.frombuffer(starts, np.int64) + np.frombuffer(of("length"), np.int64)).tobytes())
        return Everyday(
            of("line"), of("moment"), array("q", lasts[kept].tobytes()), of("signature"), of("boot"), array("q", counts[kept].tobytes()),
            starts, ends, self._text.closed(),
        )  # fmt: skip

    def _column(self, name: str, *, take: bool = False) -> Numbers:
        """One column of all rows, those that came one by one first; once taken it is gone."""
        single = np.frombuffer(self._columns.pop(name) if take else self._columns[name], np.int64)
        if not self._paged:
            return single
        if name in self._pages:
            paged = self._pages.pop(name) if take else self._pages[name]
        else:  # a line of a page counts once, and its moment is the last
            paged = self._pages["moment"] if name == "last" else [np.full(self._paged, name == "count", np.int64)]
        return np.concatenate((single, *paged), dtype=np.int64)


def _columns() -> dict[str, Any]:
    return {name: array("q") for name in ("line", "moment", "last", "start", "length", "signature", "host", "boot", "count", "leveled")}


def _folded(column: Callable[[str], Numbers], order: Numbers, storms: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """How many lines each row stands for, and the moment of the last of them: of a storm the first one of a minute for all of it, the others for none.

    Corosync 2 under systemd leaves each line twice, once with its level: the larger number counts.
    """
    counts, lasts = column("count").copy(), column("last").copy()
    rows = order[storms[column("signature")[order]]]
    if not len(rows):
        return counts, lasts
    minute = column("moment")[rows] // _MINUTE_US
    keys = np.stack((minute, *(column(name)[rows] for name in ("boot", "host", "signature"))))
    sorted_rows = np.lexsort(keys)  # stable: within a minute the rows stay in file order
    changes = np.flatnonzero((np.diff(keys[:, sorted_rows]) != 0).any(axis=0)) + 1
    begins = np.concatenate((np.zeros(1, np.int64), changes))
    rows = rows[sorted_rows]
    leveled = column("leveled")[rows]
    plain = np.add.reduceat(counts[rows] * (1 - leveled), begins)
    copies = np.add.reduceat(counts[rows] * leveled, begins)
    counts[rows] = 0
    counts[rows[begins]] = np.maximum(plain, copies)
    lasts[rows[begins]] = np.maximum.reduceat(lasts[rows], begins)
    return counts, lasts
