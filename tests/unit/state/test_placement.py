"""The decision table: each row on a composed /etc/pve that fires it, and a neighbour that must not."""

from __future__ import annotations

import pytest
from pve import EPOCH, case, corosync, job, placed, state, tree, vm

ZFS = "local-zfs:vm-100-disk-0,size=32G"
REPLICA = "NAME                       USED  AVAIL     REFER  MOUNTPOINT\nrpool/data/vm-100-disk-0  8.12G   120G     8.01G  -\nrpool/data/vm-9-disk-0  8.12G   120G     8.01G  -\n"
OTHERS = "NAME                       USED  AVAIL     REFER  MOUNTPOINT\nrpool/data/vm-9-disk-0  8.12G   120G     8.01G  -\n"
STATUS = "Name             Type     Status           Total            Used       Available        %\n{}             nfs   {}               {}               0               0    0.00%\n"
LVS = "  LV            VG  Attr       LSize\n  vm-{}-disk-0 pve Vwi-aotz--  32.00g\n"
INTERFACES = "auto lo\niface lo inet loopback\n\nauto {0}\niface {0} inet static\n\taddress 192.0.2.11/24\n"
LSPCI = "00:00.0 Host bridge [0600]: Intel Corporation Device [8086:3e30]\n01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GP104 [{}] (rev a1)\n"
STATE = "alpha__var__lib__pve-manager__pve-replication-state.json"
MAPPING = "gpu\n\tmap id=10de:1b80,node=alpha,path=0000:01:00.0\n{}"
GROUP = "group: g\n\tnodes {}\n{}"
IN_GROUP = "vm: 100\n\tstate started\n\tgroup g\n"

