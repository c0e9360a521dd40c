"""The marks of a boot's beginning on one node: what each file says, clustered into one start per boot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from pveforensics.model import Event, Evidence
from pveforensics.state.trackers.boot_records import Row, rows_of
from pveforensics.state.trackers.daemons import Restart, restarts_of
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant, parse_moment

STRONG = frozenset({"boot_started", "boot_cmdline", "boot_separator", "boot_record"})
"""Marks that only a boot leaves: the kernel's first lines, the journal's separators, a row of wtmp or of the boot list."""

WEAK = frozenset({"boot_systemd_started", "journal_started"})
"""Marks that a re-executed systemd or a restarted journald leaves too (systemd:src/core/main.c, src/journal)."""

FINISHING = frozenset({"boot_finished", "boot_target_multiuser"})
"""Marks of a boot's completion; they join a start but open none."""

_CLUSTER_US = 300 * SECOND
_FINISH_US = 900 * SECOND
_MATCH_US = 300 * SECOND
_REPEAT_US = {"boot_started": 5 * SECOND, "boot_cmdline": 5 * SECOND, "boot_separator": 5 * SECOND}
_REPEAT_OTHER_US = 30 * SECOND
_EDGE_US = 2 * SECOND


@dataclass(frozen=True, slots=True)
class Start:
    """One boot's beginning. `at` None: a boot followed here, but no line of it is known; then `after` is the last line before it.

    `last` is the latest mark. `by` is `marks`, `daemons` (cluster daemons came up without having been stopped) or
    `ha_daemons` (both daemons of HA did).
    """

    at: Instant | None
    last: Instant | None
    kinds: frozenset[str]
    paths: frozenset[str] = frozenset()
    boot_id: str = ""
    by: str = "marks"
    after: Instant | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(slots=True)
class _Group:
    """Marks of one file that belong to one boot."""

    path: str
    marks: list[tuple[Instant, str, str, Evidence]] = field(default_factory=list)

    @property
    def first(self) -> Instant:
        return min(mark[0] for mark in self.marks)

    @property
    def kinds(self) -> set[str]:
        return {mark[1] for mark in self.marks}

    @property
    def boot_id(self) -> str:
        return next((mark[2] for mark in self.marks if mark[2]), "")


def signs_of(view: View, node: str) -> list[Instant]:
    """Every moment at which some log of the node holds a line, in order."""
    moments = [at for event in view.events_of(node) for at in (event.at, event.last, *(e.at for e in event.evidence)) if at is not None]
    for event in view.events_of(node, "syslog_nul_bytes"):
        moments += [at for at in (nul_edge(event, "before"),) if at is not None]
    moments += [at for c in view.coverage_of(node) for at in (c.start, c.end)]
    return sorted(moments)


def nul_edge(event: Event, side: str) -> Instant | None:
    """The moment of the last line before (or the first after) a run of NUL bytes, if it is told."""
    try:
        return parse_moment(event.fields.get(side) or "")
    except ValueError:
        return None


def starts_of(view: View, node: str, signs: list[Instant]) -> tuple[Start, ...]:
    """The beginnings of the node's boots in order, from all files at once."""
    groups = _groups(view, node, signs)
    merged = _merge(groups)
    restarts = restarts_of(view, node, signs)
    starts = [start for start in map(_start, merged) if start is not None]
    starts = [start for start in starts if start.kinds & STRONG or _confirmed(start, restarts)]
    starts += [_of_restart(restart) for restart in restarts if restart.boot and not _near(restart.at, starts)]
    starts = [_edge(start, signs) for start in starts]
    starts += _unplaced(view, node, starts)
    for row in rows_of(view, node):
        if not _matched(row, starts) and _outside_logs(view, node, row, signs):
            starts.append(Start(row.at, row.at, frozenset({"boot_record"}), frozenset({row.path}), row.boot_id, evidence=row.evidence))
    return tuple(sorted(starts, key=_order))


def _order(start: Start) -> tuple[int, int]:
    at = start.at or start.after
    return (at.us if at is not None else 0, start.at is None)


# --- the marks of each file -----------------------------------------------------------------------


