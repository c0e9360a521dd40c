"""Guests that ran on two nodes at once: started on one while their process on another had not ended."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.view import View
from pveforensics.tasktypes import MOVES
from pveforensics.timebase import SECOND, Instant

SLACK_S = 30.0
"""More than the errors of both clocks, so that a start and an end of one restart elsewhere never seem to overlap."""

MOVE_US = 6 * 3600 * SECOND
"""During a migration both nodes have a process by right: source until its end, target from the beginning."""

_UNIT = regex(r"(?:(?P<vm>[1-9]\d{2,8})\.scope|pve-container@(?P<ct>[1-9]\d{2,8})\.service)", re.ASCII)
_NUMBER = regex(r"[1-9]\d{2,8}", re.ASCII)


class Sign(NamedTuple):
    """A guest's process began or ended on a node, or a move was ordered."""

    at: Instant
    node: str
    what: str
    line: tuple[Evidence, ...]


def track(view: View) -> tuple[Interval, ...]:
    """`guest:<sid>@<second node>` doubled, from the start on the second node to the end on the first. Fields: `guest`, `vmid`, `other`."""
    signs: dict[str, list[Sign]] = defaultdict(list)
    for node in view.nodes:
        for at, event in view.dated(node, *_KINDS):
            sid, what = _sign(event)
            if sid:
                signs[sid].append(Sign(at, node, what, event.evidence[:1]))
    return tuple(
        interval
        for sid, found in sorted(signs.items())
        if len({each.node for each in found}) > 1
        for interval in _of_guest(view, sid, found)
    )


_KINDS = ("task.vm_started", "task.start", "task.end", "ha_service_started", "ha_service_migrate", "guest.cleanup", "noise.unit_done")


def _sign(event: Event) -> tuple[str, str]:
    """The guest, and what became of its process: started, ended or moving; two empty words for other events."""
    fields = event.fields
    match event.kind:
        case "task.start" | "task.end":
            return _of_task(event)
        case "ha_service_started" if fields.get("state") == "started":
            return fields.get("sid") or "", "started"
        case "ha_service_migrate":
            return fields.get("sid") or "", "moving"
        case "task.vm_started" if _NUMBER.fullmatch(fields.get("vmid") or ""):
            return f"vm:{fields['vmid']}", "started"
        case "guest.cleanup" if fields.get("what") == "Starting" and _NUMBER.fullmatch(fields.get("vmid") or ""):
            return f"vm:{fields['vmid']}", "ended"
        case "noise.unit_done" if found := _UNIT.fullmatch(fields.get("unit") or ""):
            return (f"vm:{found['vm']}" if found["vm"] else f"ct:{found['ct']}"), "ended"
    return "", ""


def _of_task(event: Event) -> tuple[str, str]:
    fields = event.fields
    kind = fields.get("type") or ""
    if kind in MOVES or kind == "hamigrate":
        what = "moving"
    elif kind in ("qmstart", "vzstart") and event.kind == "task.end" and (fields.get("status") or "").startswith(("OK", "WARNINGS")):
        what = "started"
    else:
        return "", ""
    if not _NUMBER.fullmatch(fields.get("tid") or ""):
        return "", ""
    return f"{'ct' if kind.startswith('vz') else 'vm'}:{fields['tid']}", what


def _of_guest(view: View, sid: str, signs: list[Sign]) -> Iterator[Interval]:
    """One sweep: each end of a process that began on its node in the same boot is held against the latest starts on the others."""
    moves = [each.at.us for each in sorted(signs, key=_when) if each.what == "moving"]
    running: dict[str, Sign] = {}
    latest: dict[str, Sign] = {}
    told: set[Sign] = set()
    for sign in sorted(signs, key=_when):
        if sign.what == "started":
            latest[sign.node] = sign
            running.setdefault(sign.node, sign)
        elif sign.what == "ended" and (since := running.pop(sign.node, None)) is not None and _one_boot(view, since, sign):
            for node, start in latest.items():
                if node == sign.node or start in told or not _overlaps(since, start, sign):
                    continue
                if not _moved(moves, start.at, sign.at) and _is_exact(view, start):
                    told.add(start)
                    fields = {"guest": sid, "vmid": sid.partition(":")[2], "other": sign.node}
                    lines = tuple(dict.fromkeys((*since.line, *start.line, *sign.line)))
                    yield Interval(f"guest:{sid}@{node}", "doubled", start.at, sign.at, fields, lines)


def _when(sign: Sign) -> tuple[int, str]:
    return sign.at.us, sign.node


def _one_boot(view: View, since: Sign, end: Sign) -> bool:
    """True if no boot of the node began between: a process does not outlive one."""
    return not any(boot.start is not None and since.at.us < boot.start.us <= end.at.us for boot in view.boots_of(end.node))


def _overlaps(since: Sign, start: Sign, end: Sign) -> bool:
    doubt = SLACK_S + (start.at.error_us + end.at.error_us) / SECOND
    return start.at.seconds_since(since.at) > doubt and end.at.seconds_since(start.at) > doubt


def _moved(moves: list[int], start: Instant, end: Instant) -> bool:
    place = bisect_right(moves, end.us)
    return place > 0 and moves[place - 1] >= start.us - MOVE_US


def _is_exact(view: View, start: Sign) -> bool:
    """False if the second node's own clock stepped or its zone is a guess: then its stamps prove no order."""
    return start.at.error_us <= SLACK_S * SECOND and not any(
        each.subject == f"clock:{start.node}" and each.state == "stepped" for each in view.timeline.clock_states
    )
