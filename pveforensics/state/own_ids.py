"""Corosync node ids that the logs themselves give away, where no configuration is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from pveforensics.lazyregex import regex
from pveforensics.state.nodelog import NodeLog
from pveforensics.timebase import SECOND

_LISTS = frozenset({"corosync_members", "corosync_sync_members"})
_PLACEHOLDER = regex(r"node\d+")
_WORD_US = 5 * SECOND
_NAMED_BY = ("totem_membership_changed", "pacemaker_peer_state")


def learned(logs: Mapping[str, NodeLog], known: Mapping[int, str]) -> dict[int, str]:
    """Ids of nodes that have a log: a node is in every member list that it writes, and is no end of its own links.

    An id is taken only if it is the only one left for its node, no other node claims it, and no configuration
    names it otherwise.
    """
    told = _told(logs)
    known = {**told, **known}
    named = {name for number, name in known.items() if name != f"node{number}"}
    claims: dict[str, int] = {}
    for node, log in logs.items():
        if node in named or _PLACEHOLDER.fullmatch(node):
            continue
        own = _own_id(log)
        if own is not None and known.get(own, f"node{own}") == f"node{own}":
            claims[node] = own
    count = Counter(claims.values())
    found = {number: node for node, number in claims.items() if count[number] == 1}
    return told | found | _last_left(logs, {**known, **found})


def _told(logs: Mapping[str, NodeLog]) -> dict[int, str]:
    """Names that another cluster manager's lines put beside an id; one that is told two ways is left out."""
    told: dict[int, set[str]] = {}
    for log in logs.values():
        for event in log.of(("pacemaker_peer_named", "pacemaker_peer_state")):
            number = event.fields.get("nodeid") or ""
            if number.isdecimal() and len(number) <= 10:
                told.setdefault(int(number), set()).add((event.fields.get("node") or "").partition(".")[0])
    for log in logs.values():
        for left, name in _lost_by_name(log):
            told.setdefault(left, set()).add(name)
    return {number: next(iter(names)) for number, names in told.items() if len(names) == 1 and names != {""}}


def _lost_by_name(log: NodeLog) -> Iterator[tuple[int, str]]:
    """The id that corosync says has left alone and the one name that pacemaker calls lost within the next seconds."""
    seen = [event for event in log.of(_NAMED_BY) if event.at is not None]
    for place, event in enumerate(seen):
        left = (event.fields.get("left") or "").split()
        if event.at is None or len(left) != 1 or not left[0].isdecimal() or len(left[0]) > 10:
            continue
        names: set[str] = set()
        for later in seen[place + 1 :]:
            if later.at is None or later.kind != "pacemaker_peer_state" or later.at.us - event.at.us > _WORD_US:
                break
            if later.fields.get("state") == "lost":
                names.add((later.fields.get("node") or "").partition(".")[0])
        if len(names) == 1:
            yield int(left[0]), names.pop()


def _last_left(logs: Mapping[str, NodeLog], known: Mapping[int, str]) -> dict[int, str]:
    """The one id without a name, if exactly one node with a log has none either and the member lists name no more ids than nodes."""
    listed = {
        int(word)
        for log in logs.values()
        for event in log.of(_LISTS)
        for word in (event.fields.get("ids") or "").split()
        if word.isdecimal() and len(word) <= 10
    }
    named = {name for number, name in known.items() if name != f"node{number}"}
    nameless = [number for number in listed if known.get(number, f"node{number}") == f"node{number}"]
    numberless = [node for node in logs if node not in named and not _PLACEHOLDER.fullmatch(node)]
    if len(nameless) == len(numberless) == 1 and len(listed) == len(logs):
        return {nameless[0]: numberless[0]}
    return {}


def _own_id(log: NodeLog) -> int | None:
    common: set[str] | None = None
    peers: set[str] = set()
    wrapped = False
    of_links = [kind for kind in log.kinds if kind.startswith("knet_link_") or kind == "knet_no_active_links"]
    for event in log.of((*_LISTS, *of_links)):
        if event.kind in _LISTS:
            more = bool(event.fields.get("more"))
            if not more and not wrapped:
                ids = set((event.fields.get("ids") or "").split())
                common = ids if common is None else common & ids
            wrapped = more
        else:
            peers.add(event.fields.get("node") or "")
    left = (common or set()) - peers
    only = next(iter(left)) if len(left) == 1 else ""
    return int(only) if only.isdecimal() and len(only) <= 10 else None
