"""One common clock: how far the nodes' clocks differ, where one of them stepped, and the timeline with both taken out."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from pveforensics.clocks.eras import Step, eras_of, steps_of
from pveforensics.clocks.offsets import Offset, common_clock
from pveforensics.model import ClockOffset, Coverage, Event, Interval, NodeClock, Timeline
from pveforensics.timebase import SECOND, Basis, Instant, parse_moment

__all__ = ["Offset", "Shifts", "align", "align_with_shifts"]

_QUARTER_S = 900
_ROUNDED_S = 5.0
"""A clock that is off by whole quarter hours and no more than this, on a node whose zone nothing tells, is in another zone."""

Shifts = Mapping[str, tuple[Offset, ...]]


def align(timeline: Timeline) -> Timeline:
    """The timeline on the common clock, with `clock:<node>` intervals `off` and `stepped`.

    What moved says `aligned`; the stamps in the evidence stay as the node wrote them. Without anchors nothing moves.
    """
    return align_with_shifts(timeline)[0]


def align_with_shifts(timeline: Timeline) -> tuple[Timeline, Shifts]:
    """The same, with the offsets of each node that has any: for whoever puts more than the events on the common clock."""
    by_node: dict[str, list[Event]] = defaultdict(list)
    for event in timeline.events:
        if event.at is not None:
            by_node[event.node].append(event)
    for line in by_node.values():
        line.sort(key=lambda event: event.seq)
    steps = {node: steps_of(line) for node, line in by_node.items()}
    eras = {node: eras_of(line, steps[node]) for node, line in by_node.items()}
    common = common_clock(by_node, eras, {node for node in by_node if not _assumed(timeline, node)})
    shifts: Shifts = {node: told for node, told in common.offsets.items() if any(offset.seconds or offset.doubt for offset in told)}
    intervals = (*_stepped({node: (*found, *common.steps.get(node, ())) for node, found in steps.items()}, shifts), *_off(timeline, shifts))
    clocks = {**timeline.clocks}
    for node, told in common.offsets.items():
        longest = max(told, key=lambda offset: offset.events)
        clocks[node] = replace(
            clocks.get(node, NodeClock()),
            offset_s=round(longest.seconds, 3) + 0.0,
            error_s=round(longest.error, 3),
            offsets=tuple(_applied(offset) for offset in shifts.get(node, ()) if offset.seconds),
        )
    shifted = replace(timeline, clocks=clocks, clock_states=tuple(sorted(intervals, key=lambda each: (each.subject, _us(each.start)))))
    if not shifts:
        return replace(shifted, notes=(*timeline.notes, *common.notes)), shifts
    aligned = replace(
        shifted,
        events=tuple(sorted((_event(event, shifts) for event in timeline.events), key=_moment)),
        coverage=tuple(
            sorted((_coverage(span, shifts) for span in timeline.coverage), key=lambda each: (each.start, each.node, each.path))
        ),
        snapshots=tuple(replace(dump, at=_at(dump.at, dump.node, shifts)) for dump in timeline.snapshots),
        notes=(*timeline.notes, *_notes(timeline, shifts, common.reference), *common.notes),
    )
    return aligned, shifts


# --- moments on the common clock --------------------------------------------------------------------


def _of_seq(told: tuple[Offset, ...], seq: int) -> Offset:
    return told[max(0, bisect_right(told, seq, key=_seq) - 1)]


def _seq(offset: Offset) -> int:
    return offset.seq


def _of_time(told: tuple[Offset, ...], at: Instant) -> Offset:
    """The offset that held when the node's own clock showed this; the eras' own times may overlap where a clock fell back."""
    begun = [offset for offset in told if offset.start is None or offset.start.us <= at.us]
    return begun[-1] if begun else told[0]


def _moved(at: Instant | None, offset: Offset) -> Instant | None:
    if at is None or not (offset.seconds or offset.doubt):
        return at
    if not offset.seconds:
        return replace(at, error_us=at.error_us + round(offset.error * SECOND))
    return Instant(at.us - round(offset.seconds * SECOND), at.error_us + round(offset.error * SECOND), Basis.ALIGNED)


def _at(at: Instant | None, node: str, shifts: Shifts) -> Instant | None:
    return _moved(at, _of_time(shifts[node], at)) if at is not None and node in shifts else at


def _event(event: Event, shifts: Shifts) -> Event:
    told = shifts.get(event.node)
    if told is None:
        return event
    offset = _of_seq(told, event.seq)
    fields = event.fields
    if event.kind == "syslog_nul_bytes":
        fields = {key: _iso(value, offset) if key in ("before", "after") else value for key, value in fields.items()}
    return replace(event, at=_moved(event.at, offset), last=_moved(event.last, offset), fields=fields)


def _iso(text: str, offset: Offset) -> str:
    try:
        moved = _moved(parse_moment(text), offset)
    except ValueError:
        return text
    return moved.iso() if moved is not None else text


def _coverage(span: Coverage, shifts: Shifts) -> Coverage:
    start, end = _at(span.start, span.node, shifts) or span.start, _at(span.end, span.node, shifts) or span.end
    return replace(span, start=min(start, end), end=max(start, end))


def _moment(event: Event) -> tuple[bool, int, int]:
    return (event.at is None, event.at.us if event.at else 0, event.seq)


def _us(at: Instant | None) -> int:
    return at.us if at is not None else -1


def _applied(offset: Offset) -> ClockOffset:
    return ClockOffset(offset.start, offset.seconds, offset.error, dict(offset.kinds), offset.against, offset.stepped, offset.pairs)


# --- what is told -------------------------------------------------------------------------------------


def _stepped(steps: Mapping[str, Iterable[Step]], shifts: Shifts) -> Iterator[Interval]:
    for node, found in steps.items():
        for step in found:
            told = shifts.get(node)
            before = _moved(step.before, _of_seq(told, step.seq - 1)) if told else step.before
            after = _moved(step.after, _of_seq(told, step.seq)) if told else step.after
            start = before if before is not None and after is not None and before.us <= after.us and not step.exact else after
            size = "" if step.seconds is None else f"{abs(step.seconds):.0f}"
            seconds = "" if step.seconds is None else f"{step.seconds:+.1f}"
            fields = {"seconds": seconds, "size": size, "why": step.why, "at_boot": "yes" if step.at_boot else "no"}
            yield Interval(f"clock:{node}", "stepped", start, after, fields, step.evidence)


def _off(timeline: Timeline, shifts: Shifts) -> Iterator[Interval]:
    """Clocks that ran apart from the others', unless the zone of the stamps is only assumed and explains it."""
    ends = {event.node: event for event in timeline.events if event.at is not None}
    for node, told in shifts.items():
        for place, offset in enumerate(told):
            if not offset.seconds or (_assumed(timeline, node) and _zone_explains(offset.seconds)):
                continue
            last = told[place + 1].start if place + 1 < len(told) else ends[node].at
            fields = {
                "seconds": f"{offset.seconds:+.1f}",
                "size": f"{abs(offset.seconds):.0f}",
                "error": f"{offset.error:.1f}",
                "against": " ".join(offset.against),
                "anchors": str(offset.anchors),
                "duration": _words(offset.seconds),
            }
            start, end = _moved(offset.start, offset), _moved(last, offset)
            if start is not None and end is not None and end.us < start.us:
                end = None
            yield Interval(f"clock:{node}", "off", start, end, fields, offset.evidence)


