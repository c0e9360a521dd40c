"""What the logs say of guests, as a few words: stopped, started, ended, moved away; from HA, tasks and qmeventd, of all nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pveforensics.lazyregex import regex
from pveforensics.model import Event, Evidence
from pveforensics.state.view import View
from pveforensics.tasktypes import ENDS, MOVES, STARTS
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

DOWN = frozenset({"fence", "recovery", "error"})
"""States of a service in which its guest does not run (pve-ha-manager:src/PVE/HA/Manager.pm)."""

ENDED = frozenset({"started", "stopped", "request_stop", "freeze", "ignored"})

STOPS = frozenset(
    {"qmstop", "qmshutdown", "qmreboot", "qmdestroy", "qmrollback", "vzstop", "vzshutdown", "vzreboot", "vzdestroy", "vzrollback"}
)
"""Tasks that end a guest on order (UPID types of qemu-server and pve-container)."""

_KINDS = (
    "crm_service_state_changed", "ha_service_recovered", "ha_service_added", "ha_service_started", "ha_service_stop",
    "task.start", "task.end", "task.vm_started", "guest.cleanup", "backup.guest_start", "ha_service_migrate",
)  # fmt: skip
_NODE = regex(r"\bnode = (?P<node>[^,\s)]+)")
_NUMBER = regex(r"[1-9]\d{2,8}", re.ASCII)


class Word(Value, frozen=True):
    """One thing said of a guest.

    `what` is `state` (of the service, from `was` to `to`), `recovered`, `placed`, `started`, `stopped` (on order), `order` (a stop,
    a move or a backup was ordered: `to` tells which), `moved` or `ended` (its process ended, whoever asked). `node` is where.
    """

    at: Instant
    guest: str
    what: str
    node: str = ""
    was: str = ""
    to: str = ""
    evidence: tuple[Evidence, ...] = ()


def words_of(view: View) -> list[Word]:
    """All words by time."""
    known = _containers(view)
    rows = []
    for node in view.nodes:
        for place, (at, event) in enumerate(view.dated(node, *_KINDS)):
            word = _word(view, at, event, known)
            if word is not None:
                rows.append((at.us, node, place, word))
    return [row[3] for row in sorted(rows, key=lambda row: row[:3])]


def _containers(view: View) -> frozenset[str]:
    """Numbers that tasks or HA show to be containers: lines with a bare number do not tell."""
    numbers = set()
    for node in view.nodes:
        for event in view.events_of(node, "task.start", "task.end", "ha_service_started", "crm_service_state_changed"):
            sid = event.fields.get("sid") or ""
            if sid.startswith("ct:"):
                numbers.add(sid[3:])
            elif (event.fields.get("type") or "").startswith("vz") and event.fields.get("type") != "vzdump":
                numbers.add(event.fields.get("tid") or "")
    return frozenset(numbers)


def _word(view: View, at: Instant, event: Event, containers: frozenset[str]) -> Word | None:
    fields, proof = event.fields, event.evidence[:1]
    sid = fields.get("sid") or ""
    match event.kind:
        case "task.start" | "task.end":
            return _of_task(at, event)
        case "crm_service_state_changed" if sid:
            return Word(at, sid, "state", _place(view, event), fields.get("from") or "", fields.get("to") or "", proof)
        case "ha_service_recovered" if sid:
            same = fields.get("node") or ""
            source, target = view.resolve(fields.get("from") or same), view.resolve(fields.get("to") or same)
            return Word(at, sid, "recovered", target, source, target, proof)
        case "ha_service_added" if sid:
            return Word(at, sid, "placed", view.resolve(fields.get("node") or ""), evidence=proof)
        case "ha_service_started" if sid:
            return Word(at, sid, "started" if fields.get("state") == "started" else "stopped", event.node, evidence=proof)
        case "ha_service_stop" if sid:
            return Word(at, sid, "order", event.node, to="stop", evidence=proof)
        case "ha_service_migrate" if sid:
            return Word(at, sid, "order", event.node, to="move", evidence=proof)
    number = fields.get("vmid") or ""
    if not _NUMBER.fullmatch(number):
        return None
    guest = f"{'ct' if number in containers else 'vm'}:{number}"
    match event.kind:
        case "task.vm_started":
            return Word(at, guest, "started", event.node, evidence=proof)
        case "guest.cleanup" if fields.get("what") == "Starting":
            return Word(at, guest, "ended", event.node, evidence=proof)
        case "backup.guest_start":
            return Word(at, guest, "order", event.node, to="backup", evidence=proof)
    return None


def _of_task(at: Instant, event: Event) -> Word | None:
    kind, number = event.fields.get("type") or "", event.fields.get("tid") or ""
    to = what = ""
    if event.kind == "task.start":
        to = "stop" if kind in STOPS else "move" if kind in MOVES else ""
        what = "order" if to else ""
    elif (event.fields.get("status") or "").startswith(("OK", "WARNINGS")):
        what = "started" if kind in STARTS else "moved" if kind in MOVES else "stopped" if kind in ENDS else ""
    if not what or not _NUMBER.fullmatch(number):
        return None
    return Word(at, f"{'ct' if kind.startswith('vz') else 'vm'}:{number}", what, event.node, to=to, evidence=event.evidence[:1])


def _place(view: View, event: Event) -> str:
    found = _NODE.search(event.fields.get("params") or "")
    return view.resolve(found["node"]) if found else ""


ORDER_HOLDS_US = {"stop": 15 * 60 * SECOND, "move": 60 * 60 * SECOND, "backup": 6 * 60 * 60 * SECOND}
"""How long after an order the end of a guest's process is taken to follow from it."""


def deaths(view: View) -> Iterator[tuple[Instant, str, tuple[Evidence, ...]]]:
    """The moments at which nodes went down without a shutdown, by their own logs, and which node."""
    for boot in view.boots:
        if boot.manner == "unclean" and boot.end is not None:
            yield boot.end, boot.node, boot.evidence[-1:]
