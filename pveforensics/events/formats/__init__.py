"""Line formats: what a line of each kind of log looks like, and how a file's kind is told."""

from pveforensics.events.formats.line import Format, Line
from pveforensics.events.formats.reader import LineReader
from pveforensics.events.formats.recognize import Recognition, is_binary, is_binary_journal, recognize
from pveforensics.events.formats.shapes import STRICT, WEAK

FORMATS: tuple[Format, ...] = (*STRICT, *WEAK)
"""All formats of single lines, in the order in which they are tried; journalctl's JSON and export have readers of their own."""

__all__ = ["FORMATS", "Format", "Line", "LineReader", "Recognition", "is_binary", "is_binary_journal", "recognize"]
