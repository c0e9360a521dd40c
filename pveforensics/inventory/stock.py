"""take_stock(): counts what was read, node by node, and holds it against what is wanted."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pveforensics import __version__, wanted
from pveforensics.casefile import merged_spans, told_apart
from pveforensics.identity import short
from pveforensics.intake import Intake
from pveforensics.model import Boot, BundleInfo, Cluster, History, NodeClock, NotRead, Options, Snapshot, SourceInfo, Timeline
from pveforensics.readings import Naming
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

FAILED_OUTCOMES = ("failed", "limit", "hangs", "skipped")
"""Words of the collector's manifest for what should be there and is not (see docs/collect.md)."""

_NEAR_US = 600 * SECOND
"""A boot that begins so shortly behind a gap is what ended it."""
_EDGE_US = 60 * SECOND


class Holding(Value, frozen=True):
    """The files of one kind of a node: how many, how large as read, how many lines, and the moments of the first and the last."""

    kind: str
    files: int
    size: int
    lines: int
    first: Instant | None = None
    last: Instant | None = None


class Gap(Value, frozen=True):
    """A time in which no log of all programs of a node says anything; `boot` if a boot follows."""

    start: Instant
    end: Instant
    boot: bool = False


class Failed(Value, frozen=True):
    """What the collector could not get: the file that is missing, `failed`, `limit`, `hangs` or `skipped`, and its words."""

    what: str
    outcome: str
    why: str


class Asked(Value, frozen=True):
    """One piece of evidence to collect next time; `node` is empty for what is the same on all nodes."""

    want: wanted.Want
    node: str
    command: str


class NodeStock(Value, frozen=True):
    """What the bundle holds of one node. `member` is False for a node that corosync.conf does not name, None without one.

    `coverage` is what any of its logs shows, `whole` what a log of all programs does; `gaps` are those of the latter.
    """

    name: str
    nodeid: int | None
    member: bool | None
    files: int
    has_log: bool
    clock: NodeClock
    coverage: tuple[tuple[Instant, Instant], ...] = ()
    whole: tuple[tuple[Instant, Instant], ...] = ()
    gaps: tuple[Gap, ...] = ()
    boots: tuple[Instant, ...] = ()
    holdings: tuple[Holding, ...] = ()
    failed: tuple[Failed, ...] = ()


class Inventory(Value, frozen=True):
    """What the bundles hold. Times are each node's own; clocks are not compared."""

    version: str
    rules_sha256: str
    options: Options
    bundles: tuple[BundleInfo, ...]
    cluster: Cluster
    nodes: tuple[NodeStock, ...]
    sources: tuple[SourceInfo, ...]
    not_read: tuple[NotRead, ...]
    asked: tuple[Asked, ...]
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """False if a member was damaged, unsafe or hit a limit."""
        return not any(skipped.damage for skipped in self.not_read)


def take_stock(intake: Intake, naming: Naming, timeline: Timeline, history: History, options: Options, rules_sha256: str) -> Inventory:
    """The inventory of one run; of the history it looks at the cluster and the boots."""
    cluster, boots = history.cluster, history.boots
    members = {short(member.name) for each in timeline.clusters for member in each.members if member.name}
    nodes = tuple(_node(name, members, naming, timeline, boots) for name in naming.nodes)
    return Inventory(
        version=__version__,
        rules_sha256=rules_sha256,
        options=options,
        bundles=intake.infos,
        cluster=cluster,
        nodes=nodes,
        sources=timeline.sources,
        not_read=told_apart(intake.not_read),
        asked=tuple(_asked(nodes, naming, timeline)),
        notes=(*naming.notes, *timeline.notes, *history.notes),
    )


def _node(name: str, members: set[str], naming: Naming, timeline: Timeline, boots: Sequence[Boot]) -> NodeStock:
    ids = [nodeid for nodeid, known in naming.ids.items() if known == name]
    starts = _starts(name, timeline, boots)
    spans = [span for span in timeline.coverage if span.node == name]
    whole = merged_spans(span for span in spans if span.whole)
    sources = [source for source in timeline.sources if source.node == name]
    return NodeStock(
        name=name,
        nodeid=min(ids) if ids else None,
        member=name in members if members else None,
        files=len(sources),
        has_log=name in naming.in_bundle,
        clock=timeline.clocks.get(name, NodeClock()),
        coverage=merged_spans(spans),
        whole=whole,
        gaps=tuple(_gaps(whole, starts)),
        boots=starts,
        holdings=tuple(_holdings(sources)),
        failed=tuple(_failed(name, timeline.snapshots)),
    )


def _starts(name: str, timeline: Timeline, boots: Sequence[Boot]) -> tuple[Instant, ...]:
    """The starts of a node's boots; where a log merely begins, the boot began before, and its start is not known."""
    begins = {span.start.us for span in timeline.coverage if span.node == name}
    marks = sorted(e.at.us for e in timeline.events if e.node == name and e.kind.startswith("boot_") and e.at is not None)
    found = {boot.start for boot in boots if boot.node == name and boot.start is not None}
    return tuple(sorted(start for start in found if start.us not in begins or _is_near(start.us, marks)))


