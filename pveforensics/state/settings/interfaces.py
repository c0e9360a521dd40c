"""Reader of /etc/network/interfaces: interfaces with their addresses, bridges with their ports, bonds with their members."""

from __future__ import annotations

import ipaddress
import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading

KIND = "interfaces"

_IFACE = regex(r"^iface\s+(?P<name>[\w.:-]{1,15})(?:\s+(?P<family>inet6?|can))?(?:\s+(?P<method>\w+))?\s*$", re.ASCII)
_OPTION = regex(r"^\s+(?P<key>[a-z][\w-]*)\s+(?P<value>\S.*?)\s*$", re.ASCII)
_TOP = regex(r"^(?:auto|allow-\w+|source(?:-directory)?|mapping|iface)\b")


def score(page: Page) -> float:
    """By `iface` stanzas."""
    content = [line for line in page.lines[:2000] if line.strip() and not line.lstrip().startswith("#")]
    stanzas = sum(1 for line in content if _IFACE.match(line))
    known = sum(1 for line in content if _TOP.match(line) or _OPTION.match(line))
    return 0.95 if stanzas and not page.is_log() and known >= 0.9 * len(content) else 0.0


def read(page: Page) -> Reading:
    """A row per interface: `iface`, `_line`, `_text`, options with dashes for underscores, `networks` (its addresses as networks); field `sources`."""
    rows: dict[str, dict[str, str]] = {}
    now: dict[str, str] | None = None
    sources = []
    for number, line in page.filled():
        text = line.strip()[:300]
        if found := _IFACE.match(line):
            now = rows.setdefault(found["name"], {"iface": found["name"], "_line": str(number), "_text": text})
            if found["method"] and found["method"] != "manual":
                now["method"] = found["method"]
        elif text.startswith("source"):
            now = None
            sources.append(text.partition(" ")[2].strip())
        elif (found := _OPTION.match(line)) and now is not None:
            key = found["key"].replace("_", "-")
            now[key] = f"{now[key]} {found['value']}"[:1000] if key in now else found["value"]
        elif not text.startswith("#"):
            now = None
    for row in rows.values():
        row["networks"] = " ".join(_networks(row))
    first = next(iter(rows.values()), {"_line": "1", "_text": ""})
    snapshot = RawSnapshot(KIND, int(first["_line"]), first["_text"], fields={"sources": " ".join(sources)}, rows=tuple(rows.values()))
    return Reading(snapshots=(snapshot,))


def _networks(row: dict[str, str]) -> list[str]:
    """The networks that an interface is in; of an address without a prefix or mask, none."""
    found = []
    for address in row.get("address", "").split():
        with_mask = address if "/" in address else f"{address}/{row['netmask'].split()[0]}" if row.get("netmask") else ""
        try:
            found += [str(ipaddress.ip_interface(with_mask).network)] if with_mask else []
        except ValueError:
            continue
    return found
