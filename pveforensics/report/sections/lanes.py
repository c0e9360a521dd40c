"""The drawing: an overview of the whole span, a zoom on each of the main incidents, and the same content as a table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from pveforensics.report import folding, lanes, marks, picture, shape, stopwatch, words
from pveforensics.report.drawing import Sheet
from pveforensics.report.lane_names import BETWEEN, names_of
from pveforensics.report.overview import Frame, overview
from pveforensics.report.room import Room
from pveforensics.report.story import Chain, Story, chain_of, is_failure, loudness
from pveforensics.report.verdict import zone_assumed

ZOOMS = 3
"""Incidents that get a drawing of their own: the worst ones."""
CALLOUTS = 9
LEGEND: tuple[tuple[frozenset[str], tuple[str, str, str, str]], ...] = (
    (frozenset({"run"}), ("#d3dbe4", "f-run", "", "running")),
    (frozenset({"inquorate"}), ("url(#hatch-bad)", "k-bad", "", "no quorum")),
    (frozenset({"down"}), ("#fdeee5", "f-badbg k-bad", "", "down")),
    (frozenset({"off"}), ("none", "k-line2", "", "shut down")),
    (frozenset({"nolog"}), ("url(#hatch-log)", "", "", "no log")),
    (frozenset({"trouble", "paused"}), ("#835600", "f-warn", "", "trouble")),
    (frozenset({"lost"}), ("#a83606", "f-bad", "", "link down")),
    (frozenset({"halost"}), ("#fdf3d9", "f-warnbg k-warn", "", "HA lock lost")),
    (frozenset({"unseen", "claimed"}), ("none", "k-bad", "3 2", "known from peers only")),
)
"""Styles of items, and how the legend shows them: fill, class, dash and words."""
_LEAST_PAD_US = 15_000_000
"""Time around an incident that is drawn with it, at least."""
_OPEN_US = 120_000_000
"""Time that is drawn after a state whose end no line shows."""


class Watch(msgspec.Struct, frozen=True):
    """The protocol's times of one finding beside the measured ones; `folded` where the drawing above has them under the events."""

    finding: str
    title: str
    sheet: Sheet
    rows: tuple[stopwatch.Row, ...]
    folded: bool


class Picture(msgspec.Struct, frozen=True):
    """One drawing with its heading and its accessible description, and the stopwatches below it."""

    id: str
    heading: str
    caption: str
    description: str
    sheet: Sheet
    watches: tuple[Watch, ...] = ()


class Row(msgspec.Struct, frozen=True):
    """One row of the table: a state or a mark, in words and with its edges in milliseconds; `found` if a finding cites a line of it."""

    start: str
    local: str
    lasted: str
    where: str
    what: str
    evidence: tuple[str, ...]
    edges: tuple[int, int]
    lanes: str
    found: bool


class View(msgspec.Struct, frozen=True):
    """The section."""

    heading: str
    overview: Picture | None
    zooms: tuple[Picture, ...]
    rows: tuple[Row, ...]
    rows_total: int
    zone: str
    watched: frozenset[str]
    kinds: tuple[tuple[marks.Kind, str, str], ...]
    kinds_total: int
    cited: tuple[str, ...]
    legend: tuple[tuple[str, str, str, str], ...]
    marks: frozenset[str]


class Drawing(msgspec.Struct, frozen=True):
    """The section before it is known for how many rows of its tables there is room: `whole` has none yet, `items` are what rows tell, in order."""

    whole: View
    items: tuple[tuple[lanes.Item, str], ...]
    kinds: tuple[marks.Kind, ...]
    proof: frozenset[str]

    def within(self, room: Room) -> View:
        """The drawings, and so many rows of the tables."""
        rows = tuple(_row(item, names, self.whole.zone, self.proof) for item, names in _kept(self.items, room.rows))
        kinds = tuple((each, words.stamp(each.first), words.stamp(each.last)) for each in self.kinds[: 2 * room.rows])
        return replace(self.whole, rows=rows, kinds=kinds, cited=tuple(dict.fromkeys(key for row in rows for key in row.evidence)))


def build(story: Story) -> Drawing | None:
    """The drawings and their table; None if nothing in the document has a time."""
    found = story.lanes
    whole = _whole(story.doc, found)
    if whole is None:
        return None
    t0, t1 = whole
    targets = _targets(story)
    zone = common_zone(story.doc)
    numbers = story.numbers
    zooms = tuple(_zoom(story, found, chain, whole, _number(numbers, chain), zone) for chain in targets)
    sheet = overview(found, t0, t1, _frames(story, targets, numbers, whole), calm=story.lead is None)
    top = Picture(
        "drawing-all",
        "The whole span",
        _whole_caption(story, whole, len(targets)),
        f"Overview of {words.counted(len(story.doc.nodes), 'node')}",
        sheet,
    )
    items = _told(found)
    watched = frozenset(watch.finding for zoom in zooms for watch in zoom.watches)
    known = marks.kinds(story.doc.events)
    legend, signs = _legend(found)
    proof = frozenset(itertools.chain.from_iterable(finding.evidence for finding in story.findings))
    view = View("What happened, drawn", top, zooms, (), len(items), zone, watched, (), len(known), (), legend, signs)
    return Drawing(view, items, known, proof)


