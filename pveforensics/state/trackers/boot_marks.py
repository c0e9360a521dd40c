"""The marks of a boot's beginning on one node: what each file says, clustered into one start per boot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from pveforensics.model import Event, Evidence
from pveforensics.state.moments import common_at, moments_of
from pveforensics.state.trackers.boot_records import Row, rows_of
from pveforensics.state.trackers.daemons import Restart, restarts_of
from pveforensics.state.trackers.nearby import known_before, line_moment, neighbours_of, place_of
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

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
_SAME_ID = 10 * _MATCH_US


class Start(Value, frozen=True):
    """One boot's beginning. `at` None: a boot followed here, but no line of it is known; then `after` is the last line before it.

    `last` is the latest mark, `after` the last line before the first mark in the files that hold both. `by` is `marks`,
    `daemons` (cluster daemons came up without having been stopped) or `ha_daemons` (both daemons of HA did).
    """

    at: Instant | None
    last: Instant | None
    kinds: frozenset[str]
    paths: frozenset[str] = frozenset()
    boot_id: str = ""
    by: str = "marks"
    after: Instant | None = None
    evidence: tuple[Evidence, ...] = ()


class _Mark(Value, frozen=True):
    """One sign of a boot in a file."""

    at: Instant
    kind: str
    boot_id: str
    evidence: Evidence


class _Group(Struct):
    """Marks of one file that belong to one boot, and the last line before them in that file."""

    path: str
    marks: list[_Mark] = field(default_factory=list)
    before: Instant | None = None

    @property
    def first(self) -> Instant:
        return min(mark.at for mark in self.marks)

    @property
    def kinds(self) -> set[str]:
        return {mark.kind for mark in self.marks}

    @property
    def boot_id(self) -> str:
        return next((mark.boot_id for mark in self.marks if mark.boot_id), "")


def signs_of(view: View, node: str) -> list[Instant]:
    """Every moment at which some log of the node holds a line, in order."""
    moments = [at for event in view.events_of(node) for at in moments_of(event)]
    moments += [at for c in view.coverage_of(node) for at in (c.start, c.end)]
    return sorted(moments, key=attrgetter("us", "error_us", "basis"))  # the order of instants, without a call for each comparison


def starts_of(view: View, node: str, signs: list[Instant]) -> tuple[Start, ...]:
    """The beginnings of the node's boots in order, from all files at once."""
    restarts = restarts_of(view, node, signs)
    starts = [_start(groups) for groups in _merge(_groups(view, node, signs))]
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
    by_path: dict[str, list[_Mark]] = {}
    for event in view.events_of(node, *STRONG, *WEAK, *FINISHING, "rsyslog_started"):
        if event.kind in _STOPPED_BY and _restarted(view, node, event, _STOPPED_BY[event.kind]):
            continue
        boot_id = event.fields.get("boot_id") or event.boot
        for evidence in event.evidence or (Evidence("", 0, node, ""),):
            at = (
                common_at(event, evidence)
                or (event.at if event.kind != "boot_separator" else None)
                or place_of(view, node, evidence, signs)
            )
            if at is not None:
                by_path.setdefault(evidence.path, []).append(_Mark(at, event.kind, boot_id, evidence))
    logged = [mark.at.us for marks in by_path.values() for mark in marks]
    for row in rows_of(view, node):
        # a row of wtmp speaks of a boot of the logs only if some log has a mark near
        if row.at is not None and any(abs(us - row.at.us) <= _MATCH_US for us in logged):
            evidence = row.evidence[0] if row.evidence else Evidence(row.path, 0, node, "")
            by_path.setdefault("row:" + row.path, []).append(_Mark(row.at, "boot_record", row.boot_id, evidence))
    groups = [group for path, marks in sorted(by_path.items()) for group in _cut(path, marks)]
    for group in groups:
        group.before = _last_before(view, node, group)
    return groups


_STOPPED_BY = {"journal_started": "journal_stopped", "rsyslog_started": "rsyslog_stopped"}


def _restarted(view: View, node: str, event: Event, stop: str) -> bool:
    """True if the daemon had stopped only seconds before: then it was restarted, the node was not."""
    at = event.at
    return at is not None and any(0 <= at.us - when.us <= 10 * SECOND for when, _ in view.dated(node, stop))


def _cut(path: str, marks: list[_Mark]) -> Iterator[_Group]:
    """The marks of a file as boots: a kind that comes again, or a long pause, begins the next one."""
    group: _Group | None = None
    for mark in sorted(marks, key=lambda mark: (mark.at.us, mark.kind != "boot_separator", mark.evidence.line)):
        if group is not None and (_again(group, mark) or mark.at.us - group.first.us > _reach(mark.kind) or _other(group, mark.boot_id)):
            yield group
            group = None
        if group is None:
            if mark.kind in FINISHING:
                continue
            group = _Group(path)
        group.marks.append(mark)
    if group is not None:
        yield group


def _other(group: _Group, boot_id: str) -> bool:
    return bool(boot_id and group.boot_id and boot_id != group.boot_id)


def _again(group: _Group, mark: _Mark) -> bool:
    if mark.kind == "boot_separator":
        return mark.at.us > group.first.us or "boot_separator" in group.kinds
    last = max((known.at.us for known in group.marks if known.kind == mark.kind), default=None)
    return last is not None and mark.at.us - last > _REPEAT_US.get(mark.kind, _REPEAT_OTHER_US)


def _reach(kind: str) -> int:
    return _FINISH_US if kind in FINISHING else _CLUSTER_US


