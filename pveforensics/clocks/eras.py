"""Eras: the spans in which a node's clock ran through, cut at boots and at the steps that the node's own lines show."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.model import Event, Evidence
from pveforensics.timebase import SECOND, Basis, Instant

BOOTS = ("boot_started", "boot_separator")
_STEPPED = "clock_stepped"
_BY_JOURNAL = "journal_clock_step"
_NOTICED = "time.jump_detected"

_UPTIME = regex(r"kernel(?:\[\d{0,9}\])?: \[ {0,9}(\d{1,9}\.\d{6})\]")
_AT_BOOT_S = 600.0
_LEAST_STEP_S = 1.0
_JUMP_S = 30.0
_DRIFT = 0.001
"""The kernel's stamps are not disciplined by NTP; a tsc runs apart by some 100 parts in a million at most."""
_SETTLED_S = 300.0
"""rsyslog stamps the lines of an early boot with its own start, up to minutes late; only later ones say that a clock fell back."""
_SEEN_ROUND = 4
_MOST_FALL_S = 86_400.0


class Step(NamedTuple):
    """A step of a node's clock: the line before and after it, and by how much it was set forward (seconds, None: unknown).

    `exact` says that the line behind it was written at the step itself; otherwise it happened somewhere between the two.
    """

    seq: int
    before: Instant | None
    after: Instant
    seconds: float | None
    why: str
    evidence: tuple[Evidence, ...]
    exact: bool = True
    at_boot: bool = False


class Era(NamedTuple):
    """From which line on the clock ran through, and how far the step at its beginning took it, if a line says so."""

    seq: int
    start: Instant | None
    step: float | None
    events: int


def steps_of(line: Sequence[Event]) -> tuple[Step, ...]:
    """The steps inside boots that the lines of one node show, in order; `line` is in the order in which it was written."""
    found = list(_told(line))
    moments = sorted(step.after.us for step in found)
    for step in (*_by_journal(line), *_against_kernel(line), *_fallen_back(line)):
        if not _among(step, moments):
            found.append(step)
            insort(moments, step.after.us)
    return tuple(_with_boots(sorted(found, key=lambda step: step.seq), line))


def eras_of(line: Sequence[Event], steps: Sequence[Step]) -> tuple[Era, ...]:
    """The eras of a node by its lines, the first from its first line on."""
    by_seq = {step.seq: step for step in steps}
    cuts: list[tuple[int, Instant | None, float | None, int]] = []
    count, booted = 0, False
    for place, event in enumerate(line):
        boots = event.kind in BOOTS
        if place and ((boots and not booted) or event.seq in by_seq):
            step = by_seq.get(event.seq)
            cuts.append((event.seq, event.at, step.seconds if step is not None else None, place))
        booted = boots
        count = place + 1
    if not count:
        return ()
    edges = [(line[0].seq, line[0].at, None, 0), *cuts]
    ends = [edge[3] for edge in edges[1:]] + [count]
    return tuple(Era(seq, at, step, end - place) for (seq, at, step, place), end in zip(edges, ends, strict=True))


# --- what lines say ---------------------------------------------------------------------------------


def _told(line: Sequence[Event]) -> Iterator[Step]:
    """The time service's own words (chrony:local.c, sched.c)."""
    for place, event in enumerate(line):
        if event.at is None or event.kind not in (_STEPPED, _NOTICED):
            continue
        before = line[place - 1].at if place else None
        if event.kind == _STEPPED:
            try:
                seconds = float(event.fields.get("seconds", ""))
            except ValueError:
                continue
            if _LEAST_STEP_S <= abs(seconds) < 1e10:
                yield Step(event.seq, before, event.at, seconds, "the time service set it", event.evidence[:1])
        else:
            way = event.fields.get("direction", "").lower()
            yield Step(event.seq, before, event.at, None, f"the time service noticed a jump {way}", event.evidence[:1])


def _by_journal(line: Sequence[Event]) -> Iterator[Step]:
    """What both clocks of a binary journal show, which states the wall clock and the time since boot of every entry."""
    for place, event in enumerate(line):
        if event.kind == _BY_JOURNAL and event.at is not None:
            before = line[place - 1].at if place else None
            yield Step(
                event.seq, before, event.at, float(event.fields["seconds"]), "it moved against the clock since boot", event.evidence[:1]
            )


