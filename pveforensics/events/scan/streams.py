"""journalctl's JSON and export streams into the same gatherings as text logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pveforensics.events.formats.journal_streams import Entry, JsonEntries, VerboseEntries, export_entries
from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.matcher import Matcher
from pveforensics.events.scan.pieces import batches
from pveforensics.events.scan.sink import LineSink

_ENTRIES = 2_000
_CHARACTERS = 1 << 20


class ChunkReader:
    """Chunks as a stream with `read` and `readline`."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Nothing is read yet."""
        self._chunks = iter(chunks)
        self._buffer = b""
        self._at = 0

    def _more(self) -> bool:
        chunk = next((part for part in self._chunks if part), b"")
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        while len(self._buffer) - self._at < size and self._more():
            pass
        part = self._buffer[self._at : self._at + size]
        self._at += len(part)
        return part

    def readline(self, limit: int) -> bytes:
        """A line with its newline; of a longer one the first `limit` bytes, the rest of it is dropped."""
        newline = self._buffer.find(b"\n", self._at)
        while newline < 0 and len(self._buffer) - self._at <= limit:
            if not self._more():
                break
            newline = self._buffer.find(b"\n", self._at)
        end = newline + 1 if newline >= 0 else len(self._buffer)
        line = self._buffer[self._at : end]
        self._at = end
        if newline < 0 and len(line) > limit:
            self._drop_line()
            return line[:limit] + b"\n"
        return line if len(line) <= limit else line[:limit] + b"\n"

    def _drop_line(self) -> None:
        while self._more():
            newline = self._buffer.find(b"\n", self._at)
            if newline >= 0:
                self._at = newline + 1
                return
            self._at = len(self._buffer)


def scan_lines(
    chunks: Iterable[bytes],
    scan: TextScan,
    matcher: Matcher,
    problems: list[str],
    reader: JsonEntries | VerboseEntries,
    sink: LineSink | None = None,
) -> None:
    """Streams of lines: JSON, one entry each or (`json-pretty`) one entry over several, and `verbose`."""

    def entries() -> Iterator[Entry]:
        for batch in batches(chunks):
            for place, raw in enumerate(batch.data.split(b"\n")):
                scan.lines = batch.first + place
                entry = reader.feed(batch.first + place, raw.decode("utf-8", "replace").rstrip("\r"))
                if entry is not None:
                    yield entry
        if (entry := reader.finish()) is not None:
            yield entry

    _take(entries(), scan, matcher, sink)
    if reader.damaged:
        problems.append(f"{reader.damaged} entries are no whole JSON object")


def scan_export(chunks: Iterable[bytes], scan: TextScan, matcher: Matcher, problems: list[str], sink: LineSink | None = None) -> None:
    """The export stream."""
    stream = ChunkReader(chunks)
    damage: dict[str, int] = {}

    def note(text: str) -> None:
        damage[text] = damage.get(text, 0) + 1

    _take(export_entries(stream.read, stream.readline, note), scan, matcher, sink)
    problems.extend(damage)


def _take(entries: Iterable[Entry], scan: TextScan, matcher: Matcher, sink: LineSink | None) -> None:
    """Search the messages many at a time, and take them in order."""
    waiting: list[Entry] = []
    length = 0
    for entry in entries:
        if entry.line is None:
            continue
        if sink is not None:
            sink.entry(entry.number, entry.line)
        waiting.append(entry)
        length += len(entry.line.message)
        if len(waiting) >= _ENTRIES or length >= _CHARACTERS:
            _take_some(waiting, scan, matcher)
            waiting, length = [], 0
    _take_some(waiting, scan, matcher)
    scan.finish()


def _take_some(entries: list[Entry], scan: TextScan, matcher: Matcher) -> None:
    messages = [entry.line.message.replace("\n", " ") for entry in entries if entry.line is not None]
    found = anchors_by_line(matcher, "\n".join(messages).encode("utf-8", "replace"), scan.anchors)
    for place, entry in enumerate(entries):
        _take_one(entry, found.get(place), scan)


def anchors_by_line(matcher: Matcher, buffer: bytes, known: int) -> dict[int, set[int]]:
    """Which anchors stand in which line of a buffer, lines counted from 0; marks of the fast scan are left out."""
    result: dict[int, set[int]] = {}
    line, at = 0, 0
    for anchor, end in matcher.hits(buffer):
        if anchor >= known:
            continue
        line += buffer.count(b"\n", at, end)
        at = end
        result.setdefault(line, set()).add(anchor)
    return result


def _take_one(entry: Entry, found: set[int] | None, scan: TextScan) -> None:
    line = entry.line
    if line is None:
        return
    collector, coverage = scan.collector, scan.coverage
    scan.lines = max(scan.lines, entry.number)
    if entry.boot_id and entry.boot_id != collector.boot_id:
        if collector.boot_id:
            coverage.new_boot()
            collector.add_boot(entry.number, entry.text, line.stamp, line.host, coverage.boot, entry.boot_id)
        collector.boot_id = entry.boot_id
    tag = f"{line.program}[{line.pid}]" if line.pid else line.program
    collector.neighbour(entry.number, f"{tag}: {line.message}"[:1000])
    scan.take_entry(entry.number, entry.text, line, found)
