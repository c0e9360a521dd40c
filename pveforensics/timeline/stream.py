"""The merged timeline of bundles as a stream of record batches: their events, or every line of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa

from pveforensics import heap
from pveforensics.bundle import Limits, open_bundles
from pveforensics.intake import Intake, take_in
from pveforensics.model import Event, Options, Timeline
from pveforensics.pipeline import Dated, RulePack, dated
from pveforensics.timebase import Instant
from pveforensics.timeline.lines import every_line
from pveforensics.timeline.order import Calendar
from pveforensics.timeline.selection import Selection, check_grep, selection
from pveforensics.timeline.spool import LineSpool
from pveforensics.timeline.tables import EVENTS, LINES, event_batches


class Request(NamedTuple):
    """What of the timeline is asked for: see `selection`. `every_line` asks for lines, else it is events."""

    every_line: bool = False
    since: str | None = None
    until: str | None = None
    nodes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    grep: str = ""


class Stream(NamedTuple):
    """Rows in order of time, to be taken once. `nodes` are the case's; `complete` is False where a member was damaged or unsafe."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    nodes: tuple[str, ...]
    intake: Intake

    @property
    def complete(self) -> bool:
        """False if something could not be read."""
        return not any(skipped.damage for skipped in self.intake.not_read)


@contextmanager
def open_timeline(
    paths: Sequence[str],
    pack: RulePack,
    request: Request = Request(),
    options: Options = Options(),
    *,
    folder: str | None = None,
    limits: Limits = Limits(),
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Stream]:
    """Read bundles and give their timeline. All is dated as `analyze` does it; the window is cut out on the common clock.

    Lines wait in a file without a name in `folder` until all is dated. Raises UsageError for a bad request or where there is no room
    for them, and InputError if nothing could be read.
    """
    check_grep(request.grep)
    selection(Options(since=request.since, until=request.until), None, request.nodes, nodes=request.nodes)
    spool = LineSpool(folder)
    if request.every_line:
        heap.keep()
    try:
        with open_bundles(paths, limits) as bundle:
            intake = take_in(bundle, pack.signatures, progress, spool.open if request.every_line else None)
        spool.finish()
        known = dated(intake, options)
        window = Options(since=request.since, until=request.until)
        chosen = selection(window, _last(known.common), known.naming.nodes, nodes=request.nodes, kinds=request.kinds, grep=request.grep)
        if request.every_line:
            yield Stream(LINES, _lines(spool, known, chosen), known.naming.nodes, intake)
        else:
            yield Stream(EVENTS, _events(known.common.events, chosen), known.naming.nodes, intake)
    finally:
        spool.close()


def _last(common: Timeline) -> Instant | None:
    """The moment of the last log line."""
    moments = (*(span.end for span in common.coverage), *(event.at for event in common.events if event.at is not None))
    return max(moments, default=None)


def _lines(spool: LineSpool, known: Dated, chosen: Selection) -> Iterator[pa.RecordBatch]:
    calendar = Calendar(known.clocks, known.naming, known.shifts, known.own.events)
    files = [file for file in spool.files if file.path in known.clocks and file.blocks]
    for file in files:
        calendar.date(spool, file)
    return every_line(spool, files, calendar, known.common.events, chosen)


def _events(events: Sequence[Event], chosen: Selection) -> Iterator[pa.RecordBatch]:
    kept = [
        event
        for event in events
        if chosen.has_node(event.node) and chosen.has_kind(event.kind) and chosen.has_moment(event.at.us if event.at is not None else None)
    ]
    return (chosen.matching(batch) for batch in event_batches(kept))
