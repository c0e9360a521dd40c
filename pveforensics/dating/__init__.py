"""When: from the stamps of all files to one timeline in UTC that says what each moment rests on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from pveforensics.dating.clock import FileClock, KernelStart, file_clock
from pveforensics.dating.drafts import Draft, drafts_of, starts_of
from pveforensics.dating.hints import believed
from pveforensics.dating.marks import EARLIEST_US, LATEST_US, dates_of, stamps_of, yearless
from pveforensics.dating.merge import finish, merge
from pveforensics.dating.places import Place, places_of
from pveforensics.dating.series import judged_together
from pveforensics.dating.window import clip, inside, window
from pveforensics.dating.years import STATED, YearBook, years
from pveforensics.dating.zones import Zone, Zones, zones
from pveforensics.model import Cluster, Coverage, Evidence, Interval, NodeClock, Options, Snapshot, SourceInfo, Timeline
from pveforensics.readings import Document, LogScan, Naming, RawSnapshot
from pveforensics.timebase import SECOND, Basis, Instant, parse_local, parse_offset

__all__ = ["FileClock", "FileClocks", "KernelStart", "date", "date_and_clocks", "window"]


Recall = Callable[[Sequence[LogScan], Mapping[str, FileClock]], Sequence[LogScan]]
"""Gives the scans with records of those everyday lines that matter, now that their stamps can be read."""

FileClocks = Mapping[str, tuple[FileClock, KernelStart | None]]
"""How the stamps of each log are read: its clock, and when second zero was of a log that counts kernel seconds alone."""


def date(scans: Sequence[LogScan], documents: Sequence[Document], naming: Naming, options: Options) -> Timeline:
    """Date everything that was read. Each instant carries its error and its basis; what cannot be dated has no instant.

    Raises UsageError for a bad `--timezone`, `--since` or `--until`.
    """
    return date_and_clocks(list(scans), documents, naming, options)[0]


def date_and_clocks(
    given: list[LogScan],
    documents: Sequence[Document],
    naming: Naming,
    options: Options,
    recall: Recall = lambda scans, _: scans,
) -> tuple[Timeline, FileClocks]:
    """The same, with the clock by which each log was dated; `recall` adds records once the clocks are known.

    The scans are taken out of the list: records become drafts file by file, and both together would be the most that is ever held.
    """
    judged = believed(judged_together(given, naming.node_of_path))
    given.clear()
    books, zoned, clocks = _clocks(judged, documents, naming, options)
    if (full := recall(judged, clocks)) is not judged:
        # lines in an hour that a clock change repeats are told apart by the lines around them, so each file is walked through again
        clocks = _file_clocks(full, naming, books, zoned)
    notes = tuple(_notes(full, naming, books, zoned))
    starts = starts_of(full, clocks, naming)
    scans = list(full)
    del judged, full
    drafts, _ = merge(drafts_of(scans, clocks, starts, naming), scans)
    places = places_of(scans, clocks, naming.node_of_path)
    coverage = tuple(each for scan in scans for each in _coverage(scan, clocks[scan.path], naming, places[scan.path]))
    since, until = window(options, _last(coverage, drafts))
    if since is not None or until is not None:
        drafts = [draft for draft in drafts if inside(draft.at.us if draft.at else draft.key, since, until)]
    timeline = Timeline(
        events=finish(drafts),
        coverage=tuple(sorted(clip(coverage, since, until), key=lambda each: (each.start, each.node, each.path))),
        snapshots=tuple(_snapshots(documents, naming, zoned)),
        settings=tuple(_settings(documents, naming)),
        clusters=_clusters(documents),
        clocks=_node_clocks(scans, naming, books, zoned),
        sources=tuple(_sources(scans, documents, naming, clocks)),
        notes=notes,
    )
    return timeline, {scan.path: (clocks[scan.path], starts[scan.path]) for scan in scans}


def _clocks(
    scans: Sequence[LogScan], documents: Sequence[Document], naming: Naming, options: Options
) -> tuple[Mapping[str, YearBook], Zones, Mapping[str, FileClock]]:
    books = years(scans, dates_of(scans, documents, naming.node_of_path), naming.node_of_path, options.year)
    zoned = zones(scans, documents, naming, books, options.timezone)
    return books, zoned, _file_clocks(scans, naming, books, zoned)


def _file_clocks(scans: Sequence[LogScan], naming: Naming, books: Mapping[str, YearBook], zoned: Zones) -> Mapping[str, FileClock]:
    return {scan.path: file_clock(scan, books[scan.path], zoned.zone(naming.node_of_path.get(scan.path, ""), scan.path)) for scan in scans}


def _last(coverage: Iterable[Coverage], drafts: Iterable[Draft]) -> Instant | None:
    """The moment of the last log line."""
    return max((*(each.end for each in coverage), *(draft.at for draft in drafts if draft.at is not None)), default=None)


# --- coverage ------------------------------------------------------------------------------------


def _coverage(scan: LogScan, clock: FileClock, naming: Naming, at: Place) -> Iterable[Coverage]:
    """What a log would have shown, per node. A log of several hosts shows only what reached it: whole for none of them.

    Where a log goes on in another file, the silence between the two is covered, as it is within a file.
    """
    home = naming.node_of_path.get(scan.path, "unknown")
    nodes: Counter[str] = Counter()
    for host, lines in scan.hosts.items():
        nodes[naming.node_of_line(host, scan.path)] += lines
    several = [node for node, lines in nodes.items() if 10 * lines >= nodes.total() and lines > 1]
    for number, run in enumerate(scan.runs):
        first, last = clock.instant(run.first_line, run.first), clock.instant(run.last_line, run.last)
        if first is None or last is None:
            continue
        first, last = min(first, last), max(first, last)
        if number == 0 and at.joint is not None:
            first = min(first, at.joint)
        if len(several) < 2:
            yield Coverage(home, first, last, scan.path, scan.programs, scan.whole, at.log)
        else:
            yield from (Coverage(node, first, last, scan.path, scan.programs, False, at.log) for node in sorted(several))


# --- documents -----------------------------------------------------------------------------------


def _snapshots(documents: Sequence[Document], naming: Naming, zoned: Zones) -> Iterable[Snapshot]:
    for document in documents:
        home = naming.node_of_path.get(document.path, "unknown")
        for raw in document.snapshots:
            node = naming.aliases.get(raw.node) or naming.aliases.get(raw.node.lower()) or raw.node or home
            at = _snapshot_time(raw, zoned.zone(node, document.path))
            evidence = Evidence(document.path, raw.line, node, raw.text, raw.local, at)
            yield Snapshot(raw.kind, node, at, raw.fields, raw.rows, (evidence,))


def _snapshot_time(raw: RawSnapshot, zone: Zone) -> Instant | None:
    if raw.epoch_us is not None:
        return Instant(raw.epoch_us, SECOND) if EARLIEST_US <= raw.epoch_us < LATEST_US else None
    local = parse_local(raw.local) if raw.local else None
    if local is None or not EARLIEST_US <= local < LATEST_US:
        return None
    own = parse_offset(raw.zone) if raw.zone else None
    if own is not None:
        return Instant(local - own, SECOND, Basis.STATED)
    first, second = zone.offsets(local)
    return Instant(local - first, SECOND + abs(first - second), Basis.ZONE_INFERRED)


def _settings(documents: Sequence[Document], naming: Naming) -> Iterable[Interval]:
    """One open interval per key and node. The configuration of the cluster, kept in no node's folder, holds for every node."""
    for document in documents:
        home = naming.node_of_path.get(document.path, "unknown")
        shared = home not in naming.nodes and (document.clusters or "corosync" in document.kind)
        for node in naming.nodes if shared and naming.nodes else (home,):
            for setting in document.settings:
                evidence = Evidence(document.path, setting.line, node, setting.text)
                yield Interval(f"setting:{node}/{setting.key}", setting.value, None, None, evidence=(evidence,))


