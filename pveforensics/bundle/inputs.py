"""The inputs of a call: each is opened, named, hashed and read in one pass."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pveforensics.bundle import folder
from pveforensics.bundle.ledger import Ledger
from pveforensics.bundle.limits import Limits, Meter
from pveforensics.bundle.member import Member
from pveforensics.bundle.names import printable, stem
from pveforensics.bundle.place import Left, Place
from pveforensics.bundle.stream import Fault, Reader, Tally
from pveforensics.bundle.unpack import unpack, walk
from pveforensics.errors import InputError
from pveforensics.model import BundleInfo, NotRead
from pveforensics.value import Value

STDIN = "-"


class _Input(Value, frozen=True):
    """One argument: `label` is the first part of its members' paths when there are several, `name` its base name."""

    path: str
    name: str
    label: str
    file_label: str


class Bundle:
    """All inputs of one call as one row of members. `infos` and `not_read` are complete once `members` has ended."""

    def __init__(self, inputs: Sequence[_Input], ledger: Ledger) -> None:
        self._inputs = tuple(inputs)
        self._ledger = ledger
        self._infos: list[Callable[[], BundleInfo]] = []
        self._walk: Iterator[Member] | None = None

    @property
    def infos(self) -> tuple[BundleInfo, ...]:
        """Name, size and SHA-256 of each input, in the order given."""
        return tuple(info() for info in self._infos)

    @property
    def not_read(self) -> tuple[NotRead, ...]:
        """The members that were not read, or not to their end, and why."""
        return tuple(self._ledger.not_read)

    def members(self) -> Iterator[Member]:
        """Every file of every input, once; each is to be read before the next one is asked for."""
        if self._walk is None:
            self._walk = self._members()
        return self._walk

    def close(self) -> None:
        """Let go of open files."""
        if self._walk is not None:
            self._walk.close()  # type: ignore[attr-defined]

    def _members(self) -> Iterator[Member]:
        for index, given in enumerate(self._inputs):
            prefix = f"{given.label}/" if len(self._inputs) > 1 else ""
            try:
                if given.path != STDIN and Path(given.path).is_dir():
                    yield from self._folder(given, Place(given.label, prefix, index, given.name))
                else:
                    yield from self._file(given, Place(given.file_label, prefix, index, given.name))
            except OSError as error:
                self._ledger.note(given.file_label, f"cannot be read: {error.strerror or error}")
            if len(self._infos) == index:
                self._infos.append(functools.partial(BundleInfo, given.name, 0, hashlib.sha256().hexdigest()))

    def _folder(self, given: _Input, place: Place) -> Iterator[Member]:
        hashes: dict[str, Tally | Left] = {}
        note = functools.partial(self._ledger.note, place.path)
        yield from walk(self._ledger, place, folder.entries(given.path, self._ledger.budget, hashes, note))
        self._infos.append(functools.partial(_info_of_folder, given.name, hashes))

    def _file(self, given: _Input, place: Place) -> Iterator[Member]:
        limits = self._ledger.limits
        tally = Tally()
        faults: list[Fault] = []
        with _opened(given.path) as file:
            info = Path(given.path).stat() if given.path != STDIN else None
            regular = info is not None and stat.S_ISREG(info.st_mode)
            place = Place(place.path, place.prefix, place.bundle, place.bundle_name, info.st_mtime if regular and info else None)
            source = Left(given.path, info.st_size) if info is not None and regular and not Path(given.path).is_symlink() else None
            at_random = file if regular else None
            reader = Reader(folder.pieces_of(file, faults, tally), faults, Meter(self._ledger.budget), at_random, tally, source)
            yield from unpack(self._ledger, place, reader)
            if source is None or not source.left:
                # a pipe may never end
                reader.skip(max(sys.maxsize if regular else limits.total - reader.position, 0))
        counted = source if source is not None and source.left else tally
        self._infos.append(lambda: BundleInfo(given.name, counted.size, counted.sha256))


def _info_of_folder(name: str, hashes: Mapping[str, Tally | Left]) -> BundleInfo:
    lines = "".join(f"{each.sha256}  {path}\n" for path, each in sorted(hashes.items()))
    digest = hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
    return BundleInfo(name, sum(each.size for each in hashes.values()), digest)


@contextmanager
def open_bundles(paths: Sequence[str], limits: Limits = Limits(), *, by_thread: bool = False) -> Iterator[Bundle]:
    """Open archives, folders and files (`-` is stdin) as one bundle. Raises InputError if none of them can be opened.

    One that cannot be opened beside others that can is listed as not read. `by_thread` unpacks an archive ahead of who reads it.
    """
    ledger = Ledger(limits, by_thread=by_thread)
    usable: list[str] = []
    seen: set[str] = set()
    problems: list[str] = []
    for path in paths:
        problem = _problem(path)
        real = path if path == STDIN or problem else str(Path(path).resolve())
        if real in seen:
            ledger.note(printable(path), "note: given twice; read once", damage=False)
        elif problem:
            problems.append(f"{printable(path)}: {problem}")
            ledger.note(printable(path), problem)
        else:
            usable.append(path)
        seen.add(real)
    if not usable:
        raise InputError(problems[0] if problems else "no bundle given: name an archive, a folder or a log file")
    bundle = Bundle(_labelled(usable), ledger)
    try:
        yield bundle
    finally:
        bundle.close()


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdin.buffer
        return
    with Path(path).open("rb", buffering=0) as file:
        yield file


def _problem(path: str) -> str:
    """Why a path cannot be read, in words; empty if it can."""
    if path == STDIN:
        return ""
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            next(Path(path).iterdir(), None)
        elif stat.S_ISREG(mode):
            with Path(path).open("rb"):
                pass
        elif not stat.S_ISFIFO(mode):
            return "is a device or socket: give an archive, a folder or a file"
    except FileNotFoundError:
        return "does not exist"
    except (OSError, ValueError) as error:
        return f"cannot be opened: {getattr(error, 'strerror', None) or error}"
    return ""


def _labelled(paths: Sequence[str]) -> list[_Input]:
    """Names for the inputs that tell them apart: the base name without archive suffixes, with more of the path where needed."""
    parts = [_parts(path) for path in paths]
    names = [printable(os.fsencode(own[-1]).decode("utf-8", "backslashreplace")) for own in parts]
    short = [name if path != STDIN and Path(path).is_dir() else stem(name) for name, path in zip(names, paths, strict=True)]
    labels = []
    for own, name, stripped in zip(parts, names, short, strict=True):
        label = name if short.count(stripped) > 1 else stripped
        depth = 1
        while depth < len(own) and sum(other[-depth:] == own[-depth:] for other in parts) > 1:
            depth += 1
        above = [printable(os.fsencode(part).decode("utf-8", "backslashreplace")) for part in own[-depth:-1]]
        labels.append(("/".join([*above, label]), "/".join([*above, name])))
    return [_Input(path, name, *label) for path, name, label in zip(paths, names, labels, strict=True)]


def _parts(path: str) -> tuple[str, ...]:
    """The components of the absolute path; a link keeps the name by which it was given."""
    if path == STDIN:
        return ("stdin",)
    return tuple(part for part in os.path.abspath(path).split("/") if part) or ("root",)  # noqa: PTH100
