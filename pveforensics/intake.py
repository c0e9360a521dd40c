"""take_in(): reads every member of a bundle once and makes of it a scanned log, a document, or a line in the list of what was not read."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from pveforensics import events, state
from pveforensics.bundle import Job, Left, Reopened
from pveforensics.errors import InputError
from pveforensics.events import (
    EverydayFile,
    LineSink,
    Matcher,
    OpenSink,
    Recognition,
    Signature,
    SignatureIndex,
    is_binary,
    is_binary_journal,
    make_matcher,
    recognize,
    scan_log,
    without_copies,
)
from pveforensics.model import BundleInfo, NotRead
from pveforensics.readings import Document, LogScan, Stamp
from pveforensics.workers import run_all

HEAD = 65_536
LONG = 1 << 20
"""Bytes; files from this size on are worth a worker."""

LONGEST_DOCUMENT = 16 << 20
"""Bytes; a configuration file or status dump is read whole, a longer one only so far."""

LARGEST_DATABASE = 256 << 20
"""Bytes; pmxcfs itself stops at 128 MiB of files."""

LONGEST_EXCERPT = 256 << 10
"""Bytes of a text without any stamp or tag that is still searched for quoted messages."""

TASK_LASTS_US = 600_000_000
"""How much later than its task's start a line of a task log may have been written: ten minutes, in microseconds."""

LOG_FROM = 0.1
DOCUMENT_FROM = 0.2
LOG_ONLY = 0.99
"""A long file of which all but one line in a hundred are a log's is not looked at as anything else."""

"""Scores from which on a file is read as such; one that reaches both is read as both (a pasted session)."""

# How programs, markup and data begin: they may hold a daemon's messages, but nothing that happened.
_NO_EXCERPT = (b"#!", b"{", b"[{", b"[\n", b"<", b"%PDF", b"package ", b"#include", b"/*", b"import ", b"from ")


class Member(Protocol):
    """What `take_in` needs of a member of a bundle."""

    path: str
    mtime: float | None
    link_target: str

    @property
    def node_hint(self) -> str:
        """The node that its path points to, or an empty string."""

    def head(self, n: int = HEAD) -> bytes:
        """The first bytes, without taking them."""

    def chunks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """The rest of the content in pieces."""

    def read(self, limit: int) -> bytes:
        """Up to `limit` bytes from where reading stands."""

    @property
    def loose(self) -> int:
        """Bytes of a file that lies by itself, so that it can be left to a worker; 0 for any other."""

    def leave(self) -> tuple[Job, Left]:
        """Leave the reading to a worker."""

    @property
    def size(self) -> int:
        """Bytes of the file as it is stored; reads the rest."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the file as it is stored, in hex; reads the rest."""


class Bundle(Protocol):
    """What `take_in` needs of a bundle; `infos` and `not_read` are complete once `members` has ended."""

    @property
    def infos(self) -> tuple[BundleInfo, ...]:
        """The inputs, in the order given."""

    @property
    def not_read(self) -> tuple[NotRead, ...]:
        """What could not be read, or not to its end."""

    def members(self) -> Iterator[Member]:
        """Every file, each to be read before the next is asked for."""


class Intake(NamedTuple):
    """All that reading gave. `not_read` lists damage and unknown files alike; `unread` are the paths of files of unknown kind.

    `signatures` are those that long logs were searched for, if there are any: the everyday lines of the scans refer to them.
    """

    scans: tuple[LogScan, ...]
    documents: tuple[Document, ...]
    infos: tuple[BundleInfo, ...]
    not_read: tuple[NotRead, ...]
    unread: tuple[str, ...]
    signatures: SignatureIndex | None = None


class _Reading(NamedTuple):
    scan: LogScan | None = None
    document: Document | None = None
    skipped: NotRead | None = None
    parts: tuple[Document, ...] = ()


class _Lens(NamedTuple):
    """What a log is searched for, and how."""

    signatures: SignatureIndex
    matcher: Matcher
    shelf: EverydayFile | None


class _Left(NamedTuple):
    """A long file that is read after the walk, and the place of its reading."""

    place: int
    job: Job
    left: Left


class _Reread(NamedTuple):
    """What came of such a file."""

    reading: _Reading
    size: int
    sha256: str
    not_read: tuple[NotRead, ...]


class _Held(NamedTuple):
    """A file of a database, kept until its companion has been read too."""

    kind: str
    path: str
    data: bytes
    mtime: float | None
    node_hint: str


