"""A small file as its readers see it, and what a reader leaves of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import field

from pveforensics.lazyregex import regex
from pveforensics.model import Cluster
from pveforensics.readings import RawSnapshot, Setting, TimeHint
from pveforensics.value import Value

LONGEST_LINE = 4096
"""Characters of a line that the readers look at: nothing that they know is longer."""

MOST_LINES = 200_000
"""Lines of a page that are read; a configuration or dump has a few hundred."""

_LOG_LINE = regex(
    r"\s*(?:<\d+>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* \S+ \S+\[\d+\]:|\[ *\d+\.\d{6}\])", re.ASCII
)


class Page(Value, frozen=True):
    """The bytes and lines of one file. `link_target` is set, and the rest empty, for a symbolic link."""

    path: str
    data: bytes
    lines: tuple[str, ...] = ()
    link_target: str = ""

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.path.rpartition("/")[2]

    def filled(self) -> tuple[tuple[int, str], ...]:
        """The lines that are not blank, with their numbers from 1."""
        return tuple((number, line) for number, line in enumerate(self.lines, 1) if line.strip())

    def is_log(self) -> bool:
        """True if more than half of the first lines carry a log's stamp."""
        first = [line for line in self.lines[:400] if line.strip()]
        return 2 * sum(1 for line in first if _LOG_LINE.match(line)) > len(first)


class Reading(Value, frozen=True):
    """What one reader found; fields as in `readings.Document`."""

    hostname: str = ""
    timezone: str = ""
    zone_file: bytes = b""
    clusters: tuple[Cluster, ...] = ()
    settings: tuple[Setting, ...] = ()
    snapshots: tuple[RawSnapshot, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[TimeHint, ...] = ()
    problems: tuple[str, ...] = ()


class Reader(NamedTuple):
    """One kind of file: `score` says from 0 to 1 how sure it is of the page, `read` reads it and never raises on content."""

    kind: str
    score: Callable[[Page], float]
    read: Callable[[Page], Reading]


def page_of(path: str, data: bytes, link_target: str = "") -> Page:
    """The page of a file; undecodable bytes become replacement characters, over-long lines are cut."""
    if b"\0" in data[:4096]:
        return Page(path, data, (), link_target)
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").split("\n", MOST_LINES)[:MOST_LINES]
    if lines and not lines[-1]:
        lines.pop()
    return Page(path, data, tuple(line[:LONGEST_LINE].rstrip("\r") for line in lines), link_target)
