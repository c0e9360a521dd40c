"""Events in the making: every record and NUL run of every log with its node and its instant, before copies are merged."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pveforensics.dating.clock import FileClock, KernelStart, kernel_starts, own_start
from pveforensics.model import NOTHING, Event, Evidence
from pveforensics.readings import LogScan, Naming, NulRun, Record
from pveforensics.timebase import Instant


@dataclass(slots=True)
class Draft:
    """One event and the places where it stands. `block` tells the stretches of one file apart, so that a text pasted twice counts once."""

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
    counts: dict[tuple[str, int], int] = field(default_factory=dict)
    seq: int = 0
    key: int | None = None

    def event(self) -> Event:
        """The finished event; evidence at its own stamp first."""
        return Event(
            self.kind, self.node, self.at, self.fields, tuple(self.evidence), self.count, self.last, self.seq, self.program, self.signature, self.boot
        )  # fmt: skip


def node_of_line(naming: Naming, host: str, path: str) -> str:
    """The node of a line: its host column through the aliases, else the node of its file."""
    if host:
        for name in (host, host.lower(), host.partition(".")[0].lower()):
            if name in naming.aliases:
                return naming.aliases[name]
    return naming.node_of_path.get(path, "unknown")


def drafts_of(scans: Sequence[LogScan], clocks: Mapping[str, FileClock], naming: Naming) -> dict[str, list[Draft]]:
    """The drafts of every log in the order of its lines. Stamps of kernel seconds are dated by a boot of the same node."""
    found: dict[str, list[Draft]] = {}
    starts: dict[str, list[KernelStart]] = {}
    for scan in scans:
        clock, pairs = clocks[scan.path], []
        for record in scan.records:
            at = clock.instant(record.line, record.stamp) if record.uptime_us is not None else None
            if at is not None and record.uptime_us is not None:
                pairs.append((at, record.uptime_us))
        own = kernel_starts(pairs)
        starts[scan.path] = own
        starts.setdefault("node:" + naming.node_of_path.get(scan.path, ""), []).extend(own)
    for scan in scans:
        of_node = starts.get("node:" + naming.node_of_path.get(scan.path, ""), [])
        start = own_start(starts[scan.path] or of_node)
        found[scan.path] = _drafts(scan, clocks[scan.path], naming, start)
    return found


def _drafts(scan: LogScan, clock: FileClock, naming: Naming, start: KernelStart | None) -> list[Draft]:
    blocks = [run.first_line for run in scan.runs]
    drafts = [_of_record(scan.path, record, clock, naming, start, bisect_right(blocks, record.line)) for record in scan.records]
    drafts += [_of_nul(scan.path, nul, clock, naming, bisect_right(blocks, nul.line)) for nul in scan.nul_runs]
    return sorted(drafts, key=lambda draft: (draft.line, draft.kind != "syslog_nul_bytes"))


def _of_record(path: str, record: Record, clock: FileClock, naming: Naming, start: KernelStart | None, block: int) -> Draft:
    stamp = record.stamp
    at = clock.instant(record.line, stamp)
    if (
        at is None
        and stamp is not None
        and stamp.uptime_us is not None
        and stamp.month is None
        and stamp.epoch_us is None
        and start is not None
    ):
        at = start.instant(stamp.uptime_us, stamp.resolution_us)
    last = clock.instant(record.line, record.last, at)
    if last is None and record.last is not None and record.last.uptime_us is not None and start is not None and record.last.month is None:
        last = start.instant(record.last.uptime_us, record.last.resolution_us)
    node = node_of_line(naming, record.host, path)
    written = stamp.text if stamp is not None else ""
    evidence = Evidence(path, record.line, node, record.text, written, at, record.match, record.before, record.after)
    return Draft(
        record.kind, node, at, path, block, record.line, record.text, written, [evidence], record.fields, record.count, last, record.program, record.pid,
        record.signature, record.boot_id, record.uptime_us, stamp.resolution_us if stamp is not None else 1 << 40, {(path, block): record.count},
    )  # fmt: skip


def _of_nul(path: str, nul: NulRun, clock: FileClock, naming: Naming, block: int) -> Draft:
    """A NUL run happened between its neighbours; it is placed at the first line that was written after it."""
    before, after = clock.instant(max(nul.line - 1, 0), nul.before), clock.instant(nul.line, nul.after)
    node = naming.node_of_path.get(path, "unknown")
    text = nul.text or f"({nul.length} NUL bytes)"
    written = nul.after.text if nul.after is not None else ""
    evidence = Evidence(path, nul.line, node, text, written, after)
    fields = {"length": str(nul.length), "before": before.iso() if before else "", "after": after.iso() if after else ""}
    return Draft("syslog_nul_bytes", node, after, path, block, nul.line, text, written, [evidence], fields, counts={(path, block): 1})
