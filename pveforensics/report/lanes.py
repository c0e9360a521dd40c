"""What is drawn: the case document's intervals, boots and coverage as lanes of items, without any pixel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pveforensics.report import shape, words

ENDED = {
    "clean_shutdown": "shut down",
    "fencing": "reset by its watchdog",
    "kernel_crash": "kernel crash",
    "power_loss": "power lost",
    "unclean_unknown": "ended without a shutdown",
    "end_of_log": "log ends",
}
UNCLEAN = frozenset({"fencing", "kernel_crash", "power_loss", "unclean_unknown"})
LANES_OF_A_KIND = 12
"""Links, guests or storages drawn in one picture; the others are counted, and stand in the table."""

_NODE_STATES = {
    "inquorate": ("host", "inquorate", "no quorum"),
    "no_log": ("host", "nolog", "no log"),
    "unreachable": ("peers", "lost", "not seen by its peers"),
    "fence_claimed": ("peers", "claimed", "marked for fencing"),
    "network_trouble": ("network", "trouble", "network trouble"),
    "paused": ("network", "paused", "corosync did not run"),
    "watchdog_expiring": ("watchdog", "fuse", "watchdog not renewed"),
}
_SUBS = ("host", "HA LRM", "watchdog", "network", "peers", "other")
_HIDDEN = frozenset({"running", "ended"})
"""Node states that the boots already draw."""


@dataclass(frozen=True, slots=True)
class Item:
    """One bar or mark of a lane, drawn over the whole window where an edge is None; `told` items also stand in the table.

    `unended`: nothing shows the end; the bar is drawn to the end of the boot or of the log.
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


@dataclass(slots=True)
class Lane:
    """A row: its name (of a node, or of a group of things), what it shows of it, and its items."""

    name: str
    sub: str
    items: list[Item] = field(default_factory=list)
    group: str = "Nodes"
    thin: bool = False


def lanes(doc: shape.Document) -> list[Lane]:
    """All lanes of a document: cluster, nodes in their order, links, guests, storages and what has no lane of its own."""
    found: dict[tuple[str, str, str], Lane] = {}

    def lane(group: str, name: str, sub: str) -> Lane:
        return found.setdefault((group, name, sub), Lane(name, sub, group=group))

    for node in doc.nodes:
        host = lane("Nodes", node.name, "host")
        host.items += _life(node)
    last = {node.name: _last(node) for node in doc.nodes}
    for interval in doc.intervals:
        group, name, sub, item = _placed(interval, last)
        if item is not None:
            lane(group, name, sub).items.append(item)
    for partition in doc.partitions:
        _divide(partition, lane("Cluster", "Partition", "ring").items)
    order = {"Cluster": 0, "Nodes": 1, "Network": 2, "Guests down": 3, "Storage": 4, "Other": 5}
    known = {node.name: k for k, node in enumerate(doc.nodes)}
    return sorted(found.values(), key=lambda each: (order[each.group], known.get(each.name, len(known)), each.name, _place(each.sub)))


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
        return Item(
            style,
            start,
            end,
            told,
            rest if kind != "service" else node,
            label or what,
            tuple(interval.evidence),
            unended=interval.end is None,
        )

    if kind == "node":
        if interval.state in _HIDDEN:
            return "Nodes", rest, "host", None
        sub, style, what = _NODE_STATES.get(interval.state, ("other", "other", interval.state.replace("_", " ")))
        return "Nodes", rest, sub, item(style, what, f"{what} {_length(interval, start, end)}".strip())
    if interval.subject == "ha:master":
        return "Cluster", "HA master", "", item("ha", f"master {interval.state}", interval.state)
    if kind in ("ha", "crm"):
        if interval.state == "armed":
            return "Nodes", rest, "watchdog", item("armed", "watchdog armed", "armed")
        return (
            "Nodes",
            rest,
            "HA LRM" if kind == "ha" else "HA CRM",
            item(_ha_style(interval.state), f"{kind} {interval.state}", interval.state.replace("_", " ")),
        )
    if kind == "link":
        return "Network", rest, "", item("lost", f"link {rest} {interval.state}", interval.state)
    if kind == "service":
        unit = rest.partition("@")[0]
        style = "other" if interval.state == "running" else "trouble"
        return "Nodes", node, unit, item(style, f"{unit} {interval.state}", interval.state) if interval.state != "running" else None
    if kind == "guest":
        return "Guests down", rest, "", item("down", f"guest {rest} {interval.state}", interval.state)
    if kind == "storage":
        return "Storage", rest, "", item("trouble", f"storage {rest} {interval.state}", interval.state)
    if kind == "setting":
        return "Other", rest, "", None
    return "Other", interval.subject, "", item("other", f"{interval.subject} {interval.state}", interval.state.replace("_", " "))


