"""Reader of `corosync-cfgtool -s`, `-b` and `-n` of corosync 2 and 3 (corosync:tools/corosync-cfgtool.c)."""

from __future__ import annotations

import re

from msgspec import Struct, field

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "link_status"

_LOCAL = regex(r"^\s*Local node ID (?P<id>0x[0-9a-fA-F]{1,8}|\d{1,10})(?:, transport (?P<transport>\w+))?")
_LINK = regex(r"^\s*(?:LINK|RING) ID (?P<link>\d{1,2})(?:\s+(?P<proto>\w+))?\s*$")
_ADDRESS = regex(r"^\s*(?:addr|id)\s*=\s*(?P<address>\S+)")
_STATUS = regex(r"^\s*status\s*=\s*(?P<status>\S.*)$")
_OLD_ROW = regex(r"^\s*(?P<word>nodeid|node)\s*:?\s*(?P<id>\d{1,10}):\s*link enabled:(?P<enabled>\d)\s+link connected:(?P<connected>\d)")
_ROW = regex(r"^\s*nodeid\s*:?\s*(?P<id>\d{1,10}):\s*(?P<state>connected|disconnected|localhost)(?P<off>\s*\(not enabled\))?")
_PEER = regex(r"^\s*nodeid:\s*(?P<id>\d{1,10})\s+(?P<what>reachable.*)$")
_PEER_LINK = regex(
    r"^\s*LINK:\s*(?P<link>\d{1,2})\s+(?P<proto>\w+)\s+\((?P<own>[^()\s]*?)->(?P<peer>[^()\s]*)\)\s*(?P<words>[^:]*?)(?:\s*mtu:\s*(?P<mtu>\d+))?\s*$"
)
_KNOWN = (_LINK, _OLD_ROW, _ROW, _PEER, _PEER_LINK)


class _Dump(Struct):
    """A dump while its lines are read."""

    line: int
    text: str
    node: str = ""
    own_id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    link: str = ""
    address: str = ""
    peer: str = ""


def score(page: Page) -> float:
    """By `Local node ID` and the link lines below it."""
    head = lines = 0
    for _, line in page.filled()[:3000]:
        text = clean(line)
        head += bool(_LOCAL.match(text)) or text.strip() in ("Printing ring status.", "Printing link status.")
        lines += any(pattern.match(text) for pattern in _KNOWN)
    if page.is_log():
        return 0.0
    return 0.95 if head and lines else 0.8 if head and len(page.filled()) <= 6 else 0.6 if lines >= 3 else 0.0


def read(page: Page) -> Reading:
    """One snapshot for each run of the tool in the page."""
    dumps: list[_Dump] = []
    node = ""
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node = command[0] or node
            continue
        text = clean(line)
        start = _LOCAL.match(text)
        if start:
            own = str(int(start["id"], 16 if start["id"].lower().startswith("0x") else 10))
            dumps.append(_Dump(number, text.strip(), node, own, {"node_id": own, "transport": start["transport"] or "", "form": ""}))
        elif any(pattern.match(text) for pattern in _KNOWN) and not dumps:
            dumps.append(_Dump(number, text.strip(), node))
        if dumps and not start:
            _line(dumps[-1], number, text)
    epoch = in_file_name(page.path) if len(dumps) == 1 else None
    return Reading(snapshots=tuple(_snapshot(dump, epoch, page.name) for dump in dumps))


def _line(dump: _Dump, number: int, text: str) -> None:
    """Take one line of the dump: a link's heading, its address, a peer's state."""
    if found := _LINK.match(text):
        dump.link, dump.address, dump.fields["form"] = found["link"], "", "s"
    elif found := _ADDRESS.match(text):
        dump.address = found["address"]
    elif found := _STATUS.match(text):
        dump.rows += _brief(dump, number, found["status"].strip())
    elif found := _OLD_ROW.match(text):
        state = "yes" if found["connected"] == "1" else "no"
        who = {"nodeid": found["id"]} if found["word"] == "nodeid" else {"index": found["id"]}
        dump.rows.append(_row(dump, number, who, state, "yes" if found["enabled"] == "1" else "no"))
    elif found := _ROW.match(text):
        state = {"connected": "yes", "disconnected": "no", "localhost": "localhost"}[found["state"]]
        dump.rows.append(_row(dump, number, {"nodeid": found["id"]}, state, "no" if found["off"] else "yes"))
    elif found := _PEER.match(text):
        dump.peer, dump.fields["form"] = found["id"], "n"
    elif (found := _PEER_LINK.match(text)) and dump.peer:
        dump.rows.append(_peer_row(dump, number, found))


def _row(dump: _Dump, number: int, who: dict[str, str], state: str, enabled: str) -> dict[str, str]:
    row = {**who, "link": dump.link, "connected": state, "enabled": enabled, "local_address": dump.address, "line": str(number)}
    if state == "localhost" or (who.get("nodeid") == dump.own_id and dump.own_id):
        row |= {"connected": "localhost", "address": dump.address, "local": "yes"}
    return row


def _peer_row(dump: _Dump, number: int, found: re.Match[str]) -> dict[str, str]:
    words = found["words"].split()
    return {
        "nodeid": dump.peer,
        "link": found["link"],
        "connected": "yes" if "connected" in words else "no",
        "enabled": "yes" if "enabled" in words else "no",
        "address": found["peer"],
        "local_address": found["own"],
        "mtu": found["mtu"] or "",
        "line": str(number),
    }


def _brief(dump: _Dump, number: int, status: str) -> list[dict[str, str]]:
    """`status = n33` has one character per node: `n` itself, else enabled + 2 * connected; words are corosync 2's ring state."""
    if re.fullmatch(r"[n0-3?]{1,64}", status):
        states = {"n": "localhost", "3": "yes", "2": "yes", "1": "no", "0": "no"}
        return [
            {"index": str(place), "link": dump.link, "connected": states.get(mark, ""), "local_address": dump.address, "line": str(number)}
            for place, mark in enumerate(status)
        ]
    good = "no faults" in status
    row = {"link": dump.link, "connected": "yes" if good else "no", "local_address": dump.address, "status": status, "line": str(number)}
    return [row]


def _snapshot(dump: _Dump, epoch_us: int | None, name: str) -> RawSnapshot:
    if not dump.fields.get("form"):
        dump.fields["form"] = "n" if re.search(r"cfgtool[ _]?-?n\b", name) else ""
    return RawSnapshot(KIND, dump.line, dump.text[:200], node=dump.node, epoch_us=epoch_us, fields=dump.fields, rows=tuple(dump.rows))
