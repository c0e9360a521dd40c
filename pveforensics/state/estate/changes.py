"""What was changed on the nodes, and when: packages, kernels, corosync.conf, files of /etc/pve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pveforensics.lazyregex import regex
from pveforensics.model import Change, Evidence, Interval, Snapshot
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.trackers.boot_records import moment
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

MOST = 2_000

FLAGGED = regex(
    r"(?:corosync|libknet\S*|libnozzle\S*|libqb\S*|libc(?:pg|map|fg|orosync\S*)\S*|libvotequorum\S*|pve-cluster|libpve-cluster-perl|pve-ha-manager"
    r"|zfsutils-linux|zfs-initramfs|libzfs\S*|libpve-storage-perl|ceph(?:-common|-osd|-mon|-mgr|-base)?|open-iscsi|multipath-tools|lvm2|nfs-common"
    r"|ifupdown2|openvswitch-switch|libpve-network-perl|frr\S*|pve-qemu-kvm|qemu-server|pve-container|lxc-pve|pve-manager|pve-firewall|systemd|udev|chrony"
    r"|intel-microcode|amd64-microcode|pve-firmware|proxmox-ve)$"
)
"""Packages whose change alone is worth a line: cluster, HA, storage, network, guests, base."""

KERNEL = regex(r"(?:pve|proxmox)-kernel-(?P<version>\d\S*?)-pve(?:-signed)?$")
"""A kernel by its package's name, before and since PVE 8."""

CONFIGURED = regex(
    r"(?:corosync\.conf|storage\.cfg|datacenter\.cfg|replication\.cfg|jobs\.cfg|ha/(?:resources|groups|rules|fence)\.cfg|sdn/\S+\.cfg|firewall/cluster\.fw|nodes/[^/]+/host\.fw)$"
)
"""Files of /etc/pve whose last change matters for an outage; config.db tells it for each."""


def changes(view: View, intervals: Sequence[Interval]) -> tuple[Change, ...]:
    """All of them by time, the newest ones if there are too many; those that cannot be dated last."""
    every = [*_packages(view), *_kernels(intervals), *_configuration(view), *_files(view)]
    every.sort(key=lambda each: (each.at is None, each.at.us if each.at is not None else 0, each.node, each.what))
    dated = [each for each in every if each.at is not None]
    return (*dated[-MOST:], *(each for each in every if each.at is None))[:MOST]


# --- packages --------------------------------------------------------------------------------


def _packages(view: View) -> Iterator[Change]:
    for node in dict.fromkeys(dump.node for dump in view.timeline.snapshots if dump.kind in ("apt_history", "dpkg_log")):
        dumps = view.snapshots_of(node, "apt_history") or view.snapshots_of(node, "dpkg_log")
        told: set[tuple[str, str, str]] = set()
        for dump in dumps:
            runs: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
            for row in dump.rows:
                key = (row["start"], row["package"], row["new"])
                if key not in told:
                    told.add(key)
                    runs[row["start"] if dump.kind == "apt_history" else row["start"][:10], row.get("command", "")].append(row)
            for (_, command), rows in runs.items():
                yield from _run(view, node, dump, command, rows)


def _run(view: View, node: str, dump: Snapshot, command: str, rows: Sequence[Mapping[str, str]]) -> Iterator[Change]:
    """One run of apt (or one day of dpkg): a line for each package that matters, one for all the others."""
    others: list[Mapping[str, str]] = []
    for row in rows:
        kernel = KERNEL.fullmatch(row["package"])
        at, line = moment(view, node, row["start"]), row_evidence(dump, row)
        if kernel is not None and row["action"] in ("install", "upgrade"):
            yield Change(at, node, f"kernel {kernel['version']}-pve installed (in use from the next boot on)", "kernel", _lines(line))
        elif FLAGGED.fullmatch(row["package"]):
            yield Change(at, node, _words(row), "package", _lines(line))
        else:
            others.append(row)
    if others:
        by = f" by `{command[:100]}`" if command else ""
        what = f"{len(others)} {'more ' if len(others) < len(rows) else ''}packages changed{by} ({others[0]['package']}{', ...' if len(others) > 1 else ''})"
        yield Change(moment(view, node, others[0]["start"]), node, what, "package", _lines(row_evidence(dump, others[0])))
    if dump.kind == "apt_history" and rows and not rows[0].get("end"):
        said = "a package run has no end: the node went down in the middle of it, or it still ran"
        yield Change(moment(view, node, rows[0]["start"]), node, said, "package", _lines(row_evidence(dump, rows[0])))


def _words(row: Mapping[str, str]) -> str:
    old, new = row.get("old", ""), row.get("new", "")
    if old and new:
        return f"{row['package']} {old} -> {new}"
    return f"{row['package']} {new or old} {'installed' if new else 'removed'}"


def _lines(line: Evidence | None) -> tuple[Evidence, ...]:
    return (line,) if line is not None else ()


# --- kernels and configuration ---------------------------------------------------------------


def _kernels(intervals: Sequence[Interval]) -> Iterator[Change]:
    """Boots into another kernel than the boot before, as far as the logs reach."""
    last: dict[str, str] = {}
    lives = [each for each in intervals if each.subject.startswith("node:") and each.state == "running" and each.start is not None]
    for life in sorted(lives, key=lambda each: each.start.us if each.start is not None else 0):
        kernel = life.fields.get("kernel", "")
        if kernel and last.get(life.node, kernel) != kernel:
            yield Change(life.start, life.node, f"booted kernel {kernel} (before: {last[life.node]})", "kernel", life.evidence[:1])
        last[life.node] = kernel or last.get(life.node, "")


def _configuration(view: View) -> Iterator[Change]:
    for node in view.nodes:
        for at, event in view.dated(node, "pmxcfs_corosync_conf_written"):
            yield Change(at, node, f"corosync.conf version {event.fields.get('version', '?')} written", "config", event.evidence[:1])
        for at, event in view.dated(node, "corosync_config_reload"):
            by = view.resolve(event.fields.get("node") or "")
            yield Change(at, node, f"corosync.conf reloaded (asked for by {by})", "config", event.evidence[:1])


def _files(view: View) -> Iterator[Change]:
    """The last change of each file that matters, once for all copies of config.db."""
    told: set[tuple[str, str, str]] = set()
    for dump in view.timeline.snapshots:
        if dump.kind != "config_db":
            continue
        for row in dump.rows:
            key = (row["path"], row["version"], row["mtime"])
            if (
                not CONFIGURED.search(row["path"])
                or key in told
                or not row["mtime"].isdigit()
                or not 978_307_200 <= int(row["mtime"]) < 4_102_444_800
            ):
                continue
            told.add(key)
            writer = view.resolve(row["writer"]) if row["writer"] != "0" else dump.node
            yield Change(
                Instant(int(row["mtime"]) * SECOND, SECOND), writer, f"/etc/pve/{row['path']} last changed", "config", dump.evidence[:1]
            )
