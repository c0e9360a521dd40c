"""High availability as its state files and `ha-manager status` show it: services in error, dead LRMs, last signs of life."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pveforensics.model import Evidence, Interval, Snapshot
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.trackers.boot_records import moment
from pveforensics.state.trackers.lrm import armed_at
from pveforensics.state.view import View
from pveforensics.timebase import Instant

DEAD_AFTER_S = 60.0
"""An LRM writes its status in every round of 5 to 10 s; `ha-manager status` doubts it after 30 s (src/PVE/API2/HA/Status.pm)."""

_DEAD = "old timestamp - dead?"
_KEPT = {"error": "error", "recovery": "unplaced"}
"""States of a service that a dump shows to stand still, and the states that they become here."""


def track(view: View) -> tuple[Interval, ...]:
    """`guest:<sid>@<n>` error and unplaced, `ha:<n>` dead and armed, `node:<n>` last_word."""
    dumps = [
        dump for dump in view.timeline.snapshots if dump.kind in ("manager_status", "lrm_status", "ha_status", "clusterlog", "metrics")
    ]
    return (*_services(view, dumps), *_dead(view, dumps), *_last_words(view, dumps))


# --- services ---------------------------------------------------------------------------------------


def _services(view: View, dumps: list[Snapshot]) -> Iterator[Interval]:
    told: set[tuple[str, str, int | None]] = set()
    for dump in dumps:
        if dump.kind not in ("manager_status", "ha_status"):
            continue
        for row in dump.rows:
            state = _KEPT.get(row.get("state") or row.get("status", ""), "") if row.get("type") == "service" else ""
            sid = row.get("name") or row.get("sid", "")
            key = (sid, state, dump.at.us if dump.at is not None else None)
            if not sid or not state or key in told:
                continue
            told.add(key)
            node = view.resolve(row.get("node", "")) if row.get("node") else ""
            fields = {"node": node, "source": dump.kind}
            yield Interval(f"guest:{sid}@{node}" if node else f"guest:{sid}", state, dump.at, dump.at, fields, _row_evidence(dump, row))


# --- LRMs -------------------------------------------------------------------------------------------


def _dead(view: View, dumps: list[Snapshot]) -> Iterator[Interval]:
    """LRMs that had stopped writing while the manager still counted on their node; a copy without quorum is frozen and proves nothing."""
    for dump in dumps:
        if dump.kind != "ha_status" or dump.fields.get("quorate") != "yes":
            continue
        for row in dump.rows:
            if row.get("type") == "lrm" and row.get("status", "").startswith(_DEAD):
                node = view.resolve(row.get("name", ""))
                since = moment(view, node, row.get("at", ""))
                fields = {"said": _DEAD, "age_s": "", "source": dump.kind}
                yield Interval(f"ha:{node}", "dead", since or dump.at, None, fields, _row_evidence(dump, row))
    for manager, status in _pairs(dumps):
        if manager.at is None or status.at is None or _node_state(manager, status.node) != "online":
            continue
        age = manager.at.seconds_since(status.at)
        if age > DEAD_AFTER_S:
            said = "its status is older than the manager's"
            fields = {"said": said, "age_s": f"{age:.0f}", "source": "lrm_status"}
            yield Interval(f"ha:{status.node}", "dead", status.at, None, fields, status.evidence + manager.evidence)


def _pairs(dumps: list[Snapshot]) -> Iterator[tuple[Snapshot, Snapshot]]:
    """The manager's status with each LRM's of the same copy of /etc/pve, if some member of that copy was quorate last: the newest copy."""
    managers = [dump for dump in dumps if dump.kind == "manager_status" and dump.at is not None]
    newest = max(managers, key=lambda dump: dump.at.us if dump.at is not None else 0, default=None)
    if newest is None:
        return
    for dump in dumps:
        if dump.kind == "lrm_status" and dump.node and _copy(dump) == _copy(newest):
            yield newest, dump


def _copy(dump: Snapshot) -> str:
    """The folder of the copy of /etc/pve that a file belongs to."""
    path = dump.evidence[0].path if dump.evidence else ""
    head, found, _ = path.rpartition("/nodes/" if dump.kind == "lrm_status" else "/ha/")
    return head if found else path.rpartition("/")[0]


def _node_state(manager: Snapshot, node: str) -> str:
    return next((row.get("status", "") for row in manager.rows if row.get("type") == "node" and row.get("name") == node), "")


# --- last signs of life -------------------------------------------------------------------------------


def _last_words(view: View, dumps: list[Snapshot]) -> Iterator[Interval]:
    """What the replicated state keeps of each node: its LRM's last status, and its last entry in the cluster's log."""
    newest: dict[str, Snapshot] = {}
    for dump in dumps:
        if dump.kind == "lrm_status" and dump.node and dump.at is not None:
            known = newest.get(dump.node)
            if known is None or known.at is None or dump.at.us > known.at.us:
                newest[dump.node] = dump
    for node, dump in sorted(newest.items()):
        lrm, mode = dump.fields.get("state", ""), dump.fields.get("mode", "")
        fields = {"source": "lrm_status", "said": f"LRM {lrm}, mode {mode}", "lrm": lrm, "mode": mode}
        yield Interval(f"node:{node}", "last_word", dump.at, dump.at, fields, dump.evidence)
        if lrm == "active" and dump.at is not None and armed_at(view, node, dump.at) is None:
            # the watchdog is opened before the state `active` is entered and closed as it is left (src/PVE/HA/LRM.pm)
            yield Interval(f"ha:{node}", "armed", dump.at, dump.at, {"closed_by": "last_word"}, dump.evidence)
    entries = _entries(view, dumps)
    for node, (at, said, evidence) in sorted(_metrics(view, dumps).items()):
        if node not in newest and node not in entries:  # those say more
            yield Interval(f"node:{node}", "last_word", at, at, {"source": "metrics", "said": said, "lrm": "", "mode": ""}, evidence)
    for node, (at, said, evidence) in sorted(entries.items()):
        yield Interval(f"node:{node}", "last_word", at, at, {"source": "clusterlog", "said": said, "lrm": "", "mode": ""}, evidence)


def _metrics(view: View, dumps: list[Snapshot]) -> Mapping[str, tuple[Instant, str, tuple[Evidence, ...]]]:
    """The newest metrics of each node: pvestatd sends them every 10 s, so one that lags behind its peers has been silent since."""
    last: dict[str, tuple[Instant, str, tuple[Evidence, ...]]] = {}
    for dump in dumps:
        for row in dump.rows if dump.kind == "metrics" else ():
            at, node = moment(view, dump.node, row["time"]), view.resolve(row["name"])
            if at is not None and (node not in last or at.us > last[node][0].us):
                line = row_evidence(dump, row)
                up = f", up for {row['uptime']} s" if row.get("uptime") else ""
                last[node] = (at, f"metrics{up}", (line,) if line is not None else ())
    return last


def _entries(view: View, dumps: list[Snapshot]) -> Mapping[str, tuple[Instant, str, tuple[Evidence, ...]]]:
    last: dict[str, tuple[Instant, str, tuple[Evidence, ...]]] = {}
    for dump in dumps:
        for row in dump.rows if dump.kind == "clusterlog" else ():
            at = moment(view, dump.node, row.get("time", ""))
            node = view.resolve(row.get("node", "")) if row.get("node") else ""
            if node and at is not None and (node not in last or at.us > last[node][0].us):
                last[node] = (at, " ".join(filter(None, (row.get("tag"), row.get("user"), row.get("msg"))))[:200], dump.evidence)
    return last


def _row_evidence(dump: Snapshot, row: Mapping[str, str]) -> tuple[Evidence, ...]:
    """The row's own line if the row tells it, else the dump's."""
    line = row.get("line", "")
    if line.isascii() and line.isdigit() and len(line) < 10 and dump.evidence:
        return (
            Evidence(dump.evidence[0].path, int(line), dump.node, f"{row.get('type', '')} {row.get('name', '')} ({row.get('status', '')})"),
        )
    return dump.evidence[:1]
