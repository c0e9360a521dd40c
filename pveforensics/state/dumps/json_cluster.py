"""Readers of JSON about guests: `.vmlist` and `pve-replication-state.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading

VMLIST, REPLICATION = "vmlist", "replication_state"
MOST_BYTES = 16 << 20
MOST_ROWS = 20_000

_JOB = regex(r'"local/[\w.-]+":\s*\{')


def score_vmlist(page: Page) -> float:
    """A JSON object with `version` and `ids` (pve-cluster:src/pmxcfs/status.c)."""
    value = _value(page)
    return 0.95 if isinstance(value, dict) and isinstance(value.get("ids"), dict) and "version" in value else 0.0


def read_vmlist(page: Page) -> Reading:
    """Rows of `vmid`, `node`, `type` (vm, ct), `version` (of the last write)."""
    value = _value(page)
    rows = []
    for vmid, each in list(_of(_of(value).get("ids")).items())[:MOST_ROWS]:
        entry = _of(each)
        kind = {"qemu": "vm", "lxc": "ct", "openvz": "ct"}.get(_text(entry.get("type")), "")
        rows.append({"vmid": str(vmid), "node": _text(entry.get("node")), "type": kind, "version": _text(entry.get("version"))})
    fields = {"version": _text(_of(value).get("version"))}
    return Reading(snapshots=(RawSnapshot(VMLIST, 1, _first(page), fields=fields, rows=tuple(rows)),))


def score_replication(page: Page) -> float:
    """Guests with jobs `local/<node>`, or an empty state under that name; what is cut counts too."""
    value = _value(page)
    if isinstance(value, dict) and value:
        jobs = [each for each in value.values() if isinstance(each, dict)]
        fits = (
            all(key.isdigit() for key in value)
            and len(jobs) == len(value)
            and any(_is_state(job) for each in jobs for job in each.values())
        )
        return 0.95 if fits else 0.0
    named = page.name.startswith("pve-replication-state")
    return 0.9 if named and (value == {} or _JOB.search(page.data[:4096].decode("utf-8", "replace"))) else 0.0


def read_replication(page: Page) -> Reading:
    """Rows of `vmid`, `target` (a node), and the keys as the file has them (pve-guest-common:src/PVE/ReplicationState.pm)."""
    value = _value(page)
    if not isinstance(value, dict):
        return Reading(problems=("not whole: the JSON text ends early or is damaged",))
    rows: list[dict[str, str]] = []
    for vmid, jobs in value.items():
        for target, each in _of(jobs).items():
            if len(rows) < MOST_ROWS:
                row = {str(key): _text(one) for key, one in _of(each).items()}
                rows.append({**row, "vmid": str(vmid), "target": str(target).removeprefix("local/")})
    return Reading(snapshots=(RawSnapshot(REPLICATION, 1, _first(page), fields={"jobs": str(len(rows))}, rows=tuple(rows)),))


def _is_state(job: Any) -> bool:
    return isinstance(job, dict) and bool({"last_sync", "last_try", "fail_count"} & job.keys())


def _value(page: Page) -> Any:
    if page.data[:1] != b"{" or len(page.data) > MOST_BYTES:
        return None
    try:
        return json.loads(page.data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:2000]
    if value is None or (isinstance(value, int) and value.bit_length() > 256):
        return ""
    return str(value) if isinstance(value, (int, float)) else json.dumps(value, sort_keys=True, separators=(",", ":"))[:2000]


def _first(page: Page) -> str:
    return page.lines[0].strip()[:200] if page.lines else ""
