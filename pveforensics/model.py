"""The words the whole program speaks: evidence, events, intervals, findings, incidents and the case.

A bundle is read into sources; sources become events; events and settings become intervals;
rules turn events and intervals into findings; findings are ordered into incidents; a case
holds all of it, and the report only draws the case.

All values are frozen. `None` for a time means unknown, never a guess.
"""

from __future__ import annotations

import enum
import functools
import hashlib
from collections.abc import Mapping
from typing import Self

from msgspec import field
from msgspec.structs import force_setattr

from pveforensics.timebase import Instant
from pveforensics.value import Value


class _Nothing(dict[str, str]):
    """Empty, and can be hashed, as Python 3.11 asks of a field's default; typed as Mapping, so nobody writes to it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return 0


NOTHING: Mapping[str, str] = _Nothing()
"""The empty set of fields, shared."""


def content_id(prefix: str, *parts: object) -> str:
    """An id made from content, so that it stays the same when unrelated logs are added."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{prefix}-{digest[:12]}"


class Criticality(enum.StrEnum):
    """How bad, in the field's own words. Compare with `rank`."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CATASTROPHIC = "catastrophic"

    rank: int
    """0 for info to 4 for catastrophic."""

    def __new__(cls, word: str) -> Self:
        """The next word, one rank above those that stand before it."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.rank = len(cls.__members__)
        return made


CONFIDENCE_BANDS: tuple[tuple[float, str], ...] = ((0.95, "proven"), (0.75, "likely"), (0.4, "possible"), (0.0, "weak"))
"""Lower bound and word of each band of confidence, best first."""


def confidence_word(confidence: float) -> str:
    """The word of the band in which a confidence between 0 and 1 falls."""
    return next(word for bound, word in CONFIDENCE_BANDS if confidence >= bound)


# --- what the bundle holds -------------------------------------------------------------------


class BundleInfo(Value, frozen=True):
    """One input as given: its base name, size in bytes and SHA-256 (of a folder: of its members' hashes)."""

    name: str
    size: int
    sha256: str


class SourceInfo(Value, frozen=True):
    """One file of the bundle that was recognized and read."""

    path: str
    node: str
    kind: str
    size: int
    sha256: str
    lines: int = 0
    first: Instant | None = None
    last: Instant | None = None
    format: str = ""
    recognized: int = 0


class NotRead(Value, frozen=True):
    """A member that was not read, or not to its end, and why. `damage` is False for a file of unknown kind."""

    path: str
    reason: str
    damage: bool = True


class Evidence(Value, frozen=True, eq=False):
    """Where a claim can be checked: one line (or NUL run, or row) of one file in the bundle."""

    path: str
    line: int
    node: str
    text: str
    written: str = ""
    at: Instant | None = None
    match: tuple[int, int] | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and self._place() == other._place()

    def __hash__(self) -> int:
        return hash((self.path, self.line))

    def _place(self) -> tuple[str, int, str, str, str]:
        """What makes it one line: not how it was dated, which words of it were found, or what stood around it."""
        return self.path, self.line, self.node, self.text, self.written

    @property
    def id(self) -> str:
        """`e-` and a hash of path, line and text."""
        return content_id("e", self.path, self.line, self.text)


# --- what happened ---------------------------------------------------------------------------


class Event(Value, frozen=True):
    """One thing that one line says happened, at one moment, on one node.

    `kind` is a name from `rules/events` such as `corosync_quorum_lost`. `at` is on the node's own clock in UTC (on the case's common one
    once aligned). `seq` is the order of a node's lines as written, for equal or no stamps. A storm is one event with `count` and `last`.
    """

    kind: str
    node: str
    at: Instant | None
    fields: Mapping[str, str] = NOTHING
    evidence: tuple[Evidence, ...] = ()
    count: int = 1
    last: Instant | None = None
    seq: int = 0
    program: str = ""
    signature: str = ""
    boot: str = ""

    @property
    def id(self) -> str:
        """`ev-` and a hash of kind, node, moment and fields."""
        return content_id("ev", self.kind, self.node, self.at.us if self.at else "", sorted(self.fields.items()))


