"""pmxcfs' database config.db: its newest transactions merged in memory, its rows saved one by one where it is damaged, its files laid out.

Facts: pve-cluster:src/pmxcfs/database.c (table `tree`, WAL mode), https://www.sqlite.org/fileformat2.html (pages, WAL frames).
"""

from __future__ import annotations

import itertools
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pveforensics.lazyregex import regex
from pveforensics.value import Value

MAGIC = b"SQLite format 3\0"
WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
MOST_BYTES = 256 << 20
MOST_WAL = 64 << 20
MOST_ROWS = 300_000
MOST_STEPS = 20_000
"""Progress calls of 10,000 steps each that reading may take."""
DEEPEST = 32
FILE, FOLDER = 8, 4
LOST = "?"
"""Stands for a folder whose row could not be read."""
LONGEST_FILE = 2 << 20
"""pmxcfs allows 1 MiB a file."""

_SECRET = regex(r"(?:^|/)priv(?:/|$)|\.(?:key|pw)$|(?:^|/)(?:authkey|pve-root-ca)")
_COLUMNS = "inode, parent, version, writer, mtime, type, name, data"


class Row(NamedTuple):
    """One row of the table `tree`: a file or folder of /etc/pve, or (inode 0) the state of the whole."""

    inode: int
    parent: int
    version: int
    writer: int
    mtime: int
    type: int
    name: str
    data: bytes


class File(NamedTuple):
    """One file of /etc/pve with its last change: the change counter, the writer's corosync node id, and epoch seconds."""

    path: str
    data: bytes
    version: int
    writer: int
    mtime: int


class Database(Value, frozen=True):
    """What could be read: files without secrets, the state of the whole (None if lost), transactions from the WAL, and what is wrong."""

    files: tuple[File, ...]
    head: Row | None
    frames: int
    problems: tuple[str, ...]


def is_database(head: bytes) -> bool:
    """True if a file begins like config.db: SQLite with a table `tree`."""
    return head.startswith(MAGIC) and b"CREATE TABLE tree" in head[:65536]


def is_wal(head: bytes) -> bool:
    """True if a file begins like SQLite's write-ahead log."""
    return head[:4] in WAL_MAGIC and head[4:8] == struct.pack(">I", 3_007_000)


def open_database(data: bytes, wal: bytes = b"") -> Database:
    """The files in the database with the newest committed transactions of its WAL. Never raises on content."""
    pages, frames = merged(data[:MOST_BYTES], wal[:MOST_WAL])
    rows, problems = _rows(pages)
    kept = {row.inode: row for row in rows}
    head = kept.get(0)
    return Database(tuple(_files(kept)), head, frames, problems)


# --- the write-ahead log ---------------------------------------------------------------------


def merged(data: bytes, wal: bytes) -> tuple[bytes, int]:
    """The database with all frames of the WAL up to its last whole commit, and how many frames those are."""
    if len(wal) < 32 or not is_wal(wal):
        return data, 0
    size = struct.unpack(">I", wal[8:12])[0]
    if size < 512 or size > 65_536 or size & (size - 1):
        return data, 0
    pages: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    count, length = 0, 0
    for place, (number, commit, page) in enumerate(_frames(wal, size), 1):
        pending[number] = page
        if commit:
            pages |= pending
            pending, count, length = {}, place, commit
    if not pages:
        return data, 0
    whole = bytearray(data[: length * size].ljust(min(length * size, MOST_BYTES), b"\0"))
    for number, page in pages.items():
        if number <= length and number * size <= len(whole):
            whole[(number - 1) * size : number * size] = page
    return bytes(whole), count


