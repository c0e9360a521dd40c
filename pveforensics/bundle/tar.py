"""Tar as a walk over its headers: damage, cuts and joined archives do not end it before the data ends."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from pveforensics.bundle.entry import DIRECTORY, FILE, HARDLINK, SPECIAL, SYMLINK, Entry, Note, sane_mtime
from pveforensics.bundle.limits import Limits
from pveforensics.bundle.pax import REPEATED, Extras, read_long_name, read_records
from pveforensics.bundle.sparse import SparseMapError, expanded, extents_of_gnu, extents_of_pax
from pveforensics.bundle.stream import Reader, section
from pveforensics.bundle.tarheader import BLOCK, Header, find, number, parse

WINDOW = 1 << 16
IN_A_ROW = 100
"""Extended headers before one member; no tool writes more than four."""
CANDIDATES = 200_000
"""Places that are tried in the search for a header behind damage."""
_BODILESS = {"1": HARDLINK, "2": SYMLINK, "3": SPECIAL, "4": SPECIAL, "5": DIRECTORY, "6": SPECIAL}
_SKIPPED = {"V": "volume label", "M": "continuation of a file from another volume", "N": "long names of a tar from before 1990"}


def entries(reader: Reader, limits: Limits, note: Note) -> Iterator[Entry]:
    """The entries of a tar stream in their order. What is wrong with the archive itself goes to `note`; nothing is raised."""
    shared, pending = Extras(), Extras()
    ended, row, end = False, 0, 0
    while row <= IN_A_ROW:
        ended = _skip_zeros(reader) or ended
        block = reader.peek(BLOCK)
        if len(block) < BLOCK:
            if reader.position >= end:
                _tell_end(block, reader, note, ended=ended)
            return
        header = parse(block)
        if header is None:
            if not _resync(reader, note, ended=ended):
                return
            shared, pending = Extras(), Extras()
            continue
        ended = False
        reader.skip(BLOCK)
        if header.type in "xXgLK":
            body = section(reader, header.size)
            found = _extended(header, body, limits)
            if header.type == "g":
                shared = _joined(shared, found, limits, keep_problem=False)
            else:
                pending = _joined(pending, found, limits)
            body.drain()
            reader.skip(-header.size % BLOCK)
            row += 1
            continue
        # a member that is cut says so itself
        end = yield from _entry(header, reader, _joined(shared, pending, limits), limits)
        pending, row = Extras(), 0
    note(f"limit: more than {IN_A_ROW} extended headers in a row at byte {reader.position:,}; the rest was not read")


def _extended(header: Header, body: Reader, limits: Limits) -> Extras:
    if header.type in "LK":
        return read_long_name(body, header.size, limits.name, "path" if header.type == "L" else "linkpath")
    return read_records(body, header.size, limits.pax)


def _joined(first: Extras, second: Extras, limits: Limits, *, keep_problem: bool = True) -> Extras:
    """Both sets of records, the second winning; a hostile row of headers cannot make it grow without end."""
    repeated = [record for record in (*first.records, *second.records) if record[0] in REPEATED]
    single = dict(record for record in (*first.records, *second.records) if record[0] not in REPEATED)
    return Extras([*single.items(), *repeated[: 2 * limits.sparse_extents + 1]], (second.problem or first.problem) if keep_problem else "")


def _entry(header: Header, reader: Reader, extras: Extras, limits: Limits) -> Generator[Entry, None, int]:
    """Give the entry and pass over its data; where these should end."""
    name = extras.text("GNU.sparse.name") or extras.text("path") or header.name
    stated = extras.seconds("mtime")
    mtime = sane_mtime(header.mtime if stated is None else stated)
    kind = _BODILESS.get(header.type, FILE)
    if kind != FILE:
        yield Entry(name, kind, mtime, extras.text("linkpath") or header.link, problem=extras.problem)
        return reader.position
    if header.type == "D" or (header.type == "0" and name.endswith("/")):
        kind = DIRECTORY
    size = _stored(header, extras)
    problem = extras.problem or _SKIPPED.get(header.type, "")
    body, content = section(reader, size), None
    try:
        content = _content(header, reader, body, extras, limits)
    except SparseMapError as error:
        problem = problem or str(error)
    yield Entry(name, kind, mtime, body=None if problem else content, problem=problem)
    body.drain()
    end = reader.position - body.position + size
    reader.skip(-size % BLOCK)
    return end


def _stored(header: Header, extras: Extras) -> int:
    stated = extras.number("size")
    return header.size if stated is None else stated


def _content(header: Header, reader: Reader, body: Reader, extras: Extras, limits: Limits) -> Reader:
    """The member's bytes: the stored ones, or the file that a sparse map describes."""
    size = _stored(header, extras)
    if header.type == "S":
        # the blocks that continue the map stand before the data and are not in its size; nothing of the body is taken yet
        return expanded(body, extents_of_gnu(header.block, reader, limits), size, _real_size(header), limits)
    extents = extents_of_pax(extras, body, limits)
    if extents is None:
        return body
    real = extras.number("GNU.sparse.realsize")
    real = extras.number("GNU.sparse.size") if real is None else real
    if real is None:
        raise SparseMapError("its sparse map is damaged")
    return expanded(body, extents, size, real, limits)


def _real_size(header: Header) -> int:
    return number(header.block[483:495]) or 0


def _skip_zeros(reader: Reader) -> bool:
    """Drop whole blocks of zeros: the end mark, padding, and what lies between joined archives. True if there were any."""
    found = False
    while window := reader.peek(WINDOW):
        if window[0]:
            break
        zeros = (len(window) - len(window.lstrip(b"\0"))) // BLOCK * BLOCK
        if not zeros:
            break
        found = True
        reader.skip(zeros)
    return found


def _tell_end(rest: bytes, reader: Reader, note: Note, *, ended: bool) -> None:
    reader.skip(len(rest))
    if reader.faults or not rest.strip(b"\0"):
        if not ended and not reader.faults:
            note(f"tar ends without its end mark at byte {reader.position:,}: it may be cut off")
    elif ended:
        note("note: bytes after the end of the tar were ignored", damage=False)
    else:
        note(f"tar is cut off in a header at byte {reader.position:,}")


def _resync(reader: Reader, note: Note, *, ended: bool) -> bool:
    """Go to the next valid header, or to the end, and say what was passed over. True if there is one."""
    start, tried = reader.position, 0
    while tried < CANDIDATES:
        window = reader.peek(WINDOW)
        tried += window.count(b"ustar")
        at = find(window)
        if at >= 0:
            reader.skip(at)
            note(
                f"tar header is damaged at byte {start:,}: {reader.position - start:,} bytes up to the next one were passed over",
                damage=not ended,
            )
            return True
        if len(window) < WINDOW:
            reader.skip(len(window))
            break
        reader.skip(WINDOW - BLOCK + 1)
    else:
        reader.drain()
    if ended:
        note(f"note: {reader.position - start:,} bytes after the end of the tar were ignored", damage=False)
    else:
        note(f"tar header is damaged at byte {start:,}: no further one was found in the {reader.position - start:,} bytes after it")
    return False
