"""Cases made by hand, for the tests of everything that is drawn from a case."""

from __future__ import annotations

import datetime

from pveforensics.model import (
    Belief,
    Benign,
    Boot,
    BundleInfo,
    Case,
    Cause,
    Check,
    Cluster,
    Criticality,
    Event,
    Evidence,
    Finding,
    Group,
    GuestImpact,
    History,
    Incident,
    Interval,
    Link,
    Measure,
    Member,
    NodeInfo,
    NotRead,
    Options,
    Outcome,
    Partition,
    Reason,
    Remedy,
    RuledOut,
    SourceInfo,
)
from pveforensics.timebase import Instant

T0 = datetime.datetime(2026, 3, 14, 2, 0, tzinfo=datetime.UTC)


def t(seconds: float) -> Instant:
    """So many seconds after 02:00 on 14 March 2026."""
    return Instant.of(T0 + datetime.timedelta(seconds=seconds), error_us=500_000)


def line(node: str, seconds: float, text: str, number: int = 100, match: tuple[int, int] | None = None) -> Evidence:
    moment = t(seconds)
    written = moment.as_datetime().strftime("%b %d %H:%M:%S")
    full = f"{written} {node} {text}"
    if match is None:
        start = full.index(": ") + 2 if ": " in full else 0
        match = (start, len(full))
    near = (f"{written} {node} systemd[1]: the line before",), (f"{written} {node} systemd[1]: the line after",)
    return Evidence(f"{node}/var/log/syslog", number, node, full, written, moment, match, *near)


def node_info(name: str, nodeid: int, boots: tuple[Boot, ...] = (), coverage=((0.0, 3600.0),), **more) -> NodeInfo:
    spans = tuple((t(a), t(b)) for a, b in coverage)
    values = {
        "in_bundle": bool(spans),
        "timezone": "Europe/Berlin",
        "timezone_basis": "etc/timezone",
        "year_basis": "stated",
        "clock_error_s": 0.5,
    } | more
    return NodeInfo(name, nodeid, boots=boots, coverage=spans, **values)


def boot(
    node: str, start: float, end: float, manner: str = "open", next_start: float | None = None, ended_by: str = "", why: str = ""
) -> Boot:
    return Boot(node, t(start), t(end), manner, why, t(next_start) if next_start is not None else None, ended_by=ended_by)


