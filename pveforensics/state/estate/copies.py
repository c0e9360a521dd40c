"""Which copy of /etc/pve counts where a bundle holds several: one for each node, config.db, reports, single files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pveforensics.lazyregex import regex
from pveforensics.model import Evidence, Snapshot

_ROOT = regex(r"^(?P<root>(?:.*/)?(?:etc/pve|config\.db))/")
_INNER = regex(r"/?(?:nodes/[^/]+/(?:qemu-server|lxc)|qemu-server|lxc|ha|mapping|sdn|ha-config|vm-configs|ct-configs|sdn-config)$")


_TELLING = frozenset({"storage_cfg", "ha_resources", "guest_config"})
"""Kinds of files that together stand for a tree of /etc/pve that was copied as a whole."""


def root_of(dump: Snapshot) -> str:
    """The folder of the copy of /etc/pve that a file is part of."""
    path = dump.evidence[0].path if dump.evidence else ""
    if found := _ROOT.match(path):
        return found["root"]
    return _INNER.sub("", path.rpartition("/")[0])


class Copies:
    """The dumps by kind, those of the fullest copy first."""

    def __init__(self, dumps: Sequence[Snapshot]) -> None:
        """Rank the copies once: by how many files each holds, then by the database's change counter, then by name."""
        files = Counter(root_of(dump) for dump in dumps)
        versions: dict[str, int] = {}
        for dump in dumps:
            if dump.kind == "config_db" and dump.evidence and dump.fields.get("version", "").isdigit():
                versions[dump.evidence[0].path] = int(dump.fields["version"])
        ranked = sorted(files, key=lambda root: (-files[root], -versions.get(root, 0), root))
        self._rank = {root: place for place, root in enumerate(ranked)}
        self._whole = {
            dump.evidence[0].path for dump in dumps if dump.kind == "config_db" and dump.evidence and dump.fields.get("whole") == "yes"
        }
        kinds: dict[str, set[str]] = {}
        for dump in dumps:
            kinds.setdefault(root_of(dump), set()).add(dump.kind)
        self._whole |= {root for root, held in kinds.items() if root.endswith("etc/pve") and held >= _TELLING}
        self._dumps = sorted(dumps, key=lambda dump: self._rank[root_of(dump)])

    def all(self, kind: str) -> list[Snapshot]:
        """Every dump of a kind, those of the best copy first."""
        return [dump for dump in self._dumps if dump.kind == kind]

    def is_whole(self) -> bool:
        """True if some copy holds all files there were: an undamaged config.db, or a tree with what only a copy of the whole has.

        In such a copy a file that is missing does not exist: without any job there is no replication.cfg.
        """
        return bool(self._whole)

    def best(self, kind: str) -> Snapshot | None:
        """The dump of a kind in the best copy that has one."""
        return next((dump for dump in self._dumps if dump.kind == kind), None)


def row_evidence(dump: Snapshot, row: Mapping[str, str]) -> Evidence | None:
    """The line that a row stands on, with its text."""
    if not dump.evidence:
        return None
    line = row.get("_line") or row.get("line") or ""
    text = row.get("_text") or row.get("text") or dump.evidence[0].text
    number = int(line) if line.isascii() and line.isdigit() and len(line) < 10 else dump.evidence[0].line
    return Evidence(dump.evidence[0].path, number, dump.node, text, at=dump.at)
