"""All readers of small files under all damage: whatever is cut, flipped, empty or foreign, nothing raises, hangs or invents a time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dumps import CFGTOOL, DEVICE, PVECM
from test_forms import GUID, SNAP
from test_lists import EVERY
from test_node_state import FAILED, OPENSSL, STATUS, TERM, pem

from pveforensics.state import documents
from pveforensics.state.containers import container_kind, open_database, open_report
from pveforensics.state.documents import document_score, read_document
from pveforensics.state.page import page_of
from pveforensics.timebase import SECOND

SAMPLES = {
    **{f"alpha/{kind}.txt": text for kind, text in EVERY.items()},
    "alpha/pvecm status.txt": PVECM,
    "alpha/device.txt": DEVICE,
    "alpha/corosync-cfgtool -s.txt": CFGTOOL,
    "alpha/zfs get all.txt": f"NAME  PROPERTY  VALUE  SOURCE\n{SNAP}  creation  Sat Mar 14  1:00 2026  -\n{SNAP}  guid  {GUID}  -\n",
    "alpha/etc/pve/nodes/alpha/pve-ssl.pem": pem(),
    "alpha/ssl_info.txt": OPENSSL,
    "alpha/failed.txt": FAILED,
    "alpha/status.txt": STATUS,
    "alpha/var/log/apt/term.log": TERM,
    "alpha/etc/pve/ha/resources.cfg": "vm: 100\n\tstate started\n\tsomething new\n",
    "alpha/etc/pve/ha/rules.cfg": "node-affinity: keep\n\tresources vm:100\n\tnodes alpha:2,beta\n\tstrict 1\n",
    "alpha/etc/pve/storage.cfg": "zfspool: local-zfs\n\tpool rpool/data\n\tsparse\n\nnew-plugin: x\n\tkey value\n",
    "alpha/etc/pve/datacenter.cfg": "keyboard: de\nha: shutdown_policy=migrate\nnew: thing\n",
    "alpha/etc/pve/replication.cfg": "local: 100-0\n\ttarget beta\n\tdisable\n",
    "alpha/etc/pve/qemu-server/100.conf": "cores: 2\nname: web\nscsi0: local-zfs:vm-100-disk-0\nnew: 1\n\n[PENDING]\ncores: 4\n\n[before]\ncores: 1\n",
    "alpha/etc/pve/mapping/pci.cfg": "gpu\n\tmap id=10de:1eb8,node=alpha,path=0000:01:00.0\n",
    "alpha/etc/pve/.version": '{"starttime": 1773450000, "clinfo": 3, "kvstore": {}}',
    "alpha/etc/pve/.rrd": "pve2-node/alpha:86400:sublevel:1773450000:0.1:8:0.02\n",
    "alpha/etc/pve/.clusterlog": '{"data": [{"uid": 1, "time": 1773450000, "pri": 6, "tag": "pvedaemon", "pid": 7, "node": "beta", "user": "root@pam", "msg": "x"}]}',
}  # fmt: skip


def test_every_sample_is_read_by_one_reader_without_a_problem():
    for path, text in SAMPLES.items():
        found = read_document(path, text.encode(), None)
        assert found is not None, path
        assert found.problems == (), path


@settings(max_examples=400)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_damage_raises_or_makes_a_moment_that_cannot_be(path, data):
    raw = bytearray(SAMPLES[path].encode())
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[data.draw(st.integers(0, 40)) : data.draw(st.integers(0, len(raw)))])
    document_score(path, cut)
    found = read_document(path, cut, None)
    for each in found.snapshots if found is not None else ():
        assert each.epoch_us is None or 0 <= each.epoch_us < 16_725_225_600 * SECOND  # the year 2500
        assert 1 <= each.line <= max(1, cut.count(b"\n") + 1)


@pytest.mark.parametrize("name", sorted({path.rpartition("/")[2] for path in SAMPLES}))
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\0", b"\0" * 5000, b"\xff\xfe", b"{", b"[" * 3000, b"\x1f\x8b", b"NAME\n", b"\xef\xbb\xbf"]
)
def test_nothing_much_under_a_known_name(name, content):
    document_score(f"alpha/{name}", content)
    read_document(f"alpha/etc/pve/{name}", content, None)


@settings(max_examples=200)
@given(st.binary(max_size=3000), st.sampled_from(sorted(SAMPLES)))
def test_noise_under_a_known_name(data, path):
    read_document(path, data, None)
    container_kind(data)
    open_report(path, data, None)
    open_database(path, data, data, None)


@settings(max_examples=60)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_each_reader_leaves_a_problem_at_worst_of_what_is_not_its_own(path, data):
    raw = bytearray(SAMPLES[path].encode())
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    page = page_of(path, bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    for reader in documents.ALL:
        documents._score(reader, page)
        documents._read(reader, page)
