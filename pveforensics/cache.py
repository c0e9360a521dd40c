"""Compiled things kept in the user's cache folder: never trusted blindly, never missed when they cannot be kept."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

import platformdirs

_DIGEST = hashlib.sha256().digest_size
_KEEP = 8
"""Entries of one kind that are kept; older ones make room."""

_LARGEST = 64 << 20
"""Bytes; nothing that is kept comes near."""


def folder() -> Path:
    """Where compiled things lie."""
    return Path(platformdirs.user_cache_dir("pveforensics", appauthor=False))


def load(name: str, key: str) -> bytes | None:
    """What was kept under this key; None if nothing was, if it is damaged, or if somebody else could have put it there."""
    try:
        if not _ours(folder().lstat()):
            return None
        handle = os.open(_path(name, key), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not _ours(status) or status.st_size > _LARGEST:
                return None
            data = file.read()
    except OSError:
        return None
    digest, kept = data[:_DIGEST], data[_DIGEST:]
    return kept if hashlib.sha256(key.encode() + kept).digest() == digest else None


def keep(name: str, key: str, data: bytes) -> None:
    """Keep it, if the folder can be written and is ours alone; replaced in one step, so that no reader sees a half."""
    path = _path(name, key)
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _ours(path.parent.lstat()):
            return
        handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(key.encode() + data).digest() + data)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        _trim(name)


def _ours(status: os.stat_result) -> bool:
    """True if only this user can have written there: under sudo the home may be another's, and a folder may be open to all."""
    if not hasattr(os, "geteuid"):  # Windows keeps each user's folder to the user
        return True
    return status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _path(name: str, key: str) -> Path:
    return folder() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _trim(name: str) -> None:
    kept = sorted(folder().glob(f"{name}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_KEEP:]:
        path.unlink(missing_ok=True)
