"""Names of members: from whatever bytes an archive gives to a path that can be printed and cannot lead anywhere."""

from __future__ import annotations

ARCHIVE_SUFFIXES = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".zip", ".gz", ".bz2", ".xz", ".zst", ".lz4")
SHOWN = 200


class UnsafeNameError(ValueError):
    """The name cannot be made a path inside the bundle; the text says why."""


def decoded(raw: bytes) -> str:
    r"""UTF-8, with other bytes written as `\xff`: always printable, always encodable."""
    return raw.decode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """Control characters and lone surrogates written as escapes, so that a name cannot steer a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in text)


def shown(text: str) -> str:
    """A name for a message: printable and not longer than a line."""
    text = printable(text[: SHOWN * 2])
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def normalised(name: str, limit: int) -> str:
    """The virtual path of a member: POSIX, relative, without `.` and empty parts.

    Absolute names lose their root. Raises UnsafeNameError for `..`, an empty name and one over `limit` bytes.
    """
    if len(name) > limit or len(name.encode("utf-8", "surrogatepass")) > limit:
        raise UnsafeNameError(f"limit: its name is longer than {limit:,} bytes")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnsafeNameError("unsafe name: it leads out of the bundle with '..'")
    if not parts:
        raise UnsafeNameError("unsafe name: it is empty")
    return printable("/".join(parts))


def stem(name: str) -> str:
    """A file name without its archive suffixes: `pve1.tar.gz` gives `pve1`."""
    while True:
        suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if name.lower().endswith(suffix) and len(name) > len(suffix)), "")
        if not suffix:
            return name
        name = name[: -len(suffix)]
