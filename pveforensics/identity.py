"""Who is who: the node of every file, and the names, addresses and ids by which logs call the nodes."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from pveforensics.errors import UsageError
from pveforensics.lazyregex import regex
from pveforensics.model import Cluster, Member
from pveforensics.readings import Document, LogScan, Naming

UNKNOWN = "unknown"
"""The node of a log that nothing names."""

_NOT_A_NODE = regex(
    r"(cluster|common|all|mixed|misc|other|logs?|dumps?|outputs?|journals?|survivors?|netconsole|nodes?|hosts?|var|etc|root|tmp|home|files?|"
    r"data|bundle|support|evidence|report|pvereport|console|serial|remote|central|syslog|messages|unknown|\.|)",
    re.IGNORECASE,
)
_PLACEHOLDER = regex(
    r"(x{2,}|y{3,}|\*+|\.+|-+|\[.*\]?|<.*>?|\(.*\)|host(name)?|node|localhost.*|redacted|unknown|none|n/a|_+)", re.IGNORECASE
)
_LOOPBACK = regex(r"127\.|::1$|0\.0\.0\.0$|::$|ff0|fe00::|localhost|ip6-|255\.")
_COPY = regex(r"~$|[._-](bak|backup|old|orig|save|new|tmp|dpkg-\w+)\b|(^|/)(old|backup)s?/", re.IGNORECASE)
"""A path that tells of a copy kept aside; it may be of the cluster that a node was in before."""
_COMPARED = 100
"""Different descriptions of clusters that are compared with each other."""
_SHARE = 0.1
"""A host with less than this share of a file's lines does not make the file a log of several hosts."""


def identify(scans: Sequence[LogScan], documents: Sequence[Document]) -> Naming:
    """Settle once, after all is read, which node each file belongs to and what every name, address and id stands for.

    The folder is the first word; `etc/hostname`, `.members` and the host column confirm or correct it. Raises UsageError
    if the documents describe two clusters.
    """
    cluster = _one_cluster(documents)
    members = {short(member.name): member for member in cluster.members if member.name}
    aliases = _addresses(documents, members)
    folders = _folders(scans, documents, aliases, members)
    nodes_with_logs: dict[str, None] = {}
    node_of_path: dict[str, str] = {}
    known = {name.lower(): name for name in (*members, *folders.values())}
    for scan in scans:
        own = _hosts_of(scan.hosts, aliases)
        node = _node_of_scan(scan, own, folders, known)
        node_of_path[scan.path] = node
        _name_hosts(scan, own, node, aliases, known)
        for host in _several(own) or (node,):
            nodes_with_logs[aliases.get(host.lower(), host)] = None
    hints = {scan.path: "" if scan.node_hint.lower() in scan.path.rpartition("/")[2].lower() else scan.node_hint for scan in scans}
    _name_the_nameless(node_of_path, nodes_with_logs, {*members, *folders.values()}, hints)
    named = [node for node in folders.values() if node not in members]
    others = sorted({node for node in (*nodes_with_logs, *named) if node and node not in members})
    nodes = (*sorted(members, key=lambda name: (members[name].nodeid or 1 << 40, name)), *others)
    for document in documents:
        node_of_path.setdefault(document.path, _node_of_document(document, folders, aliases, members, nodes))
    for name in nodes:
        aliases.setdefault(name.lower(), name)
    ids = _ids(documents, members, aliases, node_of_path)
    nodes = (*nodes, *(name for name in dict.fromkeys(ids[nodeid] for nodeid in sorted(ids)) if name not in nodes))
    notes = tuple(
        f"folder {hint!r} holds logs of {node}"
        for hint, node in sorted(folders.items())
        if hint and not _NOT_A_NODE.fullmatch(hint) and hint != node
    )
    everyone = _with_spellings(aliases)
    return Naming(nodes, frozenset(node for node in nodes_with_logs if node), node_of_path, everyone, ids, notes)


def short(name: str) -> str:
    """The short host name of a long one; addresses stay whole, runs of blanks become one."""
    name = " ".join(name.split()).rstrip(".")
    return name if is_address(name) else name.partition(".")[0] or name


def is_address(text: str) -> bool:
    """True for an IPv4 or IPv6 address."""
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


# --- the cluster -------------------------------------------------------------------------------


