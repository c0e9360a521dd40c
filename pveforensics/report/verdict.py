"""The first sentence of every output, made from the findings by templates in this one place."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pveforensics.model import confidence_word
from pveforensics.report import shape, words
from pveforensics.report.story import Chain, Story, loudness

HEDGES = {"proven": "", "likely": "likely ", "possible": "possibly ", "weak": "perhaps "}
"""The word of each band of confidence as it stands in a sentence; the legend of the report explains them."""

_SAYS = {
    "fencing": ("was {maybe}reset by its watchdog (fenced)", "were {maybe}reset by their watchdogs (fenced)"),
    "kernel_crash": ("{maybe}went down by a kernel crash", "{maybe}went down by kernel crashes"),
    "unclean_boot": ("{maybe}went down without a shutdown", "{maybe}went down without a shutdown"),
    "node_lost": ("{maybe}dropped out of the cluster", "{maybe}dropped out of the cluster"),
    "quorum_loss": ("{maybe}had no quorum", "{maybe}had no quorum"),
    "network_failure": ("{maybe}had trouble on the cluster network", "{maybe}had trouble on the cluster network"),
    "hardware_error": ("{maybe}reported a hardware error", "{maybe}reported hardware errors"),
}
_AFTER = {
    "fencing": "{n} was reset by its watchdog",
    "kernel_crash": "a kernel crash of {n}",
    "unclean_boot": "{n} went down without a shutdown",
    "node_lost": "{n} dropped out of the cluster",
    "quorum_loss": "{n} lost quorum",
    "network_failure": "trouble on the cluster network of {n}",
    "hardware_error": "a hardware error on {n}",
    "planned_shutdown": "the planned shutdown of {n}",
    "clock_jump": "a clock jump on {n}",
    "storage_failure": "a storage failure on {n}",
    "resource_exhaustion": "{n} ran out of a resource",
}
DOWN = frozenset({"fencing", "kernel_crash", "unclean_boot"})
"""Classes that end a boot: how long it took to come back is part of the news."""
_LASTS = frozenset({"quorum_loss", "network_failure", "storage_failure", "node_lost"})
_SLACK_US = 180_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first sentence in two parts, the bold one first; `calm` is True if nothing failed."""

    strong: str
    rest: str
    calm: bool
    chain: Chain | None = None
    head: shape.Finding | None = None
    group: tuple[shape.Finding, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole text."""
        return self.strong + self.rest


def verdict(story: Story) -> Verdict:
    """What the report says first: the worst thing that happened, or truthfully that no failure was found."""
    chain = story.lead
    if chain is None:
        return _calm(story)
    head = max(chain.failures, key=loudness)
    group = tuple(finding for finding in chain.failures if _same_news(finding, head, loose=chain.incident is None))
    nodes = tuple(dict.fromkeys(node for finding in group for node in finding.nodes))
    strong = _news(story, head, group, nodes) + _when(story.doc, group)
    lasted = _back(story, nodes, head) if head.class_ in DOWN else _lasted(group)
    lasted = "" if lasted and strong.find(lasted) > 0 else lasted  # a title that tells the length is not told it again
    began = _began(story, chain, head, group)
    rest = (began + lasted if head.class_ in DOWN else lasted + began) + _impact(chain) + "." + _others(story, chain)
    return Verdict(
        strong[:1].upper() + strong[1:] if strong.startswith("all ") else strong, rest, calm=False, chain=chain, head=head, group=group
    )


def _same_news(finding: shape.Finding, head: shape.Finding, *, loose: bool) -> bool:
    """True if both can stand in one clause: one class, and of findings without an incident only those of the same minutes."""
    if finding.class_ != head.class_ or finding.criticality != head.criticality or head.class_ not in _SAYS:
        return finding.id == head.id
    first, second = words.micros(finding.start), words.micros(head.start)
    return not loose or (first is not None and second is not None and abs(first - second) <= 5 * _SLACK_US)


def whom(doc: shape.Document, nodes: Sequence[str]) -> str:
    """`alpha`, `alpha and beta`, `all 3 nodes`."""
    everyone = {node.name for node in doc.nodes} | set(doc.cluster.nodes)
    if len(nodes) > 1 and set(nodes) == everyone:
        return f"all {len(nodes)} nodes" if len(nodes) > 3 else f"all {len(nodes)} nodes ({words.names(nodes)})"
    return words.names(nodes) or "a node that the logs do not name"


def _news(story: Story, head: shape.Finding, group: tuple[shape.Finding, ...], nodes: tuple[str, ...]) -> str:
    if head.class_ not in _SAYS or not nodes:
        return head.title.rstrip(". ")
    maybe = HEDGES[confidence_word(max(0.0, min(finding.confidence for finding in group)))]
    return f"{whom(story.doc, nodes)} {_SAYS[head.class_][len(nodes) > 1].format(maybe=maybe)}"


def _when(doc: shape.Document, group: tuple[shape.Finding, ...]) -> str:
    starts = sorted(us for finding in group if (us := words.micros(finding.start)) is not None)
    if not starts:
        return ", at a time that the logs do not tell"
    assumed = {node.name for node in doc.nodes if zone_assumed(node)} & {node for finding in group for node in finding.nodes}
    note = " (zone assumed)" if assumed else ""
    first, last = starts[0], starts[-1]
    if last - first < 1_500_000:
        return f" at {words.clock(first)} UTC{note} on {words.day(first)}"
    if words.day(first) == words.day(last):
        return f" between {words.clock(first)} and {words.clock(last)} UTC{note} on {words.day(first)}"
    return f" between {words.stamp(first)} and {words.stamp(last)} UTC{note}"


def zone_assumed(node: shape.Node) -> bool:
    """True if nothing in the bundle told the zone of the node's stamps."""
    return node.in_bundle and (
        node.timezone is None or any(word in node.timezone_basis.lower() for word in ("assum", "default", "unknown"))
    )


def _back(story: Story, nodes: tuple[str, ...], head: shape.Finding) -> str:
    """How long the nodes were gone, by their boots; nothing is said where the boots do not tell."""
    starts = {node: words.micros(f.start) for f in story.findings if f.class_ == head.class_ for node in f.nodes}
    gone: list[int | None] = []
    for node in story.doc.nodes:
        at = starts.get(node.name) if node.name in nodes else None
        for boot in node.boots if at is not None else ():
            end, back = words.micros(boot.end), words.micros(boot.next_start)
            if at is not None and end is not None and boot.manner != "open" and abs(end - at) <= _SLACK_US:
                gone.append(back - end if back is not None else None)
    if not gone:
        return ""
    known = [each for each in gone if each is not None]
    if not known:
        return "; no sign in the logs that it came back" if len(gone) == 1 else "; no sign in the logs that they came back"
    some = f"; {len(gone) - len(known)} of them did not come back in the logs" if len(known) < len(gone) else ""
    longest = words.duration(max(known) / 1e6)
    return (f"; it was back after {longest}" if len(gone) == 1 else f"; the last one was back after {longest}") + some


def _lasted(group: tuple[shape.Finding, ...]) -> str:
    head = group[0]
    if head.class_ not in _LASTS:
        return ""
    spans = [(words.micros(finding.start), words.micros(finding.end)) for finding in group]
    known = [end - start for start, end in spans if start is not None and end is not None]
    if any(end is None for _, end in spans):
        return ", with no end in the logs"
    longest = words.duration(max(known) / 1e6) if known and max(known) > 0 else ""
    if not longest:
        return ""
    return f" for {longest}" if len(known) == 1 else f" for up to {longest}"


def _began(story: Story, chain: Chain, head: shape.Finding, group: tuple[shape.Finding, ...]) -> str:
    """What it followed from: the root of the incident, or else the best cause of the headline."""
    root = next((f for f in chain.findings if chain.incident and f.id == chain.incident.root), None)
    if root is not None and root not in group and root.class_ not in {"evidence_gap", "near_miss", "misconfiguration"}:
        same = len(root.nodes) > 1 and set(root.nodes) == {node for finding in group for node in finding.nodes}
        who = "all of them" if same else whom(story.doc, root.nodes) if root.nodes else "the cluster"
        what = _AFTER.get(root.class_, "").format(n=who) or f"“{root.title.rstrip('. ')}”"
        before, after = words.micros(root.start), words.micros(head.start)
        gap = (
            f"{words.duration((after - before) / 1e6)} " if before is not None and after is not None and after - before >= 1_000_000 else ""
        )
        band = confidence_word(max(0.0, root.confidence))
        return f", {gap}after {what}" + ("" if band == "proven" else f" ({band})")
    best = max(head.causes, key=lambda cause: cause.confidence, default=None)
    if best is not None and best.cause != "unknown" and best.confidence >= 0.4:
        return f"; cause: {words.cause_word(best.cause)} ({confidence_word(best.confidence)})"
    return "; the logs do not tell the cause" if head.class_ in {"kernel_crash", "unclean_boot", "node_lost"} else ""


def _impact(chain: Chain) -> str:
    guests = chain.incident.impact.guests if chain.incident else []
    down = [guest for guest in guests if guest.planned is not True]
    if not down:
        return ""
    spans = [(words.micros(guest.down_from), words.micros(guest.down_to)) for guest in down]
    lengths = [end - start for start, end in spans if start is not None and end is not None]
    text = f"; {words.counted(len(down), 'guest was', 'guests were')} down" + (
        f" for up to {words.duration(max(lengths) / 1e6)}" if lengths else ""
    )
    stuck = sum(end is None for _, end in spans)
    text += f", {stuck} of them with no return in the logs" if stuck else ""
    old = [guest for guest in down if guest.data_age_s]
    worst = max(old, key=lambda guest: guest.data_age_s or 0.0, default=None)
    if worst is not None:
        text += f", and {worst.name or worst.guest} came back with data {words.duration(worst.data_age_s or 0.0)} old"
    return text


def _others(story: Story, lead: Chain) -> str:
    incidents = sum(1 for chain in story.chains if chain is not lead and chain.incident and chain.failures)
    return f" {words.counted(incidents, 'more incident is', 'more incidents are')} told below." if incidents else ""


# --- nothing failed ----------------------------------------------------------------------------


def _calm(story: Story) -> Verdict:
    strong = "No failure found."
    looked = {check.rule for check in story.doc.checks if check.outcome in ("clear", "found")}
    blind = {check.rule for check in story.doc.checks if check.outcome == "could_not_check"} - looked
    if not any(node.coverage for node in story.doc.nodes) and not story.doc.events:
        strong = "No failure found, but the bundle holds no log line that would show one."
    elif not looked and not story.doc.events and not story.doc.findings and not any(node.boots for node in story.doc.nodes):
        lines = sum(source.lines for source in story.doc.sources)
        strong = f"No failure found, but none of the {lines:,} lines read is an event that the rules know."
    elif len(blind) > len(looked):
        strong = f"No failure found, but {len(blind)} of {len(blind) + len(looked)} rules lacked the evidence to find one."
    sentences = (*_planned(story), *_mild(story), scope(story.doc, told_unchecked=strong != "No failure found."))
    rest = "".join(f" {sentence}" for sentence in sentences if sentence)
    return Verdict(strong, rest, calm=True)


def _planned(story: Story) -> list[str]:
    found = [finding for finding in story.findings if finding.class_ == "planned_shutdown"]
    told = []
    for finding in found[:2]:
        at, end = words.micros(finding.start), words.micros(finding.end)
        when = f" {words.at(at)}" if at is not None else ""
        back = _back(story, tuple(finding.nodes), finding)
        if not back and at is not None and end is not None and end > at:
            back = f", over after {words.duration((end - at) / 1e6)}"
        title = finding.title.rstrip(". ") if not finding.nodes else f"{whom(story.doc, finding.nodes)} stopped on purpose"
        told.append(f"{title}{when}{back}.")
    if len(found) > 2:
        told.append(f"{words.counted(len(found) - 2, 'more planned stop is', 'more planned stops are')} told below.")
    return told


def _mild(story: Story) -> list[str]:
    told = []
    misses = [finding for finding in story.findings if finding.class_ == "near_miss"]
    if misses:
        told.append(f"But it was close: {misses[0].title.rstrip('. ')}" + (f", and {len(misses) - 1} more." if len(misses) > 1 else "."))
    seen = {node.name for node in story.doc.nodes if node.in_bundle}
    doubts = [
        finding.title.rstrip(". ") for finding in story.findings if finding.class_ == "evidence_gap" and seen.intersection(finding.nodes)
    ]
    told += [f"Left open: {doubts[0]}{f', and {len(doubts) - 1} more' if len(doubts) > 1 else ''}."] if doubts else []
    weak = sum(finding.class_ == "misconfiguration" for finding in story.findings)
    if weak:
        told.append(f"{words.counted(weak, 'weak setting is', 'weak settings are')} told below.")
    return told


def gaps(node: shape.Node) -> list[tuple[int, int]]:
    """The holes in a node's log in microseconds, but for those in which it was shut down in order."""
    spans = [(words.micros(each.start), words.micros(each.end)) for each in node.coverage]
    known = [(start, end) for start, end in spans if start is not None and end is not None]
    off = [(words.micros(b.end) or 0, words.micros(b.next_start) or 0) for b in node.boots if b.ended_by == "clean_shutdown"]
    holes = [(before[1], after[0]) for before, after in itertools.pairwise(known)]
    return [(a, b) for a, b in holes if not any(abs(a - end) <= _SLACK_US and abs(b - back) <= _SLACK_US for end, back in off)]


def scope(doc: shape.Document, *, told_unchecked: bool = False) -> str:
    """What a calm verdict rests on and what it leaves open: without this, silence would read as health."""
    seen = [node for node in doc.nodes if node.coverage]
    edges = [us for node in seen for each in node.coverage for us in (words.micros(each.start), words.micros(each.end)) if us is not None]
    checked = f"Looked at the logs of {words.names([n.name for n in seen])}, {words.span(min(edges), max(edges))}." if edges else ""
    blind = [node.name for node in doc.nodes if not node.coverage]
    dateless = any(node.in_bundle for node in doc.nodes if not node.coverage)
    unchecked = len({check.rule for check in doc.checks if check.outcome == "could_not_check"})
    torn = [node.name for node in seen if gaps(node)]
    damaged = sum(skipped.damage for skipped in doc.not_read)
    open_points = [
        f"{words.names(blind)} (no log{' with a time' if dateless else ''})" if blind else "",
        f"the gaps in the {'log' if len(torn) == 1 else 'logs'} of {words.names(torn)}" if torn else "",
        words.counted(unchecked, "rule that lacked evidence", "rules that lacked evidence") if unchecked and not told_unchecked else "",
        words.counted(damaged, "damaged file") if damaged else "",
    ]
    left = [point for point in open_points if point]
    return f"{checked} Not checked: {'; '.join(left)}.".strip() if left else checked
