"""Compiled things kept in the user's cache folder: never trusted blindly, never missed when they cannot be kept."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

_DIGEST = hashlib.sha256().digest_size
_KEEP = 8
"""Entries of one kind that are kept; older ones make room."""


def folder() -> Path:
    """Where compiled things lie."""
    return Path(platformdirs.user_cache_dir("pveforensics", appauthor=False))


def load(name: str, key: str) -> bytes | None:
    """What was kept under this key; None if nothing was, or if it is damaged."""
    try:
        data = _path(name, key).read_bytes()
    except OSError:
        return None
    digest, kept = data[:_DIGEST], data[_DIGEST:]
    return kept if hashlib.sha256(key.encode() + kept).digest() == digest else None


def keep(name: str, key: str, data: bytes) -> None:
    """Keep it, if the folder can be written; replaced in one step, so that no reader sees a half."""
    path = _path(name, key)
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(key.encode() + data).digest() + data)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        _trim(name)


def _path(name: str, key: str) -> Path:
    return folder() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _trim(name: str) -> None:
    kept = sorted(folder().glob(f"{name}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_KEEP:]:
        path.unlink(missing_ok=True)
