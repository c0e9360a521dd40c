"""A journal's bytes at random: kept in memory while they are few, else in a file without a name."""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

IN_MEMORY = 64 << 20
"""Bytes; a longer file goes to the disk, into a file that no name leads to and that ends with the process."""

MOST = 1 << 30
"""Bytes of one journal that are read; journald itself begins a new file at 512 MiB at the latest."""


class Spooled(NamedTuple):
    """The first bytes of a file, how many it has in all, and their hash."""

    data: memoryview | mmap.mmap
    size: int
    sha256: str
    problems: tuple[str, ...]


@contextmanager
def spooled(
    chunks: Iterable[bytes], digest: Callable[[], str] | None = None, *, in_memory: int = IN_MEMORY, most: int = MOST
) -> Iterator[Spooled]:
    """All chunks as one buffer of at most `most` bytes. Where no file can be written, only what fits into memory is kept.

    `digest` gives the SHA-256 of what was read, if whoever hands out the chunks counts it anyway.
    """
    counted = hashlib.sha256()
    held = bytearray()  # grows in place: joining pieces would copy, and for a moment hold, all of it twice
    only = b""
    size = kept = 0
    problems: list[str] = []
    file = None
    try:
        for chunk in chunks:
            if digest is None:
                counted.update(chunk)
            size += len(chunk)
            part = chunk[: most - kept]
            if file is None and kept + len(part) > in_memory:
                try:
                    file = tempfile.TemporaryFile()  # noqa: SIM115 - it outlives this loop
                    file.write(held or only)
                    held, only = bytearray(), b""
                except OSError as error:
                    file, most = None, kept
                    problems.append(f"no room for a temporary file ({error.strerror}): only the first {kept:,} bytes were read")
                    continue
            if file is None:
                if kept:
                    held, only = (held or bytearray(only)), b""
                    held += part
                else:
                    only = part
            else:
                try:
                    file.write(part)
                except OSError as error:
                    most = kept
                    problems.append(f"no room for a temporary file ({error.strerror}): only the first {kept:,} bytes were read")
                    continue
            kept += len(part)
        if size > kept and not problems:
            problems.append(f"only the first {kept:,} of {size:,} bytes were read")
        sha256 = digest() if digest is not None else counted.hexdigest()
        if file is None:
            yield Spooled(memoryview(held or only).toreadonly(), size, sha256, tuple(problems))
            return
        file.flush()
        # not closed by hand: arrays may still look at it, and it ends with the last of them
        yield Spooled(mmap.mmap(file.fileno(), kept, access=mmap.ACCESS_READ), size, sha256, tuple(problems))
    finally:
        if file is not None:
            file.close()
