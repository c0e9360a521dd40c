"""Reader of `pvecm status`, `pvecm nodes` and `corosync-quorumtool -s`, `-siH`, `-l`, `-p` (corosync:tools/corosync-quorumtool.c)."""

from __future__ import annotations

import re

from msgspec import Struct, field

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot, TimeHint
from pveforensics.state.dumps.dates import find_date, in_file_name
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "quorum_status"

_HEADERS = {
    "cluster information": "cluster",
    "quorum information": "quorum",
    "votequorum information": "votes",
    "membership information": "members",
}
_KEYS = {
    "name": "name",
    "config version": "config_version",
    "transport": "transport",
    "secure auth": "secure_auth",
    "cluster id": "cluster_id",
    "date": "date",
    "quorum provider": "provider",
    "nodes": "nodes",
    "node id": "node_id",
    "ring id": "ring_id",
    "quorate": "quorate",
    "expected votes": "expected",
    "highest expected": "highest",
    "total votes": "total",
    "quorum": "quorum",
    "flags": "flags",
}
_OWN = frozenset(_KEYS) - {"name", "date", "nodes", "transport", "quorum", "flags", "cluster id"}
_PAIR = regex(r"^\W{0,4}(?P<key>[A-Za-z][A-Za-z ]{2,24}?)\s*:(?:\s+(?P<value>.*)|\s*)$")
_HEAD_ROW = regex(r"^\s*Nodeid\s+Votes\b(?P<rest>.*)$")
_ROW = regex(r"^\s*(?P<id>0x[0-9a-fA-F]{1,8}|\d{1,10})\s+(?P<votes>\d{1,6})\s+(?P<rest>\S.*)$")
_DEVICE = regex(r"(?P<state>NR|N?A,N?V,N?MW)(?:\s+(?P<rest>.*)|$)")
_RULE = regex(r"^\W*[-~=_]{3,}\W*$")
_ADDRESS = regex(r"[\d.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")


class _Dump(Struct):
    """A dump while its lines are read."""

    line: int
    text: str
    node: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    device: bool = False
    date: int = 0


def score(page: Page) -> float:
    """By the headings and keys that only these tools print; a log that quotes one of them stays a log."""
    headings = keys = 0
    for _, line in page.filled()[:3000]:
        text = clean(line).strip().strip("#*_ ").lower()
        headings += text in _HEADERS or bool(_HEAD_ROW.match(clean(line)))
        keys += text.partition(":")[0] in ("quorum provider", "expected votes", "highest expected", "total votes", "ring id", "quorate")
    if page.is_log() or headings + keys < 2:
        return 0.0
    return 0.95 if headings and headings + keys >= 3 else 0.7


def read(page: Page) -> Reading:
    """One snapshot for each dump in the page."""
    dumps: list[_Dump] = []
    section = node = ""
    sure = True
    for number, line in page.filled():
        command = command_of(line)
        if command is not None:
            node, section = command[0] or node, ""
            dumps.append(_Dump(number, line.strip(), node))
            continue
        text = clean(line)
        heading = _HEADERS.get(text.strip().strip("#*_ ").lower())
        if heading or _HEAD_ROW.match(text):
            section = heading or "members"
            sure = True
            _enter(dumps, section, number, text, node=node, heading=bool(heading))
        if heading or _RULE.match(text):
            continue
        if section == "members":
            _member_line(dumps[-1], text)
        elif section:
            # below a line that is no pair (damage, or the end of the dump) only this tool's own keys are believed
            sure = _pair(dumps[-1], section, number, text, sure=sure)
    epoch = in_file_name(page.path)
    kept = [dump for dump in dumps if dump.sections and (dump.fields or dump.rows)]
    found = [_snapshot(dump, epoch if len(kept) == 1 else None) for dump in kept]
    hints = tuple(
        TimeHint(dump.date, "Date: beside the stamp in the file name", None, one.epoch_us, one.local, one.zone, exact=True)
        for dump, one in zip(kept, found, strict=True)
        if one.epoch_us is not None and one.local
    )
    return Reading(snapshots=tuple(found), hints=hints)


