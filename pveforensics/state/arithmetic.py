"""Quorum arithmetic: which nodes could be quorate together, by votes and by votequorum's special flags (man votequorum.5)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from pveforensics.model import Cluster


class Could(NamedTuple):
    """What the votes say of a group of nodes: those it has, those it needs, and whether that makes it quorate.

    `quorate` is None where votes alone do not decide. `firm` is False where a flag depends on what was before: a log that says
    otherwise contradicts nothing then.
    """

    votes: int
    needed: int | None
    quorate: bool | None
    firm: bool
    why: str


def votes_of(cluster: Cluster, nodes: Collection[str]) -> int:
    """The votes that these nodes bring; a node that the configuration does not name counts one."""
    votes = {member.name: member.votes for member in cluster.members}
    return sum(votes.get(node, 1) for node in nodes)


def needed_votes(expected: int, *, two_node: bool = False) -> int:
    """The votes that make a quorum of so many expected ones (corosync:exec/votequorum.c `calculate_quorum`)."""
    return 1 if two_node else expected // 2 + 1


def tie_breakers(cluster: Cluster, setting: str | None) -> frozenset[str] | None:
    """The nodes of which one decides an even split: `lowest` (the default), `highest`, or a list of ids; None if ids are unknown."""
    by_id = {member.nodeid: member.name for member in cluster.members if member.nodeid}
    if not by_id or len(by_id) < len(cluster.members):
        return None
    word = (setting or "lowest").strip().lower()
    if word in ("lowest", "highest"):
        return frozenset({by_id[min(by_id) if word == "lowest" else max(by_id)]})
    ids = word.split()
    if not all(each.isascii() and each.isdigit() and len(each) < 10 for each in ids):
        return None
    # the first one of the list that is still there decides; which that was, is not known here, unless it is one alone
    return frozenset({by_id.get(int(ids[0]), "")}) if len(ids) == 1 else None


def could(cluster: Cluster, nodes: Collection[str], *, expected: int | None = None, breakers: frozenset[str] | None = None) -> Could:
    """Whether these nodes, in one ring, can be quorate. `expected` stands for an expected-votes override (`pvecm expected`)."""
    votes = votes_of(cluster, nodes)
    total = expected if expected is not None else cluster.expected_votes
    if not nodes or (total is None and cluster.quorum is None):
        return Could(votes, None, None, False, "the votes of the cluster are not known")
    needed = needed_votes(total, two_node=cluster.two_node) if expected is not None and total is not None else cluster.quorum
    if needed is None:
        needed = needed_votes(total or 0, two_node=cluster.two_node)
    if votes >= needed:
        if cluster.wait_for_all:
            return Could(votes, needed, True, False, "enough votes, once all nodes have been seen together (wait_for_all)")
        return Could(votes, needed, True, True, "enough votes")
    return _short(cluster, frozenset(nodes), votes, needed, total, breakers)


def _short(cluster: Cluster, nodes: frozenset[str], votes: int, needed: int, total: int | None, breakers: frozenset[str] | None) -> Could:
    """A group that lacks votes: a device, a tie breaker or shrinking expectations may still make it quorate."""
    # a status dump names a device and not its votes: then they are not known
    if cluster.qdevice and (not cluster.qdevice_votes or votes + cluster.qdevice_votes >= needed):
        return Could(votes, needed, None, False, "quorate if the quorum device votes for it")
    if cluster.auto_tie_breaker and total is not None and 2 * votes == total:
        if breakers is None:
            return Could(votes, needed, None, False, "half of the votes: the tie breaker decides (auto_tie_breaker)")
        if nodes & breakers:
            return Could(votes, needed, True, False, "half of the votes and the tie breaker (auto_tie_breaker)")
        return Could(votes, needed, False, not cluster.last_man_standing, "half of the votes, without the tie breaker (auto_tie_breaker)")
    if cluster.last_man_standing:
        return Could(votes, needed, None, False, "expected votes follow the last quorate group (last_man_standing)")
    return Could(votes, needed, False, True, "too few votes")