def _frames(wal: bytes, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Page number, size of the database after a commit (0 within a transaction) and page, up to the first frame that does not fit."""
    order = ">" if wal[:4] == WAL_MAGIC[1] else "<"
    salts = wal[16:24]
    sums = _checksum(wal[:24], order, (0, 0))
    if struct.pack(">2I", *sums) != wal[24:32]:
        return
    for start in range(32, len(wal) - 24 - size + 1, 24 + size):
        head, page = wal[start : start + 24], wal[start + 24 : start + 24 + size]
        sums = _checksum(page, order, _checksum(head[:8], order, sums))
        if head[8:16] != salts or struct.pack(">2I", *sums) != head[16:24]:
            return
        number, commit = struct.unpack(">2I", head[:8])
        if number:
            yield number, commit, page


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


# --- rows ------------------------------------------------------------------------------------


def _rows(data: bytes) -> tuple[list[Row], tuple[str, ...]]:
    """All rows that can be read, by query, else by look-ups, else from the pages themselves; and what is wrong."""
    if len(data) < 512 or not data.startswith(MAGIC):
        found = _carved(data)
        return found, ("config.db is damaged at its beginning: rows were taken from its pages",)
    plain = data[:18] + b"\x01\x01" + data[20:]  # as if it had no WAL: what it held is merged
    try:
        whole = _queried(plain)
    except (sqlite3.Error, ValueError, OverflowError, MemoryError):
        whole = None
    if whole is not None:
        return whole, ()
    rows = {row.inode: row for row in _carved(data)}
    rows |= {row.inode: row for row in _looked_up(plain, max((row.version for row in rows.values()), default=0))}
    return list(rows.values()), (f"config.db is damaged: {len(rows)} rows were saved one by one",)


def _connect(data: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 << 20)
    for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}")
    steps = itertools.count()
    connection.set_progress_handler(lambda: next(steps) > MOST_STEPS, 10_000)
    return connection


def _queried(data: bytes) -> list[Row] | None:
    """All rows; None if the table is not there. Raises sqlite3.Error on damage."""
    connection = _connect(data)
    try:
        known = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'tree'").fetchone()
        if not known or known[0] != 1:
            return None
        cursor = connection.execute(f"SELECT {_COLUMNS} FROM tree ORDER BY inode")  # noqa: S608 - the columns are ours
        return [row for each in cursor.fetchmany(MOST_ROWS) if (row := _row(each)) is not None]
    finally:
        connection.close()


def _looked_up(data: bytes, highest: int) -> Iterator[Row]:
    """Rows by their number: a look-up goes past pages that a scan stumbles over."""
    try:
        connection = _connect(data)
    except (sqlite3.Error, ValueError, OverflowError, MemoryError):
        return
    try:
        for inode in range(min(highest, MOST_ROWS) + 1):
            try:
                found = connection.execute(f"SELECT {_COLUMNS} FROM tree WHERE inode = ?", (inode,)).fetchone()  # noqa: S608 - the columns are ours
            except sqlite3.OperationalError:
                return  # no such table, or out of time
            except sqlite3.Error:
                continue
            row = _row(found) if found else None
            if row is not None:
                yield row
    finally:
        connection.close()


def _row(values: tuple[object, ...]) -> Row | None:
    *numbers, name, data = values
    if not all(isinstance(number, int) and 0 <= number < 1 << 63 for number in numbers) or len(numbers) != 6:
        return None
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    content = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass") if isinstance(data, str) else b""
    inode, parent, version, writer, mtime, kind = (int(str(number)) for number in numbers)
    return Row(inode, parent, version, writer, mtime, kind, name, content) if isinstance(name, str) and name else None


# --- rows from pages -------------------------------------------------------------------------


def _carved(data: bytes) -> list[Row]:
    """Rows in leaf pages of any table that look like rows of `tree`, the newest of each number."""
    size = struct.unpack(">H", data[16:18])[0] if len(data) > 100 else 0
    size = 65_536 if size == 1 else size if size >= 512 and not size & (size - 1) else 4096
    found: dict[int, Row] = {}
    for start in range(0, len(data), size):
        page = data[start : start + size]
        head = 100 if start == 0 and data.startswith(MAGIC) else 0
        if len(page) < head + 8 or page[head] != 0x0D:
            continue
        cells = struct.unpack(">H", page[head + 3 : head + 5])[0]
        for place in range(head + 8, min(head + 8 + 2 * cells, len(page) - 1), 2):
            row = _cell(data, page, struct.unpack(">H", page[place : place + 2])[0], size)
            if row is not None and (row.inode not in found or found[row.inode].version <= row.version) and len(found) < MOST_ROWS:
                found[row.inode] = row
    return list(found.values())


def _cell(data: bytes, page: bytes, place: int, size: int) -> Row | None:
    try:
        length, place = _varint(page, place)
        inode, place = _varint(page, place)
        if not 0 < length <= LONGEST_FILE:
            return None
        payload = _payload(data, page, place, length, size)
        return _record(inode, payload)
    except (IndexError, struct.error, ValueError):
        return None


def _payload(data: bytes, page: bytes, place: int, length: int, size: int) -> bytes:
    """A record's bytes, with those that overflowed into other pages."""
    most = size - 35
    if length <= most:
        return page[place : place + length]
    least = (size - 12) * 32 // 255 - 23
    local = least + (length - least) % (size - 4)
    local = local if local <= most else least
    payload = bytearray(page[place : place + local])
    number = struct.unpack(">I", page[place + local : place + local + 4])[0]
    seen = set()
    while number and number not in seen and len(payload) < length:
        seen.add(number)
        more = data[(number - 1) * size : number * size]
        number = struct.unpack(">I", more[:4])[0]
        payload += more[4 : 4 + length - len(payload)]
    return bytes(payload)


def _record(inode: int, payload: bytes) -> Row | None:
    """A record of eight columns: the number (stored as null), five numbers, a text, a blob or null."""
    end, place = _varint(payload, 0)
    types = []
    while place < end:
        kind, place = _varint(payload, place)
        types.append(kind)
    if len(types) != 8 or types[0] not in (0, 1, 2, 3, 4, 5, 6) or any(kind > 9 for kind in types[1:6]):
        return None
    values: list[object] = []
    place = end
    for kind in types:
        width = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind] if kind < 10 else (kind - 12 - kind % 2) // 2 if kind >= 12 else -1
        if width < 0 or place + width > len(payload):
            return None
        raw = payload[place : place + width]
        place += width
        values.append({0: None, 8: 0, 9: 1}.get(kind, int.from_bytes(raw, "big", signed=True)) if kind < 10 else raw)
    return _row((inode, *values[1:]))


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for count in range(9):
        byte = data[place + count]
        if count == 8:
            return value << 8 | byte, place + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count + 1
    raise ValueError("no varint")


# --- files -----------------------------------------------------------------------------------


def _files(rows: Mapping[int, Row]) -> Iterator[File]:
    """The files by path, those whose folder is lost under `?/`; what holds secrets is left out."""
    for row in rows.values():
        path = _path(row, rows) if row.inode and row.type == FILE else ""
        if path and not _SECRET.search(path) and len(row.data) <= LONGEST_FILE:
            yield File(path, row.data, row.version, row.writer, row.mtime)


def _path(row: Row, rows: Mapping[int, Row]) -> str:
    """The path below /etc/pve, or an empty string: names must not lead out, and folders not in circles.

    `?/<name>` if a folder's row is lost: nobody knows then which node a guest was on.
    """
    names, now = [row.name], row
    while now.parent:
        parent = rows.get(now.parent)
        if parent is None:
            names.append(LOST)
            break
        if parent.type != FOLDER or len(names) > DEEPEST:
            return ""
        names.append(parent.name)
        now = parent
    if any(not name or name in (".", "..") or "/" in name or not name.isprintable() for name in names):
        return ""
    return "/".join(reversed(names))
