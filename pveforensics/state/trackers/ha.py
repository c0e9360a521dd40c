"""High availability as a whole: the LRM and CRM of each node, the master, and the nodes that were declared lost."""

from __future__ import annotations

from pveforensics.model import Interval
from pveforensics.state.trackers import crm, lrm
from pveforensics.state.view import View


def track(view: View) -> tuple[Interval, ...]:
    """`ha:<n>` states and armed, `crm:<n>`, `ha:master`, `node:<n>` fence_claimed."""
    return (*lrm.track(view), *crm.track(view))
