"""How far each node's clock runs from the common one: the difference on which most of its anchors agree, era by era."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from pveforensics.clocks.anchors import Sighting, kind_of, sightings
from pveforensics.clocks.eras import Era, Step
from pveforensics.model import AnchorPair, Event, Evidence
from pveforensics.timebase import SECOND, Instant

NOTICED_S = 3.0
"""An offset below this is within what a round of token and consensus spreads, and shifts nothing."""
AGREE_S = 4.0
"""Anchors whose differences lie within this of each other agree."""
AGREEING = 2
"""Anchors needed. One alone may be a ring id that was formed twice."""
FAR_S = 7200.0
"""A difference beyond this needs anchors of two moments: the same round may have come twice, hours apart."""
_STEP_S = 10.0
_RUN_S = 30.0
_MOST_WITNESSES = 3
_MOST_PAIRS = 3
"""Anchors of which both lines are kept for the reader."""
_EVEN_S = 0.05
"""Lines of one round come this close on clocks that NTP keeps; a greater difference is worth an error."""


class Offset(NamedTuple):
    """How far a node's clock runs ahead of the common one from a line on (seconds), how sure that is, and what shows it.

    A difference too small to shift by is `doubt` instead (signed as `seconds`): it widens the error of every moment of the node.
    `kinds` counts the anchors by kind, `pairs` are lines to redo the sum from, `stepped` is what steps since those lines added.
    """

    seq: int
    start: Instant | None
    seconds: float
    error: float
    anchors: int
    events: int
    against: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    doubt: float = 0.0
    kinds: tuple[tuple[str, int], ...] = ()
    pairs: tuple[AnchorPair, ...] = ()
    stepped: float = 0.0


class Common(NamedTuple):
    """The offsets by node and era, the node that they are counted from, steps that only the others' anchors show, and notes."""

    offsets: Mapping[str, tuple[Offset, ...]]
    reference: str
    steps: Mapping[str, tuple[Step, ...]]
    notes: tuple[str, ...]


class Difference(NamedTuple):
    """One sighting with the seconds by which it is ahead of the same anchor elsewhere: one for each that it may be paired with.

    `others` are those, with the other node's clock put right.
    """

    sighting: Sighting
    seconds: tuple[float, ...]
    witness: str
    others: tuple[tuple[str, Sighting], ...] = ()


_Places = dict[str, dict[str, list[Sighting]]]
"""By anchor and node, its sightings on the common clock."""


class Agreed(NamedTuple):
    """A difference on which most anchors agree; one too small to shift by is 0 and stands in `doubt`."""

    seconds: float
    error: float
    used: tuple[Difference, ...]
    doubt: float = 0.0


def common_clock(by_node: Mapping[str, Sequence[Event]], eras: Mapping[str, tuple[Era, ...]], zoned: Iterable[str]) -> Common:
    """The offsets of all nodes that share enough anchors. `zoned` are the nodes whose zone is known."""
    seen = {node: found for node, found in sightings(by_node).items() if found}
    steady = frozenset(node for node, found in eras.items() if all(era.step is None for era in found))
    reference = _reference(seen, frozenset(zoned), steady)
    if not reference:
        return Common({}, "", {}, ())
    offsets: dict[str, tuple[Offset, ...]] = {reference: (Offset(0, None, 0.0, 0.0, 0, 0),)}
    steps: dict[str, tuple[Step, ...]] = {}
    notes: list[str] = []
    waiting = set(seen) - {reference}
    places: _Places = defaultdict(dict)
    _place(places, reference, seen[reference], offsets[reference])
    while waiting:
        node = max(waiting, key=lambda name: (sum(each.anchor in places for each in seen[name]), [-ord(char) for char in name]))
        waiting.remove(node)
        told = tuple(_differences(seen[node], places))
        parts, found = _parts(eras[node], told)
        known = _known(parts)
        if known:
            offsets[node] = known
            _place(places, node, seen[node], known)
            if found:
                steps[node] = found
        elif len(told) >= 2 * AGREEING and _apart(told) > _STEP_S:
            notes.append(f"the clock of {node} cannot be compared: what it shares with other nodes lies up to {_apart(told):.0f} s apart")
    return Common(offsets, reference, steps, tuple(notes))


