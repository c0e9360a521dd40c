"""The first screen: one sentence, what to do first, and the strip with cause, beginning, impact and state at the end."""

from __future__ import annotations

import msgspec

from pveforensics.report import node_ends, shape, words
from pveforensics.report.sections.lanes import common_zone
from pveforensics.report.story import BEFORE_ALL, Story
from pveforensics.report.verdict import Verdict, in_order, stopped_part, verdict, whom

_LOSING = frozenset({"replication_divergence", "ha_replication_mismatch"})
"""Classes in which data can still be lost after the fact."""
_STEPS = (("hold", "Hold"), ("look", "Look"), ("press", "Press"))


class Cell(msgspec.Struct, frozen=True):
    """One cell of the strip; `confidence` is None where nothing is weighed."""

    name: str
    value: str
    note: str
    confidence: float | None = None
    finding: str = ""


class Step(msgspec.Struct, frozen=True):
    """What to do first, with the finding that says so."""

    step: str
    word: str
    text: str
    command: str
    caution: str
    finding: str


class View(msgspec.Struct, frozen=True):
    """The section; `finding` ids are resolved to codes by the template."""

    eyebrow: tuple[str, ...]
    strong: str
    news: str
    aside: str
    calm: bool
    first: tuple[Step, ...]
    cells: tuple[Cell, ...]


def build(story: Story) -> View:
    """The first screen. It always stands."""
    said = verdict(story)
    return View(
        _eyebrow(story), said.strong, said.news, said.aside, said.calm, _first(story), tuple(cell for cell in _cells(story, said) if cell)
    )


def _eyebrow(story: Story) -> tuple[str, ...]:
    doc, lead = story.doc, story.lead
    chain = lead or (story.chains[0] if story.chains else None)
    name = f"Cluster {doc.cluster.name}" if doc.cluster.name else "Cluster without a known name"
    parts = [f"{name}, {words.counted(len(doc.nodes), 'node')}"]
    if chain is not None and chain.start is not None and (chain.incident is not None or lead is not None):
        parts.append(words.span(chain.start, chain.end))
        zone = common_zone(doc)
        if zone != "UTC":
            parts.append(f"{words.clock(chain.start, zone)} in {zone}")
    if chain is not None and chain.incident is not None:
        parts.append(f"incident {chain.incident.id}")
    return tuple(parts)


def _first(story: Story) -> tuple[Step, ...]:
    """One hold, one look, one press from the findings of the lead incident: what can still be lost, wherever it is told, stands first."""
    chain = story.lead
    # What is being lost still goes before what is lost already.
    first = [finding for finding, _ in story.urgent]
    ordered = [*first, *sorted(chain.findings if chain else (), key=lambda finding: finding.class_ not in _LOSING)]
    found = []
    for step, word in _STEPS:
        for finding in ordered:
            steps = [each for each in finding.remedies if each.step == step]
            remedy = next((each for each in steps if each.text.startswith(BEFORE_ALL)), steps[0] if steps else None)
            if remedy is not None:
                found.append(Step(step, word, remedy.text, remedy.command, remedy.caution, finding.id))
                break
    return tuple(found)


def _cells(story: Story, said: Verdict) -> tuple[Cell | None, ...]:
    return (_what(story, said), _cause(said.head), _began(story, said), _impact(story), _data(story), _now(story))


def _what(story: Story, said: Verdict) -> Cell:
    if said.head is None:
        planned = [finding for finding in story.findings if finding.class_ == "planned_shutdown"]
        if planned:
            note = (
                words.counted(len(planned), "planned stop") + " explains the noise"
                if len(planned) == 1
                else f"{len(planned)} planned stops explain the noise"
            )
            return Cell("What", "Planned work", note, planned[0].confidence, planned[0].id)
        return Cell("What", "Nothing found", "no rule found a failure")
    nodes = in_order(story.doc, (node for finding in said.group for node in finding.nodes))
    note = f"{said.head.criticality}" + (f"; {whom(story.doc, nodes)}" if nodes else "")
    return Cell("What", words.class_word(said.head.class_), note, min(finding.confidence for finding in said.group), said.head.id)


def _cause(head: shape.Finding | None) -> Cell | None:
    if head is None:
        return None
    ranked = sorted(head.causes, key=lambda cause: -cause.confidence)
    if not ranked:
        return Cell("Cause", "Not weighed", "no rule ranks causes for this")
    best, others = ranked[0], [each for each in ranked[1:3] if each.confidence >= 0.05]
    note = "also possible: " + ", ".join(f"{words.cause_word(each.cause)} {each.confidence:.2f}" for each in others) if others else ""
    if best.decided_by and best.confidence < 0.95:
        note = f"would decide it: {best.decided_by}"
    if best.confidence < 0.4 or best.cause == "unknown":
        return Cell("Cause", "Not proven", note or "the logs do not tell")
    return Cell("Cause", words.cause_word(best.cause).capitalize(), note, best.confidence, head.id)