def _against_kernel(line: Sequence[Event]) -> Iterator[Step]:
    """Where the wall clock and the kernel's own seconds ran apart between two kernel lines of one boot."""
    last: tuple[Event, float] | None = None
    for event in line:
        if event.kind in BOOTS:
            last = None
        up = _uptime(event)
        if up is None or event.at is None or event.count > 1:
            continue
        if last is not None and last[1] <= up and last[0].at is not None:
            gap = up - last[1]
            apart = event.at.seconds_since(last[0].at) - gap
            settled = last[1] >= _SETTLED_S
            if abs(apart) > _JUMP_S + _DRIFT * gap and settled:
                proof = last[0].evidence[:1] + event.evidence[:1]
                yield Step(event.seq, last[0].at, event.at, apart, "it ran apart from the kernel's seconds", proof, exact=False)
        last = (event, up)


def _uptime(event: Event) -> float | None:
    found = _UPTIME.search(event.evidence[0].text[:200]) if event.evidence else None
    return float(found[1]) if found else None


def _fallen_back(line: Sequence[Event]) -> Iterator[Step]:
    """Where the stamps of one file fall back and go on from there, by another amount than a zone's clock change.

    Several outputs put behind each other fall back as well, to the beginning of all of them: there other programs speak, or
    the same words again.
    """
    for place in range(_SEEN_ROUND, len(line) - _SEEN_ROUND):
        before, after = line[place - 1], line[place]
        if before.at is None or after.at is None or before.at.us - after.at.us < _JUMP_S * SECOND:
            continue
        earlier, later = line[max(0, place - 40) : place], line[place : place + 40]
        seconds = after.at.seconds_since(before.at)
        stated = {before.at.basis, after.at.basis} == {Basis.STATED}
        if after.kind in BOOTS or -seconds > _MOST_FALL_S or (not stated and abs(seconds / 900 - round(seconds / 900)) < 0.01):
            continue
        if _one_file(earlier, later) and _goes_on(earlier, later):
            proof = before.evidence[:1] + after.evidence[:1]
            yield Step(after.seq, before.at, after.at, seconds, "its stamps fell back", proof)


def _one_file(earlier: Sequence[Event], later: Sequence[Event]) -> bool:
    """True if both stretches stand in one file, the later below the earlier, by the same programs and in other words."""
    paths = {proof.path for event in (*earlier, *later) for proof in event.evidence[:1]}
    if len(paths) != 1:
        return False
    numbers = [proof.line for event in (*earlier, *later) for proof in event.evidence[:1]]
    shared = {event.program for event in earlier} & {event.program for event in later}
    said = {proof.text for event in earlier for proof in event.evidence[:1]}
    again = any(proof.text in said for event in later for proof in event.evidence[:1])
    return numbers == sorted(numbers) and len(shared) > 1 and not again


def _goes_on(earlier: Sequence[Event], later: Sequence[Event]) -> bool:
    """True if time runs forward on both sides, the later side below where the earlier one ended, above where it began."""
    sides = [[event.at.us for event in side if event.at is not None] for side in (earlier, later)]
    rising = all(side == sorted(side) for side in sides)
    return rising and len(sides[1]) >= _SEEN_ROUND and sides[0][0] < sides[1][0] and sides[1][_SEEN_ROUND - 1] < sides[0][-1]


def _among(step: Step, moments: Sequence[int]) -> bool:
    """True if the lines around a step hold one of the moments, which ascend: then it is the step that was found there."""
    if step.before is None:
        return False
    first, last = sorted((step.before.us, step.after.us))
    place = bisect_left(moments, first - 5 * SECOND)
    return place < len(moments) and moments[place] <= last + 5 * SECOND


def _with_boots(steps: Sequence[Step], line: Sequence[Event]) -> Iterator[Step]:
    """The steps with `at_boot` where the clock was set right within minutes of a boot."""
    boots = [(event.seq, event.at) for event in line if event.kind in BOOTS and event.at is not None]
    begins = [seq for seq, _ in boots]
    for step in steps:
        last = bisect_right(begins, step.seq) - 1
        age = step.after.seconds_since(boots[last][1]) if last >= 0 else None
        yield step._replace(at_boot=age is not None and age - max(0.0, step.seconds or 0.0) <= _AT_BOOT_S)
