"""The case document's shape: every key of schema pveforensics.case/1, written down once, for writing and for reading.

Keys are only ever added. A reader ignores keys that it does not know and gives missing ones their default,
so a newer document still draws. Times are RFC 3339 texts in UTC with milliseconds, or None.
A document is a tree: no search for cycles need look at its parts (`gc=False`).
"""

# Without `from __future__ import annotations`: msgspec would parse every one of these types again before it reads a document.
from typing import Any

import msgspec

SCHEMA = "pveforensics.case/1"

Time = str | None


class Generator(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who made the document, with which rules and options; `now` is the run stamp."""

    name: str = "pveforensics"
    version: str = ""
    rules_sha256: str = ""
    options: dict[str, Any] = {}
    now: str | None = None


class Bundle(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One input: base name, bytes, hash."""

    name: str
    size: int = 0
    sha256: str = ""


class Member(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A node as the cluster's configuration names it."""

    name: str
    nodeid: int = 0
    votes: int = 1


class Cluster(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The cluster's name, nodes and votes."""

    name: str = ""
    nodes: list[str] = []
    expected_votes: int | None = None
    quorum: int | None = None
    qdevice: bool = False
    qdevice_votes: int = 0
    two_node: bool = False
    wait_for_all: bool = False
    last_man_standing: bool = False
    auto_tie_breaker: bool = False
    token_ms: int | None = None
    links: int = 0
    members: list[Member] = []


class Boot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One life of a node; `ended_by` is the verdict, `manner` what the markers alone say."""

    start: Time = None
    end: Time = None
    ended_by: str = ""
    manner: str = ""
    why: str = ""
    next_start: Time = None
    boot_id: str = ""
    evidence: list[str] = []


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span of time."""

    start: Time = None
    end: Time = None


class AnchorPair(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One round of a protocol that two nodes logged: the id of this node's line, the other node, and the id of its line."""

    kind: str = ""
    node: str = ""
    own: str = ""
    other: str = ""


class ClockOffset(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An offset applied to a node's times from `start` on its own clock (None: from its first line), and what proves it."""

    start: Time = None
    offset_s: float = 0.0
    error_s: float = 0.0
    anchors: dict[str, int] = {}
    against: list[str] = []
    stepped_s: float = 0.0
    pairs: list[AnchorPair] = []


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One node, its clock, its boots and the spans of its log."""

    name: str
    nodeid: int | None = None
    in_bundle: bool = False
    timezone: str | None = None
    timezone_basis: str = ""
    year_basis: str = ""
    clock_offset_s: float = 0.0
    clock_error_s: float = 0.0
    clock_offsets: list[ClockOffset] = []
    boots: list[Boot] = []
    coverage: list[Span] = []


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file that was read."""

    path: str
    node: str = ""
    kind: str = ""
    size: int = 0
    sha256: str = ""
    lines: int = 0
    first: Time = None
    last: Time = None
    format: str = ""
    recognized: int = 0


class NotRead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One member that was not read and why; `damage` is False for a file of unknown kind."""

    path: str
    reason: str = ""
    damage: bool = True


class Interval(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A state that held for a subject."""

    subject: str
    state: str
    start: Time = None
    end: Time = None
    start_error_s: float | None = None
    end_error_s: float | None = None
    node: str = ""
    fields: dict[str, str] = {}
    evidence: list[str] = []


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that one line says happened."""

    id: str
    kind: str
    node: str = ""
    at: Time = None
    error_s: float | None = None
    basis: str = ""
    fields: dict[str, str] = {}
    count: int = 1
    last: Time = None
    evidence: list[str] = []


class Group(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Nodes that formed one ring."""

    ring: str = ""
    nodes: list[str] = []
    votes: int = 0
    quorate: bool | None = None


class Partition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How the cluster was divided."""

    start: Time = None
    end: Time = None
    groups: list[Group] = []


class Belief(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one node held to be true."""

    node: str
    start: Time = None
    end: Time = None
    quorate: bool | None = None
    members: list[str] = []
    master: str = ""
    lrm: str = ""


class Placement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether a guest can start on a node, and why."""

    guest: str
    node: str = ""
    verdict: str = "unknown"
    row: int | None = None
    why: str = ""
    evidence: list[str] = []


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was changed on a node."""

    at: Time = None
    node: str = ""
    what: str = ""
    evidence: list[str] = []


class Reason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that speaks for (`weight` above 0) or against a cause."""

    text: str
    weight: float = 0.0
    evidence: list[str] = []


class Cause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A possible cause; `for` and `against` list evidence ids, `reasons` say the same in words."""

    cause: str
    confidence: float = 0.0
    speaks_for: list[str] = msgspec.field(name="for", default_factory=list)
    speaks_against: list[str] = msgspec.field(name="against", default_factory=list)
    reasons: list[Reason] = []
    decided_by: str = ""


class RuledOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A cause that the evidence excludes."""

    cause: str
    why: str = ""
    evidence: list[str] = []


class Remedy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What to look at, hold or press."""

    text: str
    step: str = "press"
    command: str = ""
    caution: str = ""


class Measure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A time that the protocol sets beside the measured one."""

    step: str
    expected_s: tuple[float, float] = (0.0, 0.0)
    measured_s: float | None = None
    note: str = ""
    start: str | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A rule's claim with everything it rests on."""

    id: str
    rule: str = ""
    class_: str = msgspec.field(name="class", default="")
    criticality: str = "info"
    confidence: float = 0.0
    title: str = ""
    summary: str = ""
    why: str = ""
    nodes: list[str] = []
    guests: list[str] = []
    storages: list[str] = []
    jobs: list[str] = []
    start: Time = None
    end: Time = None
    evidence: list[str] = []
    causes: list[Cause] = []
    ruled_out: list[RuledOut] = []
    remedies: list[Remedy] = []
    stopwatch: list[Measure] = []
    docs: str = ""
    references: list[str] = []


class Link(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One finding led to another."""

    cause: str = msgspec.field(name="from")
    effect: str = msgspec.field(name="to")
    why: str = ""


class GuestImpact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A guest that was down."""

    guest: str
    name: str = ""
    down_from: Time = None
    down_to: Time = None
    data_age_s: float | None = None
    node_before: str = ""
    node_after: str = ""
    planned: bool | None = None


class Impact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whom an incident hit."""

    guests: list[GuestImpact] = []


class Incident(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Findings that belong together, root first."""

    id: str
    title: str = ""
    start: Time = None
    end: Time = None
    root: str = ""
    findings: list[str] = []
    links: list[Link] = []
    impact: Impact = Impact()
    trigger: str = ""
    recurrence: str = ""


class Check(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule's outcome."""

    rule: str
    outcome: str = ""
    reason: str = ""
    node: str = ""


class Benign(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An alarming line that does not count."""

    text: str
    why: str = ""
    rule: str = ""
    evidence: list[str] = []


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of one file: `at` is the node's own time in UTC, `written` its stamp as it stands there."""

    path: str
    line: int = 0
    node: str = ""
    at: Time = None
    written: str = ""
    text: str = ""
    match: tuple[int, int] | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The whole case document."""

    schema: str
    generator: Generator = Generator()
    complete: bool = True
    bundles: list[Bundle] = []
    cluster: Cluster = Cluster()
    nodes: list[Node] = []
    sources: list[Source] = []
    not_read: list[NotRead] = []
    intervals: list[Interval] = []
    intervals_total: int = 0
    events: list[Event] = []
    events_total: int = 0
    partitions: list[Partition] = []
    beliefs: list[Belief] = []
    placement: list[Placement] = []
    changes: list[Change] = []
    findings: list[Finding] = []
    incidents: list[Incident] = []
    checks: list[Check] = []
    benign: list[Benign] = []
    notes: list[str] = []
    evidence: dict[str, Evidence] = {}
