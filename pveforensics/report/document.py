"""Case to case document and back to a typed view: the JSON that every output is drawn from."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pveforensics import model
from pveforensics.errors import UsageError
from pveforensics.lazyregex import regex
from pveforensics.report import shape
from pveforensics.report.citing import Cited
from pveforensics.report.encoded import pieces, writable
from pveforensics.timebase import Instant, iso

EVENTS_KEPT = 2_000
"""Events that nothing cites are kept up to this many, spread evenly over the time; cited ones are always kept."""
INTERVALS_KEPT = 20_000

_SURROGATE = regex("[\ud800-\udfff]")
_PAIR = regex("[\ud800-\udbff][\udc00-\udfff]")


def to_document(case: model.Case) -> dict[str, Any]:
    """The case document: plain dictionaries, lists, texts and numbers, with every key of the schema present."""
    document = compose(case)
    made: dict[str, Any] = (
        msgspec.json.decode(msgspec.json.encode(document)) if writable(document) else _joined(msgspec.to_builtins(document))
    )
    return made


def compose(case: model.Case) -> shape.Document:
    """The same with types, for who draws it or dumps it and needs it in no other form."""
    cited = Cited()
    history = case.history
    intervals = _kept_intervals(history.intervals)
    # The order of these calls is the order in which evidence is first met; the map is sorted at the end.
    findings = [_finding(finding, cited) for finding in case.findings]
    benign = [shape.Benign(text=b.text, why=b.why, rule=b.rule, evidence=cited.cite(b.evidence)) for b in case.benign]
    nodes = [_node(node, cited) for node in case.nodes]
    drawn = [_interval(interval, cited) for interval in intervals]
    placement = [
        shape.Placement(guest=p.guest, node=p.node, verdict=p.verdict, row=p.row or None, why=p.why, evidence=cited.cite(p.evidence))
        for p in history.placement
    ]
    changes = [shape.Change(at=_time(c.at), node=c.node, what=c.what, evidence=cited.cite(c.evidence)) for c in history.changes]
    events = [_event(event, cited) for event in _kept_events(case.events, cited)]
    return shape.Document(
        schema=shape.SCHEMA,
        generator=_generator(case),
        complete=case.complete,
        bundles=[shape.Bundle(name=b.name, size=b.size, sha256=b.sha256) for b in case.bundles],
        cluster=_cluster(history.cluster, case.nodes),
        nodes=nodes,
        sources=[_source(source) for source in case.sources],
        not_read=[shape.NotRead(path=n.path, reason=n.reason, damage=n.damage) for n in case.not_read],
        intervals=drawn,
        intervals_total=len(history.intervals),
        events=events,
        events_total=len(case.events),
        partitions=[_partition(partition) for partition in history.partitions],
        beliefs=[_belief(belief) for belief in history.beliefs],
        placement=placement,
        changes=changes,
        findings=findings,
        incidents=[_incident(incident) for incident in case.incidents],
        checks=[shape.Check(rule=c.rule, outcome=str(c.outcome), reason=c.reason, node=c.node) for c in case.checks],
        benign=benign,
        notes=list(case.notes),
        evidence={key: cited.lines[key] for key in sorted(cited.lines)},
    )


def dump(document: Mapping[str, Any] | shape.Document) -> bytes:
    """The document as UTF-8 JSON; equal documents give equal bytes. Lone surrogates (undecodable bytes) become JSON escapes."""
    return b"".join(dumped(document))


def dumped(document: Mapping[str, Any] | shape.Document) -> Iterator[bytes]:
    """The same piece by piece, for who writes it to a file and need not hold it all."""
    if writable(document):
        yield from pieces(document)
        return
    plain = _joined(msgspec.to_builtins(document)) if isinstance(document, shape.Document) else document
    text = json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    yield _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8")


def load(data: bytes, name: str = "the case document") -> dict[str, Any]:
    """The document that `dump` wrote, checked and completed. Raises UsageError, one line, if it is anything else."""
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: is no JSON document of pveforensics: {_one_line(error)}") from error
    if not isinstance(document, dict) or not str(document.get("schema", "")).startswith("pveforensics.case/"):
        raise UsageError(f"{name}: is no case document (its schema is not {shape.SCHEMA}); make one with: pveforensics analyze --json")
    if document["schema"] != shape.SCHEMA:
        raise UsageError(f"{name}: has schema {str(document['schema'])[:60]!r}, this version draws {shape.SCHEMA}")
    plain: dict[str, Any] = msgspec.to_builtins(view(document, name))
    return plain


def view(document: Mapping[str, Any] | shape.Document, name: str = "the case document") -> shape.Document:
    """The document with types, and as it is read back from JSON. Raises UsageError, one line, where a part has the wrong type."""
    try:
        if isinstance(document, shape.Document):
            if writable(document):
                return document
            document = _joined(msgspec.to_builtins(document))
        return msgspec.convert(document, shape.Document)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UsageError(f"{name}: is damaged: {_one_line(error)}") from error


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


# --- the parts ---------------------------------------------------------------------------------


def _time(moment: Instant | None) -> str | None:
    return iso(moment.us) if moment is not None else None


def _error_s(moment: Instant | None) -> float | None:
    return _thousandths(moment.error_us) if moment is not None else None


@functools.lru_cache(maxsize=4096)
def _thousandths(us: int) -> float:
    """Seconds; the moments of a log are all known equally well."""
    return round(us / 1e6, 3)


def _joined(value: Any) -> Any:
    """The value with surrogate pairs joined, which a damaged line may hold: JSON readers join them, and both must give one text."""
    if isinstance(value, str):
        return value if value.isascii() else _PAIR.sub(lambda found: found[0].encode("utf-16", "surrogatepass").decode("utf-16"), value)
    if isinstance(value, dict):
        return {_joined(key): _joined(each) for key, each in value.items()}
    return [_joined(each) for each in value] if isinstance(value, list | tuple) else value


def _generator(case: model.Case) -> shape.Generator:
    options = case.options
    chosen = {"since": options.since, "until": options.until, "timezone": options.timezone, "year": options.year, "redact": options.redact}
    # Rule packs are told by their folder's own name: the path would name the analyst's machine.
    rules = [re.split(r"[/\\]", path.rstrip("/\\"))[-1] for path in options.rules]
    return shape.Generator(version=case.version, rules_sha256=case.rules_sha256, options={**chosen, "rules": rules}, now=options.now)


def _cluster(cluster: model.Cluster, nodes: tuple[model.NodeInfo, ...]) -> shape.Cluster:
    return shape.Cluster(
        name=cluster.name,
        nodes=[node.name for node in nodes] or [member.name for member in cluster.members],
        expected_votes=cluster.expected_votes,
        quorum=cluster.quorum,
        qdevice=cluster.qdevice,
        qdevice_votes=cluster.qdevice_votes,
        two_node=cluster.two_node,
        wait_for_all=cluster.wait_for_all,
        last_man_standing=cluster.last_man_standing,
        auto_tie_breaker=cluster.auto_tie_breaker,
        token_ms=cluster.token_ms,
        links=cluster.links,
        members=[shape.Member(name=m.name, nodeid=m.nodeid, votes=m.votes) for m in cluster.members],
    )


def _node(node: model.NodeInfo, cited: Cited) -> shape.Node:
    return shape.Node(
        name=node.name,
        nodeid=node.nodeid,
        in_bundle=node.in_bundle,
        timezone=node.timezone,
        timezone_basis=node.timezone_basis,
        year_basis=node.year_basis,
        clock_offset_s=round(node.clock_offset_s, 3),
        clock_error_s=round(node.clock_error_s, 3),
        clock_offsets=[_clock_offset(offset, cited) for offset in node.clock_offsets],
        boots=[_boot(boot, cited) for boot in node.boots],
        coverage=[shape.Span(start=_time(start), end=_time(end)) for start, end in node.coverage],
    )


def _clock_offset(offset: model.ClockOffset, cited: Cited) -> shape.ClockOffset:
    pairs = []
    for pair in offset.pairs:
        own, other = (cited.cite([line])[0] for line in (pair.own, pair.other))
        pairs.append(shape.AnchorPair(kind=pair.kind, node=pair.node, own=own, other=other))
    return shape.ClockOffset(
        start=_time(offset.start),
        offset_s=round(offset.seconds, 3),
        error_s=round(offset.error, 3),
        anchors=dict(offset.anchors),
        against=list(offset.against),
        stepped_s=round(offset.stepped, 3),
        pairs=pairs,
    )


def _boot(boot: model.Boot, cited: Cited) -> shape.Boot:
    ended = boot.ended_by or {"clean": "clean_shutdown", "open": "end_of_log"}.get(boot.manner, "unclean_unknown")
    return shape.Boot(
        start=_time(boot.start),
        end=_time(boot.end),
        ended_by=ended,
        manner=boot.manner,
        why=boot.why,
        next_start=_time(boot.next_start),
        boot_id=boot.boot_id,
        evidence=cited.cite(boot.evidence),
    )


def _source(source: model.SourceInfo) -> shape.Source:
    return shape.Source(
        path=source.path,
        node=source.node,
        kind=source.kind,
        size=source.size,
        sha256=source.sha256,
        lines=source.lines,
        first=_time(source.first),
        last=_time(source.last),
        format=source.format,
        recognized=source.recognized,
    )


def _kept_intervals(intervals: tuple[model.Interval, ...]) -> list[model.Interval]:
    """All intervals in order; beyond the cap those of nodes first, since the windows without quorum are among them."""
    if len(intervals) <= INTERVALS_KEPT:
        return list(intervals)
    places = sorted(range(len(intervals)), key=lambda k: (not intervals[k].subject.startswith("node:"), k))[:INTERVALS_KEPT]
    return [intervals[k] for k in sorted(places)]


def _interval(interval: model.Interval, cited: Cited) -> shape.Interval:
    return shape.Interval(
        subject=interval.subject,
        state=interval.state,
        start=_time(interval.start),
        end=_time(interval.end),
        start_error_s=_error_s(interval.start),
        end_error_s=_error_s(interval.end),
        node=interval.node,
        fields={key: interval.fields[key] for key in sorted(interval.fields)},
        evidence=cited.cite(interval.evidence),
    )


def _kept_events(events: tuple[model.Event, ...], cited: Cited) -> list[model.Event]:
    """Events whose line something cites, and an even sample of the others."""
    if len(events) <= EVENTS_KEPT:
        return list(events)
    told = [cited.knows(event.evidence) for event in events]
    others = [k for k, is_cited in enumerate(told) if not is_cited]
    step = max(1.0, len(others) / EVENTS_KEPT)
    sample = {others[int(k * step)] for k in range(min(EVENTS_KEPT, len(others)))}
    return [event for k, event in enumerate(events) if told[k] or k in sample]


def _event(event: model.Event, cited: Cited) -> shape.Event:
    return shape.Event(
        id=event.id,
        kind=event.kind,
        node=event.node,
        at=_time(event.at),
        error_s=_error_s(event.at),
        basis=event.at.basis.value if event.at else "",  # `str` would make a text of each
        fields={key: event.fields[key] for key in sorted(event.fields)},
        count=event.count,
        last=_time(event.last),
        evidence=cited.cite(event.evidence, near=False),
    )


def _partition(partition: model.Partition) -> shape.Partition:
    groups = [shape.Group(ring=g.ring, nodes=list(g.nodes), votes=g.votes, quorate=g.quorate) for g in partition.groups]
    return shape.Partition(start=_time(partition.start), end=_time(partition.end), groups=groups)


def _belief(belief: model.Belief) -> shape.Belief:
    return shape.Belief(
        node=belief.node,
        start=_time(belief.start),
        end=_time(belief.end),
        quorate=belief.quorate,
        members=list(belief.members),
        master=belief.master,
        lrm=belief.lrm,
    )


def _finding(finding: model.Finding, cited: Cited) -> shape.Finding:
    ruled_out = [shape.RuledOut(cause=r.cause, why=r.why, evidence=cited.cite(r.evidence)) for r in finding.ruled_out]
    remedies = [shape.Remedy(text=r.text, step=r.step, command=r.command, caution=r.caution) for r in finding.remedies]
    return shape.Finding(
        id=finding.id,
        rule=finding.rule,
        class_=finding.class_,
        criticality=finding.criticality.value,
        confidence=round(finding.confidence, 4),
        title=finding.title,
        summary=finding.summary,
        why=finding.why,
        nodes=list(finding.nodes),
        guests=list(finding.guests),
        storages=list(finding.storages),
        jobs=list(finding.jobs),
        start=_time(finding.start),
        end=_time(finding.end),
        evidence=cited.cite(finding.evidence),
        causes=[_cause(cause, cited) for cause in finding.causes],
        ruled_out=ruled_out,
        remedies=remedies,
        stopwatch=[_measure(measure) for measure in finding.stopwatch],
        docs=finding.docs,
        references=list(finding.references),
    )


def _measure(measure: model.Measure) -> shape.Measure:
    low, high = measure.expected_s
    measured = None if measure.measured_s is None else round(measure.measured_s, 3)
    expected = (round(low, 3), round(high, 3))
    return shape.Measure(step=measure.step, expected_s=expected, measured_s=measured, note=measure.note, start=_time(measure.start))


def _cause(cause: model.Cause, cited: Cited) -> shape.Cause:
    weighed = [(reason, sign) for given, sign in ((cause.speaks_for, 1), (cause.speaks_against, -1)) for reason in given]
    return shape.Cause(
        cause=cause.cause,
        confidence=round(cause.confidence, 4),
        speaks_for=_lines(cause.speaks_for, cited),
        speaks_against=_lines(cause.speaks_against, cited),
        reasons=[shape.Reason(text=r.text, weight=round(sign * abs(r.weight), 3), evidence=cited.cite(r.evidence)) for r, sign in weighed],
        decided_by=cause.decided_by,
    )


def _lines(reasons: tuple[model.Reason, ...], cited: Cited) -> list[str]:
    return cited.cite([one for reason in reasons for one in reason.evidence]) if reasons else []


def _incident(incident: model.Incident) -> shape.Incident:
    guests = [
        shape.GuestImpact(
            guest=g.guest,
            name=g.name,
            down_from=_time(g.down_from),
            down_to=_time(g.down_to),
            data_age_s=None if g.data_age_s is None else round(g.data_age_s, 3),
            node_before=g.node_before,
            node_after=g.node_after,
            planned=g.planned,
        )
        for g in incident.guests
    ]
    return shape.Incident(
        id=incident.id,
        title=incident.title,
        start=_time(incident.start),
        end=_time(incident.end),
        root=incident.root,
        findings=list(incident.findings),
        links=[shape.Link(cause=link.cause, effect=link.effect, why=link.why) for link in incident.links],
        impact=shape.Impact(guests=guests),
        trigger=incident.trigger,
        recurrence=incident.recurrence,
    )
