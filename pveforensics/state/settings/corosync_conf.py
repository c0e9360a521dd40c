"""Reader of corosync.conf: members, votes, timeouts and links, and every key as a setting (man corosync.conf.5, votequorum.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

from pveforensics.lazyregex import regex
from pveforensics.model import Cluster, Evidence, Member
from pveforensics.readings import Setting
from pveforensics.state.page import Page, Reading

_OPEN = regex(r"^\s*(?P<name>[A-Za-z_][\w-]*)\s*\{\s*(?:#.*)?$")
_PAIR = regex(r"^\s*(?P<key>[A-Za-z_][\w.-]*)\s*:\s*(?P<value>.*?)\s*$")
_SECTIONS = ("totem", "nodelist", "quorum", "logging", "system", "resources", "uidgid", "qb", "nozzle")
_ADDRESS_KEY = regex(r"ring(?P<link>\d{1,2})_addr")
DEEPEST = 8
"""Sections in sections beyond this are damage, not configuration."""
DEFAULT_QDEVICE_VOTES = 1
"""Votes of a quorum device of which the file states none (corosync:exec/votequorum.c, `quorum.device.votes`)."""


class _Section(Struct):
    """A section of the file: its pairs with their lines, and the sections in it."""

    name: str
    line: int
    pairs: list[tuple[str, str, int, str]] = field(default_factory=list)
    inner: list[_Section] = field(default_factory=list)

    def get(self, key: str) -> str:
        """The last value of a key, as corosync takes it; an empty string if there is none."""
        return next((value for name, value, *_ in reversed(self.pairs) if name == key), "")

    def number(self, key: str) -> int | None:
        """The value of a key as a whole number up to a thousand million; None otherwise."""
        value = self.get(key)
        return int(value) if re.fullmatch(r"\d{1,9}", value, re.ASCII) else None

    def sections(self, name: str) -> list[_Section]:
        """The inner sections of a name."""
        return [section for section in self.inner if section.name == name]


def score(page: Page) -> float:
    """By its sections with braces at the beginning of lines."""
    names = {found["name"] for _, line in page.filled()[:2000] if (found := _OPEN.match(line))}
    known = names & set(_SECTIONS)
    if page.is_log() or not known:
        return 0.0
    strong = known & {"totem", "nodelist"}
    return 0.95 if strong and len(known) >= 2 else 0.8 if strong else 0.6 if len(known) >= 2 or "corosync" in page.name else 0.3


def read(page: Page) -> Reading:
    """The cluster and all settings. A file that is cut is read as far as it goes and leaves a problem."""
    root, open_sections = _parse(page)
    settings = tuple(_settings(root))
    problems = (f"corosync.conf ends inside section {open_sections!r}",) if open_sections else ()
    if not settings:
        return Reading(problems=problems)
    cluster = _cluster(root, page)
    aliases = {address: member.name for member in cluster.members if member.name for address in member.addresses if address != member.name}
    return Reading(clusters=(cluster,), settings=settings, aliases=aliases, problems=problems)


def _parse(page: Page) -> tuple[_Section, str]:
    """The tree of sections, and the name of the one that the file leaves open."""
    root = _Section("", 0)
    stack = [root]
    for number, line in page.filled():
        text = line.strip().lstrip("\ufeff")
        if text.startswith("#"):
            continue
        if found := _OPEN.match(line):
            if len(stack) <= DEEPEST:
                section = _Section(found["name"], number)
                stack[-1].inner.append(section)
                stack.append(section)
        elif text.startswith("}"):
            if len(stack) > 1:
                stack.pop()
        elif found := _PAIR.match(line):
            stack[-1].pairs.append((found["key"], found["value"], number, line.strip()[:300]))
    return root, stack[-1].name


def _settings(section: _Section, prefix: str = "") -> Iterator[Setting]:
    """All keys, dotted; the sections `node` of the node list go by name or id, repeated ones by their number."""
    for key, value, line, text in section.pairs:
        yield Setting(f"{prefix}{key}", value, line, text)
    seen: dict[str, int] = {}
    for inner in section.inner:
        name = inner.name
        if inner.name == "node":
            name = inner.get("name") or inner.get("ring0_addr") or f"node{inner.get('nodeid') or len(seen)}"
        elif len(section.sections(inner.name)) > 1 and inner.name not in _SECTIONS:
            name = f"{inner.name}.{_label(inner) or seen.get(inner.name, 0)}"
            seen[inner.name] = seen.get(inner.name, 0) + 1
        yield from _settings(inner, f"{prefix}{name}.")


def _label(section: _Section) -> str:
    return section.get("linknumber") or section.get("ringnumber") or section.get("subsys")


def _merged(root: _Section, name: str) -> _Section:
    """All sections of a name as one: corosync reads them one after the other."""
    merged = _Section(name, 0)
    for section in root.sections(name):
        merged.line = merged.line or section.line
        merged.pairs += section.pairs
        merged.inner += section.inner
    return merged


def _cluster(root: _Section, page: Page) -> Cluster:
    totem, quorum = _merged(root, "totem"), _merged(root, "quorum")
    members = tuple(_members(_merged(root, "nodelist")))
    device = next(iter(quorum.sections("device")), None)
    two_node = _on(quorum, "two_node")
    stated = quorum.number("expected_votes")
    votes = 0
    if device is not None:
        # without a stated number ffsplit gives the device one vote (man corosync-qdevice.8), lms the nodes less one
        nodes = sum(member.votes for member in members)
        lms = any(net.get("algorithm") == "lms" for net in device.sections("net"))
        given = device.number("votes")
        votes = given if given is not None else max(nodes - 1, DEFAULT_QDEVICE_VOTES) if lms else DEFAULT_QDEVICE_VOTES
    first = totem.line or 1
    evidence = Evidence(page.path, first, "", page.lines[first - 1].strip()[:200])
    stated_wait = quorum.get("wait_for_all")
    return Cluster(
        name=totem.get("cluster_name"),
        members=members,
        expected_votes=_expected(members, stated, votes),
        qdevice=device is not None,
        qdevice_votes=votes,
        two_node=two_node,
        # two_node turns wait_for_all on unless the file turns it off (man votequorum.5)
        wait_for_all=_on(quorum, "wait_for_all") or (two_node and not stated_wait),
        last_man_standing=_on(quorum, "last_man_standing"),
        auto_tie_breaker=_on(quorum, "auto_tie_breaker"),
        token_ms=totem.number("token"),
        token_coefficient_ms=totem.number("token_coefficient"),
        config_version=totem.number("config_version"),
        links=_links(root, totem),
        evidence=(evidence,),
    )


def _expected(members: tuple[Member, ...], stated: int | None, device_votes: int) -> int | None:
    """Votes of all nodes and the device; a node list takes the place of a stated number only if none is stated."""
    if stated is not None:
        return stated
    return sum(member.votes for member in members) + device_votes if members else None


def _on(section: _Section, key: str) -> bool:
    return section.get(key).lower() in ("1", "yes", "on", "true")


def _members(nodelist: _Section) -> Iterator[Member]:
    for node in nodelist.sections("node"):
        addresses = tuple(value for key, value, *_ in node.pairs if _ADDRESS_KEY.fullmatch(key) and value)
        votes, nodeid = node.number("quorum_votes"), node.number("nodeid") or 0
        name = node.get("name") or (addresses[0] if addresses and not _is_address(addresses[0]) else "")
        if name or addresses or nodeid:
            yield Member(name or (f"node{nodeid}" if nodeid else addresses[0]), nodeid, 1 if votes is None else votes, addresses)


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[\d.]+|[0-9a-fA-F:.%]*:[\w:.%]*", text))


def _links(root: _Section, totem: _Section) -> int:
    """Links as the node list gives addresses for them, else the interface sections (corosync 2 without a node list)."""
    numbers = {
        found["link"]
        for node in _merged(root, "nodelist").sections("node")
        for key, *_ in node.pairs
        if (found := _ADDRESS_KEY.fullmatch(key))
    }
    return len(numbers) or len(totem.sections("interface"))
