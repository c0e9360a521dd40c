"""Reader of `zpool status`: pools, their state and that of their devices."""

from __future__ import annotations

import itertools
import re

from msgspec import Struct, field

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "zpool_status"

_STATES = r"ONLINE|DEGRADED|FAULTED|OFFLINE|UNAVAIL|REMOVED|SUSPENDED|AVAIL|INUSE"
_POOL = regex(r"^\s*pool:\s+(?P<pool>[A-Za-z][\w.:-]*)\s*$")
_KEY = regex(r"^\s*(?P<key>state|status|action|see|scan|scrub|config|errors):(?:\s+(?P<value>.*))?$")
_ROW = regex(
    rf"^\s*(?P<name>[^\s:]\S*)\s+(?P<state>{_STATES})(?:\s+(?P<read>[\d.]+[KMGTP]?)\s+(?P<write>[\d.]+[KMGTP]?)\s+(?P<cksum>[\d.]+[KMGTP]?))?(?:\s+(?P<note>\S.*))?$"
)
_HEADING = regex(r"^\s*(?:NAME\s+STATE\b|logs\b|cache\b|spares\b|special\b|dedup\b)")
_GROUP = regex(r"^(?:mirror|raidz[123]?|draid\S*|replacing|spare|indirect)-\d+$")


class _Pool(Struct):
    """One pool while its lines are read."""

    line: int
    text: str
    node: str
    fields: dict[str, str]
    rows: list[dict[str, str]] = field(default_factory=list)

    def take(self, found: re.Match[str], number: int, text: str) -> None:
        """One row of the table below `config:`."""
        name = found["name"]
        role = "pool" if name == self.fields["pool"] and not self.rows else "group" if _GROUP.match(name) else "device"
        row = {"name": name, "state": found["state"], "role": role, "line": str(number), "text": text.strip()[:300]}
        self.rows.append({**row, **{key: found[key] for key in ("read", "write", "cksum", "note") if found[key]}})


def score(page: Page) -> float:
    """By `pool:` lines that a `state:` line follows."""
    lines = [clean(line) for _, line in page.filled()[:5000]]
    pools = sum(1 for one, two in itertools.pairwise(lines) if _POOL.match(one) and (found := _KEY.match(two)) and found["key"] == "state")
    if not pools or page.is_log():
        return 0.0
    known = sum(1 for line in lines if _POOL.match(line) or _KEY.match(line) or _ROW.match(line) or _HEADING.match(line))
    return 0.95 if known >= 0.5 * len(lines) else 0.7


def read(page: Page) -> Reading:
    """One snapshot a pool: `pool`, `state`, `status`, `action`, `scan`, `errors` and its devices as rows.

    The date of the last scrub or resilver stays text: it is no moment of the dump.
    """
    pools: list[_Pool] = []
    node, key = "", ""
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node, key = command[0] or node, ""
            continue
        text = clean(line)
        if found := _POOL.match(text):
            pools.append(_Pool(number, text.strip()[:200], node, {"pool": found["pool"]}))
            key = "pool"
        elif pools and (found := _KEY.match(text)):
            key = found["key"]
            pools[-1].fields.setdefault(key, (found["value"] or "").strip()[:500])
        elif pools and key == "config":
            if (found := _ROW.match(text)) and not _HEADING.match(text):
                pools[-1].take(found, number, text)
        elif pools and key in ("status", "action", "scan", "errors"):
            pools[-1].fields[key] = f"{pools[-1].fields.get(key, '')} {text.strip()}".strip()[:500]
    at = in_file_name(page.path)
    return Reading(
        snapshots=tuple(
            RawSnapshot(KIND, each.line, each.text, node=each.node, epoch_us=at, fields=each.fields, rows=tuple(each.rows))
            for each in pools
        )
    )
