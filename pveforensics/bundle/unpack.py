"""What is in a stream: a compression, an archive of entries, or one file of evidence; told by content alone."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from msgspec.structs import replace

from pveforensics.bundle import tar
from pveforensics.bundle import zip as zip_
from pveforensics.bundle.compression import codec_of, decompressed
from pveforensics.bundle.entry import DIRECTORY, FILE, HARDLINK, SPECIAL, SYMLINK, Entry
from pveforensics.bundle.ledger import Ledger
from pveforensics.bundle.limits import Meter
from pveforensics.bundle.member import HEAD, Member
from pveforensics.bundle.names import UnsafeNameError, normalised, shown
from pveforensics.bundle.place import Left, Place
from pveforensics.bundle.stream import Reader, Tally, counted
from pveforensics.bundle.tarheader import begins_tar

ZIP = (b"PK\3\4", b"PK\5\6")
UNSUPPORTED: tuple[tuple[bytes, str], ...] = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1f\x9d", "compress (.Z) data"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop data"),
    (b"\x02\x21\x4c\x18", "lz4 data of the legacy format"),
    (b"LZIP\x01", "lzip data"),
)


def unpack(ledger: Ledger, place: Place, reader: Reader) -> Iterator[Member]:
    """The members in a stream: one if it is a file, those inside if it is an archive. What is not read goes to the ledger."""
    first, stored = counted(reader)
    layers = [first]
    try:
        yield from _members(ledger, place, reader, layers, stored)
    finally:
        for layer in reversed(layers[1:]):
            layer.close()


def _members(ledger: Ledger, place: Place, reader: Reader, layers: list[Reader], stored: Tally) -> Iterator[Member]:
    """The same; appends to `layers` the streams around which the innermost one lies."""
    first = layers[0]
    head = reader.peek(HEAD)
    while (codec := codec_of(head)) and len(layers) <= ledger.limits.depth:
        # what was given by name is read here alone; a file of a folder is left to a worker, or too short to gain by it
        by_thread = ledger.by_thread and place.depth == 0 and reader.file is not None and layers == [reader]
        layers.append(decompressed(layers[-1], codec, by_thread=by_thread))
        head = layers[-1].peek(HEAD)
    inner = layers[-1]
    nested = bool(codec) or begins_tar(head) or head.startswith(ZIP)
    if nested and first is not reader:
        stored.stop()  # nobody asks for the hash of what is no file of evidence
    if codec:
        ledger.note(place.path, f"limit: compressed more than {ledger.limits.depth} times over")
    elif begins_tar(head):
        yield from _archive(ledger, place, inner, is_tar=True)
    elif head.startswith(ZIP):
        yield from _archive(ledger, place, inner, is_tar=False)
    elif name := next((name for magic, name in UNSUPPORTED if head.startswith(magic)), ""):
        ledger.note(place.path, f"{name} is not supported: unpack it and give the folder")
    else:
        path = ledger.unique(place.path)
        yield from _leaf(path, place, inner, (layers[0], stored), reader.source)
        ledger.faults(path, [fault for layer in layers for fault in layer.faults])
        return
    ledger.faults(place.path, [fault for layer in layers for fault in layer.faults])


def _leaf(
    path: str, place: Place, reader: Reader, stored: tuple[Reader, Tally], source: Left | None = None, link: str = ""
) -> Iterator[Member]:
    member = Member(replace(place, path=path), reader, stored, link_target=link, source=source)
    yield member
    member.close()


def _archive(ledger: Ledger, place: Place, reader: Reader, *, is_tar: bool) -> Iterator[Member]:
    note = functools.partial(ledger.note, place.path)
    if place.depth >= ledger.limits.depth:
        note(f"limit: an archive more than {ledger.limits.depth} archives deep")
    elif is_tar:
        yield from walk(ledger, place, tar.entries(reader, ledger.limits, note))
    else:
        with tempfile.TemporaryFile() as spool:
            try:
                file, size = _at_random(reader, spool, ledger)
            except OSError as error:
                note(f"no room for a temporary copy of the zip: {error.strerror or error}")
                return
            yield from walk(ledger, place, zip_.entries(file, size, ledger.budget, note))


def _at_random(reader: Reader, spool: BinaryIO, ledger: Ledger) -> tuple[BinaryIO, int]:
    """The stream's bytes in a file to seek in: the file itself, or an anonymous copy (not longer than a member may be)."""
    if reader.file is not None:
        reader.drain()
        return reader.file, reader.position
    left = ledger.limits.member
    while left > 0 and (piece := reader.take(min(left, 1 << 20))):
        spool.write(piece)
        left -= len(piece)
    return spool, ledger.limits.member - left


def walk(ledger: Ledger, place: Place, entries: Iterator[Entry]) -> Iterator[Member]:
    """The members behind the entries of one archive or folder: names judged, nested archives opened, the rest listed."""
    for entry in entries:
        if ledger.budget.exhausted or ledger.budget.enter():
            ledger.note(place.path, ledger.budget.exhausted)
            return
        if entry.kind == DIRECTORY and not entry.problem:
            continue
        try:
            path = place.prefix + normalised(entry.name, ledger.limits.name)
        except UnsafeNameError as error:
            ledger.note(place.prefix + shown(entry.name), entry.problem or str(error))
            continue
        inside = Place(path, path + "/", place.bundle, place.bundle_name, entry.mtime, place.depth + 1)
        yield from _open(ledger, inside, entry)


def _open(ledger: Ledger, place: Place, entry: Entry) -> Iterator[Member]:
    if entry.problem:
        ledger.note(place.path, entry.problem, damage=not entry.problem.startswith("note: "))
    if entry.kind == FILE and entry.body is not None:
        yield from unpack(ledger, place, entry.body)
    elif entry.kind == SYMLINK:
        nothing = Reader(iter(()), [], Meter(ledger.budget))
        yield from _leaf(ledger.unique(place.path), place, nothing, (nothing, Tally()), link=shown(entry.link))
    elif entry.kind == HARDLINK:
        ledger.note(place.path, f"note: another name of {shown(entry.link)}", damage=False)
    elif entry.kind == SPECIAL:
        ledger.note(place.path, f"note: {SPECIAL}", damage=False)
