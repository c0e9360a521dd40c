"""The sentences of the post-mortem, made by templates from one incident: each with its lines, none without."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pveforensics.report import node_ends, shape, words
from pveforensics.report.actions import acts
from pveforensics.report.ground import MEMBERSHIP, Ground, Sentence, lines, told
from pveforensics.report.lanes import ENDED, UNCLEAN

BEFORE_US = 1_800_000_000
"""How far back an action is looked for that may have started it: half an hour."""
MOST = 6

Said = Iterator[Sentence | None]


def summary(g: Ground) -> Said:
    """The verdict, and how one thing led to the next."""
    said = g.said
    boots = [key for boot, _ in _ended(g) for key in boot.evidence[:1]]
    yield g.say(
        said.strong + said.news,
        *lines(said.group, 1),
        *lines(_root(g), 1),
        *boots,
    )
    by = {finding.id: finding for finding in g.chain.findings}
    for link in (g.chain.incident.links if g.chain.incident else [])[:MOST]:
        if link.cause in by and link.effect in by:
            cause, effect = by[link.cause], by[link.effect]
            yield g.say(f"“{_bare(cause.title)}” led to “{_bare(effect.title)}”: {_bare(link.why)}.", *lines([cause, effect], 1))


def impact(g: Ground) -> Said:
    """Nodes that were gone or had no quorum, guests that were down, data that was lost."""
    for boot, node in _ended(g):
        end, back = words.micros(boot.end), words.micros(boot.next_start)
        if end is not None and back is not None:
            gone = words.duration((back - end) / 1e6)
            if node_ends.is_bound(g.doc, boot.end):
                text = f"{node} did not run for up to {gone}: its last line was written at {told(end)}, the first of its next boot at {told(back)}."
            else:
                text = f"{node} did not run for {gone}, {told(end)} to {told(back)}."
            yield g.say(text, *boot.evidence[:1], *_next(g, node, boot), *lines(_about(g, node), 2))
    for finding in g.chain.findings:
        if finding.class_ == "quorum_loss" or finding.storages:
            yield g.say(_bare(finding.title) + ".", *finding.evidence)
    guests = [guest for guest in (g.chain.incident.impact.guests if g.chain.incident else []) if guest.planned is not True]
    for guest in guests[:MOST]:
        yield g.say(_guest(guest, most=node_ends.is_bound(g.doc, guest.down_from)), *_guest_lines(g, guest.guest))
    if len(guests) > MOST:
        yield g.say(
            f"{words.counted(len(guests) - MOST, 'more guest was', 'more guests were')} down.", *_guest_lines(g, guests[MOST].guest)
        )


def trigger(g: Ground) -> Said:
    """The first sign, and what was done shortly before it."""
    root = next(iter(_root(g)), None)
    if root is None:
        return
    start = words.micros(root.start)
    end = node_ends.untold(g.doc, root)
    when = f" {node_ends.moment(end)}" if end is not None else f" at {told(start)}" if start is not None else ""
    yield g.say(f"The first sign is “{_bare(root.title)}”{when}.", *root.evidence)
    if start is None:
        return
    for change in g.doc.changes:
        us = words.micros(change.at)
        if us is not None and start - 48 * BEFORE_US <= us <= start:
            yield g.say(f"{change.what} on {change.node}, {words.duration((start - us) / 1e6)} before it.", *change.evidence)
    done = [(us, event) for us, event in g.events(start - BEFORE_US, start) if acts(event.kind) and event.evidence]
    if done:
        us, event = done[-1]
        rest = f" ({len(done) - 1} more in the half hour before)" if len(done) > 1 else ""
        text = f"Shortly before it, {words.duration((start - us) / 1e6)}, stands an action on {event.node}: {_act(event)}{rest}; that it is the trigger is not shown."
        yield g.say(text, *event.evidence)


def root_cause(g: Ground) -> Said:
    """The best-supported cause with what speaks for it, and what is ruled out."""
    root = next(iter(_root(g)), None)
    head = g.said.head
    for finding in dict.fromkeys(filter(None, (root and root.id, head and head.id))):
        one = next(each for each in g.chain.findings if each.id == finding)
        best = max(one.causes, key=lambda cause: cause.confidence, default=None)
        if best is None:
            continue
        if best.cause == "unknown" or best.confidence < 0.4:
            yield g.say(f"The cause of “{_bare(one.title)}” is not proven by the logs.", *one.evidence)
            continue
        name = words.cause_word(best.cause)
        yield g.say(f"Best supported for “{_bare(one.title)}”: {name} ({words.sure(best.confidence)}).", *best.speaks_for, *one.evidence)
        for reason in [each for each in best.reasons if each.weight > 0][:3]:
            yield g.say(f"For {name}: {_bare(reason.text)}.", *reason.evidence)
    for ruled in (head.ruled_out if head else [])[:4]:
        yield g.say(f"Ruled out, {words.cause_word(ruled.cause)}: {_bare(ruled.why)}.", *ruled.evidence)


def contributing(g: Ground) -> Said:
    """Weak settings, and what else may have had a part."""
    for finding in g.story.findings:
        may = finding.class_ in ("clock_jump", "resource_exhaustion", "near_miss") and g.inside(words.micros(finding.start))
        if finding.class_ == "misconfiguration" or may:
            yield g.say(_bare(finding.title) + ".", *finding.evidence)
    for finding in g.chain.findings:
        ranked = sorted(finding.causes, key=lambda cause: -cause.confidence)
        for cause in ranked[1:3]:
            if cause.confidence >= 0.15 and cause.cause != "unknown":
                text = f"Not excluded for “{_bare(finding.title)}”: {words.cause_word(cause.cause)} ({words.sure(cause.confidence)})."
                yield g.say(text, *cause.speaks_for, *finding.evidence)


def detection(g: Ground) -> Said:
    """The first line that tells it, what the cluster noticed, and the first action afterwards."""
    dated = sorted(
        (us, key)
        for finding in g.chain.happened
        for key in finding.evidence
        if key in g.doc.evidence
        and (us := words.micros(g.doc.evidence[key].at)) is not None
        and (g.start is None or us >= g.start - 5_000_000)
    )
    if dated:
        one = g.doc.evidence[dated[0][1]]
        yield g.say(f"The first line that tells it was written on {one.node or 'a node'} at {told(dated[0][0])}.", dated[0][1])
    for each, start, _ in g.spans("node", ("fence_claimed",)):
        if start is not None and g.start is not None:
            after = f", {words.duration((start - g.start) / 1e6)} after the beginning" if start > g.start else ""
            yield g.say(f"The HA master marked {each.node} for fencing at {told(start)}{after}.", *each.evidence)
    if g.start is not None and g.end is not None:
        first = next(((us, e) for us, e in g.events(g.start, g.end + BEFORE_US) if acts(e.kind) and e.evidence), None)
        if first is not None:
            text = f"The first action of a person or of automation afterwards stands {words.duration((first[0] - g.start) / 1e6)} after the beginning, on {first[1].node}: {_act(first[1])}."
            yield g.say(text, *first[1].evidence)


def resolution(g: Ground) -> Said:
    """How it ended: fences acknowledged, boots, quorum, links and guests."""
    ends: list[tuple[int, str, tuple[str, ...]]] = []
    for each, start, end in g.spans("node", ("fence_claimed",)):
        if end is not None and each.fields.get("acknowledged") == "yes":
            took = f" after {words.duration((end - start) / 1e6)}" if start is not None else ""
            ends.append((end, f"HA acknowledged the fence of {each.node} at {told(end)}{took}.", tuple(each.evidence[-2:])))
    for boot, node in _ended(g):
        back = words.micros(boot.next_start)
        if back is not None:
            ends.append((back, f"{node} booted again at {told(back)}.", (*_next(g, node, boot), *boot.evidence[-1:])))
    for each, _, end in g.spans("node", ("inquorate",)):
        if end is not None and each.fields.get("closed_by") in ("gained", "dump"):
            ends.append((end, f"{each.node} had quorum again at {told(end)}.", tuple(each.evidence[-2:])))
    links = [(end, each) for each, _, end in g.spans("link") if end is not None]
    if links:
        end, link = max(links, key=lambda pair: (pair[0], pair[1].subject))
        ends.append((end, f"The last link was up again at {told(end)}.", tuple(link.evidence[-1:])))
    guests = [
        (us, guest)
        for guest in (g.chain.incident.impact.guests if g.chain.incident else [])
        if (us := words.micros(guest.down_to)) is not None
    ]
    if guests:
        us, last = max(guests, key=lambda pair: (pair[0], pair[1].guest))
        where = f" on {last.node_after}" if last.node_after else ""
        ends.append((us, f"The last guest, {last.name or last.guest}, ran again at {told(us)}{where}.", _guest_lines(g, last.guest)))
    for _, text, ids in sorted(ends)[: 2 * MOST]:
        yield g.say(text, *ids)


def went_well(g: Ground) -> Said:
    """Quorum that held, guests that HA brought back, and a protocol that kept its times."""
    hit = {each.node for each, _, _ in g.spans("node", ("inquorate", "unreachable", "ended"))} | {
        n for f in g.chain.failures for n in f.nodes
    }
    held = [node.name for node in g.doc.nodes if node.coverage and node.name not in hit and _quorate(g, node.name)]
    if held and g.start is not None and g.end is not None:
        shown = [
            key for _, event in g.events(g.start, g.end) if event.node in held and event.kind in MEMBERSHIP for key in event.evidence[:1]
        ]
        yield g.say(f"Quorum held on {words.names(held)} throughout.", *shown)
    moved = [
        guest
        for guest in (g.chain.incident.impact.guests if g.chain.incident else [])
        if guest.node_after and guest.down_to and guest.node_after != guest.node_before
    ]
    if moved:
        yield g.say(
            f"HA brought {words.counted(len(moved), 'guest')} back on {words.names(sorted({guest.node_after for guest in moved}))}.",
            *(key for guest in moved for key in _guest_lines(g, guest.guest)[-1:]),
        )
    for finding in g.chain.findings:
        measured = [each for each in finding.stopwatch if each.measured_s is not None]
        kept = [each for each in measured if each.expected_s[0] - 1 <= (each.measured_s or 0.0) <= each.expected_s[1] + 1]
        if measured and len(kept) == len(measured):
            yield g.say(
                f"{words.counted(len(kept), 'measured step')} of “{_bare(finding.title)}” kept the protocol's times.", *finding.evidence
            )


def went_wrong(g: Ground) -> Said:
    """What followed from the root, what failed beside it, what stayed down, and what had happened before."""
    roots = {finding.id for finding in _root(g)}
    for finding in g.chain.failures:
        if finding.id not in roots and words.rank(finding.criticality) >= 2:
            yield g.say(_bare(finding.title) + ".", *finding.evidence)
    for guest in g.chain.incident.impact.guests if g.chain.incident else []:
        if guest.down_to is None and guest.planned is not True:
            yield g.say(f"{guest.name or guest.guest} had not come back when the logs end.", *_guest_lines(g, guest.guest))
    own = {finding.id for finding in g.chain.findings}
    heads = {(finding.rule, node) for finding in g.chain.failures for node in finding.nodes}
    before = [
        (us, finding)
        for finding in g.story.findings
        if finding.id not in own and any((finding.rule, node) in heads for node in finding.nodes)
        if (us := words.micros(finding.start)) is not None and g.start is not None and us < g.start
    ]
    if before:
        us = min(start for start, _ in before)
        text = (
            f"It had happened before: {words.counted(len(before), 'finding')} of the same kind on the same nodes, the first {words.at(us)}."
        )
        yield g.say(text, *lines((finding for _, finding in sorted(before, key=lambda pair: (pair[0], pair[1].id))), 1))


def lucky(g: Ground) -> Said:
    """Near misses, and guests whose replica was fresh."""
    for finding in g.story.findings:
        if finding.class_ == "near_miss":
            yield g.say(_bare(finding.title) + ".", *finding.evidence)
    for guest in g.chain.incident.impact.guests if g.chain.incident else []:
        if guest.data_age_s is not None and guest.data_age_s <= 120:
            yield g.say(
                f"The replica of {guest.name or guest.guest} was {words.duration(guest.data_age_s)} old when it was needed.",
                *_guest_lines(g, guest.guest),
            )


PARTS: tuple[tuple[str, Callable[[Ground], Said], tuple[str, ...]], ...] = (
    ("Summary", summary, ()),
    ("Impact", impact, ("Users, services and revenue",)),
    ("Trigger", trigger, ("What set it off, and its purpose",)),
    ("Root cause", root_cause, ("What lies behind it (part, port, driver, setting, procedure)",)),
    ("Contributing conditions", contributing, ("Others",)),
    ("Detection", detection, ("Noticed by alert or by report, at",)),
    ("Resolution", resolution, ("Done by hand, and resolved at",)),
    ("What went well", went_well, ("To be added",)),
    ("What went wrong", went_wrong, ("To be added",)),
    ("Where we got lucky", lucky, ("To be added",)),
)
"""The parts in their order, each with the blanks that evidence cannot fill."""


# --- small things ------------------------------------------------------------------------------


def _bare(text: str) -> str:
    return text.strip().rstrip(".")


def _root(g: Ground) -> list[shape.Finding]:
    if g.chain.incident is None:
        return list(g.chain.failures[:1])
    return [finding for finding in g.chain.findings if finding.id == g.chain.incident.root] or list(g.chain.findings[:1])


def _about(g: Ground, node: str) -> list[shape.Finding]:
    return [finding for finding in g.chain.failures if node in finding.nodes]


def _ended(g: Ground) -> list[tuple[shape.Boot, str]]:
    """Boots of the incident's nodes that ended in its window without a shutdown."""
    hit = {node for finding in g.chain.failures for node in finding.nodes}
    boots = [(boot, node.name) for node in g.doc.nodes if node.name in hit for boot in node.boots]
    return [
        (boot, name)
        for boot, name in boots
        if boot.manner != "open" and boot.ended_by in UNCLEAN & set(ENDED) and g.inside(words.micros(boot.end))
    ]


