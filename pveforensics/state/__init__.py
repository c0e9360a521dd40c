"""Settings, status dumps, and what held when: events become intervals, boots, partitions and beliefs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from pveforensics.model import Belief, Cluster, History, Interval, Partition, Timeline
from pveforensics.readings import Naming
from pveforensics.state.containers import DATABASE, container_kind, open_database, open_report
from pveforensics.state.documents import document_score, read_document
from pveforensics.state.dumps import DATED, QUOTING
from pveforensics.state.dumps.task_files import started_us, upid_of
from pveforensics.state.estate import unknown_keys
from pveforensics.state.estate.history import Told, tell
from pveforensics.state.trackers import BOOTS, TRACKERS, beliefs, cluster, contradictions, partitions, quorum
from pveforensics.state.view import View, view_of

__all__ = [
    "DATABASE",
    "DATED",
    "QUOTING",
    "View",
    "container_kind",
    "document_score",
    "open_database",
    "open_report",
    "outline",
    "read_document",
    "reconstruct",
    "started_us",
    "upid_of",
    "view_of",
]

STRICT = "PVEFORENSICS_STRICT"
"""Environment variable under which a failing tracker raises instead of leaving a note; for tests."""

Made = TypeVar("Made")


class _Attempts:
    """Runs trackers; one that fails leaves a note with its name, and the others' work stands."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._strict = bool(os.environ.get(STRICT))

    def __call__(self, name: str, make: Callable[[], Made], nothing: Made) -> Made:
        try:
            return make()
        except Exception as error:
            if self._strict:
                raise
            self.notes.append(f"tracker {name} failed ({type(error).__name__}: {error}): what it would have told is missing")
            return nothing


def outline(timeline: Timeline, naming: Naming) -> History:
    """The cluster and its nodes' boots alone: what an inventory needs."""
    attempt = _Attempts()
    view = _frame(timeline, naming, attempt)
    return History(view.cluster, boots=view.boots, notes=tuple(attempt.notes))


def _frame(timeline: Timeline, naming: Naming, attempt: _Attempts) -> View:
    chosen = attempt("cluster", lambda: cluster.choose(timeline, naming), Cluster())
    first = view_of(timeline, naming, chosen)
    return first.with_boots(attempt("boots", lambda: BOOTS(first), ()))


def reconstruct(timeline: Timeline, naming: Naming) -> History:
    """What held when. A tracker that fails leaves a note with its name, and the others' work stands."""
    attempt = _Attempts()
    notes = attempt.notes
    view = _frame(timeline, naming, attempt)
    found: list[Interval] = [*timeline.clock_states]
    for name, tracker in TRACKERS:
        found += attempt(name, lambda run=tracker: run(view), ())  # type: ignore[misc]
    notes += attempt("quorum in status dumps", lambda: quorum.contradictions(view), ())
    notes += attempt("unknown keys", lambda: unknown_keys.notes(view), ())
    told = attempt("estate", lambda: tell(view, found, attempt), Told(tuple(found)))
    intervals = tuple(sorted(told.intervals, key=_order))
    parts: tuple[Partition, ...] = attempt("partitions", lambda: partitions.track(view, intervals), ())
    disputed: tuple[Interval, ...] = attempt("quorum arithmetic", lambda: contradictions.track(view, intervals, parts), ())
    intervals = tuple(sorted((*intervals, *disputed), key=_order))
    held: tuple[Belief, ...] = attempt("beliefs", lambda: beliefs.track(view, intervals), ())
    return History(view.cluster, intervals, view.boots, parts, held, tuple(notes), told.placement, told.changes)


def _order(interval: Interval) -> tuple[str, str, int, int]:
    start = interval.start.us if interval.start is not None else -1
    return (interval.subject, interval.state, start, interval.end.us if interval.end is not None else 1 << 62)