def take_in(
    bundle: Bundle,
    signatures: Sequence[Signature],
    progress: Callable[[str], None] = lambda _: None,
    sinks: OpenSink | None = None,
    workers: int = 1,
) -> Intake:
    """Read all members in one pass. Raises InputError if not one of them was recognized.

    A reader that fails costs its own file only: that is listed as not read. `sinks` gives who is told every line of a log.
    Long files that lie by themselves are read last, by as many workers.
    """
    waiting = EverydayFile()
    lenses: dict[bool, _Lens] = {}
    readings: list[_Reading] = []
    held: list[_Held] = []
    left: list[_Left] = []
    for member in bundle.members():
        progress(member.path)
        try:
            kind = state.container_kind(member.head(HEAD)) if not member.link_target else ""
            if not kind and sinks is None and member.loose >= LONG:
                left.append(_Left(len(readings), *member.leave()))
                readings.append(_Reading())
            elif kind.startswith(state.DATABASE):
                held.append(_Held(kind, member.path, member.read(LARGEST_DATABASE), member.mtime, member.node_hint))
            else:
                whole = len(member.head(HEAD)) < HEAD
                reading = _report(member) if kind else _read(member, _lens(signatures, lenses, waiting, whole=whole), sinks)
                readings.append(_put(reading, waiting))
        except Exception as error:  # noqa: BLE001 - a post-mortem with a hole beats none
            reason = f"reader failed: {type(error).__name__}: {error}"
            readings.append(_Reading(skipped=NotRead(member.path, reason)))
    more = _read_left(left, readings, lenses, signatures, workers, waiting)
    readings += _databases(held)
    scans = without_copies([reading.scan for reading in readings if reading.scan is not None])
    documents = tuple(document for reading in readings for document in (*([reading.document] if reading.document else ()), *reading.parts))
    skipped = [reading.skipped for reading in readings if reading.skipped is not None]
    skipped += [NotRead(scan.path, problem) for scan in scans for problem in scan.problems]
    skipped += [NotRead(document.path, problem) for document in documents for problem in document.problems]
    if not scans and not documents:
        raise InputError(_nothing([info.name for info in bundle.infos], (*skipped, *bundle.not_read, *more)))
    unread = tuple(each.path for each in skipped if not each.damage)
    return Intake(
        scans, documents, bundle.infos, (*bundle.not_read, *more, *skipped), unread, lenses[False].signatures if False in lenses else None
    )


def _read_left(
    left: Sequence[_Left],
    readings: list[_Reading],
    lenses: dict[bool, _Lens],
    signatures: Sequence[Signature],
    workers: int,
    waiting: EverydayFile,
) -> list[NotRead]:
    """Read the files that were left, and put each reading into its place; gives what of them could not be read."""
    lens = _lens(signatures, lenses, waiting, whole=False) if left else None
    more: list[NotRead] = []
    if lens is None:
        return more
    if workers > 1:
        waiting.share()
        events.load_readers(journals=any(".journal" in each.job.place.path for each in left))
    results = run_all([each.job for each in left], functools.partial(_reread, lens=lens, waiting=waiting), workers)
    for each, result in zip(left, results, strict=True):
        scan = result.reading.scan
        readings[each.place] = result.reading._replace(scan=waiting.adopt(scan) if scan is not None else None)
        each.left.settle(result.size, result.sha256)
        more += result.not_read
    return more


def _put(reading: _Reading, waiting: EverydayFile) -> _Reading:
    """The reading, whose everyday lines wait on disk if those of all logs are too many."""
    return reading._replace(scan=waiting.put(reading.scan)) if reading.scan is not None else reading


def _reread(job: Job, lens: _Lens, waiting: EverydayFile) -> _Reread:
    """Read a file by itself: a pure function of the file, but for where its everyday lines wait."""
    again = Reopened(job)
    reading = _Reading(skipped=NotRead(job.place.path, "it is no file any more"))
    try:
        with again.member() as member:
            if member is not None:
                reading = _read(member, lens, None)
    except Exception as error:  # noqa: BLE001 - a post-mortem with a hole beats none
        reading = _Reading(skipped=NotRead(job.place.path, f"reader failed: {type(error).__name__}: {error}"))
    return _Reread(_put(reading, waiting), again.size, again.sha256, again.not_read)


def _lens(signatures: Sequence[Signature], held: dict[bool, _Lens], waiting: EverydayFile, *, whole: bool) -> _Lens:
    """All signatures for a short file; for a long one those alone that something is concluded from, as ordinary traffic is most of it."""
    if whole not in held:
        index = SignatureIndex([each for each in signatures if whole or each.guard or not each.timeline])
        held[whole] = _Lens(index, make_matcher(index), None if whole else waiting)
    return held[whole]


def _report(member: Member) -> _Reading:
    """The sections of a pvereport; those that name no node belong to the report's own."""
    parts = state.open_report(member.path, member.read(LONGEST_DOCUMENT), member.mtime)
    return _Reading(parts=tuple(each if each.node_hint else replace(each, node_hint=member.node_hint) for each in parts))


