"""The header of a journal file: which layout it has, in which state it was left, and what it says that it holds."""

from __future__ import annotations

import struct

from pveforensics.value import Value

MAGIC = b"LPKSHHRH"
LEAST = 208
"""Bytes that every header has (systemd:src/libsystemd/sd-journal/journal-def.h); later versions wrote more."""

_FIELDS = struct.Struct("<8sIIB7x16s16s16s16sQQ40xQQQQQQQQ")
_COMPACT, _SEALED, _KEYED = 16, 1, 4
_KNOWN = 31
_WORDS = ((1, "xz"), (2, "lz4"), (_KEYED, "keyed"), (8, "zstd"), (_COMPACT, "compact"))
_STATES = ("offline", "online", "archived")


class Header(Value, frozen=True):
    """What a header states. `entries` is a lower bound in a file that was open when it was copied or when power failed.

    `machine_id` is the writer's: a collector's file holds the entries of other machines.
    """

    compatible: int
    incompatible: int
    state: str
    machine_id: str
    seqnum_id: str
    stated_size: int
    entries: int

    @property
    def compact(self) -> bool:
        """True for the layout with offsets of four bytes."""
        return bool(self.incompatible & _COMPACT)

    @property
    def unknown(self) -> int:
        """Bits of features that no known version of systemd has."""
        return self.incompatible & ~_KNOWN

    @property
    def features(self) -> str:
        """The features in words, for the name of the format; `sealed` is told, not verified, `open` was never closed.

        A file that is open is one in use when it was copied, or one that an unclean end left behind (then journald sets it
        aside as `.journal~`); but a journald that crashed alone leaves one as well, so that by itself it proves nothing.
        """
        words = [word for bit, word in _WORDS if self.incompatible & bit]
        words += ["sealed"] if self.compatible & _SEALED else []
        return " ".join((*words, *(["open"] if self.state == "online" else [])))


def read_header(head: bytes) -> Header | None:
    """The header, or None if magic or length are not those of one."""
    if len(head) < LEAST or not head.startswith(MAGIC):
        return None
    _, compatible, incompatible, state, _, machine, _, seqnum, header_size, arena_size, *rest = _FIELDS.unpack_from(head)
    return Header(
        compatible=compatible,
        incompatible=incompatible,
        state=_STATES[state] if state < len(_STATES) else "",
        machine_id=machine.hex(),
        seqnum_id=seqnum.hex(),
        stated_size=header_size + arena_size,
        entries=rest[1],
    )
