"""Changes of packages that were not finished: runs that broke off, packages that dpkg could not set up, and ones that are half there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pveforensics.model import Evidence, Interval, Snapshot
from pveforensics.state.estate import Estate
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.trackers.boot_records import moment
from pveforensics.state.trackers.spells import end_of_boot
from pveforensics.state.view import View
from pveforensics.timebase import Instant

NEEDED = frozenset({"proxmox-ve", "pve-manager", "pve-cluster", "corosync", "pve-ha-manager", "qemu-server", "pve-container"})
"""Packages without which a node of Proxmox VE does not work; of the others `pveversion -v` says the same if they were never installed."""


def track(view: View, _: Estate, __: Sequence[Interval]) -> tuple[Interval, ...]:
    """`packages:<how>@<n>` broken.

    Fields: `how` (cut: the run broke off; failed: dpkg could not set packages up; half: they were left half set up; missing), `packages`, `why`,
    `command`.
    """
    return tuple(each for node in view.nodes for part in (_cut, _failed, _half, _missing) for each in part(view, node))


def _interval(
    node: str, how: str, start: Instant | None, packages: str, why: str, lines: Sequence[Evidence | None], command: str = ""
) -> Interval:
    fields = {"how": how, "packages": packages[:300], "why": why[:300], "command": command[:200]}
    return Interval(f"packages:{how}@{node}", "broken", start, None, fields, tuple(line for line in lines if line is not None))


def _cut(view: View, node: str) -> Iterator[Interval]:
    """Runs of apt without an end, if something shows that they ended all the same: a later run, or the end of the boot."""
    runs: dict[str, list[tuple[Snapshot, Mapping[str, str]]]] = {}
    for dump in view.snapshots_of(node, "apt_history"):
        for row in dump.rows:
            runs.setdefault(row["start"], []).append((dump, row))
    for start, rows in runs.items():
        if any(row.get("end") for _, row in rows):
            continue
        at = moment(view, node, start)
        died = end_of_boot(view, node, at)
        if died is None and not any(other > start for other in runs):
            continue  # it may have gone on while the bundle was made
        names = ", ".join(dict.fromkeys(row["package"] for _, row in rows))
        why = "the node went down in the middle of it" if died is not None else "it never came to its end"
        yield _interval(node, "cut", at, names, why, [row_evidence(*rows[0])], rows[0][1].get("command", ""))


def _failed(view: View, node: str) -> Iterator[Interval]:
    """The last run of apt, if dpkg could not process packages in it: what came after may have mended what failed before."""
    runs = [(row["start"], dump, row) for dump in view.snapshots_of(node, "apt_term") for row in dump.rows]
    last = max(runs, key=lambda run: run[0], default=None)
    if last is not None and last[2]["packages"]:
        start, dump, row = last
        yield _interval(
            node, "failed", moment(view, node, start), row["packages"].replace(" ", ", "), row["error"], [row_evidence(dump, row)]
        )


def _half(view: View, node: str) -> Iterator[Interval]:
    """What the newest dpkg.log leaves half done."""
    dumps = [dump for dump in view.snapshots_of(node, "dpkg_log") if dump.fields.get("last")]
    newest = max(dumps, key=lambda dump: dump.fields["last"], default=None)
    if newest is not None and newest.fields.get("cut"):
        names = newest.fields["cut"].replace(" ", ", ")
        at = moment(view, node, newest.fields["last"])
        died = end_of_boot(view, node, at)
        if died is not None:
            yield _interval(node, "half", at, names, "the node went down while they were set up", newest.evidence[:1])


def _missing(view: View, node: str) -> Iterator[Interval]:
    for dump in view.snapshots_of(node, "pveversion"):
        rows = [row for row in dump.rows if row["package"] in NEEDED and not row["version"][:1].isdigit()]
        if rows:
            names = ", ".join(row["package"] for row in rows)
            yield _interval(
                node, "missing", None, names, f"pveversion says: {rows[0]['version']}", [row_evidence(dump, row) for row in rows]
            )
            return
