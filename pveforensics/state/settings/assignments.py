"""Reader of files of `KEY=value` lines: HA's watchdog (etc/default/pve-ha-manager), where the journal is kept (journald.conf), Ceph's networks."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot, Setting
from pveforensics.state.page import Page, Reading

_PAIR = regex(r"^\s*(?P<key>[A-Za-z_][\w ]{0,60}?)\s*=\s*(?P<value>.*?)\s*$", re.ASCII)
_KNOWN: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ha_defaults", regex(r"(?:^|/)(?:etc/)?default/pve-ha-manager$")),
    ("ceph_conf", regex(r"(?:^|/)ceph\.conf$")),
    ("journald_conf", regex(r"(?:^|[/_-])journald\.conf(?:\.txt)?$|(?:^|/)journald\.conf\.d/[^/]+\.conf$")),
)
"""Kind and its place. Such a file may hold comments only: then the defaults hold."""

_SECRET = regex(r"(?:^|_)(?:key|secret|password)$", re.IGNORECASE)


def score(page: Page) -> float:
    """By its place; what is not commented out must be sections and pairs."""
    if page.is_log() or not any(place.search(page.path) for _, place in _KNOWN):
        return 0.0
    content = [line for _, line in page.filled() if not line.lstrip().startswith(("#", ";"))]
    known = sum(1 for line in content if _PAIR.match(line) or re.fullmatch(r"\s*\[[\w. -]+\]\s*", line))
    return 0.9 if page.lines and known == len(content) else 0.0


def read(page: Page) -> Reading:
    """One snapshot of its kind with the pairs as fields, each a setting `<kind>.<key>` too; what is commented out is not set, no key is kept."""
    kind = next((kind for kind, place in _KNOWN if place.search(page.path)), "")
    fields: dict[str, str] = {}
    settings = []
    first = 1, page.lines[0].strip()[:200] if page.lines else ""
    for number, line in page.filled():
        found = None if line.lstrip().startswith(("#", ";")) else _PAIR.match(line)
        if found:
            key = found["key"].replace(" ", "_")
            value = "(not kept)" if _SECRET.search(key) else found["value"].strip("\"'")
            text = f"{found['key']} = {value}"[:300]
            if not fields:
                first = number, text
            fields[key] = value
            settings.append(Setting(f"{kind}.{key}", value, number, text))
    snapshot = RawSnapshot(kind, *first, fields=fields)
    return Reading(settings=tuple(settings), snapshots=(snapshot,) if kind else ())
