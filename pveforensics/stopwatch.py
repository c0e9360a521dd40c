"""timed(): beside each fence the times that the protocol sets for this cluster, and the measured ones.

Constants are those of pve-ha-manager:src/watchdog-mux.c and src/PVE/HA/NodeStatus.pm, pve-cluster:src/pmxcfs/memdb.c and
corosync:exec/totemconfig.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from msgspec.structs import replace

from pveforensics.model import Event, Facts, Finding, Interval, Measure
from pveforensics.timebase import SECOND, Instant, parse_moment
from pveforensics.value import Value

EXPIRY_S = 60.0
"""A client is given up 60 s after its last update (watchdog-mux.c `CLIENT_WATCHDOG_TIMEOUT`)."""
WARNING_S = 50.0
"""PVE 9 warns 10 s before."""
DEVICE_S = 10.0
"""The kernel's watchdog resets 10 s after its last feeding."""
ROUND_S = 10.0
"""LRM and CRM work in rounds of 10 s: the last renewal lies up to one before the cut."""
LOCK_S = 120.0
"""A lock is free 120 s after its last renewal (memdb.c `CFS_LOCK_TIMEOUT`)."""
FENCE_DELAY_S = 60.0
"""A node is missed for 60 s before it is fenced (NodeStatus.pm `$fence_delay`)."""

_CONSENSUS = 1.2
_COEFFICIENT_MS = 650
_DEFAULT_MS = (1000, 3000)
_WARNED = 0.75
_STAMP_S = 1.0
_BEFORE_S = 300.0
_AFTER_S = 900.0
_CARRIER = ("nic_link_down", "bond_all_slaves_down")


class Token(Value, frozen=True):
    """The runtime token of the cluster in seconds, shortest and longest that it can have been, and what tells it."""

    low: float
    high: float
    told_by: str

    def times(self, factor: float) -> tuple[float, float]:
        """A multiple of it."""
        return self.low * factor, self.high * factor


class Fence(Value, frozen=True):
    """The moments of one fence as far as lines show them; `error` is how far the clocks of two nodes may differ (seconds)."""

    node: str
    carrier: Instant | None = None
    link: Instant | None = None
    warned: Instant | None = None
    formed: Instant | None = None
    lost: Instant | None = None
    about: Instant | None = None
    expired: Instant | None = None
    last: Instant | None = None
    unknown: Instant | None = None
    fenced: Instant | None = None
    acknowledged: Instant | None = None
    was_master: bool | None = None
    error: float = 0.0


def timed(findings: Iterable[Finding], facts: Facts) -> tuple[Finding, ...]:
    """The findings, each of class `fencing` with its stopwatch; all others as they are."""
    return tuple(replace(f, stopwatch=tuple(_measures(f, facts))) if f.class_ == "fencing" and f.nodes else f for f in findings)


def _measures(finding: Finding, facts: Facts) -> Iterator[Measure]:
    token = token_of(facts)
    fence = _moments(finding, facts)
    return chain(_on_the_wire(fence, token), _on_the_node(fence, token), _by_the_others(fence, token))


# --- what the protocol says -----------------------------------------------------------------------------


def token_of(facts: Facts) -> Token:
    """The token by corosync's own word (`token timed out (3650ms)`), else by the configuration, else by both defaults."""
    said = sorted({number for event in facts.events if event.kind == "totem_token_lost" and (number := _ms(event)) is not None})
    if said:
        return Token(said[0] / 1000, said[-1] / 1000, "corosync's own lines")
    cluster = facts.history.cluster
    nodes = len(cluster.members) or len(facts.nodes)
    coefficient = cluster.token_coefficient_ms if cluster.token_coefficient_ms is not None else _COEFFICIENT_MS
    more = max(0, nodes - 2) * coefficient
    low, high = (cluster.token_ms, cluster.token_ms) if cluster.token_ms is not None else _DEFAULT_MS
    told_by = "corosync.conf" if cluster.token_ms is not None else "the defaults of corosync 2.x and 3.0 (1000 ms) to 3.1 (3000 ms)"
    return Token((low + more) / 1000, (high + more) / 1000, told_by)


def _ms(event: Event) -> int | None:
    word = event.fields.get("token_ms", "")
    return int(word) if word.isascii() and word.isdigit() and 0 < len(word) < 8 else None


def formation(token: Token) -> tuple[float, float]:
    """Seconds from the cut of a network to the new membership: token and consensus."""
    return token.times(1 + _CONSENSUS)


# --- the steps ------------------------------------------------------------------------------------------