def _clusters(documents: Sequence[Document]) -> tuple[Cluster, ...]:
    """The cluster configurations of all files, the newest version first."""
    found = [cluster for document in documents for cluster in document.clusters]
    return tuple(sorted(found, key=lambda cluster: (-(cluster.config_version or 0), -len(cluster.members))))


# --- what the reader is told ---------------------------------------------------------------------


def _node_clocks(scans: Sequence[LogScan], naming: Naming, books: Mapping[str, YearBook], zoned: Zones) -> dict[str, NodeClock]:
    """How each node's stamps were read. Offsets between the nodes' clocks are not measured yet: 0, as the contract says."""
    bases: dict[str, Counter[str]] = defaultdict(Counter)
    for scan in scans:
        bases[naming.node_of_path.get(scan.path, "unknown")][books[scan.path].basis or "unknown"] += max(scan.lines, 1)
    clocks = {}
    for node in dict.fromkeys((*naming.nodes, *bases)):
        zone = zoned.of_node.get(node, Zone())
        inferred = Counter({basis: lines for basis, lines in bases[node].items() if basis != STATED})
        year_basis = min(inferred, key=lambda basis: (-inferred[basis], basis)) if inferred else STATED if bases[node] else ""
        clocks[node] = NodeClock(None if zone.assumed else zone.name, zone.basis, year_basis)
    return clocks


