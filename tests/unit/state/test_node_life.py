import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lives import WORDS, at, boots, ended, made, seconds, spans, story, with_boots, wtmp

from pveforensics.model import NOTHING, Evidence, Snapshot
from pveforensics.state.trackers import node_life
from pveforensics.state.view import view_of

BOOT = [(1000, "kernel"), (1001, "systemd"), (1002, "journal"), (1030, "finished"), (1100, "line")]
OLD = [(0, "kernel"), (100, "line"), (850, "line")]


def one(*log, **more):
    """The last end before the boot at 1000 s."""
    found = ended(story({"alpha": [*OLD, *log, *BOOT]}, **more))
    assert len(found) == 2
    return found[0]


@pytest.mark.parametrize(
    ("log", "by"),
    [
        ([(870, "rebooting"), (880, "reboot_target"), (881, "journal_stop")], "reboot"),
        ([(870, "powering"), (880, "sync")], "poweroff"),
        ([(870, "key"), (871, "powering")], "poweroff"),
        ([(870, "kexec")], "kexec"),
        ([(870, "target")], "unknown"),
        ([(870, "journald_term"), (871, "journal_stop")], "unknown"),
        ([(870, "policy"), (871, "poweroff_lrm"), (875, "closed"), (876, "lrm_stop")], "poweroff"),
        ([(870, "mux_term"), (870, "mux_exit"), (872, "not_stopped")], "unknown"),
        ([(870, "lrm_stop"), (872, "pmxcfs_stop"), (874, "corosync_stop")], "unknown"),
    ],
)
def test_every_shutdown_marker_makes_the_end_clean(log, by):
    start, end, fields = one(*log)
    assert (fields["manner"], fields["by"]) == ("clean", by)
    assert (start, end) == (log[-1][0], 1000)


@pytest.mark.parametrize("mark", ["unclean_journal", "recovery"])
def test_what_the_next_boot_finds_makes_the_end_unclean(mark):
    _, _, fields = ended(story({"alpha": [*OLD, *BOOT[:3], (1003, mark), *BOOT[3:]]}))[0]
    assert fields["manner"] == "unclean"
    assert WORDS[mark][0] in fields["unclean_markers"]


def test_no_shutdown_in_a_log_that_would_show_one_is_unclean():
    start, end, fields = one((900, "line"))
    assert (start, end, fields["manner"], fields["gap_s"]) == (900, 1000, "unclean", "100")


def test_a_filtered_log_proves_nothing():
    _, _, fields = one((900, "line"), whole=False)
    assert fields["manner"] == "unknown"
    assert "only some daemons or priorities" in fields["why"]


def test_a_filtered_log_with_a_positive_marker_is_unclean():
    found = ended(story({"alpha": [*OLD, *BOOT[:3], (1003, "recovery"), *BOOT[3:]]}, whole=False))
    assert found[0][2]["manner"] == "unclean"


def test_a_separator_in_a_filtered_journal_says_that_a_boot_began_not_how_the_last_one_ended():
    log = [(10, "line"), (100, "line"), (None, "separator"), (202, "line"), (300, "line")]
    view = story({"alpha": log}, whole=False)
    assert boots(view) == [(None, 100, "unknown"), (202, 300, "open")]


def test_a_separator_as_last_line_tells_of_a_boot_at_an_unknown_time():
    view = story({"alpha": [(10, "line"), (100, "line"), (None, "separator")]})
    assert boots(view) == [(None, 100, "unclean")]
    assert ended(view)[0][:2] == (100, None)


def test_separator_and_first_line_are_in_two_files():
    view = story({"alpha/b1": [(10, "line"), (100, "line"), (None, "separator")], "alpha/b0": [(205, "line"), (300, "line")]})
    assert boots(view) == [(None, 100, "unclean"), (205, 300, "open")]


def test_clean_markers_outweigh_a_journal_found_open():
    found = ended(story({"alpha": [*OLD, (870, "rebooting"), (880, "reboot_target"), *BOOT[:3], (1003, "unclean_journal"), *BOOT[3:]]}))
    assert found[0][2]["manner"] == "clean"


def test_a_users_journal_found_open_says_nothing():
    view = story({"alpha": [*OLD, *BOOT[:3], (1003, "unclean_user"), *BOOT[3:]]}, whole=False)
    assert ended(view)[0][2]["manner"] == "unknown"


