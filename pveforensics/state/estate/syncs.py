"""What each node knows of the last runs of its replication jobs: the state file, `pvesr status`, and the names of snapshots."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pveforensics.model import Snapshot
from pveforensics.state.estate import Sync
from pveforensics.state.estate.copies import Copies, row_evidence
from pveforensics.state.trackers.boot_records import moment
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant


def syncs(view: View, copies: Copies) -> Iterator[Sync]:
    """One for each guest, source and target: what the state file says, else what `pvesr status` printed."""
    told: set[tuple[str, str, str]] = set()
    for kind, read in (("replication_state", _of_state), ("pvesr_status", _of_status)):
        for dump in copies.all(kind):
            if not dump.node or dump.node == "unknown":
                continue
            seen = _seen(dump)
            for row in dump.rows:
                sync = read(view, dump, row, seen)
                key = (sync.vmid, sync.source, sync.target)
                if key not in told:
                    told.add(key)
                    yield sync


def _seen(dump: Snapshot) -> Instant | None:
    """The latest moment that the dump itself shows: it was taken then or later."""
    if dump.at is not None:
        return dump.at
    epochs = [_epoch(row.get(key, "")) for row in dump.rows for key in ("last_iteration", "last_try", "last_sync")]
    known = [epoch for epoch in epochs if epoch]
    return Instant(max(known) * SECOND, SECOND) if known else None


def _epoch(text: str) -> int:
    return int(float(text)) if re.fullmatch(r"\d{9,11}(?:\.\d+)?", text, re.ASCII) else 0


def _of_state(_: View, dump: Snapshot, row: Mapping[str, str], seen: Instant | None) -> Sync:
    last = _epoch(row.get("last_sync", ""))
    return Sync(
        vmid=row["vmid"],
        source=dump.node,
        target=row["target"],
        last=Instant(last * SECOND, SECOND) if last else None,
        told=bool(last) or row.get("last_sync", "") == "0",
        failures=_count(row.get("fail_count", "")),
        error=row.get("error", "")[:300],
        duration_s=_seconds(row.get("duration", "")),
        seen=seen,
        running="pid" in row,
        evidence=row_evidence(dump, row),
    )


def _of_status(view: View, dump: Snapshot, row: Mapping[str, str], seen: Instant | None) -> Sync:
    never = row["last_sync"] == "-"
    last = None if never else moment(view, dump.node, row["last_sync"])
    state = row.get("state", "")
    return Sync(
        vmid=row["job"].partition("-")[0],
        source=dump.node,
        target=row["target"],
        last=last,
        told=never or last is not None,
        failures=_count(row.get("fail_count", "")),
        error="" if state in ("OK", "SYNCING") else state[:300],
        duration_s=_seconds(row.get("duration", "")),
        seen=seen,
        running=state == "SYNCING",
        evidence=row_evidence(dump, row),
    )


def _count(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else 0


def _seconds(text: str) -> float | None:
    found = re.match(r"\d{1,9}(?:\.\d{1,6})?", text, re.ASCII)
    return float(found[0]) if found else None
