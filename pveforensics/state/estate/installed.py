"""Which versions of the packages that an outage may hang on each node had, and the kernel that it ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.model import Interval
from pveforensics.state.estate import Estate
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.view import View

TOLD = frozenset(
    {"corosync", "libknet1", "libknet1t64", "pve-cluster", "pve-ha-manager", "pve-qemu-kvm", "qemu-server", "zfsutils-linux", "libpve-guest-common-perl"}
)  # fmt: skip
"""Packages that are told: those that rules ask for, or may."""


def track(view: View, _: Estate, __: Sequence[Interval]) -> tuple[Interval, ...]:
    """`package:<name>@<n>` installed, with open edges: as `pveversion -v` showed it when the bundle was made. Fields: `package`, `version`."""
    found: dict[str, Interval] = {}
    for each in _installed(view):
        found.setdefault(each.subject, each)
    return tuple(found.values())


def _installed(view: View) -> Iterator[Interval]:
    for dump in view.timeline.snapshots:
        if dump.kind != "pveversion":
            continue
        for row in dump.rows:
            if row["package"] in TOLD and row["version"][:1].isdigit():
                line = row_evidence(dump, row)
                fields = {"package": row["package"], "version": row["version"]}
                yield Interval(
                    f"package:{row['package']}@{dump.node}", "installed", None, None, fields, (line,) if line is not None else ()
                )
