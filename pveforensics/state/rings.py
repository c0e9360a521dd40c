"""Memberships as each node logged them: ring id, members, who joined, who left and who left without a word."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from pveforensics.model import Event, Evidence
from pveforensics.state.machine import ANNOUNCED
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

MEMBERSHIP = "totem_membership_changed"
_KINDS = (MEMBERSHIP, "corosync_sync_members", "corosync_sync_joined", "corosync_sync_left", "corosync_members", "totem_leave_not_received")
_TOGETHER_US = 2 * SECOND
_POLL_US = 60 * SECOND


class Ring(Value, frozen=True):
    """One membership as one node logged it; names are resolved, `members` is empty if no line lists them.

    `failed` are the nodes whose leave message was not received; `id` is `<representative>.<sequence>` as written.
    """

    node: str
    at: Instant
    id: str = ""
    members: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    settled: Instant | None = None
    told: bool = True


class Departure(Value, frozen=True):
    """A node left the cluster in order, as `by` saw it."""

    node: str
    at: Instant
    by: str
    evidence: tuple[Evidence, ...] = ()


class _Draft(Struct):
    """A configuration of the ring while its lines are being read."""

    at: Instant
    id: str = ""
    lists: dict[str, list[str]] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    wrapped: str = ""
    settled: Instant | None = None

    def take(self, key: str, names: Iterable[str], event: Event, *, more: bool = False) -> None:
        held = self.lists.setdefault(key, [])
        held.extend(name for name in names if name not in held)
        self.evidence.extend(event.evidence[:1])
        self.wrapped = key if more else ""


def names_in(view: View, text: str | None) -> tuple[str, ...]:
    """The node names of a blank-separated list of ids (or `id/pid` pairs with commas)."""
    words = (text or "").replace(",", " ").split()
    return tuple(dict.fromkeys(view.resolve(word.partition("/")[0]) for word in words))


def rings_of(view: View, node: str) -> tuple[Ring, ...]:
    """The memberships that a node logged, in order; from pmxcfs' member lists if corosync logged none."""
    return view.once(("rings", node), lambda: _read(view, node))


def _read(view: View, node: str) -> tuple[Ring, ...]:
    drafts = list(_drafts(view, node))
    rings: list[Ring] = []
    members: tuple[str, ...] = ()
    for draft in drafts:
        ring = _ring(node, draft, members)
        if rings and not ring.id and ring.members == rings[-1].members and not ring.left:
            continue
        rings.append(ring)
        members = ring.members or members
    return tuple(rings) or tuple(_from_pmxcfs(view, node))


def _drafts(view: View, node: str) -> Iterator[_Draft]:
    """Lines that belong to one membership: the sync lists before it, the leave failures and members behind it."""
    draft: _Draft | None = None
    for at, event in view.dated(node, *_KINDS):
        if draft is None or _begins(draft, at, event):
            if draft is not None:
                yield draft
            draft = _Draft(at)
        _add(view, draft, at, event)
    if draft is not None:
        yield draft


def _begins(draft: _Draft, at: Instant, event: Event) -> bool:
    """True if the line opens a new membership."""
    apart = at.us - draft.at.us
    if event.kind == "corosync_sync_members":
        return draft.wrapped != "sync"
    if event.kind == MEMBERSHIP:
        ring = _ring_id(event)
        return (bool(draft.id) and draft.id != ring) or (not draft.id and ("members" in draft.lists or apart > _TOGETHER_US))
    if event.kind == "corosync_members":
        return draft.wrapped != "members" and ("members" in draft.lists or apart > _POLL_US)
    return apart > _TOGETHER_US


def _add(view: View, draft: _Draft, at: Instant, event: Event) -> None:
    fields, more = event.fields, bool(event.fields.get("more"))
    if event.kind == MEMBERSHIP:
        draft.id = _ring_id(event)
        draft.at = max(draft.at, at)
        draft.take("joined", names_in(view, fields.get("joined")), event)
        draft.take("left", names_in(view, fields.get("left")), event)
    elif event.kind == "totem_leave_not_received":
        draft.take("failed", names_in(view, fields.get("failed")), event)
    else:
        key = {"corosync_sync_members": "sync", "corosync_sync_joined": "joined", "corosync_sync_left": "left"}.get(event.kind, "members")
        draft.take(key, names_in(view, fields.get("ids")), event, more=more)
        if key == "members":
            draft.settled = at


def _ring_id(event: Event) -> str:
    return f"{event.fields.get('ring_rep') or '?'}.{event.fields.get('ring_seq') or '?'}"


def _ring(node: str, draft: _Draft, before: tuple[str, ...]) -> Ring:
    lists = {key: tuple(names) for key, names in draft.lists.items()}
    joined, left, failed = (lists.get(key, ()) for key in ("joined", "left", "failed"))
    members = lists.get("sync") or lists.get("members") or ()
    if not members:
        members = tuple(dict.fromkeys((*(name for name in before if name not in left), *joined)))
        if members and node not in members:
            members = (*members, node)
    left = left or tuple(name for name in failed if name not in members)
    evidence = tuple(dict.fromkeys(draft.evidence))[:8]
    return Ring(node, draft.at, draft.id, tuple(sorted(members)), joined, left, failed, evidence, draft.settled)


def _from_pmxcfs(view: View, node: str) -> Iterator[Ring]:
    """What pmxcfs lists: the members of its own group, which is that of the cluster once it runs; says nothing of how one left."""
    before: tuple[str, ...] | None = None
    for at, event in view.dated(node, "pmxcfs_members"):
        members = tuple(sorted(names_in(view, event.fields.get("members"))))
        if not members or members == before:
            continue
        left = tuple(name for name in before or () if name not in members)
        joined = tuple(name for name in members if before is not None and name not in before)
        ring = Ring(node, at, "", members, joined, left, (), event.evidence[:1], at)
        yield replace(ring, told=False)
        before = members


def returns(rings: Sequence[Ring]) -> Callable[[int, str], Instant | None]:
    """A function that says when a node is a member again after the ring at a place."""
    places: dict[str, list[int]] = {}
    for place, ring in enumerate(rings):
        for name in ring.members:
            places.setdefault(name, []).append(place)

    def after(place: int, name: str) -> Instant | None:
        held = places.get(name, [])
        following = bisect_right(held, place)
        return rings[held[following]].at if following < len(held) else None

    return after


def departures(view: View) -> tuple[Departure, ...]:
    """Orderly leaves: announced (`shut down by sysadmin`), or a node that left and whose leave message was received."""
    return view.once("departures", lambda: _departures(view))


def _departures(view: View) -> tuple[Departure, ...]:
    found: list[Departure] = []
    for node in view.nodes:
        for at, event in view.dated(node, ANNOUNCED):
            found.append(Departure(view.resolve(event.fields.get("node", "")), at, node, event.evidence[:1]))
        for ring in rings_of(view, node):
            if ring.told:
                silent = set(ring.failed)
                found += [
                    Departure(name, ring.at, node, ring.evidence[:2])
                    for name in ring.left
                    if name not in silent and name not in ring.joined
                ]
    return tuple(sorted(found, key=lambda leave: leave.at.us))
