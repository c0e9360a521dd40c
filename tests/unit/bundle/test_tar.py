import gzip
import random
import tarfile

import pytest
from composed import COMPRESS, END, LOG, header, padded, sealed, take_bytes, tar_of

from pveforensics.bundle import Limits

MEMBERS = {f"pve1/log{i:02}": f"line of {i:02}\n".encode() * 100 for i in range(50)}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_in_each_format(tmp_path, format):  # noqa: A002
    name = "pve1/" + "/".join("d" * 40 for _ in range(4)) + "/syslog"
    taken = take_bytes(tmp_path, tar_of({name: b"x\n", "short": b"y\n"}, format=format))
    assert taken.files == {name: b"x\n", "short": b"y\n"}
    assert taken.mtimes[name] == 1_700_000_000


def test_very_long_and_non_ascii_names(tmp_path):
    name = "pve1/" + "ü" * 300
    for format_ in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert take_bytes(tmp_path, tar_of({name: b"x"}, format=format_)).files == {name: b"x"}


def test_pax_mtime_and_size_and_global_header(tmp_path):
    def record(key, value):
        body = f" {key}={value}\n".encode()
        length = len(body)
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        return str(length).encode() + body

    shared = record("mtime", "1600000000.5")
    own = record("size", "700") + record("path", "renamed.log")
    data = header(b"g", len(shared), b"g") + padded(shared)
    data += header(b"x", len(own), b"x") + padded(own) + header(b"short", 0) + padded(b"a" * 700)
    data += header(b"next", 3) + padded(b"b\nc") + END
    taken = take_bytes(tmp_path, data)
    assert taken.files == {"renamed.log": b"a" * 700, "next": b"b\nc"}
    assert taken.mtimes == {"renamed.log": 1600000000.5, "next": 1600000000.5}


def test_base_256_size(tmp_path):
    data = header(b"big", 0, size_field=b"\x80" + (5).to_bytes(11, "big")) + padded(b"12345") + END
    assert take_bytes(tmp_path, data).files == {"big": b"12345"}


@pytest.mark.parametrize("field", [b"\xff" * 12, b"-0000001000\0", b"\xff" + b"\0" * 11], ids=["base256", "text", "most"])
@pytest.mark.parametrize("flag", [b"0", b"L", b"x", b"g", b"S", b"5"])
def test_negative_sizes_are_passed_over(tmp_path, field, flag):
    data = header(b"first", 2) + padded(b"a\n") + header(b"bad", 0, flag, size_field=field) + header(b"last", 2) + padded(b"b\n") + END
    taken = take_bytes(tmp_path, data)
    assert taken.files == {"first": b"a\n", "last": b"b\n"}
    assert taken.damage == ["bundle.bin"]


@pytest.mark.parametrize("flag", [b"0", b"L", b"x", b"g"])
def test_sizes_beyond_the_archive_do_not_take_memory(tmp_path, flag):
    data = (
        header(b"first", 2)
        + padded(b"a\n")
        + header(b"huge", 0, flag, size_field=b"\x80" + (6 << 30).to_bytes(11, "big"))
        + padded(b"rest\n")
    )
    taken = take_bytes(tmp_path, data)
    assert taken.files["first"] == b"a\n"
    assert taken.damage