def _enter(dumps: list[_Dump], section: str, number: int, text: str, *, node: str, heading: bool) -> None:
    """Open a section, and a new dump where the section cannot follow the ones before it."""
    order = ("cluster", "quorum", "votes", "members")
    now = dumps[-1] if dumps else None
    follows = now is not None and (not now.sections or order.index(now.sections[-1]) < order.index(section))
    same = now is not None and now.sections[-1:] == [section] and not heading
    if now is None or not (follows or same):
        now = _Dump(number, text.strip(), node)
        dumps.append(now)
    if not now.sections:
        now.line, now.text = number, text.strip()
    if not same:
        now.sections.append(section)


def _pair(dump: _Dump, section: str, number: int, text: str, *, sure: bool) -> bool:
    """Take `Key: value`; False from the first line on that is none. Unknown keys are kept under their own name while `sure`."""
    found = _PAIR.match(text)
    if not found or (not sure and " ".join(found["key"].lower().split()) not in _OWN):
        return False
    key, value = " ".join(found["key"].lower().split()), (found["value"] or "").strip()
    name = _KEYS.get(key) or key.replace(" ", "_")
    if name == "quorum" and section != "cluster":
        number_word, _, rest = value.partition(" ")
        dump.fields["blocked"] = "yes" if "blocked" in rest.lower() else "no"
        value = number_word
    elif name == "quorate":
        value = value.split()[0].lower() if value.split() else ""
    elif name == "node_id":
        value = _decimal(value)
    elif name == "date":
        dump.date = number
    dump.fields[name] = value
    if name == "expected":
        dump.fields["expected_votes"] = value
    return sure


def _decimal(word: str) -> str:
    """A node id in decimal, also where the tool wrote it as hex; anything else as it stands."""
    try:
        return str(int(word, 16 if word.lower().startswith("0x") else 10))
    except ValueError:
        return word


def _member_line(dump: _Dump, text: str) -> None:
    head = _HEAD_ROW.match(text)
    if head:
        dump.device = "qdevice" in head["rest"].lower()
        return
    found = _ROW.match(text)
    if not found:
        return
    rest, device = found["rest"].strip(), ""
    state = _DEVICE.match(rest)
    if state and (dump.device or state["rest"]):
        device, rest = state["state"], (state["rest"] or "").strip()
    local = bool(re.search(r"\(local\)", rest))
    words = rest.replace("(local)", "").split()
    row = {
        "nodeid": _decimal(found["id"]),
        "votes": found["votes"],
        "name": words[0] if words else "",
        "local": "yes" if local else "no",
        "qdevice": device,
    }
    if len(words) > 1:
        row["extra"] = " ".join(words[1:])
    dump.rows.append(row)


def _snapshot(dump: _Dump, epoch_us: int | None) -> RawSnapshot:
    fields = dict(dump.fields)
    own = next((row for row in dump.rows if row["local"] == "yes"), None)
    if own is not None:
        fields.setdefault("node_id", own["nodeid"])
    if not fields.get("quorate"):  # a paste that lacks the first half still says it
        if fields.get("blocked") == "yes":
            fields["quorate"] = "no"
        elif "Quorate" in fields.get("flags", "").split():
            fields["quorate"] = "yes"
    said = find_date(fields["date"]) if fields.get("date") else None
    name = own["name"] if own is not None and own["name"] and not _ADDRESS.fullmatch(own["name"]) else dump.node
    return RawSnapshot(
        KIND,
        dump.line,
        dump.text[:200],
        node=name,
        local=said.local if said else "",
        zone=said.zone if said else "",
        epoch_us=epoch_us,
        fields=fields,
        rows=tuple(dump.rows),
    )
