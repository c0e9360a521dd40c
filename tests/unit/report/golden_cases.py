"""The ten cases whose documents are kept: what a reader meets, from a calm page to three weeks of trouble."""

from __future__ import annotations

from collections.abc import Sequence

from cases import boot, case, fenced, line, many, node_info, nothing, planned, t

from pveforensics.model import (
    Belief,
    Case,
    Cause,
    Check,
    Criticality,
    Event,
    Evidence,
    Finding,
    Group,
    GuestImpact,
    Incident,
    Interval,
    Link,
    Measure,
    Outcome,
    Partition,
    Reason,
    Remedy,
    RuledOut,
    SourceInfo,
)

HIGH, WORST = Criticality.HIGH, Criticality.CATASTROPHIC
CHECKS = tuple(
    Check(name, Outcome.CLEAR, "looked, and nothing was there") for name in ("kernel-panic", "out-of-memory", "disk-lost", "clock-stepped")
)
HOLD = Remedy("Do not restart corosync on several nodes at once.", "hold")
LOOK = Remedy("The rings as corosync sees them.", "look", "corosync-cfgtool -n")


def _lost(node: str, at: float, number: int) -> Evidence:
    return line(
        node, at, "corosync[1532]:   [QUORUM] This node is within the non-primary component and will NOT provide any services.", number
    )


def _expired(node: str, at: float, number: int) -> Evidence:
    return line(node, at, "watchdog-mux[812]: client watchdog expired - disable watchdog updates", number)


def _booted(node: str, at: float, number: int) -> Evidence:
    return line(node, at, "kernel: Linux version 6.8.12-4-pve (build@proxmox)", number)


def _chain(title: str, findings: Sequence[Finding], whys: Sequence[str], guests: Sequence[GuestImpact] = ()) -> Incident:
    links = tuple(Link(a.id, b.id, why) for a, b, why in zip(findings, findings[1:], whys, strict=False))
    ends = [f.end for f in findings if f.end]
    return Incident(
        title,
        findings[0].id,
        tuple(f.id for f in findings),
        links,
        findings[0].start,
        max(ends, key=lambda e: e.us) if ends else None,
        tuple(guests),
    )


