"""Extended tar headers: PAX records and GNU long names, which change the header that follows them."""

from __future__ import annotations

import re

from msgspec import Struct, field

from pveforensics.bundle.names import decoded
from pveforensics.bundle.stream import Reader
from pveforensics.lazyregex import regex

REPEATED = frozenset({"GNU.sparse.offset", "GNU.sparse.numbytes"})
"""Keys whose every record counts (sparse format 0.0)."""
_WANTED = frozenset({"path", "linkpath", "size", "mtime"})
_LENGTH = regex(rb"\A0*([1-9]\d{0,8}) ")


class Extras(Struct):
    """What extended headers say of the next member. `records` keeps the order, which old sparse maps need."""

    records: list[tuple[str, bytes]] = field(default_factory=list)
    problem: str = ""

    def get(self, key: str) -> bytes | None:
        """The last value of a key."""
        return next((value for name, value in reversed(self.records) if name == key), None)

    def text(self, key: str) -> str | None:
        """The last value of a key as printable text."""
        value = self.get(key)
        return None if value is None else decoded(value)

    def number(self, key: str) -> int | None:
        """The last value of a key as a number of bytes; None if it is absent or no such number."""
        value = self.get(key)
        return int(value) if value is not None and value.isdigit() and len(value) <= 19 else None

    def seconds(self, key: str) -> float | None:
        """The last value of a key as seconds; None if it is absent or no number."""
        value = self.get(key)
        return float(value) if value is not None and re.fullmatch(rb"-?\d{1,15}(\.\d*)?", value) else None


def read_records(body: Reader, size: int, limit: int) -> Extras:
    """The records of one PAX header. What is too large or malformed is a `problem`; the records before it count."""
    extras = Extras()
    if size > limit:
        extras.problem = f"limit: a PAX header of {size:,} bytes (at most {limit:,} are read)"
        return extras
    data = body.read(size)
    at = 0
    while at < len(data) and data[at]:
        match = _LENGTH.match(data[at : at + 12])
        end = at + int(match[1]) if match else 0
        if not match or end > len(data) or data[end - 1 : end] != b"\n" or end <= at + match.end():
            extras.problem = "its PAX header is damaged"
            break
        key, equals, value = data[at + match.end() : end - 1].partition(b"=")
        name = decoded(key)
        if equals and (name in _WANTED or name.startswith("GNU.sparse.")) and (name not in REPEATED or len(value) < 20):
            extras.records.append((name, value))
        at = end
    return extras


def read_long_name(body: Reader, size: int, limit: int, key: str) -> Extras:
    """A GNU long name or long link as the record `key`."""
    if size > limit + 1:
        return Extras(
            problem=f"limit: its name is longer than {limit:,} bytes"
            if key == "path"
            else f"limit: its link is longer than {limit:,} bytes"
        )
    return Extras([(key, body.read(size).partition(b"\0")[0])])
