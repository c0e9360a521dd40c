"""The cluster resource manager of HA: its states on each node, who was master, and the nodes that it declared lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.rings import departures
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "startup": ("wait_for_quorum",),
    "wait_for_quorum": ("slave", "master"),
    "slave": ("master", "wait_for_quorum"),
    "master": ("lost_manager_lock", "slave", "wait_for_quorum"),
    "lost_manager_lock": ("wait_for_quorum", "slave", "master"),
}
"""States of the CRM and those that may follow (pve-ha-manager:src/PVE/HA/CRM.pm `work`)."""

_ONE_ROUND_US = 3 * SECOND
_MASTER_CHANGE_US = 200 * SECOND
_LEAVE_US = 150 * SECOND
_OWN_LOG_US = 600 * SECOND


def track(view: View) -> tuple[Interval, ...]:
    """`crm:<n>` with the CRM's states, `ha:master` with the master's name, and `node:<n>` fence_claimed."""
    states = [interval for node in view.nodes for interval in _states(view, node)]
    return (*states, *_masters(states), *_claims(view))


# --- states ---------------------------------------------------------------------------------------


class _State(Struct):
    """The state that the CRM is in, and since when."""

    name: str = ""
    since: Instant | None = None
    evidence: tuple[Evidence, ...] = ()


def _states(view: View, node: str) -> Iterator[Interval]:
    state = _State()
    ends = [(boot.next_start or boot.end, boot.end) for boot in view.boots_of(node) if boot.next_start is not None or boot.manner != "open"]
    cuts = sorted(((cut.us, end) for cut, end in ends if cut is not None), key=lambda item: item[0])
    for at, event in view.dated(node, "crm_status_changed", "ha_daemon_stopped"):
        while cuts and cuts[0][0] <= at.us:
            yield from _left(node, state, cuts.pop(0)[1], "boot_end")
        if event.kind == "ha_daemon_stopped":
            if event.program.lower() == "pve-ha-crm" or event.fields.get("daemon") == "crm":
                yield from _left(node, state, at, "stopped")
            continue
        before, after = event.fields.get("from") or "", event.fields.get("to") or ""
        if before == "startup":
            yield from _left(node, state, at, "restart")
        elif not state.name:
            state.name, state.since, state.evidence = before, None, event.evidence[:1]
        elif state.name != before:
            yield from _left(node, state, None, "lines_missing")
            state.name, state.since, state.evidence = before, None, event.evidence[:1]
        yield from _left(node, state, at, "change")
        state.name, state.since, state.evidence = after, at, event.evidence[:1]
    for _, end in cuts:
        yield from _left(node, state, end, "boot_end")
    yield from _left(node, state, None, "")


def _left(node: str, state: _State, at: Instant | None, why: str) -> Iterator[Interval]:
    if state.name:
        yield Interval(f"crm:{node}", state.name, state.since, at, {"closed_by": why}, state.evidence)
    state.name, state.since, state.evidence = "", None, ()


def _masters(states: Iterable[Interval]) -> Iterator[Interval]:
    """The master by its own word; it stays until it leaves, ends, or another takes over."""
    terms = sorted((s for s in states if s.state == "master"), key=lambda s: s.start.us if s.start is not None else 0)
    for place, term in enumerate(terms):
        after = next((other.start for other in terms[place + 1 :] if other.start is not None), None)
        end = term.end
        if after is not None and (end is None or after.us < end.us):
            end = after
        yield Interval(
            "ha:master", term.subject.partition(":")[2], term.start, end, {"closed_by": term.fields.get("closed_by", "")}, term.evidence
        )


# --- nodes declared lost --------------------------------------------------------------------------


class _Claim(Struct):
    """A node that the master misses, until its lock is taken over or it is back."""

    node: str
    unknown: Instant | None = None
    fence: Instant | None = None
    acknowledged: Instant | None = None
    master: str = ""
    evidence: list[Evidence] = field(default_factory=list)

    def add(self, event: Event) -> None:
        self.master = event.node
        self.evidence.extend(event.evidence[:1])


def _claims(view: View) -> Iterator[Interval]:
    """Each claim as one interval; one that never came to the state `fence` is none: the node was only away."""
    claims: dict[str, _Claim] = {}
    for at, event in _words(view):
        node = view.resolve(event.fields.get("node") or "")
        claim = claims.setdefault(node, _Claim(node))
        if event.kind == "node_fence_acknowledged":
            if claim.acknowledged is not None and at.us - claim.acknowledged.us > _ONE_ROUND_US:
                yield from _told(view, claim)
                claim = claims[node] = _Claim(node)
            claim.acknowledged = claim.acknowledged or at
            claim.add(event)
            continue
        before, after = event.fields.get("from"), event.fields.get("to")
        if after == "unknown" and before in ("online", "maintenance"):
            yield from _told(view, claim)
            claims[node] = _Claim(node, unknown=at)
            claims[node].add(event)
        elif after == "fence":
            if claim.acknowledged is not None:
                yield from _told(view, claim)
                claim = claims[node] = _Claim(node)
            claim.fence = claim.fence or at
            claim.add(event)
        elif before == "fence" and after == "unknown":
            # only a fence that succeeded brings the node from `fence` to `unknown` (pve-ha-manager:src/PVE/HA/NodeStatus.pm)
            claim.acknowledged = claim.acknowledged or at
            claim.add(event)
            yield from _told(view, claims.pop(node))
        elif after in ("online", "maintenance", "gone"):
            yield from _told(view, claims.pop(node))
    for claim in claims.values():
        yield from _told(view, claim)


def _words(view: View) -> list[tuple[Instant, Event]]:
    kinds = ("crm_node_state_changed", "node_fence_acknowledged")
    words = [(at, place, event) for node in view.nodes for place, (at, event) in enumerate(view.dated(node, *kinds))]
    return [(at, event) for at, _, event in sorted(words, key=lambda word: (word[0].us, word[2].node, word[1]))]


def _told(view: View, claim: _Claim) -> Iterator[Interval]:
    if claim.fence is None and claim.acknowledged is None:
        return
    seconds = claim.acknowledged.seconds_since(claim.unknown) if claim.acknowledged is not None and claim.unknown is not None else None
    fields = {
        "acknowledged": "yes" if claim.acknowledged is not None else "no",
        "master": claim.master,
        "seconds": f"{seconds:.0f}" if seconds is not None else "",
        "to_unknown": claim.unknown.iso() if claim.unknown is not None else "",
        "to_fence": claim.fence.iso() if claim.fence is not None else "",
        "planned": "yes" if _planned(view, claim) else "no",
        "own_log": "yes" if _own_log(view, claim) else "no",
    }
    start = claim.unknown or claim.fence
    yield Interval(f"node:{claim.node}", "fence_claimed", start, claim.acknowledged, fields, tuple(claim.evidence[:4]))


def _planned(view: View, claim: _Claim) -> bool:
    """True if the node went down in order: by its own log, by its peers' leave message, or because its lock was free at once.

    A lock that its holder did not release expires 120 s after its last renewal (pve-cluster:src/pmxcfs/memdb.c), which is later
    than the 60 s to the state `fence`; it is taken in the same round only if it was released. A new master finds it expired too.
    """
    since = claim.unknown or claim.fence or claim.acknowledged
    if since is None:
        return False
    for boot in view.boots_of(claim.node):
        if boot.end is not None and -_LEAVE_US <= boot.end.us - since.us <= 60 * SECOND and boot.manner in ("clean", "unclean"):
            return boot.manner == "clean"
    if any(leave.node == claim.node and -_LEAVE_US <= leave.at.us - since.us <= 10 * SECOND for leave in departures(view)):
        return True
    if claim.fence is None or claim.acknowledged is None or claim.acknowledged.us - claim.fence.us > _ONE_ROUND_US:
        return False
    changes = [at for at, event in view.dated(claim.master, "crm_status_changed") if event.fields.get("to") == "master"]
    return not any(0 <= claim.acknowledged.us - at.us <= _MASTER_CHANGE_US for at in changes)


def _own_log(view: View, claim: _Claim) -> bool:
    """True if the node's own log reaches to the time at which it was lost."""
    since = claim.unknown or claim.fence
    until = since or (claim.acknowledged.plus(-60) if claim.acknowledged is not None else None)
    if until is None:
        return False
    spans = view.coverage_of(claim.node)
    covered = any(c.start.us <= until.us and c.end.us >= until.us - _OWN_LOG_US for c in spans)
    return covered or any(-_OWN_LOG_US <= at.us - until.us <= 0 for at, _ in view.dated(claim.node))
