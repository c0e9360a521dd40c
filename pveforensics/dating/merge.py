"""One event per message: copies in several files are merged, and the lines of a node get one order."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pveforensics.dating.drafts import Draft
from pveforensics.dating.series import series_of
from pveforensics.model import Event
from pveforensics.readings import LogScan
from pveforensics.timebase import HOUR, SECOND

_SAME = 3 * SECOND // 2
"""Two daemons stamp one message up to a second apart (the writer and the log), and whole seconds cut the rest off."""
_LATE_KERNEL = 180 * SECOND
"""Kernel lines of a boot carry rsyslog's start in text logs: up to minutes after the true time in the journal."""
_EARLY_BOOT = 300 * SECOND
_STEP_BACK = HOUR
"""A clock that falls back further than this was set; lines below it take their turn at their own time again."""
_MOST_CANDIDATES = 200
"""Equal messages of one node within seconds that are compared; a flood beyond is matched in order."""


def merge(drafts: Mapping[str, Sequence[Draft]], scans: Sequence[LogScan]) -> tuple[list[Draft], int]:
    """Unite the copies of a message and give every draft its `seq`. Returns all drafts by moment and how many copies there were."""
    sources: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for draft in itertools.chain.from_iterable(drafts.values()):
        sources[draft.node].add(draft.source)
    groups: dict[tuple[object, ...], list[Draft]] = defaultdict(list)
    for path in sorted(drafts):
        for draft in drafts[path]:
            if len(sources[draft.node]) > 1:  # of a node with one source all lines are events of their own
                groups[_key(draft)].append(draft)
    gone: set[int] = set()
    for group in groups.values():
        if len({draft.source for draft in group}) > 1:
            gone |= _unite(group)
    kept = {path: [draft for draft in found if id(draft) not in gone] for path, found in drafts.items()}
    _order(kept, scans)
    everything = [draft for found in kept.values() for draft in found]
    everything.sort(key=lambda draft: (draft.at is None, draft.at.us if draft.at else 0, draft.seq))
    return everything, len(gone)


def finish(drafts: Sequence[Draft]) -> tuple[Event, ...]:
    """The events of the drafts."""
    return tuple(draft.event() for draft in drafts)


# --- copies --------------------------------------------------------------------------------------


def _key(draft: Draft) -> tuple[object, ...]:
    if draft.kind == "syslog_nul_bytes":
        return draft.kind, draft.path, draft.line  # a hole in each file is a hole of its own
    if draft.kind == "boot_separator" and _boot_id(draft):
        return draft.node, draft.kind, _boot_id(draft)
    if draft.at is None:
        return draft.node, draft.kind, draft.path, draft.line
    return draft.node, draft.kind, tuple(sorted(draft.fields.items()))


def _unite(group: list[Draft]) -> set[int]:
    """Merge the copies in one group; returns the ids of the drafts that went into others. Finer stamps stay."""
    if group[0].kind == "boot_separator":
        return _unite_separators(group)
    sources: dict[tuple[str, int], list[Draft]] = defaultdict(list)
    for draft in group:
        draft.count_copies()
        sources[draft.source].append(draft)
    ranked = sorted(sources.items(), key=lambda item: (min(draft.resolution_us for draft in item[1]), -len(item[1]), item[0]))
    kept = sorted(ranked[0][1], key=_moment)
    reach = _SAME + (_LATE_KERNEL if any(draft.uptime_us is not None or len(draft.moments) > 1 for draft in group) else 0)
    gone: set[int] = set()
    for source, copies in ranked[1:]:
        fresh: list[Draft] = []
        start = 0
        for copy in sorted(copies, key=_moment):
            while start < len(kept) and (_end(kept[start]) < _moment(copy) - reach or _is_spent(kept[start], copy, source)):
                start += 1
            original = _original(copy, kept[start : start + _MOST_CANDIDATES], reach, source)
            if original is None:
                fresh.append(copy)
            else:
                _absorb(original, copy)
                gone.add(id(copy))
        for original, copy in _buffered(kept, fresh, source):
            early, late = (original, copy) if _moment(original) <= _moment(copy) else (copy, original)
            _absorb(early, late)
            gone.add(id(late))
            if early is copy:
                kept[kept.index(original)] = copy
            fresh.remove(copy)
        kept = sorted((*kept, *fresh), key=_moment)
    return gone


def _buffered(kept: Sequence[Draft], fresh: Sequence[Draft], source: tuple[str, int]) -> list[tuple[Draft, Draft]]:
    """Pairs of lines that the kernel buffered in early boot: text logs carry them up to minutes after the journal's time.

    Pairing is by order, boot for boot, and only where both sides hold the same number: a wrong pair would join two boots.
    """
    ours = [draft for draft in kept if source not in draft.counts and draft.count == 1]
    if not fresh or len(ours) != len(fresh) or not any(draft.uptime_us is not None for draft in (*ours, *fresh)):
        return []
    pairs = list(zip(ours, sorted(fresh, key=_moment), strict=True))
    return pairs if all(_same_boot_line(one, other) for one, other in pairs) else []


def _same_boot_line(one: Draft, other: Draft) -> bool:
    uptimes = {draft.uptime_us for draft in (one, other) if draft.uptime_us is not None}
    near = abs(_moment(one) - _moment(other)) <= _LATE_KERNEL
    return _same_sender(one, other) and len(uptimes) == 1 and max(uptimes) <= _EARLY_BOOT and near and one.log != other.log


