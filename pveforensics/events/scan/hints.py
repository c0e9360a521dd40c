"""Time hints: lines that state a moment twice, or a year or zone that their neighbours lack."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pveforensics.events.scan.coverage import moment
from pveforensics.lazyregex import regex
from pveforensics.readings import Stamp, TimeHint
from pveforensics.timebase import SECOND

ANCHORS = (b"starting task UPID:", b"UPID:", b"__replicate_", b" TIME ", b"(@", b"Active: ", b"Date: ", b" begin", b"Linux version ")
"""Literals of which each hint holds one."""

MOST = 5_000
_EARLIEST, _LATEST = 1_104_537_600, 4_102_444_800  # 2005 to 2100: what lies outside is no moment of these logs
THIN_US = 3600 * SECOND

_UPID = regex(r"UPID:[\w.-]+:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:(?P<epoch>[0-9A-Fa-f]{8}):")
_REPLICATE = regex(r"__replicate_\d+-\d+_(?P<epoch>\d{9,10})__")
_MCE = regex(r"PROCESSOR \S+ TIME (?P<epoch>\d{9,10}) ")
_AT = regex(r"\(@(?P<epoch>\d{12,13})\)")
_EPOCHS = (
    ("replicate", "__replicate_", _REPLICATE, SECOND, False),
    ("mce", " TIME ", _MCE, SECOND, False),
    ("corosync", "(@", _AT, 1_000, True),
)
_LOCAL = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
_ACTIVE = regex(rf"Active: .*\bsince (?:\w+ )?(?P<local>{_LOCAL}) ?(?P<zone>[A-Z]{{2,5}}|[+-]\d\d(?::?\d\d)?)?(?=[;\s]|$)")
_DATE = regex(
    r"Date: +\w{3} (?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<time>\d\d:\d\d:\d\d) (?:(?P<zone>[A-Z]{2,5}) )?(?P<year>\d{4})\b"
)
_BEGIN = regex(
    rf"-- (?:Logs|Journal) begins? at (?:\w+ )?(?P<local>{_LOCAL}) ?(?P<zone>[A-Z]{{2,5}}|[+-]\d\d(?::?\d\d)?)?"
    rf"(?:, ends? at (?:\w+ )?(?P<end>{_LOCAL}) ?(?P<end_zone>[A-Z]{{2,5}}|[+-]\d\d(?::?\d\d)?)?)?"
)
_BUILD = regex(r"Linux version .*\((?P<built>\d{4}-\d\d-\d\dT\d\d:\d\dZ)\)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Hints:
    """Collects the hints of one file, thinned: of one sort one in an hour is enough."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.found: list[TimeHint] = []
        self._latest: dict[tuple[str, bool], int] = {}
        self._looked: dict[int, int] = {}

    def due(self, anchor: int, at: int) -> bool:
        """True if no line with this anchor (its place in ANCHORS) was looked at in the hour in which `at` falls; true but once."""
        stretch = at // THIN_US
        if self._looked.get(anchor) == stretch:
            return False
        self._looked[anchor] = stretch
        return True

    def look_if_due(self, line: int, text: str, stamp: Stamp | None, anchors: Iterable[int]) -> None:
        """Look at a line with these anchors, unless lines of its hour were looked at for each of them."""
        if stamp is None:
            self.look(line, text, stamp)
            return
        at = moment(stamp)[1]
        due = [self.due(anchor, at) for anchor in anchors]  # every one of them is noted
        if any(due):
            self.look(line, text, stamp)

    def look(self, line: int, text: str, stamp: Stamp | None) -> None:
        """Note what this line states; `stamp` is its own."""
        if len(self.found) >= MOST:
            return
        text = text[:4096]
        if "UPID:" in text:
            for upid in _UPID.finditer(text):
                self._epoch(line, "upid", stamp, int(upid["epoch"], 16) * SECOND, exact=_is_start(text, upid.start()))
        for what, word, pattern, unit_us, exact in _EPOCHS:
            if word in text and (found := pattern.search(text)):
                self._epoch(line, what, stamp, int(found["epoch"]) * unit_us, exact=exact)
        if "Linux version " in text and (built := _BUILD.search(text)) and _valid(built["built"]):
            moment = datetime.fromisoformat(built["built"].removesuffix("Z")).replace(tzinfo=UTC)
            self._epoch(line, "kernel-build", stamp, int(moment.timestamp()) * SECOND, exact=False)
        if stamp is None:
            self._dates(line, text)

    def _dates(self, line: int, text: str) -> None:
        if (found := _ACTIVE.search(text)) and _valid(found["local"]):
            self.found.append(TimeHint(line, "active", local=found["local"], zone=found["zone"] or ""))
        if (found := _DATE.search(text)) and found["month"] in _MONTHS:
            local = f"{found['year']}-{_MONTHS.index(found['month']) + 1:02}-{int(found['day']):02} {found['time']}"
            if _valid(local):
                self.found.append(TimeHint(line, "date", local=local, zone=found["zone"] or ""))
        if found := _BEGIN.search(text):
            if _valid(found["local"]):
                self.found.append(TimeHint(line, "journal-begin", local=found["local"], zone=found["zone"] or ""))
            if found["end"] and _valid(found["end"]):
                self.found.append(TimeHint(line, "journal-end", local=found["end"], zone=found["end_zone"] or ""))

    def _epoch(self, line: int, what: str, stamp: Stamp | None, epoch_us: int, *, exact: bool) -> None:
        if not _EARLIEST * SECOND < epoch_us < _LATEST * SECOND:
            return
        latest = self._latest.get((what, exact))
        if latest is not None and abs(latest - epoch_us) < THIN_US:
            return
        self._latest[what, exact] = epoch_us
        self.found.append(TimeHint(line, what, stamp, epoch_us, exact=exact and stamp is not None))


def _is_start(text: str, upid: int) -> bool:
    """Whether the task begins whose UPID stands there: looked for from the UPID back, a pattern that begins with this is tried at every letter."""
    return text[max(0, upid - 14) : upid].removesuffix("task ").removesuffix(" ").endswith("starting")


def _valid(text: str) -> bool:
    try:
        datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return False
    return True
