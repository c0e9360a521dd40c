"""Reader of files of `KEY=value` lines: which watchdog HA uses (etc/default/pve-ha-manager), where the journal is kept (journald.conf)."""

from __future__ import annotations

import re

from pveforensics.readings import RawSnapshot, Setting
from pveforensics.state.page import Page, Reading

_PAIR = re.compile(r"^\s*(?P<key>[A-Za-z_]\w{0,60})\s*=\s*(?P<value>.*?)\s*$", re.ASCII)
_KNOWN: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...] = (
    ("ha_defaults", re.compile(r"(?:^|/)(?:etc/)?default/pve-ha-manager$"), re.compile(r"WATCHDOG_MODULE$")),
    (
        "journald_conf",
        re.compile(r"(?:^|[/_-])journald\.conf(?:\.txt)?$|(?:^|/)journald\.conf\.d/[^/]+\.conf$"),
        re.compile(r"(?:Storage|Compress|Seal|SystemMaxUse|RuntimeMaxUse|ForwardToSyslog|MaxRetentionSec|SyncIntervalSec|RateLimit\w+)$"),
    ),
)
"""Kind, its place, and keys that it may set. Both files may hold comments only: then the defaults hold."""


def score(page: Page) -> float:
    """By its place; what is not commented out must be sections and pairs."""
    if page.is_log() or not any(place.search(page.path) for _, place, _ in _KNOWN):
        return 0.0
    content = [line for _, line in page.filled() if not line.lstrip().startswith(("#", ";"))]
    known = sum(1 for line in content if _PAIR.match(line) or re.fullmatch(r"\s*\[[\w. -]+\]\s*", line))
    return 0.9 if page.lines and known == len(content) else 0.0


def read(page: Page) -> Reading:
    """One snapshot of its kind with the pairs as fields, and each as a setting `<kind>.<key>`; what is commented out is not set."""
    kind = next((kind for kind, place, _ in _KNOWN if place.search(page.path)), "")
    fields: dict[str, str] = {}
    settings = []
    first = 1, page.lines[0].strip()[:200] if page.lines else ""
    for number, line in page.filled():
        found = None if line.lstrip().startswith(("#", ";")) else _PAIR.match(line)
        if found:
            value = found["value"].strip("\"'")
            if not fields:
                first = number, line.strip()[:200]
            fields[found["key"]] = value
            settings.append(Setting(f"{kind}.{found['key']}", value, number, line.strip()[:300]))
    snapshot = RawSnapshot(kind, *first, fields=fields)
    return Reading(settings=tuple(settings), snapshots=(snapshot,) if kind else ())