def _notes(timeline: Timeline, shifts: Shifts, reference: str) -> Iterator[str]:
    for node, told in sorted(shifts.items()):
        for offset in told:
            if not offset.seconds:
                continue
            proof = f"± {offset.error:.1f} s, from {offset.anchors} anchors shared with {', '.join(offset.against) or reference}"
            if _assumed(timeline, node) and _zone_explains(offset.seconds):
                zone = _zone_name(offset.seconds)
                yield f"{node}: nothing tells the zone of its stamps; what it shares with other nodes shows {zone} against theirs ({proof})"
                continue
            since = f" from {offset.start.iso()} on its own clock" if len(told) > 1 and offset.start is not None else ""
            way = "ahead of" if offset.seconds > 0 else "behind"
            yield (
                f"the clock of {node}{since} runs {_words(offset.seconds)} {way} the others' ({proof}); "
                "its times are shifted in findings, not in the evidence"
            )


def _assumed(timeline: Timeline, node: str) -> bool:
    clock = timeline.clocks.get(node, NodeClock())
    return (clock.timezone is None and (not clock.timezone_basis or "assumed" in clock.timezone_basis)) or "weak" in clock.timezone_basis


def _zone_explains(seconds: float) -> bool:
    quarters = round(seconds / _QUARTER_S)
    return 0 < abs(quarters) <= 26 * 4 and abs(seconds - quarters * _QUARTER_S) <= _ROUNDED_S


def _zone_name(seconds: float) -> str:
    minutes = round(abs(seconds) / _QUARTER_S) * 15
    return f"{'+' if seconds > 0 else '-'}{minutes // 60:02}:{minutes % 60:02}"


def _words(seconds: float) -> str:
    """A span in words that fit its size."""
    size = abs(seconds)
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if size >= 2 * unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.1f} s"
