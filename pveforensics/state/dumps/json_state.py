"""Reader of JSON state: `manager_status`, `lrm_status`, pmxcfs' virtual files and the output of `pvesh` and `journalctl`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import in_file_name
from pveforensics.state.page import Page, Reading

MOST_BYTES = 16 << 20
"""A larger JSON file is none of these."""
MOST_ROWS = 20_000

_LRM_PATH = regex(r"(?:^|/)nodes/([\w.-]+)/lrm_status$")


class _Shape(NamedTuple):
    """One kind of content: `fits` tells it by its keys, `read` makes the snapshot."""

    kind: str
    fits: Callable[[Any], bool]
    read: Callable[[Any, Page], Reading]


def score(page: Page) -> float:
    """0.95 if the whole is JSON of a known shape, 0.6 if it is cut but begins with the keys of one."""
    head = page.data[:2].lstrip()
    if head[:1] not in (b"{", b"[") or len(page.data) > MOST_BYTES:
        return 0.0
    value = _value(page)
    if value is None:
        return 0.6 if re.match(rb"\s*\{\s*\"(?:nodename|master_node|node_status|service_status)\"", page.data[:200]) else 0.0
    return 0.95 if _shape(value) is not None else 0.0


def read(page: Page) -> Reading:
    """The snapshot of the file; a file that is cut or flipped leaves a problem."""
    value = _value(page)
    shape = _shape(value) if value is not None else None
    if shape is None:
        return Reading(problems=("not whole: the JSON text ends early or is damaged",))
    return shape.read(value, page)


def _value(page: Page) -> Any:
    try:
        return json.loads(page.data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _shape(value: Any) -> _Shape | None:
    return next((shape for shape in SHAPES if shape.fits(value)), None)


def _text(value: Any) -> str:
    """A scalar as text; what is nested as compact JSON, so that nothing is dropped."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value.bit_length() > 256:
        return ""
    return str(value) if isinstance(value, (int, float)) else json.dumps(value, sort_keys=True, separators=(",", ":"))[:2000]


def _flag(value: Any) -> str:
    """`yes` or `no` of 1, 0, "1", true; an empty string for what is neither."""
    return {"1": "yes", "0": "no", "true": "yes", "false": "no", "yes": "yes", "no": "no"}.get(_text(value).lower(), "")


def _epoch_us(value: Any) -> int | None:
    """Microseconds of epoch seconds if they can be the time of a cluster (2001 to 2100)."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(seconds * 1_000_000) if 978_307_200 <= seconds < 4_102_444_800 else None


def _of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in value[:MOST_ROWS] if isinstance(each, dict)] if isinstance(value, list) else []


def _snapshot(
    kind: str, page: Page, fields: Mapping[str, str], rows: Sequence[Mapping[str, str]] = (), *, node: str = "", epoch_us: int | None = None
) -> RawSnapshot:
    text = page.lines[0].strip()[:200] if page.lines else ""
    at = epoch_us if epoch_us is not None else in_file_name(page.path)
    return RawSnapshot(kind, 1, text, node=node, epoch_us=at, fields=dict(fields), rows=tuple(rows[:MOST_ROWS]))


def _manager_status(value: Any, page: Page) -> Reading:
    """`ha/manager_status`: the moment is the manager's own `timestamp` (pve-ha-manager:src/PVE/HA/Manager.pm)."""
    nested = ("node_status", "service_status")
    fields = {str(key): _text(each) for key, each in value.items() if key not in nested}
    rows: list[Mapping[str, str]] = [
        {"type": "node", "name": str(name), "status": _text(state)} for name, state in _of(value.get("node_status")).items()
    ]
    for sid, each in _of(value.get("service_status")).items():
        rows.append({"type": "service", "name": str(sid), **{str(key): _text(one) for key, one in _of(each).items()}})
    return Reading(snapshots=(_snapshot("manager_status", page, fields, rows, epoch_us=_epoch_us(value.get("timestamp"))),))


def _lrm_status(value: Any, page: Page) -> Reading:
    """`nodes/<n>/lrm_status`: written each round, so the copy on a peer dates the last sign of life of a node's LRM."""
    fields = {str(key): _text(each) for key, each in value.items() if key != "results"}
    rows = [
        {"uid": str(uid), **{str(key): _text(one) for key, one in _of(each).items()}} for uid, each in _of(value.get("results")).items()
    ]
    found = _LRM_PATH.search(page.path)
    node = found[1] if found else ""
    fields["node"] = node
    return Reading(snapshots=(_snapshot("lrm_status", page, fields, rows, node=node, epoch_us=_epoch_us(value.get("timestamp"))),))


