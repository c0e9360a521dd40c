"""Memory that was freed goes back to the system, where the C library would keep it."""

from __future__ import annotations


def give_back() -> None:
    """Return what lies free in the heap: of reading a gigabyte of logs 50 MiB, for which no later stage has a use.

    The buffers of a scan are of a size that glibc puts into its heap, below what stays; so it is never returned by itself.
    """
    import ctypes  # noqa: PLC0415 - only who has read long logs needs it

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library
        return
    trim(0)
