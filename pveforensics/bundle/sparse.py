"""Sparse members of tar: the stored pieces and the holes between them as one stream."""

from __future__ import annotations

from collections.abc import Iterator

from pveforensics.bundle.limits import Limits, Meter
from pveforensics.bundle.pax import Extras
from pveforensics.bundle.stream import PIECE, Fault, Reader
from pveforensics.bundle.tarheader import number

Extents = list[tuple[int, int]]
_ZEROS = bytes(PIECE)


class SparseMapError(ValueError):
    """The map cannot be used; the text says why."""


def extents_of_pax(extras: Extras, body: Reader, limits: Limits) -> Extents | None:
    """The map that PAX records state (formats 0.0, 0.1) or that begins the body (1.0); None for a member that is not sparse.

    Raises SparseMapError if it is damaged or too long.
    """
    if extras.text("GNU.sparse.major") == "1":
        return _map_in_body(body, limits)
    if (listed := extras.text("GNU.sparse.map")) is not None:
        return _pairs(listed.split(",") if listed else [], limits)
    offsets = [value.decode("ascii", "replace") for key, value in extras.records if key in ("GNU.sparse.offset", "GNU.sparse.numbytes")]
    return _pairs(offsets, limits) if offsets else None


def extents_of_gnu(block: bytes, reader: Reader, limits: Limits) -> Extents:
    """The map of an old GNU sparse header and the blocks that continue it. Raises SparseMapError if it is too long."""
    extents = _gnu_pairs(block[386:482], 4)
    more = block[482]
    while more:
        block = reader.read(512)
        if len(block) < 512 or len(extents) > limits.sparse_extents:
            raise SparseMapError("its sparse map is cut off or too long")
        extents += _gnu_pairs(block[:504], 21)
        more = block[504]
    return extents


def expanded(body: Reader, extents: Extents, stored: int, size: int, limits: Limits) -> Reader:
    """The member as it was: pieces with zeros between. Raises SparseMapError for a map that contradicts itself or passes a limit."""
    end = total = 0
    for offset, length in extents:
        if offset < end:
            raise SparseMapError("its sparse map is damaged")
        end, total = offset + length, total + length
    if end > size or total > stored:
        raise SparseMapError("its sparse map is damaged")
    if size > limits.ratio_from and size > limits.ratio * max(total, 1):
        raise SparseMapError(f"limit: a sparse file of {size:,} bytes of which {total:,} are stored")
    faults: list[Fault] = []
    meter = Meter(body.meter.budget, body.meter)
    return Reader(_filled(body, extents, size, meter, faults), faults, meter)


def _filled(body: Reader, extents: Extents, size: int, meter: Meter, faults: list[Fault]) -> Iterator[bytes]:
    at = 0
    for offset, length in (*extents, (size, 0)):
        while at < offset:
            piece = _ZEROS[: offset - at]
            if reason := meter.budget.spend(len(piece)):
                faults.append(Fault(reason))
                return
            at += len(piece)
            yield piece
        end = offset + length
        while at < end:
            piece = body.take(min(end - at, PIECE))
            if not piece:
                faults.append(Fault(f"cut off: {at:,} of {size:,} bytes are there"))
                return
            at += len(piece)
            yield piece


def _gnu_pairs(block: bytes, count: int) -> Extents:
    pairs = []
    for index in range(count):
        offset, length = number(block[index * 24 : index * 24 + 12]), number(block[index * 24 + 12 : index * 24 + 24])
        if offset is None or length is None or offset < 0 or length < 0:
            raise SparseMapError("its sparse map is damaged")
        if offset or length:
            pairs.append((offset, length))
    return pairs


def _map_in_body(body: Reader, limits: Limits) -> Extents:
    """Decimal numbers, one a line: how many pairs, then the pairs; padded to a whole block."""
    start = body.position
    count = _line(body)
    if count > limits.sparse_extents:
        raise SparseMapError("limit: its sparse map is too long")
    pairs = [(_line(body), _line(body)) for _ in range(count)]
    body.skip(-(body.position - start) % 512)
    return pairs


def _line(body: Reader) -> int:
    text, newline, _ = body.peek(24).partition(b"\n")
    if not newline or not text.isdigit() or len(text) > 19:
        raise SparseMapError("its sparse map is damaged")
    body.skip(len(text) + 1)
    return int(text)


def _pairs(numbers: list[str], limits: Limits) -> Extents:
    if len(numbers) > 2 * limits.sparse_extents:
        raise SparseMapError("limit: its sparse map is too long")
    if len(numbers) % 2 or not all(number.isascii() and number.isdigit() and len(number) <= 19 for number in numbers):
        raise SparseMapError("its sparse map is damaged")
    return [(int(offset), int(length)) for offset, length in zip(numbers[::2], numbers[1::2], strict=True)]
