"""A small composed cluster of three nodes: /etc/pve as files, and the case that the whole pipeline makes of it."""

from __future__ import annotations

import functools

from pveforensics.intake import take_in
from pveforensics.model import Options
from pveforensics.pipeline import examine
from pveforensics.rulepack import RulePack, load_pack
from pveforensics.selftest import MemoryBundle

NODES = ("alpha", "beta", "gamma")
EPOCH = 1_773_450_000
"""Sat 14 Mar 2026, 01:00 UTC."""

STORAGE = """\
dir: local
\tpath /var/lib/vz
\tcontent iso,vztmpl,snippets

zfspool: local-zfs
\tpool rpool/data
\tcontent images,rootdir

lvmthin: local-lvm
\tvgname pve
\tthinpool data

nfs: nas
\tserver 192.0.2.50
\texport /pool
\tcontent images,iso

dir: said
\tpath /mnt/said
\tshared 1

nfs: narrow
\tserver 192.0.2.50
\texport /narrow
\tnodes alpha,gamma

nfs: off
\tserver 192.0.2.50
\texport /off
\tdisable
"""


def corosync(nodes=NODES, *, extra="", quorum="", second_link=False):
    entries = "".join(
        f"  node {{\n    name: {name}\n    nodeid: {number}\n    quorum_votes: 1\n    ring0_addr: 192.0.2.{10 + number}\n"
        + (f"    ring1_addr: 198.51.100.{10 + number}\n" if second_link else "")
        + "  }\n"
        for number, name in enumerate(nodes, 1)
    )
    head = f"totem {{\n  cluster_name: demo\n  config_version: 3\n  version: 2\n{extra}}}\n"
    return f"{head}nodelist {{\n{entries}}}\nquorum {{\n  provider: corosync_votequorum\n{quorum}}}\n"


def vm(**options):
    options = {"cores": "2", "memory": "2048", "name": "web", **options}
    return "".join(f"{key}: {value}\n" for key, value in options.items())


def tree(
    guest=None, *, resources="vm: 100\n\tstate started\n", jobs=None, home="alpha", vmid=100, kind="qemu-server", nodes=NODES, **files
):
    """The files of a bundle: one copy of /etc/pve on alpha, with one guest; more by path with `/` as `__`."""
    root = "alpha/etc/pve"
    found = {
        f"{root}/corosync.conf": corosync(nodes),
        f"{root}/storage.cfg": STORAGE,
        f"{root}/replication.cfg": jobs if jobs is not None else "# none\n",
    }
    if resources is not None:
        found[f"{root}/ha/resources.cfg"] = resources
    if guest is not None:
        found[f"{root}/nodes/{home}/{kind}/{vmid}.conf"] = guest
    found |= {path.replace("__", "/"): text for path, text in files.items()}
    return {path: text for path, text in found.items() if text is not None}


def job(target="beta", number=0, *more):
    return f"local: 100-{number}\n\ttarget {target}\n\tsource alpha\n" + "".join(f"\t{line}\n" for line in more)


def state(target="beta", *, last=EPOCH, failures=0, vmid=100, seen=None, **more):
    import json

    entry = {
        "duration": 3.5,
        "fail_count": failures,
        "last_iteration": seen or last,
        "last_node": "alpha",
        "last_sync": last,
        "last_try": seen or last,
        **more,
    }
    return json.dumps({str(vmid): {f"local/{target}": entry}})


def snap(dataset, epoch, guid, jobid="100-0"):
    return f"{dataset}@__replicate_{jobid}_{epoch}__\t{guid}\t{epoch}\n"


@functools.cache
def pack():
    return load_pack()


def case(files, *, rules=True):
    whole = pack()
    used = whole if rules else RulePack(whole.signatures, (), (), (), whole.sha256)
    return examine(take_in(MemoryBundle(files), used.signatures), used, Options(timezone="UTC", year=2026))


def placed(files):
    """Verdict and row of each node for the guest."""
    return {each.node: (each.verdict, each.row) for each in case(files, rules=False).history.placement}


def fired(files):
    """The rules that find something."""
    return {each.rule for each in case(files).findings}


def rows(files):
    """Row and verdict of every place, and of every disk and device that the rules are told of."""
    history = case(files, rules=False).history
    told = {(int(each.fields["row"]), each.fields["verdict"]) for each in history.intervals if each.state == "placement"}
    return told | {(each.row, each.verdict) for each in history.placement}
