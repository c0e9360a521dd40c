"""Files that hold files: config.db with the whole of /etc/pve, and pvereport with the outputs of many commands. Each part becomes a document of its own."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

from pveforensics.readings import Document, RawSnapshot
from pveforensics.state import config_db, pvereport
from pveforensics.state.documents import read_document
from pveforensics.timebase import SECOND

DATABASE, REPORT = "config.db", "pvereport"


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
    """The report itself and its sections, under the report's path; those of several reports in one file under their nodes' names too."""
    found = pvereport.sections(data)
    nodes = {section.node for section in found}
    digest = hashlib.sha256(data).hexdigest()
    own = Document(path, REPORT, len(data), digest, mtime, data.count(b"\n") + 1, hostname=next(iter(nodes)) if len(nodes) == 1 else "")
    return (own, *_sections(path, found, mtime, several=len(nodes) > 1))


def _sections(path: str, found: list[pvereport.Section], mtime: float | None, *, several: bool) -> Iterator[Document]:
    seen: dict[str, int] = {}
    for section in found:
        name = f"{path}/{section.node}/{section.name}" if several and section.node else f"{path}/{section.name}"
        seen[name] = seen.get(name, 0) + 1
        name += f" ({seen[name]})" if seen[name] > 1 else ""
        document = read_document(name, section.text.encode("utf-8", "surrogatepass"), mtime)
        if document is not None:
            yield dataclasses.replace(document, node_hint=section.node)
