"""Readers of Proxmox VE's own files, kept as they stand: storage.cfg and its like (`type: id` with indented keys), datacenter.cfg."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot, Setting
from pveforensics.state.page import Page, Reading

_HEAD = regex(r"^(?P<type>[a-z][\w-]*):\s+(?P<id>\S+)\s*$")
_INNER = regex(r"^\s+(?P<key>[A-Za-z][\w-]*)(?:\s+(?P<value>.*?))?\s*$")
_FLAT = regex(r"^(?P<key>[a-z][\w-]*):\s+(?P<value>\S.*?)\s*$")

TYPES = {
    "storage.cfg": ("dir", "nfs", "cifs", "zfspool", "zfs", "lvm", "lvmthin", "rbd", "cephfs", "pbs", "iscsi", "iscsidirect", "btrfs", "glusterfs", "esxi"),
    "resources.cfg": ("vm", "ct"),
    "groups.cfg": ("group",),
    "rules.cfg": ("node-affinity", "resource-affinity", "location", "colocation"),
    "replication.cfg": ("local",),
    "fence.cfg": ("connect", "device"),
    "jobs.cfg": ("vzdump", "realm-sync"),
    "vnets.cfg": ("vnet",),
    "zones.cfg": ("simple", "vlan", "qinq", "vxlan", "evpn", "faucet"),
}  # fmt: skip
"""File name to the types of its sections (pve-storage, pve-ha-manager, pve-guest-common, pve-network); others are kept too."""
KINDS = {
    "storage": "storage_cfg", "resources": "ha_resources", "groups": "ha_groups", "rules": "ha_rules", "replication": "replication_cfg",
    "jobs": "jobs_cfg", "vnets": "sdn_vnets", "zones": "sdn_zones", "fence": "ha_fence",
}  # fmt: skip
"""File name without `.cfg` to the kind of its snapshot: one row a section, with its keys as written and `_type`, `_id`, `_line`, `_text`."""
DATACENTER_KEYS = (
    "bwlimit", "console", "consent-text", "crs", "description", "email_from", "fencing", "ha", "http_proxy", "keyboard", "language", "mac_prefix",
    "max_workers", "migration", "migration_unsecure", "next-id", "notify", "registered-tags", "replication", "tag-style", "u2f", "user-tag-access", "webauthn",
)  # fmt: skip
"""Keys of datacenter.cfg (pve-cluster:src/PVE/DataCenterConfig.pm)."""


def _kind_by_types(types: set[str]) -> str:
    return next((name for name, known in TYPES.items() if types and types <= set(known)), "")


def score_sections(page: Page) -> float:
    """By section types and indented keys; the name decides where a type is too common a word."""
    heads = [found["type"] for line in page.lines[:5000] if (found := _HEAD.match(line))]
    inner = sum(1 for line in page.lines[:5000] if _INNER.match(line))
    other = sum(
        1 for line in page.lines[:5000] if line.strip() and not line.startswith("#") and not _HEAD.match(line) and not _INNER.match(line)
    )
    known = page.name in TYPES
    if known and page.lines and not heads and not inner and not other:
        return 0.6  # comments only: there are no sections
    if not heads or other > len(heads) + inner or page.is_log():
        return 0.0
    if _kind_by_types(set(heads)) and (inner or known):
        return 0.9 if known or inner >= len(heads) else 0.6
    return 0.6 if known else 0.0


def read_sections(page: Page) -> Reading:
    """Every key as `<file>.<type>:<id>.<key>`; a key without value is `1`. Unknown keys and types are kept."""
    types = {found["type"] for line in page.lines if (found := _HEAD.match(line))}
    base = (page.name if page.name in TYPES else _kind_by_types(types) or page.name).removesuffix(".cfg")
    settings, section = [], ""
    rows: list[dict[str, str]] = []
    for number, line in page.filled():
        if line.startswith("#"):
            continue
        text = line.strip()[:300]
        if found := _HEAD.match(line):
            section = f"{base}.{found['type']}:{found['id']}"
            settings.append(Setting(section, found["type"], number, text))
            rows.append({"_type": found["type"], "_id": found["id"], "_line": str(number), "_text": text})
        elif (found := _INNER.match(line)) and section:
            value = found["value"] if found["value"] is not None else "1"
            settings.append(Setting(f"{section}.{found['key']}", value, number, text))
            rows[-1].setdefault(found["key"], value)
    kind = KINDS.get(base, "section_cfg")
    snapshot = RawSnapshot(kind, 1, page.lines[0].strip()[:200] if page.lines else "", fields={"file": base}, rows=tuple(rows))
    return Reading(settings=tuple(settings), snapshots=(snapshot,))


def score_datacenter(page: Page) -> float:
    """By its name, or by two keys that only it has."""
    content = [line for line in page.lines[:500] if line.strip() and not line.startswith("#")]
    keys = [found["key"] for line in content if (found := _FLAT.match(line))]
    if not content or len(keys) < 0.8 * len(content):
        return 0.0
    known = len(set(keys) & set(DATACENTER_KEYS))
    return 0.9 if page.name == "datacenter.cfg" else 0.7 if known >= 2 and known == len(set(keys)) else 0.0


def read_datacenter(page: Page) -> Reading:
    """Every key as `datacenter.<key>`, and each property of a list (`ha: shutdown_policy=migrate`) as `datacenter.<key>.<property>`."""
    settings = []
    for number, line in page.filled():
        found = None if line.startswith("#") else _FLAT.match(line)
        if not found:
            continue
        key, value, text = f"datacenter.{found['key']}", found["value"], line.strip()[:300]
        settings.append(Setting(key, value, number, text))
        for word in value.split(","):
            name, equals, inner = word.partition("=")
            if equals and re.fullmatch(r"[\w-]+", name.strip()):
                settings.append(Setting(f"{key}.{name.strip()}", inner.strip(), number, text))
    return Reading(settings=tuple(settings))