def _reference(seen: Mapping[str, tuple[Sighting, ...]], zoned: frozenset[str], steady: frozenset[str]) -> str:
    """The node with whose clock most others agree; among equals one that never stepped, whose zone is known, with most anchors, first by name."""
    agreeing: dict[str, int] = dict.fromkeys(seen, 0)
    apart: dict[str, float] = dict.fromkeys(seen, 0.0)
    shares: set[str] = set()
    for node, other in ((a, b) for a in sorted(seen) for b in sorted(seen) if a < b):
        places: _Places = defaultdict(dict)
        _place(places, other, seen[other], (Offset(0, None, 0.0, 0.0, 0, 0),))
        told = tuple(_differences(seen[node], places))
        if len(told) >= AGREEING:
            shares |= {node, other}
        whole = agreed(told)
        if whole is not None and abs(whole.seconds) < NOTICED_S:
            for each in (node, other):
                agreeing[each] += 1
                apart[each] += abs(whole.doubt)
    ranked = sorted(
        shares, key=lambda node: (-agreeing[node], node not in steady, node not in zoned, round(apart[node], 1), -len(seen[node]), node)
    )
    return ranked[0] if ranked else ""


def _place(places: _Places, node: str, seen: Iterable[Sighting], offsets: tuple[Offset, ...]) -> None:
    """Enter a node's sightings, on the common clock, among those that others are compared with."""
    begins = [offset.seq for offset in offsets]
    for sighting in seen:
        offset = offsets[max(0, bisect_right(begins, sighting.seq) - 1)]
        places[sighting.anchor].setdefault(node, []).append(sighting._replace(at=sighting.at.plus(-(offset.seconds + offset.doubt))))


def _differences(seen: Iterable[Sighting], places: Mapping[str, Mapping[str, Sequence[Sighting]]]) -> Iterator[Difference]:
    for sighting in seen:
        witnesses = list(places.get(sighting.anchor, {}).items())[:_MOST_WITNESSES]
        if witnesses:
            others = tuple((node, other) for node, seen_there in witnesses for other in seen_there)
            seconds = tuple(sighting.at.seconds_since(other.at) for _, other in others)
            yield Difference(sighting, seconds, witnesses[0][0], others)


def agreed(told: Sequence[Difference]) -> Agreed | None:
    """The difference on which most sightings agree, the smallest among equals; None if fewer than two or not most of them do."""
    marks = sorted((seconds, place) for place, each in enumerate(told) for seconds in each.seconds)
    best: tuple[int, float, set[int], float] | None = None
    first = 0
    inside: dict[int, int] = defaultdict(int)
    for seconds, place in marks:
        inside[place] += 1
        while marks[first][0] < seconds - AGREE_S:
            inside[marks[first][1]] -= 1
            if not inside[marks[first][1]]:
                del inside[marks[first][1]]
            first += 1
        rank = (len(inside), -abs(seconds))
        if best is None or rank > best[:2]:
            best = (*rank, set(inside), seconds)
    if best is None:
        return None
    used = tuple(told[place] for place in sorted(best[2]))
    values = [min(each.seconds, key=lambda value: abs(value - best[3] + AGREE_S / 2)) for each in used]
    middle = _median(values)
    spread = max(_median(abs(value - middle) for value in values), 0.5)
    distinct = len({each.sighting.anchor for each in used})
    moments = [each.sighting.at.us for each in used]
    if distinct < AGREEING or 2 * len(used) <= len(told) or (abs(middle) > FAR_S and max(moments) - min(moments) < 5 * SECOND):
        return None
    if abs(middle) >= NOTICED_S:
        return Agreed(middle, spread, used)
    doubt = middle if abs(middle) >= _EVEN_S else 0.0
    return Agreed(0.0, spread + abs(doubt), used, doubt)


# --- era by era ----------------------------------------------------------------------------------------


def _parts(eras: tuple[Era, ...], told: Sequence[Difference]) -> tuple[list[tuple[Era, Agreed | None]], tuple[Step, ...]]:
    """Each era with the difference that its own anchors prove; eras are parted where the others' anchors show a step in them."""
    begins = [era.seq for era in eras]
    inside: dict[int, list[Difference]] = defaultdict(list)
    for each in told:
        inside[max(0, bisect_right(begins, each.sighting.seq) - 1)].append(each)
    whole = agreed(told)
    parts: list[tuple[Era, Agreed | None]] = []
    steps: list[Step] = []
    for place, era in enumerate(eras):
        runs = _runs(inside[place])
        if len(runs) < 2:
            parts.append((era, agreed(inside[place])))
            continue
        for number, run in enumerate(runs):
            own, head = agreed(run), run[0].sighting
            if number == 0:
                parts.append((era._replace(events=len(run)), own))
                continue
            tail = runs[number - 1][-1].sighting
            size = _middle(run) - _middle(runs[number - 1])
            steps.append(
                Step(
                    head.seq,
                    tail.at,
                    head.at,
                    size,
                    "it ran apart from the other nodes' clocks",
                    tail.evidence + head.evidence,
                    exact=False,
                )
            )
            parts.append((Era(head.seq, head.at, size, len(run)), own))
    unproven = any(
        era.step is not None and abs(era.step) > AGREE_S and None in (own, parts[place - 1][1]) for place, (era, own) in enumerate(parts)
    )
    if whole is not None and not unproven and all(own is None or abs(own.seconds - whole.seconds) <= AGREE_S for _, own in parts):
        return [(eras[0]._replace(events=sum(era.events for era in eras)), whole)], ()
    return parts, tuple(steps)


