"""The same entry in several journals of a bundle: an archived and a live copy, a folder that was collected twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pveforensics.readings import LogScan, Record


def without_copies(scans: Sequence[LogScan]) -> tuple[LogScan, ...]:
    """The scans without records of entries that an earlier scan has; a copy that counts more of a storm stays."""
    seen: dict[tuple[str, str], int] = {}
    return tuple(_without(scan, seen) for scan in scans)


def _without(scan: LogScan, seen: dict[tuple[str, str], int]) -> LogScan:
    if not any(record.entry for record in scan.records):
        return scan
    kept: list[Record] = []
    mine: dict[tuple[str, str], int] = {}
    for record in scan.records:
        key = record.kind, record.entry
        if record.entry and seen.get(key, 0) >= record.count:
            continue
        if record.entry:
            mine[key] = record.count
        kept.append(record)
    seen.update(mine)
    return dataclasses.replace(scan, records=tuple(kept)) if len(kept) < len(scan.records) else scan
