"""Instant: a moment in UTC that knows how well it is known, and the zones and calendars around it."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass, replace

SECOND = 1_000_000
"""Microseconds in a second; every duration and moment inside the program is an integer of microseconds."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Basis(enum.StrEnum):
    """What a moment rests on, best first."""

    STATED = "stated"
    ZONE_INFERRED = "zone inferred"
    YEAR_INFERRED = "year inferred"
    ALIGNED = "aligned"


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A moment: microseconds since 1970 in UTC, how far it may be off, and what it rests on.

    Order and equality look at the moment alone; whether an order may be *claimed* is asked of
    `certainly_before`.
    """

    us: int
    error_us: int = 0
    basis: Basis = Basis.STATED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instant) and other.us == self.us

    def __hash__(self) -> int:
        return hash(self.us)

    def seconds_since(self, other: Instant) -> float:
        """Seconds from `other` to this moment; negative if this one is earlier."""
        return (self.us - other.us) / SECOND

    def plus(self, seconds: float) -> Instant:
        """The moment `seconds` later (earlier if negative), with the same doubt."""
        return replace(self, us=self.us + round(seconds * SECOND))

    def certainly_before(self, other: Instant) -> bool:
        """True if no error of either clock reading could turn the order round."""
        return self.us + self.error_us < other.us - other.error_us

    def iso(self) -> str:
        """RFC 3339 in UTC with milliseconds, as in the case document."""
        return (_EPOCH + datetime.timedelta(microseconds=self.us)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.us // 1000 % 1000:03}Z"

    def as_datetime(self) -> datetime.datetime:
        """The same moment as an aware datetime in UTC."""
        return _EPOCH + datetime.timedelta(microseconds=self.us)

    @classmethod
    def of(cls, moment: datetime.datetime, *, error_us: int = 0, basis: Basis = Basis.STATED) -> Instant:
        """The instant of an aware datetime."""
        return cls((moment - _EPOCH) // datetime.timedelta(microseconds=1), error_us, basis)
