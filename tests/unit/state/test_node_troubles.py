from nodelog import boot, dump, event, log, told

from pveforensics.state.trackers import disks, locks, replication, resources, tasks

UPID = "UPID:alpha:00003CEF:01EB9DE4:6A1AA280:{}:206:root@pam:"


def test_killed_guest_is_named_by_its_group():
    detail = "kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,global_oom,task_memcg=/qemu.slice/101.scope,task=kvm,pid=4711,uid=0"
    killed = "kernel: Out of memory: Killed process 4711 (kvm) total-vm:9123456kB, anon-rss:8123456kB"
    [(start, _, fields)] = told(resources.track(log((100, detail), (100, killed))), "memory:kvm@alpha", "exhausted")
    assert (start, fields["guest"], fields["scope"]) == (100, "vm:101", "host")


def test_limit_of_a_container_is_its_own_affair():
    detail = "kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=ns,oom_memcg=/lxc/103,task_memcg=/lxc/103/ns/x.service,task=mysqld,pid=99,uid=1"
    killed = "kernel: Memory cgroup out of memory: Killed process 99 (mysqld) total-vm:123kB, anon-rss:12kB"
    [(_, _, fields)] = told(resources.track(log((100, detail), (100, killed))), "memory:mysqld@alpha", "exhausted")
    assert (fields["guest"], fields["scope"]) == ("ct:103", "group")


def test_detail_of_another_process_is_not_taken():
    detail = "kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,global_oom,task_memcg=/qemu.slice/101.scope,task=kvm,pid=1,uid=0"
    killed = "kernel: Out of memory: Killed process 4711 (kvm) total-vm:9123456kB, anon-rss:8123456kB"
    [(_, _, fields)] = told(resources.track(log((100, detail), (100, killed))), "memory:kvm@alpha", "exhausted")
    assert fields["guest"] == ""


def test_full_file_system_of_the_node_and_not_of_a_share():
    own = "pvestatd: unable to write /var/lib/pve-manager/x: No space left on device"
    [(start, end, _)] = told(resources.track(log((100, own), (200, own))), "filesystem:/var@alpha", "full")
    assert (start, end) == (100, 200)
    assert resources.track(log((100, "pvestatd: mkdir /mnt/pve/nas/x: No space left on device"))) == ()


MEDIUM = "kernel: critical medium error, dev sda3, sector 12345678 op 0x0:(READ) flags 0x0"


def test_disk_of_a_partition_fails():
    [(start, end, fields)] = told(disks.track(log((100, MEDIUM), (130, MEDIUM))), "disk:sda@alpha", "failing")
    assert (start, end, fields["count"]) == (100, 130, "2")


def test_drives_without_a_medium_and_empty_ports_are_no_failure():
    assert (
        disks.track(
            log((100, "kernel: I/O error, dev sr0, sector 0 op 0x0:(READ)"), (101, "kernel: ata3: SATA link down (SStatus 0 SControl 300)"))
        )
        == ()
    )


def test_disk_behind_a_lost_session_is_marked():
    lost = "kernel:  connection1:0: ping timeout of 5 secs expired, recv timeout 5, last rx 4295, last ping 4296, now 4297"
    [(_, _, fields)] = told(disks.track(log((90, lost), (100, MEDIUM))), "disk:sda@alpha", "failing")
    assert fields["remote"] == "yes"


def end_of(kind, status):
    return f"pvedaemon: <root@pam> end task {UPID.format(kind)} {status}"


def test_failed_task_is_told_once_whoever_tells_it():
    fields = {
        "node": "alpha",
        "pid": "00003CEF",
        "pstart": "01EB9DE4",
        "starttime": "6A1AA280",
        "type": "qmstart",
        "tid": "206",
        "user": "root@pam",
    }
    log_of_task = dump("task_log", {**fields, "result": "error", "error": "start failed: QEMU exited with code 1"}, when=0, path="alpha/t")
    row = {
        **fields,
        "upid": UPID.format("qmstart"),
        "end": "6A1AA290",
        "status": "start failed: QEMU exited with code 1",
        "line": "7",
        "text": "x",
    }
    view = log((30, end_of("qmstart", "start failed: QEMU exited with code 1")), snapshots=[log_of_task, dump("task_list", {}, [row])])
    [(_, _, found)] = told(tasks.track(view), "task:qmstart:206@alpha", "failed")
    assert (found["how"], found["guest"]) == ("start", "vm:206")


