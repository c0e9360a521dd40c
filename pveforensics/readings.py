"""What reading one file leaves: a log's candidate lines and coverage, or a document's settings and snapshots.

Nothing here knows a year, a zone or a node for certain: that takes the whole bundle (`dating.py`, `identity.py`).
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Protocol, TypeAlias

from msgspec import field

from pveforensics.model import NOTHING, Cluster
from pveforensics.value import Value


class Stamp(Value, frozen=True):
    """A stamp as it stands in the file: its text and the parts that it states.

    Exactly one of three holds: `epoch_us` is set (the stamp states a moment: epoch seconds, or date, time and
    offset); or month and day are set with or without a year (local time of some zone); or `uptime_us` is set
    (kernel seconds since boot). `resolution_us` is the width of the last digit written.
    """

    text: str
    epoch_us: int | None = None
    year: int | None = None
    month: int | None = None
    day: int | None = None
    second_of_day: int = 0
    micro: int = 0
    resolution_us: int = 1_000_000
    zone: str = ""
    uptime_us: int | None = None


class Record(Value, frozen=True):
    """One candidate line: a signature matched it. `line` counts from 1; `order` is its place among all records of the file."""

    kind: str
    signature: str
    line: int
    stamp: Stamp | None
    host: str
    program: str
    pid: str
    text: str
    fields: Mapping[str, str] = NOTHING
    match: tuple[int, int] | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    count: int = 1
    last: Stamp | None = None
    boot: int = 0
    boot_id: str = ""
    uptime_us: int | None = None


class Run(Value, frozen=True):
    """A stretch of lines whose stamps ascend without a hole: the unit of coverage. `boot` counts boot separators before it."""

    first: Stamp
    last: Stamp
    first_line: int
    last_line: int
    boot: int = 0


class TimeHint(Value, frozen=True):
    """A line that states a moment twice, or states a date that yearless neighbours lack.

    `epoch_us` is an absolute moment (UPID, MCE TIME, `(@ms)`); `stamp` the stamp of the same line, when it has one.
    `local` is a full local date-time with year but no zone (an `Active:` or `Date:` line) in the form
    `YYYY-MM-DD HH:MM:SS`, `zone` the abbreviation or offset that stood behind it. `exact` says that the two denote the same
    moment (else the epoch is only near, or a lower bound).
    """

    line: int
    what: str
    stamp: Stamp | None = None
    epoch_us: int | None = None
    local: str = ""
    zone: str = ""
    exact: bool = False


class NulRun(Value, frozen=True):
    """A run of NUL bytes: what a file system leaves where lines were lost in an unclean end. `line` is the line it precedes."""

    line: int
    length: int
    before: Stamp | None
    after: Stamp | None
    text: str = ""


Column: TypeAlias = "array[int] | memoryview[int]"
"""Whole numbers of 64 bits, one for each line."""


class KeptText(Protocol):
    """Text, in memory or wherever it waits."""

    def __getitem__(self, part: slice, /) -> bytes: ...


class Everyday(Value, frozen=True):
    """Lines of ordinary operation of one long log in file order, not yet taken apart: parallel columns.

    `moments` are stamps as numbers that can be compared within the file (microseconds, -1 for none), `lasts` those of the last line that a
    row stands for, `signatures` places in the
    index of signatures, `counts` how many lines each row stands for, `starts` and `ends` offsets of each line in the `text`.
    """

    lines: Column
    moments: Column
    lasts: Column
    signatures: Column
    boots: Column
    counts: Column
    starts: Column
    ends: Column
    text: KeptText

    def __len__(self) -> int:
        return len(self.lines)

    def load(self) -> Everyday:
        """Itself: it is in memory."""
        return self


class KeptLines(Protocol):
    """Everyday lines, in memory or wherever they wait."""

    def __len__(self) -> int: ...

    def load(self) -> Everyday:
        """The lines, in memory."""
        ...


class LogScan(Value, frozen=True):
    """All that one pass over one log file leaves. Its size depends on the hits and the holes, not on the lines.

    `everyday` are lines kept until it is known which of them matter; `entries`, if not empty, tells for each record which entry of a binary journal it is, so that copies in other files are known.
    """

    path: str
    format: str
    kind: str
    size: int
    sha256: str
    mtime: float | None
    lines: int
    recognized: int
    records: tuple[Record, ...]
    runs: tuple[Run, ...]
    hosts: Mapping[str, int] = field(default_factory=dict)
    programs: frozenset[str] = frozenset()
    whole: bool = True
    hints: tuple[TimeHint, ...] = ()
    nul_runs: tuple[NulRun, ...] = ()
    problems: tuple[str, ...] = ()
    node_hint: str = ""
    entries: tuple[str, ...] = ()
    everyday: KeptLines | None = None


class Setting(Value, frozen=True):
    """One key of a configuration file with its value as written; dots separate sections (`totem.token`)."""

    key: str
    value: str
    line: int
    text: str


class RawSnapshot(Value, frozen=True):
    """A status dump before its node and zone are known.

    `local` and `zone` are the moment as the dump states it (`YYYY-MM-DD HH:MM:SS` and abbreviation or offset, if any),
    `epoch_us` the moment if it is stated absolutely. `node` is the node that the dump itself names, if it does.
    """

    kind: str
    line: int
    text: str
    node: str = ""
    local: str = ""
    zone: str = ""
    epoch_us: int | None = None
    fields: Mapping[str, str] = NOTHING
    rows: tuple[Mapping[str, str], ...] = ()


class Document(Value, frozen=True):
    """A configuration file or status dump, read whole. One file may hold several dumps (a pasted terminal session).

    `timezone` is an IANA name that the file states for its node; `zone_file` the bytes of a TZif file. `hostname` is
    the node's own name where the file states it (`etc/hostname`, `.members` `nodename`). `aliases` maps addresses and
    other names to node names (`etc/hosts`, `.members`). `records` are log lines embedded in it (`systemctl status`).
    """

    path: str
    kind: str
    size: int
    sha256: str
    mtime: float | None = None
    lines: int = 0
    hostname: str = ""
    timezone: str = ""
    zone_file: bytes = b""
    clusters: tuple[Cluster, ...] = ()
    settings: tuple[Setting, ...] = ()
    snapshots: tuple[RawSnapshot, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[TimeHint, ...] = ()
    problems: tuple[str, ...] = ()
    node_hint: str = ""


class Naming(Value, frozen=True):
    """Who is who, resolved once after all is read.

    `nodes` are all known nodes by short name (those of the cluster and those whose logs are there), `in_bundle` those with
    at least one log. `node_of_path` gives the node of each file. `aliases` maps host columns, addresses and long names to a
    node's name; `ids` corosync node ids to names (`node<id>` until something names it).
    """

    nodes: tuple[str, ...]
    in_bundle: frozenset[str]
    node_of_path: Mapping[str, str]
    aliases: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def node_of_line(self, host: str, path: str) -> str:
        """The node of a line: its host column through the aliases (exact, lower-case, short), else the node of its file."""
        for name in (host, host.lower(), host.partition(".")[0].lower()) if host else ():
            if name in self.aliases:
                return self.aliases[name]
        return self.node_of_path.get(path, "unknown")
