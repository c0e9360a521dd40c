"""LineReader: tries the formats on one line after another, those that worked last first."""

from __future__ import annotations

from msgspec.structs import replace

from pveforensics.events.formats import peel
from pveforensics.events.formats.line import Format, Line
from pveforensics.events.formats.shapes import STRICT, WEAK

_STAMPED_WEAK = tuple(shape for shape in WEAK if shape.decode is not None or shape.name.startswith("time-only"))
_UNSTAMPED = tuple(shape for shape in WEAK if shape not in _STAMPED_WEAK)

LONGEST_HEAD = 8_192
"""Characters of a line that are taken apart; what lies behind cannot be reached by any signature."""


class LineReader:
    """Reads the lines of one file, whose shape may change within it (an upgrade, several pastes)."""

    def __init__(self) -> None:
        """Begin with the strict formats in their own order."""
        self._strict = list(STRICT)
        self.used: dict[str, int] = {}
        self.kinds: dict[str, int] = {}
        self.weight = 0.0

    def read(self, text: str) -> tuple[Format, Line] | None:
        """The line and its format; None if it has no head of its own: a continuation, prose or noise.

        Offsets are those of `text` as given, with all that was pasted in front of it.
        """
        found = self.take_apart(text)
        if found is not None:
            self.note(found[0])
        return found

    def take_apart(self, text: str) -> tuple[Format, Line] | None:
        """The same, and the line is not counted."""
        if len(text) > LONGEST_HEAD:
            text = text[:LONGEST_HEAD]
        found = self._stamped(text) if peel.has_time(text) else None
        if found is None:
            found = _first(_UNSTAMPED, text) or _shifted(_UNSTAMPED, text, peel.before_text(text))
        return found

    def note(self, shape: Format, count: int = 1) -> None:
        """Count lines of a shape."""
        self.used[shape.name] = self.used.get(shape.name, 0) + count
        self.kinds[shape.kind] = self.kinds.get(shape.kind, 0) + count
        self.weight += shape.weight * count

    def _stamped(self, text: str) -> tuple[Format, Line] | None:
        for place, shape in enumerate(self._strict):
            line = shape.parse(text)
            if line is not None:
                if place:
                    self._strict.insert(0, self._strict.pop(place))
                return shape, line
        start = peel.before_stamp(text)
        return (
            (_shifted(self._strict, text, start) if start else None)
            or _first(_STAMPED_WEAK, text)
            or (_shifted(_STAMPED_WEAK, text, start) if start else None)
        )


def _first(shapes: list[Format] | tuple[Format, ...], text: str) -> tuple[Format, Line] | None:
    for shape in shapes:
        line = shape.parse(text)
        if line is not None:
            return shape, line
    return None


def _shifted(shapes: list[Format] | tuple[Format, ...], text: str, start: int) -> tuple[Format, Line] | None:
    if not start:
        return None
    found = _first(shapes, text[start : peel.trimmed_end(text, start)])
    if found is None:
        return None
    shape, line = found
    return shape, replace(line, message_offset=line.message_offset + start)
