"""Hand-made timelines for the trackers: events of named nodes at seconds after a fixed hour."""

import re

from pveforensics.model import Boot, Cluster, Coverage, Event, Evidence, Interval, Member, Snapshot, Timeline
from pveforensics.readings import Naming
from pveforensics.state.view import View, view_of
from pveforensics.timebase import SECOND, Instant

HOUR = 1_780_000_000 * SECOND
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")

WORDS = {
    "started": "corosync_started",
    "provider": "corosync_quorum_provider",
    "lost": "corosync_quorum_lost",
    "gained": "corosync_quorum_gained",
    "plost": "pmxcfs_quorum_lost",
    "pgained": "pmxcfs_quorum_gained",
    "cut": "pmxcfs_corosync_disconnected",
    "nocorosync": "pmxcfs_corosync_unreachable",
    "clinfo": "pmxcfs_cluster_info",
    "warning": "totem_token_warning",
    "stopping": "corosync_stopping",
    "stopped": "corosync_stopped",
    "signal": "corosync_shutdown",
    "failed_unit": "service_failed",
    "expired": "watchdog_expired",
    "qlost": "qdevice_server_timeout",
    "nicdown": "nic_link_down",
}


def at(seconds):
    return Instant(HOUR + round(seconds * SECOND))


def seconds(moment):
    return None if moment is None else (moment.us - HOUR) / SECOND


def event(node, when, words, seq=0):
    """One event from a short form: `down 2 0` (link 0 to node 2), `ring 1.a 1 2 3 left 3 failed 3`, `members 1 2`."""
    head, _, rest = words.partition(" ")
    program, fields = "corosync", {}
    if head in ("down", "up"):
        kind, (number, link) = f"knet_link_{head}", rest.split()
        fields = {"node": number, "link": link}
    elif head == "alone":
        kind, fields = "knet_no_active_links", {"node": rest}
    elif head == "ring":
        kind = "totem_membership_changed"
        found = re.fullmatch(r"(\w+)\.(\w+)(?: joined((?: \d+)+))?(?: left((?: \d+)+))?", rest)
        fields = {"ring_rep": found[1], "ring_seq": found[2], **{k: v for k, v in (("joined", found[3]), ("left", found[4])) if v}}
    elif head == "unheard":
        kind, fields = "totem_leave_not_received", {"failed": f" {rest}"}
    elif head in ("members", "sync_members", "sync_left", "sync_joined"):
        more = rest.endswith("\\")
        kind, fields = f"corosync_{head}", {"ids": f" {rest.rstrip(chr(92))}"} | ({"more": "\\"} if more else {})
    elif head == "announced":
        kind, fields = "corosync_node_shutdown_announced", {"node": rest}
    elif head == "token":
        kind, fields = "totem_token_lost", {"token_ms": "3650", "consensus_ms": "4380"}
    elif head == "miss":
        kind, fields = "corosync_sched_miss", {"ms": rest, "limit": "2920.0"}
    elif head == "pmembers":
        kind, fields = "pmxcfs_members", {"members": rest, "domain": "dcdb"}
    elif head == "retransmit":
        kind = "totem_retransmit"
    else:
        kind = WORDS[head]
    if kind.startswith("pmxcfs"):
        program = "pmxcfs"
    elif kind in ("service_failed", "watchdog_expired", "qdevice_server_timeout", "nic_link_down"):
        program = {"watchdog_expired": "watchdog-mux", "qdevice_server_timeout": "corosync-qdevice"}.get(kind, "kernel")
    count = int(rest) if head == "retransmit" else 1
    signature = "corosync.unit_failed" if kind == "service_failed" else kind
    moment = None if when is None else at(when)
    evidence = (Evidence(f"{node}/syslog", seq + 1, node, f"{when} {words}"),)
    return Event(kind, node, moment, fields, evidence, count, None, seq, program, signature)


def view(logs, *, nodes=3, boots=(), snapshots=(), conf=True, named=True, **cluster):
    """The view of logs given as `{"alpha": [(0, "started"), (2, "gained")]}`."""
    return view_of(timeline(logs, snapshots=snapshots), naming(logs, nodes, named), made_cluster(nodes, cluster) if conf else None, boots)


