"""Deflate and gzip, fast (isal) where it is there, and to the last byte before damage."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

try:
    from isal import igzip_lib, isal_zlib

    _decompressor: Any = isal_zlib.decompressobj
    INFLATE_ERRORS: tuple[Any, ...] = (zlib.error, igzip_lib.IsalError)
except ImportError:  # no wheel for this platform: three times slower, same result
    _decompressor = zlib.decompressobj
    INFLATE_ERRORS = (zlib.error,)

STEP = 1 << 20
KEPT = 4 << 20


class Inflater:
    """One deflate or gzip stream, fed piece by piece.

    A call that meets damage gives nothing of what it had unpacked before it. So the compressed bytes are kept while they
    are few, and on damage zlib goes over them again in small steps.
    """

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._decoder = _decompressor(wbits=wbits)
        self._kept: list[bytes] | None = []
        self._kept_size = 0
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, in steps. Raises one of INFLATE_ERRORS on damage, after all that could be unpacked."""
        self._keep(data)
        while True:
            try:
                out = self._decoder.decompress(data, STEP)
            except INFLATE_ERRORS:
                yield from self.rest()
                raise
            if out:
                self._given += len(out)
                yield out
            data = self._decoder.unconsumed_tail
            if self._decoder.eof or (not data and len(out) < STEP) or not out:
                return

    def rest(self) -> Iterator[bytes]:
        """What a slow second pass over cut or damaged data unpacks beyond the bytes given so far."""
        seen = 0
        for out in _slowly(b"".join(self._kept or ()), self._wbits):
            new = out[max(self._given - seen, 0) :]
            seen += len(out)
            if new:
                yield new

    @property
    def eof(self) -> bool:
        """True behind the end of the stream."""
        return bool(self._decoder.eof)

    @property
    def unused(self) -> bytes:
        """Bytes fed beyond the end."""
        return bytes(self._decoder.unused_data)

    def _keep(self, data: bytes) -> None:
        self._kept_size += len(data)
        if self._kept_size > KEPT:
            self._kept = None
        if self._kept is not None:
            self._kept.append(data)


def _slowly(data: bytes, wbits: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits)
    at = 0
    for step in (4096, 64, 1):
        while at < len(data):
            before = decoder.copy()
            pieces: list[bytes] = []
            try:
                rest = data[at : at + step]
                while rest or (pieces and len(pieces[-1]) == STEP):
                    pieces.append(decoder.decompress(rest, STEP))
                    rest = decoder.unconsumed_tail if pieces[-1] else b""
            except zlib.error:
                decoder = before
                break
            yield from pieces
            at += step