ROWS = {
    1: (tree(vm(scsi0="nas:100/vm-100-disk-0.qcow2")), ("ok", 1)),
    "1, a limit that holds the node": (tree(vm(scsi0="narrow:100/a.qcow2"), nodes=("alpha", "gamma")), ("ok", 1)),
    2: (tree(vm(scsi0="narrow:100/vm-100-disk-0.qcow2")), ("start_fails", 2)),
    3: (tree(vm(scsi0="nas:100/a.qcow2"), **{"beta__pvesm-status.txt": STATUS.format("nas", "inactive", 0)}), ("start_fails", 3)),
    "3, active": (tree(vm(scsi0="nas:100/a.qcow2"), **{"beta__pvesm-status.txt": STATUS.format("nas", "active", 9)}), ("ok", 1)),
    4: (tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state()}), ("stale", 4)),
    "4, of which nothing tells whether it ran": (tree(vm(scsi0=ZFS), jobs=job()), ("unknown", 4)),
    "5, never": (tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state(last=0, seen=EPOCH)}), ("start_fails", 5)),
    "5, disabled": (tree(vm(scsi0=ZFS), jobs=job("beta", 0, "disable"), **{STATE: state()}), ("stale", 5)),
    "5, failing": (tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state(failures=9)}), ("stale", 5)),
    "5, no dataset": (tree(vm(scsi0=ZFS), jobs=job(), **{STATE: state(), "beta__zfs-list.txt": OTHERS}), ("start_fails", 5)),
    6: (tree(vm(scsi0=ZFS), jobs=job("gamma")), ("start_fails", 6)),
    7: (tree(vm(scsi0=ZFS)), ("start_fails", 7)),
    "7, and the list shows it": (tree(vm(scsi0=ZFS), **{"beta__zfs-list.txt": OTHERS}), ("start_fails", 7)),
    8: (tree(vm(scsi0=ZFS), **{"beta__zfs-list.txt": REPLICA}), ("wrong_data", 8)),
    9: (tree(vm(scsi0="local-lvm:vm-100-disk-0")), ("start_fails", 9)),
    10: (tree(vm(scsi0="local-lvm:vm-100-disk-0"), **{"beta__lvs.txt": LVS.format(100)}), ("wrong_data", 10)),
    "10, another's": (tree(vm(scsi0="local-lvm:vm-100-disk-0"), **{"beta__lvs.txt": LVS.format(101)}), ("start_fails", 9)),
    11: (
        tree(
            vm(scsi0="said:100/a.qcow2"),
            **{"alpha__pvesm-status.txt": STATUS.format("said", "active", 100), "beta__pvesm-status.txt": STATUS.format("said", "active", 200)},
        ),
        ("start_fails", 11),
    ),
    "11, the same size": (
        tree(
            vm(scsi0="said:100/a.qcow2"),
            **{"alpha__pvesm-status.txt": STATUS.format("said", "active", 100), "beta__pvesm-status.txt": STATUS.format("said", "active", 100)},
        ),
        ("ok", 1),
    ),
    12: (tree(vm(scsi0=ZFS, scsi1="local-zfs:vm-100-disk-1,replicate=0"), jobs=job(), **{STATE: state()}), ("start_fails", 12)),
    13: (tree(vm(scsi0="gone:vm-100-disk-0")), ("start_fails", 13)),
    "13, disabled": (tree(vm(scsi0="off:100/a.qcow2")), ("start_fails", 13)),
    14: (tree(vm(scsi0="nas:100/a.qcow2", ide2="local:iso/debian.iso,media=cdrom")), ("start_fails", 14)),
    "14, ejected": (tree(vm(scsi0="nas:100/a.qcow2", ide2="none,media=cdrom")), ("ok", 1)),
    "14, shared": (tree(vm(scsi0="nas:100/a.qcow2", ide2="nas:iso/debian.iso,media=cdrom")), ("ok", 1)),
    15: (tree(vm(ide2="local-zfs:vm-100-cloudinit,media=cdrom")), ("ok", 15)),
    16: (tree(vm(hostpci0="0000:02:00.0"), **{"beta__lspci.txt": LSPCI.format("10de:1b80")}), ("start_fails", 16)),
    "16, not known": (tree(vm(hostpci0="0000:02:00.0")), ("unknown", 16)),
    17: (
        tree(vm(hostpci0="01:00"), **{"alpha__lspci.txt": LSPCI.format("10de:1b80"), "beta__lspci.txt": LSPCI.format("8086:1521")}),
        ("wrong_data", 17),
    ),
    "17, the same device": (
        tree(vm(hostpci0="01:00"), **{"alpha__lspci.txt": LSPCI.format("10de:1b80"), "beta__lspci.txt": LSPCI.format("10de:1b80")}),
        ("ok", 16),
    ),
    18: (tree(vm(hostpci0="mapping=gpu"), alpha__etc__pve__mapping__pci=None, **{"alpha__etc__pve__mapping__pci.cfg": MAPPING.format("")}), ("start_fails", 18)),
    "18, mapped": (
        tree(vm(hostpci0="mapping=gpu"), **{"alpha__etc__pve__mapping__pci.cfg": MAPPING.format("\tmap id=10de:1b80,node=beta,path=0000:01:00.0\n")}),
        ("ok", 18),
    ),
    19: (tree(vm(usb0="host=1234:5678")), ("unknown", 19)),
    20: (tree(vm(serial0="/dev/ttyS0")), ("unknown", 20)),
    "20, a socket": (tree(vm(serial0="socket")), ("ok", 1)),
    23: (
        tree(
            vm(net0="virtio=BC:24:11:00:00:01,bridge=vmbr7"),
            alpha__etc__network__interfaces=INTERFACES.format("vmbr7"), beta__etc__network__interfaces=INTERFACES.format("vmbr0"),
        ),
        ("start_fails", 23),
    ),
    "23, there": (
        tree(
            vm(net0="virtio=BC:24:11:00:00:01,bridge=vmbr7"),
            alpha__etc__network__interfaces=INTERFACES.format("vmbr7"), beta__etc__network__interfaces=INTERFACES.format("vmbr7"),
        ),
        ("ok", 1),
    ),
    24: (tree(vm(hookscript="local:snippets/hook.pl")), ("start_fails", 24)),
    "24, shared": (tree(vm(hookscript="nas:snippets/hook.pl")), ("ok", 1)),
    25: (tree(vm(scsi0="nas:100/a.qcow2", lock="create")), ("start_fails", 25)),
    "25, a lock that recovery removes": (tree(vm(scsi0="nas:100/a.qcow2", lock="backup")), ("ok", 1)),
    27: (
        tree(vm(scsi0=ZFS), resources=IN_GROUP, jobs=job("gamma"), **{"alpha__etc__pve__ha__groups.cfg": GROUP.format("alpha,gamma", "")}),
        ("start_fails", 27),
    ),
    30: (tree(vm(lock="suspended", vmstate="local-zfs:vm-100-state-suspend-2026")), ("start_fails", 30)),
    "30, shared": (tree(vm(lock="suspended", vmstate="nas:100/vm-100-state.raw")), ("ok", 1)),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row):
    files, expected = ROWS[row]
    found = placed(files)
    assert found.get("beta", found.get("gamma")) == expected


