"""Which configuration counts: members, votes and quorum, from corosync.conf or, failing that, from status dumps."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from pveforensics.model import Cluster, Member, Snapshot, Timeline
from pveforensics.readings import Naming
from pveforensics.state.arithmetic import could, needed_votes


def choose(timeline: Timeline, naming: Naming) -> Cluster:
    """The cluster as its newest configuration says; without one as a status dump or the names say it.

    Votes are left unknown (None) where neither a configuration nor a dump states them.
    """
    if timeline.clusters:
        newest = max(timeline.clusters, key=lambda cluster: (cluster.config_version or -1, len(cluster.members)))
        return counted(newest)
    dumps = [dump for dump in timeline.snapshots if dump_value(dump, "quorate") is not None]
    members = tuple(Member(name, number) for number, name in sorted(naming.ids.items()))
    known = {member.name for member in members}
    members += tuple(Member(name) for name in naming.nodes if name not in known)
    if not dumps:
        return Cluster(members=members)
    return _from_dump(max(dumps, key=lambda dump: (_number(dump, "expected_votes") or 0, dump.at.us if dump.at else 0)), members)


def counted(cluster: Cluster) -> Cluster:
    """The cluster with expected votes and quorum filled in as votequorum counts them (corosync:exec/votequorum.c)."""
    expected = cluster.expected_votes
    if expected is None and cluster.members:
        expected = sum(member.votes for member in cluster.members) + (cluster.qdevice_votes if cluster.qdevice else 0)
    quorum = cluster.quorum
    if quorum is None and expected:
        quorum = needed_votes(expected, two_node=cluster.two_node)
    return replace(cluster, expected_votes=expected, quorum=quorum)


def has_quorum(cluster: Cluster, nodes: tuple[str, ...]) -> bool | None:
    """Whether these nodes alone reach the quorum; None if votes are unknown, or a device or a flag may make up for missing ones."""
    return could(cluster, nodes).quorate


def dump_value(dump: Snapshot, key: str) -> str | None:
    """A field of a status dump, whichever way its key is written (`Expected votes`, `expected_votes`)."""
    return _plain(dump.fields).get(key)


def _plain(fields: Mapping[str, str]) -> dict[str, str]:
    return {key.strip().lower().replace(" ", "_"): value for key, value in fields.items()}


def _number(dump: Snapshot, key: str) -> int | None:
    words = (dump_value(dump, key) or "").split()
    return int(words[0]) if words and words[0].isdecimal() and len(words[0]) < 6 else None


def _from_dump(dump: Snapshot, members: tuple[Member, ...]) -> Cluster:
    flags = (dump_value(dump, "flags") or "").split()
    return counted(
        Cluster(
            name=dump_value(dump, "name") or "",
            members=members,
            expected_votes=_number(dump, "expected_votes"),
            quorum=_number(dump, "quorum"),
            qdevice="Qdevice" in flags,
            two_node="2Node" in flags,
            wait_for_all="WaitForAll" in flags,
            last_man_standing="LastManStanding" in flags,
            auto_tie_breaker="AutoTieBreaker" in flags,
            evidence=dump.evidence,
        )
    )