def test_a_file_system_that_recovers_long_after_the_boot_is_a_guests():
    view = story({"alpha": [*OLD, *BOOT, (1500, "recovery"), (1600, "line")]}, whole=False)
    assert ended(view)[0][2]["manner"] == "unknown"


def test_a_shutdown_that_was_called_off_long_before_does_not_count():
    assert one((100, "target"), (900, "line"))[2]["manner"] == "unclean"
    assert one((890, "at"), (900, "line"))[2]["manner"] == "unclean"


def test_restarted_log_daemons_are_no_boot_and_no_shutdown():
    log = [*OLD, (900, "rsyslog_stop"), (901, "rsyslog"), (902, "journal_stop"), (903, "journal"), (904, "systemd"), (960, "line")]
    assert boots(story({"alpha": log})) == [(0, 960, "open")]
    assert ended(story({"alpha": [*log, *BOOT]}))[0][2]["manner"] == "unclean"


def test_a_lone_start_of_rsyslogd_is_no_boot():
    assert len(boots(story({"alpha": [(0, "line"), (500, "line"), (520, "rsyslog"), (600, "line")]}))) == 1


def test_cluster_daemons_that_come_up_unstopped_after_silence_are_an_unclean_boot():
    log = [
        (0, "rsyslog"),
        (1, "pmxcfs"),
        (2, "corosync"),
        (600, "line"),
        (700, "rsyslog"),
        (700, "pmxcfs"),
        (702, "corosync"),
        (800, "line"),
    ]
    assert boots(story({"alpha": log})) == [(0, 600, "unclean"), (700, 800, "open")]


def test_cluster_daemons_that_were_stopped_and_started_are_no_boot():
    log = [
        (0, "rsyslog"),
        (1, "pmxcfs"),
        (2, "corosync"),
        (600, "corosync_stop"),
        (601, "pmxcfs_stop"),
        (625, "pmxcfs"),
        (627, "corosync"),
        (800, "line"),
    ]
    assert boots(story({"alpha": log})) == [(0, 800, "open")]


def test_a_crash_of_corosync_alone_is_no_boot():
    log = [(0, "rsyslog"), (1, "pmxcfs"), (2, "corosync"), (600, "line"), (625, "corosync"), (800, "line")]
    assert boots(story({"alpha": log})) == [(0, 800, "open")]


@pytest.mark.parametrize("expiry", ["expired", "died"])
def test_an_expiry_at_the_end_is_an_unclean_end(expiry):
    log = [(800, "armed"), (801, "lrm:wait_for_agent_lock>active"), (880, expiry), (881, "left"), (883, "not_stopped"), (888, "line")]
    _, _, fields = one(*log)
    assert (fields["manner"], fields["expired"], fields["armed"]) == ("unclean", "yes", "yes")


def test_the_kernels_word_that_the_watchdog_did_not_stop_ends_clean_shutdowns_too():
    _, _, fields = one((870, "rebooting"), (880, "mux_term"), (880, "mux_exit"), (882, "reboot_target"), (883, "not_stopped"))
    assert (fields["manner"], fields["expired"]) == ("clean", "no")


def test_a_shutdown_cut_by_the_watchdog_is_unclean():
    _, _, fields = one(
        (800, "armed"), (810, "rebooting"), (811, "policy"), (812, "blocked"), (860, "about"), (870, "expired"), (871, "left")
    )
    assert fields["manner"] == "unclean"
    assert "lrm_shutdown_blocked" in fields["unclean_markers"]
    assert "clean_reboot_requested" in fields["markers"]


def test_a_shutdown_that_was_quicker_than_the_watchdog_stays_clean():
    _, _, fields = one((810, "rebooting"), (870, "expired"), (872, "reboot_target"), (873, "journal_stop"))
    assert (fields["manner"], fields["expired"]) == ("clean", "yes")


def test_an_expiry_that_the_node_outlived_is_not_its_end():
    assert one((500, "expired"), (900, "line"))[2]["expired"] == "no"


def test_the_last_boot_is_open_unless_a_shutdown_stands_at_its_end():
    assert ended(story({"alpha": OLD}))[-1][2]["manner"] == "open"
    assert ended(story({"alpha": [*OLD, (870, "rebooting"), (875, "sync")]}))[-1][1:2] == (None,)
    assert ended(story({"alpha": [*OLD, (870, "rebooting"), (875, "sync")]}))[-1][2]["manner"] == "clean"


