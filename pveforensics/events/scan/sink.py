"""LineSink: who wants every line of a log, not only those that mean something, is told of them while they are scanned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pveforensics.events.formats import Line
from pveforensics.readings import Stamp

if TYPE_CHECKING:  # numpy only where a log is read
    from pveforensics.events.scan.columns import Columns, Rows
    from pveforensics.events.scan.words import Page


class LineSink(Protocol):
    """Takes the lines of one file, in their order. `first` is the number of the first of them, from 1."""

    def page(self, first: int, lines: Page, rows: Rows | None, columns: Columns | None) -> None:
        """Whole lines with their columns, as far as they fit any; what is given holds during the call only."""

    def text(self, first: int, data: bytes) -> None:
        """Whole lines without their last newline, to be read one by one."""

    def entry(self, number: int, line: Line) -> None:
        """One entry of a journal."""

    def began(self, stamp: Stamp) -> None:
        """The moment of all lines that state none, told when the file was read."""


OpenSink = Callable[[str], LineSink]
"""Gives the sink of the file at a path."""
