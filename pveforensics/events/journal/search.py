"""The anchors in the messages: searched in the bytes as they stand in the file, and in what packed ones unpack to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pveforensics.events.journal.carve import Indexes, Objects
from pveforensics.events.journal.payload import Unpacker
from pveforensics.events.scan.matcher import Matcher
from pveforensics.events.scan.streams import anchors_by_line

_BATCH = 1 << 20
_REACH = 9_000
"""Bytes of a message: no signature looks behind its 2,048th character, no hint behind its 4,096th."""

_LINE_ENDS = np.uint64(0x0A0A_0A0A_0A0A_0A0A)
"""An engine may report an anchor once a line: no two messages share one."""

NAMES = (
    b"MESSAGE=",
    b"SYSLOG_IDENTIFIER=",
    b"_COMM=",
    b"_HOSTNAME=",
    b"_PID=",
    b"SYSLOG_PID=",
    b"_SOURCE_MONOTONIC_TIMESTAMP=",
    b"_SOURCE_REALTIME_TIMESTAMP=",
)
"""The fields of which a line is made."""

MESSAGE, NAME, COMM, HOST, PID, SYSLOG_PID, MONOTONIC, SENT = range(8)
DATA, HIT = 1 << 8, 1 << 9
"""What a word of the file is: bit k for the head of an object of the k-th field, DATA of any, HIT of a message with an anchor."""

Classes = npt.NDArray[np.uint16]
Anchors = dict[int, tuple[int, ...]]
_Pairs = npt.NDArray[np.int64]
_NO_PAIRS: _Pairs = np.empty((0, 2), np.int64)
_WORD = 8


class Fields:
    """What each word of the file is (`classes`), and which anchors stand in which messages."""

    def __init__(self, found: Objects, buffer: Any, unpacker: Unpacker) -> None:
        """Sort the DATA objects by the beginning of their payload."""
        self.found = found
        self.classes: Classes = np.zeros(len(found.words), np.uint16)
        self._buffer = buffer
        self._unpacker = unpacker
        self._head = found.layout.head
        self._word_at: Callable[[int], int] = found.words.item
        plain = np.flatnonzero(found.data_flags == 0)
        self.classes[found.data] = DATA
        places = found.data.take(plain)
        heads = places + found.layout.head // 8
        first = found.words.take(heads)
        for field, name in enumerate(NAMES):
            fits = np.flatnonzero((first if len(name) >= _WORD else first & _mask(name)) == _word(name[:8]))
            if len(name) > _WORD:
                second = found.words.take(heads.take(fits) + 1, mode="clip")
                fits = fits.compress((second & _mask(name[8:16])) == _word(name[8:16]))
            self.classes[places.take(fits)] = DATA | 1 << field
            if field == MESSAGE:
                self._messages: Indexes = plain[fits]

    def payload(self, place: int) -> bytes:
        """The field at a place, as far as it is looked at; empty if there is none that can be read."""
        start = place * 8
        begin, end = start + self._head, start + self._word_at(place + 1)
        if flags := self._buffer[start + 1]:
            return self._unpacker.unpack(bytes(self._buffer[begin:end]), flags)
        return bytes(self._buffer[begin : min(end, begin + _REACH)])

    def search(self, matcher: Matcher, known: int) -> Anchors:
        """Mark the messages that hold an anchor with a number below `known`."""
        pairs = np.unique(np.concatenate((_NO_PAIRS, *self._plain(matcher, known), self._packed(matcher, known))), axis=0)
        self.classes[pairs[:, 0]] |= np.uint16(HIT)
        places, starts = np.unique(pairs[:, 0], return_index=True)
        anchors = pairs[:, 1].tolist()
        cuts = itertools.pairwise([*starts.tolist(), len(anchors)])
        return {place: tuple(anchors[start:end]) for place, (start, end) in zip(places.tolist(), cuts, strict=True)}

    def _plain(self, matcher: Matcher, known: int) -> Iterator[_Pairs]:
        """The anchors in the messages that are not packed: they alone are searched, gathered word by word with line ends between them."""
        words, head = self.found.words, self.found.layout.head
        places = self.found.data.take(self._messages)
        lengths = np.minimum(self.found.data_size.take(self._messages) - head, _REACH)
        counts = (lengths + 7) // _WORD + 1
        ends = np.cumsum(counts)
        at = 0
        while at < len(places):
            end = max(at + 1, int(np.searchsorted(ends, (int(ends[at - 1]) if at else 0) + _BATCH // _WORD)))
            count, behind = counts[at:end], ends[at:end] - (int(ends[at - 1]) if at else 0)
            taken = np.repeat(places[at:end] + head // _WORD - behind + count, count) + np.arange(behind[-1])
            text = words.take(taken, mode="clip")
            text[behind - 1] = _LINE_ENDS
            hits = np.array(matcher.hits(text.tobytes()), np.int64).reshape(-1, 2)
            row = np.searchsorted(behind, (hits[:, 1] - 1) // _WORD, "right")
            # what stands behind the end of a message, in its last word, is none of it
            good = (hits[:, 0] < known) & (hits[:, 1] - (behind - count)[row] * _WORD <= lengths[at:end][row])
            yield np.stack((places[at:end][row[good]], hits[good, 0]), axis=1)
            at = end

    def _packed(self, matcher: Matcher, known: int) -> _Pairs:
        pairs = [_NO_PAIRS]
        waiting: list[tuple[int, bytes]] = []
        length = 0
        for place in self.found.data[self.found.data_flags != 0].tolist():
            payload = self.payload(place)
            name = payload[: payload.find(b"=") + 1]
            if name not in NAMES:
                continue
            field = NAMES.index(name)
            self.classes[place] |= np.uint16(1 << field)
            if field == MESSAGE:
                waiting.append((place, payload[:_REACH].replace(b"\n", b" ")))
                length += len(payload)
            if length >= _BATCH:
                pairs.append(_in_batch(waiting, matcher, known))
                waiting, length = [], 0
        return np.concatenate([*pairs, _in_batch(waiting, matcher, known)])


def _in_batch(waiting: list[tuple[int, bytes]], matcher: Matcher, known: int) -> _Pairs:
    found = anchors_by_line(matcher, b"\n".join(text for _, text in waiting), known)
    pairs = [(waiting[line][0], anchor) for line, anchors in found.items() for anchor in anchors]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


def _mask(text: bytes) -> np.uint64:
    return np.uint64((1 << 8 * len(text)) - 1)
