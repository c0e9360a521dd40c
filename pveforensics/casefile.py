"""compile_case(): puts what the stages found into the one document that everything else is drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from pveforensics import __version__
from pveforensics.intake import Intake
from pveforensics.model import (
    Boot,
    Case,
    Coverage,
    Finding,
    History,
    Incident,
    NodeClock,
    NodeInfo,
    NotRead,
    Options,
    Timeline,
    Verdicts,
)
from pveforensics.readings import Naming
from pveforensics.timebase import Instant

BOOT_END_CLASSES = ("fencing", "kernel_crash", "hardware_error", "unclean_boot", "planned_shutdown")
"""Classes of findings that tell how a boot ended, the strongest word first."""

_BY_CAUSE = {"power_loss": "power_loss", "kernel_panic": "kernel_crash"}


def compile_case(
    intake: Intake,
    naming: Naming,
    timeline: Timeline,
    history: History,
    verdicts: Verdicts,
    incidents: tuple[Incident, ...],
    options: Options,
    rules_sha256: str,
) -> Case:
    """The case of one run: nodes with their boots and coverage, and all that the stages said."""
    boots = tuple(replace(boot, ended_by=ended_by(boot, verdicts.findings)) for boot in history.boots)
    history = replace(history, boots=boots)
    # A node that only lines speak of (`host: 4`), or that was removed since, is a node of the case once a finding is about it.
    names = dict.fromkeys((*naming.nodes, *(node for finding in verdicts.findings for node in finding.nodes)))
    return Case(
        version=__version__,
        rules_sha256=rules_sha256,
        options=options,
        bundles=intake.infos,
        history=history,
        nodes=tuple(_node(name, naming, timeline, history) for name in names),
        sources=timeline.sources,
        not_read=told_apart(intake.not_read),
        events=timeline.events,
        findings=verdicts.findings,
        incidents=incidents,
        checks=verdicts.checks,
        benign=verdicts.benign,
        notes=(*naming.notes, *timeline.notes, *history.notes, *verdicts.notes),
    )


def ended_by(boot: Boot, findings: Iterable[Finding]) -> str:
    """The contract's word for how a boot ended, from the finding that answers for it."""
    answering = [finding for finding in findings if finding.class_ in BOOT_END_CLASSES and _is_about_end(finding, boot)]
    answering.sort(key=lambda finding: (BOOT_END_CLASSES.index(finding.class_), -finding.confidence))
    if answering:
        best = answering[0]
        if best.class_ == "unclean_boot":
            top = best.causes[0] if best.causes else None
            return _BY_CAUSE.get(top.cause, "unclean_unknown") if top and top.confidence >= 0.5 else "unclean_unknown"
        return {"fencing": "fencing", "kernel_crash": "kernel_crash", "planned_shutdown": "clean_shutdown"}.get(
            best.class_, "unclean_unknown"
        )
    return {"clean": "clean_shutdown", "unclean": "unclean_unknown", "unknown": "unclean_unknown"}.get(boot.manner, "end_of_log")


def _is_about_end(finding: Finding, boot: Boot) -> bool:
    """True if the finding's span touches the time between a boot's last sign and the next boot's first."""
    if boot.node not in finding.nodes[:1] or boot.end is None or finding.start is None or boot.manner == "open":
        return False
    until = boot.next_start or boot.end
    last = finding.end or finding.start
    contradicts = "unclean" if finding.class_ == "planned_shutdown" else "clean"
    return finding.start.us <= until.us and last.us >= boot.end.us and boot.manner != contradicts


def _node(name: str, naming: Naming, timeline: Timeline, history: History) -> NodeInfo:
    clock = timeline.clocks.get(name, NodeClock())
    ids = [nodeid for nodeid, known in naming.ids.items() if known == name]
    return NodeInfo(
        name=name,
        nodeid=min(ids) if ids else None,
        in_bundle=name in naming.in_bundle,
        timezone=clock.timezone,
        timezone_basis=clock.timezone_basis,
        year_basis=clock.year_basis,
        clock_offset_s=clock.offset_s,
        clock_error_s=clock.error_s,
        clock_offsets=clock.offsets,
        boots=tuple(boot for boot in history.boots if boot.node == name),
        coverage=merged_spans(span for span in timeline.coverage if span.node == name),
    )


def merged_spans(spans: Iterable[Coverage]) -> tuple[tuple[Instant, Instant], ...]:
    """The union of coverage spans, in order: what at least one log of the node shows."""
    merged: list[tuple[Instant, Instant]] = []
    for span in sorted(spans, key=lambda each: (each.start.us, each.end.us)):
        if merged and span.start.us <= merged[-1][1].us:
            merged[-1] = (merged[-1][0], max(merged[-1][1], span.end))
        else:
            merged.append((span.start, span.end))
    return tuple(merged)


def told_apart(skipped: tuple[NotRead, ...]) -> tuple[NotRead, ...]:
    """Each skipped member once per reason, in order of path."""
    return tuple(sorted(Counter(skipped), key=lambda each: (each.path, each.reason)))