def _legend(found: Sequence[lanes.Lane]) -> tuple[tuple[tuple[str, str, str, str], ...], frozenset[str]]:
    """What of the legend this drawing needs: the bars, and the names of its other marks."""
    items = [item for lane in found for item in lane.items]
    styles = {item.style for item in items}
    signs = {
        "faded": any(max(item.doubt) > 0 for item in items),
        "boot": any(item.style == "run" and (item.begins or item.ends) for item in items),
        "unclean": any(item.style == "run" and item.ends in lanes.UNCLEAN for item in items),
        "event": any(lane.events for lane in found),
    }
    return tuple(entry for wanted, entry in LEGEND if styles & wanted), frozenset(name for name, there in signs.items() if there)


def _number(numbers: Mapping[str, int], chain: Chain) -> int:
    return numbers.get(chain.incident.id, 0) if chain.incident else 0


def _frames(story: Story, targets: Sequence[Chain], numbers: Mapping[str, int], whole: tuple[int, int]) -> list[Frame]:
    framed = [
        Frame(*_window(chain, whole), _number(numbers, chain), _name(chain, _number(numbers, chain)), drawn=True, bad=True)
        for chain in targets
    ]
    drawn = {chain.incident.id for chain in targets if chain.incident}
    for chain in story.chains:
        if chain.incident and chain.incident.id not in drawn and chain.start is not None and chain.end is not None:
            number = numbers[chain.incident.id]
            name = chain.incident.title or chain.findings[0].title
            framed.append(Frame(chain.start, chain.end, number, name, drawn=False, bad=chain.worst >= 3))
    return framed


def _whole_caption(story: Story, whole: tuple[int, int], framed: int) -> str:
    incidents = sum(chain.incident is not None for chain in story.chains)
    most = f"{framed} worst" if framed > 1 else "worst"
    more = f". Framed: the {most} of {incidents} incidents" if incidents > framed else ""
    return f"{words.span(*whole)}{more}."


def common_zone(doc: shape.Document) -> str:
    """The zone in which all nodes of the bundle wrote, if it is one and not UTC; else `UTC`."""
    zones = {node.timezone for node in doc.nodes if node.in_bundle and not zone_assumed(node)}
    only = zones.pop() if len(zones) == 1 else None
    return only if only and words.tz(only) else "UTC"


