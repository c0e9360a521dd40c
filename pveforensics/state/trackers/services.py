"""Daemons that were down by a fault: from systemd's words, the kernel's on crashed processes, and the daemons' own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pveforensics.model import Event, Interval
from pveforensics.state.trackers.service_units import OWN, unit_of, unit_of_process
from pveforensics.state.trackers.spells import Spell, end_of_boot, is_stopping, spoken
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

LOOP_US = 60 * SECOND
"""A unit that fails again so soon after its start never came back: one outage, with restarts."""

STOP_US = 100 * SECOND
"""systemd kills what has not stopped 90 s after it was told to (DefaultTimeoutStopSec)."""

FAILURES = (
    "service.exited",
    "service.failed",
    "service.restart_gave_up",
    "service.timeout",
    "service.start_failed",
    "service.dependency_failed",
    "service_failed",
    "service_state",
    "process.segfault",
    "process.trap",
    "service.daemon_error",
    "pmxcfs_start_failed",
)
RETURNS = ("service.started", "service.daemon_start", "ha_daemon_started", "pmxcfs_cluster_connect", "pmxcfs_quorum_gained")

_ORDERLY = frozenset({"TERM", "HUP", "INT", "PIPE"})
_CRASHES = frozenset({"SEGV", "ABRT", "BUS", "ILL", "FPE", "TRAP", "SYS", "KILL", "QUIT"})
RESULTS = {
    "timeout": "hang",
    "watchdog": "hang",
    "start-limit-hit": "start_limit",
    "signal": "crash",
    "core-dump": "crash",
    "oom-kill": "crash",
}
"""What systemd's result of a unit means; every other one is `failed`."""

_GRAVER = ("unknown", "failed", "hang", "crash", "start_limit")


class _Failure(NamedTuple):
    """What a line says of a unit that failed. `soft` failures do not count while the unit is being stopped."""

    unit: str
    ended: str
    why: str
    soft: bool = False


def track(view: View) -> tuple[Interval, ...]:
    """`service:<unit>@<n>` down.

    Fields: `unit`, `ended` (crash, failed, hang, start_limit), `why`, `restarted` (yes, no), `restarts`, `own` (yes for daemons of Proxmox VE),
    `count`, `closed_by` (started, alive, boot_end).
    """
    found: list[Interval] = []
    for node in view.nodes:
        found += _of_node(view, node)
    return tuple(found)


def _of_node(view: View, node: str) -> Iterator[Interval]:
    spells: dict[str, Spell] = {}
    closed: dict[str, tuple[Spell, Instant, str]] = {}
    stops: dict[str, Instant] = {}
    for at, event in spoken(view, node, *FAILURES, *RETURNS, "service.stopped"):
        if event.kind == "service.stopped":
            _note_stop(stops, at, event)
        elif event.kind in RETURNS:
            unit = _returned(event)
            spell = spells.get(unit)
            if spell is not None and (at is None) == (spell.start is None):
                _return(view, node, spells, closed, unit, at)
        elif (failure := _failure(event)) is not None and failure.unit:
            if is_stopping(view, node, at) or (failure.soft and _stopping(stops, failure.unit, at)):
                continue
            yield from _fail(view, node, spells, closed, failure, at, event)
    for unit, (spell, end, by) in closed.items():
        if unit not in spells:
            yield spell.closed(end, by)
    for spell in spells.values():
        yield _close(view, node, spell)


def _note_stop(stops: dict[str, Instant], at: Instant | None, event: Event) -> None:
    unit = unit_of(event.fields.get("unit") or "", event.fields.get("desc") or "")
    if unit and at is not None and event.fields.get("what") == "Stopping":
        stops[unit] = at


def _stopping(stops: dict[str, Instant], unit: str, at: Instant | None) -> bool:
    since = stops.get(unit)
    return at is not None and since is not None and 0 <= at.us - since.us <= STOP_US


def _fail(
    view: View,
    node: str,
    spells: dict[str, Spell],
    closed: dict[str, tuple[Spell, Instant, str]],
    failure: _Failure,
    at: Instant | None,
    event: Event,
) -> Iterator[Interval]:
    unit = failure.unit
    spell = spells.get(unit)
    if spell is not None and _ended_between(view, node, spell, at):
        yield _close(view, node, spells.pop(unit))
        spell = None
    if spell is None and unit in closed:
        before, end, by = closed.pop(unit)
        if at is not None and at.us - end.us <= LOOP_US:
            before.fields["restarts"] = str(int(before.fields["restarts"]) + 1)
            spell = spells[unit] = before
        else:
            yield before.closed(end, by)
    if spell is None:
        fields = {
            "unit": unit,
            "ended": failure.ended,
            "why": failure.why,
            "restarted": "no",
            "restarts": "0",
            "own": "yes" if unit in OWN else "",
        }
        spell = spells[unit] = Spell(f"service:{unit}@{node}", "down", at, at, fields=fields)
    elif _GRAVER.index(failure.ended) > _GRAVER.index(spell.fields["ended"]):
        spell.fields["ended"] = failure.ended
        if failure.ended == "crash":
            spell.fields["why"] = failure.why
    spell.take(at, event)


