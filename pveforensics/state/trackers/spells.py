"""Spells of trouble: signs of one subject that belong together become one stretch of time, whose edges are shown or unknown."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from pveforensics.model import Event, Evidence, Interval
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

STOPPING_US = 180 * SECOND
"""Before the end of a boot that was shut down in order: daemons stop and storage goes away as they should."""

STARTING_US = 120 * SECOND
"""After a boot: network and storage come up one by one."""

_KEPT = 5


class Spell(Struct):
    """Trouble of one subject: from its first sign, to the end that a sign or the boot shows."""

    subject: str
    state: str
    start: Instant | None
    last: Instant | None
    count: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)

    def take(self, at: Instant | None, event: Event) -> None:
        """One more sign of it."""
        self.count += event.count
        last = event.last or at
        if last is not None and (self.last is None or last.us > self.last.us):
            self.last = last
        for line in event.evidence[:1]:
            if line not in self.evidence:
                del self.evidence[_KEPT - 1 :]  # the first ones and the latest
                self.evidence.append(line)

    def closed(self, end: Instant | None, closed_by: str) -> Interval:
        """The interval; `end` None if nothing shows it."""
        fields = {**self.fields, "count": str(self.count), "closed_by": closed_by}
        return Interval(self.subject, self.state, self.start, end, fields, tuple(self.evidence))


def spoken(view: View, node: str, *kinds: str) -> Iterator[tuple[Instant | None, Event]]:
    """Events of the named kinds on a node as they were written: those with a moment first, then those without one."""
    events = view.events_of(node, *kinds)
    yield from ((event.at, event) for event in events if event.at is not None)
    yield from ((None, event) for event in events if event.at is None)


def is_stopping(view: View, node: str, at: Instant | None) -> bool:
    """True while the node is being shut down in order."""
    return at is not None and any(
        boot.manner == "clean" and boot.end is not None and boot.end.us - STOPPING_US <= at.us <= boot.end.us
        for boot in view.boots_of(node)
    )


def is_starting(view: View, node: str, at: Instant | None) -> bool:
    """True in the first minutes of a boot whose beginning is in the log."""
    return at is not None and any(boot.start is not None and 0 <= at.us - boot.start.us <= STARTING_US for boot in view.boots_of(node))


def end_of_boot(view: View, node: str, since: Instant | None) -> Instant | None:
    """When the boot ended in which a moment lies; None if it is not known to have ended."""
    boot = view.boot_at(node, since) if since is not None else None
    if boot is None or boot.manner == "open":
        return None
    return boot.end or boot.next_start


def goes_on(view: View, node: str, after: Instant | None, span_us: int) -> bool:
    """True if the node's whole log goes on for a while after a moment, so that silence means something."""
    return after is not None and view.covered(node, after, after.plus(span_us / SECOND))
