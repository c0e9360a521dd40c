"""Lost quorum and lost peers that only quotes without a stamp tell: that it happened is known, when is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.machine import DISCONNECTED, corosync_of
from pveforensics.state.trackers import quorum
from pveforensics.state.trackers.quorum import GAINED, LOST
from pveforensics.state.view import View

_LOSSES = ("totem_token_lost", "totem_leave_not_received", "knet_link_down")
_STORM = "totem_retransmit"
_STORM_LINES = 5
_ORDERLY = frozenset({"corosync_started", "corosync_shutdown", "corosync_stopping", "corosync_stopped", "corosync_node_shutdown_announced"})
"""Lines after which a lost link or token is the noise of a start or of an orderly stop."""

_NEAR_LINES = 40


def track(view: View) -> tuple[Interval, ...]:
    """`node:<n>` inquorate and network_trouble without edges, for nodes of whose corosync no dated line is at hand."""
    found: list[Interval] = []
    for node in view.nodes:
        if any(event.at is not None for event in corosync_of(view, node)):
            continue
        dated = any(True for _ in view.dated(node, *LOST, *GAINED))
        quoted = [event for event in view.events_of(node) if event.at is None and event.evidence]
        for path in sorted({event.evidence[0].path for event in quoted}):
            own = sorted((event for event in quoted if event.evidence[0].path == path), key=_line)
            quoted_loss = [] if dated else [each for each in _quorum(node, own) if not _is_told(view, node)]
            found += [*quoted_loss, *_network(view, node, own)]
    return tuple(found)


def _is_told(view: View, node: str) -> bool:
    """True if dated lines already open a window for the node, such as one that starts without quorum."""
    return any(each.node == node and each.state == "inquorate" for each in quorum.track(view))


def _quorum(node: str, quoted: list[Event]) -> Iterator[Interval]:
    """One window of unknown edges if the loss is told and is not pmxcfs' word on its own corosync having gone."""
    kinds = {event.kind for event in quoted}
    if "corosync_quorum_lost" not in kinds and (DISCONNECTED in kinds or kinds & _ORDERLY):
        return
    losses = [event for event in quoted if event.kind in LOST]
    if not losses:
        return
    back = [event for event in quoted if event.kind in GAINED and _line(event) > max(map(_line, losses))]
    fields = {"opened_by": "quote", "closed_by": "gained" if back else "", "members": "", "votes": "", "expected": "", "needed": ""}
    yield Interval(f"node:{node}", "inquorate", None, None, fields, _lines((*losses, *back)))


def _network(view: View, node: str, quoted: list[Event]) -> Iterator[Interval]:
    """The peers that the quotes name as lost, unless a start or an orderly stop stands beside them."""
    calm = [_line(event) for event in quoted if event.kind in _ORDERLY]
    losses = [event for event in quoted if event.kind in _LOSSES and not any(0 <= _line(event) - line <= _NEAR_LINES for line in calm)]
    storm = [event for event in quoted if event.kind == _STORM]
    told = losses or (storm if sum(event.count for event in storm) >= _STORM_LINES else [])
    if not told:
        return
    peers = sorted({view.resolve(word) for event in losses for word in _named(event)} - {node})
    fields = {
        "reporters": node, "peers": " ".join(peers), "links": "", "flaps": "0", "memberships": "0", "token_warnings": "0",
        "token_losses": str(sum(event.count for event in losses if event.kind == "totem_token_lost")),
        "retransmits": str(sum(event.count for event in storm)), "redundancy": "unknown", "quorum": "unknown",
        "shape": "unknown" if losses else "storm", "explained_by": "", "decided": "no", "nic": "",
    }  # fmt: skip
    for each in (node, *peers) if len(peers) == 1 else (node,):
        yield Interval(f"node:{each}", "network_trouble", None, None, fields, _lines(told))


def _named(event: Event) -> list[str]:
    return (event.fields.get("failed") or event.fields.get("node") or "").split()


def _line(event: Event) -> int:
    return event.evidence[0].line


def _lines(events: Iterable[Event]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(event.evidence[0] for event in events))[:6]
