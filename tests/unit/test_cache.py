"""What is kept between runs: the same as from the files, or not used at all."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pveforensics import cache, packstore, rulepack
from pveforensics.rulepack import folders_of, load_pack, read_pack

RULE = """
- id: lamp
  kind: lamp_lit
  says: A lamp was lit.
  match: "the green lamp (?P<number>\\\\d+) was lit"
  source: "lamp.c"
  samples:
    - "the green lamp 7 was lit"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    monkeypatch.setattr(cache, "folder", lambda: kept)
    return kept


@pytest.fixture
def extra(tmp_path):
    (tmp_path / "pack" / "events").mkdir(parents=True)
    (tmp_path / "pack" / "events" / "lamp.yaml").write_text(RULE)
    return tmp_path / "pack"


def only_from_files(monkeypatch):
    monkeypatch.setattr(rulepack, "read_pack", lambda _: pytest.fail("read from the files"))


def test_the_kept_pack_is_the_pack(folder, monkeypatch):
    first = load_pack()
    only_from_files(monkeypatch)
    kept = load_pack()
    assert kept == first
    assert repr(kept) == repr(first)  # to a value, an enumeration's member equals its text
    assert len([path for path in folder.iterdir() if path.name.startswith("rules-")]) == 1


def test_a_pack_without_examples_differs_in_nothing_else(folder, monkeypatch):
    whole, first = load_pack(), load_pack(examples=False)
    only_from_files(monkeypatch)
    assert load_pack(examples=False) == first
    assert load_pack() == whole
    assert any(each.samples for each in whole.signatures)
    assert any(each.examples for each in whole.rules)
    assert first.signatures == tuple(replace(each, samples=()) for each in whole.signatures)
    assert first.rules == tuple(replace(each, examples=()) for each in whole.rules)
    assert first[2:] == whole[2:]
    assert len(list(folder.iterdir())) == 2


@pytest.mark.usefixtures("folder")
def test_a_changed_file_is_seen(extra):
    assert "A lamp was lit." in {each.says for each in load_pack([str(extra)]).signatures}
    (extra / "events" / "lamp.yaml").write_text(RULE.replace("A lamp was lit.", "A lamp shone."))
    assert "A lamp shone." in {each.says for each in load_pack([str(extra)]).signatures}


@pytest.mark.parametrize("damage", [lambda _: b"", lambda data: data[:-9], lambda data: data[:40] + bytes(4) + data[44:]])
def test_a_damaged_entry_is_passed_over(folder, damage):
    first = load_pack()
    (entry,) = folder.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    assert load_pack() == first


@pytest.mark.parametrize("parts", [(), (1, 2, 3), "text", ((), (), (), (), ())])
@pytest.mark.usefixtures("folder")
def test_an_entry_of_another_shape_is_passed_over(parts):
    first = load_pack()
    packstore.keep(first.sha256, folders_of(()), parts)
    assert load_pack() == first


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_is_neither_read_nor_written(folder, mode):
    cache.keep("x", "key", b"ours")
    assert cache.load("x", "key") == b"ours"
    folder.chmod(mode)
    assert cache.load("x", "key") is None
    cache.keep("x", "other", b"new")
    assert len(list(folder.iterdir())) == 1
    folder.chmod(0o700)
    assert cache.load("x", "key") == b"ours"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")
def test_what_another_user_owns_or_a_link_leads_to_is_not_read(folder, tmp_path, monkeypatch):
    cache.keep("x", "key", b"ours")
    (entry,) = folder.iterdir()
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert cache.load("x", "key") is None
    entry.unlink()
    (tmp_path / "elsewhere").rename(entry)
    assert cache.load("x", "key") == b"ours"
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert cache.load("x", "key") is None


@pytest.mark.usefixtures("folder")
def test_an_entry_belongs_to_its_key():
    cache.keep("x", "one", b"1")
    cache.keep("x", "two", b"2")
    one, two = (cache._path("x", key) for key in ("one", "two"))
    two.unlink()
    one.rename(two)
    assert cache.load("x", "two") is None


@given(st.recursive(st.none() | st.booleans() | st.integers(-3, 40) | st.text(max_size=9), lambda inner: st.lists(inner, max_size=5)))
def test_plain_data_makes_values_of_the_list_or_is_refused(data):
    import msgspec

    try:
        made = packstore.unpacked(msgspec.msgpack.encode(data))
    except (msgspec.DecodeError, TypeError, ValueError, LookupError, RecursionError):
        return
    assert made is None or isinstance(made, (str, int, *packstore.CLASSES))


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_comes_back(text):
    assert packstore.unpacked(packstore.packed((text, {text.encode("utf-8", "replace").decode(): text}))) == (
        text,
        {text.encode("utf-8", "replace").decode(): text},
    )


def test_a_value_of_another_class_is_not_kept(folder):
    packstore.keep("0", (), (object(), (), (), ()))
    assert not folder.exists()


def test_the_files_are_read_where_nothing_is_kept(folder):
    folder.write_text("a file where the folder should be")
    assert tuple(load_pack())[:4] == read_pack(folders_of(()))
