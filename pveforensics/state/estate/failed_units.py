"""Units that `systemctl` showed as failed when the bundle was made, of which no log tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.model import Interval
from pveforensics.state.estate import Estate
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.trackers.boot_records import moment
from pveforensics.state.trackers.service_units import OWN, unit_of
from pveforensics.state.trackers.services import RESULTS
from pveforensics.state.view import View


def track(view: View, _: Estate, intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    """`service:<unit>@<n>` down without an end, for units that a list shows as failed and that the logs do not tell of.

    It begins when `systemctl status` says so, else at an unknown time. Fields as of the tracker of services.
    """
    told = {each.subject for each in intervals if each.state == "down" and each.subject.startswith("service:")}
    return tuple(each for node in view.nodes for each in _of_node(view, node) if each.subject not in told)


def _of_node(view: View, node: str) -> Iterator[Interval]:
    found: dict[str, Interval] = {}
    for dump in view.snapshots_of(node, "unit_status"):
        for row in dump.rows:
            unit = unit_of(row["unit"])
            if row["active"] != "failed" or not unit:
                continue
            result, line = row.get("result", ""), row_evidence(dump, row)
            fields = {
                "unit": unit,
                "ended": RESULTS.get(result, "failed"),
                "why": f"systemctl shows it as failed{f' (result {result!r})' if result else ''}",
                "restarted": "no",
                "restarts": "0",
                "own": "yes" if unit in OWN else "",
                "count": "1",
                "closed_by": "",
            }
            start = moment(view, node, row["since"]) if row.get("since") else None
            if unit not in found or (start is not None and found[unit].start is None):
                found[unit] = Interval(f"service:{unit}@{node}", "down", start, None, fields, (line,) if line is not None else ())
    yield from found.values()