def _groups(view: View, node: str, signs: list[Instant]) -> list[_Group]:
    by_path: dict[str, list[tuple[Instant, str, str, Evidence]]] = {}
    for event in view.events_of(node, *STRONG, *WEAK, *FINISHING, "rsyslog_started"):
        if event.kind == "journal_started" and _restarted(view, node, event, "journal_stopped"):
            continue
        if event.kind == "rsyslog_started" and _restarted(view, node, event, "rsyslog_stopped"):
            continue
        for evidence in event.evidence or (Evidence("", 0, node, ""),):
            at = evidence.at or event.at or _place(view, node, event, signs)
            if at is not None:
                boot_id = event.fields.get("boot_id") or (event.boot if event.kind != "boot_separator" else "")
                by_path.setdefault(evidence.path, []).append((at, event.kind, boot_id, evidence))
    for row in rows_of(view, node):
        evidence = row.evidence[0] if row.evidence else Evidence(row.path, 0, node, "")
        if row.at is not None and _inside(row.at, by_path):
            by_path.setdefault("row:" + row.path, []).append((row.at, "boot_record", row.boot_id, evidence))
    return [group for path, marks in sorted(by_path.items()) for group in _cut(path, marks)]


def _inside(at: Instant, by_path: dict[str, list[tuple[Instant, str, str, Evidence]]]) -> bool:
    """True if some log has a mark of a boot near; only then a row of wtmp speaks of that boot."""
    return any(abs(mark[0].us - at.us) <= _MATCH_US for path, marks in by_path.items() if not path.startswith("row:") for mark in marks)


def _restarted(view: View, node: str, event: Event, stop: str) -> bool:
    """True if the daemon had stopped only seconds before: then it was restarted, the node was not."""
    at = event.at
    return at is not None and any(0 <= at.us - when.us <= 10 * SECOND for when, _ in view.dated(node, stop))


def _cut(path: str, marks: list[tuple[Instant, str, str, Evidence]]) -> Iterator[_Group]:
    """The marks of a file as boots: a kind that comes again, or a long pause, begins the next one."""
    group: _Group | None = None
    for mark in sorted(marks, key=lambda mark: (mark[0].us, mark[3].line)):
        at, kind, boot_id, _ = mark
        if group is not None and (_again(group, at, kind) or at.us - group.first.us > _reach(kind) or _other(group, boot_id)):
            yield group
            group = None
        if group is None:
            if kind in FINISHING:
                continue
            group = _Group(path)
        group.marks.append(mark)
    if group is not None:
        yield group


def _other(group: _Group, boot_id: str) -> bool:
    return bool(boot_id and group.boot_id and boot_id != group.boot_id)


def _again(group: _Group, at: Instant, kind: str) -> bool:
    last = max((mark[0].us for mark in group.marks if mark[1] == kind), default=None)
    return last is not None and at.us - last > _REPEAT_US.get(kind, _REPEAT_OTHER_US)


def _reach(kind: str) -> int:
    return _FINISH_US if kind in FINISHING else _CLUSTER_US


# --- one list for all files -----------------------------------------------------------------------


def _merge(groups: list[_Group]) -> list[list[_Group]]:
    """Groups of several files that speak of one boot, nearest first; a file speaks of each boot once."""
    ranked = sorted({group.path for group in groups}, key=lambda path: (path.startswith("row:"), -_weight(groups, path), path))
    merged: list[list[_Group]] = []
    for path in ranked:
        taken: set[int] = set()
        for group in (g for g in groups if g.path == path):
            place = _home(group, merged, taken)
            if place is None:
                merged.append([group])
                taken.add(len(merged) - 1)
            else:
                merged[place].append(group)
                taken.add(place)
    return merged


def _weight(groups: list[_Group], path: str) -> int:
    return sum(bool(group.kinds & STRONG) for group in groups if group.path == path)


def _home(group: _Group, merged: list[list[_Group]], taken: set[int]) -> int | None:
    best: tuple[int, int] | None = None
    for place, others in enumerate(merged):
        ids = {other.boot_id for other in others} - {""}
        if place in taken or (group.boot_id and ids and group.boot_id not in ids):
            continue
        if group.boot_id and group.boot_id in ids:
            return place
        distance = min(abs(mark[0].us - group.first.us) for other in others for mark in other.marks)
        if distance <= _MATCH_US and (best is None or distance < best[0]):
            best = (distance, place)
    return best[1] if best else None


def _start(groups: list[_Group]) -> Start | None:
    marks = sorted((mark for group in groups for mark in group.marks), key=lambda mark: mark[0].us)
    kinds = frozenset(mark[1] for mark in marks)
    boot_id = next((group.boot_id for group in groups if group.boot_id), "")
    told = sorted(marks, key=lambda mark: (mark[1] not in ("boot_started", "boot_separator"), mark[0].us))
    paths = frozenset(group.path.removeprefix("row:") for group in groups)
    return Start(marks[0][0], marks[-1][0], kinds, paths, boot_id, evidence=tuple(dict.fromkeys(mark[3] for mark in told))[:3])