def all_fenced() -> Case:
    """The switch of the only ring stops: nobody has quorum, all three nodes are reset within three seconds."""
    names = ("alpha", "beta", "gamma")
    link = line("alpha", 600, "corosync[1532]:   [KNET  ] link: host: 2 link: 0 is down", 400)
    network = Finding(
        "ring-down", "network_failure", WORST, 0.95, "The only cluster network failed on all nodes for 5 min", "All links of all nodes went down together.",
        names, start=t(600), end=t(900), evidence=(link,), causes=(Cause("network", 0.93, (Reason("all links of all nodes went down within a second", 4.0, (link,)),)),),
        remedies=(HOLD, LOOK, Remedy("Give corosync a second ring on a switch of its own.", "press")),
    )  # fmt: skip
    quorum = Finding(
        "lost-quorum", "quorum_loss", WORST, 0.99, "No node had quorum for 62 s", "Each node was alone with 1 of 3 votes.", names,
        start=t(609), end=t(671), evidence=tuple(_lost(name, 609, 410) for name in names), causes=(Cause("network", 0.95),),
    )  # fmt: skip
    resets = tuple(
        Finding(
            "self-fence", "fencing", WORST, 0.97, f"{name} was reset by its own watchdog", f"{name} lost its HA lock and its watchdog ran out.", (name,),
            start=t(669 + k), end=t(840 + k), evidence=(_expired(name, 669 + k, 500), _booted(name, 840 + k, 501)),
            causes=(Cause("network", 0.94, (Reason("the ring failed 69 s before", 4.0, (link,)),)),),
            stopwatch=(Measure("quorum lost to watchdog expired", (42.0, 61.0), 60.0 + k, start=t(609)),),
        )
        for k, name in enumerate(names)
    )  # fmt: skip
    guests = [
        GuestImpact(f"vm:{100 + k}", name, t(671), t(930 + 5 * k), None, names[k % 3], names[k % 3])
        for k, name in enumerate(("mail", "files", "erp", "dns"))
    ]
    nodes = tuple(
        node_info(
            name, k + 1, (boot(name, 0, 669 + k, "unclean", 840 + k, "fencing"), boot(name, 840 + k, 3600)), ((0, 669 + k), (840 + k, 3600))
        )
        for k, name in enumerate(names)
    )
    intervals = [Interval(f"guest:vm:{100 + k}", "down", t(671), t(930 + 5 * k)) for k in range(4)]
    for k, name in enumerate(names):
        intervals += [
            Interval(
                f"node:{name}", "inquorate", t(609), t(671), {"opened_by": "lost", "votes": "1", "needed": "2"}, (_lost(name, 609, 410),)
            ),
            Interval(f"ha:{name}", "active", t(0), t(625)),
            Interval(f"ha:{name}", "lost_agent_lock", t(625), t(669 + k)),
            Interval(f"ha:{name}", "armed", t(0), t(669 + k)),
            Interval(f"node:{name}", "watchdog_expiring", t(659 + k), t(669 + k), {"outcome": "expired"}, (_expired(name, 669 + k, 500),)),
            *(Interval(f"link:{name}/{other}/0", "down", t(600), t(669 + k), {}, (link,)) for other in names if other != name),
        ]
    return case(
        nodes,
        findings=(network, quorum, *resets),
        incidents=(_chain("the only ring failed and all nodes were reset", (network, quorum, *resets), ("without the ring each node is alone", "without quorum no lock is renewed", "the same", "the same"), guests),),
        intervals=tuple(intervals),
        partitions=(
            Partition(t(0), t(609), (Group("1.10", names, 3, True),)),
            Partition(t(609), t(671), tuple(Group(f"{k + 1}.1{k + 4}", (name,), 1, False) for k, name in enumerate(names))),
            Partition(t(850), t(3600), (Group("1.20", names, 3, True),)),
        ),
        beliefs=tuple(Belief(name, t(a), t(b), q, m) for name in names for a, b, q, m in ((0, 609, True, names), (609, 669, False, (name,)))),
        checks=CHECKS,
    )  # fmt: skip


def split5() -> Case:
    """Five nodes split three to two: the two lose quorum, HA is idle there, nobody is reset."""
    names = ("n1", "n2", "n3", "n4", "n5")
    down = line("n4", 600, "corosync[1532]:   [TOTEM ] A processor failed, forming new configuration: token timed out (4000ms)", 70)
    split = Finding(
        "cluster-split", "network_failure", WORST, 0.9, "The cluster split into n1, n2, n3 and n4, n5 for 4 min", "Both sides lost each other at the same moment.",
        names, start=t(600), end=t(840), evidence=(down,), causes=(Cause("network", 0.85, (Reason("both sides lost the other within a second", 3.0, (down,)),)), Cause("configuration", 0.1)),
        remedies=(HOLD, LOOK), why="What runs on the smaller side cannot write to /etc/pve.",
    )  # fmt: skip
    lost = Finding(
        "lost-quorum", "quorum_loss", WORST, 0.99, "n4 and n5 had no quorum for 4 min", "2 of 5 votes, 3 needed.", ("n4", "n5"),
        start=t(605), end=t(845), evidence=(_lost("n4", 605, 71), _lost("n5", 605, 33)), causes=(Cause("network", 0.9),),
        ruled_out=(RuledOut("daemon_crash", "corosync ran on both", (down,)),),
    )  # fmt: skip
    return case(
        tuple(node_info(name, k, (boot(name, 0, 3600),)) for k, name in enumerate(names, 1)),
        findings=(split, lost),
        incidents=(_chain("the cluster split three to two", (split, lost), ("two of five votes are no quorum",)),),
        intervals=tuple(Interval(f"node:{name}", "inquorate", t(605), t(845), {"opened_by": "lost", "closed_by": "gained", "votes": "2", "needed": "3"}, (_lost(name, 605, 71 if name == "n4" else 33),)) for name in ("n4", "n5"))
        + tuple(Interval(f"link:{a}/{b}/0", "down", t(600), t(838)) for a in names[:3] for b in names[3:]),
        partitions=(
            Partition(t(0), t(605), (Group("1.1", names, 5, True),)),
            Partition(t(605), t(845), (Group("1.5", names[:3], 3, True), Group("4.5", names[3:], 2, False))),
            Partition(t(845), t(3600), (Group("1.9", names, 5, True),)),
        ),
        beliefs=tuple(Belief(name, t(a), t(b), q, m) for name in names for a, b, q, m in (
            (0, 605, True, names), (605, 845, name in names[:3], names[:3] if name in names[:3] else names[3:]), (845, 3600, True, names))),
        checks=CHECKS,
    )  # fmt: skip