def _members(value: Any, page: Page) -> Reading:
    """`.members`: the inner version is corosync.conf's; `ip` lacks until the node announced it (pve-cluster:src/pmxcfs/status.c)."""
    cluster, nodelist = _of(value.get("cluster")), _of(value.get("nodelist"))
    name = _text(value.get("nodename"))
    fields = {
        "nodename": name,
        "version": _text(value.get("version")),
        "cluster_name": _text(cluster.get("name")),
        "config_version": _text(cluster.get("version")),
        "nodes": _text(cluster.get("nodes")),
        "quorate": _flag(cluster.get("quorate")),
    }
    rows, aliases = [], {}
    for node, each in nodelist.items():
        entry = _of(each)
        row = {"name": str(node), "id": _text(entry.get("id")), "online": _flag(entry.get("online")), "ip": _text(entry.get("ip"))}
        if node == name:
            row["local"] = "yes"
        rows.append({key: text for key, text in row.items() if text})
        if row["ip"]:
            aliases[row["ip"]] = str(node)
    snapshot = _snapshot("members", page, {key: text for key, text in fields.items() if text}, rows, node=name)
    return Reading(hostname=name, snapshots=(snapshot,), aliases=aliases)


def _clusterlog(value: Any, page: Page) -> Reading:
    """`.clusterlog` and `pvesh get /cluster/log`: replicated, so it keeps the last entries of a node that died."""
    entries = _dicts(_of(value).get("data")) or _dicts(value)
    rows = [{str(key): _text(each) for key, each in entry.items()} for entry in entries]
    return Reading(snapshots=(_snapshot("clusterlog", page, {"entries": str(len(rows))}, rows),))


def _version(value: Any, page: Page) -> Reading:
    """`.version`: `starttime` is the start of this pmxcfs; a counter for each file that it watches (pve-cluster:src/pmxcfs/status.c)."""
    return Reading(snapshots=(_snapshot("pmxcfs_version", page, {str(key): _text(each) for key, each in value.items()}),))


def _cluster_status(value: Any, page: Page) -> Reading:
    """`pvesh get /cluster/status`."""
    fields: dict[str, str] = {}
    rows, aliases, own = [], {}, ""
    for entry in _dicts(value):
        if entry.get("type") == "cluster":
            fields |= {str(key): _text(each) for key, each in entry.items() if key != "quorate"}
            fields |= {"quorate": _flag(entry.get("quorate")), "config_version": _text(entry.get("version"))}
            continue
        row = {str(key): _text(each) for key, each in entry.items()}
        row |= {"online": _flag(entry.get("online")), "local": _flag(entry.get("local"))}
        rows.append(row)
        own = row.get("name", "") if row["local"] == "yes" else own
        if row.get("ip") and row.get("name"):
            aliases[row["ip"]] = row["name"]
    return Reading(snapshots=(_snapshot("cluster_status", page, fields, rows, node=own),), aliases=aliases)


def _ha_current(value: Any, page: Page) -> Reading:
    """`pvesh get /cluster/ha/status/current`: the rows of `ha-manager status`."""
    fields: dict[str, str] = {}
    rows = []
    for entry in _dicts(value):
        row = {str(key): _text(each) for key, each in entry.items()}
        row["name"] = row.get("sid") or row.get("node", "")
        if row.get("type") == "quorum":
            fields |= {"quorum": row.get("status", ""), "quorate": "yes" if row.get("status") == "OK" else "no"}
        elif row.get("type") == "master":
            fields |= {"master": row.get("node", ""), "master_status": row.get("status", "")}
        rows.append(row)
    return Reading(snapshots=(_snapshot("ha_status", page, fields, rows),))


def _boots(value: Any, page: Page) -> Reading:
    """`journalctl --list-boots -o json`: microseconds since 1970."""
    rows = []
    for entry in _dicts(value):
        row = {"index": _text(entry.get("index")), "boot_id": _text(entry.get("boot_id")), "zone": "UTC"}
        for key, name in (("first_entry", "first"), ("last_entry", "last")):
            us = entry.get(key)
            if isinstance(us, int) and _epoch_us(us / 1_000_000 if us.bit_length() < 64 else None) is not None:
                row[name] = f"{us // 1_000_000}.{us % 1_000_000:06}"
        rows.append(row)
    return Reading(snapshots=(_snapshot("boot_list", page, {}, rows),))


def _typed(value: Any, *types: str) -> bool:
    entries = _dicts(value)
    return bool(entries) and all(entry.get("type") in types for entry in entries)


SHAPES: tuple[_Shape, ...] = (
    _Shape(
        "manager_status",
        lambda v: isinstance(v, dict) and ("node_status" in v or {"master_node", "service_status"} <= v.keys()),
        _manager_status,
    ),
    _Shape("lrm_status", lambda v: isinstance(v, dict) and {"mode", "state", "timestamp"} <= v.keys(), _lrm_status),
    _Shape("members", lambda v: isinstance(v, dict) and {"nodename", "version"} <= v.keys(), _members),
    _Shape("pmxcfs_version", lambda v: isinstance(v, dict) and {"starttime", "clinfo"} <= v.keys(), _version),
    _Shape(
        "clusterlog",
        lambda v: any({"uid", "time", "msg"} <= entry.keys() for entry in (_dicts(_of(v).get("data")) or _dicts(v))[:3]),
        _clusterlog,
    ),
    _Shape("cluster_status", lambda v: _typed(v, "cluster", "node") and not any("cpu" in entry for entry in _dicts(v)), _cluster_status),
    _Shape("ha_status", lambda v: _typed(v, "quorum", "master", "lrm", "service", "fencing"), _ha_current),
    _Shape("boot_list", lambda v: any({"boot_id", "first_entry"} <= entry.keys() for entry in _dicts(v)[:3]), _boots),
)
