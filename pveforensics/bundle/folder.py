"""A folder as a walk in sorted order: links are told, not followed; pipes, sockets and devices are never opened."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pveforensics.bundle.entry import DIRECTORY, FILE, SPECIAL, SYMLINK, Entry, Note, sane_mtime
from pveforensics.bundle.limits import Budget, Meter
from pveforensics.bundle.place import Left
from pveforensics.bundle.stream import PIECE, Fault, Reader, Tally


def pieces_of(file: BinaryIO, faults: list[Fault], tally: Tally) -> Iterator[bytes]:
    """The bytes of an open file, counted; a read that fails ends them with a fault."""
    while True:
        try:
            piece = file.read(PIECE)
        except (OSError, ValueError) as error:
            faults.append(Fault(f"cannot be read at byte {tally.size:,}: {getattr(error, 'strerror', None) or error}"))
            return
        if not piece:
            return
        tally.add(piece)
        yield piece


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading if it is a regular one; a pipe put in its place is not waited for. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(handle, "rb", buffering=0)


def entries(root: str, budget: Budget, hashes: dict[str, Tally | Left], note: Note) -> Iterator[Entry]:
    """The entries below a folder, sorted by path. Each file's size and SHA-256 go to `hashes` once the next entry is asked for."""
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        path = Path(root, relative) if relative else Path(root)
        try:
            info = path.lstat() if relative else path.stat()
            if stat.S_ISDIR(info.st_mode):
                names = sorted((item.name for item in path.iterdir()), reverse=True)
                waiting.extend(f"{relative}/{name}" if relative else name for name in names)
                if relative:
                    yield Entry(_text(relative), DIRECTORY)
            elif stat.S_ISLNK(info.st_mode):
                yield _link(root, path, relative, info)
            elif stat.S_ISREG(info.st_mode):
                yield from _file(path, relative, info, budget, hashes)
            else:
                yield Entry(_text(relative), SPECIAL)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            if relative:
                yield Entry(_text(relative), FILE, problem=reason)
            else:
                note(reason)


def _text(relative: str) -> str:
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


def _link(root: str, path: Path, relative: str, info: os.stat_result) -> Entry:
    target = str(path.readlink())
    problem = ""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        inside = path.resolve().is_relative_to(Path(root).resolve())
        if not inside and path.is_file() and not relative.endswith("etc/localtime"):
            problem = "note: a symbolic link that leads out of the folder is not followed"
    return Entry(_text(relative), SYMLINK, sane_mtime(info.st_mtime), link=_text(target), problem=problem)


def _file(path: Path, relative: str, info: os.stat_result, budget: Budget, hashes: dict[str, Tally | Left]) -> Iterator[Entry]:
    with open_regular(path) as file:
        faults: list[Fault] = []
        tally = Tally()
        source = Left(str(path), info.st_size)
        reader = Reader(pieces_of(file, faults, tally), faults, Meter(budget), file, tally, source)
        yield Entry(_text(relative), FILE, sane_mtime(info.st_mtime), body=reader)
        if source.left:
            hashes[_text(relative)] = source
            return
        # the hash is that of the file as it lies there, whatever part of it was of use
        if not budget.exhausted:
            reader.skip(max(budget.limits.member - reader.position, 0))
        hashes[_text(relative)] = tally
