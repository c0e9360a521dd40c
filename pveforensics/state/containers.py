"""Files that hold files: config.db with the whole of /etc/pve, and pvereport with the outputs of many commands. Each part becomes a document of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from msgspec.structs import replace

from pveforensics.readings import Document, RawSnapshot
from pveforensics.state import config_db, pvereport
from pveforensics.state.documents import read_document
from pveforensics.timebase import SECOND

DATABASE, REPORT = "config.db", "pvereport"
FAILED = "report_failure"
"""Kind of the snapshot that tells of a command that failed while the report was made."""
SECTION = "pvereport section"
"""Kind of a report's section that no reader takes: it is listed as a source, and nothing is concluded from it."""


def container_kind(head: bytes) -> str:
    """`config.db`, `config.db-wal` or `pvereport` if a file begins like one; an empty string otherwise."""
    if config_db.is_database(head):
        return DATABASE
    if config_db.is_wal(head):
        return f"{DATABASE}-wal"
    return REPORT if pvereport.is_report(head) else ""


def open_database(path: str, data: bytes, wal: bytes, mtime: float | None) -> tuple[Document, ...]:
    """The database itself (when and by whom each file was last changed) and the files in it, under the database's path."""
    found = config_db.open_database(data, wal)
    rows = tuple(
        {"path": each.path, "version": str(each.version), "writer": str(each.writer), "mtime": str(each.mtime), "size": str(len(each.data))}
        for each in sorted(found.files, key=lambda each: each.path)
    )
    fields = {"files": str(len(rows)), "frames": str(found.frames), "whole": "no" if found.problems else "yes"}
    epoch = None
    if found.head is not None:
        fields |= {"version": str(found.head.version), "writer": str(found.head.writer), "mtime": str(found.head.mtime)}
        epoch = found.head.mtime * SECOND if 978_307_200 <= found.head.mtime < 4_102_444_800 else None
    text = f"config.db with {len(rows)} files" + (f", version {fields['version']}" if "version" in fields else "")
    snapshot = RawSnapshot("config_db", 1, text, epoch_us=epoch, fields=fields, rows=rows)
    digest = hashlib.sha256(data).hexdigest()
    own = Document(path, DATABASE, len(data), digest, mtime, len(rows), snapshots=(snapshot,), problems=found.problems)
    parts = (
        read_document(f"{path}/{each.path}", each.data, float(each.mtime))
        for each in found.files
        if not each.path.startswith(config_db.LOST)
    )
    return (own, *(part for part in parts if part is not None))


def open_report(path: str, data: bytes, mtime: float | None) -> tuple[Document, ...]:
    """The report itself and its sections, under the report's path; those of several reports in one file under their nodes' names too.

    What a section shows was so when the report was made: it has the moment of the report's own `date -R`, where that stands in it.
    """
    found = pvereport.sections(data)
    nodes = {section.node for section in found}
    digest = hashlib.sha256(data).hexdigest()
    own = Document(path, REPORT, len(data), digest, mtime, data.count(b"\n") + 1, hostname=next(iter(nodes)) if len(nodes) == 1 else "")
    return (own, *_sections(path, found, mtime, several=len(nodes) > 1))


def _sections(path: str, found: list[pvereport.Section], mtime: float | None, *, several: bool) -> Iterator[Document]:
    seen: dict[str, int] = {}
    made: dict[int, int | None] = {}
    for section in found:
        name = f"{path}/{section.node}/{section.name}" if several and section.node else f"{path}/{section.name}"
        seen[name] = seen.get(name, 0) + 1
        name += f" ({seen[name]})" if seen[name] > 1 else ""
        data = section.text.encode("utf-8", "surrogatepass")
        document = read_document(name, data, mtime) or _unread(name, data, mtime)
        if section.name == "date -R" and document.snapshots:
            made[section.report] = document.snapshots[0].epoch_us
        at = made.get(section.report)
        snapshots = tuple(_dated(each, at) for each in (*document.snapshots, *_failure(section)))
        yield replace(document, node_hint=section.node, snapshots=snapshots)


def _dated(snapshot: RawSnapshot, at: int | None) -> RawSnapshot:
    """The snapshot with the report's moment, unless it states one of its own or holds moments of long ago only."""
    own = snapshot.epoch_us is not None or snapshot.local
    return snapshot if own or at is None else replace(snapshot, epoch_us=at)


def _failure(section: pvereport.Section) -> Iterator[RawSnapshot]:
    """The word of a command that failed or did not end within the report's 10 seconds (pve-manager:PVE/Report.pm)."""
    if failed := pvereport.failure(section.text):
        line, text = failed
        yield RawSnapshot(FAILED, line, text[:300], node=section.node, fields={"command": section.name, "error": text[:300]})


def _unread(name: str, data: bytes, mtime: float | None) -> Document:
    return Document(name, SECTION, len(data), hashlib.sha256(data).hexdigest(), mtime, data.count(b"\n"))
