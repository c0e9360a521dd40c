"""Reader of `zfs list` in its column forms, with heading or without (`-H`), exact or rounded, and of `zfs get`: datasets and snapshots."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import find_date
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "zfs_list"

COLUMNS = frozenset(
    ["used", "avail", "available", "refer", "referenced", "mountpoint", "guid", "creation", "createtxg", "written", "type", "origin", "compressratio", "ratio", "volsize", "quota", "refquota", "reserv", "reservation", "refreservation", "refreserv", "usedds", "usedsnap", "usedchild", "usedrefreserv", "usedbysnapshots", "userrefs", "canmount", "mounted", "encryption", "clones", "logicalused", "lused", "lrefer"]
)  # fmt: skip
"""Properties that people list; the heading writes them in capitals (openzfs/zfs:cmd/zfs/zfs_main.c). One of them makes a heading of a line;
others, such as properties that users made up, may stand beside it."""

DEFAULT = ("name", "used", "avail", "refer", "mountpoint")
_ALIASES = {"available": "avail", "referenced": "refer"}
_CHOSEN = regex(r"\bzfs[\s_]+list\b.*?[\s_]-[a-zA-Z]*o[\s_]*(?P<columns>[a-z][a-z,:]*)")
_COLUMN = regex(r"[A-Z][A-Z0-9:._-]*", re.ASCII)
_NOTHING = "no datasets available"
"""What the command prints where there is none (openzfs/zfs:cmd/zfs/zfs_main.c `zfs_do_list`)."""
_GET = regex(r"^NAME\s+PROPERTY\s+VALUE\s+SOURCE\s*$")
_GOT = regex(
    r"^(?P<name>\S+)\s+(?P<property>[a-z][\w:.-]*)\s+(?P<value>\S.*?)\s+(?:-|local|default|temporary|received|inherited from \S+)\s*$"
)
GOTTEN = frozenset({"used", "available", "referenced", "guid", "creation", "createtxg", "written", "type", "origin", "mountpoint"})
"""Properties that are kept of `zfs get all`, which prints all of them for each dataset and snapshot."""
_NAME = regex(r"[A-Za-z][\w.:+ %-]{0,200}(?:/[\w.:+%-]+){0,20}(?:@[\w.:+%-]+)?", re.ASCII)
_SIZE = regex(r"(?:\d+(?:[.,]\d+)?[KMGTPEB]?B?|-)", re.ASCII)
_WORDY_DATE = regex(r"[A-Z][a-z]{2} +[A-Z][a-z]{2} +\d{1,2} +\d{1,2}:\d\d(?::\d\d)? +\d{4}")
_SECONDLESS = regex(r"(\d{1,2}:\d\d) (\d{4})$")
_GUID = regex(r"\d{15,20}", re.ASCII)
_EPOCH = regex(r"[12]\d{9}", re.ASCII)


def score(page: Page) -> float:
    """By its heading, or by rows of a dataset and what a list without heading shows of it."""
    lines = [line for _, line in page.filled()[:20_000]]
    if page.is_log() or not lines:
        return 0.0
    if any(_heading(clean(line)) or _GET.match(clean(line)) for line in lines):
        return 0.95
    if any(line.strip() == _NOTHING for line in lines):
        return 0.9 if len(lines) <= 3 else 0.5
    chosen = _chosen(page.name)
    for line in lines[:50]:
        command = command_of(line)
        chosen = chosen or (_chosen(command[1]) if command is not None else ())
    bare = sum(1 for line in lines if _bare(line, chosen))
    return 0.85 if bare and 2 * bare >= len(lines) else 0.0


def read(page: Page) -> Reading:
    """One snapshot for each list: a row a dataset or snapshot, its columns by property name; `creation` as epoch seconds or as written.

    A list without rows is one where the tool said that there is no dataset.
    """
    return Reading(snapshots=tuple(_lists(page)))


def _lists(page: Page) -> Iterator[RawSnapshot]:
    columns: tuple[str, ...] = ()
    chosen = _chosen(page.name)
    rows: dict[str, dict[str, str]] = {}
    node, getting = "", False
    for number, line in page.filled():
        text = clean(line) if "\t" not in line else line.rstrip()
        command, heading, get = command_of(line), _heading(text), bool(_GET.match(text))
        if command is not None or heading or get:
            if rows:
                yield _snapshot(rows, node)
                rows = {}
            columns, getting = heading, get
            if command is not None:
                node, chosen = command[0] or node, _chosen(command[1])
        elif text.strip() == _NOTHING:
            yield RawSnapshot(KIND, number, _NOTHING, node=node)
        elif getting:
            _got(rows, text, number)
        elif row := _row(text, columns) if columns else _bare(text, chosen):
            rows.setdefault(row["name"], {**row, "line": str(number), "text": text.strip()[:300]})
    if rows:
        yield _snapshot(rows, node)


def _got(rows: dict[str, dict[str, str]], text: str, number: int) -> None:
    """One property of `zfs get`; its line is the one that shows a snapshot's guid, if it is there."""
    found = _GOT.match(text)
    if not found or found["property"] not in GOTTEN or not _NAME.fullmatch(found["name"]):
        return
    row = rows.setdefault(found["name"], {"name": found["name"], "line": str(number), "text": text.strip()[:300]})
    value = _creation(" ".join(found["value"].split())) if found["property"] == "creation" else found["value"]
    row[_ALIASES.get(found["property"], found["property"])] = value
    if found["property"] == "guid":
        row |= {"line": str(number), "text": text.strip()[:300]}