def power_loss() -> Case:
    """One node's log ends in the middle of a line; the BMC says that power was lost."""
    last = line("beta", 611, "pvestatd[1201]: status update time (5.4 seconds)", 9001)
    bmc = line("beta", 640, "ipmi-sel: Power Unit #0x51 | Power off/down | Asserted", 3)
    first = _booted("beta", 2400, 9002)
    found = Finding(
        "boot-without-shutdown", "unclean_boot", HIGH, 0.9, "beta went down without a shutdown and was back after 29 min", "Its log ends between two ordinary lines.",
        ("beta",), ("vm:200",), start=t(611), end=t(2400), evidence=(last, first, bmc),
        causes=(
            Cause("power_loss", 0.88, (Reason("the BMC records that power was lost", 4.0, (bmc,)),), (), "the log of the UPS or of the rack's power strip"),
            Cause("hardware", 0.08, (Reason("a broken power supply looks the same", 1.0, (bmc,)),)),
        ),
        ruled_out=(RuledOut("kernel_panic", "no line of a panic, and none in pstore", (first,)), RuledOut("planned", "no mark of a shutdown", (last,))),
        remedies=(Remedy("The BMC's event log.", "look", "ipmitool sel elist"), Remedy("Put the second power supply on another feed.", "press")),
    )  # fmt: skip
    return case(
        (
            node_info("alpha", 1, (boot("alpha", 0, 3600),)),
            node_info("beta", 2, (boot("beta", 0, 611, "unclean", 2400, "power_loss"), boot("beta", 2400, 3600)), ((0, 611), (2400, 3600))),
            node_info("gamma", 3, (boot("gamma", 0, 3600),)),
        ),
        findings=(found,),
        incidents=(Incident("beta lost power", found.id, (found.id,), (), t(611), t(2400), (GuestImpact("vm:200", "web", t(611), t(2460), None, "beta", "beta"),)),),
        intervals=(Interval("guest:vm:200", "down", t(611), t(2460), {}, (last,)), Interval("node:beta", "unreachable", t(615), t(2440), {"seen_by": "alpha gamma"})),
        checks=CHECKS,
    )  # fmt: skip