CT = "arch: amd64\nhostname: proxy\nmp0: /srv,mp=/srv{}\nrootfs: nas:150/disk.raw\n"


@pytest.mark.parametrize(("mount", "row"), [("", 21), (",shared=1", 22)])
def test_a_container_with_a_path_of_the_host(mount, row):
    found = placed(tree(CT.format(mount), vmid=150, kind="lxc", resources="ct: 150\n"))
    assert found["beta"] == ("unknown", row)


def test_a_strict_group_without_another_node():
    files = tree(vm(scsi0=ZFS), resources=IN_GROUP, **{"alpha__etc__pve__ha__groups.cfg": GROUP.format("alpha", "\trestricted 1\n")})
    assert placed(files) == {"alpha": ("start_fails", 26)}


def test_a_strict_group_keeps_ha_to_the_nodes_with_a_copy():
    group = {"alpha__etc__pve__ha__groups.cfg": GROUP.format("alpha,gamma", "\trestricted 1\n")}
    files = tree(vm(scsi0=ZFS), resources=IN_GROUP, jobs=job("gamma"), **{STATE: state("gamma"), **group})
    assert placed(files) == {"gamma": ("stale", 4)}


def test_rules_of_pve_9_bind_like_groups():
    rule = {"alpha__etc__pve__ha__rules.cfg": "node-affinity: r\n\tresources vm:100\n\tnodes alpha,gamma\n\tstrict 1\n"}
    assert set(placed(tree(vm(scsi0=ZFS), jobs=job("gamma"), **rule))) == {"gamma"}
    disabled = {path: text + "\tdisable\n" for path, text in rule.items()}
    assert set(placed(tree(vm(scsi0=ZFS), jobs=job("gamma"), **disabled))) == {"beta", "gamma"}


def test_a_rule_that_ha_drops_binds_nothing():
    two = "node-affinity: r\n\tresources vm:100\n\tnodes gamma\n\tstrict 1\n\nnode-affinity: s\n\tresources vm:100\n\tnodes beta\n"
    assert set(placed(tree(vm(scsi0=ZFS), **{"alpha__etc__pve__ha__rules.cfg": two}))) == {"beta", "gamma"}


def test_a_higher_class_that_cannot_start_it_blocks_the_lower():
    group = {"alpha__etc__pve__ha__groups.cfg": GROUP.format("alpha:3,beta:2,gamma:1", "\trestricted 1\n")}
    files = tree(vm(scsi0=ZFS), resources=IN_GROUP, jobs=job("gamma"), **{STATE: state("gamma"), **group})
    (blocked,) = [each for each in case(files, rules=False).history.intervals if each.state == "placement" and each.fields["lower"]]
    assert (blocked.fields["nodes"], blocked.fields["lower"]) == ("beta", "gamma")


@pytest.mark.parametrize("wanted", ["stopped", "disabled", "ignored"])
def test_a_guest_that_ha_does_not_start_has_no_place(wanted):
    assert placed(tree(vm(scsi0=ZFS), resources=f"vm: 100\n\tstate {wanted}\n")) == {}


def test_a_group_that_the_bundle_does_not_define_leaves_it_open():
    assert placed(tree(vm(scsi0=ZFS), resources=IN_GROUP)) == {"beta": ("unknown", 0), "gamma": ("unknown", 0)}


