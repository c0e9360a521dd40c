import gzip
import lzma
import subprocess
import sys
import zlib

import pytest
from backports import zstd
from composed import COMPRESS, LOG, take_bytes

from pveforensics.bundle import inflate


@pytest.fixture(params=["as installed", "zlib"])
def backend(request, monkeypatch):
    if request.param == "zlib":
        monkeypatch.setattr(inflate, "_decompressor", zlib.decompressobj)
    return request.param


def test_several_streams_in_a_row_are_one_file(tmp_path, backend):
    assert backend
    for compress in COMPRESS.values():
        assert take_bytes(tmp_path, compress(b"one\n") + compress(b"") + compress(b"two\n"), "syslog").files == {"syslog": b"one\ntwo\n"}


def test_zero_padding_is_fine_and_other_bytes_are_noted(tmp_path, backend):
    assert backend
    for compress in COMPRESS.values():
        assert take_bytes(tmp_path, compress(b"one\n") + bytes(100), "syslog").not_read == ()
        taken = take_bytes(tmp_path, compress(b"one\n") + b"garbage" * 20_000, "syslog")
        assert taken.files == {"syslog": b"one\n"}
        assert [skipped.damage for skipped in taken.not_read] == [False]
        assert "after the end" in taken.reason("syslog")


def test_a_cut_gzip_gives_every_byte_before_the_cut(tmp_path, backend):
    assert backend
    packed = gzip.compress(LOG)
    for cut in (20, len(packed) // 2, len(packed) - 9, len(packed) - 4):
        expected = zlib.decompressobj(31).decompress(packed[:cut])
        taken = take_bytes(tmp_path, packed[:cut], "syslog.1.gz")
        assert taken.files == {"syslog.1.gz": expected}
        assert taken.reason("syslog.1.gz").startswith(f"gzip data ends early at byte {cut:,}")
        assert taken.damage == ["syslog.1.gz"]


def test_damage_in_a_gzip_costs_only_what_is_behind_it(tmp_path, backend):
    assert backend
    packed = bytearray(gzip.compress(LOG))
    place = len(packed) * 2 // 3
    before = zlib.decompressobj(31).decompress(bytes(packed[:place]))
    packed[place : place + 40] = bytes(byte ^ 0xFF for byte in packed[place : place + 40])
    taken = take_bytes(tmp_path, bytes(packed), "syslog.gz")
    assert taken.files["syslog.gz"].startswith(before[:-600])
    assert "damaged" in taken.reason("syslog.gz")


def test_a_wrong_checksum_loses_nothing(tmp_path, backend):
    assert backend
    packed = bytearray(gzip.compress(LOG))
    packed[-6] ^= 1
    taken = take_bytes(tmp_path, bytes(packed), "syslog.gz")
    assert taken.files == {"syslog.gz": LOG}
    assert taken.damage == ["syslog.gz"]


@pytest.mark.parametrize("kind", COMPRESS)
def test_every_compression_survives_damage(tmp_path, kind):
    packed = bytearray(COMPRESS[kind](LOG))
    packed[len(packed) // 2] ^= 0xFF
    taken = take_bytes(tmp_path, bytes(packed), "syslog")
    # lz4 without a checksum of its content may unpack to other bytes of the same length
    assert taken.damage == ["syslog"] or len(taken.files["syslog"]) == len(LOG)


def test_memory_that_xz_may_take_is_bounded(tmp_path):
    packed = lzma.compress(LOG, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}])
    taken = take_bytes(tmp_path, packed, "syslog.xz")
    assert "memory" in taken.reason("syslog.xz")


def test_zstd_skippable_frames(tmp_path):
    assert take_bytes(tmp_path, b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd.compress(LOG), "syslog").files == {"syslog": LOG}


@pytest.mark.parametrize("head", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\x01\0", b"\x1f\x9d\x90"])
def test_unsupported_archives_say_what_to_do(tmp_path, head):
    taken = take_bytes(tmp_path, head + bytes(100), "logs")
    assert taken.files == {}
    assert "unpack it" in taken.reason("logs")
    assert taken.damage == ["logs"]


def test_text_that_begins_like_bzip2_is_text(tmp_path):
    assert take_bytes(tmp_path, b"BZh9 is a magic\n", "notes").files == {"notes": b"BZh9 is a magic\n"}


def test_it_loads_without_isal():
    code = "import sys; sys.modules['isal'] = None; from pveforensics.bundle import inflate; import zlib; assert inflate._decompressor is zlib.decompressobj"
    subprocess.run([sys.executable, "-c", code], check=True)
