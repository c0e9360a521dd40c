"""Anchors: lines that several nodes log within one round of one protocol, so that their clocks can be compared by them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pveforensics.model import Event, Evidence
from pveforensics.timebase import SECOND, Instant

RING = "totem_membership_changed"
SYNC = "pmxcfs_sync_request"
MEMBERS = "pmxcfs_members"
ANNOUNCED = "corosync_node_shutdown_announced"

_TWICE_US = 2 * SECOND
_MOST_REPEATS = 4
_MOST_ANCHORS = 600


class Sighting(NamedTuple):
    """One node's line of an anchor, on the node's own clock."""

    anchor: str
    at: Instant
    seq: int
    evidence: tuple[Evidence, ...]


def sightings(by_node: Mapping[str, Sequence[Event]]) -> dict[str, tuple[Sighting, ...]]:
    """The sightings of each node in the order of its lines, of anchors that at least two nodes logged.

    A ring id returns after a restart of a whole cluster that lost its ring files; what a node logged oftener than four times
    tells no moment. Of very many anchors some hundreds are taken, spread over the whole time.
    """
    found = {node: _of_node(line) for node, line in by_node.items()}
    shared: Counter[str] = Counter()
    first: dict[str, int] = {}
    for seen in found.values():
        for anchor in dict.fromkeys(sighting.anchor for sighting in seen):
            shared[anchor] += 1
        for sighting in seen:
            first[sighting.anchor] = min(first.get(sighting.anchor, sighting.at.us), sighting.at.us)
    kept = sorted((anchor for anchor, nodes in shared.items() if nodes > 1), key=lambda anchor: (first[anchor], anchor))
    stride = -(-len(kept) // _MOST_ANCHORS) or 1
    chosen = frozenset(kept[::stride])
    return {node: tuple(sighting for sighting in seen if sighting.anchor in chosen) for node, seen in found.items()}


def _of_node(line: Sequence[Event]) -> list[Sighting]:
    by_anchor: dict[str, list[Sighting]] = defaultdict(list)
    for event in line:
        anchor = anchor_of(event)
        if not anchor or event.at is None:
            continue
        seen = by_anchor[anchor]
        if seen and abs(event.at.us - seen[-1].at.us) <= _TWICE_US:
            continue  # corosync 2 writes every line to its standard error as well
        seen.append(Sighting(anchor, event.at, event.seq, event.evidence[:1]))
    found = [sighting for seen in by_anchor.values() if len(seen) <= _MOST_REPEATS for sighting in seen]
    return sorted(found, key=lambda sighting: sighting.seq)


def kind_of(anchor: str) -> str:
    """Which kind of round an anchor is of: `ring`, `sync`, `group` or `leave`."""
    return anchor.partition(" ")[0]


def anchor_of(event: Event) -> str:
    """What an event has in common with the same round's line on another node, or an empty string."""
    fields = event.fields
    if event.kind == RING and fields.get("ring_seq"):
        return f"ring {fields.get('ring_rep', '')}.{fields['ring_seq']}"
    if event.kind == SYNC and fields.get("epoch"):
        return f"sync {fields.get('domain')} {fields.get('node')}/{fields.get('pid')}/{fields['epoch']}"
    if event.kind == MEMBERS and "," in fields.get("members", ""):
        # node ids with the process ids of their pmxcfs: another set after every restart of one of them
        return f"group {fields.get('domain')} {fields['members']}"
    if event.kind == ANNOUNCED and fields.get("node"):
        return f"leave {fields['node']}"
    return ""
