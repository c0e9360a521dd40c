"""Lanes for one picture: those that a window touches, without what is dull in it, and fewer where they would be too many."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from pveforensics.report import words
from pveforensics.report.lanes import Lane

LANES_OF_A_KIND = 12
"""Links, guests or storages drawn in one picture; the others are counted, and stand in the table."""
_SPARED = ("HA CRM", "corosync", "peers", "fencing", "HA LRM", "network", "other", "watchdog")
"""Lanes of a node that go first where many nodes are hit; their content stands in the table."""
LANES = 36
"""Lanes of one picture that are aimed at."""
DULL_LANES = 3
"""Lanes in which nothing changes in a picture: so many are drawn, more are counted."""
_STEADY = ("host", "HA LRM", "HA CRM", "watchdog")
"""Lanes of a node that say something also where nothing changes."""
_LOUD = frozenset({"unseen", "claimed", "fuse", "trouble", "paused", "halost", "other"})
"""Styles of items for which a node is drawn in full."""


def clipped(found: Iterable[Lane], t0: int, t1: int) -> list[Lane]:
    """The lanes with the items and events that touch a window; lanes left empty go, but those of hosts."""
    kept = []
    for each in found:
        touching = [item for item in each.items if _touches(item.start, item.end, t0, t1)]
        items = [replace(item, ends="") if item.ends and item.end is not None and item.end > t1 else item for item in touching]
        events = each.events[bisect_left(each.events, (t0,)) : bisect_left(each.events, (t1 + 1,))]
        divisions = tuple(part for part in each.divisions if _touches(words.micros(part.start), words.micros(part.end), t0, t1))
        if items or events or divisions or each.sub == "host":
            kept.append(replace(each, items=items, events=events, divisions=divisions))
    return kept


def _touches(start: int | None, end: int | None, t0: int, t1: int) -> bool:
    return (start is None or start <= t1) and (end is None or end >= t0)


def changing(found: list[Lane], t0: int, t1: int, named: frozenset[str]) -> tuple[list[Lane], str]:
    """The lanes without what was away or in trouble before, during and after, unless its guest, storage or node is `named`; and how many went."""

    def dull(lane: Lane) -> bool:
        part = lane.group == "Nodes" and lane.sub not in _STEADY
        if not (part or lane.group in ("Guests down", "Storage")) or lane.events or lane.name.partition("@")[0] in named:
            return False
        return not any(us is not None and t0 <= us <= t1 for item in lane.items for us in (item.start, item.end))

    gone = sum(dull(lane) for lane in found)
    if gone <= DULL_LANES:
        return found, ""
    return [lane for lane in found if not dull(lane)], f"{words.counted(gone, 'lane')} in which nothing changed here"


def folded(found: list[Lane], busy: frozenset[str]) -> tuple[list[Lane], list[str]]:
    """Lanes for one picture: nodes that are not `busy` are thin, or one counted line if they are many. Returns what was left out."""
    found = _bundled(found)
    loud = busy | {lane.name for lane in found if lane.group == "Nodes" and any(item.style in _LOUD for item in lane.items)}
    quiet = [lane.name for lane in found if lane.group == "Nodes" and lane.sub == "host" and lane.name not in loud and _uneventful(lane)]
    fold = len(quiet) > 6
    kept: list[Lane] = []
    count: dict[str, int] = defaultdict(int)
    for lane in found:
        if lane.group == "Nodes" and lane.name in quiet:
            if not fold and lane.sub == "host":
                rest = [event for other in found if other.group == "Nodes" and other.name == lane.name for event in other.events]
                kept.append(Lane(lane.name, "", lane.items, lane.group, thin=True, events=rest))
            continue
        count[lane.group] += 1
        if lane.group not in ("Nodes", "Cluster") and count[lane.group] > LANES_OF_A_KIND:
            continue
        kept.append(lane)
    left = [f"{count[group] - LANES_OF_A_KIND} more of “{group}”" for group in count if _crowded(group, count[group])]
    if fold:
        left.insert(0, f"{len(quiet)} nodes to which nothing happened here")
    kept, spared = _spared(kept)
    return kept, left + ([f"the lanes {', '.join(spared)} of the nodes, which stand in the table"] if spared else [])


def _crowded(group: str, count: int) -> bool:
    return group not in ("Nodes", "Cluster") and count > LANES_OF_A_KIND


def _spared(found: list[Lane]) -> tuple[list[Lane], list[str]]:
    """Fewer lanes a node where many nodes are hit; their events move to the host's lane."""
    spared: list[str] = []
    for sub in _SPARED:
        if sum(lane.group == "Nodes" for lane in found) <= LANES:
            break
        gone = [lane for lane in found if lane.group == "Nodes" and lane.sub == sub]
        hosts = {lane.name: lane for lane in found if lane.group == "Nodes" and lane.sub == "host"}
        for lane in gone:
            hosts[lane.name].events += lane.events
        found = [lane for lane in found if lane not in gone]
        spared += [sub] if gone else []
    return found, spared


def _bundled(found: list[Lane]) -> list[Lane]:
    """Links of one node to many peers as one lane, where they would be too many."""
    links = [lane for lane in found if lane.group == "Network" and " – " in lane.name]
    while len(links) > LANES_OF_A_KIND:
        ends: dict[tuple[str, str], list[Lane]] = defaultdict(list)
        for lane in links:
            pair, _, number = lane.name.partition(", link ")
            for end in pair.split(" – "):
                ends[end, number].append(lane)
        (node, number), most = max(ends.items(), key=lambda pair: (len(pair[1]), pair[0]))
        if len(most) < 2:
            break
        both = Lane(f"{node} – {len(most)} peers, link {number}", "", [item for lane in most for item in lane.items], "Network")
        found = [both if lane is most[0] else lane for lane in found if lane is most[0] or not any(lane is other for other in most)]
        links = [lane for lane in links if not any(lane is other for other in most)]
    return found


def _uneventful(lane: Lane) -> bool:
    return all(item.style in ("run", "absent") or (item.style == "nolog" and not item.told) for item in lane.items) and not any(
        item.ends for item in lane.items
    )
