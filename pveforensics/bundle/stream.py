"""Reader: bytes that come in pieces, with look-ahead; every layer of an archive is one of these around another."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

from pveforensics.bundle.limits import Meter
from pveforensics.bundle.place import Left
from pveforensics.value import Value

PIECE = 1 << 20
"""The most that is asked for at once."""


class Fault(Value, frozen=True):
    """Why a stream ended early or lost a part. `damage` is False for what costs no evidence."""

    reason: str
    damage: bool = True


class Tally:
    """Size and SHA-256 of what goes by; `stop` where nobody will ask for the hash."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0
        self.counts = True

    def add(self, data: bytes) -> None:
        """Count the next bytes."""
        if self.counts:
            self._digest.update(data)
        self.size += len(data)

    def stop(self) -> None:
        """Hash no more: this is no file of its own."""
        self.counts = False

    @property
    def sha256(self) -> str:
        """The hash of what was counted, in hex."""
        return self._digest.hexdigest()


class Reader:
    """A forward-only stream over pieces of bytes. It never raises: a piece source that fails ends, and says why in `faults`.

    `position` counts the bytes given out. `file` is set if the same bytes can also be read at random from that file,
    `tally` if they are counted as they come, `source` if they are a file that can be left to somebody else.
    """

    __slots__ = ("_at", "_held", "_pieces", "faults", "file", "meter", "position", "source", "tally")

    def __init__(
        self,
        pieces: Iterator[bytes],
        faults: list[Fault],
        meter: Meter,
        file: BinaryIO | None = None,
        tally: Tally | None = None,
        source: Left | None = None,
    ) -> None:
        self._pieces = pieces
        self._held = b""
        self._at = 0
        self.faults = faults
        self.meter = meter
        self.file = file
        self.position = 0
        self.tally = tally
        self.source = source

    def _more(self) -> bool:
        """Hold one more piece; False at the end."""
        for piece in self._pieces:
            if piece:
                self._held = self._held[self._at :] + piece if self._at < len(self._held) else piece
                self._at = 0
                return True
        return False

    def peek(self, size: int) -> bytes:
        """The next bytes without taking them; fewer than `size` only at the end."""
        while len(self._held) - self._at < size and self._more():
            pass
        return self._held[self._at : self._at + size]

    def take(self, size: int = PIECE) -> bytes:
        """At least one byte and at most `size`, as they come; empty only at the end."""
        if self._at >= len(self._held) and not self._more():
            return b""
        piece = self._held[self._at : self._at + size]
        self._at += len(piece)
        self.position += len(piece)
        if self._at >= len(self._held):
            self._held, self._at = b"", 0
        return piece

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes; fewer only at the end."""
        self.peek(size)
        return self.take(size)

    def unread(self, data: bytes) -> None:
        """Put back bytes that were taken last."""
        self._held = data + self._held[self._at :]
        self._at = 0
        self.position -= len(data)

    def skip(self, size: int) -> int:
        """Drop up to `size` bytes; how many there were."""
        left = size
        while left > 0 and (piece := self.take(min(left, PIECE))):
            left -= len(piece)
        return size - left

    def close(self) -> None:
        """Make no more of it: whoever unpacks it by a thread has ended after this."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()

    def drain(self) -> None:
        """Drop the rest."""
        while self.take():
            pass


def counted(reader: Reader) -> tuple[Reader, Tally]:
    """The same stream, counted as it is read, and what counts it: a file of its own is counted already."""
    if reader.tally is not None:
        return reader, reader.tally
    tally = Tally()

    def pieces() -> Iterator[bytes]:
        while piece := reader.take():
            tally.add(piece)
            yield piece

    return Reader(pieces(), reader.faults, reader.meter, reader.file), tally


def section(reader: Reader, size: int) -> Reader:
    """The next `size` bytes of a stream as a stream; a fault says so if they are not all there."""
    faults: list[Fault] = []

    def pieces() -> Iterator[bytes]:
        left = size
        while left > 0:
            piece = reader.take(min(left, PIECE))
            if not piece:
                faults.append(Fault(f"cut off: {size - left:,} of {size:,} bytes are there"))
                return
            left -= len(piece)
            yield piece

    return Reader(pieces(), faults, reader.meter)
