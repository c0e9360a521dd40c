"""Readers of the files that say who and where a machine is: etc/hostname, etc/hosts, etc/timezone, etc/localtime."""

from __future__ import annotations

import ipaddress
import re

from pveforensics.lazyregex import regex
from pveforensics.state.page import Page, Reading
from pveforensics.timebase import load_zone, zone_of_bytes

_HOSTNAME = regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9-]{1,63}){0,10}", re.ASCII)
_ZONE = regex(r"[A-Za-z][\w+-]*(?:/[\w+-]+){0,3}", re.ASCII)
_ZONEINFO = regex(r"(?:^|/)zoneinfo/(?:posix/|right/)?(?P<name>[A-Za-z][\w+-]*(?:/[\w+-]+){0,3})$", re.ASCII)
_LOOPBACK = ("ip6-", "localhost")


def _content(page: Page) -> list[str]:
    return [line.strip() for line in page.lines if line.strip() and not line.lstrip().startswith("#")]


def score_hostname(page: Page) -> float:
    """By its name, and one line that can be a host name: content alone would fit any word."""
    content = _content(page)
    named = page.name.lower() in ("hostname", "hostname.txt", "etc_hostname", "etc-hostname")
    return 0.9 if named and len(content) == 1 and _HOSTNAME.fullmatch(content[0]) else 0.0


def read_hostname(page: Page) -> Reading:
    """The node's own name."""
    content = _content(page)
    return Reading(hostname=content[0] if content and _HOSTNAME.fullmatch(content[0]) else "")


def _host_rows(page: Page) -> list[tuple[str, list[str]]]:
    """Address and names of each line that has both."""
    rows = []
    for line in _content(page)[:20_000]:
        words = line.partition("#")[0].split()
        try:
            address = ipaddress.ip_address(words[0].partition("%")[0]) if len(words) >= 2 else None
        except ValueError:
            address = None
        if address is not None and all(re.fullmatch(r"[\w.-]{1,255}", word) for word in words[1:]):
            rows.append((words[0], words[1:]))
    return rows


def score_hosts(page: Page) -> float:
    """Lines of an address and names; `localhost` among them or the name `hosts` makes it sure."""
    content, rows = _content(page), _host_rows(page)
    if not rows or len(rows) < 0.8 * len(content):
        return 0.0
    sure = "localhost" in (name for _, names in rows for name in names) or page.name.lower().startswith(("hosts", "etc_hosts", "etc-hosts"))
    return 0.9 if sure else 0.4 if len(rows) > 1 else 0.0


def read_hosts(page: Page) -> Reading:
    """Addresses and longer names to the short name that the line gives; loopback lines say nothing about the cluster."""
    aliases: dict[str, str] = {}
    for address, names in _host_rows(page):
        parsed = ipaddress.ip_address(address.partition("%")[0])
        if parsed.is_loopback or parsed.is_multicast or parsed.is_unspecified or any(name.startswith(_LOOPBACK) for name in names):
            continue
        node = min(names, key=lambda name: ("." in name, len(name))).partition(".")[0]
        for other in (address, *names):
            if other != node:
                aliases.setdefault(other, node)
    return Reading(aliases=aliases)


def score_timezone(page: Page) -> float:
    """One line with a zone that exists, in a file of that name."""
    content = _content(page)
    if len(content) != 1 or not _ZONE.fullmatch(content[0]) or load_zone(content[0]) is None:
        return 0.0
    return 0.95 if "timezone" in page.name.lower() else 0.5 if "/" in content[0] else 0.0


def read_timezone(page: Page) -> Reading:
    """The IANA name of the node's zone."""
    content = _content(page)
    found = content[0] if content and _ZONE.fullmatch(content[0]) and load_zone(content[0]) is not None else ""
    return Reading(timezone=found)


def score_localtime(page: Page) -> float:
    """A symbolic link into zoneinfo, or the bytes of a TZif file."""
    if page.link_target:
        return 0.95 if page.name == "localtime" and _ZONEINFO.search(page.link_target) else 0.0
    return 0.95 if page.data.startswith(b"TZif") else 0.0


def read_localtime(page: Page) -> Reading:
    """The zone's name from the link's target, or the zone's bytes."""
    found = _ZONEINFO.search(page.link_target)
    if found:
        return Reading(timezone=found["name"] if load_zone(found["name"]) is not None else "")
    if zone_of_bytes(page.data) is None:
        return Reading(problems=("the zone file is damaged",))
    return Reading(zone_file=page.data)
