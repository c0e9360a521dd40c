"""What is drawn: the case document's intervals, boots and coverage as lanes of items, without any pixel."""

from __future__ import annotations

import functools

import msgspec
from msgspec.structs import replace

from pveforensics.report import shape, words
from pveforensics.report.marks import OTHER, lane_of

ENDED = {
    "clean_shutdown": "shut down",
    "fencing": "reset by its watchdog",
    "kernel_crash": "kernel crash",
    "power_loss": "power lost",
    "unclean_unknown": "ended without a shutdown",
    "end_of_log": "log ends",
}
UNCLEAN = frozenset({"fencing", "kernel_crash", "power_loss", "unclean_unknown"})

_NODE_STATES = {
    "inquorate": ("host", "inquorate", "no quorum"),
    "no_log": ("host", "nolog", "no log"),
    "unreachable": ("peers", "unseen", "not seen by its peers"),
    "fence_claimed": ("fencing", "claimed", "marked for fencing"),
    "network_trouble": ("network", "trouble", "network trouble"),
    "paused": ("network", "paused", "corosync did not run"),
    "watchdog_expiring": ("watchdog", "fuse", "watchdog not renewed"),
}
_SUBS = ("host", "HA LRM", "HA CRM", "watchdog", "network", "peers", "fencing", "corosync", "other")
_ORDER = {"Cluster": 0, "Nodes": 1, "Network": 2, "Storage": 3, "Guests down": 4, "People": 5, "Other": 6}
_TOLD = (
    "votes", "expected", "needed", "opened_by", "closed_by", "shape", "redundancy", "quorum", "manner", "outcome", "seen_by", "acknowledged", "ms",
)  # fmt: skip
"""Fields of an interval that stand beside its state, in their order."""
_HIDDEN = frozenset({"running", "ended"})
"""Node states that the boots already draw."""


class Item(msgspec.Struct, frozen=True):
    """One bar or mark of a lane, drawn over the whole window where an edge is None; `told` items also stand in the table.

    `unended`: nothing shows the end; the bar is drawn to the end of the boot or of the log. `doubt` is the error of both edges in microseconds.
    """

    style: str
    start: int | None
    end: int | None
    what: str
    where: str
    label: str = ""
    evidence: tuple[str, ...] = ()
    told: bool = True
    begins: bool = False
    ends: str = ""
    unended: bool = False
    doubt: tuple[int, int] = (0, 0)


class Lane(msgspec.Struct):
    """A row: its name (of a node, or of a group of things), what it shows of it, its items, its events (moment, kind, count), and what these cite.

    `divisions` are those of the cluster, for the lane that draws votes; `step` is one of the protocol, for the lane that draws its times.
    """

    name: str
    sub: str
    items: list[Item] = []
    group: str = "Nodes"
    thin: bool = False
    events: list[tuple[int, str, int]] = []
    divisions: tuple[shape.Partition, ...] = ()
    step: shape.Measure | None = None
    cited: list[str] = []


class _Rows(dict[tuple[str, str, str], Lane]):
    """Lanes by group, name and part, each made when something first stands in it."""

    def __missing__(self, key: tuple[str, str, str]) -> Lane:
        group, name, sub = key
        row = self[key] = Lane(name, sub, group=group)
        return row


def lanes(doc: shape.Document) -> list[Lane]:
    """All lanes of a document: cluster, nodes in their order, links, storages, guests, people and what has no lane of its own."""
    found = _Rows()
    for node in doc.nodes:
        found["Nodes", node.name, "host"].items += _life(node)
    last = {node.name: _last(node) for node in doc.nodes}
    for interval in doc.intervals:
        group, name, sub, item = _placed(interval, last)
        if item is not None:
            found[group, name, sub].items.append(item)
    for partition in doc.partitions:
        for rank, item in enumerate(_divide(partition)):
            found["Cluster", "Partition", "ring id" if rank == 0 else f"apart {rank}" if rank > 1 else "apart"].items.append(item)
    if any(group.votes for partition in doc.partitions for group in partition.groups):
        found["Cluster", "Votes", "votes"].divisions = tuple(doc.partitions)
    for node in doc.nodes:
        _cut_by_the_end(found["Nodes", node.name, "host"].items)
    for change in doc.changes:
        us = words.micros(change.at)
        what = f"{change.what} on {change.node}" if change.node else change.what
        found["People", "Changes", ""].items.append(Item("act", us, us, what, change.node, what, tuple(change.evidence)))
    _mark(doc, found)
    known = {node.name: k for k, node in enumerate(doc.nodes)}
    return sorted(found.values(), key=lambda each: (_ORDER[each.group], known.get(each.name, len(known)), each.name, _place(each.sub)))


