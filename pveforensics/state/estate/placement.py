"""For each guest under HA and each node that HA may choose: would it start there, and with which data."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from pveforensics.state.estate import Estate, Guest, HaResource, devices, disks
from pveforensics.state.estate.affinity import Candidate, affinity_of, candidates, held_apart, is_known
from pveforensics.state.estate.disks import span
from pveforensics.state.estate.verdicts import Verdict, cited, worst
from pveforensics.timebase import Instant
from pveforensics.value import Value

LOCAL_ROWS = frozenset({5, 6, 7, 9, 12})
"""Rows that tell of a disk that the node does not have."""


class Place(Value, frozen=True):
    """One guest on one node. `all` are the verdicts of its disks and devices, `lower` nodes of lower classes that could start it but are not tried."""

    guest: Guest
    node: str
    verdict: Verdict
    all: tuple[Verdict, ...] = ()
    first: bool = True
    lower: tuple[str, ...] = ()


def places(estate: Estate, now: dict[str, Instant | None]) -> Iterator[Place]:
    """The places of all guests that HA starts elsewhere; `now` gives for each home node when the age of copies is counted."""
    for resource in estate.resources or ():
        guest = estate.guests.get(resource.sid)
        if guest is None or not resource.wanted or guest.template:
            continue
        yield from _of_guest(estate, resource, guest, now.get(guest.node))


def _of_guest(estate: Estate, resource: HaResource, guest: Guest, now: Instant | None) -> Iterator[Place]:
    if not is_known(estate, resource):
        why = f"group {resource.group} of {guest.sid} is defined in no file of the bundle: which nodes HA may choose is not known"
        for node in estate.nodes:
            if node != guest.node:
                yield Place(guest, node, Verdict(0, "unknown", why, evidence=cited(resource.evidence), bad=False))
        return
    chosen = candidates(estate, resource, guest.node)
    if not chosen:
        if affinity_of(estate, resource) is not None or held_apart(estate, resource):
            verdict = _nowhere(estate, resource, guest)
            yield Place(guest, guest.node, verdict, (verdict,))
        return
    made = [_place(estate, resource, guest, each, now) for each in chosen]
    could = tuple(place.node for place in made if not place.first and place.verdict.verdict in ("ok", "stale"))
    for place in made:
        blocked = (
            place.first
            and place.verdict.verdict == "start_fails"
            and could
            and not any(each.first and each.verdict.verdict != "start_fails" for each in made)
        )
        yield replace(place, lower=could) if blocked else place


def _nowhere(estate: Estate, resource: HaResource, guest: Guest) -> Verdict:
    """Row 26: no node is left for the guest when its own is lost."""
    bound, taken = affinity_of(estate, resource), held_apart(estate, resource)
    rest = "if that is lost, the guest stays down until it is back"
    if taken:
        others = ", ".join(f"{sid} on {node}" for node, sid in sorted(taken.items()))
        why = f"{guest.sid} must not run beside {others}, and no node is left but {guest.node}: {rest}"
        fix = "one node more than guests that are kept apart, or a rule that names fewer of them"
    else:
        name = bound.id if bound is not None else "the cluster"
        why, fix = f"{name} allows no other node than {guest.node}: {rest}", f"add nodes to {name} that have the guest's disks"
    lines = cited(resource.evidence, bound.evidence if bound is not None else None)
    return Verdict(26, "start_fails", why, fix, lines, severity="medium")


def _place(estate: Estate, resource: HaResource, guest: Guest, candidate: Candidate, now: Instant | None) -> Place:
    every = (*disks.verdicts(estate, guest, candidate.node, now), *devices.verdicts(estate, guest, candidate.node))
    top = worst(every) or Verdict(1, "ok", "nothing of the guest is tied to a node")
    bound = affinity_of(estate, resource)
    lines = cited(resource.evidence, bound.evidence if bound is not None else None)
    if top.verdict == "start_fails" and top.row in LOCAL_ROWS and not candidate.listed and bound is not None:
        why = f"{bound.id} does not restrict the guest, so HA may choose {candidate.node} when all its nodes are down; {top.why}"
        fix = f"make {bound.id} strict (group: restricted)"
        top = replace(top, row=27, why=why, fix=fix)
    if top.verdict == "stale" and len({each.age_s for each in every if each.verdict == "stale"}) > 1:
        top = replace(top, why=f"{top.why} ({_ages(every)})")
    if guest.landed == candidate.node:
        top = replace(top, why=f"HA moved {guest.sid} there from {guest.node}; {top.why}")
        lines = cited(guest.landing, *lines)
    top = replace(top, evidence=cited(*top.evidence, *lines))
    return Place(guest, candidate.node, top, every, candidate.first)


def _ages(every: tuple[Verdict, ...]) -> str:
    """How old the data of each disk would be, where that differs: the disks then belong to different times."""
    told = [f"{each.subject} {span(each.age_s) if each.age_s is not None else 'not known'}" for each in every if each.verdict == "stale"]
    return f"the disks are of different times: {', '.join(told)}"