def storage_outage() -> Case:
    """The NAS behind guest disks goes away on two nodes for eight minutes; guests stall, nobody is reset."""
    away = {name: line(name, 700, "kernel: nfs: server 192.0.2.9 not responding, still trying", 40) for name in ("alpha", "beta")}
    stuck = line("alpha", 730, "pvestatd[1201]: storage 'nas-vm' is not online", 44)
    found = Finding(
        "nfs-away", "storage_failure", HIGH, 0.96, "nas-vm was away on alpha and beta for 8 min 20 s", "The NFS server did not answer; guests with disks on it waited.",
        ("alpha", "beta"), ("vm:301", "vm:302"), ("nas-vm",), start=t(700), end=t(1200), evidence=(away["alpha"], away["beta"], stuck),
        causes=(Cause("network", 0.45, (Reason("both nodes lost it within a second", 1.5, tuple(away.values())),)), Cause("storage_stall", 0.42), Cause("unknown", 0.13)),
        remedies=(Remedy("Do not unmount by force while guests run from it.", "hold"), Remedy("The NAS's own log for the same minutes.", "look")),
        why="Guests keep running, but each write waits.",
    )  # fmt: skip
    return case(
        tuple(node_info(name, k, (boot(name, 0, 3600),)) for k, name in enumerate(("alpha", "beta", "gamma"), 1)),
        findings=(found,),
        incidents=(Incident("nas-vm was away", found.id, (found.id,), (), t(700), t(1200)),),
        intervals=tuple(Interval(f"storage:nas-vm@{name}", "offline", t(700), t(1200), {"blocked": "guests"}, (away[name],)) for name in ("alpha", "beta")),
        events=(Event("storage.nfs_down", "alpha", t(700), {}, (away["alpha"],)), Event("storage.offline", "alpha", t(730), {}, (stuck,))),
        checks=CHECKS,
    )  # fmt: skip


def divergence() -> Case:
    """A fenced node's guest starts elsewhere from an old replica; the newer data still lies on the old node."""
    base = fenced()
    bad = line("alpha", 1800, "pvesr[7001]: 204-0: got unexpected replication job error - no common replication base snapshot", 4800)
    reset = next(f for f in base.findings if f.class_ == "fencing")
    diverged = Finding(
        "no-common-base", "replication_divergence", WORST, 0.98, "The replica of erp-db (vm:204) is dead: data of 14 min 20 s lies on alpha alone", "Source and target share no snapshot.",
        ("alpha", "beta"), ("vm:204",), jobs=("204-0",), start=t(1800), evidence=(bad,), causes=(Cause("configuration", 0.6), Cause("unknown", 0.3)),
        remedies=(Remedy("Disable the job before its next run: it would overwrite the newer data.", "hold", "pvesr disable 204-0"), Remedy("Copy the old disk aside, then decide with its owner.", "press", "", "the copy takes as much room as the disk")),
        why="The next successful run would destroy the newer copy.",
    )  # fmt: skip
    old = base.incidents[0]
    guests = (*old.guests, GuestImpact("vm:204", "erp-db", t(671), t(800), 860.0, "alpha", "beta"))
    incident = Incident(
        old.title, old.root, (*old.findings, diverged.id), (*old.links, Link(reset.id, diverged.id, "HA started the guest from its last replica")),
        old.start, t(1800), guests,
    )  # fmt: skip
    return case(
        base.nodes, findings=(*base.findings, diverged), incidents=(incident,), intervals=(*base.history.intervals, Interval("guest:vm:204", "down", t(671), t(800))),
        partitions=base.history.partitions, beliefs=base.history.beliefs, events=base.events, checks=base.checks, benign=base.benign,
    )  # fmt: skip


def no_known_event() -> Case:
    """A bundle whose logs hold no known event: read, dated, and silent."""
    return case(
        (node_info("alpha", 1, timezone=None, timezone_basis="assumed"), node_info("beta", 2)),
        sources=(SourceInfo("alpha/app.log", "alpha", "log", 2048, "ef" * 32, 120, t(0), t(3600), "iso", 0),),
        checks=tuple(Check(name, Outcome.COULD_NOT_CHECK, "no system log of the node: collect its journal") for name in ("self-fence", "lost-quorum", "kernel-panic")),
    )  # fmt: skip


GOLDEN = {
    "fenced": fenced,
    "all-fenced": all_fenced,
    "split-5": split5,
    "planned": planned,
    "power-loss": power_loss,
    "storage-outage": storage_outage,
    "replication-divergence": divergence,
    "many-nodes": many,
    "no-known-event": no_known_event,
    "healthy": nothing,
}
