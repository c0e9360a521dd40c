"""Which node a burst of losses points to: the one that all others lost, or all that cannot be told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import field

from pveforensics.state.moments import Moments
from pveforensics.state.symptoms import Pair, Symptom
from pveforensics.timebase import SECOND
from pveforensics.value import Value

_FEW = 8
_LATER_US = 60 * SECOND


class Ground(Value, frozen=True):
    """What is known beside the signs. Moments: when a node lost quorum, and when its quorum device."""

    names: tuple[str, ...]
    logged: frozenset[str]
    lost_quorum: Mapping[str, Moments] = field(default_factory=dict)
    lost_device: Mapping[str, Moments] = field(default_factory=dict)


class Blame(Value, frozen=True):
    """The nodes concerned, the shape of the trouble, and whether the logs decide it."""

    nodes: tuple[str, ...]
    shape: str
    decided: bool = True


def blame(signs: list[Symptom], ground: Ground) -> Blame:
    """Whom the signs of one burst point to."""
    explained = sorted({sign.about for sign in signs if sign.about})
    if explained:
        return Blame(tuple(explained), "link")
    pairs = {two for sign in signs for two in sign.pairs}
    pausers = {sign.reporter for sign in signs if sign.kind == "pause"}
    if not pairs:
        return _without_pairs(signs, pausers, ground)
    common = set.intersection(*(set(two) for two in pairs))
    if len(common) == 2:
        return _one_pair(signs, common, pausers, ground)
    if len(common) == 1:
        node = next(iter(common))
        if node in pausers:
            return Blame((node,), "pause")
        alone = len(pairs) >= len(ground.names) - 1
        return Blame((node,), "isolated" if alone else "link")
    return _many(signs, pairs, pausers, ground)


def _without_pairs(signs: list[Symptom], pausers: set[str], ground: Ground) -> Blame:
    kinds = {sign.kind for sign in signs}
    if pausers:
        return Blame(tuple(sorted(pausers)), "pause")
    for kind in ("nic", "mtu", "auth", "receive"):
        if kind in kinds:
            return Blame(tuple(sorted({sign.reporter for sign in signs if sign.kind == kind})), kind)
    reporters = tuple(sorted({sign.reporter for sign in signs}))
    if "storm" in kinds:
        # the list is often logged by a peer of the bad node, so no reporter is guilty by its log
        return Blame(tuple(sorted(ground.names)) if len(ground.names) <= _FEW else reporters, "storm", decided=False)
    return Blame(reporters, "token", decided=False)


def _one_pair(signs: list[Symptom], two: set[str], pausers: set[str], ground: Ground) -> Blame:
    """Two nodes lost each other and nobody else; the trouble is that of one, or cannot be told."""
    shape = "isolated" if len(ground.names) <= 2 else "link"
    if len(two & pausers) == 1:
        return Blame(tuple(two & pausers), "pause")
    for moments in (ground.lost_quorum, ground.lost_device):
        losers = _who(moments, signs) & two
        if len(losers) == 1:
            return Blame(tuple(losers), shape)
    hit = {sign.reporter for sign in signs if sign.kind == "nic"} & two
    if len(hit) == 1:
        return Blame(tuple(hit), shape)
    silent = two - ground.logged
    if len(ground.names) > 2 and len(silent) == 1:
        # the one whose log we have lost none of its other peers
        return Blame(tuple(silent), "link", decided=False)
    told = {sign.reporter for sign in signs if sign.pairs}
    one_sided = len(ground.names) > 2 and two <= ground.logged and len(told & two) == 1
    return Blame(tuple(sorted(two)), "asymmetric" if one_sided else shape, decided=False)


def _who(moments: Mapping[str, Moments], signs: list[Symptom]) -> set[str]:
    first = min(sign.at.us for sign in signs)
    return {node for node, held in moments.items() if held.any_in(first - SECOND, first + _LATER_US)}


def _many(signs: list[Symptom], pairs: set[Pair], pausers: set[str], ground: Ground) -> Blame:
    """More than one node is concerned: all if nobody kept anybody, those without quorum in a split, else the fewest that explain it."""
    degree = Counter(name for two in pairs for name in two)
    everyone = len(ground.names)
    losers = _who(ground.lost_quorum, signs) & set(degree)
    if len(degree) == everyone and all(count == everyone - 1 for count in degree.values()):
        return Blame(tuple(sorted(degree)), "outage")
    if losers and losers != set(degree) and all(set(two) & losers for two in pairs):
        return Blame(tuple(sorted(losers)), "partition")
    if len(set(degree.values())) == 1:
        return Blame(tuple(sorted(degree)), "partition", decided=False)
    return Blame(tuple(sorted(_cover(pairs, pausers))), "partition", decided=False)


def _cover(pairs: set[Pair], pausers: set[str]) -> set[str]:
    """The fewest nodes that have a part in every loss, found greedily; one that was paused first."""
    left, chosen = set(pairs), set[str]()
    while left:
        degree = Counter(name for two in left for name in two)
        most = max(degree.items(), key=lambda item: (item[0] in pausers, item[1], item[0]))[0]
        chosen.add(most)
        left = {two for two in left if most not in two}
    return chosen
