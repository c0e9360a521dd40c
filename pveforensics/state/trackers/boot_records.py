"""Boots as wtmp (`last -x`) and `journalctl --list-boots` record them: rows of status dumps with their moments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pveforensics.lazyregex import regex
from pveforensics.model import Evidence, Snapshot
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Basis, Instant, load_zone, local_us, offsets_at, parse_local, parse_moment, parse_offset
from pveforensics.value import Value

LISTS = frozenset({"boot_list", "list_boots", "journalctl_list_boots"})
"""Kinds of the snapshots that list the journal's boots; rows have `boot_id`, `first`, `last`."""
WTMP = frozenset({"last", "wtmp", "last_x", "wtmpdb"})
"""Kinds of the snapshots that list wtmp; rows have `user` (`reboot`, `shutdown`, a login), `start`, `end`."""

_CTIME = regex(r"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d)(?::(\d\d))? (\d{4})", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Row(Value, frozen=True):
    """A boot as a record tells it: `at` its start, `last` its last entry (boot list only)."""

    at: Instant | None
    path: str
    last: Instant | None = None
    boot_id: str = ""
    evidence: tuple[Evidence, ...] = ()


class Record(Value, frozen=True):
    """A row of wtmp: `what` is `reboot`, `shutdown` or `crash` (a session that a crash ended; `at` is its login)."""

    at: Instant
    what: str
    evidence: tuple[Evidence, ...] = ()


def rows_of(view: View, node: str) -> tuple[Row, ...]:
    """The boots of a node as records tell them, oldest first."""
    found = []
    for dump in view.snapshots_of(node):
        if dump.kind in LISTS:
            for row in dump.rows:
                plain = _plain(row)
                at = moment(view, node, _pick(plain, "first", "first_entry", "start"))
                last = moment(view, node, _pick(plain, "last", "last_entry", "end"))
                boot_id = _pick(plain, "boot_id", "boot", "id").replace("-", "")
                found.append(Row(at, _path(dump), last, boot_id, _evidence(dump, node, row)))
    found += [Row(record.at, record.evidence[0].path if record.evidence else "", evidence=record.evidence)
              for record in records_of(view, node) if record.what == "reboot"]  # fmt: skip
    return tuple(sorted(found, key=lambda row: row.at.us if row.at is not None else 0))


def records_of(view: View, node: str) -> tuple[Record, ...]:
    """The rows of wtmp that bear on boots, oldest first, each once."""
    found: dict[tuple[int, str], Record] = {}
    for dump in view.snapshots_of(node):
        if dump.kind not in WTMP:
            continue
        for row in dump.rows:
            plain = _plain(row)
            what = _what(plain)
            at = moment(view, node, _pick(plain, "start", "at", "login", "from", "time"))
            if what and at is not None:
                found.setdefault((at.us // SECOND, what), Record(at, what, _evidence(dump, node, row)))
    return tuple(found[key] for key in sorted(found))


def _what(row: Mapping[str, str]) -> str:
    user = _pick(row, "user", "name", "what")
    if user in ("reboot", "shutdown"):
        return user
    return "crash" if user and user != "runlevel" and "crash" in _pick(row, "end", "to", "logout", "status") else ""


def _plain(row: Mapping[str, str]) -> dict[str, str]:
    return {key.strip().lower().replace(" ", "_"): value.strip() for key, value in row.items()}


def _pick(row: Mapping[str, str], *keys: str) -> str:
    return next((row[key] for key in keys if row.get(key)), "")


def _path(dump: Snapshot) -> str:
    return dump.evidence[0].path if dump.evidence else dump.kind


def _evidence(dump: Snapshot, node: str, row: Mapping[str, str]) -> tuple[Evidence, ...]:
    """The row's own line if the row tells it, else the dump's."""
    plain = _plain(row)
    line, text = _pick(plain, "line"), _pick(plain, "text")
    if line.isascii() and line.isdigit() and len(line) < 10 and dump.evidence:
        return (Evidence(dump.evidence[0].path, int(line), node, text or dump.evidence[0].text),)
    return dump.evidence[:1]


def moment(view: View, node: str, text: str) -> Instant | None:
    """The moment of a row on the common clock: RFC 3339, epoch seconds, or local time in the node's zone; None if it is none of these."""
    own = _own_moment(view, node, text)
    clock = view.timeline.clocks.get(node)
    return own.plus(-clock.offset_s) if own is not None and clock is not None and clock.offset_s else own


def _own_moment(view: View, node: str, text: str) -> Instant | None:
    word = text.strip()
    if not word:
        return None
    if re.fullmatch(r"\d{9,11}(?:\.\d{1,6})?", word, re.ASCII):
        return Instant(int(float(word) * SECOND))
    try:
        return parse_moment(word)
    except (ValueError, OverflowError):
        pass
    local = _ctime(word) if parse_local(word[word.find("20") :] if "20" in word else word) is None else parse_local(word[word.find("20") :])
    return None if local is None else _zoned(view, node, local, word.rsplit(" ", 1)[-1])


def _ctime(word: str) -> int | None:
    found = _CTIME.search(word)
    if not found or found[1] not in _MONTHS:
        return None
    second = int(found[3]) * 3600 + int(found[4]) * 60 + int(found[5] or 0)
    return local_us(int(found[6]), _MONTHS.index(found[1]) + 1, int(found[2]), second)


def _zoned(view: View, node: str, local: int, tail: str) -> Instant | None:
    """Local microseconds in the zone that the text names behind them, else in the node's zone, else in UTC as the contract says."""
    offset = parse_offset(tail)
    if offset is not None:
        return Instant(local - offset)
    clock = view.timeline.clocks.get(node)
    zone = load_zone(clock.timezone) if clock is not None and clock.timezone else None
    shift = offsets_at(zone, local // (900 * SECOND))[0] if zone is not None else 0
    return Instant(local - shift, 0, Basis.ZONE_INFERRED)


def crashes(view: View, node: str) -> Iterator[Record]:
    """Sessions that wtmp shows as ended by a crash."""
    return (record for record in records_of(view, node) if record.what == "crash")