def _ha_style(state: str) -> str:
    return "ha" if state in ("active", "master") else "halost" if "lost" in state else "haidle"


def _length(interval: shape.Interval, start: int | None, end: int | None) -> str:
    return words.duration((end - start) / 1e6) if interval.end and start is not None and end is not None else ""


def _detail(interval: shape.Interval) -> str:
    """The fields that a reader wants to see beside a state, in words."""
    wanted = (
        "votes",
        "expected",
        "needed",
        "opened_by",
        "closed_by",
        "shape",
        "redundancy",
        "quorum",
        "manner",
        "outcome",
        "seen_by",
        "acknowledged",
        "ms",
    )
    told = [f"{key.replace('_', ' ')} {interval.fields[key]}" for key in wanted if interval.fields.get(key)]
    return f" ({', '.join(told)})" if told else ""


def _divide(partition: shape.Partition, items: list[Item]) -> None:
    start, end = words.micros(partition.start), words.micros(partition.end)
    groups = [f"{words.names(group.nodes, 6)}{_quorate(group)}" for group in partition.groups]
    if not groups:
        return
    ring = partition.groups[0].ring
    label = f"{ring} = {groups[0]}" if len(groups) == 1 else " | ".join(groups)
    items.append(Item("ring" if len(groups) == 1 else "split", start, end, " | ".join(groups), "cluster", label))


def _quorate(group: shape.Group) -> str:
    return {True: "", False: " (no quorum)", None: ""}[group.quorate]


def clipped(found: Iterable[Lane], t0: int, t1: int) -> list[Lane]:
    """The lanes with the items that touch a window; lanes left empty go, but those of hosts."""
    kept = []
    for each in found:
        touching = [item for item in each.items if (item.start is None or item.start <= t1) and (item.end is None or item.end >= t0)]
        items = [replace(item, ends="") if item.end is not None and item.end > t1 else item for item in touching]
        if items or each.sub == "host":
            kept.append(Lane(each.name, each.sub, items, each.group, each.thin))
    return kept


def folded(found: list[Lane], busy: frozenset[str]) -> tuple[list[Lane], list[str]]:
    """Lanes for one picture: nodes that are not `busy` are thin, or one counted line if they are many. Returns what was left out."""
    quiet = [lane.name for lane in found if lane.group == "Nodes" and lane.sub == "host" and lane.name not in busy and _uneventful(lane)]
    fold = len(quiet) > 6
    kept: list[Lane] = []
    count: dict[str, int] = defaultdict(int)
    for lane in found:
        if lane.group == "Nodes" and lane.name in quiet:
            if not fold and lane.sub == "host":
                kept.append(Lane(lane.name, "", lane.items, lane.group, thin=True))
            continue
        count[lane.group] += 1
        if lane.group not in ("Nodes", "Cluster") and count[lane.group] > LANES_OF_A_KIND:
            continue
        kept.append(lane)
    left = [
        f"{count[group] - LANES_OF_A_KIND} more of “{group}”"
        for group in count
        if group not in ("Nodes", "Cluster") and count[group] > LANES_OF_A_KIND
    ]
    if fold:
        left.insert(0, f"{len(quiet)} nodes to which nothing happened here")
    return kept, left


def _uneventful(lane: Lane) -> bool:
    return all(item.style in ("run", "absent") or (item.style == "nolog" and not item.told) for item in lane.items) and not any(
        item.ends for item in lane.items
    )
