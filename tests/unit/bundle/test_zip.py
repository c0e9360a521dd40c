import io
import os
import stat
import struct
import zipfile

import pytest
from composed import LOG, PLAIN, TREE, take_bytes, zip_of

FILES = {"pve1/var/log/syslog": LOG, "pve1/b.log": b"b\n" * 500, "pve1/c.log": b"c\n" * 500}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods(tmp_path, method):
    taken = take_bytes(tmp_path, zip_of(FILES, method))
    assert taken.files == FILES
    assert taken.not_read == ()
    assert taken.mtimes["pve1/b.log"] == 1773454388.0


def test_a_zip_behind_a_program(tmp_path):
    taken = take_bytes(tmp_path, zip_of(TREE), "x")
    assert taken.files == PLAIN
    stream = io.BytesIO(b"PK\3\4" + bytes(40))
    stream.seek(0, 2)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("a", "a\n")
    assert take_bytes(tmp_path, stream.getvalue(), "y").files == {"a": b"a\n"}


def test_a_streamed_zip_without_its_directory(tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    whole = bytes(pipe.data)
    assert take_bytes(tmp_path, whole).files == FILES
    taken = take_bytes(tmp_path, whole[: whole.rfind(b"PK\1\2") + 10])
    assert taken.files == FILES
    assert taken.damage == ["bundle.bin"]


def test_a_cut_zip_gives_what_is_before_the_cut(tmp_path):
    noise = os.urandom(50_000)
    data = zip_of({"a": b"a\n", "noise": noise, "z": b"z\n"})
    taken = take_bytes(tmp_path, data[:30_000])
    assert taken.files["a"] == b"a\n"
    assert len(taken.files["noise"]) > 25_000
    assert noise.startswith(taken.files["noise"])
    assert set(taken.damage) == {"noise", "bundle.bin"}


def test_damaged_content_is_said(tmp_path):
    data = bytearray(zip_of({"a": b"a" * 100, "b": b"b" * 100}, zipfile.ZIP_STORED))
    data[data.index(b"b" * 100) + 5] ^= 1
    taken = take_bytes(tmp_path, bytes(data))
    assert taken.files["a"] == b"a" * 100
    assert taken.damage == ["b"]


def test_encrypted_and_unsupported_members(tmp_path):
    data = bytearray(zip_of(FILES))
    for index, change in ((data.index(b"PK\1\2"), (8, 1)), (data.rindex(b"PK\1\2"), (10, 98))):
        struct.pack_into("<H", data, index + change[0], change[1])
    taken = take_bytes(tmp_path, bytes(data))
    assert taken.files == {"pve1/b.log": FILES["pve1/b.log"]}
    assert "encrypted" in taken.reason("pve1/var/log/syslog")
    assert "PPMd" in taken.reason("pve1/c.log")
    assert len(taken.damage) == 2


def test_deflate64_says_what_to_do(tmp_path):
    data = bytearray(zip_of({"big.log": LOG}))
    struct.pack_into("<H", data, data.index(b"PK\1\2") + 10, 9)
    taken = take_bytes(tmp_path, bytes(data))
    if taken.not_read:
        assert "Deflate64" in taken.reason("big.log")
        assert "pack it again" in taken.reason("big.log")


def test_overlapping_members_are_read_once(tmp_path):
    data = bytearray(zip_of({"a": b"a\n" * 50, "b": b"b\n" * 50}))
    second = data.rindex(b"PK\1\2")
    struct.pack_into("<L", data, second + 42, 0)
    taken = take_bytes(tmp_path, bytes(data))
    assert taken.files == {"a": b"a\n" * 50}
    assert "overlaps" in taken.reason("b")


def test_links_folders_and_windows_names(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("etc/localtime")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/usr/share/zoneinfo/Europe/Berlin")
        archive.writestr(zipfile.ZipInfo("var/log/"), b"")
        windows = zipfile.ZipInfo("x")
        windows.filename, windows.create_system = "pve1\\var\\log\\syslog", 0
        archive.writestr(windows, b"w\n")
        archive.writestr("../up", b"u\n")
    taken = take_bytes(tmp_path, stream.getvalue())
    assert taken.files == {"etc/localtime": b"", "pve1/var/log/syslog": b"w\n"}
    assert taken.links == {"etc/localtime": "/usr/share/zoneinfo/Europe/Berlin"}
    assert taken.damage == ["../up"]


def test_an_empty_zip(tmp_path):
    assert take_bytes(tmp_path, zip_of({})).files == {}


def test_zip64_records(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("a", "w", force_zip64=True) as member:
        member.write(b"a\n")
    assert take_bytes(tmp_path, stream.getvalue()).files == {"a": b"a\n"}
