"""Signs of trouble between nodes: links down, tokens late, nodes lost, storms, pauses; each with its harmless explanation, if any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pveforensics.model import Boot, Event, Evidence, Interval
from pveforensics.state.machine import runs_of
from pveforensics.state.moments import Moments
from pveforensics.state.rings import departures, returns, rings_of
from pveforensics.state.trackers import links
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

Pair = tuple[str, str]

_PLAIN = {
    "totem_token_warning": "token_warning",
    "totem_token_lost": "token_lost",
    "totem_process_pause": "pause",
    "corosync_sched_miss": "pause",
    "totem_failed_to_receive": "receive",
    "knet_mtu_misconfigured": "mtu",
    "knet_pmtud_aborted": "mtu",
    "corosync_auth_failure": "auth",
    "ring_faulty": "nic",
    "network_interface_down": "nic",
    "nic_link_down": "nic",
    "nic_tx_hang": "nic",
    "bond_all_slaves_down": "nic",
    "bond_slave_down": "nic",
    "net.link_down": "nic",
    "net.nic_hang": "nic",
    "net.nic_reset": "nic",
    "net.bond_down": "nic",
    "net.bond_slave_down": "nic",
}
_LEAVE_US = 60 * SECOND
_START_US = 30 * SECOND
_BOOT_US = 120 * SECOND
_MINUTE_US, _TEN_MINUTES_US = 60 * SECOND, 600 * SECOND
_MINUTE_STORM, _LONG_STORM = 5, 20


class Symptom(Value, frozen=True):
    """One sign. `pairs` are the nodes that lost each other by it (each in order of name); `until` None: not over in the log."""

    at: Instant
    until: Instant | None
    reporter: str
    kind: str
    pairs: frozenset[Pair] = frozenset()
    link: str = ""
    mark: str = ""
    count: int = 1
    explained: str = ""
    about: str = ""
    ms: str = ""
    limit: str = ""
    last_link: bool = False
    evidence: tuple[Evidence, ...] = ()


def pair(one: str, other: str) -> Pair:
    """Two nodes in order of name."""
    return (one, other) if one <= other else (other, one)


class Calm(Value, frozen=True):
    """What explains noise: orderly leaves, starts of corosync, and boots."""

    view: View
    leaves: Mapping[str, Moments]
    left: Moments
    starts: Moments
    nameless: tuple[Boot, ...]
    """Boots of nodes whose corosync id nobody states: one of them may be the `node<id>` that peers lost."""

    def left_in_order(self, node: str, at: Instant) -> bool:
        """True if the node left in order up to a minute before the moment (a link's end may be logged a little earlier)."""
        return node in self.leaves and self.leaves[node].any_in(at.us - _LEAVE_US, at.us + 3 * SECOND)

    def starting(self, at: Instant) -> bool:
        """True if some corosync started in the half minute before."""
        return self.starts.any_in(at.us - _START_US, at.us)

    def leaving(self, at: Instant) -> bool:
        """True if some node left in order in the ten seconds before."""
        return self.left.any_in(at.us - 10 * SECOND, at.us + SECOND)

    def down(self, node: str, at: Instant) -> str:
        """`planned_stop`, `boot_end` or `daemon_crash` if the node's own log shows that it or its corosync was down then, else empty."""
        hidden = node not in self.view.nodes and _is_placeholder(node)
        for boot in self.nameless if hidden else self.view.boots_of(node):
            if hidden and boot.end is not None and at.us - boot.end.us > _LEAVE_US:
                continue
            ended = boot.end is not None and boot.manner != "open" and boot.end.us - SECOND <= at.us
            if ended and (boot.next_start is None or at.us < boot.next_start.us):
                return "planned_stop" if boot.manner == "clean" else "boot_end"
        return "" if hidden else self._crashed(node, at)

    def _crashed(self, node: str, at: Instant) -> str:
        runs = runs_of(self.view, node) if node in self.view.nodes else ()
        for run, after in zip(runs, (*runs[1:], None), strict=False):
            back = after.start if after is not None else None
            if run.ended == "crash" and run.end is not None and run.end.us - SECOND <= at.us and (back is None or at.us < back.us):
                return "daemon_crash"
        return ""


def calm_of(view: View) -> Calm:
    """The explanations at hand, from the logs of all nodes."""
    leaves: dict[str, list[Instant]] = {}
    starts: list[Instant] = []
    for leave in departures(view):
        leaves.setdefault(leave.node, []).append(leave.at)
    for node in view.nodes:
        for run in runs_of(view, node):
            if run.ended == "clean" and run.end is not None:
                leaves.setdefault(node, []).append(run.end)
            if run.start is not None:
                starts.append(run.start)
    by_node = {node: Moments.of(moments) for node, moments in leaves.items()}
    return Calm(view, by_node, Moments.of(at for moments in leaves.values() for at in moments), Moments.of(starts), _nameless(view))


def _is_placeholder(node: str) -> bool:
    return node.startswith("node") and node[4:].isdecimal()


def _nameless(view: View) -> tuple[Boot, ...]:
    numbered = {view.resolve(number) for number in (*view.naming.ids, *(member.nodeid for member in view.cluster.members if member.nodeid))}
    return tuple(boot for boot in view.boots if boot.node not in numbered)


def symptoms_of(view: View) -> tuple[Symptom, ...]:
    """All signs of all nodes, by time."""
    return view.once("symptoms", lambda: _read(view))


def _read(view: View) -> tuple[Symptom, ...]:
    calm = calm_of(view)
    found: list[Symptom] = []
    for node in view.nodes:
        found += (_of_outage(calm, node, outage) for outage in links.outages(view, node) if outage.start is not None)
        found += _of_rings(calm, node)
        found += _of_lines(calm, node)
        found += _storms(calm, node)
    return tuple(sorted(found, key=lambda sign: sign.at.us))


def _of_outage(calm: Calm, node: str, outage: Interval) -> Symptom:
    start = outage.start
    assert start is not None
    _, other, link = outage.subject.partition(":")[2].split("/", 2)
    explained, about = "", ""
    for end in (other, node):
        explained = explained or ("planned_stop" if calm.left_in_order(end, start) else calm.down(end, start))
        about = about or (end if explained else "")
    return Symptom(
        start,
        outage.end,
        node,
        "link",
        frozenset({pair(node, other)}),
        f"{pair(node, other)[0]}-{pair(node, other)[1]}/{link}",
        f"{node}>{other}/{link}",
        1,
        explained,
        about,
        last_link=outage.fields.get("last_link") == "yes",
        evidence=outage.evidence,
    )


def _of_rings(calm: Calm, node: str) -> Iterator[Symptom]:
    """Nodes that a membership lacks, and rings formed again with the same members."""
    rings = rings_of(calm.view, node)
    return_of = returns(rings)
    for place, ring in enumerate(rings):
        for lost in ring.left:
            if lost == node:
                continue
            back = ring.at if lost in ring.members else return_of(place, lost)
            others = {node} if lost in ring.members else {name for name in ring.members if name not in ring.left} | {node}
            pairs = frozenset(pair(name, lost) for name in others)
            explained = "planned_stop" if calm.left_in_order(lost, ring.at) else calm.down(lost, ring.at)
            yield Symptom(
                ring.at,
                back,
                node,
                "left",
                pairs,
                "",
                ring.id,
                1,
                explained,
                lost if explained else "",
                last_link=True,
                evidence=ring.evidence[:3],
            )
        if ring.id and not ring.left and not ring.joined and place and ring.members == rings[place - 1].members:
            yield Symptom(ring.at, ring.at, node, "reformed", mark=ring.id, explained=_noise(calm, ring.at), evidence=ring.evidence[:1])


def _of_lines(calm: Calm, node: str) -> Iterator[Symptom]:
    for at, event in calm.view.dated(node, *_PLAIN):
        kind = _PLAIN[event.kind]
        if kind == "nic" and (event.fields.get("state") or "").startswith(("up", "active")):
            continue
        explained = _around_boot(calm, node, at) if kind == "nic" else _noise(calm, at) if kind != "auth" else ""
        yield Symptom(
            at,
            event.last or at,
            node,
            kind,
            _pairs_of(calm.view, node, event),
            mark=event.kind,
            count=event.count,
            explained=explained,
            ms=event.fields.get("ms") or "",
            limit=event.fields.get("limit") or "",
            evidence=event.evidence[:2],
        )


def _pairs_of(view: View, node: str, event: Event) -> frozenset[Pair]:
    number = event.fields.get("node") if event.kind == "knet_mtu_misconfigured" else None
    return frozenset({pair(node, view.resolve(number))}) if number else frozenset()


def _noise(calm: Calm, at: Instant) -> str:
    """Tokens are late for a moment whenever a node comes or goes."""
    return "planned_stop" if calm.leaving(at) else "startup" if calm.starting(at) else ""


def _around_boot(calm: Calm, node: str, at: Instant) -> str:
    """Interfaces go down and up as a node boots or shuts down."""
    for boot in calm.view.boots_of(node):
        if boot.start is not None and -SECOND <= at.us - boot.start.us <= _BOOT_US:
            return "startup"
        if boot.manner == "clean" and boot.end is not None and -SECOND <= boot.end.us - at.us <= _BOOT_US:
            return "planned_stop"
    return ""


def _storms(calm: Calm, node: str) -> Iterator[Symptom]:
    """Retransmit lists count from five a minute or twenty in ten minutes; two in an hour harm nobody."""
    group: list[tuple[Instant, Event]] = []
    for at, event in (*calm.view.dated(node, "totem_retransmit"), (None, None)):
        if group and (at is None or at.us - (group[-1][1].last or group[-1][0]).us > _TEN_MINUTES_US // 5):
            if _storm(group, _MINUTE_US) >= _MINUTE_STORM or _storm(group, _TEN_MINUTES_US) >= _LONG_STORM:
                first, (last, end) = group[0], group[-1]
                count = sum(event.count for _, event in group)
                evidence = tuple(e for _, event in group[:2] for e in event.evidence[:1])
                until = end.last or last
                brief = until.us - first[0].us <= _LEAVE_US
                yield Symptom(
                    first[0], until, node, "storm", count=count, explained=_noise(calm, first[0]) if brief else "", evidence=evidence
                )
            group = []
        if at is not None and event is not None:
            group.append((at, event))


def _storm(group: list[tuple[Instant, Event]], width: int) -> int:
    """The most lines in any span of that width."""
    best = held = first = 0
    for at, event in group:
        held += event.count
        while at.us - group[first][0].us > width:
            held -= group[first][1].count
            first += 1
        best = max(best, held)
    return best
