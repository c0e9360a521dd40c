"""Which small file is what: the registries of readers asked, the best one taken, several dumps of one paste joined."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pveforensics.readings import Document
from pveforensics.state import collected
from pveforensics.state.dumps import PASTED, WHOLE
from pveforensics.state.page import Page, Reader, Reading, page_of
from pveforensics.state.settings import READERS

SURE_ENOUGH = 0.5
"""From this score on a file is of a kind; below it is unknown, and unknown files are listed, never guessed at."""

ALL: tuple[Reader, ...] = (*READERS, *WHOLE, *PASTED)

EMPTY = next(reader for reader in READERS if reader.kind == "section config")
MAY_BE_EMPTY = frozenset({"resources.cfg", "groups.cfg", "rules.cfg", "replication.cfg", "jobs.cfg"})
"""Files that are empty once their last section is removed: that there is no HA resource or job is worth knowing."""


def document_score(path: str, head: bytes) -> float:
    """How sure it is, from 0 to 1, that a file of this name that begins so is a configuration or status dump that is read here."""
    page = page_of(path, head)
    heading = collected.heading_of(page)
    best = _best(collected.without_heading(page) if heading is not None else page)
    if best is None and heading is not None and collected.bare_reading(page, heading) is not None:
        return SURE_ENOUGH
    return best[0] if best is not None else 0.0


def read_document(path: str, data: bytes, mtime: float | None, link_target: str = "") -> Document | None:
    """The settings, cluster and dumps of a file; None if it is of no known kind.

    `link_target` is the target of a symbolic link (`etc/localtime`), for which `data` is empty. Damage becomes a problem of the
    document, never an exception.
    """
    page = page_of(path, data, link_target)
    heading = collected.heading_of(page)
    bare = collected.bare_reading(page, heading) if heading is not None else None
    if heading is not None:
        page = collected.without_heading(page)
    best = _best(page)
    reading = _of_readers(best[1], page) if best is not None else bare
    if reading is None:
        return None
    if heading is not None:
        reading = collected.with_moment(reading, heading)
    kind = best[1].kind if best is not None else reading.snapshots[0].kind
    return Document(
        path=path,
        kind=reading.snapshots[0].kind if kind == "json_state" and reading.snapshots else kind,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        mtime=mtime,
        lines=len(page.lines),
        hostname=reading.hostname,
        timezone=reading.timezone,
        zone_file=reading.zone_file,
        clusters=reading.clusters,
        settings=reading.settings,
        snapshots=reading.snapshots,
        aliases=reading.aliases,
        hints=reading.hints,
        problems=reading.problems,
    )


def _of_readers(reader: Reader, page: Page) -> Reading:
    """What the best reader finds, and in a paste of several outputs every other one that knows a part of it."""
    readers = [reader]
    if reader in PASTED:
        readers += [other for other in PASTED if other is not reader and _score(other, page) >= SURE_ENOUGH]
    return _joined(_read(each, page) for each in readers)


def _best(page: Page) -> tuple[float, Reader] | None:
    """The reader with the highest score, if any is sure enough; the first of equals. An empty file is known by its name alone."""
    if not page.data and not page.link_target:
        return (SURE_ENOUGH, EMPTY) if page.name in MAY_BE_EMPTY else None
    scores = [(_score(reader, page), reader) for reader in ALL]
    score, reader = max(scores, key=lambda pair: pair[0])
    return (score, reader) if score >= SURE_ENOUGH else None


def _score(reader: Reader, page: Page) -> float:
    """The reader's score; what makes a reader stumble is not its kind."""
    try:
        return reader.score(page)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError):
        return 0.0


def _read(reader: Reader, page: Page) -> Reading:
    """What the reader finds; a page that makes it stumble is damaged."""
    try:
        return reader.read(page)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError) as error:
        return Reading(problems=(f"damaged {reader.kind}: {type(error).__name__}: {error}"[:200],))


def _joined(readings: Iterable[Reading]) -> Reading:
    """Several readings of one page as one, snapshots in the order of its lines."""
    found = list(readings)
    if len(found) == 1:
        return found[0]
    return Reading(
        hostname=next((each.hostname for each in found if each.hostname), ""),
        timezone=next((each.timezone for each in found if each.timezone), ""),
        clusters=tuple(cluster for each in found for cluster in each.clusters),
        settings=tuple(setting for each in found for setting in each.settings),
        snapshots=tuple(sorted((one for each in found for one in each.snapshots), key=lambda one: one.line)),
        aliases={other: name for each in reversed(found) for other, name in each.aliases.items()},
        hints=tuple(hint for each in found for hint in each.hints),
        problems=tuple(problem for each in found for problem in each.problems),
    )
