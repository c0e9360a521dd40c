"""Events in the making: every record and NUL run of every log with its node and its instant, before copies are merged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pveforensics.dating.clock import FileClock, KernelStart, kernel_starts, own_start
from pveforensics.dating.places import places_of
from pveforensics.model import NOTHING, Event, Evidence
from pveforensics.readings import LogScan, Naming, NulRun, Record, Stamp
from pveforensics.timebase import Instant

_LATER: Any = None
"""What is made only where copies may be."""


class Draft(Struct, eq=False):
    """One event and the places where it stands. `block` tells a text that was pasted twice into one file from its first copy.

    `log` is alike for the files of a log that goes on from one to the next.
    `counts` say how often each source has the message, and `moments` are all stamps under which it is known: those of its copies, and
    the one that journalctl prints for a journal entry whose `at` is the sender's own. Both are there once copies may be.
    """

    kind: str
    node: str
    at: Instant | None
    path: str
    block: int
    line: int
    text: str
    written: str
    evidence: list[Evidence]
    fields: Mapping[str, str] = NOTHING
    count: int = 1
    last: Instant | None = None
    program: str = ""
    pid: str = ""
    signature: str = ""
    boot: str = ""
    uptime_us: int | None = None
    resolution_us: int = 1_000_000
    counts: dict[tuple[str, int], int] = _LATER
    seq: int = 0
    key: int | None = None
    moments: set[int] = _LATER
    log: str = ""

    @property
    def source(self) -> tuple[str, int]:
        """Where it stands, as far as copies go: lines of one source are different events."""
        return self.log, self.block

    @property
    def matched(self) -> str:
        """The words that the signature found: equal in all shapes of a message."""
        span = self.evidence[0].match
        return self.text[span[0] : span[1]] if span is not None else ""

    def count_copies(self) -> None:
        """Begin to count its copies."""
        self.counts = {self.source: self.count}
        self.moments = {self.at.us} if self.at is not None else set()
        if len(self.written) == 16 and self.written.isascii() and self.written.isdigit():
            self.moments.add(int(self.written))

    def event(self) -> Event:
        """The finished event; evidence at its own stamp first."""
        return Event(
            self.kind, self.node, self.at, self.fields, tuple(self.evidence), self.count, self.last, self.seq, self.program, self.signature, self.boot
        )  # fmt: skip


def drafts_of(
    scans: list[LogScan], clocks: Mapping[str, FileClock], starts: Mapping[str, KernelStart | None], naming: Naming
) -> dict[str, list[Draft]]:
    """The drafts of every log in the order of its lines. Stamps of kernel seconds are dated by `starts`: a boot of the same node.

    Records and hints are taken out of the scans: of them nothing is needed any more.
    """
    places = places_of(scans, clocks, naming.node_of_path)
    drafts: dict[str, list[Draft]] = {}
    for place, scan in enumerate(scans):
        drafts[scan.path] = _drafts(scan, places[scan.path].log, clocks[scan.path], naming, starts[scan.path])
        scans[place] = replace(scan, records=(), hints=())
    return drafts


def starts_of(scans: Sequence[LogScan], clocks: Mapping[str, FileClock], naming: Naming) -> dict[str, KernelStart | None]:
    """When kernel second zero was, for each log: by its own lines that state both clocks, else by those of its node."""
    found: dict[str, list[KernelStart]] = {}
    of_node: dict[str, list[KernelStart]] = defaultdict(list)
    for scan in scans:
        clock, pairs = clocks[scan.path], []
        for record in scan.records:
            at = clock.instant(record.line, record.stamp) if record.uptime_us is not None else None
            if at is not None and record.uptime_us is not None:
                pairs.append((at, record.uptime_us))
        found[scan.path] = kernel_starts(pairs)
        of_node[naming.node_of_path.get(scan.path, "")].extend(found[scan.path])
    return {scan.path: _start_of(scan, found[scan.path], of_node[naming.node_of_path.get(scan.path, "")]) for scan in scans}


def _start_of(scan: LogScan, own: Sequence[KernelStart], of_node: Sequence[KernelStart]) -> KernelStart | None:
    return own_start(own or of_node) if own or not _is_no_dmesg(scan) else None


def _is_no_dmesg(scan: LogScan) -> bool:
    """True if kernel seconds cannot be those of the running boot: a boot that panicked runs no more, so a console or pstore wrote them."""
    return any(record.kind == "kernel_panic" for record in scan.records)


def _drafts(scan: LogScan, log: str, clock: FileClock, naming: Naming, start: KernelStart | None) -> list[Draft]:
    nodes = {host: naming.node_of_line(host, scan.path) for host in {record.host for record in scan.records}}
    drafts = [_of_record(scan.path, record, clock, nodes[record.host], start) for record in scan.records]
    drafts += [_of_nul(scan.path, nul, clock, naming) for nul in scan.nul_runs]
    drafts.sort(key=lambda draft: (draft.line, draft.kind != "syslog_nul_bytes"))
    _find_copies(drafts)
    for draft in drafts:
        draft.log = log
    return drafts


def _find_copies(drafts: Sequence[Draft]) -> None:
    """Number the blocks of a file that repeat an earlier part of it: time falls back, and half of the lines stand above as well."""
    seen: set[tuple[str, str]] = set()
    block: list[Draft] = []
    number = 0
    previous: int | None = None
    for draft in (*drafts, None):
        at = draft.at.us if draft is not None and draft.at is not None else None
        if draft is None or (at is not None and previous is not None and at < previous):
            again = sum((each.written, each.text) in seen for each in block)
            if again >= 3 and 2 * again >= len(block):
                number += 1
                for each in block:
                    each.block = number
            seen.update((each.written, each.text) for each in block)
            block = []
        if draft is not None:
            block.append(draft)
            previous = at if at is not None else previous


def _of_record(path: str, record: Record, clock: FileClock, node: str, start: KernelStart | None) -> Draft:
    stamp, last = record.stamp, record.last
    at = clock.instant(record.line, stamp)
    ending = clock.instant(record.line, last, at) if last is not None else None
    if start is not None:
        at = at or _of_kernel(stamp, start)
        ending = ending or _of_kernel(last, start)
    written = stamp.text if stamp is not None else ""
    evidence = Evidence(path, record.line, node, record.text, written, at, record.match, record.before, record.after)
    return Draft(
        record.kind, node, at, path, 0, record.line, record.text, written, [evidence], record.fields, record.count, ending, record.program, record.pid,
        record.signature, record.boot_id, record.uptime_us, stamp.resolution_us if stamp is not None else 1 << 40,
    )  # fmt: skip


def _of_kernel(stamp: Stamp | None, start: KernelStart) -> Instant | None:
    """The moment of a stamp that counts kernel seconds and nothing else."""
    if stamp is None or stamp.uptime_us is None or stamp.month is not None or stamp.epoch_us is not None:
        return None
    return start.instant(stamp.uptime_us, stamp.resolution_us)


def _of_nul(path: str, nul: NulRun, clock: FileClock, naming: Naming) -> Draft:
    """A NUL run happened between its neighbours; it is placed at the first line that was written after it."""
    before, after = clock.instant(max(nul.line - 1, 0), nul.before), clock.instant(nul.line, nul.after)
    node = naming.node_of_path.get(path, "unknown")
    text = nul.text or f"({nul.length} NUL bytes)"
    written = nul.after.text if nul.after is not None else ""
    evidence = Evidence(path, nul.line, node, text, written, after)
    fields = {"length": str(nul.length), "before": before.iso() if before else "", "after": after.iso() if after else ""}
    return Draft("syslog_nul_bytes", node, after, path, 0, nul.line, text, written, [evidence], fields)