def _snapshot(rows: dict[str, dict[str, str]], node: str) -> RawSnapshot:
    first = next(iter(rows.values()))
    return RawSnapshot(KIND, int(first["line"]), first["text"], node=node, rows=tuple(rows.values()))


def _heading(text: str) -> tuple[str, ...]:
    """The columns that a heading names; empty if the line is none."""
    words = text.split()
    if words[:1] != ["NAME"] or not all(map(_COLUMN.fullmatch, words)) or not any(word.lower() in COLUMNS for word in words):
        return ()
    return tuple(_ALIASES.get(word.lower(), word.lower()) for word in words)


def _chosen(command: str) -> tuple[str, ...]:
    found = _CHOSEN.search(command)
    return tuple(_ALIASES.get(word, word) for word in found["columns"].split(",")) if found else ()


def _cells(text: str) -> list[str]:
    if "\t" in text:
        return [cell.strip() for cell in text.split("\t")]
    return _WORDY_DATE.sub(lambda found: re.sub(r" +", "\0", found[0]), text).split()


def _row(text: str, columns: Sequence[str]) -> dict[str, str]:
    cells = [cell.replace("\0", " ") for cell in _cells(text)]
    if len(cells) > len(columns) and columns[-1] == "mountpoint":  # a mount point may hold blanks
        cells = [*cells[: len(columns) - 1], " ".join(cells[len(columns) - 1 :])]
    if not cells or not _NAME.fullmatch(cells[0]) or not 2 <= len(cells) <= len(columns):
        return {}
    row = dict(zip(columns, cells, strict=False))
    sizes = [row[name] for name in ("used", "avail", "refer", "written") if name in row]
    if not all(map(_SIZE.fullmatch, sizes)):
        return {}
    if row.get("creation"):
        row["creation"] = _creation(row["creation"])
    return row


def _creation(text: str) -> str:
    """Epoch seconds where the list is exact, else `YYYY-MM-DD HH:MM:SS` of the node's own time; minutes are all that the rounded form shows."""
    if text.isdigit():
        return text
    said = find_date(_SECONDLESS.sub(r"\1:00 \2", text))
    return said.local if said else text


def _bare(text: str, chosen: Sequence[str]) -> dict[str, str]:
    """A row of a list without heading: by the columns that the command chose, else by what the cells can be."""
    cells = [cell.replace("\0", " ") for cell in _cells(text)]
    default = (
        len(cells) == 5 and all(map(_SIZE.fullmatch, cells[1:4])) and (cells[4].startswith("/") or cells[4] in ("-", "none", "legacy"))
    )
    if len(cells) < 2 or not _NAME.fullmatch(cells[0]) or not ("/" in cells[0] or "@" in cells[0] or default or chosen):
        return {}
    if chosen:
        return _row(text, chosen) if chosen[0] == "name" and len(chosen) == len(cells) else {}
    if len(cells) == 3 and _GUID.fullmatch(cells[1]) and _EPOCH.fullmatch(cells[2]):
        return {"name": cells[0], "guid": cells[1], "creation": cells[2]}
    if len(cells) == 2 and _GUID.fullmatch(cells[1]) and len(cells[1]) > 14:
        return {"name": cells[0], "guid": cells[1]}
    if len(cells) == 2 and _EPOCH.fullmatch(cells[1]) and "@" in cells[0]:
        return {"name": cells[0], "creation": cells[1]}
    return dict(zip(DEFAULT, cells, strict=True)) if default else {}