def _databases(held: Sequence[_Held]) -> list[_Reading]:
    """Each database with its WAL beside it, wherever in the bundle that came."""
    wals = {each.path: each.data for each in held if each.kind != state.DATABASE}
    readings: list[_Reading] = []
    for each in held:
        if each.kind != state.DATABASE:
            if each.path.removesuffix("-wal") not in {other.path for other in held if other.kind == state.DATABASE}:
                readings.append(
                    _Reading(skipped=NotRead(each.path, "the database that this write-ahead log belongs to is not in the bundle"))
                )
            continue
        try:
            parts = state.open_database(each.path, each.data, wals.get(f"{each.path}-wal", b""), each.mtime)
            readings.append(_Reading(parts=tuple(replace(part, node_hint=each.node_hint) for part in parts)))
        except Exception as error:  # noqa: BLE001 - a post-mortem with a hole beats none
            readings.append(_Reading(skipped=NotRead(each.path, f"reader failed: {type(error).__name__}: {error}")))
    return readings


def _nothing(names: Sequence[str], skipped: Sequence[NotRead]) -> str:
    example = f" ({skipped[0].path}: {skipped[0].reason})" if skipped else ""
    return f"{', '.join(names)}: no file was recognized{example}; give a log, a journalctl text or a folder or archive of them"


def _read(member: Member, lens: _Lens, sinks: OpenSink | None) -> _Reading:
    index, matcher, shelf = lens
    sink = sinks(member.path) if sinks is not None else None
    if member.link_target:
        return _with_hint(member, _Reading(document=state.read_document(member.path, b"", member.mtime, member.link_target)))
    head = member.head(HEAD)
    if not head:
        if (empty := state.read_document(member.path, b"", member.mtime)) is not None:
            return _with_hint(member, _Reading(document=empty))
        return _Reading(skipped=NotRead(member.path, "empty file", damage=False))
    if is_binary_journal(head) or (member.path.endswith((".journal", ".journal~")) and is_binary(head)):
        return _journal(member, index, matcher, sink)
    seen = recognize(head, member.path)
    as_document = state.document_score(member.path, head) if seen.score < LOG_ONLY or len(head) < HEAD else 0.0
    is_log, is_document = seen.score >= LOG_FROM, as_document >= DOCUMENT_FROM
    document, start = None, b""
    if is_document:
        start = member.read(LONGEST_DOCUMENT)
        document = state.read_document(member.path, start, member.mtime, member.link_target)
    scan = None
    if is_log and (document is None or document.kind not in state.DATED):
        chunks = itertools.chain([start] if start else [], member.chunks())
        scan = scan_log(
            member.path,
            chunks,
            index,
            mtime=member.mtime,
            recognition=seen,
            matcher=matcher,
            digest=lambda: member.sha256,
            shelf=shelf,
            sink=sink,
        )
        if document is not None and not scan.recognized:
            scan = None
    if scan is None and (document is None or document.kind in state.QUOTING):
        scan = _by_task(_excerpt(member, start, index, matcher, sink), sink)
    if scan is None and document is None:
        return _Reading(skipped=NotRead(member.path, "unknown kind of file", damage=False))
    return _with_hint(member, _Reading(scan, document))


def _excerpt(member: Member, start: bytes, index: SignatureIndex, matcher: Matcher, sink: LineSink | None) -> LogScan | None:
    """A text without stamps and tags is evidence only if a message that we know stands in it."""
    data = start or member.read(LONGEST_EXCERPT + 1)
    if len(data) > LONGEST_EXCERPT or is_binary(data) or data.lstrip().startswith(_NO_EXCERPT):
        return None
    seen = Recognition(("excerpt",), LOG_FROM, "excerpt")
    scan = scan_log(member.path, [data], index, mtime=member.mtime, recognition=seen, matcher=matcher, sink=sink)
    return scan if scan.records else None


def _by_task(scan: LogScan | None, sink: LineSink | None) -> LogScan | None:
    """A task log has no stamps, but its name says when the task began: its lines are of that moment or a little later."""
    began = state.started_us(state.upid_of(scan.path)) if scan is not None else None
    if scan is None or began is None:
        return scan
    stamp = Stamp("", epoch_us=began, resolution_us=TASK_LASTS_US)
    if sink is not None:
        sink.began(stamp)
    records = tuple(replace(record, stamp=record.stamp or stamp) for record in scan.records)
    return replace(scan, records=records)


def _with_hint(member: Member, reading: _Reading) -> _Reading:
    scan, document = reading.scan, reading.document
    stored: dict[str, Any] = {"node_hint": member.node_hint, "size": member.size, "sha256": member.sha256}
    return _Reading(
        replace(scan, **stored) if scan else None,
        replace(document, **stored) if document else None,
    )


def _journal(member: Member, index: SignatureIndex, matcher: Matcher, sink: LineSink | None) -> _Reading:
    """One of systemd's binary journals; a file that lost its head is known by its name and by the entries in it."""
    read = events.scan_journal  # loaded here: what reads journals is much, and many bundles have none
    scan = read(member.path, member.chunks(), index, mtime=member.mtime, matcher=matcher, digest=lambda: member.sha256, sink=sink)
    if scan.lines:
        return _with_hint(member, _Reading(scan))
    reason = next(iter(scan.problems), "a journal without entries")
    return _Reading(skipped=NotRead(member.path, reason, damage=bool(scan.problems)))
