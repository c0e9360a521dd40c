"""scan_log(): one pass over one log, from chunks of bytes to candidate records and coverage."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pveforensics.events.anchors import in_bytes
from pveforensics.events.formats import Recognition, recognize
from pveforensics.events.formats.journal_streams import JsonEntries, VerboseEntries
from pveforensics.events.formats.recognize import HEAD, decoded
from pveforensics.events.scan import hints
from pveforensics.events.scan.aho import AhoCorasickMatcher
from pveforensics.events.scan.hyper import HyperscanMatcher
from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.matcher import MakeMatcher, Matcher
from pveforensics.events.scan.naive import scan_text
from pveforensics.events.scan.pieces import as_utf8, looks_quoted
from pveforensics.events.scan.plain import PlainMatcher
from pveforensics.events.scan.sink import LineSink
from pveforensics.events.scan.streams import scan_export, scan_lines
from pveforensics.events.signatures import SignatureIndex
from pveforensics.logfiles import is_whole
from pveforensics.readings import LogScan

if TYPE_CHECKING:
    from pveforensics.events.waiting import EverydayFile

BACK_ENDS: tuple[MakeMatcher, ...] = (HyperscanMatcher, AhoCorasickMatcher, PlainMatcher)
"""Ways to find anchors, best first."""


def make_matcher(index: SignatureIndex, back_ends: Sequence[MakeMatcher] = BACK_ENDS) -> Matcher:
    """The best back-end at hand, for the anchors of these signatures, of the time hints, and what the fast scan stops at."""
    literals = [*map(in_bytes, index.texts), *hints.ANCHORS, REPEATED]
    for make in back_ends[:-1]:
        try:
            return make(literals)
        except Exception:  # noqa: BLE001, S112 - whatever keeps a fast engine from starting, a slower one does
            continue
    return back_ends[-1](literals)


def backend_name() -> str:
    """Which engine finds the anchors here: `hyperscan`, `ahocorasick_rs` or `plain`."""
    return make_matcher(SignatureIndex(())).name


def loops_name() -> str:
    """What the loops over lines run in here: `C` or `numpy`."""
    from pveforensics.events.scan import compiled  # noqa: PLC0415 - numpy only where a log is read

    return "numpy" if compiled.library() is None else "C"


SHORT = HEAD
"""Bytes; a log of less is read line by line, as the fast scan would do as well, and needs no numpy."""

REPEATED = b"message repeated"
"""A line that states this may count for the one before it."""


class _Tally:
    """Counts and hashes the chunks that go by."""

    def __init__(self, chunks: Iterable[bytes], digest: Callable[[], str] | None) -> None:
        self._chunks = chunks
        self._digest = digest
        self.size = 0
        self._sha256 = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self._digest is None:
                self._sha256.update(chunk)
            yield chunk

    def hexdigest(self) -> str:
        """SHA-256 of all chunks."""
        return self._digest() if self._digest is not None else self._sha256.hexdigest()


def scan_log(
    path: str,
    chunks: Iterable[bytes],
    index: SignatureIndex,
    *,
    mtime: float | None = None,
    recognition: Recognition | None = None,
    matcher: Matcher | None = None,
    fast: bool = True,
    digest: Callable[[], str] | None = None,
    sink: LineSink | None = None,
    shelf: EverydayFile | None = None,
) -> LogScan:
    """Read a log to its end. Memory depends on its hits and holes, not on its size; where chunks are cut makes no difference.

    With a `shelf` everyday lines are kept as they stand in `everyday`, and wait there if they are many; `recalled` makes records of those
    that matter.
    `digest` gives the SHA-256 of what was read, if whoever hands out the chunks counts it anyway.
    `fast=False` reads a text log line by line, with the same result. `recognition` (of the first 64 KiB) is worked out if not given. No bytes raise: what is damaged stands in `problems`.
    `sink` is told every line.
    """
    tally = _Tally(chunks, digest)
    source = iter(tally)
    head: list[bytes] = []
    while sum(map(len, head)) < HEAD and (chunk := next(source, None)) is not None:
        head.append(chunk)
    first = b"".join(head)
    seen = recognition or recognize(first[:HEAD], path)
    scan = TextScan(index, shelf)
    problems: list[str] = []
    stream = _chained(first, source)
    engine = matcher or make_matcher(index)
    if seen.kind == "journal-json":
        scan_lines(as_utf8(stream), scan, engine, problems, JsonEntries(), sink)
    elif seen.kind == "journal-verbose":
        scan_lines(as_utf8(stream), scan, engine, problems, VerboseEntries(), sink)
    elif seen.kind == "journal-export":
        scan_export(stream, scan, engine, problems, sink)
    else:
        quoted = looks_quoted(decoded(first[:HEAD]))
        _scan_text(as_utf8(stream), scan, engine, sink, quoted=quoted, by_line=quoted or not fast or len(first) < SHORT)
    for _ in source:  # a reader that stopped early must not spoil the hash
        pass
    return _result(path, seen, scan, tally, mtime, problems)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _scan_text(chunks: Iterable[bytes], scan: TextScan, matcher: Matcher, sink: LineSink | None, *, quoted: bool, by_line: bool) -> None:
    if by_line:
        scan_text(chunks, scan, matcher, sink, quoted=quoted)
        return
    from pveforensics.events.scan import fast as columns  # noqa: PLC0415 - numpy only where a long log is read

    columns.scan_text(chunks, scan, matcher, sink)


def _result(path: str, seen: Recognition, scan: TextScan, tally: _Tally, mtime: float | None, problems: list[str]) -> LogScan:
    if scan.cut:
        problems.append(f"{scan.cut} lines are longer than 1 MiB and were read only so far")
    if scan.collector.lost:
        problems.append(f"{scan.collector.lost} further events were left out: the file has more than any log of a fault needs")
    if scan.coverage.full:
        problems.append("the stamps jump so often that coverage was cut short")
    everyday = scan.collector.everyday
    if everyday is not None and everyday.lost:
        problems.append(f"{everyday.lost} further lines of ordinary operation were left out")
    used = scan.reader.used
    names = sorted(used, key=lambda name: (-used[name], name)) or list(seen.formats)
    return LogScan(
        path=path,
        format="+".join(names),
        kind=seen.kind,
        size=tally.size,
        sha256=tally.hexdigest(),
        mtime=mtime,
        lines=scan.lines,
        recognized=min(scan.recognized, scan.lines),  # of a torn line each part counts
        records=scan.collector.records(),
        runs=tuple(scan.coverage.runs),
        hosts=dict(scan.hosts),
        programs=frozenset(scan.programs),
        whole=is_whole(path, scan.programs),
        hints=tuple(scan.hints.found),
        nul_runs=tuple(scan.nul_runs),
        problems=tuple(problems),
        everyday=everyday.closed(scan.index) if everyday is not None else None,
    )
