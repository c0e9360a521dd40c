"""What ran out on a node: memory, with the guest or service that was killed for it, and space on its own file systems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.trackers.spells import Spell, end_of_boot, goes_on, spoken
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

ONE_KILL_US = 5 * SECOND
"""The kernel prints who asked, whose group it was and whom it killed in one go."""

FULL_US = 1800 * SECOND
"""Full file systems are met again with every log rotation, backup or write of pmxcfs."""

_GUEST = regex(r"/(?:qemu\.slice/(?P<vm>\d+)\.scope|(?:lxc|lxc\.payload|lxc\.payload\.|lxc/ns)[./](?P<ct>\d+)(?:/|$))")
_UNIT = regex(r"/system\.slice/(?:[\w\\-]+\.slice/)?(?P<unit>[\w@.\\-]+?)\.service")
_SHARE = regex(r"(?<![\w.])/(?:mnt|media)/")
_PATH = regex(r"(?<![\w.])(?P<path>/[A-Za-z][\w./@+-]*)")


class _Kill(NamedTuple):
    """One process that the kernel killed, and what else it printed of it."""

    at: Instant | None
    event: Event
    detail: Event | None
    asked: Event | None


def track(view: View) -> tuple[Interval, ...]:
    """`memory:<process>@<n>` exhausted and `filesystem:<place>@<n>` full.

    Fields of `exhausted`: `comm`, `pid`, `scope` (host or group: a container's own limit), `guest` (vm:100, ct:100), `unit`, `asked`.
    Fields of `full`: `path`, `count`, `closed_by`.
    """
    found: list[Interval] = []
    for node in view.nodes:
        found += (_killed(node, kill) for kill in _kills(view, node))
        found += _full(view, node)
    return tuple(found)


def _kills(view: View, node: str) -> Iterator[_Kill]:
    asked: tuple[Instant | None, Event] | None = None
    detail: tuple[Instant | None, Event] | None = None
    for at, event in spoken(view, node, "host.oom_invoked", "host.oom_detail", "oom_kill"):
        if event.kind == "host.oom_invoked":
            asked, detail = (at, event), None
        elif event.kind == "host.oom_detail":
            detail = (at, event)
        else:
            own = detail if detail is not None and _near(detail[0], at) and detail[1].fields.get("pid") == event.fields.get("pid") else None
            yield _Kill(at, event, own[1] if own else None, asked[1] if asked is not None and _near(asked[0], at) else None)


def _near(one: Instant | None, other: Instant | None) -> bool:
    return (one is None and other is None) or (one is not None and other is not None and abs(one.us - other.us) <= ONE_KILL_US)


def _killed(node: str, kill: _Kill) -> Interval:
    fields, memcg = kill.event.fields, (kill.detail.fields.get("memcg") or "") if kill.detail else ""
    guest, unit = _GUEST.search(memcg), _UNIT.search(memcg)
    comm = fields.get("comm") or "a process"
    named = {
        "comm": comm,
        "pid": fields.get("pid") or "",
        "scope": "group" if (fields.get("scope") or "").startswith("Memory cgroup") else "host",
        "guest": "" if guest is None else f"vm:{guest['vm']}" if guest["vm"] else f"ct:{guest['ct']}",
        "unit": unit["unit"] if unit else "",
        "asked": (kill.asked.fields.get("process") or "") if kill.asked else "",
    }
    evidence = tuple(line for event in (kill.event, kill.detail, kill.asked) if event is not None for line in event.evidence[:1])
    return Interval(f"memory:{comm}@{node}", "exhausted", kill.at, kill.event.last or kill.at, named, evidence)


def _full(view: View, node: str) -> Iterator[Interval]:
    spells: dict[str, Spell] = {}
    for at, event in spoken(view, node, "host.disk_full"):
        line = event.evidence[0] if event.evidence else Evidence("", 0, node, "")
        if _SHARE.search(line.text):
            continue  # said of a mounted share or disk, which the storage tracker tells
        place = _place(event, line.text)
        spell = spells.get(place)
        if spell is not None and at is not None and spell.last is not None and at.us - spell.last.us > FULL_US:
            yield spells.pop(place).closed(spell.last, "quiet")
            spell = None
        if spell is None:
            spell = spells[place] = Spell(f"filesystem:{place}@{node}", "full", at, at, fields={"path": place})
        spell.take(at, event)
    for spell in spells.values():
        quiet, end = goes_on(view, node, spell.last, FULL_US), end_of_boot(view, node, spell.last)
        yield spell.closed(spell.last if quiet else end, "quiet" if quiet else "boot_end" if end else "")


def _place(event: Event, text: str) -> str:
    """The folder at the top of the path that the line names; `root` if it names none."""
    message = text.partition("]: ")[2] or text
    found = _PATH.search(message)
    if event.program.lower() == "pmxcfs" and not found:
        return "/var"
    return "/" + found["path"].split("/")[1] if found and not found["path"].startswith("/usr/share/perl") else "root"
