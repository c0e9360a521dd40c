"""The first sentence of every output, made from the findings by templates in this one place."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import msgspec

from pveforensics.model import confidence_word
from pveforensics.report import node_ends, shape, words
from pveforensics.report.lanes import UNCLEAN
from pveforensics.report.story import Chain, Story, loudness

HEDGES = {"proven": "", "likely": "likely ", "possible": "possibly ", "weak": "perhaps "}
"""The word of each band of confidence as it stands in a sentence; the legend of the report explains them."""

_SAYS = {
    "fencing": ("was {maybe}reset by its watchdog (fenced)", "were {maybe}reset by their watchdogs (fenced)"),
    "unclean_boot": ("{maybe}went down without a shutdown", "{maybe}went down without a shutdown"),
    "node_lost": ("{maybe}dropped out of the cluster", "{maybe}dropped out of the cluster"),
    "quorum_loss": ("{maybe}had no quorum", "{maybe}had no quorum"),
    "quorum_lost": ("{maybe}lost quorum", "{maybe}lost quorum"),
    "hardware_error": ("{maybe}reported a hardware error", "{maybe}reported hardware errors"),
}
_AFTER = {
    "fencing": ("{n} was reset by its watchdog", "it was reset by its watchdog"),
    "kernel_crash": ("a kernel crash of {n}", "a kernel crash"),
    "unclean_boot": ("{n} went down without a shutdown", "it went down without a shutdown"),
    "node_lost": ("{n} dropped out of the cluster", "it dropped out of the cluster"),
    "quorum_loss": ("{n} lost quorum", "it lost quorum"),
    "network_failure": ("the cluster network of {n} failed", "its cluster network failed"),
    "hardware_error": ("a hardware error on {n}", "a hardware error"),
    "planned_shutdown": ("the planned shutdown of {n}", "its planned shutdown"),
    "clock_jump": ("a clock jump on {n}", "its clock jumped"),
    "storage_failure": ("a storage failure on {n}", "a storage failure on it"),
    "resource_exhaustion": ("{n} ran out of a resource", "it ran out of a resource"),
}
"""What came before, told of other nodes and told of the same node; of several the pronouns are put in the plural."""
_SAME = {"it was": "they were", "it ": "they ", "its ": "their ", "on it": "on them"}
_SAID_ALREADY = frozenset({("network_failure", "network"), ("kernel_crash", "kernel_panic")})
"""Causes that say of a class what its name says."""
_BEHIND_THE_NETWORK = frozenset(
    {"service_failure", "resource_exhaustion", "storage_failure", "clock_jump", "hardware_error", "kernel_crash"}
)
"""Roots that look like a broken network to the peers: then the root is the news, not the network."""
DOWN = frozenset({"fencing", "kernel_crash", "unclean_boot"})
"""Classes that end a boot: how long it took to come back is part of the news."""
_LASTS = frozenset({"quorum_loss", "network_failure", "storage_failure", "node_lost"})
_SLACK_US = 180_000_000
_LEAST_HOLE_US = 60_000_000
"""A rotated log may be silent for some seconds between its halves: that is no hole."""


class Verdict(msgspec.Struct, frozen=True):
    """The first sentence in two parts, the bold one first, and what stands beside it; `calm` is True if nothing failed.

    `aside` tells of many incidents how many they are, and of a calm case what was looked at.
    """

    strong: str
    news: str
    calm: bool
    aside: str = ""
    chain: Chain | None = None
    head: shape.Finding | None = None
    group: tuple[shape.Finding, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole text."""
        return self.strong + self.news + self.aside


def verdict(story: Story) -> Verdict:
    """What the report says first: the worst thing that happened, or truthfully that no failure was found."""
    chain = story.lead
    if chain is None:
        return _calm(story)
    head = _head(chain)
    group = tuple(finding for finding in chain.failures if _same_news(finding, head, loose=chain.incident is None))
    nodes = in_order(story.doc, (node for finding in group for node in finding.nodes))
    strong = _news(story, head, group, nodes)
    lasted = _back(story, group) if head.class_ in DOWN else _lasted(group)
    lasted = "" if lasted and strong.find(lasted.lstrip(",")) > 0 else lasted  # a title that tells the length is not told it again
    began = _began(story, chain, head, group, nodes)
    news = (began + lasted if head.class_ in DOWN else lasted + began) + _impact(story, chain) + "."
    strong = strong[:1].upper() + strong[1:] if strong.startswith(("all ", "both ")) else strong
    return Verdict(strong, news, calm=False, aside=_others(story), chain=chain, head=head, group=group)