class Interval(Value, frozen=True):
    """A state that held for a subject. An edge that nothing shows is None, never a guess.

    Subjects: `node:pve1`, `link:pve1/pve2/0`, `ha:pve1`, `ha:master`, `guest:vm:100`, `service:corosync@pve1`,
    `setting:<node>/<key>`. A setting is a state with open edges, so rules know two things only: moments and spans.
    """

    subject: str
    state: str
    start: Instant | None
    end: Instant | None
    fields: Mapping[str, str] = NOTHING
    evidence: tuple[Evidence, ...] = ()

    @property
    def node(self) -> str:
        """The node the subject belongs to, or an empty string."""
        kind, _, rest = self.subject.partition(":")
        if kind in ("node", "ha", "crm", "qdevice", "clock"):
            return "" if self.subject == "ha:master" else rest
        if kind in ("link", "setting"):
            return rest.partition("/")[0]
        return rest.rpartition("@")[2] if "@" in rest else ""


class Coverage(Value, frozen=True):
    """A span in which the log of a node exists and would have shown a thing.

    `programs` are the daemons seen in the source; `whole` is True for a full system log (several programs, all
    priorities). A log of one unit, or one filtered by priority, proves nothing about what others did not log. `log` is alike
    for the files of a log that was rotated without a hole between them; empty, the file is the log.
    """

    node: str
    start: Instant
    end: Instant
    path: str
    programs: frozenset[str] = frozenset()
    whole: bool = True
    log: str = ""