def _confirmed(start: Start, restarts: tuple[Restart, ...]) -> bool:
    """Weak marks alone are a boot if two kinds say so, or if the cluster's daemons came up unstopped beside them."""
    weak = start.kinds & (WEAK | FINISHING | {"rsyslog_started"})
    systemd = weak & {"boot_systemd_started", "boot_finished"}
    if systemd and len(weak) >= 2:
        return True
    return any(abs(restart.at.us - start.at.us) <= _CLUSTER_US for restart in restarts if start.at is not None and restart.boot)


def _near(at: Instant, starts: Iterable[Start]) -> bool:
    return any(start.at is not None and -60 * SECOND <= at.us - start.at.us <= _CLUSTER_US for start in starts)


def _of_restart(restart: Restart) -> Start:
    return Start(restart.at, restart.at, frozenset(restart.kinds), by=restart.by, evidence=restart.evidence)


def _edge(start: Start, signs: list[Instant]) -> Start:
    """Lines in the second before the first mark are the new boot's: daemons stamp them in no strict order."""
    if start.at is None:
        return start
    first = min((sign for sign in signs if 0 <= start.at.us - sign.us <= _EDGE_US), default=start.at)
    earlier = any(_EDGE_US < start.at.us - sign.us <= 10 * SECOND for sign in signs)
    return start if earlier else replace(start, at=min(first, start.at))


# --- separators without a neighbour, rows without a log ----------------------------------------------


def _place(view: View, node: str, event: Event, signs: list[Instant]) -> Instant | None:
    """The moment of a separator that has none: the first line behind it in its file, else the first of any file after the line before it."""
    before, after = _neighbours(view, node, event)
    if after is not None or before is None:
        return after
    return next((sign for sign in signs if sign.us > before.us + SECOND), None)


def _neighbours(view: View, node: str, event: Event) -> tuple[Instant | None, Instant | None]:
    """The last moment before and the first after a separator in its own file, from known lines and from the edges of coverage."""
    if not event.evidence:
        return None, None
    path, line = event.evidence[0].path, event.evidence[0].line
    known = view.once(("lines of paths", node), lambda: _lines(view, node)).get(path, [])
    place = bisect_left(known, line, key=lambda item: item[0])
    before = known[place - 1][1] if place > 0 else None
    after = known[place][1] if place < len(known) else None
    for span in view.coverage_of(node):
        if span.path != path:
            continue
        # a separator ends a run, so it lies between the end of one and the start of another
        if (
            (before is None or span.end.us > before.us)
            and (after is None or span.end.us < after.us)
            and span.start.us <= (before or span.start).us
        ):
            before = span.end
        elif before is not None and span.start.us > before.us and (after is None or span.start.us < after.us):
            after = span.start
    return before, after


def _lines(view: View, node: str) -> dict[str, list[tuple[int, Instant]]]:
    """The dated lines of each file in the order in which they stand."""
    found: dict[str, list[tuple[int, Instant]]] = {}
    for event in view.events_of(node):
        for evidence in event.evidence:
            at = evidence.at or event.at
            if at is not None:
                found.setdefault(evidence.path, []).append((evidence.line, at))
    for lines in found.values():
        lines.sort(key=lambda item: item[0])
    return found


def _unplaced(view: View, node: str, starts: list[Start]) -> Iterator[Start]:
    """A separator as a file's last line, with nothing of the next boot at hand: a boot followed, its time is unknown."""
    for event in view.events_of(node, "boot_separator"):
        after, later = _neighbours(view, node, event)
        if (
            event.at is not None
            or after is None
            or later is not None
            or event.evidence[0] in {e for start in starts for e in start.evidence}
        ):
            continue
        if not any(start.at is not None and start.at.us > after.us for start in starts):
            boot_id = event.fields.get("boot_id") or ""
            yield Start(
                None,
                None,
                frozenset({"boot_separator"}),
                frozenset({event.evidence[0].path}),
                boot_id,
                after=after,
                evidence=event.evidence[:1],
            )


def _matched(row: Row, starts: list[Start]) -> bool:
    if row.boot_id and any(start.boot_id == row.boot_id for start in starts):
        return True
    return row.at is None or any(start.at is not None and abs(start.at.us - row.at.us) <= 2 * _MATCH_US for start in starts)


def _outside_logs(view: View, node: str, row: Row, signs: list[Instant]) -> bool:
    """True if the row tells of a boot near the logs in time that they cannot show; inside a log that shows none, its clock is off."""
    if row.at is None or not signs or view.covered(node, row.at.plus(-60), row.at.plus(60)):
        return False
    return signs[0].us - 86_400 * SECOND <= row.at.us <= signs[-1].us + 86_400 * SECOND
