"""What clauses are evaluated on, and the three answers they give: Fired with matches, Clear, or Unknown with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from msgspec.structs import replace

from pveforensics.detect.clauses import VerdictClause
from pveforensics.detect.index import FactIndex, Match
from pveforensics.detect.text import Scene
from pveforensics.detect.windows import Window
from pveforensics.value import Value

CITED = 5
"""Lines of evidence that one clause cites at most: the first ones."""

COUNTED = 1000
"""Matches of one clause in one window that are counted at most."""


class Fired(Value, frozen=True):
    """The clause holds; `matches` are what it rests on (empty for an absence)."""

    matches: tuple[Match, ...] = ()


class Clear(Value, frozen=True):
    """The clause does not hold, and the logs would have shown it."""


class Unknown(Value, frozen=True):
    """It cannot be told, for lack of a log or of a time; `node` is the one whose log is missing."""

    reason: str
    node: str = ""


Result = Fired | Clear | Unknown

CLEAR = Clear()


class Ground(Value, frozen=True):
    """What a clause is evaluated on: the facts, what was bound so far, and the node that `same` means.

    `missing` keeps the results of optional steps that found nothing; `verdicts` answers a question. `why` is False where nobody asks
    why a clause does not hold: then every clause that does not is Clear.
    """

    facts: FactIndex
    bound: Mapping[str, Match]
    node: str
    missing: Mapping[str, Result]
    verdicts: Callable[[VerdictClause], Iterable[Match]]
    limit: int = COUNTED
    why: bool = True

    def quiet(self) -> Ground:
        """The same, where nobody asks why a clause does not hold, nor for more of what it rests on than is cited."""
        return replace(self, why=False, limit=CITED) if self.why else self

    def scene(self) -> Scene:
        """The placeholders that conditions on fields may use."""
        return Scene(self.bound, {"node": self.node}, dated=True)


def cited(matches: Iterable[Match], limit: int = CITED) -> tuple[Match, ...]:
    """The first matches of many, as many as are worth citing."""
    return tuple(islice(matches, limit))


def nodes_meant(on: str, ground: Ground, *, seen: bool = False) -> tuple[str, ...] | None:
    """The nodes that `on` means; None for all, also where there is no node to be the same as.

    With `seen` others are also those that only their peers tell of, such as a `node2` that nobody names.
    """
    on = on or "same"
    if on == "any" or not ground.node:
        return None
    others = ground.facts.subjects if seen else ground.facts.nodes
    return (ground.node,) if on == "same" else tuple(node for node in others if node != ground.node)


def uncovered(on: str, window: Window, ground: Ground, *, peers: bool = False) -> Unknown | None:
    """Why the logs of the nodes meant do not show the whole window, or None if they do."""
    index = ground.facts
    nodes = nodes_meant(on, ground)
    meant = index.nodes if nodes is None or peers else nodes
    bare = [node for node in meant if not index.covers(node, window.low.us, window.high.us)]
    if not bare and meant:
        return None
    if peers and len(bare) < len(meant):
        return None
    if not meant:
        return Unknown("the bundle has no log of another node" if on == "other" else "the bundle has no full log of any node", ground.node)
    node = ground.node if ground.node in bare else bare[0]
    if node not in index.extent:
        told = "has only excerpts of the log" if node in index.in_bundle else "has no log"
        return Unknown(f"the bundle {told} of {node}", node)
    return Unknown(f"the log of {node} does not show the whole time that would have to be looked at", node)