def test_a_stop_of_the_clusters_daemons_does_not_close_the_last_boot():
    stack = [(870, "lrm_stop"), (871, "crm_stop"), (872, "corosync_stop"), (873, "pmxcfs_stop")]
    assert ended(story({"alpha": [*OLD, *stack]}))[-1][2]["manner"] == "open"


def test_the_log_ends_at_the_expiry():
    fields = ended(story({"alpha": [*OLD, (870, "expired"), (872, "not_stopped")]}))[-1][2]
    assert (fields["manner"], fields["expired"]) == ("open", "yes")


def test_files_of_one_node_agree_on_one_boot():
    syslog = [(0, "line"), (900, "line"), (1035, "kernel"), (1035, "rsyslog"), (1100, "line")]
    journal = [(0, "line"), (905, "line"), (None, "separator", {"boot_id": "b" * 32}), (1000, "kernel"), (1002, "journal"), (1100, "line")]
    view = story({"alpha/syslog": syslog, "alpha/journal.txt": journal}, snapshots=[wtmp("alpha", ("reboot", 990, "still"))])
    assert boots(view) == [(None, 905, "unclean"), (990, 1100, "open")]
    assert node_life.boots(view)[1].boot_id == "b" * 32


def test_quick_boots_in_a_row_stay_apart():
    syslog = [(0, "kernel"), (80, "line"), (130, "kernel"), (190, "line"), (260, "kernel"), (330, "line")]
    journal = [(-60, "kernel"), (82, "line"), (90, "kernel"), (195, "line"), (205, "kernel"), (330, "line")]
    view = story({"alpha/syslog": syslog, "alpha/journal.txt": journal})
    assert [b[2] for b in boots(view)] == ["unclean", "unclean", "open"]


def test_wtmp_tells_how_an_end_was_where_the_log_is_filtered():
    crash = wtmp("alpha", ("reboot", 0, "crash"), ("root", 50, "crash"), ("reboot", 1000, "still"))
    clean = wtmp("alpha", ("reboot", 0, ""), ("shutdown", 905, ""), ("reboot", 1000, "still"))
    assert one((900, "line"), whole=False, snapshots=[crash])[2]["manner"] == "unclean"
    assert one((900, "line"), whole=False, snapshots=[clean])[2]["manner"] == "clean"


def test_a_wtmp_row_inside_a_log_that_shows_no_boot_is_ignored():
    view = story({"alpha": [(0, "line"), (1000, "line"), (2000, "line")]}, snapshots=[wtmp("alpha", ("reboot", 900, ""))])
    assert len(boots(view)) == 1


def test_a_boot_list_adds_what_no_log_shows():
    row = {"boot_id": "c" * 32, "first": at(-5000).iso(), "last": at(-3000).iso()}
    dump = Snapshot("boot_list", "alpha", None, NOTHING, (row,), (Evidence("alpha/boots", 2, "alpha", "-1 cc"),))
    view = story({"alpha": [*OLD]}, snapshots=[dump])
    assert boots(view)[0] == (-5000, -3000, "unknown")


def test_lost_bytes_between_two_boots_are_an_unclean_mark():
    view = story({"alpha": [*OLD, *BOOT]}, whole=False)
    nul = made("alpha", 3, 1000, "line", {"length": "692", "before": at(850).iso(), "after": at(1000).iso()})
    events = tuple(sorted([*view.timeline.events, _as(nul, "syslog_nul_bytes")], key=lambda e: (e.at.us, e.seq)))
    timeline = type(view.timeline)(events, view.timeline.coverage, clocks=view.timeline.clocks)
    found = ended(type(view)(**_parts(timeline, view)))
    assert found[0][2]["manner"] == "unclean"
    assert "syslog_nul_bytes" in found[0][2]["unclean_markers"]


def _as(event, kind):
    return type(event)(kind, event.node, event.at, event.fields, event.evidence, seq=event.seq)


def _parts(timeline, view):
    made_view = view_of(timeline, view.naming)
    return {name: getattr(made_view, name) for name in made_view.__struct_fields__}


def test_ha_daemons_that_come_up_anew_after_a_lost_lock_tell_of_a_reset():
    log = [(20, "lrm:startup>wait_for_agent_lock"), (20, "crm:startup>wait_for_quorum"), (25, "lrm:wait_for_agent_lock>active"),
           (120, "crm:slave>wait_for_quorum"), (123, "lrm:active>lost_agent_lock"), (300, "lrm:startup>wait_for_agent_lock"),
           (301, "crm:startup>wait_for_quorum"), (400, "crm:wait_for_quorum>slave")]  # fmt: skip
    found = ended(story({"alpha": log}, whole=False))
    assert found[0][:2] == (123, 300)
    assert (found[0][2]["manner"], found[0][2]["restarted_by"]) == ("unclean", "ha_daemons")