@pytest.mark.parametrize("at", [0, 10, 49])
@pytest.mark.parametrize("flip", [0, 130, 150, 257])
def test_a_damaged_header_costs_one_member(tmp_path, at, flip):
    data = bytearray(tar_of(MEMBERS))
    data[at * 512 * (1 + -(-1100 // 512)) + flip] ^= 0x41 if at < 10 else 1
    damaged = bytes(data)
    taken = take_bytes(tmp_path, damaged)
    assert len(taken.files) >= 48
    assert taken.damage
    assert all(MEMBERS[path] == content for path, content in taken.files.items())


def test_joined_tars(tmp_path):
    data = tar_of({"a": b"a\n"}) + tar_of({"b": b"b\n"}) + b"note of a courier\n"
    taken = take_bytes(tmp_path, data)
    assert taken.files == {"a": b"a\n", "b": b"b\n"}
    assert [skipped.damage for skipped in taken.not_read] == [False]
    joined = gzip.compress(tar_of({"a": b"a\n"})) + gzip.compress(tar_of({"b": b"b\n"}))
    assert take_bytes(tmp_path, joined).files == {"a": b"a\n", "b": b"b\n"}


def test_a_cut_tar_gives_the_readable_part_of_the_cut_member(tmp_path):
    data = tar_of({"a": b"a\n", "syslog": LOG})
    taken = take_bytes(tmp_path, data[: 512 * 3 + 1000])
    assert taken.files == {"a": b"a\n", "syslog": LOG[:1000]}
    assert taken.not_read == (taken.not_read[0],)
    assert taken.reason("syslog") == f"cut off: 1,000 of {len(LOG):,} bytes are there"
    assert taken.damage == ["syslog"]


def test_a_tar_cut_between_members_says_so(tmp_path):
    taken = take_bytes(tmp_path, tar_of({"a": b"a\n"})[:1024])
    assert taken.files == {"a": b"a\n"}
    assert "end mark" in taken.reason("bundle.bin")


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_cut_compressed_tar_gives_what_is_before_the_cut(tmp_path, kind):
    text = random.Random(1).randbytes(4_000_000)  # not to be packed, so that the cut is amid the data
    packed = COMPRESS[kind](tar_of({"a": b"a\n", "syslog": text}))
    taken = take_bytes(tmp_path, packed[: len(packed) * 3 // 4])
    assert taken.files["a"] == b"a\n"
    assert len(taken.files["syslog"]) > len(text) // 4
    assert text.startswith(taken.files["syslog"])
    assert set(taken.damage) == {"syslog", "bundle.bin"}
    assert "data ends early at byte" in taken.reason("bundle.bin")


def test_links_devices_and_folders(tmp_path):
    data = (
        header(b"etc/localtime", 0, b"2", link=b"/usr/share/zoneinfo/Europe/Berlin")
        + header(b"dev/null", 0, b"3")
        + header(b"pipe", 0, b"6")
    )
    data += (
        header(b"var/log/", 0, b"5")
        + header(b"old/", 0, b"0")
        + header(b"syslog", 2)
        + padded(b"a\n")
        + header(b"hard", 0, b"1", link=b"syslog")
        + END
    )
    taken = take_bytes(tmp_path, data)
    assert taken.files == {"etc/localtime": b"", "syslog": b"a\n"}
    assert taken.links == {"etc/localtime": "/usr/share/zoneinfo/Europe/Berlin"}
    assert taken.damage == []
    assert {skipped.path for skipped in taken.not_read} == {"dev/null", "pipe", "hard"}


def test_hostile_names(tmp_path):
    names = [b"../../etc/passwd", b"/etc/shadow", b"a/../../b", b"", b"./", b"C:\\x", b"esc\x1b[2Jname", b"caf\xe9", b"a//./b"]
    data = b"".join(header(name, 2) + padded(b"x\n") for name in names) + END
    taken = take_bytes(tmp_path, data)
    assert set(taken.files) == {"etc/shadow", "C:\\x", "esc\\x1b[2Jname", "caf\\xe9", "a/b"}
    assert set(taken.damage) == {"../../etc/passwd", "a/../../b", ""}
    assert "unsafe name" in taken.reason("../../etc/passwd")


def test_members_of_the_same_name_are_both_kept(tmp_path):
    data = header(b"syslog", 2) + padded(b"1\n") + header(b"./syslog", 2) + padded(b"2\n") + header(b"SYSLOG", 2) + padded(b"3\n") + END
    taken = take_bytes(tmp_path, data)
    assert taken.files == {"syslog": b"1\n", "syslog#2": b"2\n", "SYSLOG": b"3\n"}
    assert [(skipped.path, skipped.damage) for skipped in taken.not_read] == [("syslog#2", False)]


def test_a_name_over_the_limit(tmp_path):
    name = "d/" * 3000 + "x"
    for format_ in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        taken = take_bytes(tmp_path, tar_of({name: b"x\n", "b": b"b\n"}, format=format_))
        assert taken.files == {"b": b"b\n"}
        assert "4,096 bytes" in taken.not_read[0].reason
        assert len(taken.not_read[0].path) < 4096
        assert taken.not_read[0].damage


def test_a_pax_header_over_the_limit(tmp_path):
    body = b"9" * 5000
    data = header(b"x", len(body), b"x") + padded(body) + header(b"a", 2) + padded(b"a\n") + header(b"b", 2) + padded(b"b\n") + END
    taken = take_bytes(tmp_path, data, limits=Limits(pax=4096))
    assert taken.files == {"b": b"b\n"}
    assert "PAX header" in taken.reason("a")


def test_a_row_of_extended_headers_ends(tmp_path):
    data = header(b"a", 2) + padded(b"a\n") + header(b"x", 0, b"g") * 500 + header(b"b", 2) + padded(b"b\n") + END
    taken = take_bytes(tmp_path, data)
    assert taken.files == {"a": b"a\n"}
    assert "in a row" in taken.reason("bundle.bin")


def old_sparse(extents, size, stored, more=b""):
    block = bytearray(header(b"sparse", len(stored), b"S", magic=b"ustar  \0"))
    for index, (offset, length) in enumerate(extents):
        block[386 + index * 24 : 386 + index * 24 + 24] = b"%011o\0%011o\0" % (offset, length)
    block[482] = 1 if more else 0
    block[483:495] = b"%011o\0" % size
    return sealed(block) + more + padded(stored) + header(b"next", 2) + padded(b"n\n") + END


def test_sparse_members_are_expanded(tmp_path):
    taken = take_bytes(tmp_path, old_sparse([(512, 3), (1024, 2)], 2048, b"abcde"))
    assert taken.files == {"sparse": bytes(512) + b"abc" + bytes(509) + b"de" + bytes(1022), "next": b"n\n"}
    more = bytearray(512)
    more[0:24] = b"%011o\0%011o\0" % (2000, 1)
    taken = take_bytes(tmp_path, old_sparse([(512, 3), (1024, 2)], 2048, b"abcdef", bytes(more)))
    assert taken.files["sparse"][2000:] == b"f" + bytes(47)
    assert taken.files["next"] == b"n\n"


@pytest.mark.parametrize(
    ("extents", "size", "reason"),
    [
        ([(600, 3), (512, 2)], 2048, "damaged"),
        ([(0, 9)], 2048, "damaged"),
        ([(0, 5)], 3, "damaged"),
        ([(0, 5)], 1 << 32, "limit: a sparse file"),
    ],
)
def test_sparse_maps_that_lie(tmp_path, extents, size, reason):
    taken = take_bytes(tmp_path, old_sparse(extents, size, b"abcde"))
    assert taken.files == {"next": b"n\n"}
    assert reason in taken.reason("sparse")


def pax_sparse(records, stored):
    body = b""
    for record in records:
        length = len(record) + 2
        while len(b"%d %s\n" % (length, record)) != length:
            length = len(b"%d %s\n" % (length, record))
        body += b"%d %s\n" % (length, record)
    return (
        header(b"x", len(body), b"x")
        + padded(body)
        + header(b"GNUSparseFile.0/s", len(stored))
        + padded(stored)
        + header(b"next", 2)
        + padded(b"n\n")
        + END
    )


@pytest.mark.parametrize(
    ("records", "stored"),
    [
        ([b"GNU.sparse.size=8", b"GNU.sparse.offset=4", b"GNU.sparse.numbytes=2", b"GNU.sparse.name=s"], b"ab"),
        ([b"GNU.sparse.size=8", b"GNU.sparse.map=4,2", b"GNU.sparse.name=s"], b"ab"),
        ([b"GNU.sparse.major=1", b"GNU.sparse.minor=0", b"GNU.sparse.realsize=8", b"GNU.sparse.name=s"], padded(b"1\n4\n2\n") + b"ab"),
    ],
)
def test_sparse_members_of_pax(tmp_path, records, stored):
    assert take_bytes(tmp_path, pax_sparse(records, stored)).files == {"s": b"\0\0\0\0ab\0\0", "next": b"n\n"}


def test_a_tar_whose_first_header_is_gone(tmp_path):
    taken = take_bytes(tmp_path, tar_of(MEMBERS)[700:])
    assert len(taken.files) == 49
    assert taken.damage == ["bundle.bin"]


def test_a_log_that_names_ustar_is_a_log(tmp_path):
    text = b"Mar 14 02:13:07 alpha tar: magic ustar\0 00 found\n" * 100
    assert take_bytes(tmp_path, text, "syslog").files == {"syslog": text}


@pytest.mark.parametrize("filler", [b"\xff", b"\x80", b"\0", b"0", b" ", b"1234567 "])
def test_binary_files_are_no_tars(tmp_path, filler):
    data = b"LPKSHHRH" + filler * 4000
    assert take_bytes(tmp_path, data, "system.journal").files == {"system.journal": data}


def test_what_is_no_tar_after_its_first_header_is_said_once(tmp_path):
    data = bytearray(header(b"a", 2) + b"\xff" * 5000)
    data[0] ^= 1
    taken = take_bytes(tmp_path, bytes(data))
    assert len(taken.not_read) == 1
