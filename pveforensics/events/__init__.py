"""From the bytes of a log to records: what lines mean (`signatures`), what they look like (`formats`), and the pass over them (`scan`, `journal`)."""

from pveforensics.events.formats import FORMATS, Recognition, is_binary, is_binary_journal, recognize
from pveforensics.events.journal import scan_journal, without_copies
from pveforensics.events.scan import backend_name, make_matcher, scan_log
from pveforensics.events.scan.matcher import Matcher
from pveforensics.events.signatures import Sample, Signature, SignatureIndex, load_signatures, match_line

__all__ = [
    "FORMATS",
    "Matcher",
    "Recognition",
    "Sample",
    "Signature",
    "SignatureIndex",
    "backend_name",
    "is_binary",
    "is_binary_journal",
    "load_signatures",
    "make_matcher",
    "match_line",
    "recognize",
    "scan_journal",
    "scan_log",
    "without_copies",
]
