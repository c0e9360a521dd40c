"""What our own reader makes of the archives of `pveforensics collect`, without any option: nodes, kinds, the time of each dump."""

import tarfile

import pytest
from fake_node import CFGTOOL, QUORUM, SNAPSHOTS, build
from hypothesis import given
from hypothesis import strategies as st

from pveforensics.bundle import open_bundles
from pveforensics.identity import identify
from pveforensics.intake import take_in
from pveforensics.pipeline import examine, load_pack, reconstructed
from pveforensics.state import read_document
from pveforensics.timebase import parse_moment


@pytest.fixture(scope="module")
def pack():
    return load_pack()


def read(pack, *paths):
    with open_bundles([str(path) for path in paths]) as bundle:
        return take_in(bundle, pack.signatures)


def test_node_zone_kinds_and_the_time_of_each_dump(sick, pack):
    _, bundle = sick
    intake = read(pack, bundle)
    case = examine(intake, pack)
    known = {each.name: each for each in case.nodes}
    assert (known["alpha"].in_bundle, known["beta"].in_bundle, known["gamma"].in_bundle) == (True, False, False)
    assert known["alpha"].timezone == "Europe/Berlin"
    assert {source.node for source in case.sources} == {"alpha"}
    kinds = {source.path.partition("/")[2]: source.kind for source in case.sources}
    assert kinds["collect/manifest.tsv"] == "collect_manifest"
    assert kinds["commands/pvecm-status.txt"] == "quorum_status"
    assert kinds["commands/corosync-cfgtool-s.txt"] == "link_status"
    assert kinds["commands/ha-manager-status.txt"] == "ha_status"
    assert kinds["commands/journal-boots.txt"] == "boot_list"
    assert kinds["commands/qm-list.txt"] == "qm_list"
    assert kinds["commands/zfs-snapshots.txt"] == "zfs_list"
    assert kinds["commands/pvesr-status.txt"] == kinds["commands/pvesm-status.txt"] == "failed_command"
    assert kinds["var/log/syslog"] == "syslog"
    timeline = reconstructed(intake).timeline
    began, ended = (parse_moment(text) for text in _began_and_ended(timeline))
    dumps = {dump.kind: dump for dump in timeline.snapshots if dump.evidence[0].path.startswith("alpha/commands/")}
    for kind in ("link_status", "ha_status", "zfs_list", "qm_list", "failed_command"):
        assert began.us <= dumps[kind].at.us <= ended.us, kind
        assert dumps[kind].node == "alpha"
    assert dumps["quorum_status"].at.iso() == "2026-03-15T09:00:00.000Z", "a dump's own date is better than the heading's"
    assert [each.class_ for each in case.findings if each.class_ == "quorum_loss"]
    assert case.complete


def _began_and_ended(timeline):
    told = next(dump for dump in timeline.snapshots if dump.kind == "collect_manifest").fields
    return told["began"], told["ended"]


def test_three_archives_in_one_call_and_the_same_in_one_tar(tmp_path, pack):
    quick = {"pvesr": None, "pvecm": None}
    bundles = [build(tmp_path / name, name, stubs=quick).bundle(f"{name}.tgz") for name in ("alpha", "beta", "gamma")]
    with tarfile.open(tmp_path / "all.tar", "w") as outer:
        for bundle in bundles:
            outer.add(bundle, bundle.name)
    for paths in (bundles, [tmp_path / "all.tar"]):
        intake = read(pack, *paths)
        naming = identify(intake.scans, intake.documents)
        assert naming.nodes == ("alpha", "beta", "gamma")
        assert naming.in_bundle == {"alpha", "beta", "gamma"}
        for path, node in naming.node_of_path.items():
            assert f"/{node}/" in f"/{path}", path
        assert not [each for each in intake.not_read if each.damage]


HEADED = "### [alpha] {} ###\n# began 2026-03-15T10:00:00+0100, limit 10 s\n{}# ended 2026-03-15T10:00:01+0100, {}\n"


def test_a_heading_dates_a_dump_and_proves_the_zone():
    data = HEADED.format(
        "qm list", "      VMID NAME   STATUS     MEM(MB)    BOOTDISK(GB) PID\n       100 web    stopped    2048   8.00 0\n", "ok, exit 0"
    )
    document = read_document("x/commands/a.txt", data.encode(), None)
    assert document.kind == "qm_list"
    assert document.snapshots[0].node == "alpha"
    assert document.snapshots[0].epoch_us == parse_moment("2026-03-15T09:00:00Z").us
    assert [(hint.epoch_us, hint.local, hint.exact) for hint in document.hints] == [
        (document.snapshots[0].epoch_us, "2026-03-15 10:00:00", True)
    ]


def test_an_output_that_failed_tells_no_more_than_that():
    document = read_document("x/commands/a.txt", HEADED.format("pvesm status", "", "limit, exit 124").encode(), None)
    assert document.kind == "failed_command"
    assert dict(document.snapshots[0].fields) == {"command": "pvesm status", "outcome": "limit", "code": "124"}


def test_an_output_for_people_is_known_as_that():
    text = HEADED.format("ip route", "default via 192.0.2.1 dev vmbr0\n", "ok, exit 0")
    assert read_document("x/commands/a.txt", text.encode(), None).kind == "command_output"
    cut = text.rpartition("# ended")[0]
    assert dict(read_document("x/commands/a.txt", cut.encode(), None).snapshots[0].fields)["outcome"] == "cut"


OUTPUTS = (QUORUM, CFGTOOL, SNAPSHOTS, "lrm alpha (idle, Sun Mar 15 09:00:00 2026)\nquorum OK\n", "x\n", "\n", "### [a] b ###\n")


@given(st.lists(st.one_of(st.sampled_from(OUTPUTS), st.text(max_size=40).map(lambda text: text + "\n")), max_size=3).map("".join))
def test_around_any_output_the_heading_changes_no_more_than_time_and_place(output):
    bare = read_document("x/a.txt", output.encode("utf-8", "surrogatepass"), None)
    headed = read_document("x/a.txt", HEADED.format("tool", output, "ok, exit 0").encode("utf-8", "surrogatepass"), None)
    if bare is None:
        assert headed is None or headed.kind == "command_output"
        return
    assert headed.kind == bare.kind
    assert [(dump.kind, dump.fields, len(dump.rows)) for dump in headed.snapshots] == [
        (dump.kind, dump.fields, len(dump.rows)) for dump in bare.snapshots
    ]
    assert all(dump.epoch_us is not None or dump.local for dump in headed.snapshots)
    assert [dump.line for dump in headed.snapshots] == [dump.line + 2 for dump in bare.snapshots]


@pytest.mark.parametrize(
    "text",
    [
        HEADED.format("dmesg", "[    0.000000] Linux version 6.8.12-4-pve\n[    1.000000] nvme nvme0: pci function\n" * 3, "ok, exit 0"),
        HEADED.format("pvesm status", "", "limit, exit 124").replace("# began", "# begin"),
        HEADED.format("pvesm status", "", "limit, exit 124").replace("2026-03-15T10:00:00+0100", "2026-02-30T10:00:00+0100"),
        "### [alpha] pvesm status ###\n",
    ],
)
def test_a_log_and_what_has_no_whole_heading_is_no_document(text):
    assert read_document("x/commands/a.txt", text.encode(), None) is None
