"""journalctl's machine forms: JSON lines (also `json-sse`, `json-seq`, `json-pretty`), `verbose`, and the export stream with its binary fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from pveforensics.events.formats.line import Line
from pveforensics.events.formats.stamps import epoch
from pveforensics.lazyregex import regex

LONGEST_ENTRY = 4 << 20
"""Bytes of one entry; a longer one is dropped and counted."""

LONGEST_FIELD = 1 << 20
_EXPORT = regex(rb"\A\s*(?:[A-Z_][A-Z0-9_]{0,63}(?:=[^\n]*)?\n)*?__(?:CURSOR|REALTIME_TIMESTAMP)=")
_JSON = regex(rb'"(?:__REALTIME_TIMESTAMP|__CURSOR|_BOOT_ID|SYSLOG_IDENTIFIER)"\s*:')
_JSON_START = regex(rb"\A(?:\xef\xbb\xbf)?\s*(?:data: ?|\x1e)?\{")

WANTED = frozenset({
    "MESSAGE", "_HOSTNAME", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "SYSLOG_PID", "_BOOT_ID", "__REALTIME_TIMESTAMP", "_TRANSPORT",
    "_SOURCE_MONOTONIC_TIMESTAMP", "__MONOTONIC_TIMESTAMP",
})  # fmt: skip

_VERBOSE = regex(
    r"\w{2,4} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+ \[s=[0-9a-f]{32};(?:[a-z]=[0-9a-f]+;)*t=(?P<t>[0-9a-f]{1,14});[^\]]*\]"
)
_FIELD = regex(r" {4}(?P<name>[A-Z_][A-Z0-9_]{0,63})=(?P<value>.*)", re.DOTALL)


class Entry(NamedTuple):
    """One journal entry: the line (from 1) on which it is shown, its text there, and what it says."""

    number: int
    text: str
    line: Line | None
    boot_id: str


def stream_kind(head: bytes) -> str:
    """`journal-json`, `journal-export`, `journal-verbose` or an empty string."""
    if _JSON_START.match(head) and _JSON.search(head):
        return "journal-json"
    lines = head[:4096].decode("utf-8", "replace").lstrip("\ufeff\n").split("\n", 2)
    if any(_VERBOSE.match(line) for line in lines[:2]):
        return "journal-verbose"
    return "journal-export" if _EXPORT.match(head[:16384]) else ""


def text_of(value: Any) -> str:
    """A field's value: text, numbers of bytes for what is no text, the first of several; null was cut by journalctl."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:
        if isinstance(value[0], int) and not isinstance(value[0], bool):
            return bytes(code & 255 for code in value if isinstance(code, int)).decode("utf-8", "replace")
        return text_of(value[0]) if len(value[0:1]) and not isinstance(value[0], dict) else ""
    return str(value) if isinstance(value, int) else ""


def entry_line(fields: Mapping[str, Any]) -> Line | None:
    """The line that an entry stands for; None if it has neither a time nor a message.

    The stamp is journald's own receive time. Kernel lines of early boot bring the time since boot at which they were printed;
    their stamp is moved back by what passed until journald received them, since both are on the same clock of the same boot.
    """
    written = text_of(fields.get("__REALTIME_TIMESTAMP"))
    micros = int(written) if written.isdecimal() and len(written) <= 17 else None
    message = text_of(fields.get("MESSAGE"))
    if micros is None and not message:
        return None
    program = text_of(fields.get("SYSLOG_IDENTIFIER")) or text_of(fields.get("_COMM"))
    uptime = None
    source, received = text_of(fields.get("_SOURCE_MONOTONIC_TIMESTAMP")), text_of(fields.get("__MONOTONIC_TIMESTAMP"))
    if source.isdecimal() and len(source) <= 17:
        uptime = int(source)
        if micros is not None and received.isdecimal() and len(received) <= 17 and int(received) >= uptime:
            micros -= int(received) - uptime
    pid = text_of(fields.get("_PID")) or text_of(fields.get("SYSLOG_PID"))
    stamp = epoch(written, micros) if micros is not None and micros > 0 else None
    return Line(stamp, text_of(fields.get("_HOSTNAME")), program, pid, message, 0, uptime)


_decode = msgspec.json.Decoder().decode