def _is_near(us: int, marks: Sequence[int]) -> bool:
    place = bisect_left(marks, us - _NEAR_US)
    return place < len(marks) and marks[place] <= us + _NEAR_US


def _gaps(spans: Sequence[tuple[Instant, Instant]], boots: Sequence[Instant]) -> Iterator[Gap]:
    for before, after in itertools.pairwise(spans):
        place = bisect_left(boots, before[1])
        yield Gap(before[1], after[0], place < len(boots) and boots[place].us <= after[0].us + _NEAR_US)


def _holdings(sources: Iterable[SourceInfo]) -> Iterator[Holding]:
    """Kinds with a time first, the largest of them first; then the others by name."""
    by_kind: dict[str, list[SourceInfo]] = defaultdict(list)
    for source in sources:
        by_kind[source.kind].append(source)
    found = [
        Holding(
            kind,
            len(group),
            sum(source.size for source in group),
            sum(source.lines for source in group),
            min((source.first for source in group if source.first is not None), default=None),
            max((source.last for source in group if source.last is not None), default=None),
        )
        for kind, group in by_kind.items()
    ]
    yield from sorted(found, key=lambda each: (each.first is None, -each.lines if each.first is not None else 0, each.kind))


def _failed(node: str, snapshots: Iterable[Snapshot]) -> Iterator[Failed]:
    for snapshot in snapshots:
        if snapshot.kind == "collect_manifest" and snapshot.node == node:
            for row in snapshot.rows:
                if row.get("outcome") in FAILED_OUTCOMES:
                    yield Failed(row.get("what", ""), row["outcome"], row.get("why", ""))


# --- what to collect next time -------------------------------------------------------------------


def _asked(nodes: Sequence[NodeStock], naming: Naming, timeline: Timeline) -> Iterator[Asked]:
    """For each node of which there is a file what is missing of it; then what is missing of the cluster. A node without any file wants all."""
    have = {node.name: _have(node, timeline) for node in nodes}
    anywhere = frozenset().union(*have.values()) if have else frozenset()
    facts = _facts(anywhere, naming, timeline)
    for node in nodes:
        known = facts | ({"boot"} if node.boots else set())
        if node.files:
            yield from (Asked(want, node.name, want.command) for want in wanted.missing(have[node.name], anywhere, known))
        elif node.member is not False:
            yield Asked(ALL_OF_A_NODE, node.name, wanted.collect_command(node.name))
    yield from (Asked(want, "", want.command) for want in wanted.missing(anywhere, anywhere, facts, wanted.CLUSTER))


ALL_OF_A_NODE = wanted.Want(
    "node",
    "all of it",
    "What did this node see, and how did its boots end?",
    "nothing of it is in the bundle, and the others can only say that it was gone",
    wanted.collect_command("NODE"),
    frozenset({wanted.LOG}),
    decisive=True,
)
"""What is asked of a node that only the others tell of."""


def _have(node: NodeStock, timeline: Timeline) -> frozenset[str]:
    """The kinds of files and dumps of a node, and what its logs and its clock are good for."""
    found = {holding.kind for holding in node.holdings}
    found |= {snapshot.kind for snapshot in timeline.snapshots if snapshot.node == node.name}
    if node.whole:
        found.add(wanted.LOG)
    if not node.whole or not node.boots or node.whole[0][0].us < node.boots[-1].us - _EDGE_US:
        found.add(wanted.BOOT_BEFORE)  # without any log that is what is asked for first
    if node.clock.timezone and "weak" not in node.clock.timezone_basis:
        found.add(wanted.ZONE)
    return frozenset(found)


def _facts(anywhere: frozenset[str], naming: Naming, timeline: Timeline) -> frozenset[str]:
    """What is known to hold, so that nobody is asked for replication who has none."""
    rows = {kind: [row for dump in timeline.snapshots if dump.kind == kind for row in dump.rows] for kind in _TELLING}
    told = {
        "cluster": len(naming.nodes) > 1 or "corosync.conf" in anywhere,
        "ha": bool(rows["ha_resources"] or any(row.get("type") == "service" for row in (*rows["ha_status"], *rows["manager_status"]))),
        "replication": bool(rows["replication_cfg"] or rows["pvesr_list"] or rows["pvesr_status"]),
        "zfs": bool({"zfs_list", "zpool_status"} & anywhere or any(row.get("_type") == "zfspool" for row in rows["storage_cfg"])),
    }
    return frozenset(name for name, holds in told.items() if holds)


_TELLING = ("ha_resources", "ha_status", "manager_status", "replication_cfg", "pvesr_list", "pvesr_status", "storage_cfg")