def _on_the_wire(fence: Fence, token: Token) -> Iterator[Measure]:
    formed = formation(token)
    by = f"token {_span(token.low, token.high)}, told by {token.told_by}"
    yield _step("link down to token warning", (0.0, token.high / 2), fence.link, fence.warned, by)
    warned = (token.low * (1 + _CONSENSUS - _WARNED), token.high * (1 + _CONSENSUS - _WARNED))
    yield _step("token warning to new membership", warned, fence.warned, fence.formed, by)
    cut = fence.carrier
    note = f"{by}; no line shows the cut itself" if cut is None else by
    yield _step("network cut to new membership", formed, cut, fence.formed, note)


def _on_the_node(fence: Fence, token: Token) -> Iterator[Measure]:
    formed = formation(token)
    expected = (max(0.0, EXPIRY_S - ROUND_S - formed[1]), max(0.0, EXPIRY_S - formed[0]))
    late = "later than a renewal just before the cut allows: the lock was renewed after the quorum was lost in the log, or the clock stepped back"
    early = "earlier than a lost quorum explains: renewals failed before it (storage, pmxcfs), or the clock was stepped forward"
    yield _step("quorum lost to watchdog expired", expected, fence.lost, fence.expired, "", late=late, early=early)
    unseen = "renewals are not logged"
    yield Measure("last lock renewal to the 50 s warning", (WARNING_S, WARNING_S), None, unseen)
    yield Measure("last lock renewal to watchdog expired", (EXPIRY_S, EXPIRY_S), None, unseen)
    off = "the multiplexer compares wall clocks: a step of the clock or a starved host lies between the two lines"
    ten = (EXPIRY_S - WARNING_S, EXPIRY_S - WARNING_S)
    yield _step("50 s warning to watchdog expired", ten, fence.about, fence.expired, "", late=off, early=off)
    lives = "the node wrote on: the device did not reset it in its 10 s, or another client was fed on"
    note = "the reset itself leaves no line: measured to the last one"
    yield _step("watchdog expired to reset", (0.0, DEVICE_S), fence.expired, fence.last, note, late=lives)


def _by_the_others(fence: Fence, token: Token) -> Iterator[Measure]:
    formed = formation(token)
    delay = (FENCE_DELAY_S - ROUND_S, FENCE_DELAY_S + ROUND_S)
    moved = "another node became master meanwhile and counted anew"
    yield _step("node unknown to fence, as the master saw it", delay, fence.unknown, fence.fenced, "", late=moved)
    cut, reckoned = fence.carrier, ""
    if cut is None and fence.formed is not None:
        cut = fence.formed.plus(-(formed[0] + formed[1]) / 2)
        reckoned = "the cut is reckoned back from the new membership"
    if fence.was_master:
        expected = (LOCK_S + FENCE_DELAY_S, LOCK_S + FENCE_DELAY_S + ROUND_S)
        reckoned = "; ".join(filter(None, (reckoned, "the fenced node was the master: its own lock runs out first, then the fence delay")))
    else:
        expected = (LOCK_S - ROUND_S, LOCK_S + ROUND_S)
    slack = fence.error + (formed[1] - formed[0]) / 2
    late = "somebody renewed the lock longer than the cut suggests, the master changed, or the clocks differ"
    early = "the lock was free before it could run out: it was released in order, or the clocks differ"
    yield _step("network cut to fence acknowledged", expected, cut, fence.acknowledged, reckoned, slack=slack, late=late, early=early)


def _step(
    name: str,
    expected: tuple[float, float],
    start: Instant | None,
    end: Instant | None,
    note: str,
    *,
    slack: float = 0.0,
    late: str = "",
    early: str = "",
) -> Measure:
    """One step; a deviation beyond the stamps' and clocks' error is explained."""
    rounded = (round(expected[0], 2), round(expected[1], 2))
    if start is None or end is None:
        return Measure(name, rounded, None, note, start)
    measured = round(end.seconds_since(start), 1)
    doubt = _STAMP_S + slack + (start.error_us + end.error_us) / SECOND
    why = ""
    if measured > expected[1] + doubt:
        why = late or "longer than expected: lines are late, or the moments belong to different rounds"
    elif measured < expected[0] - doubt:
        why = early or "shorter than expected: the lines are late, or the clocks differ"
    elif not expected[0] - _STAMP_S <= measured <= expected[1] + _STAMP_S:
        why = f"within the doubt of stamps and clocks (± {doubt:.1f} s)"
    return Measure(name, rounded, measured, "; ".join(filter(None, (note, why))), start)