def _sources(
    scans: Sequence[LogScan], documents: Sequence[Document], naming: Naming, clocks: Mapping[str, FileClock]
) -> Iterable[SourceInfo]:
    for scan in scans:
        clock = clocks[scan.path]
        ends = [
            at
            for run in scan.runs
            for at in (clock.instant(run.first_line, run.first), clock.instant(run.last_line, run.last))
            if at is not None
        ]
        node = naming.node_of_path.get(scan.path, "unknown")
        first, last = min(ends, default=None), max(ends, default=None)
        yield SourceInfo(scan.path, node, scan.kind, scan.size, scan.sha256, scan.lines, first, last, scan.format, scan.recognized)
    for document in documents:
        node = naming.node_of_path.get(document.path, "unknown")
        yield SourceInfo(document.path, node, document.kind, document.size, document.sha256, document.lines, recognized=document.lines)


def _notes(scans: Sequence[LogScan], naming: Naming, books: Mapping[str, YearBook], zoned: Zones) -> Iterable[str]:
    """What was inferred on weak grounds, and what could not be told."""
    yield from zoned.notes
    assumed: set[str] = set()
    for scan in scans:
        stamps = [stamp for _, stamp in stamps_of(scan) if stamp is not None]
        book, node = books[scan.path], naming.node_of_path.get(scan.path, "unknown")
        if any(map(yearless, stamps)) and "weak" in book.basis:
            yield f"{scan.path}: the year of its stamps is inferred, {book.basis}"
        elif any(map(yearless, stamps)) and not book.basis:
            yield f"{scan.path}: nothing tells the year of its stamps, so its lines have no date (--year would give it)"
        if any(stamp.month is not None and stamp.epoch_us is None and not stamp.zone for stamp in stamps):
            assumed |= {node} if zoned.zone(node, scan.path).assumed else set()
            if "weak" in zoned.zone(node, scan.path).basis:
                yield f"{scan.path}: the zone of its stamps is not told; read as {zoned.zone(node, scan.path).name} like the other nodes"
        elif stamps and all(stamp.uptime_us is not None and stamp.month is None and stamp.epoch_us is None for stamp in stamps):
            yield f"{scan.path}: its stamps count seconds since boot; they are dated only where a boot of {node} is"
    if assumed:
        yield f"zone unknown, stamps read as UTC (--timezone sets it): {', '.join(sorted(assumed))}"
