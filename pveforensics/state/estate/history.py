"""What the estate adds to the history: where HA could start each guest, and the intervals that rules ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from pveforensics.model import Change, Interval, Placement
from pveforensics.state.estate import (
    Estate,
    aftermath,
    behind,
    certified,
    failed_units,
    hazards,
    installed,
    locked,
    replicas,
    staleness,
    upgrades,
    upkeep,
)
from pveforensics.state.estate.build import estate
from pveforensics.state.estate.changes import changes
from pveforensics.state.estate.landed import resettled
from pveforensics.state.estate.placement import Place, places
from pveforensics.state.view import View
from pveforensics.timebase import Instant

Made = TypeVar("Made")

PLACES_KEPT = 20_000
NODES_TOLD = 8


ABOUT = {14: "image", 24: "image", 25: "lock", 26: "nodes", 30: "memory", **dict.fromkeys(range(16, 24), "device")}
"""What a row of the table is about; the others are about disks."""


class Attempt(Protocol):
    """Runs a part; its failure leaves a note and gives `nothing`."""

    def __call__(self, name: str, make: Callable[[], Made], nothing: Made) -> Made:
        """What `make` makes, or `nothing`."""


class Told(NamedTuple):
    """Intervals (all, with those that were there before), placements and changes."""

    intervals: tuple[Interval, ...]
    placement: tuple[Placement, ...] = ()
    changes: tuple[Change, ...] = ()


def tell(view: View, intervals: Sequence[Interval], attempt: Attempt) -> Told:
    """What configuration, lists and the trackers' intervals say together; `attempt` runs each part so that its failure costs only itself."""
    known = attempt("moved guests", lambda: resettled(view, estate(view)), estate(view))
    found = list(places(known, {node: _now(view, known, node) for node in {guest.node for guest in known.guests.values()}}))
    more: list[Interval] = [*_placements(found)]
    for name, part in PARTS:
        more += attempt(name, lambda run=part: tuple(run(view, known, intervals)), ())  # type: ignore[misc]
    aged = attempt("age of data", lambda: aftermath.with_ages(view, known, intervals), tuple(intervals))
    aged = attempt("guests behind storages", lambda: behind.with_guests(known, aged), aged)
    return Told((*aged, *more), tuple(map(_placement, found[:PLACES_KEPT])), attempt("changes", lambda: changes(view, intervals), ()))


def _now(view: View, known: Estate, node: str) -> Instant | None:
    """When the age of copies of a node's guests is counted: the last sign of the node's logs, else of its state file."""
    seen = [sync.seen for sync in known.syncs if sync.source == node and sync.seen is not None]
    last = view.last_sign(node)
    return max((*seen, *([last] if last is not None else [])), key=lambda moment: moment.us, default=None)


def _placement(place: Place) -> Placement:
    verdict = place.verdict
    return Placement(place.guest.sid, place.node, verdict.verdict, verdict.row, verdict.why, verdict.fix, verdict.age_s, verdict.evidence)


def _placements(found: Iterable[Place]) -> Iterator[Interval]:
    """`guest:<sid>@<home>` placement: one for each guest and row of the table that is no plain good news, with the nodes it is true of."""
    grouped: dict[tuple[str, int, str], list[tuple[Place, int]]] = {}
    for place in found:
        every = place.all or (place.verdict,)
        for number, verdict in enumerate((place.verdict, *every)):
            same = number and (verdict.row, verdict.verdict) == (place.verdict.row, place.verdict.verdict)
            if verdict.verdict != "ok" and not same and (verdict.bad or verdict.row == 25 or verdict.verdict == "unknown"):
                grouped.setdefault((place.guest.sid, verdict.row, verdict.verdict), []).append((place, number))
    for (sid, row, word), group in grouped.items():
        first, number = group[0]
        verdict = first.verdict if not number else first.all[number - 1]
        fields = {
            "guest": sid,
            "vmid": first.guest.vmid,
            "name": first.guest.name,
            "home": first.guest.node,
            "nodes": _some(list(dict.fromkeys(place.node for place, _ in group))),
            "row": str(row),
            "about": ABOUT.get(row, "disk"),
            "verdict": word,
            "severity": verdict.grave,
            "why": verdict.why,
            "fix": verdict.fix,
            "disk": verdict.subject,
            "storage": verdict.storage,
            "first": "yes" if any(place.first for place, _ in group) else "no",
            "lower": ", ".join(dict.fromkeys(node for place, _ in group for node in place.lower)),
        }
        lines = tuple(dict.fromkeys(line for place, at in group for line in (place.verdict if not at else place.all[at - 1]).evidence))[:12]
        yield Interval(f"guest:{sid}@{first.guest.node}", "placement", None, None, fields, lines)


def _some(nodes: Sequence[str]) -> str:
    """The nodes as a sentence can hold them; the table of placements has all."""
    more = len(nodes) - NODES_TOLD
    return ", ".join(nodes) if more < 2 else f"{', '.join(nodes[:NODES_TOLD])} and {more} more"


Part = Callable[[View, Estate, Sequence[Interval]], Iterable[Interval]]

PARTS: tuple[tuple[str, Part], ...] = (
    ("replicas", replicas.track),
    ("replication by state", staleness.track),
    ("recovered guests", aftermath.track),
    ("locked guests", locked.track),
    ("time bombs", hazards.track),
    ("time bombs around guests", upkeep.track),
    ("failed units", failed_units.track),
    ("certificates", certified.track),
    ("changes of packages", upgrades.track),
    ("installed packages", installed.track),
)
"""What else is told of the estate, each for itself."""