def _mark(doc: shape.Document, found: _Rows) -> None:
    """Every dated event stands, in order of time, in the lane of its kind, or in the one for others; events of no known node in a lane of their own."""
    names = {node.name for node in doc.nodes}

    @functools.cache
    def row_of(node: str, kind: str) -> Lane:
        family = lane_of(kind)
        key = ("Nodes", node, family)
        if family == "people":
            key = ("People", "Tasks and actions", "")
        elif node not in names:
            key = ("Other", "events", node or "no node")
        elif key not in found:
            key = ("Nodes", node, OTHER)
        return found[key]

    for event in doc.events:
        if (us := words.micros(event.at)) is None:
            continue
        row = row_of(event.node, event.kind)
        row.events.append((us, event.kind, event.count))
        row.cited += event.evidence
    for row in found.values():
        row.events.sort()


def _cut_by_the_end(items: list[Item]) -> None:
    """A host that is down has no quorum to lose: the state ends where the boot does."""
    ends = [item.start for item in items if item.style in ("down", "off") and item.start is not None]
    for k, item in enumerate(items):
        if item.style == "inquorate" and item.start is not None and item.end is not None:
            end = next((us for us in ends if item.start < us < item.end), None)
            items[k] = replace(item, end=end) if end is not None else item


def _place(sub: str) -> int:
    return _SUBS.index(sub) if sub in _SUBS else len(_SUBS)


def _last(node: shape.Node) -> list[int]:
    """The moments at which a state of the node ends at the latest: ends of its boots, and of its log."""
    ends = [words.micros(boot.end) for boot in node.boots] + [words.micros(span.end) for span in node.coverage]
    return sorted(us for us in ends if us is not None)


def _life(node: shape.Node) -> list[Item]:
    """Boots, the time between them, and where there is no log."""
    if not node.in_bundle and not node.boots and not node.coverage:
        return [Item("absent", None, None, "no log of this node in the bundle", node.name, "no log in the bundle")]
    items = []
    for k, boot in enumerate(node.boots):
        start, end, back = words.micros(boot.start), words.micros(boot.end), words.micros(boot.next_start)
        ended = ENDED.get(boot.ended_by, "end unknown") if boot.manner != "unknown" else "end not told by the log"
        items.append(
            Item(
                "run",
                start,
                end,
                f"boot, {ended}",
                node.name,
                "",
                tuple(boot.evidence),
                begins=k > 0,
                ends=boot.ended_by if boot.manner != "open" else "",
            )
        )
        if end is not None and back is not None and boot.manner != "open":
            style = "down" if boot.ended_by in UNCLEAN and boot.manner != "unknown" else "off"
            gone = words.duration((back - end) / 1e6)
            items.append(Item(style, end, back, f"{ended}; next sign after {gone}", node.name, f"{ended}, back after {gone}"))
    if not node.boots:
        items += [
            Item("run", words.micros(s.start), words.micros(s.end), "log, no boot seen in it", node.name, told=False) for s in node.coverage
        ]
    edges = sorted(us for span in node.coverage for us in (words.micros(span.start), words.micros(span.end)) if us is not None)
    if edges:
        items.append(Item("nolog", None, edges[0], "log begins", node.name, told=False))
        items.append(Item("nolog", edges[-1], None, "log ends", node.name, told=False))
    return items


