"""TextScan: reads a text log line by line: heads, continuations, separators, repeats, NUL runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from pveforensics.events.formats import Format, Line, LineReader
from pveforensics.events.formats.peel import before_text
from pveforensics.events.scan.collector import Collector, Draft, is_leveled
from pveforensics.events.scan.coverage import RunBuilder
from pveforensics.events.scan.hints import ANCHORS, Hints
from pveforensics.events.scan.layout import SHAPES, has_date
from pveforensics.events.scan.pieces import LONGEST_LINE
from pveforensics.events.signatures import LONGEST_MESSAGE, SignatureIndex
from pveforensics.lazyregex import regex
from pveforensics.readings import NulRun, Stamp

if TYPE_CHECKING:
    from pveforensics.events.scan.everyday import Kept
    from pveforensics.events.waiting import EverydayFile

NAMED = 50_000
"""Lines of a file of which each tells who wrote it. Of those behind, only lines with an anchor do, and a line that begins with a stamp and host as earlier ones
did is counted as one of them, whatever tag it has: they say nothing new."""

MOST_CONTINUATIONS = 4
MOST_NAMES = 1_000
MOST_NUL_RUNS = 2_000

_SEPARATOR = regex(r"[\s>|#*`]*-- (?:Boot (?P<id>[0-9a-f]{32})|Reboot) --")
_REPEATED = regex(r"message repeated (?P<times>\d{1,9}) times: \[ ?(?P<text>.*?)\]?$", re.DOTALL)
_LAST_REPEATED = regex(r"(?:\S+ )?last message repeated (?P<times>\d{1,9}) times")
_SECOND_HEAD = regex(
    r"(?<=[\s.\]])(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,15}) (?P<host>\S+) [\w./-]+\[\d+\]: "
)
# What ends a record and is none itself: prompts, headings, bullets, fences, table rows, elisions, journalctl's own lines.
_NOISE = regex(
    r"\s*(?:[|#>●○×*↻•$]|\.\.\.|…|\[\.\.\.\]|---|===|```|~~~|-- |<[ \w]+>\s*$|\[?[\w.-]+@[\w.-]+[ :][^#$]{0,80}[#$](?: |$)|lines \d+-\d+)"
)
_STATUS_FIELD = regex(r"\s+(?:Loaded|Active|Drop-In|Docs|Process|Main PID|Tasks|Memory|CPU|CGroup|Invocation|Status|TriggeredBy): ")


def second_head(message: str) -> re.Match[str] | None:
    """The stamp and head of another record inside a message, where it may be reached by a signature."""
    return _SECOND_HEAD.search(message, 0, LONGEST_MESSAGE)


class _Open(Struct):
    """The record at hand, which lines without a head may continue."""

    number: int
    text: str
    line: Line
    matched: bool
    parts: list[tuple[int, str, set[int] | None]] = field(default_factory=list)


class TextScan:
    """What one pass over a text log gathers."""

    def __init__(self, index: SignatureIndex, shelf: EverydayFile | None = None) -> None:
        """`index` numbers the anchors that `feed` is told of; with a `shelf` everyday lines are kept as they stand."""
        self.index = index
        self.anchors = len(index.texts) + len(ANCHORS)
        self.reader = LineReader()
        self.collector = Collector(shelf)
        self.coverage = RunBuilder()
        self.hints = Hints()
        self.hosts: Counter[str] = Counter()
        self.programs: set[str] = set()
        self.nul_runs: list[NulRun] = []
        self.lines = 0
        self.recognized = 0
        self.cut = 0
        self._begins: dict[tuple[int, str], Format] = {}
        self._open: _Open | None = None
        self._previous: Draft | Kept | None = None
        self._unclosed: list[tuple[int, int]] = []

    def feed(self, number: int, raw: str, found: set[int] | None, nuls: int = 0) -> None:
        """One physical line, or the rest of one behind NUL bytes; `found` are the anchors that stand in it."""
        self.lines = number
        text = raw.rstrip("\r")
        if len(text) > LONGEST_LINE:
            text = text[:LONGEST_LINE]
            self.cut += 1
        if nuls:
            self._end_record()
            self._note_nuls(number, nuls, text)
        self.collector.neighbour(number, text)
        if not text or text.isspace():
            self._end_record()
            return
        read = self.reader.take_apart(text)
        if read is None:
            self._loose(number, text, found)
            return
        self._end_record()
        self._head(number, text, read, found)

    @property
    def crowded(self) -> bool:
        """True where so many names were seen that each further one must be looked at."""
        return len(self.programs) * 2 > MOST_NAMES or len(self.hosts) * 2 > MOST_NAMES

    def wrote(self, programs: Iterable[str]) -> None:
        """Note who wrote lines with an anchor that were not fed."""
        for program in programs:
            if len(self.programs) < MOST_NAMES:
                self.programs.add(program)

    def count(self, shape: Format, stamp: int, lines: int, hosts: Mapping[str, int]) -> None:
        """Note lines of one shape and length of stamps that were not fed, since they fit it and hold nothing; their hosts and programs are known."""
        self.recognized += lines
        self.reader.note(shape, lines)
        for host, number in hosts.items():
            self.hosts[host] += number
            self._begins[stamp, host] = shape

    def take_entry(self, number: int, text: str, line: Line, found: set[int] | None) -> None:
        """One entry of a journal stream; `text` is the line of the file that shows it, where its message may be escaped."""
        self._note(number, line)
        if found:
            self._hint(number, line.message, line.stamp, found)
            hit = self.index.first(self.index.of_anchors(found), line.program, line.pid, line.message)
            if hit is not None:
                at = text.find(hit[1].group()) if hit[1].group() else -1
                self.collector.add(number, text, line, *hit, boot=self.coverage.boot, offset=at - hit[1].start() if at >= 0 else None)

    def finish(self) -> None:
        """The file has ended."""
        self._end_record()
        self.coverage.close()

    def _head(self, number: int, text: str, read: tuple[Format, Line], found: set[int] | None) -> None:
        """A line with a head, and the records behind it that lost the line end before them."""
        named, whole = number <= NAMED or bool(found), True
        while True:
            line = read[1]
            self._count(number, text, read, named=named)
            if "message repeated" in line.message and (again := _LAST_REPEATED.match(line.message)):
                if self._previous is not None:
                    self._previous.repeat(int(again["times"]), number, line.stamp)
                return
            second = second_head(line.message) if found else None
            if not (found and second and second["host"] == line.host and second.start() > 1):
                break
            following = self._second(number, text, line, found, second.start())
            if following is None:
                return
            read, whole = following, False
        self._previous = self._try(number, text, line, found, whole=whole) if found else None
        self._open = _Open(number, text, line, self._previous is not None)

    def _second(self, number: int, text: str, line: Line, found: set[int], at: int) -> tuple[Format, Line] | None:
        """Two records that lost the line end between them, as long as both are of one host: tries the first and gives the second."""
        self._try(number, text, replace(line, message=line.message[:at]), found)
        start = line.message_offset + at
        read = self.reader.take_apart(text[start:])
        return (read[0], replace(read[1], message_offset=read[1].message_offset + start)) if read is not None else None

    def _count(self, number: int, text: str, read: tuple[Format, Line], *, named: bool) -> None:
        """Count a line of a text that has a head; its program if it is `named`."""
        shape, line = read
        begin = _begin(text, line)
        known = self._begins.get(begin) if begin is not None and shape.weak and not named and has_date(text) else None
        if begin is not None and known is not None:
            self.reader.note(known)
            self._note(number, replace(line, host=begin[1], program=""))
            return
        if begin is not None and shape.name in SHAPES and line.host == begin[1]:
            self._begins[begin] = shape
        self.reader.note(shape)
        self._note(number, line if named else replace(line, program=""))

    def _note(self, number: int, line: Line) -> None:
        """Count what every line with a head tells: time, host, program."""
        self.recognized += 1
        if line.stamp is not None:
            self.coverage.add(line.stamp, number)
            for place, nul in self._unclosed:
                self.nul_runs[place] = NulRun(
                    nul, self.nul_runs[place].length, self.nul_runs[place].before, line.stamp, self.nul_runs[place].text
                )
            self._unclosed.clear()
        if line.host and (line.host in self.hosts or len(self.hosts) < MOST_NAMES):
            self.hosts[line.host] += 1
        if line.program and len(self.programs) < MOST_NAMES:
            self.programs.add(line.program)

    def _hint(self, number: int, text: str, stamp: Stamp | None, found: set[int]) -> None:
        first = len(self.index.texts)
        if hinting := sorted(anchor - first for anchor in found if anchor >= first):
            self.hints.look_if_due(number, text, stamp, hinting)

    def _try(self, number: int, text: str, line: Line, found: set[int], *, whole: bool = False) -> Draft | Kept | None:
        """Look for a signature in one line; hints are looked for as well. `whole` says that the line is just this message with its head."""
        self._hint(number, text, line.stamp, found)
        message, offset, count = line.message, line.message_offset, 1
        if message.startswith("message repeated") and (repeated := _REPEATED.match(message[: LONGEST_MESSAGE * 2])):
            count = max(1, int(repeated["times"]))
            message, offset = repeated["text"], offset + repeated.start("text")
        hit = self.index.first(self.index.of_anchors(found), line.program, line.pid, message)
        if hit is None:
            return None
        if whole and count == 1 and (shelf := self.collector.shelf_for(hit[0], text)) is not None:
            leveled = is_leveled(line.program, message)
            return shelf.add(
                number,
                text.encode("utf-8", "replace"),
                line.stamp,
                line.host,
                self.index.numbers[hit[0].id],
                self.coverage.boot,
                leveled=leveled,
            )
        return self.collector.add(number, text, replace(line, message=message), *hit, boot=self.coverage.boot, offset=offset, count=count)

    def _loose(self, number: int, text: str, found: set[int] | None) -> None:
        """A line without a head: a separator, the continuation of a record, or what stands alone."""
        separator = _SEPARATOR.match(text)
        if separator:
            self._end_record()
            self.coverage.new_boot()
            self.collector.add_boot(number, text, None, "", self.coverage.boot, separator["id"] or "")
            return
        if _NOISE.match(text) or _STATUS_FIELD.match(text):
            self._end_record()
        opened = self._open
        if opened is None:
            if found:
                start = before_text(text)
                self._try(number, text, Line(None, "", "", "", text[start:], start), found)
            return
        opened.parts.append((number, text, found))
        if len(opened.parts) >= MOST_CONTINUATIONS:
            self._end_record()

    def _end_record(self) -> None:
        """Close the open record: what was cut apart is searched as one text, and then each continuation by itself."""
        opened, self._open = self._open, None
        if opened is None or not opened.parts:
            return
        matched = opened.matched or self._try_joined(opened)
        if not matched or opened.matched:
            for number, text, found in opened.parts:
                if found:
                    start = before_text(text)
                    self._try(number, text, replace(opened.line, message=text[start:], message_offset=start), found)

    def _try_joined(self, opened: _Open) -> bool:
        """Wrapped by hand or by a mailer: joined with a blank, or without one where a word was cut."""
        head, line = opened.text, opened.line
        rest = [text.strip() for _, text, _ in opened.parts]
        for whole in (_joined(head, rest, " "), _joined(head, rest, "")):
            message = whole[line.message_offset :][:LONGEST_MESSAGE]
            hit = self.index.first(self.index.of_text(message), line.program, line.pid, message)
            if hit is not None:
                self.hints.look(opened.number, whole, line.stamp)
                made = replace(line, message=message)
                self.collector.add(opened.number, whole, made, *hit, boot=self.coverage.boot, offset=line.message_offset)
                return True
        return False

    def _note_nuls(self, number: int, length: int, text: str) -> None:
        if len(self.nul_runs) >= MOST_NUL_RUNS:
            return
        self._unclosed.append((len(self.nul_runs), number))
        self.nul_runs.append(NulRun(number, length, self.coverage.latest, None, text[:500]))


def _begin(text: str, line: Line) -> tuple[int, str] | None:
    """The length of a line's stamp and the word behind it, which is the host in most logs; None if one blank does not part them."""
    if line.stamp is None or not text.startswith(line.stamp.text):
        return None
    length = len(line.stamp.text)
    end = text.find(" ", length + 1)
    return (length, text[length + 1 : end]) if end > length + 1 and text[length] == " " else None


def _joined(head: str, rest: list[str], between: str) -> str:
    whole = head
    for part in rest:
        whole = whole[:-1] + part if whole.endswith("=") else whole.rstrip() + between + part
    return whole