def _whole(doc: shape.Document, found: Sequence[lanes.Lane]) -> tuple[int, int] | None:
    edges = [
        us for node in doc.nodes for span in node.coverage for us in (words.micros(span.start), words.micros(span.end)) if us is not None
    ]
    if not edges:
        edges = [us for lane in found for item in lane.items for us in (item.start, item.end) if us is not None]
    if not edges:
        return None
    first, last = min(edges), max(edges)
    pad = max(1_000_000, (last - first) // 200)
    return first - pad, last + pad


def _targets(story: Story) -> list[Chain]:
    """The chains to zoom on: failing ones, worst first in choice and in time order on the page; else the first calm one."""
    dated = [chain for chain in story.chains if chain.start is not None]
    failing = sorted(
        (chain for chain in dated if chain.failures and (chain.incident or chain is story.lead)), key=lambda chain: -chain.worst
    )
    if not failing:
        return [chain for chain in dated if any(finding.class_ in ("planned_shutdown", "near_miss") for finding in chain.findings)][:1]
    if story.lead in failing:
        failing.remove(story.lead)
        failing.insert(0, story.lead)
    return sorted((_around_head(chain) for chain in failing[:ZOOMS]), key=lambda chain: chain.start or 0)


def _around_head(chain: Chain) -> Chain:
    """Single findings have no common window: only the worst of them is drawn."""
    if chain.incident is not None:
        return chain
    dated = [finding for finding in chain.failures if words.micros(finding.start) is not None] or list(chain.findings)
    return chain_of(None, (max(dated, key=lambda finding: words.rank(finding.criticality)),))


def _window(chain: Chain, whole: tuple[int, int]) -> tuple[int, int]:
    start, end = chain.start, chain.end
    if start is None or end is None:
        return whole
    pad = max(_LEAST_PAD_US, (end - start) * 15 // 100)
    end += _OPEN_US if end - start < _OPEN_US and any(not finding.end for finding in chain.failures) else 0
    # Not beyond the logs, unless the incident itself is.
    return max(start - pad, min(start - 1_000_000, whole[0])), min(end + pad, max(end + 1_000_000, whole[1]))


def _name(chain: Chain, number: int) -> str:
    start = chain.start
    title = chain.incident.title if chain.incident and chain.incident.title else chain.findings[0].title
    return (f"{number} {title}" if number else title) + (f", {words.day(start, short=True)}" if start is not None else "")


def _zoom(story: Story, found: Sequence[lanes.Lane], chain: Chain, whole: tuple[int, int], number: int, zone: str) -> Picture:
    t0, t1 = _window(chain, whole)
    busy = frozenset(node for finding in chain.findings for node in finding.nodes)
    named = busy | {name for finding in chain.findings for name in (*finding.guests, *finding.storages)}
    moving, away = folding.changing(folding.clipped(found, t0, t1), t0, t1, named)
    kept, left = folding.folded(moving, busy)
    left += [away] if away else []
    callouts = [each for each in _callouts(story, chain) if t0 <= each.at <= t1]
    timed = _timed(chain, t0, t1)
    kept += _protocol(story, timed, t0, t1)
    sheet = picture.zoom(kept, t0, t1, callouts, zone, story.doc.cluster)
    caption = words.span(t0, t1) + (f". Not drawn: {'; '.join(left)}." if left else ".")
    caption += " Last, the protocol's own times: box expected, mark measured." if timed else ""
    codes = ", ".join(story.codes[finding.id] for finding in chain.findings[:12])
    watches = tuple(
        Watch(f.id, f"{story.codes[f.id]} {f.title}", stopwatch.draw(f.stopwatch), stopwatch.rows(f.stopwatch), f is timed)
        for f in chain.findings
        if f.stopwatch
    )
    said = f"Findings {codes} on a time axis. The table below has the same content."
    return Picture(f"drawing-{number or 'one'}", _name(chain, number), caption, said, sheet, watches[:2])


def _timed(chain: Chain, t0: int, t1: int) -> shape.Finding | None:
    """The loudest finding with steps of the protocol that begin in the window."""
    found = (f for f in chain.findings if any(t0 <= (words.micros(each.start) or 0) <= t1 for each in f.stopwatch))
    return max(found, key=loudness, default=None)


def _protocol(story: Story, timed: shape.Finding | None, t0: int, t1: int) -> list[lanes.Lane]:
    """Its steps as lanes under the real events."""
    if timed is None:
        return []
    steps = [each for each in timed.stopwatch if t0 <= (words.micros(each.start) or 0) <= t1]
    return [lanes.Lane(f"{story.codes[timed.id]} step {k}", "", group="Protocol", step=each) for k, each in enumerate(steps, 1)]


def _callouts(story: Story, chain: Chain) -> list[picture.Callout]:
    dated = [(us, finding) for finding in chain.happened if (us := words.micros(finding.start)) is not None]
    shown = sorted(dated, key=lambda pair: (-words.rank(pair[1].criticality), pair[0]))[:CALLOUTS]
    first = min((us for us, _ in shown), default=0)
    told = []
    for us, finding in sorted(shown, key=lambda pair: pair[0]):
        gap = f"+{words.duration((us - first) / 1e6)} " if us - first >= 1_000_000 else ""
        told.append(
            picture.Callout(us, story.codes[finding.id], gap + finding.title, is_failure(finding) and words.rank(finding.criticality) >= 3)
        )
    return told


def _told(found: Sequence[lanes.Lane]) -> tuple[tuple[lanes.Item, str], ...]:
    """What the table tells, in order, with the names of the lanes that draw it."""
    named = [(BETWEEN.join(names_of(lane)), lane.items) for lane in found]
    items = [(item, names) for names, items in named for item in items if item.told]
    return tuple(sorted(items, key=_place))


def _place(pair: tuple[lanes.Item, str]) -> tuple[bool, int, str, str]:
    item, _ = pair
    return item.start is None, item.start or 0, item.where, item.what


def _kept(items: Sequence[tuple[lanes.Item, str]], most: int) -> Sequence[tuple[lanes.Item, str]]:
    """Over the limit the runs of healthy boots go last: they are what the reader misses least at the end of a cut list."""
    if len(items) <= most:
        return items
    return sorted(sorted(items, key=lambda pair: pair[0].style in ("run", "armed", "ha", "haidle"))[:most], key=_place)


def _row(item: lanes.Item, names: str, zone: str, proof: frozenset[str]) -> Row:
    known = item.start is not None and item.end is not None and not item.unended
    lasted = words.duration(((item.end or 0) - (item.start or 0)) / 1e6) if known else "open"
    start = words.stamp(item.start, digits=3) if item.start is not None else "before the log"
    local = words.stamp(item.start, zone) if item.start is not None and zone != "UTC" else ""
    edges = ((item.start or 0) // 1000, (item.end if item.end is not None else 2**52) // 1000)
    return Row(start, local, lasted, item.where, item.what, item.evidence[:3], edges, names, not proof.isdisjoint(item.evidence))
