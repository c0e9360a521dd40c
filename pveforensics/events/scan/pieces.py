"""From chunks of bytes to batches of whole lines: NUL runs cut out and counted, endless lines cut off, chunk borders forgotten."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pveforensics.lazyregex import regex

LONGEST_LINE = 1 << 20
"""Bytes; what a line has beyond is dropped."""

_NULS = regex(rb"\0+")
_SOFT = regex(rb"=([0-9A-F]{2})")


class Piece(NamedTuple):
    """Lines without their last newline, NUL bytes or carry: `nuls` is how many NULs stood before it.

    `fresh` is true if it begins a line, false if it goes on behind NUL bytes with the line at which the piece before ended.
    """

    data: bytes
    nuls: int
    fresh: bool


class Batch(NamedTuple):
    """A piece whose lines are counted: `first` is the number of the first."""

    first: int
    data: bytes
    nuls: int


Join = Callable[[Sequence[bytes], int], bytes | None]
"""Makes the first so many bytes of parts one text; None if there are NUL bytes in them."""


def joined(parts: Sequence[bytes], size: int) -> bytes | None:
    """The first `size` bytes of the parts, which end in the last one, as one text; None if there are NUL bytes in the parts."""
    if any(b"\0" in part for part in parts):
        return None
    return b"".join((*parts[:-1], memoryview(parts[-1])[: len(parts[-1]) - sum(map(len, parts)) + size]))


def pieces(chunks: Iterable[bytes], least: int = 0, join: Join = joined) -> Iterator[Piece]:
    """Whole lines as they come, gathered to pieces of at least this length but for the last one.

    A run of NUL bytes ends a piece but not its line: what follows has the same number.
    """
    carry, fresh, nuls, dropping = b"", True, 0, False
    for parts in _gathered(chunks, least):
        cut = parts[-1].rfind(b"\n")
        behind = parts[-1][cut + 1 :]
        if cut >= 0 and not dropping and b"\0" not in behind:
            whole = [carry, *parts]
            data = join(whole, sum(map(len, whole)) - len(behind) - 1)
            if data is not None:  # as nearly always: one copy is enough
                yield Piece(data, nuls, fresh)
                carry, fresh, nuls = behind, True, 0
                continue
        for text, run in _split(b"".join(parts)):
            if dropping:
                newline = text.find(b"\n")
                if newline < 0:
                    dropping = not run
                    nuls += run
                    continue
                text, fresh, dropping = text[newline + 1 :], True, False  # noqa: PLW2901
            cut = text.rfind(b"\n")
            if cut >= 0:
                yield Piece(b"".join((carry, memoryview(text)[:cut])), nuls, fresh)
                carry, fresh, nuls = b"", True, 0
            carry += text[cut + 1 :]
            if run:
                if carry:
                    yield Piece(carry, nuls, fresh)
                    fresh, nuls = False, 0
                carry, nuls = b"", nuls + run
            elif len(carry) > LONGEST_LINE:
                yield Piece(carry, nuls, fresh)
                carry, fresh, nuls, dropping = b"", False, 0, True
    if carry or nuls:
        yield Piece(carry, nuls, fresh)


def batches(chunks: Iterable[bytes]) -> Iterator[Batch]:
    """The pieces with the numbers of their lines."""
    line = 0
    for data, nuls, fresh in pieces(chunks):
        line += fresh
        yield Batch(line, data, nuls)
        line += data.count(b"\n")


def _gathered(chunks: Iterable[bytes], least: int) -> Iterator[list[bytes]]:
    """The chunks in groups that are at least so long together, but for the last one."""
    waiting: list[bytes] = []
    length = 0
    for chunk in chunks:
        waiting.append(chunk)
        length += len(chunk)
        if length >= least:
            yield waiting
            waiting, length = [], 0
    if waiting:
        yield waiting


def _split(chunk: bytes) -> Iterator[tuple[bytes, int]]:
    """Text and the length of the NUL run behind it."""
    start = 0
    if b"\0" in chunk:
        for run in _NULS.finditer(chunk):
            yield chunk[start : run.start()], run.end() - run.start()
            start = run.end()
    if start < len(chunk) or not start:
        yield chunk[start:], 0


def as_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8 without a byte order mark, whatever of UTF-8 and UTF-16 it came in."""
    source = iter(chunks)
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= 3:
            break
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        yield decoder.decode(head).encode("utf-8", "replace")
        for chunk in source:
            yield decoder.decode(chunk).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
        return
    yield head.removeprefix(b"\xef\xbb\xbf")
    yield from source


def looks_quoted(text: str) -> bool:
    """True for mail in quoted-printable: soft breaks at line ends and escapes of the equals sign."""
    lines = text.split("\n", 400)
    if max(map(len, lines)) > 80:
        return False
    soft = sum(line.rstrip("\r").endswith("=") and len(line) <= 78 for line in lines)
    escapes = sum(line.count("=3D") + line.count("=20") + line.count("=E2") for line in lines)
    return soft >= 1 and escapes >= 1


def unquoted(data: bytes) -> bytes:
    """Quoted-printable escapes resolved; line ends stay where they are, so numbers of lines hold."""
    return _SOFT.sub(lambda found: b" " if found[1] in (b"0A", b"0D", b"00") else bytes((int(found[1], 16),)), data)