def _runs(told: Sequence[Difference]) -> list[list[Difference]]:
    """Stretches of an era in which the anchors agree, if there are several and each is long enough to be no late line."""
    runs: list[list[Difference]] = []
    for each in told:
        if max(each.seconds) - min(each.seconds) > AGREE_S:
            continue  # this anchor came twice: it cannot tell where a step was
        if runs and abs(_middle([each]) - _middle(runs[-1])) <= AGREE_S:
            runs[-1].append(each)
        else:
            runs.append([each])
    lasting = [run for run in runs if run[-1].sighting.at.us - run[0].sighting.at.us >= _RUN_S * SECOND]
    joined: list[list[Difference]] = []
    for run in lasting:
        if joined and abs(_middle(run) - _middle(joined[-1])) <= _STEP_S:
            joined[-1] += run
        else:
            joined.append(list(run))
    return joined


def _median(of: Iterable[float]) -> float:
    from statistics import median  # noqa: PLC0415 - it loads decimals and fractions too: only nodes that share anchors need it

    return median(of)


def _middle(told: Sequence[Difference]) -> float:
    return _median(_median(each.seconds) for each in told)


def _apart(told: Sequence[Difference]) -> float:
    nearest = sorted(min(each.seconds, key=abs) for each in told)
    return nearest[-1] - nearest[0]


def _known(parts: Sequence[tuple[Era, Agreed | None]]) -> tuple[Offset, ...]:
    """The offset of every era: its own, else its neighbour's less the step between them, else that of the nearest proven one."""
    proven = [place for place, (_, own) in enumerate(parts) if own is not None]
    if not proven:
        return ()
    stepped = list(accumulate(_step_us(era) for era, _ in parts))  # microseconds: whole numbers, so that differences of sums are exact
    found: list[Offset] = []
    for place, (era, _) in enumerate(parts):
        source = _nearest(proven, place)
        own = parts[source][1]
        if own is None:
            continue
        moved = (stepped[place] - stepped[source]) / SECOND
        seconds = own.seconds + moved
        against = tuple(dict.fromkeys(each.witness for each in own.used))
        proof = tuple(line for each in own.used[:2] for line in each.sighting.evidence)
        seconds = 0.0 if abs(seconds) < NOTICED_S else seconds
        kinds = tuple(sorted(Counter(kind_of(each.sighting.anchor) for each in own.used).items()))
        told = Offset(era.seq, era.start, seconds, own.error, len(own.used), era.events, against, proof, own.doubt, kinds)
        found.append(told._replace(pairs=_pairs(own), stepped=moved))
    return tuple(found)


def _step_us(era: Era) -> int:
    """The step at the beginning of an era, if it is one that anchors would not agree across."""
    return round(era.step * SECOND) if era.step is not None and abs(era.step) > AGREE_S else 0


def _nearest(proven: Sequence[int], place: int) -> int:
    """Of places that ascend the nearest one, the later of two."""
    later = bisect_left(proven, place)
    return min(proven[max(0, later - 1) : later + 1], key=lambda other: (abs(other - place), other < place))


def _pairs(own: Agreed) -> tuple[AnchorPair, ...]:
    """Some of the anchors, spread over the era, each with this node's line and the one elsewhere that agrees best."""
    found = []
    wanted = own.seconds + own.doubt
    for each in own.used[:: max(1, -(-len(own.used) // _MOST_PAIRS))]:
        pairs = zip(each.seconds, each.others, strict=True)
        _, (node, other) = min(pairs, key=lambda pair: abs(pair[0] - wanted))
        if each.sighting.evidence and other.evidence:
            found.append(AnchorPair(kind_of(each.sighting.anchor), node, each.sighting.evidence[0], other.evidence[0]))
    return tuple(found)
