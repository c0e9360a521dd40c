"""The moment of a node's end: where no line tells it, it is told by the last line before it and the first sign after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.report import shape, words
from pveforensics.value import Value

_TELLING = frozenset({"kernel_panic", "softdog_reboot", "sysrq_reboot"})
"""Events with which a node ends. The expiry of a watchdog is none: the device resets the machine up to ten seconds later, without a line."""
_NEAR_US = 10_000_000
"""So long the last lines may go on behind an event that ends the node."""
_LOG_ENDS_US = 180_000_000
"""A fence begins at the latest so long before the node's last line: with its lock lost, the expiry, or that line."""
_ONE_MOMENT_US = 1_500_000


class End(Value, frozen=True):
    """An end that no line tells, in microseconds: the last line before it, or the one that foretold it, and the first sign after it.

    `back` is None for a reset by the watchdog, which follows soon whenever the next sign comes.
    """

    last: int
    back: int | None


def untold(doc: shape.Document, finding: shape.Finding) -> End | None:
    """The end of a node that a finding tells of and no line shows; None for all other findings, and where a line shows the moment.

    Such a finding reaches from the last line of a boot to the first sign of the next.
    """
    if finding.class_ not in ("fencing", "unclean_boot", "evidence_gap"):
        return None
    for node, boot in _boots(doc, finding):
        end, back = words.micros(boot.end), words.micros(boot.next_start)
        if end is not None and back is not None and (boot.end, boot.next_start) == (finding.start, finding.end):
            return None if _is_told(doc, node, boot) else End(end, None if finding.class_ == "fencing" else back)
    return None


def _reset(doc: shape.Document, finding: shape.Finding) -> End | None:
    """The same, and the reset that followed where a fence was found by the expiry or the lost lock alone and the log ends."""
    start = words.micros(finding.start)
    if finding.class_ != "fencing" or start is None:
        return untold(doc, finding)
    for node, boot in _boots(doc, finding):
        end = words.micros(boot.end)
        if end is not None and 0 <= end - start <= _LOG_ENDS_US and not _is_told(doc, node, boot):
            return End(start, None)
    return None


def _boots(doc: shape.Document, finding: shape.Finding) -> Iterator[tuple[str, shape.Boot]]:
    """The boots of a finding's nodes that did not end in order."""
    return ((node.name, boot) for node in doc.nodes if node.name in finding.nodes for boot in node.boots if boot.manner != "clean")


def is_bound(doc: shape.Document, time: str | None) -> bool:
    """True if a moment is the last line of a boot whose end no line tells: what ended with the node may have gone on a while."""
    return time is not None and any(
        boot.end == time and boot.manner in ("unclean", "unknown") and not _is_told(doc, node.name, boot)
        for node in doc.nodes
        for boot in node.boots
    )


def _is_told(doc: shape.Document, node: str, boot: shape.Boot) -> bool:
    end = words.micros(boot.end) or 0
    until = words.micros(boot.next_start) or end + _NEAR_US
    moments = (words.micros(event.at) for event in doc.events if event.kind in _TELLING and event.node == node)
    return any(at is not None and end - _NEAR_US <= at < until for at in moments)


def moment(end: End) -> str:
    """`at or soon after 02:14:31 UTC`, `between 02:14:31 and 02:15:04 UTC`; with days where they differ."""
    if end.back is not None and words.day(end.last) != words.day(end.back):
        return stamps(end)
    return (
        f"at or soon after {words.clock(end.last)} UTC"
        if end.back is None
        else f"between {words.clock(end.last)} and {words.clock(end.back)} UTC"
    )


def stamps(end: End) -> str:
    """The same with its day: `at or soon after 2026-03-14 02:14:31 UTC`."""
    if end.back is None:
        return f"at or soon after {words.stamp(end.last)} UTC"
    return f"between {words.stamp(end.last)} and {_back(end.last, end.back)} UTC"


def aside(end: End | None) -> str:
    """What stands behind a title beside the moment of the last line; empty where a line tells the end."""
    if end is None:
        return ""
    return " (at this moment or soon after)" if end.back is None else f" (after this last line and before {_back(end.last, end.back)} UTC)"


def _back(last: int, back: int) -> str:
    return words.clock(back) if words.day(last) == words.day(back) else words.stamp(back)


def when(doc: shape.Document, group: Sequence[shape.Finding], note: str = "") -> str:
    """When nodes went down or what else the findings tell began, as it stands in a sentence; `note` goes behind the zone."""
    starts = sorted(us for finding in group if (us := words.micros(finding.start)) is not None)
    if not starts:
        return " at an unknown time"
    ends = [end for finding in group if (end := _reset(doc, finding)) is not None]
    first, last = starts[0], max([starts[-1], *(end.back for end in ends if end.back is not None)])
    if len(group) == 1 and ends and ends[0].back is not None:
        return f" {_between_lines(ends[0].last, ends[0].back, note)}"
    soon = any(end.back is None for end in ends)
    if last - first < _ONE_MOMENT_US:
        return f" at {'or soon after ' if soon else ''}{words.clock(first)} UTC{note} on {words.day(first)}"
    return f" between {words.between(first, last, note)}{' or soon after' if soon else ''}"


def _between_lines(last: int, back: int, note: str) -> str:
    if words.day(last) == words.day(back):
        return f"between its last line at {words.clock(last)} and its next boot at {words.clock(back)} UTC{note} on {words.day(back)}"
    return f"between its last line at {words.stamp(last)} and its next boot at {words.stamp(back)} UTC{note}"


def later(doc: shape.Document, before: shape.Finding, after: shape.Finding) -> str:
    """`58 s ` from the beginning of one finding to that of another, with what is sure of it; empty for less than a second."""
    start, end = words.micros(before.start), words.micros(after.start)
    if start is None or end is None or end - start < 1_000_000:
        return ""
    first, second = _reset(doc, before) is not None, _reset(doc, after) is not None
    sure = "about " if first and second else "at most " if first else "at least " if second else ""
    return f"{sure}{words.duration((end - start) / 1e6)} "
