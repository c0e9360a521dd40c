"""What the BMC of each node recorded that can end a boot: lost power, power cycles, resets, watchdogs, heat, failed hardware."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.model import Evidence, Interval
from pveforensics.state.trackers.boot_records import moment
from pveforensics.state.view import View

WHAT: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("watchdog", regex(r"watchdog.*(?:hard reset|power (?:down|off|cycle)|timer expired)", re.IGNORECASE)),
    ("power_lost", regex(r"\bac lost\b|power input lost|power supply.*(?:failure detected|input lost)", re.IGNORECASE)),
    ("power_cycled", regex(r"power unit.*(?:power cycle|power off|240va power down)", re.IGNORECASE)),
    ("power_button", regex(r"button.*power button pressed", re.IGNORECASE)),
    ("reset", regex(r"button.*reset button pressed", re.IGNORECASE)),
    ("os_stop", regex(r"\bos\b.*(?:critical stop|stop during run|run-time critical)", re.IGNORECASE)),
    ("thermal", regex(r"thermal trip|(?:temp|thermal).*(?:upper (?:critical|non-recoverable)|over-?temp)", re.IGNORECASE)),
    ("hardware", regex(r"uncorrectable ecc|machine check|\bierr\b|critical interrupt|bus (?:fatal|uncorrectable)", re.IGNORECASE)),
)
"""Kinds of records by the words of sensor and event; the first that fits (IPMI 2.0, table 42-3, as ipmitool prints it)."""


def track(view: View) -> tuple[Interval, ...]:
    """`node:<n>` bmc_record, a moment each; times are the BMC's own clock."""
    found: list[Interval] = []
    for dump in view.timeline.snapshots:
        for row in dump.rows if dump.kind == "sel" else ():
            said = f"{row.get('sensor', '')} {row.get('event', '')}".strip()
            what = next((word for word, pattern in WHAT if pattern.search(said)), "")
            if not what or row.get("direction") == "deasserted":
                continue
            at = moment(view, dump.node, row.get("at", ""))
            line = row.get("line", "1")
            path = dump.evidence[0].path if dump.evidence else ""
            evidence = (Evidence(path, int(line) if line.isdecimal() else 1, dump.node, row.get("text", said), row.get("at", ""), at),)
            if at is not None:
                found.append(Interval(f"node:{dump.node}", "bmc_record", at, at, {"what": what, "said": said[:200]}, evidence))
    return tuple(found)
