"""HA's state files and status dumps, and the BMC's event log: what they add to the logs, and what they do not prove."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.model import Evidence, Snapshot, Timeline
from pveforensics.readings import Naming
from pveforensics.state.documents import read_document
from pveforensics.state.trackers import bmc, ha_dumps
from pveforensics.state.view import view_of
from pveforensics.timebase import SECOND, Instant

NODES = ("alpha", "beta", "gamma")
NOW = 1_773_453_600


def snapshots(path, text):
    """The dumps of one file as the timeline would hold them."""
    document = read_document(path, text.encode(), None)
    assert document is not None
    return [
        Snapshot(
            raw.kind,
            raw.node or path.partition("/")[0],
            None if raw.epoch_us is None else Instant(raw.epoch_us),
            raw.fields,
            raw.rows,
            (Evidence(path, raw.line, raw.node, raw.text),),
        )
        for raw in document.snapshots
    ]


def view(files, events=()):
    dumps = [dump for path, text in files.items() for dump in snapshots(path, text)]
    return view_of(Timeline(tuple(events), snapshots=tuple(dumps)), Naming(NODES, frozenset(NODES), {}, {}, {}))


def states(found):
    return {(each.subject, each.state) for each in found}


def manager(**more):
    return json.dumps(
        {"master_node": "beta", "timestamp": NOW, "node_status": dict.fromkeys(NODES, "online"), "service_status": {}, **more}
    )


def lrm(age, **more):
    return json.dumps({"state": "active", "mode": "active", "timestamp": NOW - age, "results": {}, **more})


def test_a_service_in_error_is_told_with_its_node():
    state = manager(
        service_status={"vm:103": {"node": "gamma", "state": "error", "uid": "a"}, "vm:104": {"node": "beta", "state": "started"}}
    )
    (found,) = [each for each in ha_dumps.track(view({"beta/etc/pve/ha/manager_status": state})) if each.subject.startswith("guest:")]
    assert (found.subject, found.state, found.node) == ("guest:vm:103@gamma", "error", "gamma")


@pytest.mark.parametrize(("age", "dead"), [(12, False), (59, False), (61, True), (600, True)])
def test_an_lrm_is_dead_only_if_its_status_is_old(age, dead):
    found = ha_dumps.track(view({"beta/etc/pve/ha/manager_status": manager(), "beta/etc/pve/nodes/gamma/lrm_status": lrm(age)}))
    assert (("ha:gamma", "dead") in states(found)) is dead


def test_an_lrm_of_a_node_that_the_manager_misses_is_not_called_dead():
    missed = manager(node_status={"alpha": "online", "beta": "online", "gamma": "unknown"})
    found = ha_dumps.track(view({"beta/etc/pve/ha/manager_status": missed, "beta/etc/pve/nodes/gamma/lrm_status": lrm(600)}))
    assert ("ha:gamma", "dead") not in states(found)


def test_two_copies_of_etc_pve_are_not_compared_with_each_other():
    files = {"beta/etc/pve/ha/manager_status": manager(), "gamma/etc/pve/nodes/alpha/lrm_status": lrm(600)}
    assert ("ha:alpha", "dead") not in states(ha_dumps.track(view(files)))


def test_the_newest_copy_on_any_peer_dates_the_last_sign_of_life():
    files = {"alpha/etc/pve/nodes/gamma/lrm_status": lrm(900), "beta/etc/pve/nodes/gamma/lrm_status": lrm(30)}
    found = ha_dumps.track(view(files))
    (word,) = [each for each in found if each.state == "last_word"]
    assert word.start == Instant((NOW - 30) * SECOND)
    assert word.fields["lrm"] == "active"
    assert ("ha:gamma", "armed") in states(found)


def test_an_idle_lrm_was_not_armed():
    found = ha_dumps.track(view({"beta/etc/pve/nodes/gamma/lrm_status": lrm(30, state="wait_for_agent_lock")}))
    assert ("ha:gamma", "armed") not in states(found)


def test_the_clusters_log_keeps_the_last_entry_of_each_node():
    rows = [
        {"uid": 2, "time": NOW - 5, "pri": 6, "tag": "pvedaemon", "pid": 9, "node": "gamma", "user": "root@pam", "msg": "end task"},
        {"uid": 1, "time": NOW - 50, "pri": 6, "tag": "pvedaemon", "pid": 9, "node": "gamma", "user": "root@pam", "msg": "starting task"},
    ]
    (word,) = ha_dumps.track(view({"beta/etc/pve/.clusterlog": json.dumps({"data": rows})}))
    assert (word.subject, word.start, word.fields["said"]) == ("node:gamma", Instant((NOW - 5) * SECOND), "pvedaemon root@pam end task")


def test_the_last_metrics_of_a_node_are_its_last_word_where_nothing_says_more():
    text = f"pve2-node/gamma:86400:sublevel:{NOW - 7}:0.1:8:0.02\n"
    (word,) = ha_dumps.track(view({"beta/etc/pve/.rrd": text}))
    assert (word.subject, word.start, word.fields["source"]) == ("node:gamma", Instant((NOW - 7) * SECOND), "metrics")
    log = json.dumps(
        {"data": [{"uid": 1, "time": NOW - 5, "pri": 6, "tag": "pvedaemon", "pid": 7, "node": "gamma", "user": "root@pam", "msg": "x"}]}
    )
    words = ha_dumps.track(view({"beta/etc/pve/.rrd": text, "beta/etc/pve/.clusterlog": log}))
    assert [each.fields["source"] for each in words] == ["clusterlog"]


def test_a_status_without_quorum_proves_no_lrm_dead():
    text = "quorum {}\nmaster alpha (active, Sat Mar 14 01:50:00 2026)\nlrm alpha (old timestamp - dead?, Sat Mar 14 01:50:00 2026)\n"
    sure = ha_dumps.track(view({"beta/ha.txt": text.format("OK")}))
    frozen = ha_dumps.track(view({"beta/ha.txt": text.format("No quorum on node 'beta'!")}))
    assert (states(sure), states(frozen)) == ({("ha:alpha", "dead")}, set())


SEL = """\
   1 | 03/14/2026 | 02:12:31 | Power Supply #0x51 | Power Supply AC lost | Asserted
   2 | 03/14/2026 | 02:12:31 UTC | Power Unit #0x01 | Power cycle | Asserted
   3 | 03/14/26 | 02:12:40 PM UTC | Button #0x02 | Reset Button pressed | Asserted
   4 | 03/14/2026 | 02:13:00 UTC | Watchdog2 #0x03 | Hard reset | Asserted
   5 | 03/14/2026 | 02:14:00 UTC | Temperature CPU1 | Upper Critical going high | Asserted
   6 | 03/14/2026 | 02:15:00 UTC | Memory #0x10 | Uncorrectable ECC | Asserted
   7 | 03/14/2026 | 02:22:10 UTC | Power Supply #0x51 | Power Supply AC lost | Deasserted
   8 | 03/14/2026 | 02:23:00 UTC | Temperature Inlet | Upper Non-critical going high | Asserted
   9 | Pre-Init  |0000000012| OS Boot #0x1f | C: boot completed | Asserted