def _placed(interval: shape.Interval, last: dict[str, list[int]]) -> tuple[str, str, str, Item | None]:
    """Group, lane and item of an interval; every subject has a lane, if need be the one for all others."""
    kind, _, rest = interval.subject.partition(":")
    start, end = words.micros(interval.start), words.micros(interval.end)
    node = interval.node or rest.rpartition("@")[2]
    if end is None and start is not None:
        end = next((us for us in last.get(node, ()) if us >= start), None)

    def item(style: str, what: str, label: str = "") -> Item:
        told = f"{what}{_detail(interval)}"
        where = rest if kind != "service" else node
        doubt = (round((interval.start_error_s or 0) * 1e6), round((interval.end_error_s or 0) * 1e6) if interval.end else 0)
        return Item(style, start, end, told, where, label or what, tuple(interval.evidence), unended=interval.end is None, doubt=doubt)

    if kind == "node":
        if interval.state in _HIDDEN:
            return "Nodes", rest, "host", None
        sub, style, what = _NODE_STATES.get(interval.state, ("other", "other", interval.state.replace("_", " ")))
        if style == "unseen" and interval.fields.get("side") == "inquorate":  # it was the witness that was cut off
            style, what = "unheard", f"not seen by {words.names(interval.fields.get('seen_by', '').split()) or 'a node without quorum'}"
        return "Nodes", rest, sub, item(style, what, f"{what} {_length(interval, start, end)}".strip())
    if interval.subject == "ha:master":
        return "Cluster", "HA master", "", item("ha", f"master {interval.state}", interval.state)
    if kind in ("ha", "crm"):
        if interval.state == "armed":
            return "Nodes", rest, "watchdog", item("armed", "watchdog armed", "armed")
        sub = "HA LRM" if kind == "ha" else "HA CRM"
        return "Nodes", rest, sub, item(_ha_style(interval.state), f"{kind} {interval.state}", interval.state.replace("_", " "))
    if kind == "link":
        return "Network", _pair(rest), "", item("lost", f"link {rest} {interval.state}", interval.state)
    if kind == "qdevice":
        return "Network", f"QDevice of {rest}", "", item("lost", f"QDevice {interval.state}", interval.state)
    if kind == "service":
        unit = rest.partition("@")[0]
        style = "other" if interval.state == "running" else "trouble"
        return "Nodes", node, unit, item(style, f"{unit} {interval.state}", interval.state) if interval.state != "running" else None
    if kind == "guest":
        return (
            "Guests down",
            rest,
            "",
            item("down", f"guest {rest} {interval.state}", f"{interval.state} {_length(interval, start, end)}".strip()),
        )
    if kind == "storage":
        return (
            "Storage",
            rest,
            "",
            item("trouble", f"storage {rest} {interval.state}", f"{interval.state} {_length(interval, start, end)}".strip()),
        )
    if kind in ("setting", "config", "certificate", "package"):
        return "Other", rest, "", None
    return "Other", interval.subject, "", item("other", f"{interval.subject} {interval.state}", interval.state.replace("_", " "))


def _pair(link: str) -> str:
    """Both ends' views of one link stand in one lane."""
    parts = link.split("/")
    return f"{min(parts[:2])} – {max(parts[:2])}, link {parts[2]}" if len(parts) == 3 else link


def _ha_style(state: str) -> str:
    return "ha" if state in ("active", "master") else "halost" if "lost" in state else "haidle"


def _length(interval: shape.Interval, start: int | None, end: int | None) -> str:
    known = interval.end and start is not None and end is not None and end - start >= 50_000  # `0 s` would say nothing
    return words.duration(((end or 0) - (start or 0)) / 1e6) if known else ""


def _detail(interval: shape.Interval) -> str:
    """The fields that a reader wants to see beside a state, in words."""
    if not interval.fields:
        return ""
    told = [f"{key.replace('_', ' ')} {interval.fields[key]}" for key in _TOLD if interval.fields.get(key)]
    return f" ({', '.join(told)})" if told else ""


def _divide(partition: shape.Partition) -> list[Item]:
    """One item for each part of the cluster, the largest first; beyond three the rest in one."""
    start, end = words.micros(partition.start), words.micros(partition.end)
    groups = sorted(partition.groups, key=lambda group: (-group.votes, group.nodes))
    items = []
    for group in groups[:3]:
        who = words.names(group.nodes, 6)
        style = "ring" if group.quorate is not False else "inquorate"
        told = f"ring {group.ring}: {who}{' (no quorum)' if group.quorate is False else ''}"
        items.append(Item(style, start, end, told, "cluster", f"{group.ring} = {who}" if group.ring else who))
    if len(groups) > 3:
        rest = f"{len(groups) - 3} more parts"
        items.append(Item("inquorate", start, end, rest, "cluster", rest))
    return items
