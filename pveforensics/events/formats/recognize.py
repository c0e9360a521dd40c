"""recognize(): which formats the head of a file shows, how surely, and what kind of file that makes it."""

from __future__ import annotations

import re
from typing import NamedTuple

from pveforensics.events.formats.journal_streams import stream_kind
from pveforensics.events.formats.reader import LineReader
from pveforensics.lazyregex import regex

HEAD = 65_536
"""Bytes of a file's head that recognition wants."""

_LINES = 400
_JOURNAL_MAGIC = b"LPKSHHRH"
_BY_NAME = {
    "kern": "kern.log",
    "auth": "auth.log",
    "daemon": "daemon.log",
    "messages": "messages",
    "user": "user.log",
    "cron": "cron.log",
    "mail": "mail.log",
    "debug": "debug",
}
_ODD = bytes(code for code in range(32) if code not in (9, 10, 12, 13, 27))
_MARKS = regex(r"^-- (?:Boot [0-9a-f]{32}|Reboot|(?:Logs|Journal) begins? at )", re.MULTILINE)
_STATUS = regex(r"^\s*(?:Active: \w+ .*|Loaded: \w+ \(.*)$", re.MULTILINE)


class Recognition(NamedTuple):
    """Names of the formats seen (most frequent first), a score from 0 (nothing known) to 1, and the word for the kind of file."""

    formats: tuple[str, ...]
    score: float
    kind: str


NOTHING = Recognition((), 0.0, "unknown")


def decoded(head: bytes) -> str:
    """The text of a head in whatever of the three usual encodings it has."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    return head.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").decode("utf-8", "replace")


def is_binary(head: bytes) -> bool:
    """True if the bytes are no text. NUL bytes do not count: an unclean end leaves them in logs."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return False
    text = head.replace(b"\0", b"")
    odd = len(text) - len(text.translate(None, _ODD))
    return not text or odd * 20 > len(text)


def is_binary_journal(head: bytes) -> bool:
    """True for systemd's own journal files."""
    return head.startswith(_JOURNAL_MAGIC)


def recognize(head: bytes, path: str = "") -> Recognition:
    """What the first 64 KiB of a file are, by several of their lines; `path` only breaks ties between kinds."""
    if is_binary_journal(head):
        return Recognition(("journal-binary",), 1.0, "journal-binary")
    if stream := stream_kind(head):
        return Recognition((stream,), 1.0, stream)
    if is_binary(head):
        return NOTHING
    text = decoded(head)
    lines = [line.rstrip("\r") for line in text.split("\n")[:_LINES]]
    lines = [line for line in lines if line and not line.isspace()]
    reader = LineReader()
    strong = 0
    for line in lines:
        found = reader.read(line)
        strong += found is not None and not found[0].weak
    if not reader.used:
        return NOTHING
    score = reader.weight / len(lines)
    if strong:
        score = max(score, 0.2)
    formats = tuple(sorted(reader.used, key=lambda name: -reader.used[name]))
    return Recognition(formats, min(score, 1.0), _kind(reader, text, path))


def _kind(reader: LineReader, text: str, path: str) -> str:
    kind = max(reader.kinds, key=lambda name: reader.kinds[name])
    if ("Active: " in text or "Loaded: " in text) and len(_STATUS.findall(text)) >= 2:  # most texts need no look at every line
        return "systemctl-status"
    name = path.rpartition("/")[2].lower()
    if kind in ("syslog", "journal"):
        if ("-- " in text and _MARKS.search(text)) or "journal" in name:
            return "journal"
        if kind == "syslog":
            return next((word for start, word in _BY_NAME.items() if name.startswith(start)), kind)
    return kind
