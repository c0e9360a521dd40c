"""The read-only script that gathers one node's evidence; what it writes is known to `state/collected.py`."""

from pveforensics import __version__
from pveforensics.resources import collector_script


def script() -> bytes:
    """The script of `pveforensics collect`, for a POSIX shell, with this version in its first lines."""
    return collector_script().read_bytes().replace(b"@VERSION@", __version__.encode())