def test_ha_daemons_that_come_up_anew_say_nothing_of_how_the_node_ended():
    log = [(20, "lrm:startup>wait_for_agent_lock"), (20, "crm:startup>wait_for_quorum"), (120, "crm:wait_for_quorum>slave"),
           (300, "lrm:startup>wait_for_agent_lock"), (301, "crm:startup>wait_for_quorum")]  # fmt: skip
    assert ended(story({"alpha": log}, whole=False))[0][2]["manner"] == "unknown"


def test_restarted_ha_daemons_are_no_boot():
    log = [(20, "lrm:startup>wait_for_agent_lock"), (20, "crm:startup>wait_for_quorum"), (100, "lrm_restart"), (101, "lrm_stop"),
           (102, "crm_stop"), (200, "crm:startup>wait_for_quorum"), (201, "lrm:startup>wait_for_agent_lock")]  # fmt: skip
    assert len(boots(story({"alpha": log}, whole=False))) == 1


def test_a_node_shutdown_told_by_the_lrm_is_clean():
    log = [(20, "lrm:startup>wait_for_agent_lock"), (20, "crm:startup>wait_for_quorum"), (120, "policy"), (120, "poweroff_lrm"),
           (300, "lrm:startup>wait_for_agent_lock"), (301, "crm:startup>wait_for_quorum")]  # fmt: skip
    assert ended(story({"alpha": log}, whole=False))[0][2]["manner"] == "clean"


def test_holes_in_the_log_are_told_and_dead_time_is_not():
    log = [(0, "line"), (600, "line"), (9000, "line"), (9100, "line")]
    view = story({"alpha": log}, holes=[(600, 9000)])
    found = spans(node_life.track(view), "node:alpha", "no_log")
    assert [(start, end) for start, end, _ in found] == [(600, 9000)]
    off = story({"alpha": [(0, "line"), (600, "line"), (9000, "kernel"), (9100, "line")]}, holes=[(600, 9000)])
    assert not spans(node_life.track(off), "node:alpha", "no_log")


def test_a_node_without_a_log_is_told():
    assert spans(node_life.track(story({"alpha": OLD})), "node:beta", "no_log") == [(None, None, {"why": node_life.NO_LOG})]


def test_running_spans_lie_between_the_ends():
    view = story({"alpha": [*OLD, *BOOT]})
    assert [(s, e) for s, e, _ in spans(node_life.track(view), "node:alpha", "running")] == [(0, 850), (1000, None)]
    assert spans(node_life.track(view), "node:alpha", "running")[1][2]["kernel"] == "6.8.12-4-pve"


@settings(max_examples=150)
@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 3000)), st.sampled_from(sorted(WORDS))), max_size=25), st.booleans())
def test_any_log_gives_boots_in_order(log, whole):
    view = with_boots(story({"alpha": log}, whole=whole))
    for boot in view.boots:
        assert boot.start is None or boot.end is None or boot.start.us <= boot.end.us
    for one_boot, other in itertools.pairwise(view.boots):
        assert one_boot.end is None or other.start is None or seconds(one_boot.end) <= seconds(other.start)
    for span in node_life.track(view):
        assert span.start is None or span.end is None or span.start.us <= span.end.us


def stopping(*log):
    found = node_life.track(story({"alpha": [*OLD, *log, *BOOT]}))
    return [(seconds(i.start), seconds(i.end), i.fields["by"]) for i in found if i.state == "stopping"]


def test_a_shutdown_begins_with_its_order_not_with_the_last_line():
    assert stopping((600, "rebooting"), (601, "policy"), (880, "reboot_target"), (881, "journal_stop")) == [(600, 881, "reboot")]
    assert stopping((880, "reboot_target"), (881, "journal_stop")) == []


def test_the_order_of_the_boot_before_begins_no_later_shutdown():
    log = [(0, "kernel"), (50, "rebooting"), (60, "reboot_target"), (100, "kernel"), (101, "systemd"), (300, "line")]
    found = node_life.track(story({"alpha": [*log, (310, "reboot_target"), (400, "kernel"), (401, "systemd"), (500, "line")]}))
    assert [(seconds(i.start), seconds(i.end)) for i in found if i.state == "stopping"] == [(50, 60)]
