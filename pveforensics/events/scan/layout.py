"""Layouts: where a line of a format with fixed columns has its date, its time and the begin of its head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pveforensics.events.formats import Format
from pveforensics.events.formats.shapes import STRICT
from pveforensics.events.scan.coverage import moment
from pveforensics.lazyregex import regex
from pveforensics.readings import Stamp
from pveforensics.timebase import SECOND
from pveforensics.value import Value

_BSD = regex(rb"(?P<date>[A-Z][a-z]{2} [ \d]\d )\d\d:\d\d:\d\d(?P<fraction>)(?P<zone>) (?=\S)")
_ISO = regex(rb"(?P<date>\d{4}-\d\d-\d\dT)\d\d:\d\d:\d\d(?P<fraction>\.\d{6})?(?P<zone>Z|[+-]\d\d:?\d\d) (?=\S)")
# Months of other languages may be read by another format: they are left to the reader of lines.
_DATES = {
    "syslog": regex(rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d "),
    "rfc3339": regex(rb"\d{4}-\d\d-\d\dT"),
    "short-iso": regex(rb"\d{4}-\d\d-\d\dT"),
}
_TIME = 8


class Layout(Value, frozen=True):
    """Fixed columns: date, `HH:MM:SS`, perhaps six decimals, perhaps a zone that is the same on all lines; then a blank and the head."""

    name: str
    date: int
    fraction: bool
    zone: bytes

    @property
    def shape(self) -> Format:
        """The format that reads such a line."""
        return SHAPES[self.name]

    @property
    def zone_at(self) -> int:
        """Where the zone stands."""
        return self.date + _TIME + 7 * self.fraction

    @property
    def head(self) -> int:
        """Where the blank before the host stands: the length of the stamp."""
        return self.zone_at + len(self.zone)

    def midnight(self, date: bytes) -> Midnight | None:
        """The begin of a date; None if it is none."""
        if not _DATES[self.name].fullmatch(date):
            return None
        text = date + b"00:00:00" + (b".000000" if self.fraction else b"") + self.zone
        stamp = self.stamp(text)
        return Midnight(stamp, moment(stamp)[1]) if stamp is not None else None

    def stamp(self, text: bytes) -> Stamp | None:
        """The stamp of a line's first `head` bytes."""
        decode = self.shape.decode
        return decode(text.decode("ascii", "replace")) if decode is not None else None


class Midnight(NamedTuple):
    """The begin of a date as a stamp, and as coverage counts moments."""

    stamp: Stamp
    at: int

    def later(self, text: str, at: int) -> Stamp:
        """The stamp of the same day that `text` states, whose moment is known to be `at`."""
        of_day = at - self.at
        first = self.stamp
        if first.epoch_us is not None:
            return Stamp(text, first.epoch_us + of_day, resolution_us=first.resolution_us, zone=first.zone)
        second, micro = divmod(of_day, SECOND)
        return Stamp(text, None, first.year, first.month, first.day, second, micro, first.resolution_us, first.zone)


SHAPES = {shape.name: shape for shape in STRICT if shape.name in _DATES}
"""Formats with fixed columns, by name."""


def has_date(text: str) -> bool:
    """True for a line that begins as one of these formats does."""
    return any(date.match(text[:12].encode("utf-8", "replace")) for date in _DATES.values())


def layout_of(lines: Iterable[bytes]) -> Layout | None:
    """The layout that most of these lines have; None if none of them has one."""
    found = Counter(layout for line in lines if (layout := _of_line(line)) is not None)
    return found.most_common(1)[0][0] if found else None


def _of_line(line: bytes) -> Layout | None:
    columns = _BSD.match(line) or _ISO.match(line)
    if columns is None:
        return None
    shape = only_shape(line.decode("utf-8", "replace").rstrip("\r"))
    if shape is None or shape.name not in SHAPES:
        return None
    return Layout(shape.name, len(columns["date"]), bool(columns["fraction"]), columns["zone"])


def only_shape(text: str) -> Format | None:
    """The strict format of a line that no other strict format could take as well."""
    shapes = [shape for shape in STRICT if shape.parse(text) is not None]
    return shapes[0] if len(shapes) == 1 else None