def _head(chain: Chain) -> shape.Finding:
    """The finding that is the news: the loudest one; where that is trouble on the network, what stood behind it."""
    head = max(chain.failures, key=loudness)
    root = next((f for f in chain.failures if chain.incident and f.id == chain.incident.root), None)
    return root if root is not None and head.class_ == "network_failure" and root.class_ in _BEHIND_THE_NETWORK else head


def _same_news(finding: shape.Finding, head: shape.Finding, *, loose: bool) -> bool:
    """True if both can stand in one clause: one class, and of findings without an incident only those of the same minutes."""
    if finding.class_ != head.class_ or finding.criticality != head.criticality or head.class_ not in _SAYS:
        return finding.id == head.id
    first, second = words.micros(finding.start), words.micros(head.start)
    return not loose or (first is not None and second is not None and abs(first - second) <= 5 * _SLACK_US)


def in_order(doc: shape.Document, nodes: Iterable[str]) -> tuple[str, ...]:
    """Names of nodes, each once, in the order of the cluster."""
    names = tuple(dict.fromkeys(nodes))
    if len(names) < 2:
        return names
    place = {node.name: k for k, node in enumerate(doc.nodes)}
    return tuple(sorted(names, key=lambda name: place.get(name, len(place))))


def whom(doc: shape.Document, nodes: Sequence[str]) -> str:
    """`alpha`, `alpha and beta`, `all 3 nodes`."""
    everyone = {node.name for node in doc.nodes} | set(doc.cluster.nodes)
    if len(nodes) > 1 and set(nodes) == everyone:
        every = "both nodes" if len(nodes) == 2 else f"all {len(nodes)} nodes"
        return every if len(nodes) > 3 else f"{every} ({words.names(nodes)})"
    return words.names(nodes) or "a node that the logs do not name"


def _news(story: Story, head: shape.Finding, group: tuple[shape.Finding, ...], nodes: tuple[str, ...]) -> str:
    when = _when(story.doc, group)
    if head.class_ not in _SAYS or not nodes:
        fact, semicolon, more = head.title.rstrip(". ").partition(";")
        band = confidence_word(max(0.0, head.confidence))
        sure = "" if band == "proven" else f", {band}," if fact.endswith(")") else f" ({band})"
        return fact + sure + when + semicolon + more
    maybe = HEDGES[confidence_word(max(0.0, min(finding.confidence for finding in group)))]
    says = _SAYS["quorum_lost" if _lost_it(story.doc, group) else head.class_]
    return f"{whom(story.doc, nodes)} {says[len(nodes) > 1].format(maybe=maybe)}{when}"


def _lost_it(doc: shape.Document, group: tuple[shape.Finding, ...]) -> bool:
    """True if each window without quorum began with its loss, and not with the start of corosync."""
    lost = {
        (each.node, each.start)
        for each in doc.intervals
        if each.state == "inquorate" and each.subject.startswith("node:") and each.fields.get("opened_by") == "lost"
    }
    return all(f.class_ == "quorum_loss" and f.nodes and any((node, f.start) in lost for node in f.nodes) for f in group)


def _when(doc: shape.Document, group: tuple[shape.Finding, ...]) -> str:
    assumed = {node.name for node in doc.nodes if zone_assumed(node)} & {node for finding in group for node in finding.nodes}
    return node_ends.when(doc, group, " (zone assumed)" if assumed else "")


def zone_assumed(node: shape.Node) -> bool:
    """True if nothing in the bundle told the zone of the node's stamps."""
    return node.in_bundle and (
        node.timezone is None or any(word in node.timezone_basis.lower() for word in ("assum", "default", "unknown"))
    )


