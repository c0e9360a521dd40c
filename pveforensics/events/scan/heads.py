"""Heads: the hosts and tags that a log's lines begin with, learned from the reader of lines and then known by their bytes."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

import numpy as np

from pveforensics.events.formats import Line
from pveforensics.events.scan.compiled import Tags, TagTable
from pveforensics.events.scan.compiled import tags as tags_at
from pveforensics.events.scan.layout import Layout, only_shape
from pveforensics.events.scan.words import ALL, Indexes, Mask, Page, Words, first_byte, low_bytes, negative, word, zero_bytes

MOST_HOSTS = 16
MOST_TAGS = 400
_TAG_WORDS = 4
_TRIES_A_PAGE = 64
_AT_ONCE = 500
_HOST = re.compile(rb"[A-Za-z0-9][\w.-]{0,61}")
_UP_TO_ENDING = re.compile(rb"(?<=[\[:])")
_TAG = re.compile(rb"[\w/(][\w./@+~%()-]*[\[:]")
_OPENING, _COLON = word(b"[" * 8), word(b":" * 8)
_random = random.Random(20_251_122)  # noqa: S311 - any odd numbers do; numpy's own generators take longer to load than all that stands here
_FACTORS = np.array([[_random.getrandbits(63) | 1 for _ in range(_TAG_WORDS)] for _ in range(64)], np.uint64)


class Host(NamedTuple):
    """A name in the host column, with the blanks around it as words and their masks."""

    name: str
    width: int
    words: tuple[tuple[np.uint64, np.uint64], ...]


class Heads:
    """What has been learned of one file's heads.

    A tag is all up to its `[` or `:`, that character included; `programs` are the names that they stand for, an empty one marks a
    tag that must be left to the reader of lines.
    """

    def __init__(self, layout: Layout) -> None:
        """Nothing is known yet; tag 0 stands for none."""
        self._layout = layout
        self.hosts: list[Host] = []
        self.programs: list[str] = [""]
        self._tags_known = np.full((_TAG_WORDS, MOST_TAGS + 1), ALL, np.uint64)
        self._with_pid = np.zeros(MOST_TAGS + 1, np.bool_)
        self._good = np.zeros(MOST_TAGS + 1, np.bool_)
        self._slots = np.zeros(1 << 16, np.int16)
        self._factors = _FACTORS[0]
        self._lie: Tags | None = None

    def find_hosts(self, page: Page, ok: Mask, found: Indexes, taught: list[int]) -> None:
        """Fill in the index of each line's host where it is -1, as far as it can be told; appends to `taught` the lines from which a host was learned."""
        at = page.starts + self._layout.head
        left = np.flatnonzero(ok & (found < 0))
        number, tries = 0, 0
        while len(left) and number < MOST_HOSTS:
            if number == len(self.hosts):
                if tries >= _TRIES_A_PAGE:
                    break
                tries += 1
                if not self._learn_host(page, int(left[0])):
                    left = left[1:]
                    continue
                taught.append(int(left[0]))
            places = at[left]
            same = np.ones(len(left), np.bool_)
            for step, (mask, wanted) in enumerate(self.hosts[number].words):
                same &= (page.words_at(places + 8 * step) & mask) == wanted
            found[left[same]] = number
            left = left[~same]
            number += 1

    def _learn_host(self, page: Page, line: int) -> bool:
        start = int(page.starts[line]) + self._layout.head
        token = page.data[start + 1 : start + 64].split(b" ", 1)[0]
        if not _HOST.fullmatch(token):
            return False
        read = self._read(page.text(line))
        if read is None or read.host.encode() != token:
            return False
        shown = b" " + token + b" "
        parts = [shown[at : at + 8] for at in range(0, len(shown), 8)]
        words = tuple((low_bytes(len(part)), word(part)) for part in parts)
        self.hosts.append(Host(token.decode("ascii"), len(token), words))
        return True

    def find_tags(self, page: Page, lines: Indexes, places: Indexes, taught: list[int]) -> tuple[Indexes, Indexes, Mask]:
        """Of lines whose tags begin at `places`: the tag, where the message begins, and whether the head is whole and known."""
        tags, messages, good = self._tags(page, places)
        unknown = np.flatnonzero(tags == 0)
        if not len(unknown):
            return tags, messages, good
        if not self._learn_tags(page, lines, places, unknown, taught):
            return tags, messages, good
        return self._tags(page, places)

    def _learn_tags(self, page: Page, lines: Indexes, places: Indexes, unknown: Indexes, taught: list[int]) -> int:
        """Learn the tags of these unknown lines in their order; gives the number of lines from which one was learned."""
        before = len(taught)
        while len(unknown) and len(taught) - before < _TRIES_A_PAGE:
            few = unknown[:_AT_ONCE]
            if not self._learn_tags_of(page, lines[few].tolist(), places[few].tolist(), taught, before + _TRIES_A_PAGE):
                break
            unknown = unknown[self._tags(page, places[unknown])[0] == 0]
        return len(taught) - before

    def _learn_tags_of(self, page: Page, lines: list[int], places: list[int], taught: list[int], most: int) -> bool:
        """Learn the tag of each line, of those with the same one from the first; false if there is no room for more."""
        seen: set[bytes] = set()
        for line, place in zip(lines, places, strict=True):
            tag = _UP_TO_ENDING.split(page.data[place : place + 8 * _TAG_WORDS], 1)[0]
            if tag in seen:
                continue
            if len(taught) >= most or not self._learn_tag(page, line, place, tag):
                return False
            seen.add(tag)
            taught.append(line)
        return True

    def _tags(self, page: Page, places: Indexes) -> tuple[Indexes, Indexes, Mask]:
        """The tags that are known already, 0 for others."""
        return tags_at(page.data, places, self.lie()) or self._tags_in_numpy(page, places)

    def lie(self) -> Tags:
        """Where the tags that are known lie, for compiled loops."""
        if self._lie is None:
            self._lie = TagTable(self._slots, self._factors, self._tags_known, self._with_pid, self._good).lies()
        return self._lie

    def _tags_in_numpy(self, page: Page, places: Indexes) -> tuple[Indexes, Indexes, Mask]:
        parts, lengths = _tag_words(page.words, places)
        tags = self._lookup(parts)
        with_pid = self._with_pid[tags]
        closing = places + lengths
        digits = _digits(page.words[closing + 1])
        digits[~with_pid] = -1
        tail = page.words[closing + 1 + digits]
        good = self._good[tags] & (~with_pid | ((digits >= 1) & (digits <= 7) & ((tail & np.uint64(0xFF)) == ord("]"))))
        tail = np.where(with_pid, tail >> np.uint64(8), tail)
        good &= (tail & np.uint64(0xFFFF)) == word(b": ")
        return tags, closing + 3 + digits + with_pid, good

    def _lookup(self, parts: Words) -> Indexes:
        tags = self._slots[_slot(parts, self._factors)].astype(np.int64)
        same = parts[0] == self._tags_known[0][tags]
        for step in range(1, _TAG_WORDS):
            same &= parts[step] == self._tags_known[step][tags]
        return np.where(same, tags, 0)

    def _learn_tag(self, page: Page, line: int, place: int, tag: bytes) -> bool:
        """Ask the reader of lines what this tag is; true if it is known from now on, for good or bad."""
        number = len(self.programs)
        if number > MOST_TAGS:
            return False
        self._tags_known[:, number] = [word(tag[at : at + 8]) for at in range(0, 8 * _TAG_WORDS, 8)]
        program = self._program(page, line, place, tag) if _TAG.fullmatch(tag) and tag != b"corosync:" else ""
        self.programs.append(program)
        self._with_pid[number] = tag.endswith(b"[")
        self._good[number] = bool(program)
        return self._place(number)

    def _program(self, page: Page, line: int, place: int, tag: bytes) -> str:
        """The program's name if the reader of lines takes this head apart in the same way, else an empty text."""
        start = int(page.starts[line])
        text = page.text(line)
        read = self._read(text)
        if read is None:
            return ""
        host = page.data[start + self._layout.head + 1 : place - 1]
        # the message behind the tag begins with a pid or not: both are behind the colon, and where is checked for each line
        at = place - start + len(tag) - 1
        written = text[at:]
        plain = re.match(r"(?:\[\d{1,7}\])?: ", written)
        if read.host.encode() != host or plain is None or (read.uptime_us is None and read.message_offset != at + plain.end()):
            return ""
        return read.program

    def _read(self, text: str) -> Line | None:
        """A line as the reader of lines takes it apart, if no other shape than that of the columns could."""
        shape = only_shape(text)
        read = shape.parse(text) if shape is not None and shape.name == self._layout.name else None
        return read if read is not None and read.stamp is not None and len(read.stamp.text) == self._layout.head else None

    def _place(self, number: int) -> bool:
        """Give a tag its slot, or every tag another one where it is taken."""
        (slot,) = _slot(self._tags_known[:, number : number + 1], self._factors).tolist()
        if self._slots[slot]:
            return self._place_all()
        self._slots[slot] = number
        return True

    def _place_all(self) -> bool:
        """Give every tag a slot of its own."""
        count = len(self.programs)
        for factors in (self._factors, *_FACTORS):
            slots = _slot(self._tags_known[:, 1:count], factors)
            if len(set(slots.tolist())) == count - 1:
                self._factors, self._lie = factors, None
                self._slots[:] = 0
                self._slots[slots] = np.arange(1, count)
                return True
        return False


