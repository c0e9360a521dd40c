"""High availability as a whole: the LRM and CRM of each node, the master, the nodes declared lost, the guests."""

from __future__ import annotations

from pveforensics.model import Interval
from pveforensics.state.trackers import crm, guests, ha_dumps, lrm
from pveforensics.state.view import View


def track(view: View) -> tuple[Interval, ...]:
    """`ha:<n>` states, armed and dead, `crm:<n>`, `ha:master`, `node:<n>` fence_claimed and last_word, `guest:<sid>` down and error."""
    return (*lrm.track(view), *crm.track(view), *guests.track(view), *ha_dumps.track(view))
