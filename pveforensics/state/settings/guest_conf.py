"""Reader of guest configurations: qemu-server/<id>.conf and lxc/<id>.conf with their snapshots and pending parts."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading

KIND = "guest_config"

_PATH = regex(r"(?:^|/)(?:nodes/(?P<node>[A-Za-z0-9.-]+)/)?(?P<type>qemu-server|lxc)/(?P<vmid>[1-9]\d{2,8})\.conf$", re.ASCII)
_FOLDER = regex(r"(?:^|/)(?P<kind>vm|ct)-configs/\d{3,9}\.conf$", re.ASCII)  # as Thomas-Krenn's getpvelogs.sh copies them
_NAME = regex(r"(?:^|[^0-9])(?P<vmid>[1-9]\d{2,8})\.(?:conf|txt)$", re.ASCII)
_SECTION = regex(r"^\[(?P<name>[^\]\s][^\]]{0,80})\]\s*$")
_PAIR = regex(r"^(?P<key>[A-Za-z][\w.-]*):\s*(?P<value>.*?)\s*$", re.ASCII)
_QEMU = regex(
    r"(?:scsihw|bootdisk|cores|sockets|ostype|vmgenid|smbios1|balloon|machine|cpu|bios|agent|boot|(?:scsi|virtio|ide|sata|efidisk)\d+|net\d+)$"
)
_LXC = regex(r"(?:rootfs|arch|hostname|unprivileged|swap|features|nameserver|mp\d+|net\d+|memory|ostype|lxc\..+)$")
_SECRET = regex(r"(?:cipassword|sshkeys|password)$")


def score(page: Page) -> float:
    """By its place in /etc/pve, or by the keys of a guest under a number as name."""
    pairs = [found["key"] for line in page.lines[:400] if (found := _PAIR.match(line))]
    other = sum(1 for line in page.lines[:400] if line.strip() and line[0] not in "#[" and not _PAIR.match(line))
    if page.is_log() or other > len(pairs):
        return 0.0
    known = max(sum(1 for key in pairs if _QEMU.match(key)), sum(1 for key in pairs if _LXC.match(key)))
    if _PATH.search(page.path):
        return 0.95 if known else 0.7 if pairs or any(_SECTION.match(line) for line in page.lines[:400]) else 0.0
    if _FOLDER.search(page.path):
        return 0.9 if known else 0.0
    named = _NAME.search(page.name)
    return 0.8 if named and known >= 4 and 2 * known >= len(pairs) else 0.0


def read(page: Page) -> Reading:
    """One snapshot: fields `vmid`, `type` (vm, ct), `node`, `name`, `lock`; a row per key with `section` (empty, PENDING or a snapshot's name).

    Keys that are not known stand in the rows like the others. Passwords and keys are not kept.
    """
    found = _PATH.search(page.path)
    named = _NAME.search(page.name)
    vmid = found["vmid"] if found else named["vmid"] if named else ""
    node = (found["node"] or "") if found else ""
    rows, section = [], ""
    for number, line in page.filled():
        if line.startswith("#"):
            continue
        if head := _SECTION.match(line):
            section = "PENDING" if head["name"].lower() in ("pending", "pve:pending") else head["name"]
        elif pair := _PAIR.match(line):
            value = "(not kept)" if _SECRET.match(pair["key"]) else pair["value"]
            text = f"{pair['key']}: {value}"[:300]
            rows.append({"section": section, "key": pair["key"], "value": value, "line": str(number), "text": text})
    own = {row["key"]: row["value"] for row in reversed(rows) if not row["section"]}
    copied = _FOLDER.search(page.path)
    lxc = found["type"] == "lxc" if found else copied["kind"] == "ct" if copied else "rootfs" in own or "arch" in own
    fields = {
        "vmid": vmid,
        "type": "ct" if lxc else "vm",
        "node": node,
        "name": own.get("hostname" if lxc else "name", ""),
        "lock": own.get("lock", ""),
    }
    first = next((row for row in rows if row["key"] in ("name", "hostname")), rows[0] if rows else {})
    place = int(first.get("line", "1"))
    return Reading(snapshots=(RawSnapshot(KIND, place, first.get("text", ""), node=node, fields=fields, rows=tuple(rows)),))
