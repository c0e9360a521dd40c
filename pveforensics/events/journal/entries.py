"""Entries as columns, and the few that matter as lines, as journalctl would print them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from pveforensics.events.formats import Line
from pveforensics.events.formats.journal_streams import WANTED as WANTED_NAMES
from pveforensics.events.formats.journal_streams import entry_line
from pveforensics.events.formats.stamps import epoch
from pveforensics.events.journal.carve import COMM, DATA, HOST, NAMED, WANTED, Bytes, Indexes, Mask, Objects, blocks, items
from pveforensics.events.journal.search import Fields

_DAY_US = 86_400_000_000
_SOURCE = "_SOURCE_REALTIME_TIMESTAMP"
_NAMES = WANTED_NAMES | {_SOURCE}
_MOST_KEPT = 20_000
_MOST_NAMES = 1_000
_START = datetime(1970, 1, 1, tzinfo=UTC)


class Columns(NamedTuple):
    """The entries of a file in the order in which they were written; line numbers are places here plus one.

    `at` and `monotonic` are microseconds, `boot` an index into `boots`, `bits` all bits of the fields that an entry refers to.
    """

    place: Indexes
    size: Indexes
    at: Indexes
    monotonic: Indexes
    boot: Indexes
    boots: tuple[str, ...]
    bits: Bytes
    hosts: dict[str, int]
    programs: frozenset[str]


def columns(found: Objects, fields: Fields) -> Columns:
    """The entries that refer to DATA objects for the most part, with the names of hosts and programs in them."""
    classes = fields.classes
    bits = np.zeros(len(found.entry), np.uint8)
    sound: Mask = np.zeros(len(found.entry), np.bool_)
    hosts: dict[int, int] = {}
    names: set[int] = set(found.data[(classes[found.data] & NAMED) != 0].tolist())
    for block in blocks(found):
        kinds = classes[block.objects]
        bits[block.rows] = seen = np.bitwise_or.reduce(kinds, axis=1)
        sound[block.rows] = good = 2 * np.count_nonzero(kinds & DATA, axis=1) >= kinds.shape[1]
        _count(block.objects[((kinds & HOST) != 0) & good[:, None]], hosts)
        nameless = ((seen & NAMED) == 0) & good
        if nameless.any():
            names.update(np.unique(block.objects[((kinds & COMM) != 0) & nameless[:, None]]).tolist())
    place, size = found.entry[sound], found.entry_size[sound]
    boot, boots = _boots(found, place)
    return Columns(
        place,
        size,
        found.words[place + 3].astype(np.int64),
        found.words[place + 4].astype(np.int64),
        boot,
        boots,
        bits[sound],
        _named(hosts, fields),
        frozenset(list(filter(None, (_value(fields.payload(each)) for each in sorted(names)[:_MOST_NAMES])))),
    )


def _count(places: Indexes, counts: dict[int, int]) -> None:
    if not len(places):
        return
    if (places == places[0]).all():
        counts[int(places[0])] = counts.get(int(places[0]), 0) + len(places)
        return
    for place, count in zip(*(column.tolist() for column in np.unique(places, return_counts=True)), strict=True):
        if place in counts or len(counts) < _MOST_NAMES:
            counts[place] = counts.get(place, 0) + count


def _named(counts: dict[int, int], fields: Fields) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, count in counts.items():
        name = _value(fields.payload(place))
        if name:
            found[name] = found.get(name, 0) + count
    return found


def _value(payload: bytes) -> str:
    return payload.partition(b"=")[2].decode("utf-8", "replace")


def _boots(found: Objects, places: Indexes) -> tuple[Indexes, tuple[str, ...]]:
    """Each entry's boot by number, and their ids. A boot that one entry alone claims amid those of another is a damaged id."""
    low, high = found.words[places + 5], found.words[places + 6]
    changed = np.ones(len(places), np.bool_)
    changed[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    starts = np.flatnonzero(changed)
    if not len(starts):
        return np.empty(0, np.int64), ()
    ids = np.stack((low[starts], high[starts]), axis=1).astype("<u8")
    names = [row.tobytes().hex() for row in ids]
    lengths = np.diff(np.append(starts, len(places))).tolist()
    known = {name: 0 for name in names}
    for name, length in zip(names, lengths, strict=True):
        known[name] += length
    for k in range(1, len(names) - 1):
        if known[names[k]] == 1 and names[k - 1] == names[k + 1]:
            names[k] = names[k - 1]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.repeat(np.array([numbers[name] for name in names], np.int64), lengths), tuple(numbers)


class Decoder:
    """Takes entries apart, one by one, where they matter."""

    def __init__(self, found: Objects, fields: Fields, rows: Columns) -> None:
        """Nothing is decoded yet."""
        self._found = found
        self._fields = fields
        self._rows = rows
        self._kept: dict[int, tuple[str, str]] = {}

    def line(self, row: int) -> tuple[Line, int]:
        """The line that an entry stands for, and the place of its message (0: it has none).

        Its stamp is the sender's, which journalctl's text forms print, or of the kernel's own making; journald's own time of
        receipt, which the machine forms print, is the stamp's text.
        """
        rows = self._rows
        values = {"__REALTIME_TIMESTAMP": str(int(rows.at[row])), "__MONOTONIC_TIMESTAMP": str(int(rows.monotonic[row]))}
        message = 0
        for place in self._wanted(row):
            name, value = self._pair(place)
            if name in _NAMES and name not in values:
                values[name] = value
                message = place if name == "MESSAGE" else message
        line = entry_line(values) or Line(None, "", "", "", "", 0)
        sent = values.get(_SOURCE, "")
        if line.uptime_us is None and line.stamp is not None and sent.isdecimal() and len(sent) <= 17:
            if 0 <= int(sent) and abs(int(sent) - int(rows.at[row])) <= _DAY_US:
                line = line._replace(stamp=epoch(line.stamp.text, int(sent)))
        return line, message

    def identity(self, row: int) -> str:
        """What only this entry is in all journals of a bundle: boot, time since boot and the hash over its fields.

        The number of an entry would do as well where the header is sound, but a machine's clone goes on counting from it too.
        """
        words = self._found.words[int(self._rows.place[row]) + 4 : int(self._rows.place[row]) + 8]
        return ":".join(f"{word:x}" for word in words.tolist())

    def _wanted(self, row: int) -> list[int]:
        places = items(self._found, self._rows.place[row : row + 1], (int(self._rows.size[row]) - 64) // self._found.layout.item)[0]
        wanted: list[int] = places[(self._fields.classes[places] & WANTED) != 0].tolist()
        return wanted

    def _pair(self, place: int) -> tuple[str, str]:
        known = self._kept.get(place)
        if known is None:
            name, _, value = self._fields.payload(place).partition(b"=")
            known = name.decode("ascii", "replace"), value.decode("utf-8", "replace")
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[place] = known
        return known


def shown(line: Line) -> tuple[str, int]:
    """The line as `journalctl -o short-iso-precise --utc` prints it, in one line, and where its message begins."""
    tag = f"{line.program}[{line.pid}]" if line.pid else line.program
    at = line.stamp.epoch_us if line.stamp is not None else None
    written = (_START + timedelta(microseconds=at)).isoformat(timespec="microseconds") if at is not None else "-"
    head = f"{written} {line.host or '-'} {tag or 'unknown'}: "
    return head + line.message.replace("\n", " "), len(head)