def _back(story: Story, group: Sequence[shape.Finding]) -> str:
    """How long the nodes were gone, by their boots; nothing is said where the boots do not tell."""
    gone: list[int | None] = []
    for name, start in dict.fromkeys((node, words.micros(finding.start)) for finding in group for node in finding.nodes):
        for node in story.doc.nodes:
            boot = _ended_at(node, start) if start is not None and node.name == name else None
            if boot is not None:
                end, back = words.micros(boot.end), words.micros(boot.next_start)
                gone.append(back - end if end is not None and back is not None else None)
    if not gone:
        return ""
    known = [each for each in gone if each is not None]
    if not known:
        return "; no sign in the logs that it came back" if len(gone) == 1 else "; no sign in the logs that they came back"
    some = f"; {len(gone) - len(known)} of them did not come back in the logs" if len(known) < len(gone) else ""
    longest = words.duration(max(known) / 1e6)
    after = f"{longest} after its last line" if any(node_ends.untold(story.doc, finding) for finding in group) else f"after {longest}"
    return (f"; it was back {after}" if len(gone) == 1 else f"; the last one was back {after}") + some


def _ended_at(node: shape.Node, us: int) -> shape.Boot | None:
    """The boot whose end lies nearest to a moment, if it is near."""
    ends = ((abs(end - us), boot) for boot in node.boots if boot.manner != "open" and (end := words.micros(boot.end)) is not None)
    apart, boot = min(ends, key=lambda pair: pair[0], default=(0, None))
    return boot if apart <= _SLACK_US else None


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


def _began(story: Story, chain: Chain, head: shape.Finding, group: tuple[shape.Finding, ...], nodes: tuple[str, ...]) -> str:
    """What it followed from: the root of the incident, or else the best cause of the headline."""
    root = next((f for f in chain.findings if chain.incident and f.id == chain.incident.root), None)
    if root is not None and root not in group and root.class_ not in {"evidence_gap", "near_miss", "misconfiguration"}:
        band = confidence_word(max(0.0, root.confidence))
        gap = node_ends.later(story.doc, root, head)
        return f", {gap}after {_what_came_before(story, root, nodes)}" + ("" if band == "proven" else f" ({band})")
    led = _led_to(chain, head)
    best = max(head.causes, key=lambda cause: cause.confidence, default=None)
    if best is not None and best.cause != "unknown" and best.confidence >= 0.4:
        told = (head.class_, best.cause) in _SAID_ALREADY
        return ("" if told else f"; cause: {words.cause_word(best.cause)} ({confidence_word(best.confidence)})") + led
    return ("; the logs do not tell the cause" if head.class_ in {"kernel_crash", "unclean_boot", "node_lost"} else "") + led


def _what_came_before(story: Story, root: shape.Finding, nodes: tuple[str, ...]) -> str:
    if root.class_ not in _AFTER:
        return f"“{root.title.rstrip('. ')}”"
    other, same = _AFTER[root.class_]
    if set(root.nodes) != set(nodes):
        return other.format(n=whom(story.doc, in_order(story.doc, root.nodes)) if root.nodes else "the cluster")
    for one, many in _SAME.items() if len(nodes) > 1 else ():
        same = same.replace(one, many)
    return same


def _led_to(chain: Chain, head: shape.Finding) -> str:
    """What a headline led to that is less than a node or quorum lost: the trouble that its peers saw."""
    if head.class_ not in _BEHIND_THE_NETWORK or chain.incident is None or head.id != chain.incident.root:
        return ""
    seen = next((finding for finding in chain.failures if finding.class_ == "network_failure" and finding is not head), None)
    if seen is None or not seen.nodes:
        return ""
    before, after = words.micros(head.start), words.micros(seen.start)
    known = before is not None and after is not None and after - before >= 1_000_000
    gap = f"{words.duration(((after or 0) - (before or 0)) / 1e6)} later" if known else "with it"
    return f"; {gap} there was trouble on the cluster network of {words.names(seen.nodes)} ({confidence_word(seen.confidence)})"


