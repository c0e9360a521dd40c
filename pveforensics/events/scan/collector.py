"""Collector: the records of one file, with their neighbours, storms folded and second copies dropped."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pveforensics.events.formats import Line
from pveforensics.events.scan.coverage import moment
from pveforensics.events.signatures import Signature
from pveforensics.lazyregex import regex
from pveforensics.model import NOTHING
from pveforensics.readings import Record, Stamp
from pveforensics.timebase import SECOND

if TYPE_CHECKING:
    from pveforensics.events.scan.everyday import EverydayLines
    from pveforensics.events.waiting import EverydayFile

LONGEST_TEXT = 4096
"""Characters kept of a record's own line."""

LONGEST_NEIGHBOUR = 500
NEIGHBOURS = 2
FOLD_ALL_FROM = 100_000
"""Records of one file from which on every signature is counted by the minute."""

MOST_RECORDS = 300_000
_MINUTE_US = 60 * SECOND
_TWIN = regex(r"(?:(?P<level>emerg|alert|crit|error|warning|notice|info|debug) +)?(?P<body>\[[A-Z]+ *\].*)", re.DOTALL)


Near = tuple[tuple[str, ...], list[str]]
"""The lines before a record and behind it."""

_Made = tuple[str, str, int, Stamp | None, str, str, str, str, Mapping[str, str], tuple[int, int] | None]


class Draft:
    """A record that may still gain neighbours and repeats: `made` are the first ten fields of Record."""

    __slots__ = ("_boot", "_line", "_made", "after", "before", "count", "last", "leveled")

    def __init__(self, made: _Made, before: tuple[str, ...], after: list[str], boot: tuple[int, str, int | None]) -> None:
        """`boot` is the count of boots before it, the boot's id and the uptime."""
        self._made = made
        self._boot = boot
        self.before = before
        self.after = after
        self.count = 0
        self.leveled = 0
        self.last: Stamp | None = None
        self._line = 0

    def repeat(self, times: int, line: int, stamp: Stamp | None, *, leveled: bool | None = None) -> None:
        """Count it so many times more, up to this line; lines need not come in order.

        `leveled` lines are told apart, since they may be second copies (None: like most so far).
        """
        if self.leveled > self.count if leveled is None else leveled:
            self.leveled += times
        else:
            self.count += times
        if stamp is not None and line >= self._line:
            self.last, self._line = stamp, line

    def finished(self) -> Record:
        """The record as it stands."""
        return Record(*self._made, self.before, tuple(self.after), max(self.count, self.leveled), self.last, *self._boot)


