"""Guests under HA that were down: from the CRM's word that their node or they failed, to started again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.view import View
from pveforensics.timebase import Instant

DOWN = frozenset({"fence", "recovery", "error"})
"""States of a service in which its guest does not run (pve-ha-manager:src/PVE/HA/Manager.pm)."""

ENDED = frozenset({"started", "stopped", "request_stop", "freeze", "ignored"})

_NODE = re.compile(r"\bnode = (?P<node>[^,\s)]+)")


@dataclass(slots=True)
class _Down:
    """A guest while it is down."""

    since: Instant | None
    state: str
    before: str = ""
    after: str = ""
    evidence: list[Evidence] = field(default_factory=list)


def track(view: View) -> tuple[Interval, ...]:
    """`guest:<sid>` down."""
    found: list[Interval] = []
    down: dict[str, _Down] = {}
    homes: dict[str, str] = {}
    for at, event in _words(view):
        sid = event.fields.get("sid") or ""
        if not sid:
            continue
        if event.kind == "ha_service_recovered":
            _recovered(view, down.setdefault(sid, _Down(None, "recovery")), event, homes.get(sid, ""))
        elif event.kind == "ha_service_added":
            homes[sid] = view.resolve(event.fields.get("node") or "")
        else:
            found += _change(view, at, event, down, homes)
    found += [_interval(sid, guest, None, "") for sid, guest in down.items()]
    return tuple(found)


def _words(view: View) -> list[tuple[Instant, Event]]:
    kinds = ("crm_service_state_changed", "ha_service_recovered", "ha_service_added")
    words = [(at, place, event) for node in view.nodes for place, (at, event) in enumerate(view.dated(node, *kinds))]
    return [(at, event) for at, _, event in sorted(words, key=lambda word: (word[0].us, word[2].node, word[1]))]


def _change(view: View, at: Instant, event: Event, down: dict[str, _Down], homes: dict[str, str]) -> Iterator[Interval]:
    sid = event.fields.get("sid") or ""
    before, after = event.fields.get("from") or "", event.fields.get("to") or ""
    place = _place(view, event)
    if before in DOWN and sid not in down:
        down[sid] = _Down(None, before, homes.get(sid, ""), evidence=list(event.evidence[:1]))
    if after in DOWN:
        guest = down.setdefault(sid, _Down(at, after, homes.get(sid, "") or place))
        guest.state = after
        guest.evidence.extend(event.evidence[:1])
    elif after in ENDED and sid in down:
        guest = down.pop(sid)
        guest.evidence.extend(event.evidence[:1])
        guest.after = place or guest.after
        yield _interval(sid, guest, at, after)
    if place and after not in DOWN:
        homes[sid] = place


def _place(view: View, event: Event) -> str:
    found = _NODE.search(event.fields.get("params") or "")
    return view.resolve(found["node"]) if found else ""


def _recovered(view: View, guest: _Down, event: Event, home: str) -> None:
    same = event.fields.get("node") or ""
    guest.before = view.resolve(event.fields.get("from") or same) or guest.before or home
    guest.after = view.resolve(event.fields.get("to") or same)
    guest.evidence.extend(event.evidence[:1])


def _interval(sid: str, guest: _Down, end: Instant | None, closed_by: str) -> Interval:
    fields = {
        "node_before": guest.before,
        "node_after": guest.after if end is not None else "",
        "state": guest.state,
        "closed_by": closed_by,
    }
    return Interval(f"guest:{sid}", "down", guest.since, end, fields, tuple(dict.fromkeys(guest.evidence))[:4])
