"""The trackers: each makes the intervals of one kind from the view."""

from __future__ import annotations

from collections.abc import Callable

from pveforensics.model import Boot, Interval
from pveforensics.state.trackers import (
    bmc,
    disks,
    doubles,
    ha,
    links,
    locks,
    membership,
    network,
    node_life,
    pmxcfs,
    quorum,
    replication,
    resources,
    services,
    storage,
    tasks,
    undated,
    watchdog,
)
from pveforensics.state.view import View

Tracker = Callable[[View], tuple[Interval, ...]]

BOOTS: Callable[[View], tuple[Boot, ...]] = node_life.boots
"""Runs first: what the others read stands in the view's boots."""

TRACKERS: tuple[tuple[str, Tracker], ...] = (
    ("node life", node_life.track),
    ("quorum", quorum.track),
    ("membership", membership.track),
    ("links", links.track),
    ("network", network.track),
    ("quotes without a stamp", undated.track),
    ("HA", ha.track),
    ("watchdog", watchdog.track),
    ("BMC", bmc.track),
    ("storage", storage.track),
    ("services", services.track),
    ("cluster file system", pmxcfs.track),
    ("resources", resources.track),
    ("disks", disks.track),
    ("guests on two nodes", doubles.track),
    ("tasks", tasks.track),
    ("replication", replication.track),
    ("locks", locks.track),
)