def _span(low: float, high: float) -> str:
    return f"{low:g} s" if low == high else f"{low:g} to {high:g} s"


# --- the moments ------------------------------------------------------------------------------------------


def _moments(finding: Finding, facts: Facts) -> Fence:
    """What the lines show of one fence, as the node saw it; its peers' words where its own log is missing."""
    node = finding.nodes[0]
    center = finding.start or finding.end
    if center is None:
        return Fence(node)
    near = _Near(facts, node, center)
    lost, claim = near.state("inquorate"), near.state("fence_claimed")
    end = near.state("ended")
    expired = near.first("watchdog_expired", "watchdog_client_died")
    quorum = lost.start if lost is not None and lost.fields.get("opened_by") in ("lost", "ha") else None
    pivot = quorum or expired or (claim.start if claim is not None else None) or center
    formed = near.last_before(pivot, ("totem_membership_changed",)) or (None if quorum is None else quorum)
    reached = formed or pivot
    fields = claim.fields if claim is not None else {}
    acknowledged = claim.end if claim is not None and fields.get("acknowledged") == "yes" else None
    others = formed is None
    warned = near.last_before(reached, ("totem_token_warning",), others=others, within=60.0)
    return Fence(
        node,
        carrier=near.first_before(reached, _CARRIER, within=60.0),
        link=near.first_before(warned or reached, ("knet_link_down",), others=others, within=20.0),
        warned=warned,
        formed=formed or near.last_before(pivot, ("totem_membership_changed",), others=True, within=60.0),
        lost=quorum,
        about=near.first("watchdog_about_to_expire"),
        expired=expired,
        last=end.start if end is not None else None,
        unknown=_iso(fields.get("to_unknown")),
        fenced=_iso(fields.get("to_fence")),
        acknowledged=acknowledged,
        was_master=_was_master(facts, node, reached),
        error=max((event.at.error_us / SECOND for event in near.own if event.at is not None), default=0.0),
    )


class _Near:
    """What lies around one fence."""

    def __init__(self, facts: Facts, node: str, center: Instant) -> None:
        low, high = center.us - round(_BEFORE_S * SECOND), center.us + round(_AFTER_S * SECOND)
        around = [event for event in facts.events if event.at is not None and low <= event.at.us <= high]
        self.node, self.center = node, center
        self.own: Sequence[Event] = [event for event in around if event.node == node]
        self.theirs: Sequence[Event] = [event for event in around if event.node != node]
        self.intervals = [i for i in facts.history.intervals if i.subject == f"node:{node}"]

    def state(self, name: str) -> Interval | None:
        """The interval of that state whose beginning lies nearest to the finding's."""
        near = [
            (abs(i.start.seconds_since(self.center)), i)
            for i in self.intervals
            if i.state == name and i.start is not None and -_BEFORE_S <= i.start.seconds_since(self.center) <= _AFTER_S
        ]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    def first(self, *kinds: str) -> Instant | None:
        """The first of the node's own lines of these kinds."""
        return next((event.at for event in self.own if event.kind in kinds), None)

    def last_before(self, moment: Instant, kinds: Sequence[str], *, others: bool = False, within: float = 30.0) -> Instant | None:
        """The last line of these kinds shortly before a moment, or at most a second behind it."""
        found = list(self._before(moment, kinds, others=others, within=within))
        return found[-1] if found else None

    def first_before(self, moment: Instant, kinds: Sequence[str], *, others: bool = False, within: float = 30.0) -> Instant | None:
        """The first one in that stretch."""
        return next(self._before(moment, kinds, others=others, within=within), None)

    def _before(self, moment: Instant, kinds: Sequence[str], *, others: bool, within: float) -> Iterator[Instant]:
        for event in self.theirs if others else self.own:
            if event.kind in kinds and event.at is not None and -within <= event.at.seconds_since(moment) <= _STAMP_S:
                yield event.at


def _was_master(facts: Facts, node: str, moment: Instant) -> bool | None:
    """True if the node was the HA master at a moment; None if no line tells who was."""
    terms = [i for i in facts.history.intervals if i.subject == "ha:master"]
    if not terms:
        return None
    return any(
        i.state == node
        and (i.start is None or i.start.us <= moment.us)
        and (i.end is None or i.end.us >= moment.us - round(ROUND_S * SECOND))
        for i in terms
    )


def _iso(text: str | None) -> Instant | None:
    try:
        return parse_moment(text) if text else None
    except ValueError:
        return None
