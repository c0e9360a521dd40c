"""Heads: where the message of a line begins, behind stamp, host and tag."""

from __future__ import annotations

import msgspec

from pveforensics.events.formats import Line, LineReader
from pveforensics.events.formats.journal_streams import text_of


def message_start(text: str, line: Line) -> int:
    """The offset of the message in the text of a line that was taken apart; the kernel's own time belongs to it."""
    if line.uptime_us is not None and (line.stamp is None or line.stamp.uptime_us is None):
        return text.rindex("[", 0, line.message_offset)
    return line.message_offset


def message_of(text: str) -> str:
    """The message of a line of text, or of the line by which a journal's machine form shows an entry; the whole text if it has no head."""
    shown = text.strip().rstrip(",")
    if shown.startswith("MESSAGE="):
        return shown.removeprefix("MESSAGE=")
    for whole in (shown, "{" + shown + "}") if shown.startswith(("{", '"MESSAGE"')) else ():
        try:
            return text_of(msgspec.json.decode(whole, type=dict).get("MESSAGE")) or text
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeError):
            continue
    read = LineReader().read(text)
    return text[message_start(text, read[1]) :] if read is not None else text
