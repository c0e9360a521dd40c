"""FileSink: takes the lines of one file from the scan and hands them to the spool by the block."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pveforensics.events.formats import Line, LineReader
from pveforensics.events.scan.columns import Columns, Rows
from pveforensics.events.scan.coverage import moment
from pveforensics.events.scan.pieces import LONGEST_LINE
from pveforensics.events.scan.words import Page, Words, word
from pveforensics.readings import Stamp
from pveforensics.timebase import DAY
from pveforensics.timeline import loops
from pveforensics.timeline.blocks import LAYOUT, Alike, Array, Batch, FileLines, Form, in_place, packed
from pveforensics.timeline.heads import message_start
from pveforensics.timeline.loops import Entries, PageLines

if TYPE_CHECKING:
    from pveforensics.timeline.spool import LineSpool

BLOCK = 1 << 20
"""Bytes of text after which a block is written."""

_ROWS = 20_000
FEWEST = 1_000
"""Lines, on the average, that are worth a block of their own."""

_LOCAL = ("yearless", "dated")
"""Forms of stamps whose zone may have to be found: how far that is from UTC holds for a day."""

_MOST_NAMES = 30_000
"""Hosts of one file, programs of all and forms of stamps that are told apart; a further program stays in the message."""

_FAR_ENOUGH = 16
"""A place before which the words of a page can be looked at."""

_LARGEST_PID = (1 << 32) - 1
_CARRIAGE_RETURN, _CLOSING = ord("\r"), ord("]")


class FileSink:
    """Takes the lines of one file from the scan."""

    def __init__(self, spool: LineSpool, file: FileLines) -> None:
        """No line was taken yet."""
        self._spool = spool
        self._file = file
        self._number = len(spool.files) - 1
        self._waiting: list[Batch] = []
        self._size = 0
        self._entries: list[tuple[int, Line]] = []
        self._entries_size = 0

    def page(self, first: int, lines: Page, rows: Rows | None, columns: Columns | None) -> None:
        """Whole lines with their columns, as far as they fit any."""
        if rows is None or columns is None:
            self.text(first, lines.data)
            return
        hosts = np.array([self._host(host.name) for host in columns.heads.hosts] + [0], np.uint16)
        programs = np.array([self._program(name) for name in columns.heads.programs], np.int32)
        fitting = rows.ok.argmax() if len(rows.ok) else 0
        stamp = columns.stamp(lines, rows, int(fitting)) if rows.ok[fitting] else None
        form = self._form(stamp) if stamp is not None else 0
        page = PageLines(lines.starts, lines.ends, *rows[:5], hosts, programs)
        found, odd = loops.entries(lines.data, page, form) or entries_in_numpy(lines, page, form)
        batch = Batch(lines.data, found.at, np.arange(first, first + len(found.at), dtype=np.uint32), *found[1:])
        self._add(self._with_odd_lines(_in_utf8(batch, lines), odd))

    def _with_odd_lines(self, batch: Batch, odd: Array) -> Batch:
        """The batch with the lines that fit no columns read one by one, and blank ones left out."""
        blank = []
        for place in odd.tolist():
            start, end = int(batch.begin[place]), int(batch.end[place])
            text = bytes(batch.text[start:end]).decode("utf-8", "replace")[:LONGEST_LINE]
            if not text or text.isspace():
                blank.append(place)
                continue
            at, form, host, program, pid, offset = self._line(text)
            batch.at[place], batch.form[place], batch.host[place], batch.program[place], batch.pid[place] = at, form, host, program, pid
            batch.begin[place] = start + len(text[:offset].encode())
            batch.end[place] = start + len(text.encode())
        if not blank:
            return batch
        return Batch(batch.text, *(np.delete(column, blank) for column in batch.columns))

    def text(self, first: int, data: bytes) -> None:
        """Whole lines, to be read one by one."""
        clean = data if data.isascii() else data.decode("utf-8", "replace").encode()
        newlines = np.flatnonzero(np.frombuffer(clean, np.uint8) == ord("\n"))
        begin = np.concatenate((np.zeros(1, np.int64), newlines + 1))
        ends = [
            stop - len(clean[start:stop]) + len(clean[start:stop].rstrip(b"\r"))
            for start, stop in zip(begin.tolist(), [*newlines.tolist(), len(clean)], strict=True)
        ]
        nothing = [np.zeros(len(begin), np.int64) for _ in range(4)]
        batch = Batch(
            clean, np.zeros(len(begin), np.int64), np.arange(first, first + len(begin)), begin, np.array(ends, np.int64), *nothing
        )
        self._add(self._with_odd_lines(batch, np.arange(len(begin))))

    def entry(self, number: int, line: Line) -> None:
        """One entry of a journal."""
        self._entries.append((number, line))
        self._entries_size += len(line.message)
        if self._entries_size >= BLOCK or len(self._entries) >= _ROWS:
            self._take_entries()

    def began(self, stamp: Stamp) -> None:
        """The moment of lines that state none."""
        self._file.began = stamp

    def finish(self) -> None:
        """The file has ended."""
        self._take_entries()
        self._write()

    def _take_entries(self) -> None:
        if not self._entries:
            return
        entries, self._entries, self._entries_size = self._entries, [], 0
        messages = [line.message.encode("utf-8", "replace") for _, line in entries]
        ends = np.cumsum([len(message) for message in messages])
        facts = [self._facts(line) for _, line in entries]
        at, form, host, program, pid = (np.array(column, np.int64) for column in zip(*facts, strict=True))
        numbers = np.array([number for number, _ in entries], np.int64)
        begins = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
        self._add(Batch(b"".join(messages), at, numbers, begins, ends, pid, form, host, np.maximum(program, 0)))

    def _line(self, text: str) -> tuple[int, int, int, int, int, int]:
        """A line by itself: how it reads does not depend on those before it. The last value is where its message begins."""
        read = LineReader().read(text)
        if read is None:
            return 0, 0, 0, 0, 0, 0
        line = read[1]
        at, form, host, program, pid = self._facts(line)
        return (at, form, host, 0, pid, 0) if program < 0 else (at, form, host, program, pid, message_start(text, line))

    def _facts(self, line: Line) -> tuple[int, int, int, int, int]:
        form = self._form(line.stamp) if line.stamp is not None else 0
        at = moment(line.stamp)[1] if line.stamp is not None and form else 0
        pid = int(line.pid) if line.pid.isdecimal() and len(line.pid) <= 10 else 0
        return at, form, self._host(line.host), self._program(line.program), pid if pid <= _LARGEST_PID else 0

    def _host(self, name: str) -> int:
        hosts = self._file.hosts
        return hosts.setdefault(name, len(hosts)) if name in hosts or len(hosts) < _MOST_NAMES else 0

    def _program(self, name: str) -> int:
        """The number of a program, -1 if there are too many."""
        programs = self._spool.programs
        return programs.setdefault(name, len(programs)) if name in programs or len(programs) < _MOST_NAMES else -1

    def _form(self, stamp: Stamp) -> int:
        forms, form = self._file.forms, Form(moment(stamp)[0], stamp.zone, stamp.resolution_us)
        return forms.setdefault(form, len(forms)) if form in forms or len(forms) < _MOST_NAMES else 0

    def _add(self, batch: Batch) -> None:
        if not len(batch.at):
            return
        batch = packed(batch)
        self._waiting.append(batch)
        self._size += len(batch.text) + len(batch.at) * LAYOUT.itemsize
        if self._size >= BLOCK:
            self._write()

    def _write(self) -> None:
        """Write what has gathered: small pieces become one block."""
        if not self._waiting:
            return
        batches, self._waiting, self._size = self._waiting, [], 0
        whole = batches[0] if len(batches) == 1 else _together(batches)
        for batch in _parts(whole, self._file.forms):
            block = self._spool.write(self._number, (self._number, len(self._file.blocks)), batch)
            block.alike = _alike(batch)
            self._file.blocks.append(block)


def _together(batches: Sequence[Batch]) -> Batch:
    """Packed batches as one."""
    columns = [np.concatenate(column) for column in zip(*(batch.columns for batch in batches), strict=True)]
    before = np.cumsum([0, *(len(batch.text) for batch in batches[:-1])], dtype=np.uint32)
    end = np.concatenate([batch.end + start for batch, start in zip(batches, before, strict=True)])
    text = b"".join(batch.text for batch in batches)
    return in_place(text, end, Batch(text, *columns))


def _parts(batch: Batch, forms: Iterable[Form]) -> Iterator[Batch]:
    """The batch, cut where other lines begin than one sum can date; left whole where that would leave but crumbs."""
    cuts = _cuts(batch, [form.kind in _LOCAL for form in forms])
    if not 0 < len(cuts) < len(batch.at) // FEWEST:
        yield batch
        return
    for begin, end in itertools.pairwise([0, *cuts, len(batch.at)]):
        columns = [column[begin:end] for column in batch.columns]
        start, stop = int(batch.begin[begin]), int(batch.end[end - 1])
        part = Batch(memoryview(batch.text)[start:stop], *columns)
        yield part._replace(begin=part.begin - np.uint32(start), end=part.end - np.uint32(start))


def _cuts(batch: Batch, local: Sequence[bool]) -> list[int]:
    """The lines whose stamps are of another form than that of the line before, or local times of another day; `local` tells it of each form."""
    form, at = batch.form, batch.at
    one_form = form.min() == form.max()
    if one_form and not (local[form[0]] and at.min() // DAY != at.max() // DAY):
        return []
    day = np.where(np.array(local)[form], at // DAY, 0)
    cuts: list[int] = (np.flatnonzero((day[1:] != day[:-1]) | (form[1:] != form[:-1])) + 1).tolist()
    return cuts


def _alike(batch: Batch) -> Alike | None:
    """What the lines of a batch have in common; None if their stamps have several forms."""
    form, host, at = int(batch.form[0]), int(batch.host[0]), batch.at
    if batch.form.max() != batch.form.min():
        return None
    same_host = bool(batch.host.max() == batch.host.min())
    ends = int(batch.line[0]), int(batch.line[-1])
    return Alike(form, host if same_host else -1, int(at.min()), int(at.max()), int(at[0]), int(at[-1]), ends)


def _in_utf8(batch: Batch, lines: Page) -> Batch:
    """The batch with bytes that are no UTF-8 replaced; the heads of lines that fit their columns hold none."""
    if lines.data.isascii():
        return batch
    clean = lines.data.decode("utf-8", "replace").encode()
    if clean == lines.data:
        return batch
    newlines = np.flatnonzero(np.frombuffer(clean, np.uint8) == ord("\n"))
    starts = np.concatenate((np.zeros(1, np.int64), newlines + 1))
    ends = np.append(newlines, len(clean))
    return batch._replace(text=clean, begin=starts + (batch.begin - lines.starts), end=ends - (lines.ends - batch.end))


_EACH = np.uint64(0x0101010101010101)
_KINDS = (np.int64, *(np.uint32,) * 3, *(np.uint16,) * 3)


def entries_in_numpy(lines: Page, page: PageLines, form: int) -> tuple[Entries, Array]:
    """The same as `loops.entries`."""
    programs = page.programs[page.tag]
    ok = page.ok & (programs >= 0)
    begin = np.where(ok, page.message, page.starts)
    end = page.ends.copy()
    while len(left := np.flatnonzero((end > begin) & ((lines.words_at(np.maximum(end - 1, 0)) & np.uint64(0xFF)) == _CARRIAGE_RETURN))):
        end[left] -= 1
    pid = np.where(ok, _pids_in_numpy(lines.words, np.where(ok, page.message, _FAR_ENOUGH)), 0)
    at, form_of_each, program = (np.where(ok, values, 0) for values in (page.at, form, programs))
    host = np.where(ok, page.hosts[page.host], 0)
    columns = (at, begin, end, pid, form_of_each, host, program)
    return Entries(*(column.astype(kind) for column, kind in zip(columns, _KINDS, strict=True))), np.flatnonzero(~ok)


def _pids_in_numpy(words: Words, messages: Array) -> Array:
    closed = (words[messages - 3] & np.uint64(0xFF)) == _CLOSING
    value = words[messages - 11] ^ word(b"0" * 8)
    odd = ((value | (value + word(b"\6" * 8))) & word(b"\xf0" * 8)) >> np.uint64(4)
    below = ((odd + word(b"\x0f" * 8)) >> np.uint64(4)) & _EACH
    for shift in (8, 16, 32):  # what stands before the digits is none of them
        below |= below >> np.uint64(shift)
    value &= ~(below * np.uint64(0xFF))
    value = (value * np.uint64(10) + (value >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    value = (value * np.uint64(100) + (value >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    value = (value * np.uint64(10_000) + (value >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return np.where(closed, value.astype(np.int64), 0)