def _next(g: Ground, node: str, boot: shape.Boot) -> tuple[str, ...]:
    """The first line of the boot that follows."""
    later = [each for one in g.doc.nodes if one.name == node for each in one.boots if each.start and each.start == boot.next_start]
    return tuple(later[0].evidence[:1]) if later else ()


def _guest(guest: shape.GuestImpact, *, most: bool) -> str:
    """How long a guest was down; `most` if it may have run on for a while behind the last line of its node."""
    start, end = words.micros(guest.down_from), words.micros(guest.down_to)
    name = f"{guest.name} ({guest.guest})" if guest.name else guest.guest
    if start is not None and end is not None:
        text = f"{name} was down for {'up to ' if most else ''}{words.duration((end - start) / 1e6)}, {told(start)} to {told(end)}"
    elif start is not None:
        text = f"{name} was down from {told(start)}, with no return in the logs"
    else:
        text = f"{name} was down"
    if guest.node_before and guest.node_after:
        text += f"; it ran on {guest.node_before} before and on {guest.node_after} after"
    return text + (f"; its data came back {words.duration(guest.data_age_s)} old" if guest.data_age_s else "") + "."


def _guest_lines(g: Ground, guest: str) -> tuple[str, ...]:
    """Lines that name the guest's outage; else those of what took its node away."""
    own = [key for each in g.about(f"guest:{guest}") for key in each.evidence]
    named = [key for finding in g.chain.findings if guest in finding.guests for key in finding.evidence[:2]]
    return tuple(own or named or lines(g.said.group, 1))


def _act(event: shape.Event) -> str:
    what = event.fields.get("type") or event.fields.get("command") or event.fields.get("action") or ""
    of = event.fields.get("vmid") or event.fields.get("id") or event.fields.get("guest") or ""
    return " ".join(filter(None, (event.kind.replace(".", " ").replace("_", " "), what, of)))


def _quorate(g: Ground, node: str) -> bool:
    """True if every division of the cluster in the window has the node in a group with quorum."""
    found = False
    for each in g.doc.partitions:
        start, end = words.micros(each.start), words.micros(each.end)
        if g.start is None or g.end is None or (start is not None and start > g.end) or (end is not None and end < g.start):
            continue
        mine = [group for group in each.groups if node in group.nodes]
        if not mine or not all(group.quorate is True for group in mine):
            return False
        found = True
    return found