"""


def test_the_bmcs_records_that_can_end_a_boot_are_told_and_no_others():
    found = bmc.track(view({"alpha/sel.txt": SEL}))
    assert [each.fields["what"] for each in found] == ["power_lost", "power_cycled", "reset", "watchdog", "thermal", "hardware"]
    assert found[2].start == Instant(1_773_497_560 * SECOND)
    assert found[0].evidence[0].line == 1


@settings(max_examples=120)
@given(st.integers(0, len(SEL)), st.lists(st.tuples(st.integers(0, len(SEL) - 1), st.characters()), max_size=6))
def test_no_damage_to_a_bmc_log_raises(cut, flips):
    text = list(SEL)
    for place, letter in flips:
        text[place] = letter
    document = read_document("alpha/sel.txt", "".join(text)[:cut].encode("utf-8", "surrogatepass"), None)
    assert document is None or document.snapshots or document.kind


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["state", "mode", "timestamp", "results", "node_status", "service_status", "master_node"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=8), st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2)),
    )
)
def test_no_state_file_makes_the_tracker_stumble(value):
    files = {path: json.dumps(value) for path in ("beta/etc/pve/ha/manager_status", "beta/etc/pve/nodes/gamma/lrm_status")}
    known = {path: text for path, text in files.items() if read_document(path, text.encode(), None) is not None}
    ha_dumps.track(view(known))
