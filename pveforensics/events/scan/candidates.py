"""Candidates: lines in fixed columns that hold an anchor, taken apart by their columns and tried on the signatures."""

from __future__ import annotations

import itertools
import re
from array import array
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pveforensics.events.formats import Line
from pveforensics.events.formats.line import uptime_before
from pveforensics.events.scan.anchored import HitLines, Hits
from pveforensics.events.scan.collector import LONGEST_NEIGHBOUR, NEIGHBOURS, Near, is_leveled
from pveforensics.events.scan.columns import Columns, Rows
from pveforensics.events.scan.grouping import Groups, firsts, grouped, locate
from pveforensics.events.scan.lines import TextScan, second_head
from pveforensics.events.scan.matcher import CODE_BITS, LITERAL
from pveforensics.events.scan.meanings import Meanings, tried
from pveforensics.events.scan.shelving import DENSE, Shelving
from pveforensics.events.scan.templates import Template, Templates
from pveforensics.events.scan.words import Indexes, Mask, Page
from pveforensics.events.signatures import LONGEST_MESSAGE, Signature
from pveforensics.timebase import SECOND

_MOST_KNOWN = 50_000
_FEW = 3
"""Lines that are sooner read one by one than compared with what was learned."""

_SEVERAL = -1
"""Stands for no tag with an anchor."""

_CLOSING = ord("]")


Tries = tuple[tuple[Signature, Callable[[str, int, int], re.Match[str] | None]], ...]


class Todo(NamedTuple):
    """A candidate: its place in the page, offsets, tag and host, its anchors, and how many lines count with it: the last and the newest of them."""

    place: int
    start: int
    end: int
    message: int
    tag: int
    host: int
    anchors: tuple[int, ...]
    lines: int
    last: int
    newest: int


