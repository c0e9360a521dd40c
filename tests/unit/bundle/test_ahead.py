"""What a thread unpacks ahead is what would have been unpacked without it, to the byte and to the note."""

import gzip
import itertools
import threading

import pytest
from composed import tar_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.bundle import Limits, open_bundles
from pveforensics.bundle.ahead import DEPTH, ahead


def unpacking():
    return [thread for thread in threading.enumerate() if thread.name == "unpacking"]


@given(st.lists(st.binary(max_size=9), max_size=20))
def test_the_same_items_come_in_the_same_order(items):
    assert list(ahead(iter(items))) == items
    assert not unpacking()


def test_no_thread_is_begun_for_one_item():
    items = ahead(itertools.count())
    assert next(items) == 0
    assert not unpacking()
    assert [next(items), next(items)] == [1, 2]
    assert len(unpacking()) == 1
    items.close()
    assert not unpacking()


def test_what_is_raised_while_an_item_is_made_is_raised_where_it_is_asked_for():
    def failing():
        yield from range(2 * DEPTH)
        raise MemoryError("no room")

    told = []
    with pytest.raises(MemoryError, match="no room"):
        told.extend(iter(ahead(failing())))
    assert not unpacking()


def test_who_stops_in_the_middle_leaves_no_thread_behind():
    items = ahead(iter(range(10 * DEPTH)))
    assert list(itertools.islice(items, DEPTH)) == list(range(DEPTH))
    items.close()
    assert not unpacking()


def read(path, limits, *, by_thread):
    with open_bundles([str(path)], limits, by_thread=by_thread) as bundle:
        members = [(member.path, member.read(1 << 30), member.sha256) for member in bundle.members()]
        infos = bundle.infos
    assert not unpacking()
    return members, bundle.not_read, infos


DAMAGES = {
    "whole": lambda packed: packed,
    "cut": lambda packed: packed[: len(packed) * 2 // 3],
    "flipped": lambda packed: packed[: len(packed) // 2] + bytes([packed[len(packed) // 2] ^ 0x55]) + packed[len(packed) // 2 + 1 :],
    "followed": lambda packed: packed + b"\0" * 700 + b"something else",
    "twice": lambda packed: packed + gzip.compress(b"\0" * 1024),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("total", [1 << 40, 3 << 20])
def test_an_archive_gives_the_same_with_and_without_the_thread(tmp_path, damage, total):
    noise = b"".join(b"%d %d\n" % (number, number * 7919 % 1_000_003) for number in range(200_000))
    entries = {f"node{number}/var/log/syslog": noise[number * 1000 :] for number in range(3)}
    path = tmp_path / "b.tgz"
    path.write_bytes(DAMAGES[damage](gzip.compress(tar_of(entries), 1)))
    limits = Limits(total=total)
    assert read(path, limits, by_thread=True) == read(path, limits, by_thread=False)


@given(st.integers(0, 1 << 30), st.integers(0, 255))
@settings(max_examples=25)
def test_any_flipped_byte_gives_the_same(tmp_path_factory, place, value):
    packed = bytearray(gzip.compress(tar_of({"alpha/var/log/syslog": b"x y z\n" * 300_000}), 1))
    packed[place % len(packed)] = value
    path = tmp_path_factory.mktemp("flipped") / "b.tgz"
    path.write_bytes(packed)
    assert read(path, Limits(), by_thread=True) == read(path, Limits(), by_thread=False)
