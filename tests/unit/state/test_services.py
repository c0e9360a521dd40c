from nodelog import boot, log, told

from pveforensics.state.trackers import pmxcfs, services

SEGV = "systemd: pvestatd.service: Main process exited, code=killed, status=11/SEGV"
FAILED = "systemd: pvestatd.service: Failed with result 'signal'."
STARTED = "systemd: Started pvestatd.service - PVE Status Daemon."
PVESTATD = "service:pvestatd@alpha"


def test_crash_without_restart_stays_down():
    [(start, end, fields)] = told(services.track(log((100, SEGV), (100, FAILED))), PVESTATD, "down")
    assert (start, end, fields["ended"], fields["restarted"]) == (100, None, "crash", "no")
    assert "SEGV" in fields["why"]


def test_restart_ends_it():
    [(start, end, fields)] = told(services.track(log((100, SEGV), (160, STARTED))), PVESTATD, "down")
    assert (start, end, fields["restarted"]) == (100, 160, "yes")


def test_restart_loop_is_one_outage_that_was_given_up():
    exited = "systemd: pve-cluster.service: Main process exited, code=exited, status=255/EXCEPTION"
    limit = "systemd: pve-cluster.service: Start request repeated too quickly."
    started = "systemd: Started pve-cluster.service - The Proxmox VE cluster filesystem."
    lines = [(100, exited), (101, started), (102, exited), (103, started), (104, exited), (104, limit)]
    [(start, end, fields)] = told(services.track(log(*lines)), "service:pve-cluster@alpha", "down")
    assert (start, end, fields["ended"], fields["restarts"]) == (100, None, "start_limit", "2")


def test_daemon_that_writes_again_was_started_by_somebody():
    [(_, end, fields)] = told(services.track(log((100, SEGV), (900, "pvestatd: status update time (7.100 seconds)"))), PVESTATD, "down")
    assert (end, fields["closed_by"]) == (900, "alive")


def test_crash_in_user_space_names_its_daemon():
    trap = "kernel: traps: pvestatd[2220] general protection fault ip:5a604c85ee3a sp:7fff60e65990 error:0 in perl[5a604c767000+195000]"
    assert [end for _, end, _ in told(services.track(log((None, trap))), PVESTATD, "down")] == [None]
    assert services.track(log((100, trap.replace("pvestatd[", "mysqld[")))) == ()


def test_stop_by_hand_reload_and_benign_ends_are_no_failure():
    stopping = "systemd: Stopping pvestatd.service - PVE Status Daemon..."
    term = "systemd: pvestatd.service: Main process exited, code=killed, status=15/TERM"
    hurried = "systemd: pvestatd.service: Main process exited, code=exited, status=143/n/a"
    reload_helper = "systemd: pveproxy.service: Control process exited, code=exited, status=1/FAILURE"
    assert services.track(log((100, stopping), (101, term), (101, FAILED))) == ()
    assert services.track(log((100, stopping), (101, hurried))) == ()
    assert services.track(log((100, reload_helper))) == ()


def test_what_ends_with_its_node_did_not_fail():
    assert services.track(log((100, SEGV), (100, FAILED), boots=[boot("alpha", 0, 150, "clean", 300)])) == ()


def test_units_that_do_not_matter_and_corosync_are_left_alone():
    for unit in ("user@1000", "session-3", "101.scope", "corosync", "apt-daily"):
        name = unit if "." in unit else f"{unit}.service"
        assert services.track(log((100, f"systemd: {name}: Failed with result 'exit-code'."))) == ()


def test_base_service_is_told_from_a_daemon_of_proxmox():
    [(_, _, fields)] = told(
        services.track(log((100, "systemd: chrony.service: Failed with result 'exit-code'."))), "service:chrony@alpha", "down"
    )
    assert fields["own"] == ""


SKIPPED = "pve-ha-lrm: temporary inconsistent cluster state (cfs restart?), skip round"
SENT = "pmxcfs: [dcdb] crit: cpg_send_message failed: 9"
PMXCFS = "service:pve-cluster@alpha"


def test_round_after_round_skipped_is_a_stuck_cluster_file_system():
    [(start, end, fields)] = told(pmxcfs.track(log(*((when, SKIPPED) for when in (100, 120, 140)))), PMXCFS, "blocked")
    assert (start, end, fields["count"]) == (100, 140, "3")
    assert pmxcfs.track(log((100, SKIPPED))) == ()


def test_without_quorum_or_corosync_it_is_a_consequence():
    lost, gained = (
        "corosync:   [QUORUM] This node is within the non-primary component and will NOT provide any services.",
        ("corosync:   [QUORUM] This node is within the primary component and will provide service."),
    )
    lines = [(50, lost), *((when, SENT) for when in (100, 101, 102, 103)), (200, gained)]
    assert pmxcfs.track(log(*lines)) == ()
    assert told(pmxcfs.track(log((50, gained), *((when, SENT) for when in (100, 101, 102)))), PMXCFS, "blocked")


def test_sync_heals_it():
    synced = "pmxcfs: [dcdb] notice: all data is up to date"
    [(_, end, fields)] = told(pmxcfs.track(log(*((when, SENT) for when in (100, 101, 102)), (103, synced))), PMXCFS, "blocked")
    assert (end, fields["closed_by"]) == (103, "synced")


def test_refusals_of_a_restart_are_none_and_those_of_a_minute_are():
    refused = "pvestatd: ipcc_send_rec[1] failed: Connection refused"
    assert pmxcfs.track(log(*((when, refused) for when in (100, 101, 102)))) == ()
    [(start, _, fields)] = told(pmxcfs.track(log(*((when, refused) for when in (100, 110, 120, 160)))), PMXCFS, "blocked")
    assert (start, fields["how"]) == (100, "refused")