def test_without_storage_cfg_or_replication_cfg_nothing_is_claimed():
    files = tree(vm(scsi0=ZFS))
    files.pop("alpha/etc/pve/storage.cfg")
    assert placed(files)["beta"] == ("unknown", 0)
    flat = {path.replace("alpha/etc/pve/", "alpha/").replace("nodes/alpha/", ""): text for path, text in tree(vm(scsi0=ZFS)).items()}
    flat.pop("alpha/replication.cfg")
    assert placed(flat)["beta"][0] == "unknown"


def test_config_db_tells_the_same(tmp_path):
    import sqlite3

    path = tmp_path / "config.db"
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE tree (inode INTEGER PRIMARY KEY NOT NULL, parent INTEGER NOT NULL, version INTEGER NOT NULL, writer INTEGER NOT NULL, mtime INTEGER NOT NULL, type INTEGER NOT NULL, name TEXT NOT NULL, data BLOB)"
    )
    folders: dict[str, int] = {"": 0}
    for number, (name, text) in enumerate(tree(vm(scsi0=ZFS)).items(), 1):
        parts = name.removeprefix("alpha/etc/pve/").split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder not in folders:
                folders[folder] = 100 + len(folders)
                connection.execute(
                    "INSERT INTO tree VALUES (?,?,1,1,?,4,?,NULL)",
                    (folders[folder], folders["/".join(parts[: depth - 1])], EPOCH, parts[depth - 1]),
                )
        connection.execute(
            "INSERT INTO tree VALUES (?,?,1,1,?,8,?,?)", (number, folders["/".join(parts[:-1])], EPOCH, parts[-1], text.encode())
        )
    connection.commit()
    connection.close()
    (tmp_path / "alpha").mkdir()
    path.rename(tmp_path / "alpha" / "config.db")
    from pve import pack

    from pveforensics.pipeline import analyze

    found = analyze([str(tmp_path)], pack())
    assert {each.node: each.row for each in found.history.placement} == {"beta": 7, "gamma": 7}
    assert corosync().startswith("totem")


def test_a_job_that_still_points_to_where_the_guest_now_is_counts_the_other_way_round():
    assert placed(tree(vm(scsi0=ZFS), home="beta", jobs=job()))["alpha"] == ("unknown", 4)


RECOVERED = """\
Mar 14 01:10:50 gamma pve-ha-crm[2061]: service 'vm:100': state changed from 'started' to 'fence'
Mar 14 01:12:00 gamma pve-ha-crm[2061]: recover service 'vm:100' from fenced node 'alpha' to node 'beta'
Mar 14 01:12:00 gamma pve-ha-crm[2061]: service 'vm:100': state changed from 'recovery' to 'started'  (node = beta)
"""
STARTED = {"beta/var/log/syslog": "Mar 14 01:12:20 beta pve-ha-lrm[2062]: service status vm:100 started\n"}


def recovered(guest, **more):
    return {**tree(guest, home="beta", **more), "gamma/var/log/syslog": RECOVERED}


def test_a_guest_that_was_moved_without_its_disks_is_judged_from_where_they_are():
    assert placed(recovered(vm(scsi0=ZFS))) == {"beta": ("start_fails", 7), "gamma": ("start_fails", 7)}
    shown = {"alpha/zfs-list.txt": REPLICA, "beta/zfs-list.txt": OTHERS}
    assert placed({**recovered(vm(scsi0=ZFS)), **shown}) == {"beta": ("start_fails", 7), "gamma": ("start_fails", 7)}


def test_a_guest_that_started_where_it_was_moved_to_is_at_home_there():
    assert set(placed({**recovered(vm(scsi0=ZFS)), **STARTED})) == {"alpha", "gamma"}
    assert set(placed({**recovered(vm(scsi0=ZFS)), "beta/zfs-list.txt": REPLICA})) == {"alpha", "gamma"}
    assert set(placed(recovered(vm(scsi0="nas:100/a.qcow2")))) == {"alpha", "gamma"}