def _one_cluster(documents: Sequence[Document]) -> Cluster:
    """The newest of the cluster configurations. Raises UsageError where two files are of two clusters."""
    found = [(cluster, document.path) for document in documents for cluster in document.clusters if cluster.members or cluster.name]
    live = [pair for pair in found if not _COPY.search(pair[1])]
    dumped = [(cluster, document.path) for document in documents for cluster in _dumped_clusters(document)]
    for several, whole in ((live, True), ([*live, *dumped], False)):
        apart = {(cluster.name, cluster.members): (cluster, path) for cluster, path in reversed(several)}
        for (mine, first), (theirs, second) in itertools.combinations([*reversed(apart.values())][:_COMPARED], 2):
            if _clash(mine, theirs, whole=whole):
                raise UsageError(
                    f"bundles disagree: {first} is of cluster {mine.name!r} ({_some(mine)}) and {second} of cluster {theirs.name!r} "
                    f"({_some(theirs)}); analyze each in a call of its own"
                )
    return max(found, key=lambda pair: (bool(pair[0].members), pair[0].config_version or 0, len(pair[0].members)), default=(Cluster(), ""))[
        0
    ]


def _dumped_clusters(document: Document) -> Iterable[Cluster]:
    """The cluster that `pvecm status` names, with those of its nodes that were there."""
    for snapshot in document.snapshots:
        if name := snapshot.fields.get("name", "") if snapshot.kind == "quorum_status" else "":
            rows = [row.get("name", "") for row in snapshot.rows]
            yield Cluster(name, tuple(Member(row, addresses=(row,)) for row in rows if row))


def _clash(one: Cluster, other: Cluster, *, whole: bool) -> bool:
    """True for two clusters: by their names, unless an address tells that a machine is in both; by their nodes where the name is the same.

    The last is only asked of whole lists of nodes: a part of a cluster lists itself alone. Nodes of the same names and configuration
    version at other addresses are other machines; with another version they may have moved.
    """
    mine, theirs = ({short(member.name).lower() for member in each.members} for each in (one, other))
    here, there = ({address for member in each.members for address in member.addresses if is_address(address)} for each in (one, other))
    if not (one.name and other.name and mine and theirs):
        return False
    if one.name != other.name:
        return not (mine & theirs) or not (here & there)
    moved = one.config_version is None or one.config_version != other.config_version
    return whole and not (here & there) and (not (mine & theirs) or (bool(here and there) and not moved))


def _some(cluster: Cluster) -> str:
    return ", ".join(member.name for member in cluster.members[:3]) + (", ..." if len(cluster.members) > 3 else "")


def _addresses(documents: Sequence[Document], members: Mapping[str, Member]) -> dict[str, str]:
    """Lower-case name or address to node name; what two files contradict stays out, unless corosync.conf says it."""
    aliases: dict[str, str] = {}
    for name, member in members.items():
        for other in (name, member.name, *member.addresses):
            aliases.setdefault(other.lower(), name)
            aliases.setdefault(short(other).lower(), name)
    sure = set(aliases)
    disputed: set[str] = set()
    for document in documents:
        for other, name in document.aliases.items():
            key, node = other.lower(), short(name)
            node = aliases.get(node.lower(), node)
            if not key or not node or _LOOPBACK.match(key) or _LOOPBACK.match(node.lower()) or key in sure:
                continue
            if aliases.setdefault(key, node).lower() != node.lower():
                disputed.add(key)
    for key in disputed:
        del aliases[key]
    return aliases


# --- files -------------------------------------------------------------------------------------


def _hosts_of(hosts: Mapping[str, int], aliases: Mapping[str, str]) -> Counter[str]:
    """Lines per host under short names; placeholders such as `XXXX` count for nobody."""
    counts: Counter[str] = Counter()
    for host, lines in hosts.items():
        name = aliases.get(host.lower()) or short(host)
        if name and not _PLACEHOLDER.fullmatch(name):
            counts[aliases.get(name.lower(), name)] += lines
    return counts


def _majority(counts: Counter[str]) -> str:
    """The host with more than half of the lines, else an empty string."""
    if not counts:
        return ""
    host, lines = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return host if 2 * lines > counts.total() else ""


def _several(counts: Counter[str]) -> list[str]:
    """The hosts of a log that gathers several (a central rsyslog); empty for the log of one."""
    large = sorted(host for host, lines in counts.items() if lines >= _SHARE * counts.total() and lines > 1)
    return large if len(large) > 1 else []


