"""The anchors in the fields: searched in the raw bytes of the file, and in what packed fields unpack to."""

from __future__ import annotations

from typing import Any

import numpy as np

from pveforensics.events.journal.carve import COMM, DATA, HIT, HOST, NAMED, WANTED, Bytes, Indexes, Mask, Objects, Words
from pveforensics.events.journal.payload import Unpacker
from pveforensics.events.scan.matcher import Matcher
from pveforensics.events.scan.streams import anchors_by_line

_PIECE = 4 << 20
_BATCH = 1 << 20
_REACH = 9_000
"""Bytes of a message: no signature looks behind its 2,048th character, no hint behind its 4,096th."""

_LINE_ENDS = bytes.maketrans(b"\0", b"\n")
_MESSAGE = b"MESSAGE="

_FIELDS: tuple[tuple[bytes, int], ...] = (
    (_MESSAGE, WANTED),
    (b"SYSLOG_IDENTIFIER=", WANTED | NAMED),
    (b"_HOSTNAME=", WANTED | HOST),
    (b"_COMM=", WANTED | COMM),
    (b"_PID=", WANTED),
    (b"SYSLOG_PID=", WANTED),
    (b"_SOURCE_MONOTONIC_TIMESTAMP=", WANTED),
    (b"_SOURCE_REALTIME_TIMESTAMP=", WANTED),
)
"""The fields of which a line is made; the first word of a DATA object's payload tells them well enough."""

Anchors = dict[int, frozenset[int]]


class Fields:
    """What each word of the file is (`classes`), and which anchors stand in which messages."""

    def __init__(self, found: Objects, buffer: Any, unpacker: Unpacker) -> None:
        """Sort the DATA objects by the beginning of their payload."""
        self.found = found
        self.classes: Bytes = np.zeros(len(found.words), np.uint8)
        self._buffer = buffer
        self._unpacker = unpacker
        plain = found.data_flags == 0
        self.classes[found.data] = DATA
        first = found.words[found.data[plain] + found.layout.head // 8]
        for name, bits in _FIELDS:
            self._mark(found.data[plain], first, name, bits)
        self._messages: Mask = plain.copy()
        self._messages[plain] = first == _word(_MESSAGE)

    def _mark(self, places: Indexes, first: Words, name: bytes, bits: int) -> None:
        start = name[:8]
        mask = np.uint64((1 << 8 * len(start)) - 1)
        self.classes[places[(first & mask) == _word(start)]] |= np.uint8(bits)

    def payload(self, place: int) -> bytes:
        """The field at a place, as far as it is looked at; empty if there is none that can be read."""
        flags, size = (int(word) for word in self.found.words[place : place + 2].tolist())
        begin = place * 8 + self.found.layout.head
        if flags >> 8:
            return self._unpacker.unpack(bytes(self._buffer[begin : place * 8 + size]), flags >> 8)
        return bytes(self._buffer[begin : min(place * 8 + size, begin + _REACH)])

    def search(self, matcher: Matcher, known: int, longest: int) -> Anchors:
        """Mark the messages that hold an anchor with a number below `known`; `longest` is the longest anchor."""
        pairs = [*self._raw(matcher, known, longest), *self._packed(matcher, known)]
        found: dict[int, set[int]] = {}
        for place, anchor in pairs:
            found.setdefault(place, set()).add(anchor)
        self.classes[np.fromiter(found, np.int64, len(found))] |= np.uint8(HIT)
        return {place: frozenset(anchors) for place, anchors in found.items()}

    def _raw(self, matcher: Matcher, known: int, longest: int) -> list[tuple[int, int]]:
        starts = self.found.data[self._messages] * 8
        if not len(starts):
            return []
        begins, ends = starts + self.found.layout.head, starts + self.found.data_size[self._messages]
        ends = np.minimum(ends, begins + _REACH)
        pairs = []
        for begin in range(0, len(self._buffer), _PIECE):
            piece = bytes(self._buffer[max(0, begin - longest) : begin + _PIECE])
            if matcher.name != "hyperscan":
                piece = piece.translate(_LINE_ENDS)  # an engine may report an anchor once a line: no two fields share one
            hits = matcher.hits(piece)
            if not hits:
                continue
            table = np.array(hits, np.int64)
            table = table[table[:, 0] < known]
            at = table[:, 1] + max(0, begin - longest) - 1
            row = np.searchsorted(starts, at, "right") - 1
            good = (row >= 0) & (at < ends[row]) & (at >= begins[row])
            pairs += np.unique(np.stack((starts[row[good]] // 8, table[good, 0]), axis=1), axis=0).tolist()
        return [(int(place), int(anchor)) for place, anchor in pairs]

    def _packed(self, matcher: Matcher, known: int) -> list[tuple[int, int]]:
        pairs: list[tuple[int, int]] = []
        waiting: list[tuple[int, bytes]] = []
        length = 0
        for place in self.found.data[self.found.data_flags != 0].tolist():
            payload = self.payload(place)
            for name, bits in _FIELDS:
                if payload.startswith(name):
                    self.classes[place] |= bits
                    if name == _MESSAGE:
                        waiting.append((place, payload[:_REACH].replace(b"\n", b" ")))
                        length += len(waiting[-1][1])
            if length >= _BATCH:
                pairs += _in_batch(waiting, matcher, known)
                waiting, length = [], 0
        return pairs + _in_batch(waiting, matcher, known)


def _in_batch(waiting: list[tuple[int, bytes]], matcher: Matcher, known: int) -> list[tuple[int, int]]:
    found = anchors_by_line(matcher, b"\n".join(text for _, text in waiting), known)
    return [(waiting[line][0], anchor) for line, anchors in found.items() for anchor in anchors]


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))
