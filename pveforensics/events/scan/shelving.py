"""Shelving: the candidates of a page that are everyday lines without any doubt, kept all at once without being taken apart."""

from __future__ import annotations

import numpy as np

from pveforensics.events.scan.columns import Columns, Rows
from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.meanings import everyday_signatures
from pveforensics.events.scan.words import Indexes, Mask, Page
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
        self._places: Indexes = np.zeros(0, np.int64)
        self._numbers = self._places

    def choose(self, rows: Rows, places: Indexes, numbers: Indexes) -> Mask:
        """Set the lines aside that will be kept, by their everyday signatures (-1 for none); gives a mask of the others."""
        self._spans = []
        ours = numbers >= 0
        found = numbers[ours]
        if len(found) > DENSE:
            for number in np.flatnonzero(self._storms & (np.bincount(found, minlength=len(self._storms)) > DENSE)).tolist():
                if _is_crowded(rows.at[places[numbers == number]]):
                    ours &= numbers != number  # a storm in earnest is better counted as it comes
        self._places, self._numbers = places[ours], numbers[ours]
        return ~ours

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


def _is_crowded(moments: Indexes) -> bool:
    """True if several lines fall on each minute: fewer are cheaper to keep than to count."""
    return len(moments) > _A_MINUTE * (1 + (int(moments.max()) - int(moments.min())) // (60 * SECOND))