def made_cluster(nodes, more=()):
    members = tuple(Member(name, number) for number, name in enumerate(NAMES[:nodes], 1))
    votes = nodes + (1 if dict(more).get("qdevice") else 0)
    return Cluster("demo", members, **{"expected_votes": votes, "quorum": votes // 2 + 1, **dict(more)})


def timeline(logs, *, snapshots=(), clusters=()):
    events = [event(node, when, words, seq) for node, log in logs.items() for seq, (when, words) in enumerate(log)]
    events.sort(key=lambda e: (e.at is None, e.at.us if e.at else 0, e.seq))
    coverage = []
    for node in logs:
        moments = [e.at for e in events if e.node == node and e.at]
        if moments:
            coverage.append(Coverage(node, min(moments), max(moments), f"{node}/syslog"))
    return Timeline(tuple(events), tuple(coverage), tuple(snapshots), clusters=tuple(clusters))


def naming(logs, nodes=3, named=True):
    ids = dict(enumerate(NAMES[:nodes], 1)) if named else {}
    names = NAMES[:nodes] if named else tuple(logs)
    return Naming(names, frozenset(logs), {f"{node}/syslog": node for node in logs}, {}, ids)


def boot(node, start, end, manner, next_start=None):
    pick = lambda value: None if value is None else at(value)  # noqa: E731
    return Boot(node, pick(start), pick(end), manner, next_start=pick(next_start))


def dump(node, when, quorate, rows=()):
    evidence = (Evidence(f"{node}/pvecm", 1, node, f"Quorate: {quorate}"),)
    return Snapshot("quorum_status", node, None if when is None else at(when), {"Quorate": quorate}, tuple(rows), evidence)


def spans(intervals, subject, state):
    """Start, end and fields of the intervals of one subject and state."""
    return [(seconds(i.start), seconds(i.end), dict(i.fields)) for i in intervals if i.subject == subject and i.state == state]


def quiet_start(number, alone=True):
    """How corosync starts on a node of three that finds its two peers."""
    peers = [n for n in (1, 2, 3) if n != number]
    lines = [(0, "started"), (0.4, f"alone {peers[0]}"), (0.4, f"alone {peers[1]}")]
    if alone:
        lines += [(0.5, f"sync_members {number}"), (0.5, f"ring {number}.5 joined {number}"), (0.5, f"members {number}")]
    joined = " ".join(map(str, peers))
    lines += [(2, f"up {peers[0]} 0"), (2, f"up {peers[1]} 0"), (3, "sync_members 1 2 3"), (3, f"sync_joined {joined}")]
    return [*lines, (3, f"ring 1.9 joined {joined}"), (3.01, "gained"), (3.01, "members 1 2 3")]


def isolation(number, start=100.0, length=40.0):
    """Logs of three nodes of which one is cut off for a while; all started long before."""
    others = [n for n in (1, 2, 3) if n != number]
    lost = " ".join(map(str, others))
    end = start + length
    logs = {}
    for n in (1, 2, 3):
        log = quiet_start(n)
        if n == number:
            log += [(start + 1, f"down {o} 0") for o in others] + [(start + 1, f"alone {o}") for o in others]
            log += [
                (start + 2.5, "warning"),
                (start + 3.4, "token"),
                (start + 7.8, f"sync_members {n}"),
                (start + 7.8, f"sync_left {lost}"),
            ]
            log += [
                (start + 7.8, f"ring {n}.11 left {lost}"),
                (start + 7.8, f"unheard {lost}"),
                (start + 7.81, "lost"),
                (start + 7.81, f"members {n}"),
            ]
            log += [(end + 2, f"up {o} 0") for o in others]
            log += [
                (end + 4, "sync_members 1 2 3"),
                (end + 4, f"sync_joined {lost}"),
                (end + 4, f"ring 1.15 joined {lost}"),
                (end + 4.01, "gained"),
            ]
        else:
            log += [(start + 1.3, f"down {number} 0"), (start + 1.3, f"alone {number}"), (start + 2.5, "warning")]
            log += [
                (start + 7.8, f"sync_members {lost}"),
                (start + 7.8, f"sync_left {number}"),
                (start + 7.8, f"ring {others[0]}.11 left {number}"),
            ]
            log += [(start + 7.8, f"unheard {number}"), (start + 7.81, f"members {lost}")]
            log += [
                (end + 2, f"up {number} 0"),
                (end + 4, "sync_members 1 2 3"),
                (end + 4, f"sync_joined {number}"),
                (end + 4, f"ring 1.15 joined {number}"),
            ]
        log += [(end + 4.01, "members 1 2 3")]
        logs[NAMES[n - 1]] = log
    return logs


__all__ = [
    "Interval",
    "View",
    "at",
    "boot",
    "dump",
    "event",
    "isolation",
    "made_cluster",
    "naming",
    "quiet_start",
    "seconds",
    "spans",
    "timeline",
    "view",
]