class JsonEntries:
    """Turns numbered lines of JSON into entries; an object may span lines (`json-pretty`)."""

    def __init__(self) -> None:
        """No object is open yet."""
        self._open: list[str] = []
        self._start = 0
        self._length = 0
        self.damaged = 0

    def feed(self, number: int, text: str) -> Entry | None:
        """The entry that this line completes."""
        part = text.removeprefix("data:").strip().lstrip("\x1e")
        if not self._open:
            if not part.startswith("{"):
                return None
            if part.endswith("}") and (entry := self._entry(number, text, part)):
                return entry
            if part != "{" and part.endswith("}"):
                self.damaged += 1
                return None
            self._start = number
        elif part.startswith("{") and part != "{":
            self.damaged += 1
            self._open, self._length = [], 0
            return self.feed(number, text)
        self._open.append(text)
        self._length += len(text)
        if part == "}" or self._length > LONGEST_ENTRY:
            whole, shown = "\n".join(self._open), next((line for line in self._open if '"MESSAGE"' in line), self._open[0])
            start = self._start + next((place for place, line in enumerate(self._open) if '"MESSAGE"' in line), 0)
            self._open, self._length = [], 0
            entry = self._entry(start, shown, whole)
            self.damaged += entry is None
            return entry
        return None

    def finish(self) -> Entry | None:
        """The end of the file: an object that is still open is damaged."""
        self.damaged += bool(self._open)
        return None

    def _entry(self, number: int, shown: str, whole: str) -> Entry | None:
        try:
            fields = _decode(whole)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None
        if not isinstance(fields, dict):
            return None
        return Entry(number, shown, entry_line(fields), text_of(fields.get("_BOOT_ID")))


class VerboseEntries:
    """Turns the numbered lines of `-o verbose` into entries: a head with the cursor, then one field a line."""

    damaged = 0

    def __init__(self) -> None:
        """No entry is open."""
        self._fields: dict[str, str] = {}
        self._shown = (0, "")

    def feed(self, number: int, text: str) -> Entry | None:
        """The entry that ends where this line begins another one."""
        head = _VERBOSE.match(text)
        if head is not None:
            ended = self.finish()
            self._fields = {"__REALTIME_TIMESTAMP": str(int(head["t"], 16))}
            self._shown = (number, text)
            return ended
        field = _FIELD.match(text)
        if field is not None and self._fields and field["name"] in WANTED:
            self._fields.setdefault(field["name"], field["value"])
            if field["name"] == "MESSAGE":
                self._shown = (number, text)
        return None

    def finish(self) -> Entry | None:
        """The last entry."""
        fields, self._fields = self._fields, {}
        return Entry(*self._shown, entry_line(fields), fields.get("_BOOT_ID", "")) if fields else None


def export_entries(read: Callable[[int], bytes], readline: Callable[[int], bytes], damage: Callable[[str], None]) -> Iterator[Entry]:
    """Entries of an export stream. `number` is the line of MESSAGE, counting newlines as they stand in the file."""
    number, shown, text = 0, 0, ""
    fields: dict[str, str] = {}
    while line := readline(LONGEST_FIELD):
        number += 1
        stripped = line.rstrip(b"\n")
        if not stripped.rstrip(b"\r"):
            if fields:
                yield Entry(shown or number, text, entry_line(fields), fields.get("_BOOT_ID", ""))
            fields, shown, text = {}, 0, ""
            continue
        name, equals, value = stripped.partition(b"=")
        key = name.decode("ascii", "replace")
        first = number
        if not equals:
            value, newlines = _binary(read, damage)
            number += newlines
        if key in WANTED and key not in fields:
            fields[key] = value.decode("utf-8", "replace")
            if key == "MESSAGE":
                shown, text = first, f"MESSAGE={fields[key]}"[:LONGEST_FIELD]
    if fields:
        yield Entry(shown or number, text, entry_line(fields), fields.get("_BOOT_ID", ""))


def _binary(read: Callable[[int], bytes], damage: Callable[[str], None]) -> tuple[bytes, int]:
    """The value of a binary field and the newlines that it and its length hold."""
    raw = read(8)
    length = int.from_bytes(raw, "little")
    if len(raw) < 8 or length > 1 << 40:
        damage("a binary field states an impossible length")
        return b"", raw.count(b"\n")
    kept, newlines = b"", raw.count(b"\n")
    while length > 0:
        part = read(min(length, LONGEST_FIELD))
        if not part:
            damage("the stream ends inside a binary field")
            break
        if len(kept) < LONGEST_FIELD:
            kept += part
        newlines += part.count(b"\n")
        length -= len(part)
    newlines += read(1).count(b"\n")
    return kept, newlines
