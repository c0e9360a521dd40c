"""Where a node's log, a status dump and the arithmetic of votes tell different things of quorum, beyond what their doubt explains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pveforensics.model import Evidence, Group, Interval, Partition, Snapshot
from pveforensics.state.arithmetic import Could, could
from pveforensics.state.moments import Spans
from pveforensics.state.rings import rings_of
from pveforensics.state.trackers.cluster import dump_value
from pveforensics.state.trackers.partitions import breakers_of
from pveforensics.state.trackers.quorum import GAINED, LOST, says_quorate, told_otherwise
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

_LEAST_US = 20 * SECOND
"""A group that stood shorter was on its way to another: its nodes' lines of quorum come seconds apart."""
_EDGE_US = 5 * SECOND
_MOST = 200


def track(view: View, intervals: Iterable[Interval], partitions: Iterable[Partition]) -> tuple[Interval, ...]:
    """`node:<n>` quorum_contradiction, with what was `said`, what was `computed`, and `by` what the said is contradicted."""
    held = tuple(intervals)
    found = [*_partitions(view, held, tuple(partitions)), *_dumps(view), *_within_dumps(view)]
    return tuple(found[:_MOST])


# --- logs against arithmetic ------------------------------------------------------------------------------


def _partitions(view: View, intervals: tuple[Interval, ...], partitions: tuple[Partition, ...]) -> Iterator[Interval]:
    """Groups whose own lines say another thing of quorum than their votes.

    corosync.conf is that of the day of collection: it is held against a log only after a ring of exactly its members was seen.
    """
    whole = _whole_since(view)
    if whole is None:
        return
    lost = {node: Spans.of(i for i in intervals if i.subject == f"node:{node}" and i.state == "inquorate") for node in view.nodes}
    open_end = max((sign.us for node in view.nodes if (sign := view.last_sign(node)) is not None), default=0)
    for part in partitions:
        if part.start is None or part.start.us < whole.us:
            continue
        until = part.end.us if part.end is not None else open_end
        if until - part.start.us < _LEAST_US:
            continue
        for group in part.groups:
            told = could(view.cluster, group.nodes, breakers=breakers_of(view))
            if told.quorate is not None and told.firm:
                probes = (part.start.us + _EDGE_US, until - _EDGE_US)
                yield from _of_group(view, part, group, told, lost, probes)


def _of_group(
    view: View, part: Partition, group: Group, told: Could, lost: dict[str, Spans], probes: tuple[int, int]
) -> Iterator[Interval]:
    for node in group.nodes:
        if node not in lost or not view.events_of(node, *LOST, *GAINED):
            continue
        windows = [lost[node].at(us) for us in probes]
        said = windows[0] is None
        if (windows[1] is None) != said or said == told.quorate:
            continue
        if not said and any(window is not None and window.fields.get("opened_by") != "lost" for window in windows):
            continue  # a start, a corosync that is down: more than votes is missing
        if part.start is None or not _logging(view, node, probes):
            continue
        evidence = next((w.evidence for w in windows if w is not None), ()) or _ring_lines(view, node, part.start)
        yield _interval(
            node, part.start, part.end, _word(quorate=said), _word(quorate=bool(told.quorate)), "votes", told, group.nodes, evidence
        )


def _logging(view: View, node: str, probes: tuple[int, int]) -> bool:
    """True if the node's log covers both probes: a node that is gone says nothing."""
    return any(c.start.us <= probes[0] and probes[1] <= c.end.us for c in view.coverage_of(node))


def _whole_since(view: View) -> Instant | None:
    """When a ring of all configured members, and no other, was first seen; None if never."""
    if not view.timeline.clusters or not view.cluster.members:
        return None
    names = {member.name for member in view.cluster.members}
    return min((ring.at for node in view.nodes for ring in rings_of(view, node) if set(ring.members) == names), default=None)


def _ring_lines(view: View, node: str, at: Instant) -> tuple[Evidence, ...]:
    near = [ring for ring in rings_of(view, node) if abs(ring.at.us - at.us) <= _EDGE_US]
    return near[-1].evidence[:2] if near else ()


# --- dumps ------------------------------------------------------------------------------------------------


def _dumps(view: View) -> Iterator[Interval]:
    """Dumps that say another thing than the log of their node at that time."""
    for dump, says, at in told_otherwise(view):
        yield _interval(dump.node, at, at, _word(quorate=not says), _word(quorate=says), "dump", None, (), dump.evidence[:1])


def _within_dumps(view: View) -> Iterator[Interval]:
    """Dumps that contradict themselves or the configuration they were made under."""
    for dump in view.timeline.snapshots:
        says = says_quorate(dump)
        if says is None:
            continue
        total, quorum, expected = (_number(dump, key) for key in ("total", "quorum", "expected_votes"))
        flags = (dump_value(dump, "flags") or "").split()
        if total is not None and quorum and (total >= quorum) != says and not {"AutoTieBreaker", "WaitForAll", "2Node"} & set(flags):
            computed = _word(quorate=total >= quorum)
            yield _interval(dump.node, dump.at, dump.at, _word(quorate=says), computed, "its own votes", None, (), dump.evidence[:1])
        known = view.cluster.expected_votes
        if expected is None or known is None or not _same_configuration(view, dump) or {"LastManStanding", "AllowDownscale"} & set(flags):
            continue
        if expected < known:
            words = (f"expected votes {expected}", f"expected votes {known}")
            yield _interval(dump.node, dump.at, dump.at, *words, "corosync.conf", None, (), dump.evidence[:1])


def _same_configuration(view: View, dump: Snapshot) -> bool:
    """True if the dump names the version of the configuration that is at hand."""
    version = _number(dump, "config_version")
    return bool(view.timeline.clusters) and version is not None and version == view.cluster.config_version


def _number(dump: Snapshot, key: str) -> int | None:
    words = (dump_value(dump, key) or "").split()
    return int(words[0]) if words and words[0].isascii() and words[0].isdigit() and len(words[0]) < 6 else None


def _word(*, quorate: bool) -> str:
    return "quorate" if quorate else "not quorate"


def _interval(
    node: str,
    start: Instant | None,
    end: Instant | None,
    said: str,
    computed: str,
    by: str,
    told: Could | None,
    nodes: tuple[str, ...],
    evidence: tuple[Evidence, ...],
) -> Interval:
    fields = {"said": said, "computed": computed, "by": by, "members": " ".join(nodes)}
    if told is not None:
        fields |= {"votes": str(told.votes), "needed": str(told.needed if told.needed is not None else ""), "why": told.why}
    return Interval(f"node:{node}", "quorum_contradiction", start, end, fields, evidence)