def _folders(
    scans: Sequence[LogScan], documents: Sequence[Document], aliases: Mapping[str, str], members: Mapping[str, Member]
) -> dict[str, str]:
    """The node of each folder that is one; a folder that is none, or whose files tell of several nodes, is left out."""
    stated: dict[str, Counter[str]] = defaultdict(Counter)
    logged: dict[str, Counter[str]] = defaultdict(Counter)
    hints: dict[str, str] = {}
    for document in documents:
        hints.setdefault(document.node_hint, document.path)
        name = short(document.hostname) or (_local_name(document) if _NOT_A_NODE.fullmatch(document.node_hint) else "")
        if name and not _PLACEHOLDER.fullmatch(name):
            stated[document.node_hint][aliases.get(name.lower(), name)] += 1
    logs = {scan.node_hint for scan in scans if scan.runs}
    for scan in scans:
        hints.setdefault(scan.node_hint, scan.path)
        logged[scan.node_hint].update(_hosts_of(scan.hosts, aliases))
    folders: dict[str, str] = {}
    for hint, path in hints.items():
        node = _node_of_folder(hint, stated[hint], logged[hint], aliases, members)
        silent = node == hint and node not in members and not stated[hint] and hint not in logs and not logged[hint]
        if silent and (members or not _is_folder(hint, path)):
            continue  # documents only, and neither the cluster nor a folder has that name
        if node:
            folders[hint] = node
    return folders


def _is_folder(hint: str, path: str) -> bool:
    """True if the hint is (part of) a folder of the path; else it is a word of the file's or the archive's name, which says less."""
    return any(hint.lower() in folder.lower().replace(" ", "-") for folder in path.split("/")[:-1])


def _node_of_folder(
    hint: str, stated: Counter[str], logged: Counter[str], aliases: Mapping[str, str], members: Mapping[str, Member]
) -> str:
    """What one folder's own files say it is."""
    member = aliases.get(hint.lower()) or aliases.get(short(hint).lower(), "")
    nondescript = bool(_NOT_A_NODE.fullmatch(hint)) and member not in members
    said = next(iter(stated), "") if len(stated) == 1 else ""
    several = _several(logged)
    stranger = member not in members and bool(several) and hint.lower() not in (name.lower() for name in several)
    if (nondescript and (len(stated) > 1 or several)) or (stranger and not said):
        return ""  # logs of several machines side by side, under the archive's or a collector's name
    name = said or _majority(logged)
    if not name:
        return "" if nondescript else member or hint
    if name.lower() == hint.lower() or (hint and not nondescript and _is_cut(name, hint)):
        return hint
    if member in members and name not in members:
        return member
    if is_address(name) and not nondescript and not said:
        return member or hint
    return name


def _is_cut(host: str, folder: str) -> bool:
    """True for the host column `node` of the folder `node 01`: a name with blanks that a reader cut at the first."""
    return " " in folder and folder.lower().startswith(host.lower() + " ")


def _node_of_scan(scan: LogScan, own: Counter[str], folders: Mapping[str, str], known: Mapping[str, str]) -> str:
    """The node of one log: its folder's, unless its host column names another node that is known."""
    folder = folders.get(scan.node_hint, "")
    host = _majority(own) or (min(own, key=lambda name: (-own[name], name)) if own and not folder else "")
    apart = bool(_NOT_A_NODE.fullmatch(scan.node_hint))  # logs of several nodes may lie side by side there
    if host and (not folder or apart or (host.lower() in known and host.lower() != folder.lower())):
        return known.get(host.lower(), host)
    return folder


def _name_hosts(scan: LogScan, own: Counter[str], node: str, aliases: dict[str, str], known: Mapping[str, str]) -> None:
    """Let the host columns of a log stand for nodes: each for its own in a log of several, all for one otherwise."""
    several = set(_several(own))
    for host in scan.hosts:
        name = aliases.get(host.lower()) or aliases.get(short(host).lower()) or short(host)
        if name in several and (len(several) > 1):
            target = known.get(name.lower(), name)
        elif name.lower() in known:
            target = known[name.lower()]
        elif _majority(own) == name and node and not _PLACEHOLDER.fullmatch(name):
            target = node
        else:
            continue  # a stray word in the host column: the line belongs to the node of its file
        aliases.setdefault(host.lower(), target)
        aliases.setdefault(short(host).lower(), target)


