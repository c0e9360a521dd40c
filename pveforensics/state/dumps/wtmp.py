"""Readers of wtmp: the binary file of x86-64 (384 bytes a record) and arm64 (400), and wtmpdb's SQLite database."""

from __future__ import annotations

import datetime
import itertools
import sqlite3
import struct
from collections.abc import Iterator
from typing import NamedTuple

from pveforensics.readings import RawSnapshot
from pveforensics.state.page import Page, Reading

MOST_ROWS = 20_000
"""Boot rows that are kept; a login is kept among the newest only."""
MOST_LOGINS = 2_000

_EARLIEST, _LATEST = 631_152_000, 4_102_444_800
_WORDS = {1: "runlevel", 2: "reboot", 3: "new_time", 4: "old_time", 5: "init", 6: "login", 7: "user", 8: "logout"}


class _Layout(NamedTuple):
    size: int
    time: struct.Struct
    time_at: int


_LAYOUTS = (_Layout(384, struct.Struct("<I"), 340), _Layout(400, struct.Struct("<q"), 344))


class _Entry(NamedTuple):
    """One record: `number` counts from 1."""

    number: int
    type: int
    line: str
    user: str
    host: str
    epoch: int


def score_binary(page: Page) -> float:
    """By plausible types and times in the records of one of the two layouts; a cut last record is normal."""
    layout = _layout(page.data[: 400 * 64])
    return 0.0 if layout is None else 0.95


def read_binary(page: Page) -> Reading:
    """One snapshot `wtmp`: rows of type number, `what`, `user`, `epoch` and the same moment as `start` in UTC."""
    layout = _layout(page.data[: 400 * 64])
    if layout is None:
        return Reading()
    entries = list(_entries(page.data, layout))
    logins = [entry for entry in entries if entry.type in (6, 7, 8)][-MOST_LOGINS:]
    keep = {entry.number for entry in logins}
    chosen = [entry for entry in entries if entry.type in (1, 2, 3, 4) or entry.number in keep][-MOST_ROWS:]
    rows = tuple(_row(entry) for entry in chosen)
    fields = {"records": str(len(entries)), "record_size": str(layout.size)}
    tail = len(page.data) % layout.size
    problems = (f"last record of wtmp is cut ({tail} of {layout.size} bytes)",) if tail else ()
    snapshot = RawSnapshot("wtmp", 1, f"wtmp with {len(entries)} records", fields=fields, rows=rows)
    return Reading(snapshots=(snapshot,), problems=problems) if rows else Reading(problems=problems)


def _layout(head: bytes) -> _Layout | None:
    """The layout in which every record (one in eight may be damaged) is plausible."""
    best: tuple[int, _Layout] | None = None
    for layout in _LAYOUTS:
        count = len(head) // layout.size
        good = sum(1 for _ in _entries(head, layout))
        if count and good and good >= count - count // 8 and (best is None or good * layout.size > best[0]):
            best = (good * layout.size, layout)
    return best[1] if best else None


def _entries(data: bytes, layout: _Layout) -> Iterator[_Entry]:
    """The plausible records; damaged ones are left out."""
    for number in range(len(data) // layout.size):
        start = number * layout.size
        kind = int.from_bytes(data[start : start + 2], "little")
        epoch = int(layout.time.unpack_from(data, start + layout.time_at)[0])
        line, user, host = (_text(data[start + at : start + at + length]) for at, length in ((8, 32), (44, 32), (76, 256)))
        if (
            1 <= kind <= 9
            and _EARLIEST <= epoch < _LATEST
            and line is not None
            and user is not None
            and host is not None
            and (line or user)
        ):
            yield _Entry(number + 1, kind, line, user, host, epoch)


def _text(raw: bytes) -> str | None:
    """The text up to the first NUL; None if control characters show that this is no text field."""
    text = raw.partition(b"\0")[0]
    return None if any(byte < 32 for byte in text) else text.decode("utf-8", "replace")


def _row(entry: _Entry) -> dict[str, str]:
    user = {2: "reboot"}.get(entry.type) or (entry.user if entry.type in (1, 7) else _WORDS.get(entry.type, entry.user))
    what = user if user in ("reboot", "shutdown", "runlevel") else _WORDS.get(entry.type, str(entry.type))
    row = {
        "type": str(entry.type),
        "what": what,
        "user": user,
        "epoch": str(entry.epoch),
        "start": _utc(entry.epoch),
        "record": str(entry.number),
    }
    return row | {key: text for key, text in (("tty", entry.line), ("host", entry.host)) if text and entry.type != 3}


def _utc(epoch: int) -> str:
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=epoch)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def score_database(page: Page) -> float:
    """A SQLite file whose schema names wtmpdb's table."""
    if not page.data.startswith(b"SQLite format 3\0"):
        return 0.0
    return 0.95 if b"CREATE TABLE wtmp" in page.data[:65536] else 0.0


def read_database(page: Page) -> Reading:
    """wtmpdb: Login and Logout in microseconds; a boot row without Logout that is not the newest ended in a crash."""
    try:
        found = _query(page.data)
    except (sqlite3.Error, ValueError, OverflowError, MemoryError) as error:
        return Reading(problems=(f"wtmpdb database is damaged ({type(error).__name__})",))
    newest = max((login for kind, _, login, *_ in found if kind == 1), default=0)
    rows = []
    for kind, user, login, logout, tty, host in found:
        what = "reboot" if kind == 1 else "user"
        row = {"type": "2" if kind == 1 else "7", "what": what, "user": "reboot" if kind == 1 else user, "start": _utc(login // 1_000_000)}
        row |= {"epoch": str(login // 1_000_000), "tty": tty, "host": host}
        if logout:
            row |= {"end": _utc(logout // 1_000_000), "end_word": "down" if kind == 1 else ""}
        elif kind == 1:
            row["end_word"] = "still" if login == newest else "crash"
        rows.append(row)
    snapshot = RawSnapshot("wtmp", 1, f"wtmpdb with {len(rows)} rows", fields={"records": str(len(rows))}, rows=tuple(rows))
    return Reading(snapshots=(snapshot,)) if rows else Reading()


_MOST_STEPS = 2_000


def _query(data: bytes) -> list[tuple[int, str, int, int, str, str]]:
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(data)
        connection.execute("PRAGMA trusted_schema = OFF")
        steps = itertools.count()
        connection.set_progress_handler(lambda: next(steps) > _MOST_STEPS, 10_000)
        table = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'wtmp'").fetchone()
        if not table or not table[0]:
            return []
        rows = connection.execute("SELECT Type, User, Login, Logout, TTY, RemoteHost FROM wtmp ORDER BY Login DESC").fetchmany(MOST_ROWS)
    finally:
        connection.close()
    found = []
    for kind, user, login, logout, tty, host in reversed(rows):
        if isinstance(kind, int) and isinstance(login, int) and _EARLIEST <= login // 1_000_000 < _LATEST:
            end = logout if isinstance(logout, int) and _EARLIEST <= logout // 1_000_000 < _LATEST else 0
            found.append((kind, str(user or ""), login, end, str(tty or ""), str(host or "")))
    return found
