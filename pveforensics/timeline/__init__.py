"""The merged timeline of all nodes as tables and files: `to_arrow` and `to_pandas` for programs, `stream` for the command line.

    case = pveforensics.analyze("bundle.tgz")
    table = pveforensics.timeline.to_arrow(case)

docs/timeline.md describes the columns. Arrow and pandas are loaded by the functions that need them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pveforensics.model import Case

__all__ = ["to_arrow", "to_pandas"]


def to_arrow(case: Case) -> pa.Table:
    """The events of a case, one row each, in order of time; those without a moment come last."""
    from pveforensics.timeline.tables import event_table  # noqa: PLC0415 - pyarrow only where a table is made

    return event_table(case.events)


def to_pandas(case: Case) -> pd.DataFrame:
    """The same as a pandas frame: times with their zone, names as categories."""
    return to_arrow(case).to_pandas()
