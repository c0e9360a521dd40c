"""After an outage: what stood wrong in the configuration is linked to the guests that failed, and the danger to data is said first."""

from __future__ import annotations

import pytest
from pve import EPOCH, case, job, state, tree, vm

from pveforensics.report import markdown, to_document

ZFS, NAS = "local-zfs:vm-100-disk-0,size=32G", "nas:100/a.qcow2"
STATE = "alpha__var__lib__pve-manager__pve-replication-state.json"
FENCED = """\
Mar 14 01:00:00 beta CRON[2101]: (root) CMD (true)
Mar 14 01:00:30 beta systemd[1]: Started x.service.
Mar 14 01:10:00 beta pve-ha-crm[2061]: node 'alpha': state changed from 'online' => 'unknown'
Mar 14 01:10:50 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'started' to 'fence'
Mar 14 01:12:00 beta pve-ha-crm[2061]: fencing: acknowledged - got agent lock for node 'alpha'
Mar 14 01:12:00 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'fence' to 'recovery'
Mar 14 01:12:00 beta pve-ha-crm[2061]: recover service 'vm:100' from fenced node 'alpha' to node 'beta'
Mar 14 01:12:00 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'recovery' to 'started'  (node = beta)
Mar 14 01:12:05 beta pve-ha-lrm[2062]: starting service vm:100
"""
IN_VAIN = (
    FENCED
    + """\
Mar 14 01:17:06 beta pve-ha-lrm[2062]: unable to start service vm:100
Mar 14 01:17:12 beta pve-ha-crm[2061]: recovery policy for service vm:100 failed, entering error state. Failed nodes: beta
Mar 14 01:17:12 beta pve-ha-crm[2061]: service 'vm:100': state changed from 'started' to 'error'
Mar 14 01:20:00 beta pvestatd[1501]: status update time (6.1 seconds)
"""
)
CAME_BACK = FENCED + "Mar 14 01:12:12 beta pve-ha-lrm[2062]: service status vm:100 started\n"


def after(guest, log, *, home="beta", **more):
    return case({**tree(guest, home=home, **more), "beta/var/log/syslog": log})


def led_to(found):
    """Rules of causes and effects."""
    rules = {each.id: each.rule for each in found.findings}
    return {(rules[link.cause], rules[link.effect]) for incident in found.incidents for link in incident.links}


BLOCKED = {
    "no replica there": (vm(scsi0=ZFS), {}, "no-disk-on-candidate"),
    "an image in the drive": (vm(scsi0=NAS, ide2="local:iso/debian.iso,media=cdrom"), {}, "local-file-in-the-way"),
    "a lock that recovery keeps": (vm(scsi0=NAS, lock="create"), {}, "lock-blocks-recovery"),
    "a bridge that is missing": (
        vm(scsi0=NAS, net0="virtio=BC:24:11:00:00:01,bridge=vmbr7"),
        {
            "alpha__etc__network__interfaces": "auto vmbr7\niface vmbr7 inet static\n\taddress 192.0.2.11/24\n",
            "beta__etc__network__interfaces": "auto vmbr0\niface vmbr0 inet static\n\taddress 192.0.2.12/24\n",
        },
        "device-in-the-way",
    ),
    "no mapping": (vm(scsi0=NAS, hostpci0="mapping=gpu"), {"alpha__etc__pve__mapping__pci.cfg": "gpu\n\tmap id=10de:1b80,node=alpha,path=0000:01:00.0\n"}, "device-in-the-way"),
}  # fmt: skip


@pytest.mark.parametrize("why", BLOCKED)
@pytest.mark.parametrize("home", ["alpha", "beta"])
def test_what_kept_a_guest_from_starting_is_linked_to_its_failure(why, home):
    """Whether its configuration was moved back to where its disks are, or still lies where HA put it."""
    guest, more, rule = BLOCKED[why]
    found = after(guest, IN_VAIN, home=home, **more)
    assert {(rule, "start-fails"), (rule, "service-in-error")} <= led_to(found)
    (incident,) = [each for each in found.incidents if each.guests]
    assert "vm:100" in {each.guest for each in incident.guests}


