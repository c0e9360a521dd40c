"""Runs of storage replication: those that failed, and those whose log has no end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pveforensics.lazyregex import regex
from pveforensics.model import Event, Interval
from pveforensics.state.trackers.spells import Spell, end_of_boot, goes_on, spoken
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

FAILED = "replication.job_failed"
REFUSED = ("replication.config_error", "replication.clock_problem", "replication.location_conflict", "replication.target_full")
"""What a daemon's line says in place of FAILED where the reason has a signature of its own; in a job's own log the end follows."""

DIVERGED = "replication.divergence"
RUN = (
    "replication.run_start",
    "replication.run_guest",
    "replication.run_volumes",
    "replication.snapshot_create",
    "replication.sync_full",
    "replication.sync_incremental",
    "replication.remote_output",
    "replication.run_ok",
)

QUIET_US = 3600 * SECOND
"""A job that failed is tried again after 5 to 30 minutes (pve-guest-common:src/PVE/ReplicationState.pm); after an hour of silence it worked."""

CAUSES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("diverged", regex(r"No common base|does not match|most recent snapshot|incremental source|base snapshot '[^']+' doesn't exist|already exists|has been modified")),
    ("target_full", regex(r"out of space|quota exceeded|No space left")),
    ("no_quorum", regex(r"no quorum|cfs-lock|cluster not ready|Permission denied.*/etc/pve")),
    ("unreachable", regex(r"exit code 255|No route to host|Connection (?:refused|timed out|reset|closed)|Network is unreachable|Host key verification|no result|broken pipe", re.IGNORECASE)),
    ("clock", regex(r"start time before last sync")),
    ("location", regex(r"guest '\d+' is on local node")),
    ("configuration", regex(r"missing replicate feature|unable to replicate|is not available on node|does not exist|is not replicatable|is disabled")),
    ("busy", regex(r"can't lock file|got timeout|is locked|dataset is busy")),
)  # fmt: skip
"""What an error text points to; the first that fits."""


def track(view: View) -> tuple[Interval, ...]:
    """`job:<id>@<n>` failed and unfinished.

    Fields of both: `jobid`, `guest`. Of `failed`: `error`, `cause` (diverged, target_full, no_quorum, unreachable, clock, location, configuration,
    busy or unknown), `count`, `closed_by`. Of `unfinished`: `last` (what the last line tells), `died` (yes if the node's boot ended after it).
    """
    found: list[Interval] = []
    for node in view.nodes:
        found += _failures(view, node)
        found += _unfinished(view, node)
    return tuple(found)


def cause_of(error: str) -> str:
    """What an error text of a job points to."""
    return next((name for name, pattern in CAUSES if pattern.search(error)), "unknown")


def _failures(view: View, node: str) -> Iterator[Interval]:
    spells: dict[str, Spell] = {}
    jobs: dict[str, str] = {}
    for at, event in spoken(view, node, FAILED, DIVERGED, *REFUSED, *RUN):
        jobid = event.fields.get("jobid") or ""
        if event.kind in RUN or event.kind == DIVERGED or (event.kind in REFUSED and not (event.program and jobid)):
            if event.evidence and jobid:
                jobs[event.evidence[0].path] = jobid
            continue
        spell = spells.get(jobid)
        if spell is not None and _over(spell, at):
            yield spells.pop(jobid).closed(spell.last, "quiet")
            spell = None
        error = event.fields.get("error") or _reason(event)
        if spell is None:
            fields = {"jobid": jobid, "guest": jobid.partition("-")[0], "error": error[:300], "cause": cause_of(error)}
            spell = spells[jobid] = Spell(f"job:{jobid}@{node}", "failed", at, at, fields=fields)
        elif spell.fields["cause"] == "unknown":
            spell.fields.update(error=error[:300], cause=cause_of(error))
        spell.take(at, event)
    for spell in spells.values():
        quiet, end = goes_on(view, node, spell.last, QUIET_US), end_of_boot(view, node, spell.last)
        yield spell.closed(spell.last if quiet else end, "quiet" if quiet else "boot_end" if end else "")


def _reason(event: Event) -> str:
    """The reason in a line that has no field for it: what stands behind `replication job error - `."""
    text = event.evidence[0].text if event.evidence else ""
    return text.partition("replication job error - ")[2]


def _over(spell: Spell, at: Instant | None) -> bool:
    if at is None or spell.last is None:
        return False
    return at.us - spell.last.us > QUIET_US


def _unfinished(view: View, node: str) -> Iterator[Interval]:
    """The log of a job holds its last run alone; without an end the run was cut, goes on, or the copy of the log is cut."""
    runs: dict[tuple[str, str], list[tuple[Instant | None, Event]]] = {}
    for at, event in spoken(view, node, *RUN, FAILED):
        jobid = event.fields.get("jobid") or ""
        if jobid and event.evidence and not event.program:
            runs.setdefault((event.evidence[0].path, jobid), []).append((at, event))
    for (_, jobid), lines in runs.items():
        if any(event.kind in (FAILED, "replication.run_ok") for _, event in lines):
            continue
        first, (last, event) = lines[0][0], lines[-1]
        died = end_of_boot(view, node, last)
        fields = {"jobid": jobid, "guest": jobid.partition("-")[0], "last": event.kind.partition(".")[2], "died": "yes" if died else ""}
        yield Interval(f"job:{jobid}@{node}", "unfinished", first, None, fields, (*lines[0][1].evidence[:1], *event.evidence[:1]))
