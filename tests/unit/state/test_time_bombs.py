"""Time bombs by name: each has its rule, with why it matters, what mends it, and where Proxmox' documentation speaks of it."""

from __future__ import annotations

import pytest
from pve import corosync, fired, pack, tree, vm

from pveforensics.detect.vocabulary import danger_of
from pveforensics.model import Criticality

BOMBS = {
    "two nodes without QDevice": "two-nodes-without-qdevice",
    "even votes": "even-number-of-votes",
    "one node decides": "one-node-decides",
    "one link": "one-corosync-link",
    "two links in one network": "links-share-a-network",
    "corosync on the storage or backup network": "corosync-beside-storage",
    "corosync on the migration network": "corosync-beside-migration",
    "HA without working replication": "replica-not-kept",
    "HA without shared storage": "no-disk-on-candidate",
    "HA with nowhere to go": "ha-without-another-node",
    "HA rule that contradicts another": "ha-rule-ignored",
    "HA group of nodes that are gone": "ha-names-strangers",
    "HA with priorities that block": "higher-class-blocks",
    "guests not under HA": "guests-not-under-ha",
    "orphan volumes of the same name": "orphan-volume",
    "orphan volume that HA would start": "foreign-copy-would-start",
    "expected votes forced down at run time": "expected-votes-override",
    "expected votes in the file": "expected-votes-in-configuration",
    "two_node in a larger cluster": "two-node-flag-left-over",
    "version mix": "versions-differ",
    "corosync.conf mix": "corosync-conf-differs",
    "softdog only": "software-watchdog-only",
    "volatile journal": "volatile-journal",
    "time sync off": "time-not-synchronized",
    "token too small for the size": "token-too-small",
    "token near the fence time": "token-near-fence-time",
    "full root": "root-nearly-full",
    "full storage": "storage-nearly-full",
    "directory that may not be mounted": "directory-not-marked-as-mount",
    "no backup": "guest-without-backup",
    "backup to nowhere": "backup-storage-missing",
    "replication switched off": "replication-switched-off",
    "replication behind its schedule": "replica-is-stale",
    "unsafe cache": "unsafe-disk-cache",
    "lock that blocks HA": "lock-blocks-recovery",
}

RULES = {rule.id: rule for rule in pack().rules}


def test_every_time_bomb_has_a_rule():
    assert set(BOMBS.values()) <= set(RULES)


@pytest.mark.parametrize("name", BOMBS)
def test_a_time_bomb_says_why_and_what_mends_it(name):
    rule = RULES[BOMBS[name]]
    assert rule.why.strip()
    assert any(each.step == "press" for each in rule.remedies)
    assert all(each.caution for each in rule.remedies if danger_of(each.command))
    assert any("pve.proxmox.com" in each or "freedesktop.org" in each for each in rule.references)


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.class_ == "misconfiguration"], ids=lambda rule: rule.id)
def test_what_has_done_no_harm_is_never_graver_than_medium(rule):
    """A condition may raise it where harm is shown."""
    assert rule.criticality.rank <= Criticality.MEDIUM.rank


def conf(nodes, **more):
    return {"alpha/etc/corosync/corosync.conf": corosync(nodes, second_link=True, **more)}


@pytest.mark.parametrize(
    ("nodes", "token", "coefficient", "small"),
    [(3, 1000, 650, False), (3, 400, 650, True), (20, 1000, 0, True), (20, 3000, 125, False), (16, None, 0, False), (3, None, None, False)],
)
def test_a_token_is_small_for_the_size_of_the_cluster(nodes, token, coefficient, small):
    extra = "".join(f"  {key}: {value}\n" for key, value in (("token", token), ("token_coefficient", coefficient)) if value is not None)
    names = tuple(f"n{number}" for number in range(nodes))
    assert ("token-too-small" in fired(conf(names, extra=extra))) is small


NAS = "nas:100/a.qcow2"
HEALTHY = {
    **tree(
        vm(scsi0=NAS),
        **{
            "alpha__etc__pve__corosync.conf": corosync(second_link=True),
            "alpha__etc__corosync__corosync.conf": corosync(second_link=True),
            "alpha__etc__pve__jobs.cfg": "vzdump: backup-1\n\tschedule 02:00\n\tenabled 1\n\tall 1\n\tstorage nas\n",
            "alpha__etc__pve__datacenter.cfg": "keyboard: de\nmigration: secure,network=203.0.113.0/24\n",
            "alpha__etc__systemd__journald.conf": "[Journal]\n#Storage=auto\n",
            "alpha__df.txt": "Filesystem           Type  Size  Used Avail Use% Mounted on\n/dev/mapper/pve-root ext4   94G   30G   60G  33% /\n",
        },
    )
}


def test_a_healthy_cluster_has_none():
    assert fired(HEALTHY) == {"node-without-log"}
