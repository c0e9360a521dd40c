"""Shelving: the candidates of a page that are everyday lines without any doubt, kept all at once without being taken apart."""

from __future__ import annotations

import numpy as np

from pveforensics.events.scan.anchored import KeptLines, ToKeep
from pveforensics.events.scan.anchored import kept as kept_in_machine_code
from pveforensics.events.scan.columns import Columns, Rows
from pveforensics.events.scan.grouping import Groups, to_keep
from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.meanings import everyday_signatures
from pveforensics.events.scan.words import Indexes, Page
from pveforensics.timebase import SECOND

DENSE = 200
"""From so many lines of one storm in a page on it is folded as it comes, if they are also crowded in time."""

_A_MINUTE = 3


class Shelving:
    """Keeps the everyday lines of one page after another of one file."""

    def __init__(self, scan: TextScan) -> None:
        """Nothing at hand yet."""
        self._scan = scan
        self._storms = everyday_signatures(scan.index).storms
        self._spans: list[tuple[int, int]] = []
        self._lines = ToKeep(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)

    def choose(self, lines: Page, rows: Rows, groups: Groups) -> Indexes:
        """Set the lines aside that will be kept; gives the other groups, by their places among all."""
        self._spans, self._lines = [], groups.kept
        if groups.crowd <= DENSE:
            return groups.left
        places, numbers = groups.places, groups.numbers
        ours = numbers >= 0
        counts = np.bincount(numbers[ours], minlength=len(self._storms))
        for number in np.flatnonzero(self._storms & (counts > DENSE)).tolist():
            if _is_crowded(rows.at[places[numbers == number]]):
                ours &= numbers != number  # a storm in earnest is better counted as it comes
        self._lines = to_keep(lines, places, numbers, ours)
        return np.flatnonzero(~ours)

    def pass_by(self, begin: int) -> None:
        """Lines from `begin` on, up to the next ones that are fed, belong to the boot at hand."""
        self._spans.append((begin, self._scan.coverage.boot))

    def keep(self, first: int, lines: Page, rows: Rows, columns: Columns) -> None:
        """Keep what was chosen of this page, whose first line has this number."""
        shelf, here = self._scan.collector.everyday, self._lines.places
        if shelf is None or not len(here):
            return
        known = np.array([shelf.host(host.name) for host in columns.heads.hosts], np.int64)
        boots: Indexes | int = self._spans[0][1]
        if self._spans[-1][1] != boots:  # they only grow
            begins, every = np.array(self._spans, np.int64).T
            boots = every[np.searchsorted(begins, here, "right") - 1]
        shelf.extend(kept(first, lines, rows, self._lines, known), boots)


def kept(first: int, page: Page, rows: Rows, lines: ToKeep, hosts: Indexes) -> KeptLines:
    """These lines as they are kept; `hosts` are numbers by those of the page."""
    found = kept_in_machine_code(page.data, rows.table, lines, first, hosts, rows.host_of_all)
    return found or _kept_in_numpy(first, page, rows, lines, hosts)


def _kept_in_numpy(first: int, page: Page, rows: Rows, lines: ToKeep, hosts: Indexes) -> KeptLines:
    places = lines.places
    starts, ends = page.starts[places], page.ends[places]
    lengths = ends - starts
    wide = np.stack((first + places, rows.at[places], np.cumsum(lengths) - lengths))
    narrow = np.stack((lengths, lines.signatures, hosts[rows.host[places]])).astype(np.int32)
    return KeptLines(wide, narrow, page.joined(starts, ends))


def _is_crowded(moments: Indexes) -> bool:
    """True if several lines fall on each minute: fewer are cheaper to keep than to count."""
    return len(moments) > _A_MINUTE * (1 + (int(moments.max()) - int(moments.min())) // (60 * SECOND))
