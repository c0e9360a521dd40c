"""Guests that were down: from their node's end, HA's word, an ordered stop or the end of their process, to started again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from pveforensics.model import Evidence, Interval
from pveforensics.state.trackers.guest_words import DOWN, ENDED, ORDER_HOLDS_US, Word, deaths, words_of
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

_DIED_US = 10 * 60 * SECOND
_START_US = 15 * 60 * SECOND


class _Guest(Struct):
    """What holds for one guest while the words are read. `down` says that it is, `since` from when (None: before the log)."""

    name: str
    died: Mapping[str, Instant]
    title: str = ""
    home: str = ""
    up: bool = False
    down: bool = False
    since: Instant | None = None
    state: str = ""
    why: str = ""
    planned: str = ""
    before: str = ""
    after: str = ""
    handed: Instant | None = None
    orders: dict[str, Instant] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    found: list[Interval] = field(default_factory=list)

    def fall(self, at: Instant | None, state: str, planned: str, why: str, evidence: tuple[Evidence, ...]) -> None:
        """It is down from here on."""
        self.down, self.up, self.since, self.state, self.planned, self.why = True, False, at, state, planned, why
        self.before, self.after, self.handed, self.evidence = self.home, "", None, list(evidence[:1])

    def rise(self, at: Instant | None, closed_by: str, evidence: tuple[Evidence, ...] = ()) -> None:
        """It runs again, or nobody knows when it did (None)."""
        if self.down:
            self.evidence.extend(evidence[:1])
            fields = {
                "node_before": self.before,
                "node_after": self.after if at is not None else "",
                "state": self.state,
                "closed_by": closed_by,
                "planned": self.planned,
                "why": self.why,
                "name": self.title,
            }
            end = at if at is None or self.since is None or at.us >= self.since.us else self.since
            self.found.append(Interval(f"guest:{self.name}", "down", self.since, end, fields, tuple(dict.fromkeys(self.evidence))[:4]))
        self.down, self.handed = False, None

    def ordered(self, at: Instant) -> str:
        """The order from which an end of the guest at that moment follows: stop, move, backup, or empty."""
        return next((to for to, when in self.orders.items() if 0 <= at.us - when.us <= ORDER_HOLDS_US[to]), "")


def track(view: View) -> tuple[Interval, ...]:
    """`guest:<vm|ct>:<id>` down."""
    guests: dict[str, _Guest] = {}
    ends = sorted(deaths(view), key=lambda death: (death[0].us, death[1]))
    died: dict[str, Instant] = {}
    titles = _titles(view)
    for word in words_of(view):
        while ends and ends[0][0].us < word.at.us:
            _node_died(guests, died, *ends.pop(0))
        guest = guests.setdefault(word.guest, _Guest(word.guest, died, titles.get(word.guest, "")))
        if guest.handed is not None and (word.what != "started" or word.at.us - guest.handed.us > _START_US):
            _hand_over(guest)
        _TAKE[word.what](guest, word)
    for death in ends:
        _node_died(guests, died, *death)
    for guest in guests.values():
        if guest.handed is not None:
            _hand_over(guest)
        guest.rise(None, "")
    return tuple(interval for name in sorted(guests) for interval in guests[name].found)


def _titles(view: View) -> dict[str, str]:
    """The names that the guests' configurations give them."""
    dumps = [dump.fields for dump in view.timeline.snapshots if dump.kind == "guest_config"]
    return {f"{fields.get('type', 'vm')}:{fields.get('vmid', '')}": fields["name"] for fields in dumps if fields.get("name")}


def _node_died(guests: dict[str, _Guest], died: dict[str, Instant], at: Instant, node: str, evidence: tuple[Evidence, ...]) -> None:
    """Every guest that ran on the node went down with it."""
    died[node] = at
    for guest in guests.values():
        if guest.up and guest.home == node and not guest.down:
            guest.fall(at, "node", "no", f"{node} went down without a shutdown", evidence)


def _hand_over(guest: _Guest) -> None:
    """The manager says `started` as it hands the service to an LRM; no line shows the start itself, so that moment is the end."""
    at, guest.up = guest.handed, True
    guest.rise(at, "started")


# --- words ----------------------------------------------------------------------------------------


def _state(guest: _Guest, word: Word) -> None:
    if word.was in DOWN and not guest.down:
        guest.fall(None, word.was, "no", "", word.evidence)
    if word.to in DOWN:
        if not guest.down:
            guest.home = guest.home or word.node
            guest.fall(word.at, word.to, "no", "", word.evidence)
            if word.to == "fence":
                _date_back(guest)
        guest.state = word.to
        guest.evidence.extend(word.evidence)
    elif word.to in ENDED and guest.down and guest.state in (*DOWN, "node"):
        guest.after = word.node or guest.after
        guest.evidence.extend(word.evidence)
        if word.to == "started":
            guest.handed = word.at
        else:
            guest.rise(word.at, word.to)
    if word.node and word.to not in DOWN:
        guest.home = word.node


def _recovered(guest: _Guest, word: Word) -> None:
    if not guest.down:
        guest.fall(None, "recovery", "no", "", word.evidence)
    guest.before = word.was or guest.before
    guest.after = word.to
    guest.evidence.extend(word.evidence)
    _date_back(guest)


def _date_back(guest: _Guest) -> None:
    """HA says `fence` a minute after the node was lost: the guest was down when the node's own log ended."""
    gone = guest.died.get(guest.before)
    if gone is not None and guest.since is not None and 0 <= guest.since.us - gone.us <= _DIED_US:
        guest.since, guest.why = gone, f"{guest.before} went down without a shutdown"


def _placed(guest: _Guest, word: Word) -> None:
    guest.home = word.node


def _started(guest: _Guest, word: Word) -> None:
    guest.after = word.node
    guest.rise(word.at, "started", word.evidence)
    guest.home, guest.up = word.node, True
    guest.orders.clear()


def _stopped(guest: _Guest, word: Word) -> None:
    """A stop that was ordered has ended; of a guest that failed, or is down already, it tells nothing new."""
    if not guest.down:
        guest.home = word.node
        guest.fall(word.at, "stopped", "yes", "it was stopped on order", word.evidence)
    elif guest.state == "ended":
        guest.state, guest.planned, guest.why = "stopped", "yes", "it was stopped on order"


def _ended(guest: _Guest, word: Word) -> None:
    """The guest's process ended, on order or not: a shutdown from inside and a crash look alike."""
    order = guest.ordered(word.at)
    if guest.down or order == "move" or (guest.home and guest.home != word.node):
        return
    guest.home = word.node
    planned, why = ("yes", f"its {order} was ordered") if order else ("", "its process ended; nothing in the log ordered it")
    guest.fall(word.at, "ended", planned, why, word.evidence)


def _ordered(guest: _Guest, word: Word) -> None:
    guest.orders[word.to] = word.at


def _moved(guest: _Guest, word: Word) -> None:
    if guest.home == word.node:
        guest.home, guest.up = "", False
    guest.orders.pop("move", None)


_TAKE: dict[str, Callable[[_Guest, Word], None]] = {
    "state": _state,
    "recovered": _recovered,
    "placed": _placed,
    "started": _started,
    "stopped": _stopped,
    "ended": _ended,
    "order": _ordered,
    "moved": _moved,
}
