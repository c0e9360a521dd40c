import gzip
import lzma

from composed import LOG, take, take_bytes, tar_of, write_tree, zip_of

from pveforensics.bundle import Limits

MIB = 1 << 20


def test_members(tmp_path):
    tree = {f"log{i:02}": b"x\n" for i in range(20)}
    for data in (tar_of(tree), zip_of(tree)):
        taken = take_bytes(tmp_path, data, limits=Limits(members=5))
        assert len(taken.files) == 5
        assert taken.reason("bundle.bin") == "limit: more than 5 members; the rest was not read"
        assert taken.damage == ["bundle.bin"]
    taken = take(write_tree(tmp_path / "folder", tree), limits=Limits(members=5))
    assert len(taken.files) == 5
    assert taken.damage == ["folder"]


def test_bytes_of_a_member(tmp_path):
    taken = take_bytes(tmp_path, tar_of({"a": b"a" * 5000, "b": b"b\n"}), limits=Limits(member=1000))
    assert taken.files == {"a": b"a" * 1000, "b": b"b\n"}
    assert taken.reason("a") == "limit: larger than 1000 bytes; the rest was not read"
    assert take_bytes(tmp_path, b"a" * 1000, limits=Limits(member=1000)).not_read == ()


def test_bytes_in_total(tmp_path):
    tree = {f"{i}.gz": gzip.compress(bytes(range(256)) * 400) for i in range(20)}
    for name, data in (("tar", tar_of(tree)), ("zip", zip_of(tree))):
        taken = take_bytes(tmp_path, data, name, limits=Limits(total=500_000))
        assert sum(map(len, taken.files.values())) <= 500_000
        assert "in total" in taken.reason(name)
        assert taken.damage


def test_ratio(tmp_path):
    zeros = lzma.compress(bytes(30 * MIB))
    taken = take_bytes(tmp_path, tar_of({"lastlog.xz": zeros, "b": b"b\n"}), limits=Limits(ratio_from=MIB))
    assert MIB <= len(taken.files["lastlog.xz"]) < 30 * MIB
    assert "2,000-fold" in taken.reason("lastlog.xz")
    assert taken.files["b"] == b"b\n"
    assert take_bytes(tmp_path, zeros, "lastlog.xz").not_read == ()


def test_ratio_counts_through_all_compressions(tmp_path):
    bomb = gzip.compress(gzip.compress(bytes(30 * MIB)))
    taken = take_bytes(tmp_path, bomb, "bomb.gz", limits=Limits(ratio_from=MIB))
    assert "2,000-fold" in taken.reason("bomb.gz")


def test_depth(tmp_path):
    data = tar_of({"syslog": LOG})
    for _ in range(7):
        data = tar_of({"a.tar": data, "beside": b"x\n"})
    taken = take_bytes(tmp_path, data, "a.tar")
    assert "a.tar/a.tar/a.tar/a.tar/beside" in taken.files
    assert len(taken.files) == 5
    assert taken.damage == ["a.tar/a.tar/a.tar/a.tar/a.tar"]
    assert "5 archives deep" in taken.not_read[0].reason


def test_compressions_around_one_another(tmp_path):
    data = LOG
    for _ in range(5):
        data = gzip.compress(data)
    assert take_bytes(tmp_path, data, "x.gz").files == {"x.gz": LOG}
    taken = take_bytes(tmp_path, gzip.compress(data), "x.gz")
    assert taken.files == {}
    assert "compressed more than 5 times" in taken.reason("x.gz")


def test_the_list_of_what_was_not_read_is_bounded(tmp_path):
    data = tar_of({f"../{i}": b"x" for i in range(100)})
    taken = take_bytes(tmp_path, data, limits=Limits(notes=10))
    assert len(taken.not_read) == 11
    assert "not listed" in taken.not_read[-1].reason
