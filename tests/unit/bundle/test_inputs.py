import gzip
import hashlib
import io
import os

import pytest
from composed import COMPRESS, LOG, PLAIN, TREE, Taken, take, take_bytes, tar_of, write_tree, zip_of

from pveforensics.bundle import Limits, open_bundles
from pveforensics.errors import InputError


def archives():
    tar = tar_of(TREE)
    yield "tar", tar
    for name, compress in COMPRESS.items():
        yield f"tar.{name}", compress(tar)
    yield "zip", zip_of(TREE)


@pytest.mark.parametrize(("kind", "data"), list(archives()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_tree_reads_the_same_in_every_archive_whatever_its_suffix(tmp_path, kind, data):
    assert kind
    taken = take_bytes(tmp_path, data, "bundle.txt")
    assert taken.files == PLAIN
    assert taken.not_read == ()
    assert taken.hashes["alpha/var/log/syslog"] == hashlib.sha256(LOG).hexdigest()
    assert taken.infos[0].sha256 == hashlib.sha256(data).hexdigest()
    assert (taken.infos[0].name, taken.infos[0].size) == ("bundle.txt", len(data))


def test_a_folder_reads_like_an_archive(tmp_path):
    folder = write_tree(tmp_path / "evidence", TREE)
    taken = take(folder)
    assert taken.files == PLAIN
    assert list(taken.files) == sorted(PLAIN)
    assert taken.not_read == ()
    assert taken.infos[0].name == "evidence"
    assert taken.infos[0].size == sum(map(len, TREE.values()))
    again = take(folder)
    assert again.infos == taken.infos
    (folder / "alpha/etc/hostname").write_bytes(b"other\n")
    assert take(folder).infos != taken.infos


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_single_compressed_log_keeps_its_name(tmp_path, kind):
    taken = take_bytes(tmp_path, COMPRESS[kind](LOG), f"pve1-syslog.{kind}")
    assert taken.files == {f"pve1-syslog.{kind}": LOG}
    assert taken.hints == {f"pve1-syslog.{kind}": "pve1"}
    assert taken.mtimes[f"pve1-syslog.{kind}"] == pytest.approx((tmp_path / f"pve1-syslog.{kind}").stat().st_mtime)


def test_a_plain_log_and_an_empty_one(tmp_path):
    assert take_bytes(tmp_path, LOG, "syslog").files == {"syslog": LOG}
    assert take_bytes(tmp_path, b"", "syslog").files == {"syslog": b""}


def test_archives_inside_archives_have_the_outer_name_in_their_path(tmp_path):
    inner = gzip.compress(tar_of({"var/log/syslog": LOG}))
    zipped = zip_of({"logs/outer-pve2.tgz": inner, "x.log": b"x\n"})
    taken = take_bytes(tmp_path, tar_of({"all.zip": zipped}), "case.tar")
    assert taken.files == {"all.zip/logs/outer-pve2.tgz/var/log/syslog": LOG, "all.zip/x.log": b"x\n"}
    assert taken.hints["all.zip/logs/outer-pve2.tgz/var/log/syslog"] == "pve2"
    assert taken.not_read == ()


@pytest.mark.parametrize("data", [gzip.compress(tar_of(TREE)), zip_of(TREE)], ids=["tgz", "zip"])
def test_stdin(monkeypatch, data):
    class Stdin:
        buffer = io.BytesIO(data)

    monkeypatch.setattr("sys.stdin", Stdin)
    taken = take("-")
    assert taken.files == PLAIN
    assert (taken.infos[0].name, taken.infos[0].size, taken.infos[0].sha256) == ("stdin", len(data), hashlib.sha256(data).hexdigest())


def test_several_bundles_stand_under_their_names(tmp_path):
    (tmp_path / "pve1.tar.gz").write_bytes(gzip.compress(tar_of({"var/log/syslog": b"1\n"})))
    (tmp_path / "pve2-syslog.log").write_bytes(b"2\n")
    write_tree(tmp_path / "pve3", {"var/log/syslog": b"3\n"})
    taken = take(tmp_path / "pve1.tar.gz", tmp_path / "pve2-syslog.log", tmp_path / "pve3")
    assert taken.files == {"pve1/var/log/syslog": b"1\n", "pve2-syslog.log": b"2\n", "pve3/var/log/syslog": b"3\n"}
    assert list(taken.hints.values()) == ["pve1", "pve2", "pve3"]
    assert [info.name for info in taken.infos] == ["pve1.tar.gz", "pve2-syslog.log", "pve3"]


def test_bundles_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    write_tree(tmp_path, {"a/syslog": b"a\n", "b/syslog": b"b\n", "p.tgz": tar_of({"x": b"1"}), "p.zip": zip_of({"x": b"2"})})
    taken = take(tmp_path / "a/syslog", tmp_path / "b/syslog", tmp_path / "p.tgz", tmp_path / "p.zip")
    assert taken.files == {"a/syslog": b"a\n", "b/syslog": b"b\n", "p.tgz/x": b"1", "p.zip/x": b"2"}
    assert taken.not_read == ()


def test_a_bundle_given_twice_is_read_once(tmp_path):
    (tmp_path / "syslog").write_bytes(LOG)
    taken = take(tmp_path / "syslog", tmp_path / "." / "syslog")
    assert taken.files == {"syslog": LOG}
    assert [skipped.damage for skipped in taken.not_read] == [False]


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "nul\0name"])
def test_a_path_that_cannot_be_opened_alone_is_an_error_of_one_line(tmp_path, name):
    with pytest.raises(InputError) as caught, open_bundles([f"{tmp_path}/{name}"]):
        pass
    assert "\n" not in str(caught.value)
    assert "missing" in str(caught.value) or "nul" in str(caught.value)


