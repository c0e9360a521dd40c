"""Reader of `systemctl --failed` and of the heads that `systemctl status` prints: units that had failed when somebody looked."""

from __future__ import annotations

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import find_date
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

KIND = "unit_status"

_SUFFIX = r"service|socket|mount|target|timer|path|swap"
_LISTED = regex(
    rf"^\s*[●*x×]?\s*(?P<unit>[\w@:.\\-]+\.(?:{_SUFFIX}))\s+(?P<load>loaded|not-found|masked|bad-setting|error)\s+(?P<active>active|inactive|failed|activating|"
    r"deactivating)\s+(?P<sub>[a-z-]+)(?:\s+(?P<desc>\S.*))?$"
)
_HEAD = regex(rf"^\s*[●○×*x↻]\s+(?P<unit>[\w@:.\\-]+\.(?:{_SUFFIX}))(?: - (?P<desc>.*))?\s*$")
_ACTIVE = regex(
    r"^\s*Active: (?P<active>[a-z]+)(?: \((?P<sub>[^)]*)\))?(?: \(Result: (?P<late>[a-z-]+)\))?(?: since (?P<since>[^;]+)(?:;.*)?)?\s*$"
)
_HEADING = regex(r"^\s*UNIT\s+LOAD\s+ACTIVE\s+SUB\b")
_NONE = regex(r"^\s*0 loaded units listed\.")


def score(page: Page) -> float:
    """By the table's heading, its rows, or heads of units with their state below."""
    lines = [clean(line) for _, line in page.filled()[:3000]]
    heads = sum(1 for line in lines if _HEAD.match(line))
    if any(_HEADING.match(line) or _NONE.match(line) for line in lines) or sum(1 for line in lines if _LISTED.match(line)) >= 2:
        return 0.7
    return 0.6 if heads and any(_ACTIVE.match(line) for line in lines) else 0.0


def read(page: Page) -> Reading:
    """One snapshot with a row a unit: `unit`, `active` (active, failed, ...), `result`, `since` (as written, with its zone); units that are well too."""
    rows: list[dict[str, str]] = []
    node = ""
    head: dict[str, str] = {}
    for number, line in page.filled():
        text = clean(line)
        command = command_of(line)
        if command is not None:
            node, head = command[0] or node, {}
        elif found := _LISTED.match(text):
            rows.append({**_row(found["unit"], number, text), "active": found["active"], "result": "", "since": ""})
        elif found := _HEAD.match(text):
            head = _row(found["unit"], number, text)
        elif head and (found := _ACTIVE.match(text)):
            said = find_date(found["since"]) if found["since"] else None
            result = found["late"] or (found["sub"] or "").removeprefix("Result: ") if found["active"] == "failed" else ""
            since = f"{said.local} {said.zone}".strip() if said is not None else ""
            rows.append({**_row(head["unit"], number, text), "active": found["active"], "result": result, "since": since})
            head = {}
    place, text = (int(rows[0]["line"]), rows[0]["text"]) if rows else (1, "")
    return Reading(snapshots=(RawSnapshot(KIND, place, text[:200], node=node, rows=tuple(rows)),))


def _row(unit: str, number: int, text: str) -> dict[str, str]:
    return {"unit": unit, "line": str(number), "text": text.strip()[:300]}