def _name_the_nameless(node_of_path: dict[str, str], nodes_with_logs: dict[str, None], named: set[str], hints: Mapping[str, str]) -> None:
    """Give logs without host column and node folder to the only node there is; to their folder if there is none at all."""
    nodes_with_logs.pop("", None)
    candidates = {*nodes_with_logs, *named} - {""}
    for path, node in node_of_path.items():
        if not node:
            only = next(iter(candidates)) if len(candidates) == 1 else UNKNOWN if candidates else hints[path] or UNKNOWN
            node_of_path[path] = only
            nodes_with_logs[only] = None


def _node_of_document(
    document: Document, folders: Mapping[str, str], aliases: Mapping[str, str], members: Mapping[str, Member], nodes: Sequence[str]
) -> str:
    """The node of a configuration file or dump: its folder's, the one it names, the only one, or `unknown`."""
    if folders.get(document.node_hint):
        return folders[document.node_hint]
    names = {short(snapshot.node) for snapshot in document.snapshots if snapshot.node}
    for name in (short(document.hostname), *(names if len(names) == 1 else ()), _local_name(document)):
        if name:
            return aliases.get(name.lower(), name)
    return _local_member(document, aliases, members) or (nodes[0] if len(nodes) == 1 else UNKNOWN)


# --- ids ---------------------------------------------------------------------------------------


def _ids(
    documents: Sequence[Document], members: Mapping[str, Member], aliases: dict[str, str], node_of_path: Mapping[str, str]
) -> dict[int, str]:
    """Corosync node ids to names: from corosync.conf first, then from the membership rows of status dumps."""
    ids = {member.nodeid: name for name, member in members.items() if member.nodeid}
    for document in documents:
        for cluster in document.clusters:
            for member in cluster.members:
                if member.nodeid and member.name:
                    ids.setdefault(member.nodeid, aliases.get(short(member.name).lower(), short(member.name)))
    for document in documents:
        for nodeid, name, local in _membership_rows(document):
            here = node_of_path.get(document.path, UNKNOWN) if local else ""
            node = aliases.get(name.lower()) or (here if here != UNKNOWN else "") or ("" if is_address(name) else short(name))
            if not node or _PLACEHOLDER.fullmatch(node):
                continue
            ids.setdefault(nodeid, node)
            if ids[nodeid].lower() == node.lower() and name:
                aliases.setdefault(name.lower(), ids[nodeid])
    return ids


def _local_name(document: Document) -> str:
    """The node that a membership table calls its own: `1 1 alpha (local)`; empty if it shows an address, or several."""
    names = {short(name) for _, name, local in _membership_rows(document) if local and name and not is_address(name)}
    return next(iter(names)) if len(names) == 1 else ""


def _local_member(document: Document, aliases: Mapping[str, str], members: Mapping[str, Member]) -> str:
    """The member that a membership table with addresses calls its own, by the address or by its id; empty if it tells of none or of several."""
    local = [(nodeid, name) for nodeid, name, own in _membership_rows(document) if own]
    by_id = {member.nodeid: name for name, member in members.items() if member.nodeid}
    found = {aliases.get(name.lower(), "") or by_id.get(nodeid, "") for nodeid, name in local}
    return next(iter(found)) if len(found) == 1 else ""


def _membership_rows(document: Document) -> Iterable[tuple[int, str, bool]]:
    """Node id, name or address, and whether it is the local one, of each membership row of a dump."""
    for snapshot in document.snapshots:
        for row in snapshot.rows:
            plain = {key.lower().replace(" ", "").replace("_", ""): value for key, value in row.items()}
            text = plain.get("nodeid", "") or plain.get("id", "")
            try:
                nodeid = int(text, 0)
            except ValueError:
                continue
            name = plain.get("name") or plain.get("address") or plain.get("ip") or plain.get("addr") or ""
            local = "(local)" in name or plain.get("local", "").lower() in ("yes", "true", "1", "local")
            name = name.replace("(local)", "").strip()
            if 0 < nodeid < 1 << 32 and (name or local):
                yield nodeid, name, local


def _with_spellings(aliases: Mapping[str, str]) -> dict[str, str]:
    """The aliases plus each node's name as the folder writes it, so that exact and lower-case look-ups both succeed."""
    return {**aliases, **{node: node for node in aliases.values()}}
