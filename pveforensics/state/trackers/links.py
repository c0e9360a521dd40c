"""Links of knet that were down, as each end saw them."""

from __future__ import annotations

from msgspec import Struct, field

from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.machine import Run, runs_of
from pveforensics.state.moments import Moments
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

KINDS = ("knet_link_down", "knet_link_up", "knet_no_active_links", "knet_active_links", "knet_best_link")

ALL = "*"
"""The link number of an outage of which only `has no active links` tells."""

_START_UP_US = 60 * SECOND
_BOOT_UP_US = 120 * SECOND


def track(view: View) -> tuple[Interval, ...]:
    """`link:<from>/<to>/<k>` down, with `<from>`'s view of its link k to `<to>`."""
    found: list[Interval] = []
    for node in view.nodes:
        found += outages(view, node)
    return tuple(found)


class _Peer(Struct):
    """What one node knows of its links to one other node."""

    down: dict[str, tuple[Instant, tuple[Evidence, ...]]] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    raised: bool = False


class _Links(Struct):
    """The links of one node to its peers while its lines are being read."""

    view: View
    node: str
    peers: dict[str, _Peer] = field(default_factory=dict)
    done: list[Interval] = field(default_factory=list)

    def peer(self, number: str) -> _Peer:
        return self.peers.setdefault(number, _Peer())

    def drop(self, number: str, link: str, at: Instant, event: Event) -> None:
        self.peer(number).down.setdefault(link, (at, event.evidence[:1]))

    def lift(self, number: str, link: str, at: Instant, evidence: tuple[Evidence, ...] = (), why: str = "up") -> None:
        held = self.peer(number).down.pop(link, None)
        if held is not None:
            start, first = held
            self._add(number, link, (start, at), first + evidence[:1], why)

    def lift_all(self, at: Instant | None, why: str) -> None:
        for number, peer in self.peers.items():
            for link in list(peer.down):
                start, first = peer.down.pop(link)
                self._add(number, link, (start, at), first, why)

    def _add(self, number: str, link: str, span: tuple[Instant, Instant | None], evidence: tuple[Evidence, ...], why: str) -> None:
        other = self.view.resolve(number)
        own = next((str(key) for key, name in self.view.naming.ids.items() if name == self.node), "")
        alone = "yes" if link == ALL or link in self.peer(number).alone else ""
        self.peer(number).alone.discard(link)
        fields = {"from_id": own, "to_id": number, "ended": why, "last_link": alone}
        self.done.append(Interval(f"link:{self.node}/{other}/{link}", "down", span[0], span[1], fields, evidence))


def outages(view: View, node: str) -> tuple[Interval, ...]:
    """The outages that one node logged, by start.

    Fields: `ended` is up, stopped (its own corosync ended) or empty; `last_link` yes if no other link to the node was left.
    """
    return view.once(("outages", node), lambda: _read(view, node))


def _read(view: View, node: str) -> tuple[Interval, ...]:
    links = _Links(view, node)
    runs = runs_of(view, node)
    boots = Moments.of(boot.start for boot in view.boots_of(node) if boot.start is not None)
    place = 0
    for at, event in view.dated(node, *KINDS):
        while place < len(runs) and _is_over(runs[place], at):
            links.lift_all(runs[place].end, "stopped")
            links.peers.clear()
            place += 1
        # what corosync says after its stop is its own end, not the network's
        if place < len(runs) and (runs[place].start is None or _began(runs[place], at)):
            booting = boots.any_in(at.us - _BOOT_UP_US, at.us)
            _take(links, event, at, starting=booting or _is_starting(runs[place], at))
    for run in runs[place:]:
        if run.end is not None:
            links.lift_all(run.end, "stopped")
    links.lift_all(None, "")
    return tuple(sorted(links.done, key=lambda outage: outage.start.us if outage.start else 0))


def _is_over(run: Run, at: Instant) -> bool:
    return run.end is not None and run.end.us <= at.us


def _is_starting(run: Run, at: Instant) -> bool:
    return run.start is not None and at.us - run.start.us <= _START_UP_US


def _began(run: Run, at: Instant) -> bool:
    return run.start is not None and run.start.us <= at.us


def _take(links: _Links, event: Event, at: Instant, *, starting: bool) -> None:
    number = event.fields.get("node") or ""
    if not number:
        return
    peer = links.peer(number)
    if event.kind == "knet_link_down":
        links.drop(number, event.fields.get("link") or "0", at, event)
    elif event.kind == "knet_link_up":
        link = event.fields.get("link") or "0"
        peer.raised = True
        links.lift(number, link, at, event.evidence)
        links.lift(number, ALL, at, event.evidence)
    elif event.kind == "knet_active_links":
        if (event.fields.get("n") or "0") != "0":
            links.lift(number, ALL, at, event.evidence)
    elif event.kind == "knet_no_active_links":
        first = starting and not peer.raised and not peer.down
        peer.alone.update(peer.down)
        if not first and not peer.down:
            links.drop(number, ALL, at, event)
