"""Tables: the timeline as Arrow tables, one row an event or one row a line. docs/timeline.md describes the columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import pyarrow as pa

from pveforensics.model import Event
from pveforensics.timebase import SECOND, Instant
from pveforensics.timeline.heads import message_of

TIME = pa.timestamp("us", "UTC")
WORD = pa.dictionary(pa.int32(), pa.string())

EVENTS = pa.schema([
    ("time", TIME), ("basis", WORD), ("error_s", pa.float64()), ("node", WORD), ("kind", WORD), ("program", WORD), ("message", pa.string()),
    ("count", pa.int64()), ("last", TIME), ("fields", pa.string()), ("path", WORD), ("line", pa.int64()), ("event", pa.string()),
])  # fmt: skip
"""One row an event."""

LINES = pa.schema([
    ("time", TIME), ("basis", WORD), ("error_s", pa.float64()), ("node", WORD), ("kind", WORD), ("program", WORD), ("pid", pa.uint32()),
    ("message", pa.string()), ("path", WORD), ("line", pa.int64()),
])  # fmt: skip
"""One row a line."""

_AT_ONCE = 1 << 16


def event_table(events: Sequence[Event]) -> pa.Table:
    """All events as one table, in the order given."""
    batches = list(event_batches(events))
    return pa.Table.from_batches(batches, EVENTS).unify_dictionaries() if batches else EVENTS.empty_table()


def event_batches(events: Sequence[Event]) -> Iterator[pa.RecordBatch]:
    """The events as rows, some thousand at a time."""
    for begin in range(0, len(events), _AT_ONCE):
        yield _events(events[begin : begin + _AT_ONCE])


def _events(events: Sequence[Event]) -> pa.RecordBatch:
    proofs = [event.evidence[0] if event.evidence else None for event in events]
    columns = [
        _times(event.at for event in events),
        _words(event.at.basis.value if event.at is not None else None for event in events),
        pa.array([event.at.error_us / SECOND if event.at is not None else None for event in events], pa.float64()),
        _words(event.node for event in events),
        _words(event.kind for event in events),
        _words(event.program or None for event in events),
        pa.array([clean(message_of(proof.text)) if proof is not None else "" for proof in proofs], pa.string()),
        pa.array([event.count for event in events], pa.int64()),
        _times(event.last for event in events),
        pa.array([clean(msgspec.json.encode(dict(event.fields)).decode()) if event.fields else None for event in events], pa.string()),
        _words(clean(proof.path) if proof is not None else None for proof in proofs),
        pa.array([proof.line if proof is not None else None for proof in proofs], pa.int64()),
        pa.array([event.id for event in events], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVENTS)


def clean(text: str) -> str:
    """The text without halves of surrogates, which no UTF-8 can hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _times(moments: Iterable[Instant | None]) -> pa.Array:
    return pa.array([at.us if at is not None else None for at in moments], pa.int64()).cast(TIME)


def _words(values: Iterable[str | None]) -> pa.Array:
    return pa.array(list(values), pa.string()).dictionary_encode().cast(WORD)
