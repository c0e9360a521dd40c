"""The post-mortem of the main incident: pre-filled where evidence carries it, with visible blanks where only people know."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from pveforensics.report import node_ends, words
from pveforensics.report.blameless import blameless
from pveforensics.report.ground import Ground, Sentence, ground
from pveforensics.report.lanes import ENDED
from pveforensics.report.narrative import PARTS
from pveforensics.report.sections.lanes import common_zone
from pveforensics.report.story import Story

ROWS = 40
ACTIONS = 16
_ROLES = {
    "network_failure": "network", "hardware_error": "hardware", "storage_failure": "storage", "replication_failure": "storage",
    "replication_divergence": "storage", "ha_replication_mismatch": "storage", "task_failure": "operations", "planned_shutdown": "operations",
    "stuck_lock": "operations", "evidence_gap": "monitoring", "near_miss": "monitoring",
}  # fmt: skip
_NODE_EDGES = {
    "inquorate": ("{n} has no quorum", "{n} has quorum again"),
    "unreachable": ("{n} is no longer seen by {seen_by}", "{n} is seen again by {seen_by}"),
    "fence_claimed": ("HA marks {n} for fencing", "the fence of {n} is over for HA"),
    "watchdog_expiring": ("the watchdog of {n} is no longer renewed", "the watchdog of {n}: {outcome}"),
}


class Part(msgspec.Struct, frozen=True):
    """One part: its sentences, and the blanks that the team fills."""

    name: str
    sentences: tuple[Sentence, ...]
    blanks: tuple[str, ...]


class Moment(msgspec.Struct, frozen=True):
    """One row of the timeline."""

    utc: str
    local: str
    what: str
    evidence: tuple[str, ...]


class Action(msgspec.Struct, frozen=True):
    """One action item from a finding; owner and date stay blank."""

    text: str
    findings: tuple[str, ...]
    role: str


class View(msgspec.Struct, frozen=True):
    """The section; `cited` are the ids of all lines that its sentences rest on."""

    heading: str
    lead: str
    parts: tuple[Part, ...]
    moments: tuple[Moment, ...]
    moments_total: int
    zone: str
    actions: tuple[Action, ...]
    supporting: tuple[tuple[str, str], ...]
    cited: tuple[str, ...]


def build(story: Story) -> View | None:
    """The post-mortem of the lead incident; None where nothing failed, since then there is nothing to fill."""
    chain = story.lead
    if chain is None:
        return None
    g = ground(story, chain)
    parts = tuple(Part(name, tuple(_once(say(g))), blanks) for name, say, blanks in PARTS)
    zone = common_zone(story.doc)
    moments = sorted(set(_moments(g)), key=lambda each: (each[0], each[1]))
    kept = moments[:ROWS]
    rows = tuple(
        Moment(words.stamp(us, digits=3), words.stamp(us, zone) if zone != "UTC" else "", blameless(what, g.known), ids)
        for us, what, ids in kept
    )
    others = sum(1 for each in story.chains if each.incident and each.failures and each is not chain)
    more = f" {words.counted(others, 'other incident is', 'other incidents are')} told by the findings alone." if others else ""
    return View(
        heading="Post-mortem, pre-filled",
        lead=f"Filled where the evidence carries it, for the main incident; what only people know is left blank. Systems are the subjects.{more}",
        parts=parts,
        moments=rows,
        moments_total=len(moments),
        zone=zone,
        actions=tuple(_actions(story)),
        supporting=tuple(_supporting(story)),
        cited=tuple(
            dict.fromkeys(
                key for key in (*(k for p in parts for s in p.sentences for k in s.evidence), *(k for r in rows for k in r.evidence))
            )
        ),
    )


def _once(said: Iterator[Sentence | None]) -> Iterator[Sentence]:
    seen = set()
    for sentence in said:
        if sentence is not None and sentence.text not in seen:
            seen.add(sentence.text)
            yield sentence


def _moments(g: Ground) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Moments of the incident that a line shows."""

    def moment(us: int | None, what: str, ids: tuple[str, ...]) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        cited = tuple(islice((key for key in ids if key in g.doc.evidence), 2)) if us is not None and g.inside(us) else ()
        if us is not None and cited:
            yield us, what, cited

    for finding in g.chain.findings:
        what = f"{g.story.codes[finding.id]} {finding.title}{node_ends.aside(node_ends.untold(g.doc, finding))}"
        yield from moment(words.micros(finding.start), what, tuple(finding.evidence))
    died = {words.micros(boot.end) for node in g.doc.nodes for boot in node.boots if boot.manner != "open"}
    for each, start, end in g.spans("node", tuple(_NODE_EDGES)):
        begins, ends = _NODE_EDGES[each.state]
        seers = words.names(each.fields.get("seen_by", "").split(), 4) or "its peers"
        names = {"n": each.node, "outcome": each.fields.get("outcome", "over"), "seen_by": seers}
        yield from moment(start, begins.format(**names), tuple(each.evidence[:1]))
        # A state that ends because its witness went down did not end for the node that it is about.
        over = each.fields.get("closed_by", "gained") in ("gained", "dump") and not (end in died and each.state == "unreachable")
        yield from moment(end, ends.format(**names), tuple(each.evidence[-1:]) if over and len(each.evidence) > 1 else ())
    for each, start, _ in g.spans("ha"):
        if each.state in ("lost_agent_lock", "active"):
            yield from moment(
                start, f"the LRM of {each.node} {'is active' if each.state == 'active' else 'lost its lock'}", tuple(each.evidence[:1])
            )
    for each, start, end in g.spans("guest"):
        guest = each.subject.partition(":")[2]
        yield from moment(start, f"guest {guest} is {each.state}", tuple(each.evidence[:1]))
        yield from moment(end, f"guest {guest} runs again", tuple(each.evidence[-1:]) if len(each.evidence) > 1 else ())
    for node in g.doc.nodes:
        for k, boot in enumerate(node.boots):
            if boot.manner != "open":
                yield from moment(
                    words.micros(boot.end),
                    f"last sign of {node.name}: {ENDED.get(boot.ended_by, 'end unknown')}",
                    tuple(boot.evidence[-1:]),
                )
            if k:
                yield from moment(words.micros(boot.start), f"{node.name} boots", tuple(boot.evidence[:1]))


