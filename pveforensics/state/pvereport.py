"""Output of `pvereport` (PVE 4 to 9), taken apart: each command's output and each file becomes a source of its own (pve-manager:PVE/Report.pm)."""

from __future__ import annotations

import re
from typing import NamedTuple

from pveforensics.lazyregex import regex

LONGEST_LINE = 65_536
MOST_PARTS = 5_000

_SECTION = regex(r"^==== (?P<title>general system info|overall system load info|info about [a-z() ]+) ====\s*$")
_FIRST = "general system info"
_CAT = regex(r"^# cat (?P<path>/[\w./@:+-]+)(?: 2>/dev/null)?\s*$", re.ASCII)
_DIRECTORY = regex(r"^# output '.*' file\(s\)\s*$")
_COMMANDS = (
    "hostname", "date -R", "pveversion --verbose", "pvesubscription get", "apt-cache policy", "apt-mark showhold", "lscpu", "pvesh get",
    "top -b", "head /proc/pressure", "pvesm status", "mount", "findmnt", "df --human", "df -h", "proxmox-boot-tool", "qm list", "pct list",
    "ip -details", "ip -4", "ip -6", "ip a", "ip route", "ifconfig", "route", "ethtool", "iptables-save", "pvecm nodes", "pvecm status",
    "ha-manager status", "dmidecode", "lspci", "lsblk", "ls -l /dev/disk", "iscsiadm", "pvs", "lvs", "vgs", "zpool status", "zpool list", "zfs list",
    "arcstat", "zarcstat", "pveceph", "ceph", "multipath", "for ", "ls ", "zcat", "proxmox-kernel",
)  # fmt: skip
"""How its commands begin; a `# ` line that begins otherwise is a comment of a file that it prints."""

_COMMAND = regex(r"^# (?P<command>(?:" + "|".join(map(re.escape, _COMMANDS)) + r").*?)\s*$")
_FAILURE = regex(r"^ERROR: (command '.*' failed: .+|.*got timeout.*)$")
_ANSI = regex(r"\x1b\[[0-9;?]*[A-Za-z]")
_HOST = regex(r"[A-Za-z0-9][\w.-]{0,252}", re.ASCII)


class Section(NamedTuple):
    """One command's output or one file: `name` is the file's path without leading slash, or the command; `line` where it begins.

    `report` is the number of the report in the text, from 0.
    """

    name: str
    text: str
    node: str
    line: int
    report: int = 0


def is_report(head: bytes) -> bool:
    """True if one of the report's own headings stands in the beginning of a file."""
    return b"==== " in head and any(_SECTION.match(line) for line in head.decode("utf-8", "replace").splitlines())


def sections(data: bytes) -> list[Section]:
    """The parts of all reports in a text, each with the node that its report names. Never raises on content."""
    text = _ANSI.sub("", data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace"))
    reports: list[list[tuple[str, list[str], int]]] = []
    inside = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")[:LONGEST_LINE]
        if heading := _SECTION.match(line):
            if heading["title"] == _FIRST or not reports:
                reports.append([])
            inside = False
        elif reports and (name := _name(line)):
            inside = len(reports[-1]) < MOST_PARTS
            if inside:
                reports[-1].append((name, [], number + 1))
        elif _DIRECTORY.match(line):
            inside = False
        elif inside:
            reports[-1][-1][1].append(line)
    return [
        Section(name, "\n".join(lines).strip("\n") + "\n", node, line, place)
        for place, report in enumerate(reports)
        for node in (_node(report),)
        for name, lines, line in report
        if any(each.strip() for each in lines)
    ]


def failure(text: str) -> tuple[int, str] | None:
    """Line and text of `ERROR: ...`, which the report prints for a command that failed or ran into its limit of 10 s; None if there is none."""
    return next(((number, found[1]) for number, line in enumerate(text.split("\n"), 1) if (found := _FAILURE.match(line))), None)


def _name(line: str) -> str:
    if found := _CAT.match(line):
        return found["path"].strip("/")
    if found := _COMMAND.match(line):
        return found["command"].partition(" | ")[0].replace("/", "_")[:80]
    return ""


def _node(report: list[tuple[str, list[str], int]]) -> str:
    """The host name that the report's own `hostname` printed; else an empty string."""
    for name, lines, _ in report:
        if name == "hostname":
            said = next((line.strip() for line in lines if line.strip()), "")
            return said.partition(".")[0] if _HOST.fullmatch(said) else ""
    return ""
