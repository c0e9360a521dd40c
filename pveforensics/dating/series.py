"""Rotation sets: the files of one log, told by their names and judged together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pveforensics.logfiles import is_whole, rotation
from pveforensics.readings import LogScan


def series_of(scans: Sequence[LogScan]) -> list[list[LogScan]]:
    """The rotation sets among the logs, each newest first; a log without rotation is a set of one."""
    sets: dict[str, list[LogScan]] = defaultdict(list)
    for scan in scans:
        sets[rotation(scan.path)[0]].append(scan)
    return [sorted(each, key=lambda scan: rotation(scan.path)[1]) for each in sets.values()]


def judged_together(scans: Sequence[LogScan], node_of_path: Mapping[str, str]) -> tuple[LogScan, ...]:
    """The scans in their order, each with the programs of all files of its log, and whole if these together are.

    Where a log is cut is chance: a file of the last ten minutes holds few programs, and yet all that the node wrote.
    """
    programs: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for scan in scans:
        programs[identity_of(scan, node_of_path)] |= scan.programs
    return tuple(_judged(scan, frozenset(programs[identity_of(scan, node_of_path)])) for scan in scans)


def identity_of(scan: LogScan, node_of_path: Mapping[str, str]) -> tuple[str, ...]:
    """What files of one log have in common; `pve.1` and `pve.2` of two nodes are two logs."""
    return rotation(scan.path)[0], scan.kind, node_of_path.get(scan.path, "")


def _judged(scan: LogScan, programs: frozenset[str]) -> LogScan:
    if programs == scan.programs:
        return scan
    return replace(scan, programs=programs, whole=scan.whole or is_whole(scan.path, programs))
