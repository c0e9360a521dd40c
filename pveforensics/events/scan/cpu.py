"""What the processor can do, read before a library is imported that would crash on one that cannot."""

from __future__ import annotations

import functools
import platform
import sys
from pathlib import Path

_X86 = frozenset({"x86_64", "amd64", "i386", "i686", "x86"})
_ARM = frozenset({"aarch64", "arm64"})
_NEEDED = frozenset({"sse4_2", "popcnt"})
_WINDOWS_SSE4_2 = 38  # PF_SSE4_2_INSTRUCTIONS_AVAILABLE


@functools.cache
def flags() -> frozenset[str]:
    """The feature flags as Linux lists them; empty elsewhere or where /proc cannot be read."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.lower().startswith(("flags", "features"))), "")
    return frozenset(line.partition(":")[2].split())


def runs_hyperscan() -> bool:
    """True if the engine in hyperscan's wheel runs here: SSE4.2 on x86 (a guest of type kvm64 has none), any 64-bit ARM."""
    machine = platform.machine().lower()
    if machine in _ARM:
        return True
    if machine not in _X86:
        return False
    if sys.platform == "darwin":  # no Mac that runs a supported Python lacks it
        return True
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - there alone

        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(_WINDOWS_SSE4_2))
    return flags() >= _NEEDED
