"""Cluster configurations of a bundle: those of all files, the newest first."""

from pveforensics.dating import date
from pveforensics.identity import identify
from pveforensics.model import Cluster, Evidence, Member, Options
from pveforensics.readings import Document


def corosync_conf(node, version):
    path = f"{node}/etc/corosync/corosync.conf"
    evidence = (Evidence(path, 2, node, f"config_version: {version}"),)
    cluster = Cluster("lab", tuple(map(Member, ("alpha", "beta"), (1, 2))), config_version=version, evidence=evidence)
    return Document(path, "corosync.conf", 1, "", clusters=(cluster,), node_hint=node)


def test_the_newest_comes_first_and_each_file_counts():
    documents = [corosync_conf("alpha", 4), corosync_conf("beta", 4), corosync_conf("gamma", 5)]
    told = date([], documents, identify([], documents), Options()).clusters
    assert [(each.config_version, each.evidence[0].node) for each in told] == [(5, "gamma"), (4, "alpha"), (4, "beta")]