def _return(
    view: View, node: str, spells: dict[str, Spell], closed: dict[str, tuple[Spell, Instant, str]], unit: str, at: Instant | None
) -> None:
    spell = spells[unit]
    if _ended_between(view, node, spell, at):
        return
    del spells[unit]
    spell.fields["restarted"] = "yes"
    if at is not None:
        closed[unit] = (spell, at, "started")
    else:
        spells[unit] = spell


def _ended_between(view: View, node: str, spell: Spell, at: Instant | None) -> bool:
    end = end_of_boot(view, node, spell.last)
    return end is not None and at is not None and end.us < at.us


def _close(view: View, node: str, spell: Spell) -> Interval:
    """A unit that nobody saw start again was down to the end of its boot, unless its program wrote another line."""
    end = end_of_boot(view, node, spell.last)
    alive = _alive(view, node, spell)
    if alive is not None and (end is None or alive.us < end.us):
        spell.fields["restarted"] = "yes"
        return spell.closed(alive, "alive")
    return spell.closed(end, "boot_end" if end is not None else "")


def _alive(view: View, node: str, spell: Spell) -> Instant | None:
    unit = spell.fields["unit"]
    program = "pmxcfs" if unit == "pve-cluster" else unit
    if spell.last is None:
        return None
    after = spell.last.us + 2 * SECOND
    spoke = (event.at for event in view.written_by(node, program) if event.at is not None and event.kind not in FAILURES)
    return next((at for at in spoke if at.us > after), None)


def _returned(event: Event) -> str:
    if event.kind == "service.started":
        return unit_of(event.fields.get("unit") or "", event.fields.get("desc") or "")
    return "pve-cluster" if event.kind.startswith("pmxcfs") else unit_of(event.program.lower())


def _failure(event: Event) -> _Failure | None:
    """What the event says, if it says that a unit that matters failed."""
    fields = event.fields
    text = event.evidence[0].text if event.evidence else ""
    match event.kind:
        case "process.segfault" | "process.trap":
            return _Failure(
                unit_of_process(fields.get("process") or ""), "crash", "the kernel stopped it: invalid memory access or instruction"
            )
        case "service.exited":
            return _exited(
                unit_of(fields.get("unit") or ""), fields.get("code") or "", fields.get("status") or "", fields.get("name") or "", fields
            )
        case "service_failed" if event.signature == "pmxcfs.unit_killed":
            if fields.get("code"):
                number, _, name = (fields.get("status") or "").partition("/")
                return _exited("pve-cluster", fields.get("code") or "", number, name, {})
            return _Failure("pve-cluster", "hang", "it did not stop in time and was killed")
        case "service_state":
            bad = fields.get("result") or ("signal" if "code=killed" in text or "code=dumped" in text else "")
            return _Failure("watchdog-mux", RESULTS.get(bad, "failed"), f"result '{bad}'") if bad and "status=15/TERM" not in text else None
        case "service.failed":
            result = fields.get("result") or ""
            ended = RESULTS.get(result, "failed")
            return _Failure(unit_of(fields.get("unit") or ""), ended, f"result '{result or 'unknown'}'", soft=ended in ("failed", "crash"))
        case "service.restart_gave_up":
            return _Failure(unit_of(fields.get("unit") or ""), "start_limit", "it failed too often in a row")
        case "service.timeout":
            return _Failure(unit_of(fields.get("unit") or ""), "hang", "it did not answer in time")
        case "service.start_failed":
            return _Failure(unit_of(fields.get("unit") or "", fields.get("desc") or ""), "failed", "it could not be started")
        case "service.dependency_failed":
            unit = unit_of(fields.get("unit") or "", fields.get("desc") or "")
            return _Failure(unit, "failed", "it was not started, as another unit that it needs had failed")
        case "service.daemon_error" if fields.get("reason"):
            return _Failure(unit_of(event.program.lower()), "failed", f"start failed: {fields['reason']}"[:200])
        case "pmxcfs_start_failed" if "crit:" in text:
            return _Failure("pve-cluster", "failed", text.partition("crit: ")[2][:200])
    return None


def _exited(unit: str, code: str, number: str, name: str, fields: object) -> _Failure | None:
    """How a main process ended; None for an orderly end and for control processes (reload, pre-start)."""
    if isinstance(fields, dict) and fields.get("which") == "Control":
        return None
    if code == "exited":
        return (
            None
            if number == "0"
            else _Failure(unit, "failed", f"its process exited with status {number}{'/' + name if name else ''}", soft=True)
        )
    if name in _ORDERLY:
        return None
    why = f"its process was killed by {name or 'signal ' + number}" + (" and dumped core" if code == "dumped" else "")
    return _Failure(unit, "crash" if name in _CRASHES or code == "dumped" else "unknown", why, soft=name == "KILL")