def case(nodes: tuple[NodeInfo, ...], **parts) -> Case:
    history = {key: parts.pop(key) for key in ("intervals", "partitions", "beliefs") if key in parts}
    members = tuple(Member(node.name, node.nodeid or 0) for node in nodes)
    cluster = Cluster("office", members, len(nodes), len(nodes) // 2 + 1, links=1, token_ms=3000)
    boots = tuple(each for node in nodes for each in node.boots)
    values = {
        "version": "1.0.0",
        "rules_sha256": "ab" * 32,
        "options": Options(now="2026-03-15T00:00:00Z"),
        "bundles": (BundleInfo("office.tgz", 123_456, "cd" * 32),),
        "history": History(cluster, boots=boots, **history),
        "nodes": nodes,
        "sources": tuple(
            SourceInfo(f"{n.name}/var/log/syslog", n.name, "log", 1000, "ef" * 32, 4711, *n.coverage[0], "rsyslog", 4700)
            for n in nodes
            if n.coverage
        ),
    }
    return Case(**values | parts)


def fenced() -> Case:
    """One node of three loses its only link, is reset by its watchdog and comes back; gamma's log is not in the bundle."""
    link = line("alpha", 600, "corosync[1532]:   [KNET  ] link: host: 2 link: 0 is down", 4711)
    lost = line(
        "alpha", 611, "corosync[1532]:   [QUORUM] This node is within the non-primary component and will NOT provide any services.", 4720
    )
    lock = line("alpha", 625, "pve-ha-lrm[1700]: status change active => lost_agent_lock", 4730)
    expired = line("alpha", 671, "watchdog-mux[812]: client watchdog expired - disable watchdog updates", 4741)
    first = line("alpha", 900, "kernel: Linux version 6.8.12-4-pve", 4742)
    fence = line("beta", 730, "pve-ha-crm[1650]: fencing: acknowledged - got agent lock for node 'alpha'", 880)
    network = Finding(
        "link-down", "network_failure", Criticality.HIGH, 0.97, "alpha lost its only cluster link",
        "alpha saw link 0 to beta and gamma go down at 02:10:00 UTC; it has no other.",
        ("alpha",), start=t(600), end=t(900), evidence=(link,),
        causes=(
            Cause("network", 0.91, (Reason("carrier lost on alpha alone", 3.0, (link,)),), (), "the switch port's own log"),
            Cause("operator", 0.06, (), (Reason("no task before it", 1.0),)),
        ),
        remedies=(Remedy("Look at cable and switch port of the cluster link.", "look", "ethtool eno1"),),
        why="With one link only, one cable can stop the cluster.",
        references=("https://pve.proxmox.com/pve-docs/chapter-pvecm.html",),
    )  # fmt: skip
    quorum = Finding(
        "quorum-lost", "quorum_loss", Criticality.CATASTROPHIC, 0.99, "alpha had no quorum for 60 s",
        "alpha was alone: 1 of 3 votes, 2 needed.", ("alpha",), start=t(611), end=t(671), evidence=(lost, lock),
        causes=(Cause("network", 0.95, (Reason("it follows the lost link", 3.0, (link,)),)),),
        stopwatch=(Measure("link down to quorum lost", (8.0, 12.0), 11.0, start=t(600)),),
    )  # fmt: skip
    fencing = Finding(
        "self-fence", "fencing", Criticality.CATASTROPHIC, 0.97, "alpha was reset by its own watchdog",
        "alpha lost its HA lock, could not renew its watchdog and was reset at 02:11:11 UTC.",
        ("alpha",), ("vm:100",), start=t(671), end=t(900), evidence=(lock, expired, fence, first),
        causes=(Cause("network", 0.96, (Reason("the watchdog expired 60 s after the lost link", 4.0, (expired, link)),)),),
        ruled_out=(RuledOut("kernel_panic", "no panic line in a log that is whole up to the reset"), RuledOut("planned", "no shutdown marker", (first,))),
        remedies=(
            Remedy("Leave HA as it is until quorum is stable.", "hold"),
            Remedy("Give corosync a second link on its own switch.", "press", "pvecm status", "editing corosync.conf wrongly stops the whole cluster"),
        ),
        stopwatch=(Measure("lock lost to watchdog expired", (42.0, 61.0), 46.0, start=t(625)), Measure("watchdog expired to reset", (10.0, 11.5), None, start=t(671))),
        why="All guests of alpha stopped without a shutdown.",
        references=("https://pve.proxmox.com/pve-docs/chapter-ha-manager.html",),
    )  # fmt: skip
    gap = Finding("gap", "evidence_gap", Criticality.INFO, 0.99, "gamma's logs are not in the bundle", "Collect them.", ("gamma",))
    incident = Incident(
        "alpha isolated and fenced", network.id, (network.id, quorum.id, fencing.id),
        (Link(network.id, quorum.id, "without its link alpha is alone"), Link(quorum.id, fencing.id, "without quorum the HA lock cannot be renewed")),
        t(600), t(900), (GuestImpact("vm:100", "files", t(671), t(760), None, "alpha", "beta"),),
    )  # fmt: skip
    return case(
        (
            node_info("alpha", 1, (boot("alpha", 0, 671, "unclean", 900, "fencing"), boot("alpha", 900, 3600)), ((0, 671), (900, 3600))),
            node_info("beta", 2, (boot("beta", 0, 3600),)),
            node_info("gamma", 3, coverage=()),
        ),
        findings=(fencing, quorum, network, gap),
        incidents=(incident,),
        intervals=(
            Interval("node:alpha", "running", t(0), t(671)),
            Interval("node:alpha", "inquorate", t(611), t(671), {"votes": "1", "expected": "3", "needed": "2"}, (lost,)),
            Interval("node:alpha", "inquorate", t(905), t(930), {}, ()),
            Interval("node:alpha", "no_log", t(671), t(900)),
            Interval("node:alpha", "unreachable", t(611), t(930), {"manner": "vanished", "seen_by": "beta"}),
            Interval("node:alpha", "watchdog_expiring", t(661), t(671), {"outcome": "expired"}, (expired,)),
            Interval("ha:alpha", "armed", t(0), t(671)),
            Interval("ha:alpha", "active", t(0), t(625)),
            Interval("ha:alpha", "lost_agent_lock", t(625), t(671), {}, (lock,)),
            Interval("ha:master", "beta", t(0), t(3600)),
            Interval("link:alpha/beta/0", "down", t(600), None, {}, (link,)),
            Interval("guest:vm:100", "down", t(671), t(760)),
            Interval("moon:full", "waxing", t(700), t(800)),
        ),
        partitions=(
            Partition(t(0), t(611), (Group("1.1a", ("alpha", "beta", "gamma"), 3, True),)),
            Partition(t(611), t(671), (Group("1.1e", ("beta", "gamma"), 2, True), Group("1.1b", ("alpha",), 1, False))),
        ),
        beliefs=(Belief("alpha", t(611), t(671), False, ("alpha",), "", "lost_agent_lock"),),
        events=(Event("corosync_quorum_lost", "alpha", t(611), {"x": "y"}, (lost,)),),
        checks=(
            Check("self-fence", Outcome.FOUND, "found"),
            Check("panic", Outcome.CLEAR, "no panic line"),
            Check("bmc", Outcome.COULD_NOT_CHECK, "no BMC event log in the bundle: collect ipmitool sel elist", "alpha"),
            Check("zfs", Outcome.NOT_APPLICABLE, "no ZFS"),
        ),
        benign=(Benign("Retransmit List during the start of beta", "a node that joins asks for what it missed", (fence,)),),
        not_read=(NotRead("beta/var/log/blob.bin", "unknown kind", damage=False),),
        notes=("the year of alpha's stamps is stated",),
    )


def planned() -> Case:
    """A planned reboot of one node and nothing else."""
    stop = line("alpha", 600, "systemd[1]: Reached target reboot.target - System Reboot.", 10)
    found = Finding(
        "planned-reboot", "planned_shutdown", Criticality.INFO, 0.99, "alpha was rebooted on purpose", "An orderly stop.", ("alpha",),
        start=t(600), end=t(880), evidence=(stop,),
    )  # fmt: skip
    return case(
        (
            node_info(
                "alpha", 1, (boot("alpha", 0, 604, "clean", 880, "clean_shutdown"), boot("alpha", 880, 3600)), ((0, 604), (880, 3600))
            ),
            node_info("beta", 2, (boot("beta", 0, 3600),)),
        ),
        findings=(found,),
        incidents=(Incident("planned reboot of alpha", found.id, (found.id,), (), t(600), t(880)),),
        checks=(
            Check("planned-reboot", Outcome.FOUND, ""),
            Check("panic", Outcome.CLEAR, ""),
            Check("bmc", Outcome.COULD_NOT_CHECK, "no BMC log"),
        ),
    )


def nothing() -> Case:
    """Logs of two nodes without any finding."""
    return case(
        (node_info("alpha", 1, (boot("alpha", 0, 3600),)), node_info("beta", 2, (boot("beta", 0, 3600),))),
        checks=(Check("panic", Outcome.CLEAR, ""),),
    )


def empty() -> Case:
    """Nothing known at all."""
    return Case("1.0.0", "", Options(), (), History(Cluster()), ())


def many(nodes: int = 32, incidents: int = 40) -> Case:
    """Many nodes and incidents over three weeks."""
    names = [f"pve{k:02}" for k in range(1, nodes + 1)]
    day = 86400.0
    findings: list[Finding] = []
    told: list[Incident] = []
    boots = {name: [(0.0, None)] for name in names}
    intervals = []
    for k in range(incidents):
        at, name = (k + 0.3) * 21 * day / incidents, names[k * 7 % nodes]
        down, bad = line(name, at, "corosync[1]: [KNET  ] link: host: 2 link: 0 is down", 1000 + k), k % 3 == 0
        net = Finding(
            "link-flap", "network_failure", Criticality.HIGH, 0.8, f"link 0 of {name} was down", "A link was down.", (name,),
            start=t(at), end=t(at + 90), evidence=(down,), causes=(Cause("network", 0.8),),
        )  # fmt: skip
        found = [net]
        intervals.append(Interval(f"link:{name}/{names[(k + 3) % nodes]}/0", "down", t(at), t(at + 90), {}, (down,)))
        if bad:
            gone = line(name, at + 60, "watchdog-mux[1]: client watchdog expired - disable watchdog updates", 2000 + k)
            found.append(
                Finding("self-fence", "fencing", Criticality.CATASTROPHIC, 0.9, f"{name} was reset by its own watchdog", "Reset.", (name,),
                        start=t(at + 70), end=t(at + 300), evidence=(gone,), causes=(Cause("network", 0.8),))
            )  # fmt: skip
            boots[name][-1] = (boots[name][-1][0], at + 70)
            boots[name].append((at + 300, None))
            intervals.append(Interval(f"node:{name}", "inquorate", t(at + 10), t(at + 70), {}, (gone,)))
        findings += found
        links = (Link(found[0].id, found[1].id, "the link came first"),) if bad else ()
        told.append(Incident(f"{name}: link lost", net.id, tuple(f.id for f in found), links, t(at), t(at + 300)))
    infos = []
    for k, name in enumerate(names, 1):
        lives = boots[name]
        made = tuple(
            boot(name, start, end if end is not None else 21 * day, "unclean" if end is not None else "open", lives[j + 1][0] if end is not None else None,
                 "fencing" if end is not None else "")
            for j, (start, end) in enumerate(lives)
        )  # fmt: skip
        infos.append(node_info(name, k, made, ((0, 21 * day),)))
    checks = tuple(Check(f"rule-{k}", Outcome.CLEAR, "") for k in range(60)) + tuple(
        Check(f"blind-{k}", Outcome.COULD_NOT_CHECK, "why") for k in range(30)
    )
    return case(tuple(infos), findings=tuple(findings), incidents=tuple(told), intervals=tuple(intervals), checks=checks)


def storm(nodes: int, seconds: float) -> Case:
    """All nodes hit within so many seconds: links, quorum, HA, watchdogs, resets, guests, and events all over."""
    names = [f"pve{k:02}-rack" for k in range(1, nodes + 1)]
    told: list[Finding] = []
    intervals: list[Interval] = []
    events: list[Event] = []
    infos = []
    for k, name in enumerate(names):
        at = 600.0 + seconds * 0.8 * k / nodes
        step = seconds / 20
        lost = line(name, at, "corosync[1]: [QUORUM] This node is within the non-primary component", 100 + k)
        told.append(
            Finding("quorum-lost", "quorum_loss", Criticality.HIGH, 0.9, f"{name} had no quorum for a while", "s", (name,),
                    start=t(at), end=t(at + step), evidence=(lost,))
        )  # fmt: skip
        told.append(
            Finding("self-fence", "fencing", Criticality.CATASTROPHIC, 0.9, f"{name} was reset by its own watchdog", "s", (name,),
                    start=t(at + step), end=t(at + 2 * step), evidence=(lost,))
        )  # fmt: skip
        intervals += [
            Interval(f"node:{name}", "inquorate", t(at), t(at + step), {"opened_by": "lost"}, (lost,)),
            Interval(f"node:{name}", "unreachable", t(at), t(at + 2 * step)),
            Interval(f"node:{name}", "fence_claimed", t(at + 1), t(at + 2 * step), {"acknowledged": "yes"}),
            Interval(f"node:{name}", "network_trouble", t(at - 5), t(at + step)),
            Interval(f"ha:{name}", "active", t(0), t(at)),
            Interval(f"ha:{name}", "lost_agent_lock", t(at), t(at + step)),
            Interval(f"ha:{name}", "armed", t(0), t(at + step)),
            Interval(f"crm:{name}", "slave", t(0), t(at + step)),
            Interval(f"guest:vm:{100 + k}", "down", t(at + step), t(at + 3 * step)),
            Interval(f"link:{name}/{names[(k + 1) % nodes]}/0", "down", t(at - 5), t(at + step)),
        ]
        events += [Event("corosync_quorum_lost", name, t(at + j * step / 5), {}, ()) for j in range(6)]
        span = seconds * 1.3 + 600
        lives = (boot(name, 0, at + step, "unclean", at + 2 * step, "fencing"), boot(name, at + 2 * step, span))
        infos.append(node_info(name, k + 1, lives, ((0, at + step), (at + 2 * step, span))))
    half = nodes // 2
    groups = (Group("1.a", tuple(names[:half]), half, False), Group("2.b", tuple(names[half:]), nodes - half, nodes - half > nodes // 2))
    parts = (
        Partition(t(0), t(600), (Group("1.1", tuple(names), nodes, True),)),
        Partition(t(600), t(600 + seconds), groups),
        Partition(t(600 + seconds), None, (Group("1.2", tuple(names), nodes, True),)),
    )
    incident = Incident("everything at once", told[0].id, tuple(f.id for f in told), (), t(600), t(600 + seconds))
    return case(
        tuple(infos), findings=tuple(told), incidents=(incident,), intervals=tuple(intervals), events=tuple(events), partitions=parts
    )


PAYLOADS = (
    "<script>window.hit=1</script>", "</script ><img src=x onerror=window.hit=1>", '"><svg onload=window.hit=1>', "<!--<script", "{{ 7*7 }}{% raw %}",
    "\x1b[31mred\x1b[0m\x00\x07", "\u202eexe.cod\u2066", "\udcff\udc80 bytes", "\ud83d\ude00 pair", "javascript:window.hit=1", "x" * 20_000, "名前\u2028\u2029\ufeff",
    "a\nb\r\nc\td", "`` ``` `", "[x](javascript:alert(1)) <b> @all #1",
)  # fmt: skip


def hostile(payload: str = "".join(PAYLOADS[:9])) -> Case:
    """The fenced case with a payload in every text that a bundle can bring."""
    base = fenced()
    bad = Evidence(payload, 1, payload, payload, payload, t(600), (0, 3), (payload,), (payload,))
    finding = Finding(
        payload, payload, Criticality.CATASTROPHIC, 0.9, payload, payload, (payload, "alpha"), (payload,), (payload,), (payload,), t(600), t(700), (bad,),
        (Cause(payload, 0.5, (Reason(payload, 1.0, (bad,)),), (Reason(payload, 1.0, (bad,)),), payload),), (RuledOut(payload, payload, (bad,)),),
        (Remedy(payload, "hold", payload, payload), Remedy(payload, "look", payload, payload)), (Measure(payload, (1.0, 2.0), None, payload),), payload, payload,
        (payload, "javascript:window.hit=1", "https://example.org/" + payload),
    )  # fmt: skip
    subjects = ("node", "link", "ha", "guest", "storage", "service", "moon")
    return case(
        (
            node_info(
                payload,
                1,
                (boot(payload, 0, 671, "unclean", 900, payload, payload),),
                timezone=payload,
                timezone_basis=payload,
                year_basis=payload,
            ),
            *base.nodes,
        ),
        bundles=(BundleInfo(payload, 1, payload),),
        findings=(finding, *base.findings),
        incidents=(Incident(payload, finding.id, (finding.id,), (), t(600), t(700), (GuestImpact(payload, payload),)),),
        intervals=tuple(
            Interval(f"{kind}:{payload}", payload, t(600), t(650), {payload: payload, "votes": payload}, (bad,)) for kind in subjects
        ),
        partitions=(Partition(t(0), t(600), (Group(payload, (payload,), 1, True),)),),
        events=(Event(payload, payload, t(600), {payload: payload}, (bad,)),),
        sources=(SourceInfo(payload, payload, payload, 1, payload, 1, t(0), t(1), payload),),
        not_read=(NotRead(payload, payload),),
        checks=(Check(payload, Outcome.COULD_NOT_CHECK, payload, payload), Check(payload + "2", Outcome.CLEAR, payload)),
        benign=(Benign(payload, payload, (bad,), payload),),
        notes=(payload,),
    )


ALL = {"fenced": fenced, "planned": planned, "nothing": nothing, "empty": empty, "many": many, "hostile": hostile}
