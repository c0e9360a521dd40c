"""Whatever is done to an archive, reading it ends without an exception."""

import gzip

import pytest
from composed import COMPRESS, LOG, header, padded, take, tar_of, zip_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pveforensics.bundle import Limits
from pveforensics.errors import InputError

SMALL = {
    "pve1/etc/hostname": b"pve1\n",
    "pve1/var/log/syslog.1.gz": gzip.compress(LOG[:3000]),
    "pve1/var/log/syslog": LOG[:4000],
    "in.zip": zip_of({"a": b"a\n"}),
}
TAR = tar_of(SMALL)
KINDS = {"tar": TAR, "zip": zip_of(SMALL), **{f"tar.{name}": compress(TAR) for name, compress in COMPRESS.items()}}
LIMITS = Limits(member=1 << 22, total=1 << 24, ratio_from=1 << 20)
EASY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def survives(path, data):
    path.write_bytes(data)
    taken = take(path, limits=LIMITS)
    assert sum(map(len, taken.files.values())) <= 1 << 24
    for name in taken.files:
        assert name.isprintable()
        assert ".." not in name.split("/")
        name.encode()
    return taken


@pytest.mark.parametrize("kind", KINDS)
@EASY
@given(data=st.data())
def test_any_cut(tmp_path, kind, data):
    whole = KINDS[kind]
    cut = data.draw(st.integers(0, len(whole) - 1))
    taken = survives(tmp_path / "b", whole[:cut])
    for path, content in taken.files.items():
        if path in SMALL and path.endswith("syslog"):
            assert SMALL[path].startswith(content)


@pytest.mark.parametrize("kind", KINDS)
@EASY
@given(data=st.data())
def test_any_flipped_bits_and_lost_bytes(tmp_path, kind, data):
    broken = bytearray(KINDS[kind])
    for at, bit in data.draw(st.lists(st.tuples(st.integers(0, len(broken) - 1), st.integers(0, 7)), min_size=1, max_size=6)):
        broken[at] ^= 1 << bit
    start = data.draw(st.integers(0, len(broken) - 1))
    del broken[start : start + data.draw(st.sampled_from([0, 0, 1, 100, 512, 3000]))]
    survives(tmp_path / "b", bytes(broken))


@EASY
@given(
    data=st.binary(max_size=3000),
    head=st.sampled_from(
        [b"", b"\x1f\x8b\x08", b"PK\3\4", b"PK\5\6", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh91AY&SY", b"\x04\x22\x4d\x18"]
    ),
)
def test_any_bytes_behind_any_magic(tmp_path, head, data):
    survives(tmp_path / "b", head + data)


@EASY
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=100),
            st.sampled_from([bytes([flag]) for flag in b"01234567DKLMNSVXgxAZ\0"]),
            st.binary(min_size=12, max_size=12) | st.none(),
            st.binary(max_size=1200),
        ),
        max_size=6,
    )
)
def test_any_headers_with_a_checksum_that_fits(tmp_path, rows):
    data = b"".join(header(name, len(body), flag, size_field=size) + padded(body) for name, flag, size, body in rows)
    survives(tmp_path / "b", data + bytes(1024))


def test_not_even_every_single_cut_of_a_tgz(tmp_path):
    whole = gzip.compress(tar_of({"a": b"a\n" * 200}))
    for cut in range(len(whole)):
        survives(tmp_path / "b", whole[:cut])


def test_empty_folder(tmp_path):
    assert take(tmp_path).files == {}
    with pytest.raises(InputError):
        take(tmp_path / "none")