def _boot_id(draft: Draft) -> str:
    return draft.fields.get("boot_id") or draft.boot


def _unite_separators(group: Sequence[Draft]) -> set[int]:
    """A boot id is one boot, however many exports of the journal name it and whether or not they date the change."""
    if not _boot_id(group[0]):
        return set()
    original = min(group, key=lambda draft: (draft.at is None, draft.resolution_us, _moment(draft), draft.path, draft.line))
    copies = [draft for draft in group if draft is not original]
    for copy in copies:
        original.evidence.extend(copy.evidence)
    return {id(copy) for copy in copies}


def _moment(draft: Draft) -> int:
    return draft.at.us if draft.at is not None else 0


def _end(draft: Draft) -> int:
    return max(_moment(draft), draft.last.us if draft.last is not None else 0)


def _is_spent(original: Draft, copy: Draft, source: tuple[str, int]) -> bool:
    """True if another line of the same log is the copy of this one: two equal lines of one log are two events."""
    return source in original.counts and original.count == 1 == copy.count


def _original(copy: Draft, kept: Sequence[Draft], reach: int, source: tuple[str, int]) -> Draft | None:
    """The draft of which this one is a copy: of the same words, not yet matched by another line of its file, nearest in time."""
    best: Draft | None = None
    best_rank = (True, True, 0, 0)
    for original in kept:
        if _moment(original) > _end(copy) + reach:
            break
        distance = _distance(original, copy)
        if distance is None or _is_spent(original, copy, source):
            continue
        rank = (original.matched != copy.matched, source in original.counts, distance, abs(original.count - copy.count))
        if best is None or rank < best_rank:
            best, best_rank = original, rank
        if rank == (False, False, 0, 0):
            break
    return best


def _distance(original: Draft, copy: Draft) -> int | None:
    """Microseconds between two drafts that can be the same message; None if they cannot."""
    if not _same_sender(original, copy):
        return None
    if original.log == copy.log and (original.written != copy.written or original.text != copy.text):
        return None
    if original.at is None or copy.at is None:
        return 0 if original.at is None and copy.at is None else None
    if original.count > 1 or copy.count > 1:
        distance = max(_moment(original) - _end(copy), _moment(copy) - _end(original), 0)
    else:
        distance = min(abs(one - other) for one in original.moments for other in copy.moments)
    return distance if distance <= _SAME else None


def _same_sender(original: Draft, copy: Draft) -> bool:
    """False if process number or program differ where both are written."""
    if original.pid and copy.pid and original.pid != copy.pid:
        return False
    return not (original.program and copy.program) or original.program.lower() == copy.program.lower()


def _absorb(original: Draft, copy: Draft) -> None:
    """Let the original stand for the copy too: it gets its evidence, and the larger of the counts of both files."""
    original.evidence.extend(copy.evidence)
    for each, count in copy.counts.items():
        original.counts[each] = original.counts.get(each, 0) + count
    original.count = max(original.count, *original.counts.values())
    original.moments |= copy.moments
    original.program = original.program or copy.program
    original.pid = original.pid or copy.pid
    original.boot = original.boot or copy.boot
    original.uptime_us = original.uptime_us if original.uptime_us is not None else copy.uptime_us
    if copy.last is not None and (original.last is None or copy.last > original.last):
        original.last = copy.last


# --- order ---------------------------------------------------------------------------------------


def _order(drafts: Mapping[str, list[Draft]], scans: Sequence[LogScan]) -> None:
    """Number the drafts of each node: lines of one file keep their order, files are merged by time."""
    streams: dict[str, list[list[Draft]]] = defaultdict(list)
    for series in series_of(scans):
        per_node: dict[str, list[Draft]] = defaultdict(list)
        for scan in reversed(series):
            for draft in drafts.get(scan.path, ()):
                per_node[draft.node].append(draft)
        for node, stream in per_node.items():
            _keys(stream)
            streams[node].append(stream)
    for node in sorted(streams):
        # at an equal stamp the file that began earlier comes first: a log may be rotated in the middle of a second
        _number(sorted(streams[node], key=lambda stream: (_turn(stream[0]), stream[0].path)))


def _keys(stream: Sequence[Draft]) -> None:
    """Give each draft the moment at which it takes its turn: its own, but not before the line above, unless the clock fell back far."""
    key: int | None = None
    for draft in stream:
        if draft.at is not None:
            key = draft.at.us if key is None or draft.at.us > key or draft.at.us < key - _STEP_BACK else key
        draft.key = key
    later = None
    for draft in reversed(stream):
        later = draft.key if draft.key is not None else later
        draft.key = later


def _number(streams: Sequence[list[Draft]]) -> None:
    heap = [(_turn(stream[0]), k, 0) for k, stream in enumerate(streams)]
    heapq.heapify(heap)
    number = 0
    while heap:
        _, k, i = heapq.heappop(heap)
        number += 1
        streams[k][i].seq = number
        if i + 1 < len(streams[k]):
            heapq.heappush(heap, (_turn(streams[k][i + 1]), k, i + 1))


def _turn(draft: Draft) -> int:
    return draft.key if draft.key is not None else 1 << 62
