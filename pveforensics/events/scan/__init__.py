"""scan_log(): one pass over one log, from chunks of bytes to candidate records and coverage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from pveforensics.events.formats import Recognition, recognize
from pveforensics.events.formats.journal_streams import JsonEntries, VerboseEntries
from pveforensics.events.formats.recognize import HEAD, decoded
from pveforensics.events.scan import hints
from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.matcher import MakeMatcher, Matcher
from pveforensics.events.scan.pieces import as_utf8, batches, looks_quoted, unquoted
from pveforensics.events.scan.plain import PlainMatcher
from pveforensics.events.scan.streams import anchors_by_line, scan_export, scan_lines
from pveforensics.events.scan.wholeness import is_whole
from pveforensics.events.signatures import SignatureIndex
from pveforensics.readings import LogScan

BACK_ENDS: tuple[MakeMatcher, ...] = (PlainMatcher,)
"""Ways to find anchors, best first."""


def make_matcher(index: SignatureIndex) -> Matcher:
    """The best back-end at hand, for the anchors of these signatures and of the time hints."""
    return BACK_ENDS[0]([text.encode() for text in index.texts] + list(hints.ANCHORS))


class _Tally:
    """Counts and hashes the chunks that go by."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.size = 0
        self.sha256 = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            self.sha256.update(chunk)
            yield chunk


def scan_log(
    path: str,
    chunks: Iterable[bytes],
    index: SignatureIndex,
    *,
    mtime: float | None = None,
    recognition: Recognition | None = None,
    matcher: Matcher | None = None,
) -> LogScan:
    """Read a log to its end. Memory depends on its hits and holes, not on its size; where chunks are cut makes no difference.

    `recognition` (of the first 64 KiB) is worked out if not given. No bytes raise: what is damaged stands in `problems`.
    """
    tally = _Tally(chunks)
    source = iter(tally)
    head: list[bytes] = []
    while sum(map(len, head)) < HEAD and (chunk := next(source, None)) is not None:
        head.append(chunk)
    first = b"".join(head)
    seen = recognition or recognize(first[:HEAD], path)
    scan = TextScan(index)
    problems: list[str] = []
    stream = _chained(first, source)
    engine = matcher or make_matcher(index)
    if seen.kind == "journal-json":
        scan_lines(as_utf8(stream), scan, engine, problems, JsonEntries())
    elif seen.kind == "journal-verbose":
        scan_lines(as_utf8(stream), scan, engine, problems, VerboseEntries())
    elif seen.kind == "journal-export":
        scan_export(stream, scan, engine, problems)
    else:
        _scan_text(as_utf8(stream), scan, engine, quoted=looks_quoted(decoded(first[:HEAD])))
    for _ in source:  # a reader that stopped early must not spoil the hash
        pass
    return _result(path, seen, scan, tally, mtime, problems)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _scan_text(chunks: Iterable[bytes], scan: TextScan, matcher: Matcher, *, quoted: bool) -> None:
    for batch in batches(chunks):
        data = unquoted(batch.data) if quoted else batch.data
        found = anchors_by_line(matcher, data)
        nuls = batch.nuls
        for place, text in enumerate(data.decode("utf-8", "replace").split("\n")):
            scan.feed(batch.first + place, text, found.get(place), nuls)
            nuls = 0
    scan.finish()


def _result(path: str, seen: Recognition, scan: TextScan, tally: _Tally, mtime: float | None, problems: list[str]) -> LogScan:
    if scan.cut:
        problems.append(f"{scan.cut} lines are longer than 1 MiB and were read only so far")
    if scan.collector.lost:
        problems.append(f"{scan.collector.lost} further events were left out: the file has more than any log of a fault needs")
    if scan.coverage.full:
        problems.append("the stamps jump so often that coverage was cut short")
    used = scan.reader.used
    names = sorted(used, key=lambda name: (-used[name], name)) or list(seen.formats)
    return LogScan(
        path=path,
        format="+".join(names),
        kind=seen.kind,
        size=tally.size,
        sha256=tally.sha256.hexdigest(),
        mtime=mtime,
        lines=scan.lines,
        recognized=scan.recognized,
        records=scan.collector.records(),
        runs=tuple(scan.coverage.runs),
        hosts=dict(scan.hosts),
        programs=frozenset(scan.programs),
        whole=is_whole(path, scan.programs),
        hints=tuple(scan.hints.found),
        nul_runs=tuple(scan.nul_runs),
        problems=tuple(problems),
    )
