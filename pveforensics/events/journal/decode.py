"""The few entries that matter as lines, as journalctl would print them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from pveforensics.events.formats import Line
from pveforensics.events.formats.stamps import epoch
from pveforensics.events.journal.carve import Indexes, Objects, blocks
from pveforensics.events.journal.entries import Columns
from pveforensics.events.journal.search import COMM, HOST, MESSAGE, MONOTONIC, NAME, NAMES, PID, SENT, SYSLOG_PID, Fields

_DAY_US = 86_400_000_000
_LONGEST_TIME = 17
_MOST_KEPT = 20_000
_NEAR = 4
"""Whoever asks for an entry that was not prepared asks for those around it next."""

_START = datetime(1970, 1, 1, tzinfo=UTC)


class Shown(NamedTuple):
    """An entry as `journalctl -o short-iso-precise --utc` prints it, in one line, and where its message begins."""

    text: str
    offset: int


class Decoder:
    """Takes entries apart, many at a time where that is known before."""

    def __init__(self, found: Objects, fields: Fields, rows: Columns) -> None:
        """Nothing is decoded yet."""
        self._found = found
        self._fields = fields
        self._rows = rows
        self._parts: dict[int, list[int]] = {}
        self._texts: dict[int, str] = {}
        self._seconds: dict[int, str] = {}

    def prepare(self, rows: Indexes) -> list[list[int]]:
        """Find the fields of these entries, and forget those of others: for each entry where the object of each field stands."""
        places = self._places(rows)
        self._parts = dict(zip(rows.tolist(), places, strict=True))
        return places

    def _places(self, rows: Indexes) -> list[list[int]]:
        """For each entry where the object of each field stands, 0 for none."""
        table = np.zeros((len(rows), len(NAMES)), np.int64)
        found = self._found._replace(entry=self._rows.place[rows], entry_size=self._rows.size[rows])
        for block in blocks(found):
            kinds = self._fields.classes[block.objects]
            for field in range(len(NAMES)):
                has = (kinds & (1 << field)) != 0
                first = has.argmax(axis=1)[:, None]  # of a field that stands there twice journalctl shows the first
                place = np.take_along_axis(block.objects, first, axis=1)[:, 0]
                table[block.rows, field] = np.where(np.take_along_axis(has, first, axis=1)[:, 0], place, 0)
        places: list[list[int]] = table.tolist()
        return places

    def program(self, row: int) -> str:
        """Who wrote the entry."""
        parts = self._of(row)
        return self._text(parts[NAME]) or self._text(parts[COMM])

    def pid(self, row: int) -> str:
        """The process that wrote the entry."""
        parts = self._of(row)
        return self._text(parts[PID]) or self._text(parts[SYSLOG_PID])

    def message(self, row: int) -> str:
        """What the entry says."""
        place = self._of(row)[MESSAGE]
        return self._fields.payload(place)[8:].decode("utf-8", "replace") if place else ""

    def line(self, row: int) -> Line:
        """The line that an entry stands for.

        Its stamp is the sender's, which journalctl's text forms print, or of the kernel's own making: the kernel states the time
        since boot at which it wrote a line, on the clock on which journald states when it took it. The stamp's text is
        journald's own time of receipt, which the machine forms print.
        """
        parts = self._of(row)
        received, at, uptime = int(self._rows.at[row]), *self._times(row, parts)
        stamp = epoch(str(received), at) if at > 0 else None
        return Line(stamp, self._text(parts[HOST]), self.program(row), self.pid(row), self.message(row), 0, uptime)

    def shown(self, row: int) -> Shown:
        """The entry as a line of text."""
        parts = self._of(row)
        second, micro = divmod(self._times(row, parts)[0], 1_000_000)
        written = self._seconds.get(second)
        if written is None:
            written = (_START + timedelta(seconds=second)).isoformat().removesuffix("+00:00")
            if len(self._seconds) >= _MOST_KEPT:
                self._seconds.clear()
            self._seconds[second] = written
        pid = self.pid(row)
        tag = f"{self.program(row)}[{pid}]" if pid else self.program(row)
        head = f"{written}.{micro:06}+00:00 {self._text(parts[HOST]) or '-'} {tag or 'unknown'}: "
        return Shown(head + self.message(row).replace("\n", " "), len(head))

    def identity(self, row: int) -> str:
        """What only this entry is in all journals of a bundle: time since boot, boot and the hash over its fields.

        The number of an entry would do as well where the header is sound, but a machine's clone goes on counting from it too.
        """
        place = int(self._rows.place[row])
        return self._found.words[place + 4 : place + 8].tobytes().hex()

    def _of(self, row: int) -> list[int]:
        parts = self._parts.get(row)
        if parts is None:
            near = np.arange(max(0, row - _NEAR), min(row + _NEAR + 1, len(self._rows.at)))
            for other, places in zip(near.tolist(), self._places(near), strict=True):
                self._parts.setdefault(other, places)
            parts = self._parts[row]
        return parts

    def _times(self, row: int, parts: list[int]) -> tuple[int, int | None]:
        """Microseconds since 1970 and, of a kernel line, since boot."""
        at, monotonic = int(self._rows.at[row]), int(self._rows.monotonic[row])
        since_boot = self._number(parts[MONOTONIC])
        if since_boot is not None:
            return (at - (monotonic - since_boot) if monotonic >= since_boot else at), since_boot
        sent = self._number(parts[SENT])
        return (sent if sent is not None and abs(sent - at) <= _DAY_US else at), None

    def _number(self, place: int) -> int | None:
        if not place:
            return None
        value = self._fields.payload(place).partition(b"=")[2]
        return int(value) if value.isdigit() and len(value) <= _LONGEST_TIME else None

    def _text(self, place: int) -> str:
        """A value that many entries share."""
        if not place:
            return ""
        known = self._texts.get(place)
        if known is None:
            known = self._fields.payload(place).partition(b"=")[2].decode("utf-8", "replace")
            if len(self._texts) >= _MOST_KEPT:
                self._texts.clear()
            self._texts[place] = known
        return known
