"""Compressed data as a stream: gzip, xz, bzip2, zstd and lz4, told by their magic bytes."""

from __future__ import annotations

import bz2
import contextlib
import lzma
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

import lz4.frame

from pveforensics.bundle.ahead import ahead
from pveforensics.bundle.inflate import INFLATE_ERRORS, Inflater
from pveforensics.bundle.limits import Limits, Meter, spelled
from pveforensics.bundle.stream import Fault, Reader
from pveforensics.value import Value

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP = 1 << 18
"""Most bytes out of one call: what a call was working on is lost if it fails, so keep it small."""
FEED = 1 << 18

ERRORS: tuple[type[Exception], ...] = (
    *INFLATE_ERRORS,
    lzma.LZMAError,
    zstd.ZstdError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    MemoryError,
)


class _Steps:
    """A decompressor of the shape that bz2, lzma, zstd and lz4 share, fed piece by piece."""

    def __init__(self, decoder: bz2.BZ2Decompressor | lzma.LZMADecompressor | zstd.ZstdDecompressor) -> None:
        self._decoder = decoder

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, in steps. Raises one of ERRORS on damage."""
        decoder = self._decoder
        while True:
            out = decoder.decompress(data, max_length=STEP)
            if out:
                yield out
            if decoder.eof or decoder.needs_input or not out:
                return
            data = b""

    def rest(self) -> Iterator[bytes]:
        """What cut data still gives: nothing, these decompressors hold nothing back."""
        return iter(())

    @property
    def eof(self) -> bool:
        """True behind the end of the stream."""
        return self._decoder.eof

    @property
    def unused(self) -> bytes:
        """Bytes fed beyond the end."""
        # lz4 has None where the others have no bytes
        return self._decoder.unused_data or b""


class Codec(Value, frozen=True):
    """One compression: how to know it (`heads` at offset 0) and how to undo it. `chains`: several streams in a row are one file."""

    name: str
    heads: tuple[bytes, ...]
    start: Callable[[Limits], _Steps | Inflater]
    chains: bool = True

    def begins(self, head: bytes) -> bool:
        """True if the data begins like this compression."""
        return head.startswith(self.heads) and (self.name != "bzip2" or head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"))


def _zstd(_limits: Limits) -> _Steps:
    return _Steps(zstd.ZstdDecompressor())


CODECS: tuple[Codec, ...] = (
    Codec("gzip", (b"\x1f\x8b\x08",), lambda _: Inflater(31)),
    Codec("xz", (b"\xfd7zXZ\x00",), lambda limits: _Steps(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.xz_memory))),
    Codec("zstd", (b"\x28\xb5\x2f\xfd", *(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))), _zstd),
    Codec("bzip2", tuple(b"BZh%d" % level for level in range(1, 10)), lambda _: _Steps(bz2.BZ2Decompressor())),
    Codec("lz4", (b"\x04\x22\x4d\x18",), lambda _: _Steps(lz4.frame.LZ4FrameDecompressor())),
)

DEFLATE = Codec("deflate", (), lambda _: Inflater(-zlib.MAX_WBITS), chains=False)
BZIP2 = Codec("bzip2", (), lambda _: _Steps(bz2.BZ2Decompressor()), chains=False)
ZSTD = Codec("zstd", (), _zstd, chains=False)
XZ = Codec("xz", (), lambda limits: _Steps(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.xz_memory)), chains=False)
LZMA = Codec("lzma", (), lambda limits: _Steps(lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=limits.xz_memory)), chains=False)


def codec_of(head: bytes) -> Codec | None:
    """The compression that data with this head is in, or None."""
    return next((codec for codec in CODECS if codec.begins(head)), None)


def decompressed(source: Reader, codec: Codec, *, by_thread: bool = False) -> Reader:
    """The unpacked bytes of a stream. Damage ends them, after all that could be unpacked, with a fault that names the place.

    `by_thread` unpacks ahead of who reads; nobody else may touch `source` until the stream has ended or was closed.
    """
    faults: list[Fault] = []
    meter = Meter(source.meter.budget, source.meter)
    steps = _steps(source, codec, meter.budget.limits)
    return Reader(_metered(ahead(steps) if by_thread else steps, meter, faults), faults, meter)


class _Piece(NamedTuple):
    """Unpacked bytes, and how many packed ones went in so far."""

    data: bytes
    consumed: int


def _metered(steps: Generator[_Piece | Fault, None, None], meter: Meter, faults: list[Fault]) -> Iterator[bytes]:
    """The bytes as long as they keep to the limits; faults are noted where they stand in the stream, whoever unpacks it."""
    with contextlib.closing(steps):
        for step in steps:
            if isinstance(step, Fault):
                faults.append(step)
            elif reason := meter.add(len(step.data), step.consumed):
                faults.append(Fault(reason))
                return
            else:
                yield step.data


def _steps(source: Reader, codec: Codec, limits: Limits) -> Generator[_Piece | Fault, None, None]:
    start = source.position
    while True:
        decoder = codec.start(limits)
        while not decoder.eof:
            data = source.take(FEED)
            if not data:
                for piece in decoder.rest():
                    yield _Piece(piece, source.position - start)
                yield Fault(f"{codec.name} data ends early at byte {source.position - start:,}: what comes before the cut was read")
                return
            try:
                for piece in decoder.feed(data):
                    yield _Piece(piece, source.position - start)
            except ERRORS as error:
                yield Fault(_told(error, codec, source.position - start, limits))
                return
        source.unread(decoder.unused)
        if not codec.chains:
            return
        onward, note = _goes_on(source, codec)
        if note is not None:
            yield note
        if not onward:
            return


def _goes_on(source: Reader, codec: Codec) -> tuple[bool, Fault | None]:
    """True if another stream of the same kind follows. Zero padding is fine; other bytes are ignored with a note."""
    while (window := source.peek(FEED)) and not window[0]:
        rest = window.lstrip(b"\0")
        source.skip(len(window) - len(rest))
    if not window or codec.begins(window):
        return bool(window), None
    note = f"note: bytes after the end of the {codec.name} data (at byte {source.position:,}) were ignored"
    return False, Fault(note, damage=False)


def _told(error: Exception, codec: Codec, at: int, limits: Limits) -> str:
    text = str(error)
    if "emory" in text or isinstance(error, MemoryError):
        return f"limit: its {codec.name} data needs more than {spelled(limits.xz_memory)} of memory to unpack"
    return f"{codec.name} data is damaged before byte {at:,}: what comes before the damage was read"
