"""What one disk or device of a guest means for one node that HA may choose: a row of the decision table."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from pveforensics.model import Evidence
from pveforensics.value import Value

ORDER = ("ok", "stale", "unknown", "start_fails", "wrong_data")
"""Verdicts from harmless to worst: the guest gets the worst of its disks and devices."""

SEVERITY = {"ok": "info", "stale": "medium", "unknown": "info", "start_fails": "high", "wrong_data": "catastrophic"}


class Verdict(Value, frozen=True):
    """`row` of the table, `verdict` (ok, stale, start_fails, wrong_data, unknown), why, what would mend it, and the lines that say so.

    `bad` is False for what is no fault of the set-up (a storage that was offline, a lock); `age_s` the age of the data, `sure` 0 to 1.
    """

    row: int
    verdict: str
    why: str
    fix: str = ""
    evidence: tuple[Evidence, ...] = ()
    subject: str = ""
    storage: str = ""
    severity: str = ""
    age_s: float | None = None
    sure: float = 0.9
    bad: bool = True

    @property
    def grave(self) -> str:
        """How bad it is: the row's own word, else the verdict's."""
        return self.severity or SEVERITY[self.verdict]


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that decides, with the lines of all that are as bad; the first of equals. None if there is none."""
    every = list(verdicts)
    if not every:
        return None
    top = max(every, key=lambda each: ORDER.index(each.verdict))
    same = [each for each in every if each.verdict == top.verdict]
    lines = tuple(dict.fromkeys(line for each in same for line in each.evidence))[:12]
    ages = [each.age_s for each in same if each.age_s is not None]
    return replace(top, evidence=lines, age_s=max(ages) if ages else None)


def cited(*lines: Evidence | None) -> tuple[Evidence, ...]:
    """The lines that are there, each once."""
    return tuple(dict.fromkeys(line for line in lines if line is not None))
