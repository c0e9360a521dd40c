"""The same entry in several journals of a bundle: an archived and a live copy, a folder that was collected twice."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pveforensics.readings import LogScan


def without_copies(scans: Sequence[LogScan]) -> tuple[LogScan, ...]:
    """The scans without records of entries that an earlier scan has; a copy that counts more of a storm stays."""
    seen: dict[tuple[str, str], int] = {}
    return tuple(_without(scan, seen) for scan in scans)


def _without(scan: LogScan, seen: dict[tuple[str, str], int]) -> LogScan:
    if len(scan.entries) != len(scan.records):
        return scan
    pairs = list(zip(scan.records, scan.entries, strict=True))
    kept = [(record, entry) for record, entry in pairs if not entry or seen.get((record.kind, entry), 0) < record.count]
    seen.update({(record.kind, entry): record.count for record, entry in kept if entry})
    if len(kept) == len(pairs):
        return scan
    return replace(scan, records=tuple(record for record, _ in kept), entries=tuple(entry for _, entry in kept))