def rules_cfg(*rules):
    return {"alpha__etc__pve__ha__rules.cfg": "\n".join(rules)}


def keep(affinity, *resources, name="k"):
    return f"resource-affinity: {name}\n\tresources {','.join(resources)}\n\taffinity {affinity}\n"


def bind(*resources, nodes="alpha,beta", name="n", strict="\tstrict 1\n"):
    return f"node-affinity: {name}\n\tresources {','.join(resources)}\n\tnodes {nodes}\n{strict}"


OTHER = {"alpha__etc__pve__nodes__beta__qemu-server__101.conf": vm(name="mail", scsi0="nas:101/a.qcow2")}
BOTH = "vm: 100\n\tstate started\n\nvm: 101\n\tstate started\n"


def test_a_node_with_a_guest_that_is_kept_apart_is_no_candidate():
    files = tree(vm(scsi0="nas:100/a.qcow2"), resources=BOTH, **rules_cfg(keep("negative", "vm:100", "vm:101")), **OTHER)
    found = {(each.guest, each.node) for each in case(files, rules=False).history.placement}
    assert found == {("vm:100", "gamma"), ("vm:101", "gamma")}


def test_as_many_guests_kept_apart_as_nodes_leave_none_for_a_recovery():
    two = ("alpha", "beta")
    files = tree(vm(scsi0="nas:100/a.qcow2"), resources=BOTH, nodes=two, **rules_cfg(keep("negative", "vm:100", "vm:101")), **OTHER)
    assert {(each.guest, each.row) for each in case(files, rules=False).history.placement} == {("vm:100", 26), ("vm:101", 26)}


def test_what_is_kept_together_is_bound_together():
    rules = rules_cfg(bind("vm:101"), keep("positive", "vm:100", "vm:101"))
    assert set(placed(tree(vm(scsi0="nas:100/a.qcow2"), **rules))) == {"beta"}


