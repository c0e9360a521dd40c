from nodelog import boot, dump, log, told

from pveforensics.state.trackers import storage

DOWN = "kernel: nfs: server 192.0.2.9 not responding, still trying"
UP = "kernel: nfs: server 192.0.2.9 OK"
OFFLINE = "pvestatd: storage 'nas' is not online"
CONFIG = [("storage.nfs:nas", "nfs"), ("storage.nfs:nas.server", "192.0.2.9"), ("storage.nfs:nas.content", "images,iso")]


def test_server_is_away_from_the_kernels_word_to_its_next():
    [(start, end, fields)] = told(storage.track(log((100, DOWN), (400, UP))), "storage:192.0.2.9@alpha", "offline")
    assert (start, end, fields["kind"], fields["told"], fields["closed_by"]) == (100, 400, "nfs", "kernel", "back")


def test_server_that_never_answers_again_stays_away():
    [(start, end, _)] = told(storage.track(log((100, DOWN))), "storage:192.0.2.9@alpha", "offline")
    assert (start, end) == (100, None)


def test_silence_of_the_kernel_proves_nothing_and_that_of_pvestatd_does():
    [(_, end, fields)] = told(storage.track(log((100, OFFLINE), (110, OFFLINE))), "storage:nas@alpha", "offline")
    assert (end, fields["closed_by"], fields["count"]) == (110, "quiet", "2")
    [(_, end, _)] = told(storage.track(log((100, OFFLINE), until=200)), "storage:nas@alpha", "offline")
    assert end is None


def test_two_outages_are_two():
    found = told(storage.track(log((100, OFFLINE), (110, OFFLINE), (3000, OFFLINE))), "storage:nas@alpha", "offline")
    assert [(start, end) for start, end, _ in found] == [(100, 110), (3000, 3000)]


def test_configuration_names_the_storage_behind_a_server_and_says_what_lies_on_it():
    [(start, end, fields)] = told(
        storage.track(log((100, DOWN), (110, OFFLINE), (400, UP), settings=CONFIG)), "storage:nas@alpha", "offline"
    )
    assert (start, end, fields["holds"], fields["kind"]) == (100, 400, "guests", "nfs")


def test_what_waited_behind_it_is_told():
    [(_, _, fields)] = told(
        storage.track(log((90, "pvestatd: status update time (61.000 seconds)"), (100, DOWN))), "storage:192.0.2.9@alpha", "offline"
    )
    assert fields["blocked"] == "pvestatd"


def test_shutdown_takes_storage_away_without_a_failure():
    assert storage.track(log((100, DOWN), boots=[boot("alpha", 0, 150, "clean", 300)])) == ()


def test_first_minutes_of_a_boot_are_marked():
    [(_, _, fields)] = told(storage.track(log((60, OFFLINE), boots=[boot("alpha", 0, None, "open")])), "storage:nas@alpha", "offline")
    assert fields["phase"] == "starting"


def test_boot_that_ends_ends_the_outage():
    boots = [boot("alpha", 0, 500, "unclean", 600), boot("alpha", 600, None, "open")]
    found = told(storage.track(log((100, DOWN), (1000, DOWN), boots=boots)), "storage:192.0.2.9@alpha", "offline")
    assert [(start, end) for start, end, _ in found] == [(100, 500), (1000, None)]


def test_line_without_a_time_counts_only_where_nothing_is_known_with_one():
    [(start, _, _)] = told(storage.track(log((100, DOWN), (None, DOWN))), "storage:192.0.2.9@alpha", "offline")
    assert start == 100
    [(start, end, _)] = told(storage.track(log((None, DOWN))), "storage:192.0.2.9@alpha", "offline")
    assert (start, end) == (None, None)


def test_suspended_pool_in_a_dump_has_no_time_whatever_its_scrub_says():
    rows = [{"name": "sdc", "state": "FAULTED", "role": "device"}]
    scan = "resilvered 0B in 00:00:00 with 0 errors on Mon Sep  1 13:03:19 2025"
    dumps = [dump("zpool_status", {"pool": "tank", "state": "SUSPENDED", "scan": scan}, rows)]
    [(start, end, fields)] = told(storage.track(log(snapshots=dumps)), "storage:tank@alpha", "offline")
    assert (start, end, fields["how"]) == (None, None, "suspended")
    assert "sdc FAULTED" in fields["why"]


def test_pool_without_a_device_is_degraded_and_one_taken_offline_by_hand_is_not():
    bad, away = {"name": "sdc", "state": "FAULTED", "role": "device"}, {"name": "sdd", "state": "OFFLINE", "role": "device"}
    assert told(
        storage.track(log(snapshots=[dump("zpool_status", {"pool": "tank", "state": "DEGRADED"}, [bad])])), "storage:tank@alpha", "degraded"
    )
    assert storage.track(log(snapshots=[dump("zpool_status", {"pool": "tank", "state": "ONLINE"}, [away])])) == ()


def test_inactive_storage_in_pvesm_status():
    rows = [{"storage": "nas", "type": "nfs", "status": "inactive"}, {"storage": "old", "type": "nfs", "status": "disabled"}]
    assert [each.subject for each in storage.track(log(snapshots=[dump("pvesm_status", {}, rows)]))] == ["storage:nas@alpha"]


def test_no_space_below_mnt_speaks_of_the_share():
    line = "pvestatd: mkdir /mnt/pve/nas/template: No space left on device at /usr/share/perl5/PVE/Storage/Plugin.pm line 1323."
    assert told(storage.track(log((100, line))), "storage:nas@alpha", "full")
    assert storage.track(log((100, "pvestatd: unable to write /var/lib/x: No space left on device"))) == ()


def test_missing_dataset_of_a_guest_is_no_missing_pool():
    assert storage.track(log((100, "pvedaemon: zfs error: cannot open 'tank/vm-100-disk-0': dataset does not exist"))) == ()
    [(_, _, fields)] = told(
        storage.track(log((100, "pvestatd: zfs error: cannot open 'tank': no such pool"))), "storage:tank@alpha", "offline"
    )
    assert fields["how"] == "missing"


def test_iscsi_session_recovers():
    lost = "kernel:  connection1:0: ping timeout of 5 secs expired, recv timeout 5, last rx 4295, last ping 4296, now 4297"
    back = "iscsid: connection1:0 is operational after recovery (3 attempts)"
    [(start, end, _)] = told(storage.track(log((100, lost), (140, back))), "storage:iscsi-session1@alpha", "offline")
    assert (start, end) == (100, 140)


def test_one_path_of_two_is_no_outage():
    assert storage.track(log((100, "multipathd: mpatha: remaining active paths: 1"))) == ()
    assert told(storage.track(log((100, "multipathd: mpatha: remaining active paths: 0"))), "storage:mpatha@alpha", "offline")


def test_hung_task_of_zfs_is_a_stall_and_that_of_a_guest_is_not():
    [(_, _, fields)] = told(
        storage.track(log((100, "kernel: INFO: task txg_sync:1234 blocked for more than 120 seconds."))), "storage:zfs@alpha", "slow"
    )
    assert fields["told"] == "kernel"
    assert storage.track(log((100, "kernel: INFO: task CPU 0/KVM:1234 blocked for more than 120 seconds."))) == ()