def test_devices_are_refused():
    with pytest.raises(InputError, match="device"), open_bundles(["/dev/zero"]):
        pass


def test_no_path_is_an_error():
    with pytest.raises(InputError), open_bundles([]):
        pass


def test_a_missing_bundle_beside_others_is_listed(tmp_path):
    (tmp_path / "syslog").write_bytes(LOG)
    taken = take(tmp_path / "syslog", tmp_path / "missing")
    assert taken.files == {"syslog": LOG}
    assert taken.reason(f"{tmp_path}/missing") == "does not exist"
    assert taken.damage


def test_folder_links_pipes_and_sockets(tmp_path):
    folder = write_tree(tmp_path / "pve1", {"var/log/syslog": LOG, "etc/hostname": b"pve1\n"})
    (tmp_path / "outside.log").write_bytes(b"secret\n")
    (folder / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    (folder / "var/log/messages").symlink_to("syslog")
    (folder / "var/log/out.log").symlink_to("../../../outside.log")
    (folder / "loop").symlink_to(".")
    (folder / "self").symlink_to("self")
    os.mkfifo(folder / "pipe")
    taken = take(folder)
    assert taken.links["etc/localtime"] == "/usr/share/zoneinfo/Europe/Berlin"
    assert taken.links["var/log/messages"] == "syslog"
    assert {path for path, data in taken.files.items() if data} == {"var/log/syslog", "etc/hostname"}
    assert taken.damage == []
    assert {skipped.path for skipped in taken.not_read} == {"pipe", "var/log/out.log"}


def test_an_unreadable_file_in_a_folder_is_listed(tmp_path, monkeypatch):
    folder = write_tree(tmp_path / "pve1", {"a.log": b"a\n", "b.log": b"b\n"})
    opened = os.open

    def refuse(path, *rest, **more):
        if str(path).endswith("a.log"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    taken = take(folder)
    assert taken.files == {"b.log": b"b\n"}
    assert taken.reason("a.log") == "cannot be read: Permission denied"
    assert taken.damage == ["a.log"]


def test_names_that_are_not_utf8_can_be_printed_and_encoded(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9\x1b[31m.log")).write_bytes(b"x\n")
    taken = take(folder)
    (path,) = taken.files
    assert path.encode().isascii()
    assert path.isprintable()


def test_a_member_read_too_late_says_so(tmp_path):
    (tmp_path / "b.tar").write_bytes(tar_of(TREE))
    with open_bundles([str(tmp_path / "b.tar")]) as bundle:
        members = list(bundle.members())
        with pytest.raises(ValueError, match="next member"):
            members[0].read(10)


def test_head_does_not_consume_and_read_stops_at_its_limit(tmp_path):
    stored = gzip.compress(LOG)
    (tmp_path / "b.tgz").write_bytes(gzip.compress(tar_of({"a.gz": stored, "b": b"b\n"})))
    with open_bundles([str(tmp_path / "b.tgz")]) as bundle:
        row = bundle.members()
        member = next(row)
        assert member.head(10) == LOG[:10]
        assert member.read(100) == LOG[:100]
        assert member.head(10) == LOG[:10]
        assert b"".join(member.chunks(777)) == LOG[100:]
        assert (member.size, member.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
        other = next(row)
        assert member.sha256 == hashlib.sha256(stored).hexdigest()
        assert other.read(100) == b"b\n"


def test_closing_early_lets_go_of_everything(tmp_path):
    (tmp_path / "b.zip").write_bytes(zip_of(TREE))
    with open_bundles([str(tmp_path / "b.zip")], Limits()) as bundle:
        next(bundle.members())
    assert isinstance(bundle.not_read, tuple)


def test_the_whole_result_is_the_same_twice(tmp_path):
    data = gzip.compress(tar_of(TREE))[:-100]
    first, second = take_bytes(tmp_path, data), take_bytes(tmp_path, data)
    assert isinstance(first, Taken)
    assert first == second
