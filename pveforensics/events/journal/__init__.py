"""scan_journal(): one pass over one of systemd's binary journals, whole, open or damaged, from its bytes to records and coverage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pveforensics.events.journal.boots import Lives, Step, lives, runs, settled
from pveforensics.events.journal.carve import COMPACT, REGULAR, best_layout, words_of
from pveforensics.events.journal.decode import Decoder
from pveforensics.events.journal.entries import Columns, columns
from pveforensics.events.journal.header import Header, read_header
from pveforensics.events.journal.hits import Hits
from pveforensics.events.journal.marks import marks
from pveforensics.events.journal.payload import Unpacker
from pveforensics.events.journal.search import Fields
from pveforensics.events.journal.spool import Spooled, spooled
from pveforensics.events.scan import make_matcher
from pveforensics.events.scan.matcher import Matcher
from pveforensics.events.scan.sink import LineSink
from pveforensics.events.signatures import SignatureIndex
from pveforensics.logfiles import is_whole
from pveforensics.readings import LogScan, Record

__all__ = ["scan_journal"]

_LEAST = 8
_AT_ONCE = 4_096


def scan_journal(
    path: str,
    chunks: Iterable[bytes],
    index: SignatureIndex,
    *,
    mtime: float | None = None,
    matcher: Matcher | None = None,
    digest: Callable[[], str] | None = None,
    sink: LineSink | None = None,
) -> LogScan:
    """Read a journal. Entries are counted as lines, from 1 in the order in which they were written.

    `digest` gives the SHA-256 of what was read, if whoever hands out the chunks counts it anyway. `sink` is told every entry.
    Memory depends on the file's size (an eighth of it, and some 50 bytes an entry), not on what it unpacks to. No bytes raise:
    what is damaged stands in `problems`.
    """
    with spooled(chunks, digest) as spool:
        header = read_header(bytes(spool.data[:4096]))
        words = words_of(spool.data)
        if len(words) <= _LEAST:
            return _scan(path, mtime, spool, header, None)
        stated = None if header is None else COMPACT if header.compact else REGULAR
        found = best_layout(words, stated)
        unpacker = Unpacker(spool.size)
        fields = Fields(found, spool.data, unpacker)
        hits = Hits(index)
        anchors = fields.search(matcher or make_matcher(index), hits.known)
        rows, steps = settled(columns(found, fields, marks(found, fields, header, anchors)))
        decoder = Decoder(found, fields, rows)
        lived = lives(rows, lambda row: decoder.line(row).host)
        hits.take(rows, lived, decoder, anchors)
        covered, all_runs = runs(rows, lived, lambda row: decoder.line(row).stamp)
        problems = [*_problems(spool, header, len(rows.at), len(found.entry)), *_unpacking(unpacker)]
        if not all_runs:
            problems.append("its times jump so often that coverage was cut short")
        if sink is not None:
            _tell_all(rows, decoder, sink)
        if hits.collector.lost:
            problems.append(f"{hits.collector.lost} further events were left out: the file has more than any log of a fault needs")
        named = [*zip(hits.collector.records(), hits.entries, strict=True), *((step, "") for step in _steps(rows, lived, decoder, steps))]
        named.sort(key=lambda pair: pair[0].line)
        records, entries = tuple(record for record, _ in named), tuple(entry for _, entry in named)
        made = {"records": records, "entries": entries, "runs": covered, "hints": tuple(hits.hints.found), "problems": tuple(problems)}
        return _scan(path, mtime, spool, header, rows, **made)


def _tell_all(rows: Columns, decoder: Decoder, sink: LineSink) -> None:
    """Every entry, a few thousand at a time."""
    for begin in range(0, len(rows.at), _AT_ONCE):
        some = np.arange(begin, min(begin + _AT_ONCE, len(rows.at)))
        decoder.prepare(some)
        for row in some.tolist():
            sink.entry(row + 1, decoder.line(row))


def _scan(path: str, mtime: float | None, spool: Spooled, header: Header | None, rows: Columns | None, **made: Any) -> LogScan:
    entries = len(rows.at) if rows is not None else 0
    programs = rows.programs if rows is not None else frozenset()
    return LogScan(
        path=path,
        format=f"journal-binary {header.features}".rstrip() if header is not None else "journal-binary",
        kind="journal",
        size=spool.size,
        sha256=spool.sha256,
        mtime=mtime,
        lines=entries,
        recognized=entries,
        hosts=rows.hosts if rows is not None else {},
        programs=programs,
        whole=is_whole(path, programs),
        **({"records": (), "runs": ()} | made),
    )


def _problems(spool: Spooled, header: Header | None, entries: int, shapes: int) -> Iterable[str]:
    """What is missing or damaged, as far as the file itself says what it should hold."""
    yield from spool.problems
    if header is None:
        yield f"its header is damaged; {entries:,} entries were found by their shape"
        return
    if header.unknown:
        yield f"its header names features that are not known ({header.unknown:#x}); {entries:,} entries were found by their shape"
    if header.stated_size > spool.size:
        yield f"cut off: {spool.size:,} of {header.stated_size:,} bytes are there, with {entries:,} entries"
    if entries < header.entries:
        yield f"{header.entries - entries:,} of {header.entries:,} entries are lost or damaged"
    elif entries < shapes:
        yield f"{shapes - entries:,} damaged entries were left out"


def _unpacking(unpacker: Unpacker) -> Iterable[str]:
    if unpacker.failed:
        yield f"{unpacker.failed:,} packed fields are damaged or too large and were not searched"
    if unpacker.skipped:
        yield f"{unpacker.skipped:,} packed fields were not searched: the file unpacks to too much"


def _steps(rows: Columns, lived: Lives, decoder: Decoder, steps: Sequence[Step]) -> Iterable[Record]:
    """A step of the wall clock, which its difference to the monotonic clock proves: no line needs to tell it."""
    for step in steps:
        line = decoder.line(step.row)
        boot = int(rows.boot[step.row])
        text = f"(between entries {step.row} and {step.row + 1} the wall clock moved by {step.seconds:+.6f} s against the monotonic clock)"
        fields = {"seconds": f"{step.seconds:.6f}"}
        yield Record(
            "journal_clock_step", "journal_clock_step", step.row + 1, line.stamp, line.host, "", "", text, fields,
            boot=lived.number[boot], boot_id=rows.boots[boot],
        )  # fmt: skip
