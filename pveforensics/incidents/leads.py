"""What leads to what: the table of causes and consequences between classes of findings, with the protocol's own times."""

from __future__ import annotations

from typing import NamedTuple


class Leads(NamedTuple):
    """One way in which a finding of one class leads to one of another.

    `shared` is `same` (they share a node), `other` (the effect is on a node that the cause is not about), `any`, `guest` or `storage`
    (they share one). The effect begins while the cause lasts or at most `within_s` seconds after it; one that stops with its cause
    (`while_it_lasts`) begins that late only after a cause without a length. `rules` and `effect_rules` narrow cause and effect to
    rules whose id begins so. A `standing` cause (a setting) holds at all times, and counts only where the effect's own weighing names
    it, or where it is about the very guest that the effect is about.
    """

    causes: tuple[str, ...]
    effects: tuple[str, ...]
    shared: str
    within_s: float
    why: str
    rules: tuple[str, ...] = ("",)
    effect_rules: tuple[str, ...] = ("",)
    while_it_lasts: bool = False
    standing: bool = False


AS_COLLECTED = "the configuration is among its causes (as it was collected; since when it stands so is not known)"

# Times: corosync may need up to 50 s to see a loss (corosync:exec/totemconfig.c), a watchdog fires 60 s after the last
# renewal and resets within 10 s more (pve-ha-manager:src/watchdog-mux.c), the master fences 60 s after it lost sight of a node.
LEADS: tuple[Leads, ...] = (
    Leads(("network_failure",), ("quorum_loss",), "any", 60, "without the cluster network the members cannot hold their majority together", while_it_lasts=True),
    Leads(("service_failure",), ("quorum_loss",), "same", 60, "a node has no quorum without a working corosync", ("corosync",)),
    Leads(("service_failure",), ("network_failure",), "any", 60, "a corosync that stands still looks like a broken network to its peers", ("corosync",)),
    Leads(
        ("planned_shutdown", "unclean_boot", "fencing", "kernel_crash", "node_lost"), ("quorum_loss",), "other", 60,
        "the vote of the node that went away was missing", while_it_lasts=True,
    ),
    Leads(("planned_shutdown",), ("quorum_loss",), "same", 60, "a node that is being stopped gives up its quorum"),
    Leads(
        ("planned_shutdown", "unclean_boot", "kernel_crash"), ("network_failure", "node_lost"), "any", 60,
        "the links to a node that is down are down",
    ),
    Leads(("planned_shutdown",), ("service_failure", "ha_failure", "replication_failure", "task_failure"), "any", 60, "it was stopped with its node"),
    Leads(("quorum_loss",), ("fencing",), "same", 180, "without quorum the LRM cannot renew its lock, and 60 s later the watchdog runs out"),
    Leads(("quorum_loss",), ("near_miss",), "same", 120, "without quorum the LRM cannot renew its lock, which feeds the watchdog"),
    Leads(("network_failure",), ("fencing",), "same", 180, "cut off from the others, the node could not renew its HA lock"),
    Leads(("network_failure",), ("near_miss",), "same", 120, "cut off from the others, the node could not renew its HA lock"),
    Leads(("network_failure",), ("node_lost",), "same", 120, "the others lost it with its links"),
    Leads(("service_failure",), ("fencing", "near_miss"), "same", 180, "a daemon that has to renew the HA lock or feed the watchdog failed", ("corosync", "pmxcfs", "base-service", "daemon")),
    Leads(
        ("storage_failure",), ("service_failure",), "same", 300, "processes that wait for storage stand still",
        effect_rules=("pvestatd", "pmxcfs", "corosync", "daemon"),
    ),
    Leads(("storage_failure",), ("fencing", "near_miss"), "same", 300, "processes that wait for storage renew no lock and feed no watchdog"),
    Leads(("storage_failure",), ("task_failure", "replication_failure"), "storage", 300, "it needed the storage that had failed"),
    Leads(("clock_jump",), ("fencing", "near_miss"), "same", 120, "watchdog-mux compares wall clocks: a step forward looks like a late client"),
    Leads(
        ("resource_exhaustion",), ("service_failure", "fencing", "near_miss", "unclean_boot"), "same", 300,
        "what ran out was missing to the daemons of the cluster",
    ),
    Leads(("hardware_error",), ("kernel_crash", "unclean_boot", "fencing", "node_lost", "storage_failure"), "same", 600, "the hardware had reported errors before"),
    Leads(("kernel_crash",), ("unclean_boot", "node_lost", "fencing"), "same", 600, "the kernel had crashed before"),
    Leads(("fencing", "unclean_boot", "node_lost"), ("ha_failure",), "any", 600, "HA had to recover what ran on the node"),
    Leads(
        ("fencing", "unclean_boot", "kernel_crash", "node_lost"), ("ha_replication_mismatch",), "other", 900,
        "HA recovered the guest from that node onto its replica on another one", effect_rules=("came-back", "running-on-two"),
    ),
    Leads(
        ("replication_failure", "replication_divergence"), ("ha_replication_mismatch",), "guest", 0,
        "the replica that the guest came back on had not been kept fresh", effect_rules=("came-back",), standing=True,
    ),
    Leads(("fencing",), ("node_lost",), "same", 180, "the others lost it when its watchdog reset it"),
    Leads(("fencing", "unclean_boot", "kernel_crash"), ("task_failure", "stuck_lock"), "same", 60, "what ran on the node ended with it"),
    Leads(("fencing", "unclean_boot", "kernel_crash", "node_lost"), ("replication_failure",), "other", 60, "the node at the other end was down"),
    Leads(("task_failure",), ("stuck_lock",), "guest", 600, "a task that breaks off leaves its lock on the guest"),
    Leads(("quorum_loss",), ("task_failure", "replication_failure"), "same", 0, "/etc/pve is read-only without quorum"),
    Leads(("quorum_loss",), ("ha_failure",), "any", 0, "/etc/pve is read-only without quorum"),
    Leads(("quorum_loss",), ("stuck_lock",), "same", 0, "nobody gets a lock of /etc/pve without quorum", effect_rules=("cfs-lock",)),
    Leads(("network_failure",), ("replication_failure", "ha_failure"), "any", 60, "the other node could not be reached"),
    Leads(
        ("misconfiguration",), ("quorum_loss", "network_failure", "fencing", "near_miss"), "any", 0, AS_COLLECTED,
        ("even-number", "expected-votes", "one-corosync", "one-node", "corosync-", "knet-", "links-share", "token-", "two-node", "versions-differ"),
        standing=True,
    ),
    Leads(("misconfiguration",), ("ha_failure",), "any", 0, AS_COLLECTED, ("ha-rule", "ha-names", "ha-groups"), standing=True),
    Leads(("misconfiguration",), ("ha_failure",), "guest", 0, AS_COLLECTED, ("ha-without",), standing=True),
    Leads(("misconfiguration",), ("storage_failure", "resource_exhaustion"), "same", 0, AS_COLLECTED, ("directory-not", "storage-nearly", "root-nearly"), standing=True),
    Leads(
        ("ha_replication_mismatch", "stuck_lock"), ("ha_failure", "task_failure"), "guest", 0,
        "as the configuration stood when it was collected, this guest could not start there",
        ("no-disk", "foreign-copy", "local-file", "device-in", "replica-not", "memory-image", "lock-blocks"),
        ("service-in-error", "start-fails", "recovery", "guest-start"), standing=True,
    ),
)  # fmt: skip
"""What leads to what. Time and nodes decide whether it did so here."""

