"""Memory that was freed: where the C library would keep it it goes back to the system, where it would give it back it stays."""

from __future__ import annotations

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`."""

_MOST_KEPT, _LARGEST = 64 << 20, 32 << 20
"""Bytes that lie free at the end of the heap before they are returned, and those of the largest piece that is taken from it."""


def give_back() -> None:
    """Return what lies free in the heap: of reading a gigabyte of logs 50 MiB, for which no later stage has a use.

    The buffers of a scan are of a size that glibc puts into its heap, below what stays; so it is never returned by itself.
    """
    _call("malloc_trim", 0)


def keep() -> None:
    """Keep what is freed for who takes and frees buffers of megabytes in turn: to fetch fresh pages costs as much as to fill them.

    `give_back` still returns it.
    """
    _call("mallopt", _TRIM_THRESHOLD, _MOST_KEPT)
    _call("mallopt", _MMAP_THRESHOLD, _LARGEST)


def _call(name: str, *arguments: int) -> None:
    import ctypes  # noqa: PLC0415 - only who has read long logs needs it

    try:
        getattr(ctypes.CDLL(None), name)(*arguments)
    except (OSError, AttributeError, TypeError):  # another C library
        return
