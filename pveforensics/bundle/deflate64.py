"""Deflate64, what Windows Explorer writes over 2 GB: only if the optional package inflate64 is there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from pveforensics.bundle.limits import Meter
from pveforensics.bundle.stream import Fault, Reader

FEED = 1 << 12


def deflate64(packed: Reader) -> Reader | None:
    """The unpacked bytes, or None without the package."""
    try:
        decoder = importlib.import_module("inflate64").Inflater()
    except ImportError:
        return None
    faults: list[Fault] = []
    meter = Meter(packed.meter.budget, packed.meter)

    def pieces() -> Iterator[bytes]:
        while not decoder.eof:
            data = packed.take(FEED)
            if not data:
                faults.append(Fault(f"Deflate64 data ends early at byte {packed.position:,}: what comes before the cut was read"))
                return
            try:
                piece = decoder.inflate(data)
            except (ValueError, RuntimeError, OSError, EOFError, MemoryError):
                faults.append(Fault(f"Deflate64 data is damaged before byte {packed.position:,}: what comes before the damage was read"))
                return
            if reason := meter.add(len(piece), packed.position):
                faults.append(Fault(reason))
                return
            yield piece

    return Reader(pieces(), faults, meter)
