"""What a DATA object holds, unpacked as far as any signature looks: `FIELD=value`."""

from __future__ import annotations

import lzma
import sys
from typing import Any

import lz4.block

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

XZ, LZ4, ZSTD = 1, 2, 4
"""Flags of a DATA object; at most one is set."""

LONGEST = 16 << 10
"""Bytes of a field that are unpacked: no signature and no hint looks further into a message."""

_MEMORY = 64 << 20
_WINDOW = 26
_LZ4_RATIO = 255
_LEAST_BUDGET = 256 << 20
_BUDGET_RATIO = 64
_ERRORS = (lzma.LZMAError, lz4.block.LZ4BlockError, zstd.ZstdError, ValueError, EOFError, MemoryError, OverflowError, RuntimeError)


class Unpacker:
    """Unpacks the fields of one file, within a budget: sizes that a file states are an attacker's to choose."""

    def __init__(self, size: int) -> None:
        """`size` is that of the file."""
        self.failed = 0
        self.skipped = 0
        self._budget = max(_LEAST_BUDGET, _BUDGET_RATIO * size)
        self._options: dict[Any, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW}

    def unpack(self, data: bytes, flags: int) -> bytes:
        """The first bytes of a packed field; empty if it is damaged, too large or beyond the budget."""
        if self._budget <= 0:
            self.skipped += 1
            return b""
        try:
            if flags == ZSTD:
                found = self._streamed(zstd.ZstdDecompressor(options=self._options), data)
            elif flags == XZ:
                found = self._streamed(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY), data)
            else:
                found = self._lz4(data)
        except _ERRORS:
            self.failed += 1
            return b""
        self._budget -= len(found) + len(data)
        return found

    def _streamed(self, decoder: lzma.LZMADecompressor | zstd.ZstdDecompressor, data: bytes) -> bytes:
        found = decoder.decompress(data, max_length=LONGEST)
        self.failed += not decoder.eof and decoder.needs_input  # cut short: what there is of it is used
        return found

    def _lz4(self, data: bytes) -> bytes:
        """Eight bytes of size and one raw block: unpacked as a whole, so its size must be one that the block can give."""
        size = int.from_bytes(data[:8], "little")
        if not 0 < size <= min(_MEMORY, _LZ4_RATIO * len(data)):
            raise ValueError("impossible size")
        self._budget -= size
        unpacked: bytes = lz4.block.decompress(data[8:], uncompressed_size=size)
        return unpacked[:LONGEST]