class Collector:
    """Takes lines as neighbours and matches as records, both in file order."""

    def __init__(self, shelf: EverydayFile | None = None) -> None:
        """Nothing seen yet; with a `shelf` everyday lines are kept apart, and wait there if they are many."""
        self.everyday = _everyday_lines(shelf) if shelf is not None else None
        self.drafts: list[Draft] = []
        self.lost = 0
        self.boot_id = ""
        self._recent: deque[tuple[int, str]] = deque(maxlen=8)
        self._waiting: list[tuple[Draft, int]] = []
        self._storms: dict[tuple[object, ...], Draft] = {}
        self._twins: dict[tuple[str, str], tuple[bool, int, int]] = {}

    def shelf_for(self, signature: Signature, text: str) -> EverydayLines | None:
        """Where a whole line that the signature matches is kept, if it is an everyday one and such lines are kept here."""
        return self.everyday if signature.everyday is not None and text.endswith(signature.everyday) else None

    @property
    def waits(self) -> bool:
        """True while a record wants the lines behind it."""
        return bool(self._waiting)

    def neighbour(self, number: int, text: str) -> None:
        """A physical line went by."""
        self._recent.append((number, text))
        if self._waiting:
            for draft, _ in self._waiting:
                draft.after.append(text[:LONGEST_NEIGHBOUR])
            self._waiting = [(draft, wanted - 1) for draft, wanted in self._waiting if wanted > 1]

    def add(
        self,
        number: int,
        text: str,
        line: Line,
        signature: Signature,
        match: re.Match[str],
        *,
        boot: int,
        offset: int | None,
        count: int = 1,
        lines: int = 1,
        near: Near | None = None,
    ) -> Draft | None:
        """A signature matched; `offset` is where the searched message begins in `text` (None: it does not stand there as such).

        Gives the record's draft, or the one into which it was folded; None for a second copy. `count` is how often the message
        came, on how many `lines`; `near` are the neighbours, if they do not come by themselves.
        """
        counted = signature.storm or len(self.drafts) >= FOLD_ALL_FROM
        leveled = counted and is_leveled(line.program, line.message)
        if not counted and self._is_second_copy(line):
            return None
        key = (signature.id, line.host, line.program, boot, _minute(line.stamp)) if counted else ()
        draft = self._storms.get(key) if counted else None
        if draft is not None:
            draft.repeat(count, number, line.stamp, leveled=leveled)
            return draft
        fields = {name: value for name, value in match.groupdict().items() if value is not None}
        span = (match.start() + offset, match.end() + offset) if offset is not None else None
        draft = self._make(number, text, line, (signature.kind, signature.id), fields, span, boot, near, lines)
        if draft is not None:
            draft.repeat(count, number, None, leveled=leveled)
            if counted:
                self._storms[key] = draft
        return draft

    def fold(self, signature: Signature, host: str, program: str, boot: int, stamp: Stamp | None) -> Draft | None:
        """The record of the same minute that a match would be counted to; None if there is none."""
        if not signature.storm and len(self.drafts) < FOLD_ALL_FROM:
            return None
        return self._storms.get((signature.id, host, program, boot, _minute(stamp)))

    def add_boot(self, number: int, text: str, stamp: Stamp | None, host: str, boot: int, boot_id: str) -> None:
        """A separator between two boots, or a change of the boot id."""
        self.boot_id = boot_id
        fields: Mapping[str, str] = {"boot_id": boot_id} if boot_id else NOTHING
        line = Line(stamp, host, "", "", text, 0)
        draft = self._make(number, text, line, ("boot_separator", "boot_separator"), fields, None, boot)
        if draft is not None:
            draft.repeat(1, number, None)

    def records(self) -> tuple[Record, ...]:
        """All records, in file order."""
        return tuple(draft.finished() for draft in self.drafts)

    def _make(
        self,
        number: int,
        text: str,
        line: Line,
        names: tuple[str, str],
        fields: Mapping[str, str],
        span: tuple[int, int] | None,
        boot: int,
        near: Near | None = None,
        lines: int = 1,
    ) -> Draft | None:
        if len(self.drafts) >= MOST_RECORDS:
            self.lost += lines
            return None
        text, span = _shortened(text, span)
        made = (*names, number, line.stamp, line.host, line.program, line.pid, text, fields, span)
        if near is None:
            before = tuple(near[:LONGEST_NEIGHBOUR] for at, near in self._recent if at < number)[-NEIGHBOURS:]
            after = [near[:LONGEST_NEIGHBOUR] for at, near in self._recent if at > number][:NEIGHBOURS]
        else:
            before, after = near
        draft = Draft(made, before, after, (boot, self.boot_id, line.uptime_us))
        if len(after) < NEIGHBOURS:
            self._waiting.append((draft, NEIGHBOURS - len(after)))
        self.drafts.append(draft)
        return draft

    def _is_second_copy(self, line: Line) -> bool:
        """Corosync 2 under systemd leaves each line twice, once with its level (pull request 368): the later one is dropped."""
        if line.program != "corosync" or not (found := _TWIN.match(line.message.lstrip())):
            return False
        key = (line.pid, found["body"].rstrip())
        from_stderr = found["level"] is not None
        second = moment(line.stamp)[1] // SECOND if line.stamp else 0
        known = self._twins.get(key)
        if known is not None and abs(second - known[1]) <= 1:
            if known[0] != from_stderr and known[2] > 0:
                self._twins[key] = (known[0], known[1], known[2] - 1)
                return True
            if known[0] == from_stderr:
                self._twins[key] = (from_stderr, second, known[2] + 1)
                return False
        if len(self._twins) > 4096:
            self._twins.clear()
        self._twins[key] = (from_stderr, second, 1)
        return False


def is_leveled(program: str, message: str) -> bool:
    """True for the copy of a line with its level that corosync 2 leaves on stderr beside the one in syslog."""
    if program != "corosync":
        return False
    found = _TWIN.match(message.lstrip())
    return found is not None and found["level"] is not None


def _minute(stamp: Stamp | None) -> tuple[str, int] | None:
    if stamp is None:
        return None
    kind, value = moment(stamp)
    return kind, value // _MINUTE_US


def _shortened(text: str, span: tuple[int, int] | None) -> tuple[str, tuple[int, int] | None]:
    """The line cut to its greatest length, and the span if it still lies inside."""
    if len(text) <= LONGEST_TEXT:
        return text, span
    return text[:LONGEST_TEXT], (span if span and span[1] <= LONGEST_TEXT else None)


def _everyday_lines(shelf: EverydayFile) -> EverydayLines:
    from pveforensics.events.scan.everyday import EverydayLines  # noqa: PLC0415 - numpy only where a long log is read

    return EverydayLines(shelf)