def test_a_weak_setting_that_has_nothing_to_do_with_it_is_no_cause():
    assert not {cause for cause, effect in led_to(after(vm(scsi0=ZFS), IN_VAIN)) if effect == "service-in-error"} & {"one-corosync-link"}


def test_a_mismatch_of_another_guest_is_not_linked():
    other = {"alpha__etc__pve__nodes__gamma__qemu-server__101.conf": vm(name="mail", scsi0="local-zfs:vm-101-disk-0")}
    both = "vm: 100\n\tstate started\n\nvm: 101\n\tstate started\n"
    found = after(vm(scsi0=NAS), IN_VAIN, resources=both, **other)
    assert "no-disk-on-candidate" in {each.rule for each in found.findings}
    assert not {effect for cause, effect in led_to(found) if cause == "no-disk-on-candidate"}


def test_before_an_outage_a_mismatch_stands_alone():
    found = case(tree(vm(scsi0=ZFS)))
    assert "no-disk-on-candidate" in {each.rule for each in found.findings}
    assert not led_to(found)


def back(**more):
    return after(vm(scsi0=ZFS, scsi1="local-zfs:vm-100-disk-1"), CAME_BACK, jobs=job(), **more)


def the(found, rule):
    return next(each for each in found.findings if each.rule == rule)


def test_a_guest_that_came_back_says_how_old_its_data_is_and_what_must_not_run():
    found = back(**{STATE: state(last=EPOCH - 260, seen=EPOCH - 260)})
    came = the(found, "came-back-with-old-data")
    assert came.title == "vm:100 (web) came back on beta with data 14 min 20 s old"
    assert came.summary.startswith("Keep alpha off, or the replication job 100-0 disabled")
    assert ("fenced-by-peers-word", "came-back-with-old-data") in led_to(found)
    ticket = markdown(to_document(found))
    assert ticket.index("pvesr disable 100-0") < ticket.index("was possibly reset")


def test_each_disk_has_its_own_age():
    snaps = "".join(
        f"rpool/data/vm-100-disk-{number}@__replicate_100-0_{EPOCH - age}__\t123456789012345678{number}\t{EPOCH - age}\n"
        for number, age in ((0, 260), (1, 1160))
    )
    came = the(back(**{STATE: state(last=EPOCH - 260, seen=EPOCH - 260), "beta__zfs.txt": snaps}), "came-back-with-old-data")
    assert "data 29 min 20 s old" in came.title
    assert "by disk: scsi0 14 min 20 s, scsi1 29 min 20 s" in came.summary


def test_the_log_of_the_last_run_tells_its_age_where_the_state_is_gone():
    stamp = "2026-03-14 00:55:4"
    run = f"{stamp}0 100-0: start replication job\n{stamp}1 100-0: create snapshot '__replicate_100-0_{EPOCH - 260}__' on local-zfs:vm-100-disk-0\n"
    path = "alpha__var__log__pve__replicate__100-0"
    assert "data 14 min 20 s old" in the(back(**{path: run + f"{stamp}5 100-0: end replication job\n"}), "came-back-with-old-data").title
    assert "data of unknown age" in the(back(**{path: run}), "came-back-with-old-data").title


def test_a_replica_that_had_not_kept_up_is_told_by_its_schedule():
    late, kept = (back(**{STATE: state(last=EPOCH - age, seen=EPOCH - 260)}) for age in (86_400 * 3, 260))
    assert "data 3 d" in the(late, "came-back-with-old-data").title
    assert "The schedule of the job allows 15 min" in the(late, "came-back-with-old-data").summary
    assert "schedule" not in the(kept, "came-back-with-old-data").summary


def test_the_job_that_had_failed_before_is_among_the_causes():
    failed = "Mar 14 00:30:00 alpha pvescheduler[1501]: 100-0: got unexpected replication job error - command 'ssh' failed: exit code 255\n"
    found = back(**{STATE: state(last=EPOCH - 86_400, seen=EPOCH - 260), "alpha__var__log__syslog": failed})
    assert ("job-failed", "came-back-with-old-data") in led_to(found)
