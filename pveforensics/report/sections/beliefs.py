"""Who believed what: node by moment, what each node held to be true beside what was; and whose watchdog was armed when quorum went."""

from __future__ import annotations

import msgspec

from pveforensics.report import shape, words
from pveforensics.report.sections.lanes import common_zone
from pveforensics.report.story import Chain, Story

COLUMNS = 7
NODES = 40
_APART_US = 1_500_000
"""Changes closer than this share one column: nodes learn of one change within a token's round."""
_PAD_US = 30_000_000


class Cell(msgspec.Struct, frozen=True):
    """What a node believed: a line in bold, a line below; `wrong` if the merged truth contradicts it, `style` blind where no log tells."""

    text: str
    note: str = ""
    wrong: bool = False
    style: str = ""


class Column(msgspec.Struct, frozen=True):
    """A moment, in UTC and in the nodes' zone."""

    utc: str
    local: str


class View(msgspec.Struct, frozen=True):
    """The section."""

    heading: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    truth: tuple[Cell, ...]
    more: int
    armed: tuple[tuple[str, str, str, str, str], ...]
    armed_at: str


def build(story: Story) -> View | None:
    """The matrix over the main incident; None without beliefs or without an incident."""
    chain = story.lead
    if chain is None or chain.start is None or chain.end is None or not story.doc.beliefs:
        return None
    t0, t1 = chain.start - _PAD_US, chain.end + _PAD_US
    moments = _moments(story.doc, t0, t1)
    if not moments:
        return None
    names = _names(story, chain)
    zone = common_zone(story.doc)
    columns = tuple(Column(words.clock(us), words.clock(us, zone) if zone != "UTC" else "") for us in moments)
    known = {node.name: node for node in story.doc.nodes}
    rows = tuple((name, tuple(_cell(story.doc, known[name], us) for us in moments)) for name in names[:NODES])
    lost = _lost(story.doc, t0, t1)
    armed = tuple(_armed(story.doc, name, lost) for name in names[:NODES]) if lost is not None else ()
    return View(
        "Who believed what",
        columns,
        rows,
        tuple(_truth(story.doc, us) for us in moments),
        len(names) - len(rows),
        armed if any(row[3] == "armed" for row in armed) else (),
        words.clock(lost) + " UTC" if lost is not None else "",
    )


def _names(story: Story, chain: Chain) -> list[str]:
    """All nodes in order; of many the incident's own first."""
    hit = [node for finding in chain.findings for node in finding.nodes]
    names = [node.name for node in story.doc.nodes]
    return names if len(names) <= NODES else sorted(names, key=lambda name: name not in hit)


def _moments(doc: shape.Document, t0: int, t1: int) -> list[int]:
    """Moments just after the beliefs changed: the ones at which most changed, and the window's beginning."""
    changes = sorted(us for belief in doc.beliefs if (us := words.micros(belief.start)) is not None and t0 < us <= t1)
    groups: list[list[int]] = []
    for us in changes:
        if groups and us - groups[-1][-1] <= _APART_US:
            groups[-1].append(us)
        else:
            groups.append([us])
    best = sorted(groups, key=lambda group: (-len(group), group[0]))[: COLUMNS - 1]
    later = sorted(group[-1] for group in best)
    return [t0, *later] if later else []


def _at(start: str | None, end: str | None, us: int) -> bool:
    first, last = words.micros(start), words.micros(end)
    return (first is None or first <= us) and (last is None or us < last)


