"""Which node a file, a host column, an address and a node id belong to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.errors import UsageError
from pveforensics.identity import identify, short
from pveforensics.model import Cluster, Member
from pveforensics.readings import Document, LogScan, RawSnapshot


def log(path, hint="", **hosts):
    return LogScan(
        path, "bsd", "syslog", 1, "", None, 1, 1, (), (), {name.replace("_", "."): n for name, n in hosts.items()}, node_hint=hint
    )


def document(path, hint="", **fields):
    return Document(path, fields.pop("kind", "text"), 1, "", node_hint=hint, **fields)


def config(*names, name="lab", version=1, start=1):
    members = tuple(Member(each, start + k, 1, (f"192.0.2.{start + k}",)) for k, each in enumerate(names))
    return Cluster(name, members, config_version=version)


def test_the_folder_is_the_node_and_the_host_column_confirms_it():
    naming = identify([log("alpha/var/log/syslog", "alpha", alpha=90)], [document("alpha/etc/hosts", "alpha")])
    assert naming.nodes == ("alpha",)
    assert naming.in_bundle == {"alpha"}
    assert naming.node_of_path == {"alpha/var/log/syslog": "alpha", "alpha/etc/hosts": "alpha"}


def test_the_folder_keeps_its_case_and_long_names_are_short():
    naming = identify([log("Alpha/syslog", "Alpha", alpha_example_org=9)], [])
    assert naming.nodes == ("Alpha",)
    assert naming.node_of_line("alpha.example.org", "x") == "Alpha"
    assert short("alpha.example.org.") == "alpha"
    assert short("192.0.2.1") == "192.0.2.1"


def test_a_folder_with_another_name_is_corrected_by_the_host_column():
    naming = identify([log("first/syslog", "first", alpha=9)], [])
    assert naming.nodes == ("alpha",)
    assert naming.notes == ("folder 'first' holds logs of alpha",)


def test_a_folder_that_is_a_member_outweighs_a_host_column_that_is_none():
    conf = document("alpha/etc/corosync/corosync.conf", "alpha", clusters=(config("alpha", "beta"),))
    naming = identify([log("alpha/syslog", "alpha", oldname=9)], [conf])
    assert naming.node_of_path["alpha/syslog"] == "alpha"
    assert naming.node_of_line("oldname", "elsewhere") == "alpha"
    assert naming.nodes == ("alpha", "beta")
    assert naming.in_bundle == {"alpha"}


def test_etc_hostname_settles_a_root_without_folder():
    naming = identify([log("var/log/syslog"), log("var/log/kern.log", alpha=4)], [document("etc/hostname", hostname="alpha.example.org")])
    assert set(naming.node_of_path.values()) == {"alpha"}


def test_a_central_log_keeps_the_host_of_each_line():
    naming = identify([log("logs/all.log", "logs", alpha=50, beta=40, gamma=30)], [])
    assert naming.nodes == ("alpha", "beta", "gamma")
    assert naming.in_bundle == {"alpha", "beta", "gamma"}
    assert [naming.node_of_line(host, "logs/all.log") for host in ("alpha", "beta.example.org", "gamma")] == ["alpha", "beta", "gamma"]


def test_flat_logs_of_several_nodes_lie_side_by_side():
    naming = identify([log("a.log", alpha=5000), log("b.log", beta=20)], [])
    assert naming.node_of_path == {"a.log": "alpha", "b.log": "beta"}


def test_a_folder_named_after_the_archive_does_not_become_a_node():
    naming = identify([log("case7/a.log", "case7", alpha=50), log("case7/b.log", "case7", beta=40)], [])
    assert naming.nodes == ("alpha", "beta")


def test_documents_in_a_folder_that_no_cluster_knows_make_no_node():
    conf = document("drill/corosync.conf", "drill", clusters=(config("alpha", "beta"),), kind="corosync.conf")
    naming = identify([log("alpha/syslog", "alpha", alpha=9)], [conf])
    assert naming.nodes == ("alpha", "beta")
    assert naming.node_of_path["drill/corosync.conf"] == "unknown"


def test_a_log_without_folder_and_host_belongs_to_the_only_node():
    assert identify([log("alpha/syslog", "alpha"), log("corosync.log")], []).node_of_path["corosync.log"] == "alpha"
    assert identify([log("corosync.log")], []).nodes == ("unknown",)
    assert (
        identify([log("alpha/syslog", "alpha"), log("beta/syslog", "beta"), log("corosync.log")], []).node_of_path["corosync.log"]
        == "unknown"
    )


def test_a_folder_that_is_no_node_is_one_if_nothing_else_tells():
    assert identify([log("survivor/crm.log", "survivor")], []).nodes == ("survivor",)


def test_redacted_hosts_and_hosts_cut_at_a_blank_leave_the_folder_its_name():
    assert identify([log("alpha/syslog", "alpha", XXXX=40)], []).nodes == ("alpha",)
    assert identify([log("box 01/syslog", "box 01", box=40), log("box 02/syslog", "box 02", box=40)], []).nodes == ("box 01", "box 02")


def test_an_address_in_the_host_column_is_named_by_the_cluster_or_kept():
    conf = document("corosync.conf", clusters=(config("alpha", "beta"),))
    assert identify([log("netconsole/x.log", "netconsole", **{"192_0_2_2": 8})], [conf]).node_of_path["netconsole/x.log"] == "beta"
    assert identify([log("netconsole/x.log", "netconsole", **{"192_0_2_2": 8})], []).nodes == ("192.0.2.2",)


def test_hosts_files_give_aliases_but_never_for_loopback_or_in_dispute():
    first = document(
        "alpha/etc/hosts", "alpha", aliases={"192.0.2.9": "beta", "127.0.1.1": "alpha", "localhost": "alpha", "192.0.2.7": "alpha"}
    )
    second = document("beta/etc/hosts", "beta", aliases={"127.0.1.1": "beta", "192.0.2.7": "gamma"})
    naming = identify([log("alpha/syslog", "alpha"), log("beta/syslog", "beta")], [first, second])
    assert naming.aliases["192.0.2.9"] == "beta"
    assert not {"127.0.1.1", "localhost", "192.0.2.7"} & set(naming.aliases)


def test_a_membership_table_is_of_the_node_that_it_calls_its_own_by_address_or_id():
    tables = [
        document(f"{name}.txt", name, snapshots=(RawSnapshot("quorum", 1, "", rows=({"Nodeid": nodeid, "Name": f"{address} (local)"},)),))
        for name, nodeid, address in (("before", "2", "198.51.100.2"), ("during", "9", "192.0.2.2"), ("late", "9", "198.51.100.9"))
    ]
    naming = identify([log("syslog", alpha=9)], [document("corosync.conf", clusters=(config("alpha", "beta"),)), *tables])
    assert [naming.node_of_path[f"{name}.txt"] for name in ("before", "during", "late")] == ["beta", "beta", "unknown"]


def test_ids_come_from_the_configuration_and_from_membership_rows():
    rows = (
        {"Nodeid": "0x00000004", "Votes": "1", "Name": "delta"},
        {"Nodeid": "1", "Name": "192.0.2.1 (local)"},
        {"Nodeid": "A", "Name": "?"},
    )
    dump = document("alpha/pvecm.txt", "alpha", snapshots=(RawSnapshot("quorum", 1, "", rows=rows),))
    naming = identify([log("alpha/syslog", "alpha")], [dump])
    assert naming.ids == {4: "delta", 1: "alpha"}
    assert naming.nodes == ("alpha", "delta")
    assert naming.aliases["192.0.2.1"] == "alpha"
    conf = document("alpha/corosync.conf", "alpha", clusters=(config("alpha", "beta"),))
    assert identify([], [conf]).ids == {1: "alpha", 2: "beta"}


def test_the_newest_configuration_counts():
    old = document("alpha/corosync.conf", "alpha", clusters=(config("alpha", "beta"),))
    new = document("beta/corosync.conf", "beta", clusters=(config("alpha", "beta", "gamma", version=5),))
    assert identify([log("alpha/syslog", "alpha")], [old, new]).nodes == ("alpha", "beta", "gamma")


def test_two_clusters_are_refused():
    one = document("a/corosync.conf", "alpha", clusters=(config("alpha", "beta", "gamma", "delta"),))
    other = document("b/corosync.conf", "gamma", clusters=(config("gamma", "delta", name="other", start=9),))
    says = r"a/corosync\.conf is of cluster 'lab' \(alpha, beta, gamma, \.\.\.\) and b/corosync\.conf of cluster 'other' \(gamma, delta\)"
    with pytest.raises(UsageError, match=f"bundles disagree: {says}"):
        identify([], [one, other])


def test_two_clusters_of_one_name_are_told_by_their_machines():
    one = document("a/corosync.conf", "alpha", clusters=(config("alpha", "beta"),))
    for theirs in (config("gamma", "delta", start=7), config("alpha", "beta", start=7)):
        with pytest.raises(UsageError, match="bundles disagree"):
            identify([], [one, document("b/corosync.conf", "b", clusters=(theirs,))])


def test_a_cluster_that_was_renamed_moved_or_grew_is_one():
    one = document("a/corosync.conf", "alpha", clusters=(config("alpha", "beta"),))
    renamed = config("alpha", "beta", name="other", version=2)
    moved = config("alpha", "beta", version=2, start=7)
    grown = config("beta", "gamma", version=2, start=2)
    for cluster in (renamed, moved, grown):
        assert identify([], [one, document("b/corosync.conf", "b", clusters=(cluster,))]).nodes
    old = document("a/root/corosync.conf.old", "alpha", clusters=(config("gamma", name="former", start=9),))
    assert {"alpha", "beta"} <= set(identify([], [one, old]).nodes)


def test_status_dumps_tell_of_two_clusters_but_parts_of_one_do_not():
    def status(node, cluster, *addresses):
        rows = tuple({"nodeid": str(k + 1), "name": address} for k, address in enumerate(addresses))
        return document(f"{node}/pvecm", node, snapshots=(RawSnapshot("quorum_status", 1, "", fields={"name": cluster}, rows=rows),))

    parts = [status("alpha", "lab", "192.0.2.1", "192.0.2.2"), status("gamma", "lab", "192.0.2.3")]
    assert identify([log("alpha/syslog", "alpha", alpha=9)], parts).nodes
    with pytest.raises(UsageError, match=r"of cluster 'lab'.*of cluster 'other'"):
        identify([], [*parts, status("delta", "other", "192.0.2.9")])


NAMES = st.sampled_from(
    ["", "alpha", "beta", "logs", "cluster", "node", "192.0.2.1", "::1", "a b", "XXXX", "alpha.example.org", "\x00", "é"]
)


@given(
    st.lists(st.tuples(NAMES, st.dictionaries(NAMES, st.integers(0, 9), max_size=4)), max_size=5),
    st.lists(st.tuples(NAMES, NAMES), max_size=4),
)
@settings(max_examples=200)
def test_every_file_gets_a_node_whatever_it_says(logs, documents):
    scans = [LogScan(f"{k}/x", "", "", 1, "", None, 1, 1, (), (), hosts, node_hint=hint) for k, (hint, hosts) in enumerate(logs)]
    papers = [
        Document(f"{k}/d", "", 1, "", hostname=name, node_hint=hint, aliases={name: hint}) for k, (hint, name) in enumerate(documents)
    ]
    naming = identify(scans, papers)
    assert set(naming.node_of_path) == {each.path for each in (*scans, *papers)}
    assert all(naming.node_of_path.values())
    assert naming.in_bundle <= set(naming.nodes)
    assert len(set(naming.nodes)) == len(naming.nodes)


def test_words_of_file_and_archive_names_make_no_node_beside_real_ones():
    notes = document("cluster/drill-timeline.md", "drill")
    rules = document("etc/pve/ha/rules.cfg", "case7")
    assert identify([log("alpha/syslog", "alpha", alpha=9)], [notes, rules]).nodes == ("alpha",)


def test_the_membership_table_of_a_dump_names_a_folder_that_is_no_node():
    rows = ({"Nodeid": "1", "Name": "alpha"}, {"Nodeid": "2", "Name": "beta (local)"})
    dump = document("survivor/pvecm.txt", "survivor", snapshots=(RawSnapshot("quorum", 1, "", rows=rows),))
    naming = identify([log("survivor/crm.txt", "survivor")], [dump])
    assert naming.node_of_path["survivor/crm.txt"] == "beta"
