"""Words for readers: times, durations, names and numbers, each written in one way in all outputs."""

from __future__ import annotations

import datetime
import functools
import zoneinfo
from collections.abc import Sequence

from pveforensics.model import Criticality, confidence_word
from pveforensics.timebase import duration_words, iso

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
CRITICALITIES = tuple(str(word) for word in Criticality)
_RANKS = {word: rank for rank, word in enumerate(CRITICALITIES)}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

CAUSES = {
    "network": "network",
    "storage_stall": "stalled storage",
    "starved_host": "host without CPU or memory to spare",
    "kernel_panic": "kernel panic",
    "hardware": "hardware",
    "power_loss": "power loss",
    "reset_button_or_bmc": "reset button or BMC",
    "hypervisor_reset": "reset by the hypervisor",
    "thermal": "overheating",
    "out_of_memory": "out of memory",
    "daemon_crash": "crash of a daemon",
    "clock_step": "clock step",
    "operator": "operator",
    "planned": "planned work",
    "configuration": "configuration",
    "fencing": "self-fence by the HA watchdog",
    "unknown": "unknown",
}

CLASSES = {
    "fencing": "Fencing",
    "unclean_boot": "Boot without shutdown",
    "planned_shutdown": "Planned shutdown",
    "quorum_loss": "Quorum lost",
    "network_failure": "Cluster network trouble",
    "node_lost": "Node lost",
    "service_failure": "Service failure",
    "storage_failure": "Storage failure",
    "stuck_lock": "Stuck lock",
    "replication_failure": "Replication failed",
    "replication_divergence": "Replica is dead",
    "ha_replication_mismatch": "HA without replica",
    "ha_failure": "HA failure",
    "kernel_crash": "Kernel crash",
    "hardware_error": "Hardware error",
    "resource_exhaustion": "Resource exhausted",
    "clock_jump": "Clock jump",
    "task_failure": "Task failed",
    "misconfiguration": "Weak configuration",
    "near_miss": "Near miss",
    "evidence_gap": "Evidence missing",
}


def rank(criticality: str) -> int:
    """0 for info (and for words unknown to this version) to 4 for catastrophic."""
    return _RANKS.get(criticality, 0)


def cause_word(cause: str) -> str:
    """A cause's name in plain words."""
    return CAUSES.get(cause, cause.replace("_", " "))


def class_word(class_: str) -> str:
    """A class's name in plain words."""
    return CLASSES.get(class_, class_.replace("_", " ").capitalize())


@functools.lru_cache(maxsize=4096)
def sure(confidence: float) -> str:
    """`likely 0.81`."""
    bounded = min(1.0, max(0.0, confidence))
    # Two digits may not round up into the next band: 0.949 is likely, and reads 0.94.
    return f"{confidence_word(bounded)} {int(bounded * 100 + 1e-9) / 100:.2f}"


@functools.lru_cache(maxsize=65536)
def micros(time: str | None) -> int | None:
    """Microseconds since 1970 of a document's time; None for none, or for a text that is no time."""
    if not time:
        return None
    try:
        moment = datetime.datetime.fromisoformat(time)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def local(us: int, zone: str = "UTC") -> datetime.datetime:
    """The wall clock of a zone at a moment."""
    moment = _EPOCH + datetime.timedelta(0, 0, us)
    known = tz(zone) if zone != "UTC" else None
    try:
        return moment.astimezone(known) if known else moment
    except OverflowError:
        return moment


@functools.lru_cache(maxsize=64)
def tz(zone: str | None) -> datetime.tzinfo | None:
    """The zone of an IANA name, or None."""
    if not zone or zone.startswith("/") or ".." in zone:
        return None
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def day(us: int, zone: str = "UTC", *, short: bool = False) -> str:
    """`14 March 2026`, or `14 Mar`."""
    moment = local(us, zone)
    return f"{moment.day} {MONTHS[moment.month - 1][:3]}" if short else f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def clock(us: int, zone: str = "UTC", digits: int = 0) -> str:
    """`02:14:31`, with up to three decimals, cut, not rounded: a stamp never shows a second that it had not reached."""
    return stamp(us, zone, digits)[11:]


def stamp(us: int | None, zone: str = "UTC", digits: int = 0) -> str:
    """`2026-03-14 02:14:31`, or `unknown`."""
    if us is None:
        return "unknown"
    # Without a fraction there are 19 characters; what a zone adds behind the last digit goes with the digits that are not wanted.
    told = iso(us) if zone == "UTC" else local(us, zone).isoformat("T", "milliseconds")
    return told[: 20 + digits if digits else 19].replace("T", " ")


def at(us: int) -> str:
    """`at 02:14:31 UTC on 14 March 2026`."""
    return f"at {clock(us)} UTC on {day(us)}"


def span(start: int | None, end: int | None) -> str:
    """`14 March 2026, 02:10:00 to 02:20:00 UTC`, or with both days."""
    if start is None or end is None:
        return "an unknown time"
    if day(start) == day(end):
        return f"{day(start)}, {clock(start)} to {clock(end)} UTC"
    return f"{day(start)} {clock(start)[:5]} to {day(end)} {clock(end)[:5]} UTC"


def between(first: int, last: int, note: str = "") -> str:
    """`02:10:00 and 02:20:00 UTC on 14 March 2026`, or with both days."""
    if day(first) == day(last):
        return f"{clock(first)} and {clock(last)} UTC{note} on {day(first)}"
    return f"{stamp(first)} and {stamp(last)} UTC{note}"


def days(first: int, last: int) -> str:
    """`on 14 March 2026`, `from 14 to 16 March 2026`, `from 14 March to 4 April 2026`."""
    a, b = local(first), local(last)
    if day(first) == day(last):
        return f"on {day(first)}"
    if (a.year, a.month) == (b.year, b.month):
        return f"from {a.day} to {day(last)}"
    return f"from {day(first) if a.year != b.year else day(first).rpartition(' ')[0]} to {day(last)}"


duration = duration_words
"""The one form of lengths of time in all texts."""


def counted(count: int, one: str, many: str = "") -> str:
    """`1 node`, `2 nodes`, `12,345 lines`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def names(items: Sequence[str], most: int = 4) -> str:
    """`alpha, beta and gamma`; beyond `most`: `alpha, beta, gamma and 5 more`."""
    if len(items) > most:
        return f"{', '.join(items[: most - 1])} and {len(items) - most + 1} more"
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1]))) if items else ""


def size(count: int) -> str:
    """`812 bytes`, `3.4 MB` (decimal)."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return counted(count, "byte")