def _last_before(view: View, node: str, group: _Group) -> Instant | None:
    """The last line before a group's first mark in its own file: of the boot before, by the order in which lines were written."""
    mark = min(group.marks, key=lambda mark: mark.evidence.line)
    if group.path.startswith("row:"):
        return None
    for moment in (
        *(line_moment(text, mark.evidence, mark.at) for text in reversed(mark.evidence.before)),
        *known_before(view, node, mark.evidence),
    ):
        # daemons of the new boot stamp lines in the second before rsyslogd's first; a file pasted newest first goes back by hours
        if moment is not None and (
            moment.us <= group.first.us - _EDGE_US or group.first.us + _EDGE_US < moment.us <= group.first.us + 2 * _CLUSTER_US
        ):
            return moment
    return None


# --- one list for all files -----------------------------------------------------------------------


def _merge(groups: list[_Group]) -> list[list[_Group]]:
    """Groups of several files that speak of one boot. A file speaks of each boot once and in order, so whole sequences are laid side by side."""
    ranked = sorted({group.path for group in groups}, key=lambda path: (path.startswith("row:"), -_weight(groups, path), path))
    merged: list[list[_Group]] = []
    for path in ranked:
        own = sorted((group for group in groups if group.path == path), key=lambda group: group.first.us)
        homes = _aligned(own, merged)
        for group, home in zip(own, homes, strict=True):
            if home is None:
                merged.append([group])
            else:
                merged[home].append(group)
        merged.sort(key=lambda others: min(other.first.us for other in others))
    return merged


def _weight(groups: list[_Group], path: str) -> int:
    return sum(bool(group.kinds & STRONG) for group in groups if group.path == path)


def _aligned(own: list[_Group], merged: list[list[_Group]]) -> list[int | None]:
    """For each group of a file the place of its boot in the list, or None: the alignment in order that leaves least distance."""
    best = [[0] * (len(merged) + 1) for _ in range(len(own) + 1)]
    for i in range(len(own) - 1, -1, -1):
        for j in range(len(merged) - 1, -1, -1):
            choices = (best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + _likeness(own[i], merged[j]))
            best[i][j] = max(choices)
    homes: list[int | None] = []
    i = j = 0
    while i < len(own):
        if j < len(merged) and best[i][j] == best[i][j + 1]:
            j += 1
        elif best[i][j] == best[i + 1][j]:
            homes.append(None)
            i += 1
        else:
            homes.append(j)
            i, j = i + 1, j + 1
    return homes


def _likeness(group: _Group, others: list[_Group]) -> int:
    """How well a group fits to a boot; 0 or less if it is none of it."""
    ids = {other.boot_id for other in others} - {""}
    if group.boot_id and ids:
        return _SAME_ID if group.boot_id in ids else -_SAME_ID
    return _MATCH_US - min(abs(mark.at.us - group.first.us) for other in others for mark in other.marks)


def _start(groups: list[_Group]) -> Start:
    """One boot from its groups. Marks that claim to be earlier than the line before them were stamped after the fact."""
    marks = sorted((mark for group in groups for mark in group.marks), key=lambda mark: mark.at.us)
    after = max((group.before for group in groups if group.before is not None), default=None)
    at = next((mark.at for mark in marks if after is None or mark.at.us > after.us), after or marks[0].at)
    boot_id = next((group.boot_id for group in groups if group.boot_id), "")
    told = sorted(marks, key=lambda mark: (mark.kind not in ("boot_started", "boot_separator"), mark.at.us))
    evidence = tuple(dict.fromkeys(mark.evidence for mark in told))[:3]
    paths = frozenset(group.path.removeprefix("row:") for group in groups)
    return Start(at, max(marks[-1].at, at), frozenset(mark.kind for mark in marks), paths, boot_id, "marks", after, evidence)


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
    place = bisect_left(signs, start.at.us - 10 * SECOND, key=lambda sign: sign.us)
    before = signs[place : bisect_left(signs, start.at.us, key=lambda sign: sign.us)]
    first = min((sign for sign in before if start.at.us - sign.us <= _EDGE_US), default=start.at)
    earlier = any(start.at.us - sign.us > _EDGE_US for sign in before)
    return start if earlier else replace(start, at=min(first, start.at))


# --- separators without a neighbour, rows without a log ----------------------------------------------


def _unplaced(view: View, node: str, starts: list[Start]) -> Iterator[Start]:
    """A separator as a file's last line, with nothing of the next boot at hand: a boot followed, its time is unknown."""
    for event in view.events_of(node, "boot_separator"):
        after, later = neighbours_of(view, node, event.evidence[0]) if event.evidence else (None, None)
        if event.at is not None or after is None or later is not None:
            continue
        if not any(start.at is not None and start.at.us > after.us for start in starts):
            paths, boot_id = frozenset({event.evidence[0].path}), event.fields.get("boot_id") or ""
            yield Start(None, None, frozenset({"boot_separator"}), paths, boot_id, after=after, evidence=event.evidence[:1])


def _matched(row: Row, starts: list[Start]) -> bool:
    if row.boot_id and any(start.boot_id == row.boot_id for start in starts):
        return True
    return row.at is None or any(start.at is not None and abs(start.at.us - row.at.us) <= 2 * _MATCH_US for start in starts)


def _outside_logs(view: View, node: str, row: Row, signs: list[Instant]) -> bool:
    """True if the row tells of a boot near the logs in time that they cannot show; inside a log that shows none, its clock is off."""
    if row.at is None or not signs or view.covered(node, row.at.plus(-60), row.at.plus(60)):
        return False
    return signs[0].us - 86_400 * SECOND <= row.at.us <= signs[-1].us + 86_400 * SECOND