def _actions(story: Story) -> Iterator[Action]:
    """What to press, from the lead incident first, then from weak settings; each text once, with all findings that ask for it."""
    lead = story.lead
    chosen = [*(lead.findings if lead else ()), *(f for f in story.findings if f.class_ in ("misconfiguration", "near_miss"))]
    asked: dict[str, list[str]] = {}
    roles: dict[str, str] = {}
    for finding in chosen:
        for remedy in finding.remedies:
            if remedy.step not in ("look", "hold"):
                codes = asked.setdefault(remedy.text, [])
                codes += [] if finding.id in codes else [finding.id]
                roles.setdefault(remedy.text, _ROLES.get(finding.class_, "platform"))
    for text, findings in list(asked.items())[:ACTIONS]:
        yield Action(text, tuple(findings), roles[text])


def _supporting(story: Story) -> Iterator[tuple[str, str]]:
    doc, lead = story.doc, story.lead
    if lead is not None and lead.incident is not None:
        yield "Incident", lead.incident.id
    for bundle in doc.bundles[:6]:
        yield "Bundle", f"{bundle.name}, {words.size(bundle.size)}, SHA-256 {bundle.sha256}"
    received = sum(node.in_bundle for node in doc.nodes)
    yield (
        "Evidence",
        f"{received} of {words.counted(len(doc.nodes), 'node')}, {words.counted(sum(s.lines for s in doc.sources), 'line')} read",
    )
