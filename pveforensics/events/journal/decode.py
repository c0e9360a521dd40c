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
_Facts = tuple[int, int | None, str, str, str, str]
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
        self._known: dict[int, _Facts] = {}

    def prepare(self, rows: Indexes) -> list[list[int]]:
        """Find the fields of these entries, and forget those of others: for each entry where the object of each field stands."""
        places = self._places(rows)
        self._known.clear()
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

    def tried(self, row: int) -> tuple[str, str]:
        """What a signature is tried on: process and message."""
        parts = self._of(row)
        return self._text(parts[PID]) or self._text(parts[SYSLOG_PID]), self._message(parts[MESSAGE])

    def line(self, row: int) -> Line:
        """The line that an entry stands for.

        Its stamp is the sender's, which journalctl's text forms print, or of the kernel's own making: the kernel states the time
        since boot at which it wrote a line, on the clock on which journald states when it took it. The stamp's text is
        journald's own time of receipt, which the machine forms print.
        """
        at, uptime, host, program, pid, message = self._facts(row)
        stamp = epoch(str(int(self._rows.at[row])), at) if at > 0 else None
        return Line(stamp, host, program, pid, message, 0, uptime)

    def shown(self, row: int) -> Shown:
        """The entry as a line of text."""
        at, _, host, program, pid, message = self._facts(row)
        second, micro = divmod(at, 1_000_000)
        written = self._seconds.get(second)
        if written is None:
            written = (_START + timedelta(seconds=second)).isoformat().removesuffix("+00:00")
            if len(self._seconds) >= _MOST_KEPT:
                self._seconds.clear()
            self._seconds[second] = written
        head = f"{written}.{micro:06}+00:00 {host or '-'} {program or 'unknown'}{f'[{pid}]' if pid else ''}: "
        return Shown(head + message.replace("\n", " "), len(head))

    def _facts(self, row: int) -> _Facts:
        """What an entry says; kept until others are prepared, since most are asked for again as neighbours."""
        known = self._known.get(row)
        if known is None:
            parts = self._of(row)
            program = self._text(parts[NAME]) or self._text(parts[COMM])
            pid = self._text(parts[PID]) or self._text(parts[SYSLOG_PID])
            times = self._times(row, parts[MONOTONIC], parts[SENT])
            known = self._known[row] = (*times, self._text(parts[HOST]), program, pid, self._message(parts[MESSAGE]))
        return known

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

    def _times(self, row: int, since: int, sent: int) -> tuple[int, int | None]:
        """Microseconds since 1970 and, of a kernel line, since boot; from the objects that state what its sender had for the time."""
        at = int(self._rows.at[row])
        if since and (value := self._number(since)) is not None:
            monotonic = int(self._rows.monotonic[row])
            return (at - (monotonic - value) if monotonic >= value else at), value
        if sent and (value := self._number(sent)) is not None and abs(value - at) <= _DAY_US:
            return value, None
        return at, None

    def _number(self, place: int) -> int | None:
        value = self._fields.payload(place).partition(b"=")[2]
        return int(value) if value.isdigit() and len(value) <= _LONGEST_TIME else None

    def _message(self, place: int) -> str:
        return self._fields.payload(place)[8:].decode("utf-8", "replace") if place else ""

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