class Candidates:
    """Tries the candidate lines of one page after another."""

    def __init__(self, scan: TextScan) -> None:
        """Nothing at hand yet."""
        self._scan = scan
        self._index = scan.index
        self._signatures = len(self._index.texts)
        self._tries: dict[tuple[str, tuple[int, ...]], Tries] = {}
        self._shelving = Shelving(scan)
        self._meanings = Meanings(scan.index, shelves=scan.collector.everyday is not None)
        self._hints: list[tuple[int, int]] = []
        self._next_hint = 0
        self._hinted = -1
        self._templates: dict[int, Templates] = {}
        self._learnt: set[int] = set()
        self._todo: list[Todo] = []
        self._next = 0
        self._codes: Indexes
        self._repeated: Indexes
        self._unique: Indexes
        self._heads: HitLines
        self._lines: Page
        self._rows: Rows
        self._columns: Columns

    def locate(self, lines: Page, hits: array[int], found: Hits | None) -> Indexes:
        """Take the hits of the next page, which may be `found` in it already; gives the lines in which they stand, in order."""
        if found is not None:
            self._codes, self._repeated, self._unique = found.codes, found.repeated, found.lines.lines
        else:
            self._codes, self._repeated = locate(lines, hits, self._scan.anchors)
            places = self._codes >> CODE_BITS
            self._unique = places[firsts(places)]
        return self._unique

    def by_line(self) -> dict[int, set[int]]:
        """Which anchors stand in which line."""
        return _by_line(self._codes)

    def page(self, lines: Page, rows: Rows, columns: Columns) -> list[int]:
        """Make the page of these hits the one at hand; gives the lines that only the reader of lines can judge."""
        self._lines, self._rows, self._columns = lines, rows, columns
        if rows.hits is not None:
            self._heads, maybe = rows.hits.lines, rows.hits.seconds
        else:
            hit = self._unique
            self._heads = HitLines(hit, rows.tag[hit], rows.message[hit])
            maybe = np.flatnonzero(rows.ok[hit])
            maybe = maybe[lines.holding(self._heads.messages[maybe], lines.ends[hit[maybe]], b"]: ")]
        places, messages = self._unique[maybe].tolist(), self._heads.messages[maybe].tolist()
        two = [place for place, message in zip(places, messages, strict=True) if second_head(lines.text(place, message))]
        return [*self._repeated.tolist(), *two]

    def choose(self, feed: Mask) -> dict[int, set[int]]:
        """The anchors of the lines that will be fed; those of the others are kept for `take`, if they mean anything there."""
        lines, rows = self._lines, self._rows
        self._tell_programs()
        self._meanings.learn(self._columns.heads.programs)
        groups = grouped(lines, self._codes, self._heads, feed, rows, self._meanings)
        self._hints = [(code >> CODE_BITS, code & LITERAL) for code in groups.hints.tolist()]
        self._next_hint, self._hinted = 0, -1
        left = self._shelving.choose(lines, rows, groups)
        storms = self._storms_among(groups, left)
        folded = self._folded(storms, groups, left, feed) if storms else None
        if folded is not None:
            kept = np.flatnonzero(folded[0])
            left, folded = left[kept], [column[kept].tolist() for column in folded]
        here = groups.places[left]
        literals = _stretches(groups.literals, groups.begins[left], groups.sizes[left])
        columns = (lines.starts[here], lines.ends[here], groups.messages[left], groups.tags[left], rows.host[here])
        places = here.tolist()
        counts = folded or (itertools.repeat(1), places, places)
        self._todo = list(map(Todo, places, *(column.tolist() for column in columns), literals, *counts))
        self._next = 0
        return _by_line(groups.fed)

    def _tell_programs(self) -> None:
        """Tell who wrote the lines with an anchor: what was learned behind the first lines from a line without one is not told yet."""
        programs, told = self._columns.heads.programs, self._scan.programs
        untold = {tag for tag, program in enumerate(programs) if program and program not in told}
        if untold:
            tags = self._heads.tags[self._rows.ok[self._heads.lines]].tolist()
            self._scan.wrote(programs[tag] for tag in untold.intersection(tags))

    def _hint(self, first: int, place: int, anchor: int) -> None:
        """Look at a line, unless that was done for another anchor in it."""
        hints, lines = self._scan.hints, self._lines
        if hints.due(anchor, self._rows.at.item(place)) and place != self._hinted:
            self._hinted = place
            hints.look(first + place, lines.text(place), self._columns.stamp(lines, self._rows, place))

    def _storms_among(self, groups: Groups, left: Indexes) -> list[int]:
        """Tags with a single anchor, as codes, that stand in so many of these candidates that those are folded before anything is made of them."""
        self._learnt.clear()
        if len(left) <= _FEW:
            return []
        learned = self._learned()
        alike = Counter(_tag_and_anchor(groups, left).tolist())
        del alike[_SEVERAL]
        return [code for code, lines in alike.items() if lines > (_FEW if _key(code) in learned else DENSE)]

    def _folded(self, storms: list[int], groups: Groups, left: Indexes, feed: Mask) -> list[Indexes]:
        """How many lines each candidate stands for (0: it is counted with an earlier one, or matches nothing), and the last and the newest of them.

        Lines of one host, program and minute between the same fed lines that begin with one template count together.
        """
        rows = self._rows
        places, messages, codes = groups.places[left], groups.messages[left], _tag_and_anchor(groups, left)
        counts, lasts, newest = np.ones(len(places), np.int64), places.copy(), places.copy()
        gaps = np.cumsum(feed)
        for code in storms:
            alike = np.flatnonzero(codes == code)
            found, known = self._templates_of(places[alike], messages[alike], _key(code))
            alike, found = alike[found >= 0], found[found >= 0]
            matched = np.array([template.matched for template in known], np.bool_)[found]
            counts[alike[~matched]] = 0
            alike, found = alike[matched], found[matched]
            self._learnt.update(places[alike].tolist())
            forms = np.array([template.leveled for template in known], np.int64)[found]
            here = places[alike]
            told_by = np.stack((rows.at[here] // (60 * SECOND), gaps[here], rows.host[here], forms))
            order = np.lexsort(told_by)
            changes = np.flatnonzero((np.diff(told_by[:, order]) != 0).any(axis=0)) + 1
            for group in np.split(alike[order], changes):
                if len(group) > 1:
                    counts[group] = 0
                    counts[group[0]] = len(group)
                    lasts[group[0]] = places[group[-1]]
                    newest[group[0]] = places[group[rows.at[places[group]].argmax()]]
        return [counts, lasts, newest]

    def _templates_of(self, places: Indexes, messages: Indexes, key: tuple[int, int]) -> tuple[Indexes, list[Template]]:
        """The template of each line, -1 for none; of a storm that is new some lines are looked at first, so that the others are not."""
        templates = self._learned()
        while True:
            found, known = templates.find(self._lines, messages, key)
            unknown = np.flatnonzero(found < 0)
            if len(unknown) <= DENSE or not self._teach(places.item(unknown[0]), messages.item(unknown[0]), key):
                return found, known

    def _teach(self, place: int, begin: int, key: tuple[int, int]) -> bool:
        """Learn from the message of one line with a tag and a single anchor; true if there is a template more."""
        program = self._columns.heads.programs[key[0]]
        signatures = tried(self._index, program, key[1])
        if not signatures or not signatures[0].storm:
            return False
        message = self._lines.text(place, begin)
        return signatures[0].search(message) is not None and self._learned().learn(key, signatures[0], program, message)

    def take(self, first: int, begin: int, end: int) -> None:
        """Try the candidates among lines `begin` to `end` of the page; `first` is the number of its first line."""
        shown = begin
        if self._scan.collector.waits:  # a record among the lines that were fed before
            shown = min(end, begin + NEIGHBOURS)
            self._show(first, begin, shown)
        self._shelving.pass_by(begin)
        while self._next_hint < len(self._hints) and self._hints[self._next_hint][0] < end:
            self._hint(first, *self._hints[self._next_hint])
            self._next_hint += 1
        todo = self._todo
        while self._next < len(todo) and todo[self._next].place < end:
            self._try(first, todo[self._next])
            self._next += 1
        self._show(first, max(shown, end - NEIGHBOURS), end)

    def leave(self, first: int) -> None:
        """All lines of the page have been fed or taken."""
        self._shelving.keep(first, self._lines, self._rows, self._columns)

    def _show(self, first: int, begin: int, end: int) -> None:
        """Let the collector see lines as neighbours."""
        for place, text in enumerate(self._texts(begin, end) if begin < end else [], begin):
            self._scan.collector.neighbour(first + place, text)

    def _texts(self, begin: int, end: int) -> list[str]:
        lines = self._lines
        block = lines.data[lines.starts.item(begin) : lines.ends.item(end - 1)].decode("utf-8", "replace")
        texts = block.split("\n")
        return [text.rstrip("\r") for text in texts] if "\r" in block else texts

    def _near(self, place: int) -> Near:
        """The neighbours of a line; both ends of a page are fed, so that there are some."""
        texts = [text[:LONGEST_NEIGHBOUR] for text in self._texts(place - NEIGHBOURS, place + NEIGHBOURS + 1)]
        return tuple(texts[:NEIGHBOURS]), texts[NEIGHBOURS + 1 :]

    def _try(self, first: int, todo: Todo) -> None:
        """Try one line."""
        place, start, end, begin, tag, _, anchors, _, _, _ = todo
        program = self._columns.heads.programs[tag]
        tries = self._tries.get((program, anchors))
        if tries is None:
            tries = self._make_tries(program, anchors)
        if not tries:
            return
        data = self._lines.data
        message = self._lines.text(place, begin)
        head = data[start:begin].decode("ascii")
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
                self._add(first, todo, head + message, (program, pid, text, uptime), signature, match)
                if signature is tries[0][0] and signature.storm and len(anchors) == 1 and place not in self._learnt:
                    self._learned().learn((tag, anchors[0]), signature, program, text)
                return
        if len(anchors) == 1 and not any(signature.pid for signature, _ in tries):
            self._learned().learn_miss((tag, anchors[0]), data[begin:end])

    def _add(
        self, first: int, todo: Todo, whole: str, parts: tuple[str, str, str, int | None], signature: Signature, match: re.Match[str]
    ) -> None:
        """Hand a match to the collector, in a line of these parts: program, pid, message and uptime."""
        scan, columns, (program, pid, text, uptime) = self._scan, self._columns, parts
        stamp = columns.stamp(self._lines, self._rows, todo.place)
        host, boot = columns.heads.hosts[todo.host].name, scan.coverage.boot
        if (shelf := scan.collector.shelf_for(signature, whole)) is not None:
            number, leveled = self._index.numbers[signature.id], is_leveled(program, text)
            line_bytes = whole.encode("utf-8", "replace")
            kept = shelf.add(first + todo.place, line_bytes, stamp, host, number, boot, count=todo.lines, leveled=leveled)
            if kept is not None and todo.lines > 1:
                kept.repeat(0, first + todo.last, columns.stamp(self._lines, self._rows, todo.newest))
            return
        near = None if scan.collector.fold(signature, host, program, boot, stamp) else self._near(todo.place)
        line = Line(stamp, host, program, pid, text, len(whole) - len(text), uptime)
        draft = scan.collector.add(
            first + todo.place, whole, line, signature, match,
            boot=boot, offset=line.message_offset, near=near, count=todo.lines, lines=todo.lines,
        )  # fmt: skip
        if draft is not None and todo.lines > 1:
            draft.repeat(0, first + todo.last, columns.stamp(self._lines, self._rows, todo.last))

    def _learned(self) -> Templates:
        return self._templates.setdefault(id(self._columns), Templates())

    def _make_tries(self, program: str, anchors: tuple[int, ...]) -> Tries:
        if len(self._tries) > _MOST_KNOWN:
            self._tries.clear()
        tries = self._tries[program, anchors] = tuple((one, one.pattern.search) for one in tried(self._index, program, *anchors))
        return tries


def _tag_and_anchor(groups: Groups, left: Indexes) -> Indexes:
    """Tag and anchor of each of these lines as one code, `_SEVERAL` for one with several anchors."""
    codes = groups.tags[left] << CODE_BITS | groups.literals[groups.begins[left]]
    return np.where(groups.sizes[left] == 1, codes, _SEVERAL)


def _key(code: int) -> tuple[int, int]:
    """The tag and the anchor of a code."""
    return code >> CODE_BITS, code & LITERAL


def _stretches(numbers: Indexes, begins: Indexes, sizes: Indexes) -> list[tuple[int, ...]]:
    """Stretches of a row of numbers; where they are few the others do not become objects."""
    bounds = zip(begins.tolist(), (begins + sizes).tolist(), strict=True)
    if len(begins) * 8 < len(numbers):
        return [tuple(numbers[begin:end].tolist()) for begin, end in bounds]
    every = numbers.tolist()
    return [tuple(every[begin:end]) for begin, end in bounds]


def _by_line(codes: Indexes) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for code in codes.tolist():
        found.setdefault(code >> CODE_BITS, set()).add(code & LITERAL)
    return found