def _impact(story: Story, chain: Chain) -> str:
    guests = chain.incident.impact.guests if chain.incident else []
    down = [guest for guest in guests if guest.planned is not True]
    if not down:
        hit = tuple(dict.fromkeys(guest for finding in chain.failures for guest in finding.guests))
        said = hit and not all(any(guest in finding.title for finding in chain.failures) for guest in hit)
        return f"; it concerns {words.counted(len(hit), 'guest')} ({words.names(hit)})" if said else ""
    spans = [(words.micros(guest.down_from), words.micros(guest.down_to)) for guest in down]
    lengths = [end - start for start, end in spans if start is not None and end is not None]
    longest = words.duration(max(lengths) / 1e6) if lengths else ""
    stuck = sum(end is None for _, end in spans)
    if len(down) == 1:
        name = f"{down[0].name} ({down[0].guest})" if down[0].name else down[0].guest
        most = "up to " if node_ends.is_bound(story.doc, down[0].down_from) else ""
        text = f"; guest {name} was down" + (f" for {most}{longest}" if longest else "")
        text += ", with no return in the logs" if stuck else ""
    else:
        text = f"; {len(down)} guests were down" + (f" for up to {longest}" if longest else "")
        text += f", {stuck} of them with no return in the logs" if stuck else ""
    old = [guest for guest in down if guest.data_age_s]
    worst = max(old, key=lambda guest: guest.data_age_s or 0.0, default=None)
    if worst is not None:
        who = "it" if len(down) == 1 else worst.name or worst.guest
        text += f", and {who} came back with data {words.duration(worst.data_age_s or 0.0)} old"
    return text


FEW = 3
"""Incidents beside the main one that are only counted; of more the span and the resets are told too."""


def _others(story: Story) -> str:
    """How many incidents there are beside the one that is told, and of many over which days and how often a node went down."""
    failing = [chain for chain in story.chains if chain.incident and chain.failures]
    others = sum(chain is not story.lead for chain in failing)
    if others <= FEW:
        return f" {words.counted(others, 'more incident is', 'more incidents are')} told below." if others else ""
    starts = [chain.start for chain in failing if chain.start is not None]
    days = f" {words.days(min(starts), max(starts))}" if starts else ""
    down = sum(boot.manner != "open" and boot.ended_by in UNCLEAN for node in story.doc.nodes for boot in node.boots)
    more = f"; nodes went down without a shutdown {down} times" if down > 1 else ""
    return f" It is one of {len(failing)} incidents{days}{more}."


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
    elif blind and not looked:
        strong = f"No failure found, but none of the {len(blind)} rules had the evidence that it needs."
    elif len(blind) > len(looked):
        strong = f"No failure found, but little could be checked: {len(blind)} of {len(blind) + len(looked)} rules lacked their evidence."
    news = "".join(f" {sentence}" for sentence in (*_planned(story), *_mild(story)))
    looked_at = scope(story.doc, told_unchecked=strong != "No failure found.")
    return Verdict(strong, news, calm=True, aside=f" {looked_at}" if looked_at else "")


def _planned(story: Story) -> list[str]:
    """One sentence for all planned stops of nodes, and one for each sort of the others: who or what, when, and of a single one how long."""
    found: dict[str, list[shape.Finding]] = {}
    for finding in story.findings:
        if finding.class_ == "planned_shutdown":
            found.setdefault(stopped_part(finding), []).append(finding)
    return [_stops(story, part, found[part]) for part in sorted(found)]


def stopped_part(finding: shape.Finding) -> str:
    """What was stopped on a node, as its title says it with `{}` for the node; nothing where the node itself was."""
    node = finding.nodes[0] if len(finding.nodes) == 1 else ""
    before, found, behind = finding.title.rstrip(". ").replace("{", "(").replace("}", ")").rpartition(node or "\n")
    return f"{before}{{}}{behind}" if found and before else ""


def _stops(story: Story, part: str, found: Sequence[shape.Finding]) -> str:
    starts = sorted(us for finding in found if (us := words.micros(finding.start)) is not None)
    nodes = in_order(story.doc, (node for finding in found for node in finding.nodes))
    if len(found) == 1:
        at, end = words.micros(found[0].start), words.micros(found[0].end)
        back = _back(story, found)
        if not back and at is not None and end is not None and end > at:
            back = f", over after {words.duration((end - at) / 1e6)}"
    else:
        back = f", {len(found)} times in all" if len(found) > len(nodes) else ""
    who = whom(story.doc, nodes)
    if part:
        who = part.format(who)
    else:
        who = who + (" was" if len(nodes) == 1 else " were") + " stopped on purpose" if nodes else found[0].title.rstrip(". ")
    when = "" if not starts else f" {words.at(starts[0])}" if len(starts) == 1 else f" between {words.between(starts[0], starts[-1])}"
    return f"{who[:1].upper() + who[1:] if who.startswith(('all ', 'both ')) else who}{when}{back}."


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
    holes = [(before[1], after[0]) for before, after in itertools.pairwise(known) if after[0] - before[1] >= _LEAST_HOLE_US]
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
