"""One 512-byte tar header: is it one, and what does it say."""

from __future__ import annotations

from pveforensics.bundle.names import decoded
from pveforensics.lazyregex import regex
from pveforensics.value import Value

BLOCK = 512
_OCTAL = regex(rb"[ \0]*([0-7]*)[ \0]*")
_WRITTEN = regex(rb" *[0-7]{1,11}[\0 ]{1,7}")
_NUMBERS = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (148, 156))


class Header(Value, frozen=True):
    """The fields of a header that the reader needs; `type` is the flag as one character."""

    name: str
    type: str
    size: int
    mtime: float
    link: str
    block: bytes


def number(field: bytes) -> int | None:
    """A number of a header: octal text, or base-256 as GNU tar writes large and negative ones. None if it is neither."""
    if field[:1] in (b"\x80", b"\xff"):
        value = int.from_bytes(field[1:], "big")
        return value - (1 << 8 * (len(field) - 1)) if field[0] == 0xFF else value
    match = _OCTAL.fullmatch(field.rstrip(b"\0 ")) or _OCTAL.fullmatch(field.partition(b"\0")[0])
    return None if match is None else int(match[1] or b"0", 8)


def parse(block: bytes) -> Header | None:
    """The header in a block; None if the checksum does not fit or the size is none."""
    if len(block) < BLOCK or not _checksum_fits(block):
        return None
    size, mtime = number(block[124:136]), number(block[136:148])
    if size is None or not 0 <= size < 1 << 63:
        return None
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and (prefix := block[345:500].partition(b"\0")[0]):
        name = prefix + b"/" + name
    flag = block[156:157].decode("latin-1")
    return Header(decoded(name), "0" if flag == "\0" else flag, size, float(mtime or 0), decoded(block[157:257].partition(b"\0")[0]), block)


def find(window: bytes) -> int:
    """Where the first valid header with a magic stands in `window`, or -1."""
    at = window.find(b"ustar")
    while at >= 0:
        start = at - 257
        if start >= 0 and start + BLOCK <= len(window) and parse(window[start : start + BLOCK]):
            return start
        at = window.find(b"ustar", at + 1)
    return -1


def begins_tar(head: bytes) -> bool:
    """True if data with this head is a tar, also one whose first header is damaged or lost."""
    block = head[:BLOCK]
    if parse(block) or block[257:262] == b"ustar":
        return True
    if sum(_WRITTEN.fullmatch(block[start:end]) is not None for start, end in _NUMBERS) >= 5:
        return True
    return find(head) >= 0


def _checksum_fits(block: bytes) -> bool:
    stated = number(block[148:156])
    if not stated:
        return False
    total = sum(block) - sum(block[148:156]) + 8 * 32
    # some old tars sum signed characters
    return stated in (total, total - 256 * sum(byte > 127 for byte in block[:148] + block[156:]))