class Snapshot(Value, frozen=True):
    """What a command such as `pvecm status` said, and when if it says so: scalar values in `fields`, the table in `rows`, as written."""

    kind: str
    node: str
    at: Instant | None
    fields: Mapping[str, str] = NOTHING
    rows: tuple[Mapping[str, str], ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Member(Value, frozen=True):
    """A node as corosync.conf or a membership block names it; `nodeid` 0 means unknown."""

    name: str
    nodeid: int = 0
    votes: int = 1
    addresses: tuple[str, ...] = ()


class Cluster(Value, frozen=True):
    """What the configuration says of the cluster; votes as corosync would count them."""

    name: str = ""
    members: tuple[Member, ...] = ()
    expected_votes: int | None = None
    quorum: int | None = None
    qdevice: bool = False
    qdevice_votes: int = 0
    two_node: bool = False
    wait_for_all: bool = False
    last_man_standing: bool = False
    auto_tie_breaker: bool = False
    token_ms: int | None = None
    token_coefficient_ms: int | None = None
    config_version: int | None = None
    links: int = 0
    evidence: tuple[Evidence, ...] = ()


class Boot(Value, frozen=True):
    """One life of a node, from its first sign to its last.

    `manner` is how it ended by what stands in the logs alone: `clean` (shutdown markers), `unclean` (a later boot
    without them, in a log that would show them), `open` (the log ends) or `unknown` (cannot be told, see `why`).
    `next_start` is the first sign of the following boot. `ended_by` is the verdict, filled in after detection.
    """

    node: str
    start: Instant | None
    end: Instant | None
    manner: str = "open"
    why: str = ""
    next_start: Instant | None = None
    boot_id: str = ""
    ended_by: str = ""
    evidence: tuple[Evidence, ...] = ()


class AnchorPair(Value, frozen=True):
    """One round of one protocol as two nodes logged it: this node's line and that of `node`. `kind` as `ClockOffset.anchors` names it."""

    kind: str
    node: str
    own: Evidence
    other: Evidence


class ClockOffset(Value, frozen=True):
    """How far a node's clock runs ahead of the common one from a moment of its own on (None: from its first line), in seconds.

    `anchors` counts the rounds that prove it by kind: `ring` (a ring id),
    `sync` (a synchronization of pmxcfs), `group` (its members), `leave` (an announced departure); `against` are the nodes
    compared with. `stepped` is the part that steps of the clock since those rounds added.
    """

    start: Instant | None
    seconds: float
    error: float
    anchors: Mapping[str, int]
    against: tuple[str, ...] = ()
    stepped: float = 0.0
    pairs: tuple[AnchorPair, ...] = ()


class NodeInfo(Value, frozen=True):
    """One node of the cluster, whether or not the bundle has its logs."""

    name: str
    nodeid: int | None = None
    in_bundle: bool = False
    timezone: str | None = None
    timezone_basis: str = ""
    year_basis: str = ""
    clock_offset_s: float = 0.0
    clock_error_s: float = 0.0
    clock_offsets: tuple[ClockOffset, ...] = ()
    boots: tuple[Boot, ...] = ()
    coverage: tuple[tuple[Instant, Instant], ...] = ()


class Group(Value, frozen=True):
    """Nodes that formed one ring together."""

    ring: str
    nodes: tuple[str, ...]
    votes: int
    quorate: bool | None


class Partition(Value, frozen=True):
    """How the cluster was divided in a span of time."""

    start: Instant | None
    end: Instant | None
    groups: tuple[Group, ...]


class Belief(Value, frozen=True):
    """What one node held to be true in a span of time, right or wrong."""

    node: str
    start: Instant | None
    end: Instant | None
    quorate: bool | None
    members: tuple[str, ...] = ()
    master: str = ""
    lrm: str = ""


class NodeClock(Value, frozen=True):
    """How a node's stamps were read: its zone, where year and zone come from, and its offset on the common clock."""

    timezone: str | None = None
    timezone_basis: str = ""
    year_basis: str = ""
    offset_s: float = 0.0
    error_s: float = 0.0
    offsets: tuple[ClockOffset, ...] = ()


class Timeline(Value, frozen=True):
    """All readings, dated and named: what the trackers work on.

    `events` are sorted by node-independent moment, then `seq`; those without a moment come last, in file order.
    `settings` are intervals with open edges (`setting:<node>/<key>`), `clock_states` say when a node's clock was off or stepped.
    """

    events: tuple[Event, ...]
    coverage: tuple[Coverage, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    settings: tuple[Interval, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    clocks: Mapping[str, NodeClock] = field(default_factory=dict)
    sources: tuple[SourceInfo, ...] = ()
    notes: tuple[str, ...] = ()
    clock_states: tuple[Interval, ...] = ()


class Placement(Value, frozen=True):
    """Whether a guest under HA would start on a node that HA may choose, and with which data.

    `verdict` is `ok`, `stale`, `start_fails`, `wrong_data` or `unknown`; `row` the row of the decision table it rests on (0: none);
    `age_s` how old the data would be, in seconds.
    """

    guest: str
    node: str
    verdict: str
    row: int
    why: str
    fix: str = ""
    age_s: float | None = None
    evidence: tuple[Evidence, ...] = ()


class Change(Value, frozen=True):
    """What was changed on a node, and when: packages, kernels, configuration. `kind` is package, kernel, config or task."""

    at: Instant | None
    node: str
    what: str
    kind: str = "package"
    evidence: tuple[Evidence, ...] = ()


class History(Value, frozen=True):
    """What the trackers made of events, settings and dumps."""

    cluster: Cluster
    intervals: tuple[Interval, ...] = ()
    boots: tuple[Boot, ...] = ()
    partitions: tuple[Partition, ...] = ()
    beliefs: tuple[Belief, ...] = ()
    notes: tuple[str, ...] = ()
    placement: tuple[Placement, ...] = ()
    changes: tuple[Change, ...] = ()


class Facts(Value, frozen=True):
    """All that rules may look at."""

    events: tuple[Event, ...]
    history: History
    coverage: tuple[Coverage, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    nodes: tuple[str, ...] = ()
    in_bundle: frozenset[str] = frozenset()
    settings: tuple[Interval, ...] = ()


# --- what it means ---------------------------------------------------------------------------


class Reason(Value, frozen=True):
    """One thing that speaks for or against a cause, with the line that says so."""

    text: str
    weight: float
    evidence: tuple[Evidence, ...] = ()


class Cause(Value, frozen=True):
    """A possible cause of a finding with its score between 0 and 1."""

    cause: str
    confidence: float
    speaks_for: tuple[Reason, ...] = ()
    speaks_against: tuple[Reason, ...] = ()
    decided_by: str = ""


class RuledOut(Value, frozen=True):
    """A cause that the evidence excludes."""

    cause: str
    why: str
    evidence: tuple[Evidence, ...] = ()


class Remedy(Value, frozen=True):
    """What to look at, hold or press. `step` is one of the three words; a dangerous command has its caution."""

    text: str
    step: str = "press"
    command: str = ""
    caution: str = ""


class Measure(Value, frozen=True):
    """A time that the protocol sets, beside the one that was measured (None: cannot be measured), and when the step began."""

    step: str
    expected_s: tuple[float, float]
    measured_s: float | None
    note: str = ""
    start: Instant | None = None


class Finding(Value, frozen=True):
    """A rule's claim: what, how bad, how sure, whom it concerns and every line it rests on."""

    rule: str
    class_: str
    criticality: Criticality
    confidence: float
    title: str
    summary: str
    nodes: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    start: Instant | None = None
    end: Instant | None = None
    evidence: tuple[Evidence, ...] = ()
    causes: tuple[Cause, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    stopwatch: tuple[Measure, ...] = ()
    why: str = ""
    docs: str = ""
    references: tuple[str, ...] = ()
    id: str = ""
    """`f-` and a hash of rule, nodes, subjects and start."""

    def __post_init__(self) -> None:
        subjects = (*self.nodes[:1], *self.guests, *self.storages, *self.jobs)
        name = content_id("f", self.rule, *subjects, self.start.us if self.start else "")
        force_setattr(self, "id", name)  # worked out once: findings are looked up by it again and again


class Link(Value, frozen=True):
    """One finding led to another, and why that is said."""

    cause: str
    effect: str
    why: str


class GuestImpact(Value, frozen=True):
    """A guest that was down: from, to, and how old its data was when it came back (seconds, None: unknown)."""

    guest: str
    name: str = ""
    down_from: Instant | None = None
    down_to: Instant | None = None
    data_age_s: float | None = None
    node_before: str = ""
    node_after: str = ""
    planned: bool | None = None


class Incident(Value, frozen=True):
    """Findings that belong together, root first; `findings` and links hold finding ids.

    `trigger` is what set it off: a finding's id, or the text of an event. `recurrence` is which time it was: `third time in 21 days`.
    """

    title: str
    root: str
    findings: tuple[str, ...]
    links: tuple[Link, ...] = ()
    start: Instant | None = None
    end: Instant | None = None
    guests: tuple[GuestImpact, ...] = ()
    trigger: str = ""
    recurrence: str = ""

    @property
    def id(self) -> str:
        """`i-` and a hash of the root finding's id."""
        return _incident_id(self.root)


@functools.lru_cache(maxsize=4096)
def _incident_id(root: str) -> str:
    return content_id("i", root)


class Outcome(enum.StrEnum):
    """What became of a rule on this bundle."""

    FOUND = "found"
    CLEAR = "clear"
    COULD_NOT_CHECK = "could_not_check"
    NOT_APPLICABLE = "not_applicable"


class Check(Value, frozen=True):
    """One rule's outcome with its reason; for `could_not_check` what to collect."""

    rule: str
    outcome: Outcome
    reason: str
    node: str = ""


class Benign(Value, frozen=True):
    """An alarming line that does not count, and why."""

    text: str
    why: str
    evidence: tuple[Evidence, ...] = ()
    rule: str = ""


class Verdicts(Value, frozen=True):
    """What the rules said."""

    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()
    benign: tuple[Benign, ...] = ()
    notes: tuple[str, ...] = ()


class Options(Value, frozen=True):
    """The options of a run that change the content of its case."""

    since: str | None = None
    until: str | None = None
    timezone: str | None = None
    year: int | None = None
    rules: tuple[str, ...] = ()
    redact: bool = False
    now: str | None = None
    jobs: int = 1


class Case(Value, frozen=True):
    """Everything that is known after a run: the result document, from which all outputs are drawn."""

    version: str
    rules_sha256: str
    options: Options
    bundles: tuple[BundleInfo, ...]
    history: History
    nodes: tuple[NodeInfo, ...]
    sources: tuple[SourceInfo, ...] = ()
    not_read: tuple[NotRead, ...] = ()
    events: tuple[Event, ...] = ()
    findings: tuple[Finding, ...] = ()
    incidents: tuple[Incident, ...] = ()
    checks: tuple[Check, ...] = ()
    benign: tuple[Benign, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """False if a member was damaged, unsafe or hit a limit."""
        return not any(skipped.damage for skipped in self.not_read)
