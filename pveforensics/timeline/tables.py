"""Tables: the timeline as Arrow tables, one row an event or one row a line. docs/timeline.md describes the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from pveforensics.model import Event
from pveforensics.timebase import SECOND, Instant
from pveforensics.timeline.arrays import coded, numbers, texts
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
        _times([event.at for event in events]),
        coded([event.at.basis.value if event.at is not None else None for event in events]),
        numbers(
            np.array([event.at.error_us / SECOND if event.at is not None else 0 for event in events]),
            pa.float64(),
            np.array([event.at is None for event in events], np.bool_),
        ),
        coded([event.node for event in events]),
        coded([event.kind for event in events]),
        coded([event.program or None for event in events]),
        texts(message_of(proof.text) if proof is not None else "" for proof in proofs),
        numbers(np.array([event.count for event in events], np.int64), pa.int64()),
        _times([event.last for event in events]),
        texts(msgspec.json.encode(_plain(event.fields)).decode() if event.fields else None for event in events),
        coded([proof.path if proof is not None else None for proof in proofs]),
        numbers(
            np.array([proof.line if proof is not None else 0 for proof in proofs], np.int64),
            pa.int64(),
            np.array([proof is None for proof in proofs], np.bool_),
        ),
        texts(event.id for event in events),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVENTS)


def _plain(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value.encode("utf-8", "backslashreplace").decode() for name, value in fields.items()}


def _times(moments: Sequence[Instant | None]) -> pa.Array:
    values = np.array([at.us if at is not None else 0 for at in moments], np.int64)
    return numbers(values, TIME, np.array([at is None for at in moments], np.bool_))