DROPPED = {
    "a guest in two node rules": ((bind("vm:100"), bind("vm:100", name="m")), {"n", "m"}),
    "two guests in two node rules": ((bind("vm:100"), bind("vm:101", name="m")), set()),
    "one guest apart": ((keep("negative", "vm:100"),), {"k"}),
    "four guests apart on three nodes": ((keep("negative", "vm:100", "vm:101", "vm:102", "vm:103"),), {"k"}),
    "three guests apart on three nodes": ((keep("negative", "vm:100", "vm:101", "vm:102"),), set()),
    "together and apart": ((keep("negative", "vm:100", "vm:101"), keep("positive", "vm:100", "vm:101", name="j")), {"k", "j"}),
    "together and apart with others": ((keep("negative", "vm:100", "vm:101"), keep("positive", "vm:100", "vm:102", name="j")), set()),
    "together, and bound by two rules": ((keep("positive", "vm:100", "vm:101"), bind("vm:100"), bind("vm:101", name="m")), {"k", "n", "m"}),
    "together, and bound by one": ((keep("positive", "vm:100", "vm:101"), bind("vm:100")), set()),
    "apart on one node": ((keep("negative", "vm:100", "vm:101"), bind("vm:100", "vm:101", nodes="alpha")), {"k", "n"}),
    "apart on two nodes": ((keep("negative", "vm:100", "vm:101"), bind("vm:100", "vm:101")), set()),
    "together on nodes of two priorities": ((keep("positive", "vm:100", "vm:101"), bind("vm:100", nodes="alpha:2,beta")), {"k", "n"}),
    "alone on nodes of two priorities": ((bind("vm:100", nodes="alpha:2,beta"),), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", DROPPED)
def test_rules_that_ha_drops(name):
    rules, dropped = DROPPED[name]
    found = case(tree(vm(scsi0="nas:100/a.qcow2"), **rules_cfg(*rules)), rules=False).history.intervals
    assert {each.fields["what"] for each in found if each.subject == "config:rules"} == dropped


def test_a_strict_rule_for_nodes_that_the_bundle_does_not_know_claims_nothing():
    files = tree(
        vm(scsi0="nas:100/a.qcow2"),
        resources=IN_GROUP,
        **{"alpha__etc__pve__ha__groups.cfg": GROUP.format("alpha,beta", "\trestricted 1\n")},
    )
    files.pop("alpha/etc/pve/corosync.conf")
    assert placed(files) == {"beta": ("ok", 1)}


def test_the_age_of_each_disk_is_that_of_its_own_copy():
    snaps = "".join(
        f"rpool/data/vm-100-disk-{number}@__replicate_100-0_{EPOCH - 60 * age}__\t1234567890123456789\t{EPOCH}\n"
        for number, age in ((0, 10), (1, 25))
    )
    files = tree(vm(scsi0=ZFS, scsi1="local-zfs:vm-100-disk-1"), jobs=job(), **{STATE: state(last=EPOCH - 600, seen=EPOCH)})
    (beta,) = [each for each in case({**files, "beta/zfs.txt": snaps}, rules=False).history.placement if each.node == "beta"]
    assert (beta.verdict, beta.age_s) == ("stale", 1500)
    assert "scsi0 10 min, scsi1 25 min" in beta.why
    (beta,) = [each for each in case(files, rules=False).history.placement if each.node == "beta"]
    assert (beta.age_s, "different times" in beta.why) == (600, False)


def test_a_volume_group_that_two_nodes_list_alike_may_be_one_lun():
    storage = {"alpha__etc__pve__storage.cfg": "lvm: san\n\tvgname san\n\tcontent images\n"}
    lvs = "  LV            VG  Attr       LSize\n  vm-{}-disk-0 san -wi-a-----  32.00g\n"
    files = tree(vm(scsi0="san:vm-100-disk-0"), **storage, alpha__lvs=None)
    alike = {"alpha/lvs.txt": lvs.format(100), "beta/lvs.txt": lvs.format(100)}
    assert placed({**files, **alike})["beta"] == ("unknown", 0)
    other = {"alpha/lvs.txt": lvs.format(100), "beta/lvs.txt": lvs.format(100) + "  vm-7-disk-0 san -wi-a-----  32.00g\n"}
    assert placed({**files, **other})["beta"] == ("wrong_data", 10)


def test_a_device_is_compared_only_if_both_nodes_show_theirs():
    files = tree(vm(hostpci0="01:00"), **{"beta__lspci.txt": LSPCI.format("8086:1521")})
    assert placed(files)["beta"] == ("unknown", 16)


def test_a_disk_that_is_not_replicated_and_lies_on_the_target_is_foreign_data():
    copies = REPLICA.replace("vm-9-disk-0", "vm-100-disk-1")
    files = tree(vm(scsi0=ZFS, scsi1="local-zfs:vm-100-disk-1,replicate=0"), jobs=job(), **{STATE: state(), "beta__zfs-list.txt": copies})
    assert placed(files)["beta"] == ("wrong_data", 8)


def test_a_replica_on_a_pool_that_is_away_is_no_replica():
    files = tree(
        vm(scsi0=ZFS),
        jobs=job(),
        **{STATE: state(), "beta__pvesm-status.txt": STATUS.format("local-zfs", "inactive", 0).replace("  nfs", "zfspool")},
    )
    assert placed(files)["beta"] == ("start_fails", 5)


def test_a_large_cluster_is_told_in_short_sentences():
    nodes = tuple(f"n{number:02}" for number in range(14))
    many = {f"alpha__etc__pve__nodes__n00__qemu-server__{vmid}.conf": vm(scsi0=f"local-zfs:vm-{vmid}-disk-0") for vmid in range(100, 110)}
    resources = "\n".join(f"vm: {vmid}\n\tstate started\n" for vmid in range(100, 110))
    (found,) = [each for each in case(tree(nodes=nodes, resources=resources, **many)).findings if each.rule == "no-disk-on-candidate"]
    assert "vm:100, vm:101, vm:102, vm:103, vm:104, vm:105 and 4 more" in found.title
    assert found.title.endswith("n01, n02, n03, n04, n05, n06, n07, n08 and 5 more")
    assert len(found.guests) == 10