def test_good_warned_stopped_and_closed_tasks_did_not_fail():
    for kind, status in (
        ("qmstart", "OK"),
        ("vzdump", "WARNINGS: 2"),
        ("vzdump", "interrupted by signal"),
        ("vncproxy", "Failed to run vncproxy."),
    ):
        assert tasks.track(log((30, end_of(kind, status)))) == (), status


def test_list_of_tasks_is_read_on_the_common_clock():
    row = {
        "node": "alpha",
        "starttime": "6A1AA280",
        "type": "vzdump",
        "tid": "",
        "end": "6A1AA290",
        "status": "job errors",
        "line": "1",
        "text": "x",
    }
    views = [log(snapshots=[dump("task_list", {}, [row])], clock_s=shift) for shift in (0.0, 100.0)]
    [(one, _, _)], [(other, _, _)] = (told(tasks.track(view), "task:vzdump:@alpha", "failed") for view in views)
    assert one - other == 100


LOCKED = "pvedaemon: VM 101 is locked (backup)"


def test_lock_that_nobody_holds():
    [(_, _, fields)] = told(locks.track(log((5000, LOCKED), boots=[boot("alpha", 0, None, "open")])), "lock:vm:101@alpha", "met")
    assert fields["held"] == "no"


def test_lock_of_a_running_backup():
    begun = "pvescheduler: INFO: Starting Backup of VM 101 (qemu)"
    [(_, _, fields)] = told(
        locks.track(log((4000, begun), (5000, LOCKED), boots=[boot("alpha", 0, None, "open")])), "lock:vm:101@alpha", "met"
    )
    assert fields["held"] == "yes"


def test_backup_that_died_with_its_node_holds_nothing():
    begun = "pvescheduler: INFO: Starting Backup of VM 101 (qemu)"
    boots = [boot("alpha", 0, 4500, "unclean", 4600), boot("alpha", 4600, None, "open")]
    [(_, _, fields)] = told(locks.track(log((4000, begun), (5000, LOCKED), boots=boots)), "lock:vm:101@alpha", "met")
    assert fields["held"] == "no"


def test_hibernated_guest_and_a_log_that_does_not_reach_back():
    assert locks.track(log((5000, "pvedaemon: VM 101 is locked (suspended)"))) == ()
    assert [f["held"] for _, _, f in told(locks.track(log((5000, LOCKED))), "lock:vm:101@alpha", "met")] == ["untold"]


def test_job_fails_with_its_cause_and_recovers_in_silence():
    failed = (
        "pvescheduler: 101-0: got unexpected replication job error - command '/usr/bin/ssh root@192.0.2.2 -- pvesr' failed: exit code 255"
    )
    [(start, end, fields)] = told(replication.track(log((100, failed), (400, failed), until=9000)), "job:101-0@alpha", "failed")
    assert (start, end, fields["cause"], fields["count"]) == (100, 400, "unreachable", "2")


def test_causes_of_failed_runs():
    for text, cause in (
        ("No common base snapshot on volume(s) local-zfs:vm-101-disk-0", "diverged"),
        ("cannot receive incremental stream: out of space", "target_full"),
        ("cfs-lock 'file-replication_cfg' error: no quorum!", "no_quorum"),
        ("missing replicate feature on volume 'local:101/vm-101-disk-0.raw'", "configuration"),
        ("got timeout", "busy"),
        ("something else", "unknown"),
    ):
        assert replication.cause_of(text) == cause


def file_log(*messages):
    return [(10 + place, f": {message}") for place, message in enumerate(messages)]


def test_log_of_a_job_without_an_end():
    lines = file_log("101-0: start replication job", "101-0: guest => VM 101, running => 2291")
    [(start, end, fields)] = told(replication.track(log(*lines)), "job:101-0@alpha", "unfinished")
    assert (start, end, fields["died"]) == (10, None, "")
    died = replication.track(log(*lines, boots=[boot("alpha", 0, 60, "unclean", 90)]))
    assert [f["died"] for _, _, f in told(died, "job:101-0@alpha", "unfinished")] == ["yes"]


def test_log_of_a_job_with_an_end_is_finished():
    for end in ("101-0: end replication job", "101-0: end replication job with error: got timeout"):
        assert not told(replication.track(log(*file_log("101-0: start replication job", end))), "job:101-0@alpha", "unfinished")


def test_signatures_give_the_kinds_that_the_trackers_read():
    assert event(0, ": 101-0: end replication job with error: No common base snapshot on volume(s) x").kind == "replication.job_failed"
