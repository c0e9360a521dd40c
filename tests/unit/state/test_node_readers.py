from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.state.documents import document_score, read_document
from pveforensics.state.dumps.task_files import upid_of

POOLS = """root@alpha:~# zpool status
  pool: rpool
 state: ONLINE
  scan: scrub repaired 0B in 00:10:00 with 0 errors on Sun Mar  8 00:34:01 2026
config:

\tNAME        STATE     READ WRITE CKSUM
\trpool       ONLINE       0     0     0
\t  mirror-0  ONLINE       0     0     0
\t    sda3    ONLINE       0     0     0
\t    sdb3    ONLINE       0     0     0

errors: No known data errors

  pool: tank
 state: DEGRADED
status: One or more devices are faulted in response to persistent errors.
\tSufficient replicas exist for the pool to continue functioning in a
\tdegraded state.
config:

\tNAME        STATE     READ WRITE CKSUM
\ttank        DEGRADED     0     0     0
\t  raidz1-0  DEGRADED     0     0     0
\t    sdc     ONLINE       0     0     0
\t    sdd     FAULTED     12  1.2K     0  too many errors

errors: No known data errors
"""
UPID = "UPID:alpha:00003CEF:01EB9DE4:6A1AA280:qmstart:206:root@pam:"
TASK = "iscsiadm: No session found.\nTASK ERROR: start failed: QEMU exited with code 1\n"
LIST = f"{UPID} 6A1AA290 start failed: QEMU exited with code 1\nUPID:alpha:00003CF0:01EB9DE4:6A1AA285:vzdump::root@pam: 6A1AA300 OK\n"
ACTIVE = f"{UPID} 0\nUPID:alpha:00003CF0:01EB9DE4:6A1AA285:vzdump::root@pam: 1 6A1AA300 OK\n"


def read(path, text):
    return read_document(path, text.encode(), None)


def test_pools_with_their_devices():
    document = read("alpha/zpool.txt", POOLS)
    assert document.kind == "zpool_status"
    first, second = document.snapshots
    assert (first.fields["pool"], first.fields["state"], first.node) == ("rpool", "ONLINE", "alpha")
    assert [(row["name"], row["state"], row["role"]) for row in second.rows] == [
        ("tank", "DEGRADED", "pool"),
        ("raidz1-0", "DEGRADED", "group"),
        ("sdc", "ONLINE", "device"),
        ("sdd", "FAULTED", "device"),
    ]
    assert second.fields["status"].endswith("degraded state.")


def test_date_of_a_scrub_is_not_the_dumps():
    assert all(each.epoch_us is None and not each.local for each in read("alpha/zpool.txt", POOLS).snapshots)


def test_task_log_tells_result_and_upid():
    [snapshot] = read(f"alpha/var/log/pve/tasks/0/{UPID}", TASK).snapshots
    assert (snapshot.kind, snapshot.node, snapshot.epoch_us) == ("task_log", "alpha", 0x6A1AA280 * 1_000_000)
    assert (snapshot.fields["result"], snapshot.fields["error"]) == ("error", "start failed: QEMU exited with code 1")


def test_upid_survives_the_ways_of_file_names():
    for name in (UPID, UPID.replace(":", "%3A"), UPID.replace(":", "_"), UPID.replace(":", "\uf03a"), UPID.replace(":", "_") + ".log"):
        parts = upid_of(f"alpha/{name}")
        assert (parts["type"], parts["tid"], parts["user"], parts["starttime"]) == ("qmstart", "206", "root@pam", "6A1AA280"), name
    assert upid_of("alpha/syslog") == {}


def test_task_that_was_cut_has_no_result():
    [snapshot] = read(f"alpha/{UPID}", "INFO: starting new backup job\n").snapshots
    assert snapshot.fields["result"] == ""


def test_lists_of_tasks():
    for text, ended in ((LIST, ["6A1AA290", "6A1AA300"]), (ACTIVE, ["", "6A1AA300"])):
        [snapshot] = read("alpha/var/log/pve/tasks/index", text).snapshots
        assert snapshot.kind == "task_list"
        assert [row["end"] for row in snapshot.rows] == ended


def test_a_log_is_no_dump():
    line = "Mar 14 02:13:07 alpha pvedaemon[1501]: TASK ERROR: start failed: QEMU exited with code 1\n"
    assert document_score("alpha/syslog", (line * 5).encode()) == 0.0


@settings(max_examples=100)
@given(st.sampled_from([POOLS, TASK, LIST, ACTIVE]), st.data())
def test_damage_never_raises(text, data):
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for path in ("alpha/zpool.txt", f"alpha/{UPID}", "alpha/index"):
        document_score(path, cut)
        read_document(path, cut, None)
