"""Certificates of nodes that had run out, or were about to, when the bundle was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.model import Interval, Snapshot
from pveforensics.state.estate import Estate
from pveforensics.state.estate.copies import row_evidence
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

RENEWED_US = 14 * 86_400 * SECOND
"""pveupdate renews a node's certificate in its last two weeks (pve-manager:bin/pveupdate): one that is older than that was not renewed."""

SERVED = ("pve-ssl.pem", "pveproxy-ssl.pem")
"""Files of a node's folder in /etc/pve that its web interface serves; the second, if it is there, takes the place of the first."""

ISSUED = "PVE Cluster Node"
"""Part of the subject of every certificate that the cluster made for a node (pve-cluster:src/PVE/Cluster/Setup.pm `gen_pve_ssl_cert`)."""


def track(view: View, known: Estate, _: Sequence[Interval]) -> tuple[Interval, ...]:
    """`certificate:<file>@<n>` expired or unrenewed, with open edges.

    Only what is of use is judged: the certificates of nodes that are members now, at the last moment that logs or the dump itself show.
    Fields: `file`, `subject`, `until` (a date), `days` (since it ran out, or until it does).
    """
    found: dict[str, Interval] = {}
    for dump in view.timeline.snapshots:
        if dump.kind == "certificate":
            for interval in _of(view, dump, known.nodes):
                found.setdefault(interval.subject, interval)
    return tuple(found.values())


def _of(view: View, dump: Snapshot, members: Sequence[str]) -> Iterator[Interval]:
    path = dump.evidence[0].path if dump.evidence else ""
    name, node = path.rpartition("/")[2], _owner(path) or dump.node
    # of a chain the node's own certificate comes first; printed ones are known by what the cluster's authority writes in them
    own = name in SERVED
    row = next((each for each in dump.rows if own or ISSUED in each.get("subject", "")), {})
    seen = max((each for each in (dump.at, view.last_sign(dump.node)) if each is not None), key=lambda each: each.us, default=None)
    text = row.get("not_after", "")
    if seen is None or not text.isdigit() or node not in members:
        return
    until = Instant(int(text) * SECOND)
    left = until.us - seen.us
    if left > RENEWED_US:
        return
    fields = {
        "file": name,
        "subject": row.get("subject", ""),
        "until": f"{until.as_datetime():%Y-%m-%d}",
        "days": str(abs(left) // (86_400 * SECOND)),
    }
    line = row_evidence(dump, row)
    yield Interval(
        f"certificate:{name}@{node}", "expired" if left <= 0 else "unrenewed", None, None, fields, (line,) if line is not None else ()
    )


def _owner(path: str) -> str:
    """The node in whose folder of /etc/pve the file lies."""
    parts = path.split("/")
    return parts[-2] if len(parts) > 2 and parts[-3] == "nodes" else ""
