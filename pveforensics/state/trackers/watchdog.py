"""The watchdog multiplexer of each node: when it was about to let the node be reset, and what became of that."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from pveforensics.model import Boot, Event, Evidence, Interval
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

_KINDS = (
    "watchdog_about_to_expire", "watchdog_fence_averted", "watchdog_expired", "watchdog_client_died", "watchdog_mux_exit_active",
    "watchdog_client_removed",
)  # fmt: skip
"""`watchdog did not stop!` is not among them: it ends ordinary shutdowns too (linux:drivers/watchdog/watchdog_dev.c)."""

_WARNING_US = 20 * SECOND
_SURVIVED_US = 60 * SECOND


class _Close(Struct):
    """One approach to a reset: the first warning and what followed."""

    since: Instant
    clients: set[str] = field(default_factory=set)
    expired: Instant | None = None
    averted: Instant | None = None
    last: Instant | None = None
    said: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)


def track(view: View) -> tuple[Interval, ...]:
    """`node:<n>` watchdog_expiring, from the first warning (50 s after the last update, PVE 9) or the expiry itself (60 s)."""
    return tuple(_interval(view, node, close) for node in view.nodes for close in _closes(view, node))


def _closes(view: View, node: str) -> Iterator[_Close]:
    close: _Close | None = None
    for at, event in view.dated(node, *_KINDS):
        if close is not None and (close.averted is not None or at.us - (close.last or close.since).us > _WARNING_US):
            yield close
            close = None
        if close is None:
            if event.kind == "watchdog_client_removed":
                continue
            close = _Close(at)
        _take(close, at, event)
    if close is not None:
        yield close


def _take(close: _Close, at: Instant, event: Event) -> None:
    client = event.fields.get("client") or ""
    close.last = at
    close.said.append(event.kind)
    close.evidence.extend(event.evidence[:1])
    if event.kind == "watchdog_about_to_expire":
        close.clients.add(client)
    elif event.kind in ("watchdog_fence_averted", "watchdog_client_removed"):
        close.clients.discard(client)
        if close.expired is None and (not close.clients or not client):
            close.averted = at
    elif close.expired is None:
        close.expired = at


def _interval(view: View, node: str, close: _Close) -> Interval:
    outcome, end, why = _outcome(view, node, close)
    fields = {"outcome": outcome, "why": why, "client": " ".join(sorted(close.clients - {""})), "said": " ".join(dict.fromkeys(close.said))}
    return Interval(f"node:{node}", "watchdog_expiring", close.since, end, fields, tuple(dict.fromkeys(close.evidence))[:4])


def _outcome(view: View, node: str, close: _Close) -> tuple[str, Instant | None, str]:
    """Averted, expired or unknown, when, and why that is said."""
    if close.expired is not None:
        return "expired", close.expired, "the multiplexer stopped feeding the watchdog"
    if close.averted is not None:
        return "averted", close.averted, "the client updated its watchdog in time"
    boot = _boot_of(view, node, close.since)
    alive = boot.end if boot is not None else view.last_sign(node)
    if alive is not None and alive.us - close.since.us >= _SURVIVED_US:
        return "averted", None, "the node lived on for over a minute after the warning"
    return "unknown", None, "the log ends before anything tells"


def _boot_of(view: View, node: str, at: Instant) -> Boot | None:
    return next((b for b in view.boots_of(node) if (b.start is None or b.start.us <= at.us) and (b.end is None or at.us <= b.end.us)), None)
