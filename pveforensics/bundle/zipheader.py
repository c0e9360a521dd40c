"""The headers of a zip: its directory at the end and the local header before each member."""

from __future__ import annotations

import calendar
import stat
import struct
from collections.abc import Iterator
from typing import BinaryIO

from pveforensics.value import Value

LOCAL, CENTRAL, END, END64, LOCATOR64 = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
_CENTRAL = struct.Struct("<4s4B4H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_WHOLE32 = 0xFFFFFFFF


class Item(Value, frozen=True):
    """One member as a header states it. `crc` is None where it is not stated yet (streamed zips state it after the data)."""

    name: str
    method: int
    encrypted: bool
    symlink: bool
    mtime: float
    crc: int | None
    packed: int
    size: int
    offset: int


def directory(file: BinaryIO, size: int, limit: int) -> list[Item] | None:
    """The items of the central directory, at most `limit`; None if it cannot be found or read to its end."""
    file.seek(max(size - 66_000, 0))
    tail = file.read(66_000)
    base = max(size - 66_000, 0)
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < _END.size:
        return None
    _, _, _, _, count, length, start, _ = _END.unpack_from(tail, at)
    if count == 0xFFFF or _WHOLE32 in (start, length):
        wide = _end64(file, tail, at)
        if wide is None:
            return None
        count, length, start, end = wide
    else:
        end = base + at
    # bytes before the zip (a self-extracting program) shift all offsets
    shift = end - length - start
    if shift < 0:
        return None
    items = []
    for item in _central_items(file, start + shift, end, shift):
        if item is None:
            return None
        items.append(item)
        if len(items) >= limit:
            return items
    return items if len(items) & 0xFFFF == count & 0xFFFF else None


def _end64(file: BinaryIO, tail: bytes, at: int) -> tuple[int, int, int, int] | None:
    """Count, length, start and end of the directory as the ZIP64 record states them."""
    if at < 20 or tail[at - 20 : at - 16] != LOCATOR64:
        return None
    place = struct.unpack_from("<Q", tail, at - 12)[0]
    record = b""
    if place < 1 << 62:
        file.seek(place)
        record = file.read(56)
    if len(record) < 56 or record[:4] != END64:
        return None
    count, length, start = struct.unpack_from("<QQQ", record, 32)
    return count, length, start, place


def _central_items(file: BinaryIO, at: int, end: int, shift: int) -> Iterator[Item | None]:
    """Each item of the directory; None, and no more, at a damaged one."""
    file.seek(at)
    while at + _CENTRAL.size <= end:
        head = file.read(_CENTRAL.size)
        if len(head) < _CENTRAL.size or head[:4] != CENTRAL:
            yield None
            return
        fields = _CENTRAL.unpack(head)
        maker, flags, method, time, date, crc, packed, size = fields[2], *fields[5:12]
        name_length, extra_length, comment_length, attributes, offset = *fields[12:15], fields[17], fields[18]
        rest = file.read(name_length + extra_length + comment_length)
        at += _CENTRAL.size + name_length + extra_length + comment_length
        if len(rest) < name_length + extra_length + comment_length:
            yield None
            return
        extra = rest[name_length : name_length + extra_length]
        size, packed, offset = _wide(extra, size, packed, offset)
        mode = attributes >> 16 if maker in (3, 19) else 0
        name = _name(rest[:name_length], flags, from_windows=maker in (0, 10, 11))
        yield Item(name, method, bool(flags & 1), stat.S_ISLNK(mode), _mtime(extra, date, time), crc, packed, size, offset + shift)
    if at != end:
        yield None


def data_start(file: BinaryIO, offset: int) -> int | None:
    """Where the data of the member with its local header at `offset` begins; None if there is no such header."""
    file.seek(min(offset, 1 << 62))
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != LOCAL:
        return None
    name_length, extra_length = _LOCAL.unpack(head)[9:11]
    return offset + _LOCAL.size + int(name_length) + int(extra_length)


def local_item(file: BinaryIO, offset: int) -> tuple[Item | None, int]:
    """The item as its local header states it and the start of its data. A size of 0 may mean that it stands after the data."""
    file.seek(offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size:
        return None, offset
    _, _, flags, method, time, date, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    rest = file.read(name_length + extra_length)
    if len(rest) < name_length + extra_length or not name_length:
        return None, offset
    extra = rest[name_length:]
    size, packed, _ = _wide(extra, size, packed, 0)
    streamed = bool(flags & 8)
    item = Item(
        name=_name(rest[:name_length], flags, from_windows=False),
        method=method,
        encrypted=bool(flags & 1),
        symlink=False,
        mtime=_mtime(extra, date, time),
        crc=None if streamed else crc,
        packed=packed,
        size=size,
        offset=offset,
    )
    return item, offset + _LOCAL.size + name_length + extra_length


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset, from the ZIP64 field where the header has no room for them."""
    field = next((data for kind, data in _extras(extra) if kind == 1), b"")
    values = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
    return tuple(next(values, value) if value == _WHOLE32 else value for value in (size, packed, offset))  # type: ignore[return-value]


def _mtime(extra: bytes, date: int, time: int) -> float:
    """UTC from the extended stamp where there is one, else the local time of the packing machine as if it were UTC."""
    for kind, data in _extras(extra):
        if kind == 0x5455 and len(data) >= 5 and data[0] & 1:
            return float(struct.unpack_from("<l", data, 1)[0])
    parts = ((date >> 9) + 1980, date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2)
    if not (1 <= parts[1] <= 12 and 1 <= parts[2] <= 31):
        return 0.0
    return float(calendar.timegm((*parts, 0, 0, 0)))


def _name(raw: bytes, flags: int, *, from_windows: bool) -> str:
    """UTF-8 if it is that (also where the flag is missing), else the DOS code page; backslashes of Windows packers become slashes."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("utf-8", "backslashreplace") if flags & 0x800 else raw.decode("cp437")
    return name.replace("\\", "/") if from_windows and "/" not in name else name
