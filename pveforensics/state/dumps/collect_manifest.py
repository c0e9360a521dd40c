"""Reader of `collect/manifest.tsv`: what the script of `pveforensics collect` took, what failed, and what it left out."""

from __future__ import annotations

from pveforensics.readings import RawSnapshot, TimeHint
from pveforensics.state.dumps.dates import find_date
from pveforensics.state.page import Page, Reading

KIND = "collect_manifest"
FAILED_COMMAND, OTHER_COMMAND = "failed_command", "command_output"
"""Kinds of collected outputs that no reader knows: of a command that failed or was stopped, and of one whose output is for people alone."""
MOST_ROWS = 20_000

FAILED = ("failed", "limit", "hangs", "skipped")
"""Outcomes of a command or file that should be there: it failed, ran into its limit, could not even be killed, was not tried for lack of time."""

_TITLE = "outcome\twhat\twhy"


def score(page: Page) -> float:
    """By its heading and the line that names its columns."""
    return 0.95 if page.lines[:1] and page.lines[0].startswith("# pveforensics collect ") and _TITLE in page.lines[1:4] else 0.0


def read(page: Page) -> Reading:
    """One snapshot: fields `collector`, `node`, `began`, `ended` (empty if the script was stopped); rows of `outcome`, `what`, `why`."""
    words = page.lines[0].split() if page.lines else []
    fields = {
        "collector": words[3] if len(words) > 3 else "",
        "node": words[-1] if words[-2:-1] == ["on"] else "",
        "began": "",
        "ended": "",
    }
    rows: list[dict[str, str]] = []
    for number, line in page.filled():
        for word in ("began", "ended"):
            if line.startswith(f"# {word} ") and (said := find_date(line)):
                fields[word] = f"{said.local} {said.zone}".strip()
        cells = line.split("\t")
        if len(cells) == 3 and line != _TITLE and len(rows) < MOST_ROWS:
            rows.append({"outcome": cells[0], "what": cells[1], "why": cells[2], "line": str(number)})
    began = find_date(fields["began"])
    epoch = began.epoch_us if began else None
    snapshot = RawSnapshot(KIND, 1, page.lines[0][:200], node=fields["node"], epoch_us=epoch, fields=fields, rows=tuple(rows))
    hints = (TimeHint(2, "time of collection", None, epoch, began.local, began.zone, exact=True),) if began and epoch is not None else ()
    return Reading(snapshots=(snapshot,), hints=hints)
