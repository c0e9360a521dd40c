"""Trouble of the cluster file system while corosync runs and the node has quorum: pve-cluster itself, not what it stands on."""

from __future__ import annotations

from collections.abc import Iterator

from pveforensics.model import Event, Interval
from pveforensics.state.machine import runs_of
from pveforensics.state.moments import Spans
from pveforensics.state.trackers.quorum import inquorate
from pveforensics.state.trackers.spells import Spell, end_of_boot, goes_on, is_starting, is_stopping, spoken
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

WORDS = {
    "pmxcfs_cpg_failed": "it could not send to its peers",
    "pmxcfs_internal_error": "it gave up its cluster connection after an internal error",
    "pmxcfs_version_error": "a peer speaks a newer protocol",
    "pmxcfs_data_divergence": "its data differed from its peers'",
    "pmxcfs_db_error": "its database could not be used",
    "ha_cluster_fs_unavailable": "the HA daemons could not update from it",
    "ha_round_skipped": "the HA daemons met an inconsistent cluster state",
}
"""What is said of it, by kind."""

ALONE = frozenset({"pmxcfs_internal_error", "pmxcfs_version_error", "pmxcfs_data_divergence", "pmxcfs_db_error"})
"""One such line is enough; the others come singly whenever a ring is formed anew."""

REFUSED = "pmxcfs_ipc_failed"
GONE = frozenset({"Connection refused", "Transport endpoint is not connected"})
"""What clients say of a pmxcfs that does not run (pve-cluster:src/PVE/IPCC.xs)."""

REFUSED_US = 20 * SECOND
"""A restart by an upgrade takes a few seconds."""

SUPPORT = ("lrm_status_write_failed",)
HEALED = ("pmxcfs_sync_done",)

QUIET_US = 120 * SECOND
"""The HA daemons work in rounds of 5 to 10 s, the simulator's in rounds of 20 s."""

ENOUGH = 3
SETTLES_US = 3 * SECOND


def track(view: View) -> tuple[Interval, ...]:
    """`service:pve-cluster@<n>` blocked.

    Fields: `unit`, `how` (stuck or refused), `why`, `count`, `alone` (yes if one line proves it), `support` (lines of others that suffered),
    `closed_by` (synced, quiet, boot_end).
    """
    return tuple(interval for node in view.nodes for each in (_of_node, _refused) for interval in each(view, node))


def _refused(view: View, node: str) -> Iterator[Interval]:
    """Spells in which its clients found nobody: not at boot and shutdown, and longer than a restart takes."""
    spell: Spell | None = None
    for at, event in spoken(view, node, REFUSED):
        if event.fields.get("error") not in GONE or is_stopping(view, node, at) or is_starting(view, node, at):
            continue
        if spell is not None and _over(view, node, spell, at):
            yield from _made_refused(spell, spell.last, "quiet")
            spell = None
        if spell is None:
            fields = {"unit": "pve-cluster", "how": "refused", "why": "its clients were refused", "alone": "", "support": "0"}
            spell = Spell(f"service:pve-cluster@{node}", "blocked", at, at, fields=fields)
        spell.take(at, event)
    if spell is not None:
        end = end_of_boot(view, node, spell.last)
        quiet = goes_on(view, node, spell.last, QUIET_US)
        yield from _made_refused(spell, spell.last if quiet else end, "quiet" if quiet else "boot_end" if end else "")


def _made_refused(spell: Spell, end: Instant | None, by: str) -> Iterator[Interval]:
    long = spell.start is None or spell.last is None or spell.last.us - spell.start.us >= REFUSED_US
    if spell.count >= ENOUGH and long:
        yield spell.closed(end, by)


def _of_node(view: View, node: str) -> Iterator[Interval]:
    spell: Spell | None = None
    for at, event in spoken(view, node, *WORDS, *SUPPORT, *HEALED):
        if spell is not None and _over(view, node, spell, at):
            yield from _made(spell, spell.last, "quiet")
            spell = None
        if event.kind in HEALED:
            if spell is not None and at is not None and event.fields.get("domain") != "status":
                yield from _made(spell, at, "synced")
                spell = None
            continue
        if event.kind in SUPPORT:
            if spell is not None and "busy" in (event.fields.get("error") or ""):
                spell.fields["support"] = str(int(spell.fields["support"]) + event.count)
            continue
        if _explained(view, node, at, event):
            continue
        if spell is None:
            fields = {"unit": "pve-cluster", "how": "stuck", "why": WORDS[event.kind], "alone": "", "support": "0"}
            spell = Spell(f"service:pve-cluster@{node}", "blocked", at, at, fields=fields)
        if event.kind in ALONE:
            spell.fields.update(alone="yes", why=WORDS[event.kind])
        spell.take(at, event)
    if spell is not None:
        end = end_of_boot(view, node, spell.last)
        quiet = goes_on(view, node, spell.last, QUIET_US)
        yield from _made(spell, spell.last if quiet else end, "quiet" if quiet else "boot_end" if end else "")


def _over(view: View, node: str, spell: Spell, at: Instant | None) -> bool:
    if at is None or spell.last is None:
        return spell.last is not None
    end = end_of_boot(view, node, spell.last)
    return at.us - spell.last.us > QUIET_US or (end is not None and end.us < at.us)


def _made(spell: Spell, end: Instant | None, by: str) -> Iterator[Interval]:
    if spell.count >= ENOUGH or spell.fields["alone"]:
        yield spell.closed(end, by)


def _explained(view: View, node: str, at: Instant | None, event: Event) -> bool:
    """True if the node had no quorum or no corosync then, or was on its way up or down."""
    if event.kind in ALONE:
        return False
    if at is None:
        return True
    if is_stopping(view, node, at) or is_starting(view, node, at):
        return True
    windows = view.once(("inquorate spans", node), lambda: Spans.of(inquorate(view, node)))
    if windows.at(at.us) is not None or windows.at(at.us - SETTLES_US) is not None:
        return True
    runs = runs_of(view, node)
    if not runs:
        return False
    return not any((run.start is None or run.start.us + SETTLES_US <= at.us) and (run.end is None or at.us < run.end.us) for run in runs)
