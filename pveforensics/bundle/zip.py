"""Zip by its central directory, or by its local headers where that is cut off or damaged."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pveforensics.bundle.compression import BZIP2, DEFLATE, LZMA, XZ, ZSTD, decompressed
from pveforensics.bundle.deflate64 import deflate64
from pveforensics.bundle.entry import DIRECTORY, FILE, SYMLINK, Entry, Note, sane_mtime
from pveforensics.bundle.limits import Budget, Meter
from pveforensics.bundle.stream import PIECE, Fault, Reader
from pveforensics.bundle.zipheader import LOCAL, Item, data_start, directory, local_item

_CODECS = {8: DEFLATE, 12: BZIP2, 93: ZSTD, 95: XZ}
_NAMES = {1: "shrink", 6: "implode", 9: "Deflate64", 97: "WavPack", 98: "PPMd", 99: "AES encryption"}


def entries(file: BinaryIO, size: int, budget: Budget, note: Note) -> Iterator[Entry]:
    """The entries of a zip of `size` bytes, in the order of their data. What is wrong with the archive itself goes to `note`."""
    items = directory(file, size, budget.limits.members + 1)
    if items is None:
        note("zip's directory is cut off or damaged: read by the headers before each member")
        yield from _by_local_headers(file, size, budget)
        return
    end = 0
    for item in sorted(items, key=lambda item: item.offset):
        start = data_start(file, item.offset)
        if start is None or start >= size:
            yield _refused(item, "zip header is damaged")
        elif item.offset < end:
            yield _refused(item, "unsafe: its data overlaps that of another member")
        else:
            end = start + item.packed
            yield _entry(file, item, start, min(end, size), budget)


def _by_local_headers(file: BinaryIO, size: int, budget: Budget) -> Iterator[Entry]:
    at = _next_header(file, 0, size)
    while at < size and not budget.exhausted:
        item, start = local_item(file, at)
        if item is None:
            at = _next_header(file, at + 4, size)
            continue
        follows = _next_header(file, min(start + item.packed, size), size)
        entry = _entry(file, item, start, min(start + item.packed, size) if item.packed else follows, budget)
        yield entry
        at = max(follows, at + 4)


def _next_header(file: BinaryIO, at: int, size: int) -> int:
    """The place of the next local header at or after `at`, or the size."""
    while at < size:
        file.seek(at)
        window = file.read(PIECE)
        found = window.find(LOCAL)
        if found >= 0:
            return at + found
        if len(window) < PIECE:
            break
        at += len(window) - 3
    return size


def _refused(item: Item, problem: str) -> Entry:
    return Entry(item.name, FILE, sane_mtime(item.mtime), problem=problem)


def _entry(file: BinaryIO, item: Item, start: int, end: int, budget: Budget) -> Entry:
    if item.name.endswith("/"):
        return Entry(item.name, DIRECTORY)
    if item.encrypted:
        return _refused(item, "encrypted: unpack it with its password and give the folder")
    faults: list[Fault] = []
    packed = Reader(_range(file, start, end, item, faults), faults, Meter(budget))
    body = _unpacked(packed, item)
    if body is None:
        method = _NAMES.get(item.method, "an unknown method")
        return _refused(
            item, f"zip method {item.method} ({method}) is not supported: unpack it and pack it again as tar, or give the folder"
        )
    if item.symlink:
        return Entry(item.name, SYMLINK, sane_mtime(item.mtime), link=body.read(budget.limits.name).decode("utf-8", "backslashreplace"))
    return Entry(item.name, FILE, sane_mtime(item.mtime), body=_checked(body, packed, item))


def _unpacked(packed: Reader, item: Item) -> Reader | None:
    if item.method == 0:
        return packed
    if item.method == 9:
        return deflate64(packed)
    if item.method == 14:
        # a version (2 bytes), the length of the properties (2), the properties: as in an .lzma file, which states the size after them
        lead = packed.read(9)
        size = item.size or 0xFFFFFFFFFFFFFFFF
        packed.unread(lead[4:9] + struct.pack("<Q", size))
        return decompressed(packed, LZMA)
    codec = _CODECS.get(item.method)
    return decompressed(packed, codec) if codec else None


def _range(file: BinaryIO, start: int, end: int, item: Item, faults: list[Fault]) -> Iterator[bytes]:
    at = start
    while at < end:
        try:
            file.seek(at)
            piece = file.read(min(PIECE, end - at))
        except OSError as error:
            faults.append(Fault(f"cannot be read at byte {at:,} of the zip: {error.strerror or error}"))
            return
        if not piece:
            break
        at += len(piece)
        yield piece
    if at < start + item.packed:
        faults.append(Fault(f"cut off: {at - start:,} of {item.packed:,} packed bytes are there"))


def _checked(body: Reader, packed: Reader, item: Item) -> Reader:
    """The body with its checksum compared at the end, and the faults of its packed bytes before its own."""
    faults = packed.faults if body is packed else []

    def pieces() -> Iterator[bytes]:
        crc = 0
        while piece := body.take():
            crc = zlib.crc32(piece, crc)
            yield piece
        if body is not packed:
            faults.extend((*packed.faults, *body.faults))
        if not faults and item.crc is not None and crc != item.crc:
            faults.append(Fault("damaged: its content does not fit its checksum"))

    return Reader(pieces(), faults, body.meter)
