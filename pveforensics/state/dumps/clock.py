"""Readers of `timedatectl` and `date`: which zone a node is in, and what time it was there."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot, TimeHint
from pveforensics.state.dumps.dates import find_date, in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

_KEYS = ("local time", "universal time", "rtc time", "time zone", "timezone", "system clock synchronized", "ntp service", "rtc in local tz")
_PAIR = regex(r"^\s*(?P<key>[A-Za-z][A-Za-z ]{2,40}?)\s*[:=]\s*(?P<value>\S.*?)\s*$")
_ZONE = regex(r"^(?P<name>[A-Za-z_]+(?:/[\w+-]+)*)(?: \((?P<word>[^,)]*)(?:,\s*(?P<offset>[+-]\d{4}))?\))?$", re.ASCII)
_SECONDS = regex(r"\s*(\d{9,10})(?:\.\d+)?\s*")


def score_timedatectl(page: Page) -> float:
    """By `Local time`, `Universal time` and `Time zone` together."""
    if page.is_log():
        return 0.0
    keys = {found["key"].strip().lower() for _, line in page.filled()[:400] if (found := _PAIR.match(clean(line)))}
    known = keys & set(_KEYS)
    return 0.95 if len(known) >= 3 else 0.7 if {"time zone"} & keys and len(known) >= 2 else 0.0


def read_timedatectl(page: Page) -> Reading:
    """The zone, and the local and universal time as one exact hint."""
    pairs = {
        found["key"].strip().lower(): (number, found["value"]) for number, line in page.filled() if (found := _PAIR.match(clean(line)))
    }
    number, text = pairs.get("time zone") or pairs.get("timezone") or (1, "")
    zone = _ZONE.match(text.strip())
    name = zone["name"] if zone and ("/" in zone["name"] or zone["name"] in ("UTC", "GMT")) else ""
    at, local_text = pairs.get("local time", (number, ""))
    local, universal = find_date(local_text), find_date(pairs.get("universal time", (0, ""))[1])
    epoch = universal._replace(zone="UTC").epoch_us if universal else None
    fields = {key.replace(" ", "_"): value for key, (_, value) in pairs.items() if key in _KEYS}
    snapshot = RawSnapshot(
        "timedatectl", at, page.lines[at - 1].strip()[:200] if 0 < at <= len(page.lines) else "", local=local.local if local else "",
        zone=(zone["offset"] or local.zone) if zone and local else "", epoch_us=epoch, fields=fields,
    )  # fmt: skip
    hints = (TimeHint(at, "timedatectl", None, epoch, local.local, snapshot.zone, exact=True),) if local and epoch is not None else ()
    return Reading(timezone=name, snapshots=(snapshot,), hints=hints)


def score_date(page: Page) -> float:
    """One line that is a full date and nothing else, perhaps below the command."""
    lines = [
        line.strip() for _, line in page.filled()[:6] if command_of(line) is None and line.strip() not in ("date", "date -R", "# date -R")
    ]
    if len(lines) != 1 or len(page.filled()) > 4 or not 12 <= len(lines[0]) <= 64:
        return 0.0
    return 0.9 if find_date(lines[0]) and re.fullmatch(r"[\w ,.:+()/-]+", lines[0]) else 0.0


def read_date(page: Page) -> Reading:
    """The moment; with a zone that means one offset it is absolute, and the two together are a hint."""
    for number, line in page.filled():
        said = find_date(line) if command_of(line) is None else None
        if said is None:
            continue
        epoch = said.epoch_us
        named = in_file_name(page.path)
        snapshot = RawSnapshot(
            "date", number, line.strip()[:200], local=said.local, zone=said.zone, epoch_us=epoch if epoch is not None else named,
            fields={"date": line.strip()[:200]},
        )  # fmt: skip
        return Reading(snapshots=(snapshot,), hints=(TimeHint(number, "date", None, snapshot.epoch_us, said.local, said.zone, exact=True),))
    return Reading()
