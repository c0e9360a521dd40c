"""Which time hints are believed: those whose moment the stamp of their own line can denote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from pveforensics.dating.marks import hint_us, is_lower_bound, stated_us, yearless
from pveforensics.dating.years import nearest_year
from pveforensics.readings import LogScan, TimeHint
from pveforensics.timebase import DAY, HOUR

ZONES_US = 26 * HOUR
"""A local time and the same moment in UTC, or in another zone, are never further apart."""
LONGEST_US = 90 * DAY
"""A line may name a task, a snapshot or an error that began so long before it."""


def agrees(hint: TimeHint) -> bool | None:
    """True if the hint's moment can be that of its line, False if the line's stamp contradicts it, None if the line has no stamp that could.

    A stamp without a year agrees in any year: the hint is there to tell which.
    """
    at, stamp = hint_us(hint), hint.stamp
    if at is None or stamp is None or is_lower_bound(hint):
        return None
    written = stated_us(stamp)
    if written is None:
        if not yearless(stamp):
            return None
        written = nearest_year(stamp, at)
        if written is None:
            return False  # a 29 February far from any leap year
    return -ZONES_US <= written - at <= (ZONES_US if hint.exact else LONGEST_US)


def believed(scans: Sequence[LogScan]) -> list[LogScan]:
    """The scans without the moments that contradict their lines; the stamps of these lines stay."""
    return [_believed(scan) for scan in scans]


def _believed(scan: LogScan) -> LogScan:
    """Of a sort of which most contradict none is believed: the numbers are no moments, and some fit by chance."""
    verdicts = [agrees(hint) for hint in scan.hints]
    if False not in verdicts:
        return scan
    votes = Counter((hint.what, verdict) for hint, verdict in zip(scan.hints, verdicts, strict=True))
    kept = tuple(
        replace(hint, epoch_us=None, local="")
        if verdict is False or (verdict and votes[hint.what, False] > votes[hint.what, True])
        else hint
        for hint, verdict in zip(scan.hints, verdicts, strict=True)
    )
    return replace(scan, hints=kept)