def _cell(doc: shape.Document, node: shape.Node, us: int) -> Cell:
    if any(boot.manner != "open" and boot.next_start and _at(boot.end, boot.next_start, us) for boot in node.boots):
        return Cell("off", style="blind")
    belief = next((each for each in doc.beliefs if each.node == node.name and _at(each.start, each.end, us)), None)
    if belief is None or (belief.quorate is None and not belief.members and not belief.master and not belief.lrm):
        return Cell(
            "no log" if not node.in_bundle or not any(_at(s.start, s.end, us) for s in node.coverage) else "not told", style="blind"
        )
    total = doc.cluster.expected_votes or len(doc.nodes)
    count = f" {len(belief.members)}/{total}" if belief.members else ""
    text = {True: "quorate", False: "not quorate", None: "quorum not told"}[belief.quorate] + count
    others = [name for name in (each.name for each in doc.nodes) if name not in belief.members] if belief.members else []
    notes = [
        f"without {words.names(others, 3)}" if others else "",
        f"master {belief.master}" if belief.master else "",
        f"LRM {belief.lrm.replace('_', ' ')}" if belief.lrm else "",
    ]
    return Cell(text, ", ".join(filter(None, notes)), _wrong(doc, belief, us))


def _wrong(doc: shape.Document, belief: shape.Belief, us: int) -> bool:
    """True if the merged truth has another quorum for the node, or does not have all whom it counts in its ring."""
    part = next((each for each in doc.partitions if _at(each.start, each.end, us)), None)
    mine = next((group for group in part.groups if belief.node in group.nodes), None) if part else None
    if mine is None:
        return False
    disagrees = belief.quorate is not None and mine.quorate is not None and belief.quorate != mine.quorate
    return disagrees or (bool(belief.members) and set(belief.members) != set(mine.nodes))


def _truth(doc: shape.Document, us: int) -> Cell:
    part = next((each for each in doc.partitions if _at(each.start, each.end, us)), None)
    if part is None or not part.groups:
        return Cell("not told", style="blind")
    groups = sorted(part.groups, key=lambda group: -group.votes)
    text = " | ".join(f"{group.votes} votes" + {True: ", quorate", False: ", no quorum", None: ""}[group.quorate] for group in groups[:3])
    return Cell(text, " | ".join(words.names(group.nodes, 4) for group in groups[:3]))


def _lost(doc: shape.Document, t0: int, t1: int) -> int | None:
    """When the first node of the window lost quorum."""
    starts = [
        us for each in doc.intervals if each.subject.startswith("node:") and each.state == "inquorate" and each.fields.get("opened_by") in ("lost", "dump")
        if (us := words.micros(each.start)) is not None and t0 <= us <= t1
    ]  # fmt: skip
    return min(starts, default=None)


def _armed(doc: shape.Document, node: str, us: int | None) -> tuple[str, str, str, str, str]:
    """LRM, role and watchdog of a node at a moment, and what became of it."""
    if us is None:
        return node, "", "", "", ""
    agents = frozenset((f"ha:{node}", f"crm:{node}"))
    held = [each for each in doc.intervals if each.subject in agents and _at(each.start, each.end, us)]
    lrm = next((each.state.replace("_", " ") for each in held if each.subject.startswith("ha:") and each.state != "armed"), "not told")
    role = next((each.state.replace("_", " ") for each in held if each.subject.startswith("crm:")), "not told")
    watchdog = "armed" if any(each.state == "armed" for each in held) else ("not armed" if lrm != "not told" else "not told")
    return node, lrm, role, watchdog, _became(doc, node, us)


def _became(doc: shape.Document, node: str, us: int) -> str:
    info = next((each for each in doc.nodes if each.name == node), None)
    for boot in info.boots if info else ():
        end = words.micros(boot.end)
        if boot.manner != "open" and end is not None and us <= end <= us + 300_000_000:
            ended = {"fencing": "was reset by it", "clean_shutdown": "was shut down"}.get(boot.ended_by, "ended without a shutdown")
            return f"{ended} after {words.duration((end - us) / 1e6)}"
    subject = f"node:{node}"
    lost = any(
        each.subject == subject and each.state == "inquorate" and _at(each.start, each.end, us + 3_000_000) for each in doc.intervals
    )
    return "lost quorum and ran on" if lost else "ran on" if info and info.coverage else ""
