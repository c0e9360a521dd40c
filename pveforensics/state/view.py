"""What a tracker sees: the timeline indexed by node and kind, who is who, the cluster and the boots."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from msgspec import field
from msgspec.structs import replace

from pveforensics.model import Boot, Cluster, Coverage, Event, Snapshot, Timeline
from pveforensics.readings import Naming
from pveforensics.state.nodelog import NO_LOG, NodeLog, logs_by_node
from pveforensics.state.own_ids import learned
from pveforensics.timebase import Instant
from pveforensics.value import Value

Made = TypeVar("Made")


class View(Value, frozen=True, gc=True):  # what it has made and kept may hold it
    """The evidence as trackers ask for it; made by `view_of`, never changed.

    `boots` is empty while the boots themselves are found. `nodes` are the nodes that have at least one event,
    coverage or snapshot, in the order of `naming.nodes`.
    """

    timeline: Timeline
    naming: Naming
    cluster: Cluster = field(default_factory=Cluster)
    boots: tuple[Boot, ...] = ()
    nodes: tuple[str, ...] = ()
    _logs: Mapping[str, NodeLog] = field(default_factory=dict)
    _learned: Mapping[int, str] = field(default_factory=dict)
    _made: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` makes of this view, made on the first call only; several trackers ask for the same."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def events_of(self, node: str, *kinds: str) -> tuple[Event, ...]:
        """The events of a node of the named kinds (all if none is named), in the timeline's order; undated ones last."""
        log = self._logs.get(node, NO_LOG)
        return log.of(kinds) if kinds else log.events

    def written_by(self, node: str, *programs: str, kinds: Iterable[str] = ()) -> tuple[Event, ...]:
        """The events of a node that these programs wrote (lower-case names, empty for lines without one) or of these kinds, in order."""
        return self._logs.get(node, NO_LOG).of(kinds, programs)

    def dated(self, node: str, *kinds: str) -> Iterator[tuple[Instant, Event]]:
        """Like `events_of`, with each event's moment; events without one are left out."""
        for event in self.events_of(node, *kinds):
            if event.at is not None:
                yield event.at, event

    def coverage_of(self, node: str) -> tuple[Coverage, ...]:
        """Every span in which some log of the node exists, whole or not, by start."""
        return tuple(sorted((c for c in self.timeline.coverage if c.node == node), key=lambda c: (c.start.us, c.end.us)))

    def whole_coverage(self, node: str) -> tuple[tuple[Instant, Instant], ...]:
        """The spans in which a whole system log of the node exists, merged where they touch (one second), by start."""
        return _merged((c.start, c.end) for c in self.coverage_of(node) if c.whole)

    def covered(self, node: str, start: Instant, end: Instant) -> bool:
        """True if one unbroken stretch of whole log of the node holds the span."""
        return any(first.us <= start.us and end.us <= last.us for first, last in self.whole_coverage(node))

    def first_sign(self, node: str) -> Instant | None:
        """The first moment of any log of the node."""
        return min((*self._dated_moments(node), *(c.start for c in self.timeline.coverage if c.node == node)), default=None)

    def last_sign(self, node: str) -> Instant | None:
        """The last moment of any log of the node."""
        return max((*self._dated_moments(node), *(c.end for c in self.timeline.coverage if c.node == node)), default=None)

    def _dated_moments(self, node: str) -> Iterator[Instant]:
        return (event.at for event in self.events_of(node) if event.at is not None)

    def boots_of(self, node: str) -> tuple[Boot, ...]:
        """The boots of a node in order."""
        return tuple(boot for boot in self.boots if boot.node == node)

    def boot_at(self, node: str, moment: Instant) -> Boot | None:
        """The boot of the node that holds the moment, edges included; an edge that is unknown is open."""
        for boot in self.boots_of(node):
            if (boot.start is None or boot.start.us <= moment.us) and (boot.end is None or moment.us <= boot.end.us):
                return boot
        return None

    def snapshots_of(self, node: str, *kinds: str) -> tuple[Snapshot, ...]:
        """The status dumps of a node of the named kinds (all if none is named)."""
        return tuple(s for s in self.timeline.snapshots if s.node == node and (not kinds or s.kind in kinds))

    def resolve(self, who: str | int) -> str:
        """The name of a node given by corosync id (`3`, `0x3`), address, long or short name; `node<id>` for an unknown id."""
        text = str(who).strip()
        number = _number(text)
        if number is not None:
            return self._learned.get(number) or self.naming.ids.get(number) or _by_id(self.cluster, number) or f"node{number}"
        if text in self.naming.nodes:
            return text
        return self.naming.aliases.get(text) or _by_address(self.cluster, text) or _short(text)

    def setting(self, node: str, key: str) -> str | None:
        """The value of a setting of a node (`totem.token`), or None; the last one read wins."""
        values = [s.state for s in self.timeline.settings if s.subject == f"setting:{node}/{key}"]
        return values[-1] if values else None

    def with_boots(self, boots: Iterable[Boot]) -> View:
        """The same with the boots, once they are found; what was made of this view so far rests on none, as it had none, and is kept."""
        return replace(self, boots=tuple(boots))


def view_of(timeline: Timeline, naming: Naming, cluster: Cluster | None = None, boots: Iterable[Boot] = ()) -> View:
    """The view of a timeline, indexed once."""
    chosen = cluster or Cluster()
    logs = logs_by_node(timeline.events)
    seen = {*logs, *(c.node for c in timeline.coverage), *(s.node for s in timeline.snapshots)} - {""}
    return View(
        timeline,
        naming,
        chosen,
        tuple(boots),
        (*(node for node in naming.nodes if node in seen), *sorted(seen - set(naming.nodes))),
        logs,
        learned(logs, {**{member.nodeid: member.name for member in chosen.members if member.nodeid}, **naming.ids}),
    )


def _merged(spans: Iterable[tuple[Instant, Instant]], gap_us: int = 1_000_000) -> tuple[tuple[Instant, Instant], ...]:
    merged: list[tuple[Instant, Instant]] = []
    for start, end in sorted(spans, key=lambda span: (span[0].us, span[1].us)):
        if merged and start.us <= merged[-1][1].us + gap_us:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def _number(text: str) -> int | None:
    digits, radix = (text[2:], 16) if text.lower().startswith("0x") else (text, 10)
    if not digits or len(digits) > 10 or not digits.isascii() or not digits.isalnum():
        return None
    try:
        return int(digits, radix)
    except ValueError:
        return None


def _by_id(cluster: Cluster, number: int) -> str | None:
    return next((member.name for member in cluster.members if number and member.nodeid == number), None)


def _by_address(cluster: Cluster, text: str) -> str | None:
    return next((member.name for member in cluster.members if text == member.name or text in member.addresses), None)


def _short(text: str) -> str:
    head, _, rest = text.partition(".")
    return head if rest and not head.isdigit() else text