def _slot(parts: Words, factors: Words) -> Words:
    mixed = parts[0] * factors[0]
    for step in range(1, _TAG_WORDS):
        mixed ^= parts[step] * factors[step]
    slots: Words = mixed >> np.uint64(48)
    return slots


def _tag_words(words: Words, places: Indexes) -> tuple[Words, Indexes]:
    """The bytes from each place to the first `[` or `:`, that one included, and how many stand before it."""
    parts = np.zeros((_TAG_WORDS, len(places)), np.uint64)
    lengths = np.zeros(len(places), np.int64)
    left: Indexes | slice = slice(None)
    for step in range(_TAG_WORDS):
        found = words[places[left] + 8 * step]
        ends = zero_bytes(found ^ _OPENING) | zero_bytes(found ^ _COLON)
        lowest = ends & negative(ends)
        parts[step, left] = found & ((lowest << np.uint64(1)) - np.uint64(1))
        lengths[left] += first_byte(lowest)
        more = np.flatnonzero(lowest == 0)
        if not len(more):
            break
        left = more if isinstance(left, slice) else left[more]
    return parts, lengths


def _digits(words: Words) -> Indexes:
    """How many of the first bytes of each word are digits."""
    value = words ^ word(b"0" * 8)
    odd = (value | (value + word(b"\6" * 8))) & word(b"\xf0" * 8)
    return first_byte(odd & negative(odd))