def _began(story: Story, said: Verdict) -> Cell | None:
    chain = story.lead
    root = next((f for f in chain.findings if chain.incident and f.id == chain.incident.root), None) if chain else None
    if root is None or root in said.group:
        return None
    start, end = words.micros(root.start), node_ends.untold(story.doc, root)
    where = f" on {words.names(root.nodes, 3)}" if root.nodes else ""
    return Cell(
        "Began with",
        words.class_word(root.class_) + where,
        node_ends.moment(end) if end is not None else f"{words.clock(start)} UTC" if start is not None else "time unknown",
        root.confidence,
        root.id,
    )


def _impact(story: Story) -> Cell:
    chain = story.lead
    if chain is None and not any(node.coverage for node in story.doc.nodes):
        return Cell("Impact", "Unknown", "no log with a time to tell it")
    if chain is None and _silent(story.doc):
        return Cell("Impact", "Unknown", "no line that was read would tell it")
    if chain is None:
        return Cell("Impact", "None found", "the state of guests is told where the logs hold it")
    nodes = in_order(story.doc, (node for finding in chain.failures for node in finding.nodes))
    total = len(story.doc.nodes)
    value = f"{len(nodes)} of {words.counted(total, 'node')}" if nodes else "No node named"
    guests = chain.incident.impact.guests if chain.incident else []
    down = [guest for guest in guests if guest.planned is not True]
    if down:
        return Cell(
            "Impact",
            f"{words.counted(len(down), 'guest')}, {words.counted(len(nodes), 'node')}",
            words.names([g.name or g.guest for g in down]),
        )
    hit = tuple(dict.fromkeys(guest for finding in chain.failures for guest in finding.guests))
    if hit:
        return Cell("Impact", f"{words.counted(len(hit), 'guest')}, {words.counted(len(nodes), 'node')}", words.names(hit, 6))
    return Cell("Impact", value, words.names(nodes) + ("; no guest is named in the logs" if nodes else ""))


def _data(story: Story) -> Cell | None:
    """How old the data is with which guests came back, or that a replica is dead; nothing where the logs tell neither."""
    chain = story.lead
    guests = [guest for guest in (chain.incident.impact.guests if chain and chain.incident else []) if guest.data_age_s]
    dead = next((finding for finding in story.findings if finding.class_ in _LOSING), None)
    if guests:
        worst = max(guests, key=lambda guest: guest.data_age_s or 0.0)
        value = f"{worst.name or worst.guest} {words.duration(worst.data_age_s or 0.0)} old"
        return Cell("Data", value, dead.title if dead else "", dead.confidence if dead else None, dead.id if dead else "")
    return Cell("Data", words.class_word(dead.class_), dead.title, dead.confidence, dead.id) if dead else None


def _now(story: Story) -> Cell | None:
    """How the logs leave the cluster: nodes that did not come back, nodes without quorum, and what can still go wrong."""
    doc = story.doc
    ends = [us for node in doc.nodes for span in node.coverage if (us := words.micros(span.end)) is not None]
    if not ends:
        return None
    gone = [node.name for node in doc.nodes if _stayed_down(node)]
    blind = [
        i.node for i in doc.intervals if i.state == "inquorate" and i.subject.startswith("node:") and i.end is None and i.node not in gone
    ]
    name, when = "When the logs end", f"{words.clock(max(ends))} UTC: "
    if gone:
        return Cell(name, f"{words.names(gone)} not back", when + "no sign of a next boot")
    if blind:
        return Cell(name, f"{words.names(in_order(doc, blind))} without quorum", when + "not regained in the log")
    if (stopped := _still_stopped(story)) is not None:
        return Cell(name, "Stopped on purpose", f"{when}{stopped}, and nothing shows that it was started again")
    if _silent(doc):
        return Cell(name, "Not told", when + "no line that was read tells a state")
    seen = sum(bool(node.coverage) for node in doc.nodes)
    note = f"{when}{seen} of {words.counted(len(doc.nodes), 'node')}, as far as the logs show"
    weak = max(
        (finding for finding in story.findings if finding.class_ == "misconfiguration"),
        key=lambda finding: words.rank(finding.criticality),
        default=None,
    )
    if weak is None:
        return Cell(name, "Running", note)
    return Cell(name, "Running, at risk", f"{note}. {weak.title.rstrip('. ')}", finding=weak.id)


def _still_stopped(story: Story) -> str | None:
    """What was stopped on purpose on nodes and had not come back when the logs ended; of several such parts the first."""
    open_ = [finding for finding in story.findings if finding.class_ == "planned_shutdown" and finding.start and not finding.end]
    parts = sorted({part for finding in open_ if (part := stopped_part(finding))})
    if not parts:
        return None
    return parts[0].format(whom(story.doc, in_order(story.doc, (f.nodes[0] for f in open_ if stopped_part(f) == parts[0]))))


def _silent(doc: shape.Document) -> bool:
    """True if the logs hold nothing that the rules know."""
    return not doc.events and not doc.intervals and not any(node.boots for node in doc.nodes)


def _stayed_down(node: shape.Node) -> bool:
    last = max(node.boots, key=lambda boot: words.micros(boot.end) or 0, default=None)
    return last is not None and last.manner in ("clean", "unclean") and last.next_start is None
