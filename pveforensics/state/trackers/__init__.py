"""The trackers: each makes the intervals of one kind from the view."""

from __future__ import annotations

from collections.abc import Callable

from pveforensics.model import Boot, Interval
from pveforensics.state.trackers import links, membership, network, quorum
from pveforensics.state.view import View

Tracker = Callable[[View], tuple[Interval, ...]]


def no_boots(_view: View) -> tuple[Boot, ...]:
    """The boots while nothing reads them."""
    return ()


BOOTS: Callable[[View], tuple[Boot, ...]] = no_boots

TRACKERS: tuple[tuple[str, Tracker], ...] = (
    ("quorum", quorum.track),
    ("membership", membership.track),
    ("links", links.track),
    ("network", network.track),
)
