"""From the bytes of a log to records: what lines mean (`signatures`), what they look like (`formats`), and the pass over them (`scan`, `journal`)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pveforensics.events.copies import without_copies
    from pveforensics.events.formats import FORMATS, Recognition, is_binary, is_binary_journal, recognize
    from pveforensics.events.journal import scan_journal
    from pveforensics.events.recall import recalled
    from pveforensics.events.scan import backend_name, loops_name, make_matcher, scan_log
    from pveforensics.events.scan.matcher import Matcher
    from pveforensics.events.scan.sink import LineSink, OpenSink
    from pveforensics.events.signature_files import load_signatures
    from pveforensics.events.signatures import Sample, Signature, SignatureIndex, match_line
    from pveforensics.events.waiting import EverydayFile

__all__ = [
    "FORMATS",
    "EverydayFile",
    "LineSink",
    "Matcher",
    "OpenSink",
    "Recognition",
    "Sample",
    "Signature",
    "SignatureIndex",
    "backend_name",
    "is_binary",
    "is_binary_journal",
    "load_readers",
    "load_signatures",
    "loops_name",
    "make_matcher",
    "match_line",
    "recalled",
    "recognize",
    "scan_journal",
    "scan_log",
    "without_copies",
]

_ROOMS = {
    "copies": ("without_copies",),
    "formats": ("FORMATS", "Recognition", "is_binary", "is_binary_journal", "recognize"),
    "journal": ("scan_journal",),
    "recall": ("recalled",),
    "scan": ("backend_name", "loops_name", "make_matcher", "scan_log"),
    "scan.matcher": ("Matcher",),
    "scan.sink": ("LineSink", "OpenSink"),
    "signature_files": ("load_signatures",),
    "signatures": ("Sample", "Signature", "SignatureIndex", "match_line"),
    "waiting": ("EverydayFile",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a name's module when it is first asked for: who only lists rules needs no arrays."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    return found


def load_readers(*, journals: bool) -> None:
    """Load what reads long logs, and `journals` if there are any: before processes are forked that would each load it."""
    for room in ("scan.fast", *(("journal",) if journals else ())):
        importlib.import_module(f"{__name__}.{room}")
