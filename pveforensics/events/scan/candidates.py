"""Candidates: lines in fixed columns that hold an anchor, taken apart by their columns and tried on the signatures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pveforensics.events.formats import Line
from pveforensics.events.formats.line import uptime_before
from pveforensics.events.scan.collector import LONGEST_NEIGHBOUR, NEIGHBOURS, Near
from pveforensics.events.scan.columns import Columns, Rows
from pveforensics.events.scan.hints import ANCHORS, UPID
from pveforensics.events.scan.lines import TextScan, second_head
from pveforensics.events.scan.matcher import CODE_BITS
from pveforensics.events.scan.templates import Templates
from pveforensics.events.scan.words import Indexes, Mask, Page
from pveforensics.events.signatures import LONGEST_MESSAGE, Signature
from pveforensics.timebase import SECOND

_MOST_KNOWN = 50_000
_CLOSING = ord("]")
_INDEX = (1 << CODE_BITS) - 1


Tries = tuple[tuple[Signature, Callable[[str, int, int], re.Match[str] | None]], ...]


class Todo(NamedTuple):
    """A candidate: its place in the page, offsets, tag and host, its anchors, and how many lines count with it (the last of them)."""

    place: int
    start: int
    end: int
    message: int
    tag: int
    host: int
    anchors: tuple[int, ...]
    lines: int
    last: int


class Candidates:
    """Tries the candidate lines of one page after another."""

    def __init__(self, scan: TextScan) -> None:
        """Nothing at hand yet."""
        self._scan = scan
        self._index = scan.index
        self._signatures = len(self._index.texts)
        self._upid = self._signatures + ANCHORS.index(UPID)
        self._tries: dict[tuple[str, tuple[int, ...]], Tries] = {}
        self._relevant: dict[str, Mask] = {}
        self._table: Mask = np.zeros((0, 0), np.bool_)
        self._programs: list[str] = []
        self._templates: dict[int, Templates] = {}
        self._todo: list[Todo] = []
        self._next = 0
        self._places: Indexes
        self._anchors: Indexes
        self._lines: Page
        self._rows: Rows
        self._columns: Columns

    def page(self, lines: Page, rows: Rows, columns: Columns, hits: list[int]) -> Indexes:
        """Make a page the one at hand; gives the lines that only the reader of lines can judge."""
        self._lines, self._rows, self._columns = lines, rows, columns
        codes = np.array(hits, np.int64)
        places, anchors = np.searchsorted(lines.ends, codes >> CODE_BITS), codes & _INDEX
        marked = anchors >= self._scan.anchors
        repeated = places[marked]
        codes = np.unique(places[~marked] << CODE_BITS | anchors[~marked])
        self._places, self._anchors = codes >> CODE_BITS, codes & _INDEX
        unique = self._places[_firsts(self._places)]
        return np.concatenate((repeated, np.array(self._with_second_head(unique[rows.ok[unique]]), np.int64)))

    def _with_second_head(self, places: Indexes) -> list[int]:
        """Lines in which another record may stand behind the first."""
        data = self._lines.data
        find = data.find
        bounds = zip(places.tolist(), self._rows.message[places].tolist(), self._lines.ends[places].tolist(), strict=True)
        maybe = [(place, begin, end) for place, begin, end in bounds if find(b"]: ", begin, end) >= 0]
        return [place for place, begin, end in maybe if second_head(data[begin:end].decode("utf-8", "replace"))]

    def choose(self, feed: Mask) -> dict[int, set[int]]:
        """The anchors of the lines that will be fed; those of the others are kept for `take`, if they mean anything there."""
        places, anchors, rows = self._places, self._anchors, self._rows
        fed = feed[places]
        found: dict[int, set[int]] = {}
        for place, anchor in zip(places[fed].tolist(), anchors[fed].tolist(), strict=True):
            found.setdefault(place, set()).add(anchor)
        wanted = ~fed & self._matrix()[rows.tag[places], anchors]
        places, anchors = places[wanted], anchors[wanted]
        begins = _firsts(places)
        ends = np.append(begins[1:], len(places))
        places = places[begins]
        counts, lasts = self._storms(places, np.where(ends - begins == 1, anchors[begins], -1), feed)
        kept = np.flatnonzero(counts)
        texts = anchors.tolist()
        groups = [tuple(texts[begin:end]) for begin, end in zip(begins[kept].tolist(), ends[kept].tolist(), strict=True)]
        here = places[kept]
        columns = (here, self._lines.starts[here], self._lines.ends[here], rows.message[here], rows.tag[here], rows.host[here])
        self._todo = list(map(Todo, *(column.tolist() for column in columns), groups, counts[kept].tolist(), lasts[kept].tolist()))
        self._next = 0
        return found

    def _storms(self, places: Indexes, anchors: Indexes, feed: Mask) -> tuple[Indexes, Indexes]:
        """How many lines each candidate stands for (0: it is counted with an earlier one, or matches nothing), and the last of them.

        Lines of one host, program and minute between the same fed lines that begin with one template count together.
        """
        counts, lasts = np.ones(len(places), np.int64), places.copy()
        templates = self._templates.get(id(self._columns))
        if templates is None:
            return counts, lasts
        rows, tags = self._rows, self._rows.tag[places]
        keys = tags << CODE_BITS | anchors
        gaps = np.cumsum(feed)
        for code in np.unique(keys[anchors >= 0]).tolist():
            key = code >> CODE_BITS, code & _INDEX
            if key not in templates:
                continue
            alike = np.flatnonzero(keys == code)
            found, known = templates.find(self._lines.words, rows.message[places[alike]], key)
            alike, found = alike[found >= 0], found[found >= 0]
            matched = np.array([template.matched for template in known], np.bool_)[found]
            counts[alike[~matched]] = 0
            alike, found = alike[matched], found[matched]
            forms = np.array([template.leveled for template in known], np.int64)[found]
            here = places[alike]
            groups = np.stack((rows.at[here] // (60 * SECOND), gaps[here], rows.host[here], forms))
            order = np.lexsort(groups)
            changes = np.flatnonzero((np.diff(groups[:, order]) != 0).any(axis=0)) + 1
            for group in np.split(alike[order], changes):
                if len(group) > 1:
                    counts[group] = 0
                    counts[group[0]] = len(group)
                    lasts[group[0]] = places[group[-1]]
        return counts, lasts

    def _matrix(self) -> Mask:
        """Which anchor can mean anything on a line of which tag."""
        programs = self._columns.heads.programs
        if len(self._table) != len(programs) or self._programs is not programs:
            self._table, self._programs = np.stack([self._row(program) for program in programs]), programs
        return self._table

    def _row(self, program: str) -> Mask:
        row = self._relevant.get(program)
        if row is None:
            row = np.ones(self._scan.anchors, np.bool_)
            for anchor, users in enumerate(self._index.users):
                row[anchor] = any(self._index.signatures[number].fits(program, "") for number in users)
            self._relevant[program] = row
        return row

    def take(self, first: int, begin: int, end: int) -> None:
        """Try the candidates among lines `begin` to `end` of the page; `first` is the number of its first line."""
        shown = begin
        if self._scan.collector.waits:  # a record among the lines that were fed before
            shown = min(end, begin + NEIGHBOURS)
            self._show(first, begin, shown)
        todo = self._todo
        while self._next < len(todo) and todo[self._next].place < end:
            self._try(first, todo[self._next])
            self._next += 1
        self._show(first, max(shown, end - NEIGHBOURS), end)

    def _show(self, first: int, begin: int, end: int) -> None:
        """Let the collector see lines as neighbours."""
        for place, text in enumerate(self._texts(begin, end) if begin < end else [], begin):
            self._scan.collector.neighbour(first + place, text)

    def _texts(self, begin: int, end: int) -> list[str]:
        lines = self._lines
        block = lines.data[lines.starts.item(begin) : lines.ends.item(end - 1)].decode("utf-8", "replace")
        return [text.rstrip("\r") for text in block.split("\n")]

    def _near(self, place: int) -> Near:
        """The neighbours of a line; both ends of a page are fed, so that there are some."""
        texts = [text[:LONGEST_NEIGHBOUR] for text in self._texts(place - NEIGHBOURS, place + NEIGHBOURS + 1)]
        return tuple(texts[:NEIGHBOURS]), texts[NEIGHBOURS + 1 :]

    def _try(self, first: int, todo: Todo) -> None:
        """Try one line."""
        place, start, end, begin, tag, _, anchors, _, _ = todo
        program = self._columns.heads.programs[tag]
        tries = self._tries.get((program, anchors))
        if tries is None:
            tries = self._make_tries(program, anchors)
        data = self._lines.data
        hinting = anchors[-1] >= self._signatures
        if hinting and anchors[-1] == self._upid and (len(anchors) == 1 or anchors[-2] < self._signatures):
            hinting = not self._scan.hints.is_stale(data[start:end])
        if not tries and not hinting:
            return
        message = data[begin:end].decode("utf-8", "replace").rstrip("\r")
        head = data[start:begin].decode("ascii")
        if hinting:
            self._scan.hints.look(first + place, head + message, self._columns.stamp(self._lines, self._rows, place))
        pid = head[head.rindex("[") + 1 : -3] if data[begin - 3] == _CLOSING else ""
        text, uptime = message, None
        if program == "kernel":
            uptime, skipped = uptime_before(message)
            text = message[skipped:]
        for signature, search in tries:
            if signature.pid and pid and pid != signature.pid:
                continue
            match = search(text, 0, LONGEST_MESSAGE)
            if match is not None:
                whole = head + message
                line = Line(None, "", program, pid, text, len(whole) - len(text), uptime)
                self._add(first, todo, whole, line, signature, match)
                if signature is tries[0][0] and signature.storm and len(anchors) == 1:
                    self._learned().learn((tag, anchors[0]), signature, program, text)
                return
        if len(anchors) == 1 and not hinting and not any(signature.pid for signature, _ in tries):
            self._learned().learn_miss((tag, anchors[0]), data[begin:end])

    def _add(self, first: int, todo: Todo, text: str, line: Line, signature: Signature, match: re.Match[str]) -> None:
        """Hand a match to the collector."""
        scan, columns = self._scan, self._columns
        stamp = columns.stamp(self._lines, self._rows, todo.place)
        host, boot = columns.heads.hosts[todo.host].name, scan.coverage.boot
        near = None if scan.collector.fold(signature, host, line.program, boot, stamp) else self._near(todo.place)
        line = line._replace(stamp=stamp, host=host)
        draft = scan.collector.add(
            first + todo.place, text, line, signature, match,
            boot=boot, offset=line.message_offset, near=near, count=todo.lines, lines=todo.lines,
        )  # fmt: skip
        if draft is not None and todo.lines > 1:
            draft.repeat(0, first + todo.last, columns.stamp(self._lines, self._rows, todo.last))

    def _learned(self) -> Templates:
        return self._templates.setdefault(id(self._columns), Templates())

    def _make_tries(self, program: str, anchors: tuple[int, ...]) -> Tries:
        """The signatures that these anchors stand for and that this program may be tried on, in pack order."""
        if len(self._tries) > _MOST_KNOWN:
            self._tries.clear()
        signatures = [self._index.signatures[number] for number in self._index.of_anchors(set(anchors))]
        tries = tuple((signature, signature.pattern.search) for signature in signatures if signature.fits(program, ""))
        self._tries[program, anchors] = tries
        return tries


def _firsts(places: Indexes) -> Indexes:
    """Where a sorted row of numbers changes, its begin included."""
    return np.flatnonzero(np.concatenate((np.ones(min(1, len(places)), np.bool_), places[1:] != places[:-1])))