WEIGHED_AS: dict[str, frozenset[str]] = {
    "network_failure": frozenset({"network"}),
    "planned_shutdown": frozenset({"planned", "operator"}),
    "storage_failure": frozenset({"storage_stall"}),
    "clock_jump": frozenset({"clock_step"}),
    "kernel_crash": frozenset({"kernel_panic"}),
    "hardware_error": frozenset({"hardware"}),
    "service_failure": frozenset({"daemon_crash", "starved_host", "out_of_memory"}),
    "misconfiguration": frozenset({"configuration"}),
}
"""Under which names a finding that weighs its causes speaks of findings of a class."""

OUT_OF_THE_QUESTION = 0.05
"""Below this, an effect's own weighing refuses a cause that time and nodes would allow."""

NAMED = 0.4
"""From here on an effect's own weighing names a cause: at least possible."""

GRACE_S = 5.0
"""An effect that stops with its cause may be logged so much after the cause's last sign."""

TOGETHER_S: dict[str, float] = {
    "network_failure": 10,
    "quorum_loss": 10,
    "near_miss": 30,
    "fencing": 60,
    "unclean_boot": 60,
    "node_lost": 60,
}
"""Seconds within which findings of a class on different nodes are one thing that happened to all of them."""

OPEN_S = 600.0
"""How long after its start a finding without an end is still taken to last."""

SAME_CLOCK_S = 1.0
"""Two stamps of one clock that differ by this much or more stand in that order; by less, one of them may only be coarser."""

MOST_DOUBT_S = 60.0
"""Between two clocks an order within their errors is not claimed; where they are worse than this, nothing is linked across it."""

LOOKED_BACK = 64
"""Causes of one kind that are considered for one effect at most: the latest."""
