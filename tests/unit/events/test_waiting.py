"""Everyday lines of very long logs wait in a file and come back as they were."""

import functools
import mmap
import pickle
import tempfile
from array import array
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pveforensics.events import waiting as module
from pveforensics.events.waiting import EverydayFile
from pveforensics.readings import Everyday, LogScan
from pveforensics.workers import run_all


def scan_of(rows, path="syslog", text=b""):
    column = array("q", range(rows))
    lines = Everyday(*[column] * 8, text or b"text %d" % rows) if rows else None
    return LogScan(path, "syslog", "syslog", 0, "", None, rows, rows, (), (), everyday=lines)


def in_memory(lines):
    """Everyday lines with their text."""
    lines = lines.load()
    text = lines.text
    if not isinstance(text, bytes):
        text = b"".join(text[block.begin : block.end] for block in text.blocks)
    return replace(lines, text=text)


def test_what_there_is_memory_for_stays_there():
    waiting = EverydayFile(in_memory=10)
    first, second, none = scan_of(6), scan_of(4), scan_of(0)
    assert [waiting.put(scan) for scan in (first, second, none)] == [first, second, none]
    assert waiting.put(first).everyday is not first.everyday


def test_what_waited_comes_back_as_it_was_in_any_order():
    waiting = EverydayFile(in_memory=0)
    scans = [scan_of(rows, f"log{rows}") for rows in (5, 70_000, 1, 300)]
    put = [waiting.put(scan) for scan in scans]
    del waiting
    for scan, kept in sorted(zip(scans, put, strict=True), key=lambda pair: pair[0].lines):
        assert len(kept.everyday) == scan.lines
        assert in_memory(kept.everyday) == scan.everyday
        assert replace(kept, everyday=None) == replace(scan, everyday=None)


def test_without_room_on_the_disk_lines_stay_in_memory():
    waiting = EverydayFile(in_memory=0)
    scan = scan_of(9)
    with mock.patch.object(tempfile, "TemporaryFile", side_effect=OSError(28, "No space left on device")):
        waiting.share()
        assert waiting.put(scan).everyday is scan.everyday
    file = mock.Mock(seek=mock.Mock(return_value=0), write=mock.Mock(side_effect=OSError(28, "No space left on device")))
    with mock.patch.object(tempfile, "TemporaryFile", return_value=file):
        assert waiting.put(scan).everyday is scan.everyday


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=60), st.integers(0, 12), st.booleans(), st.lists(st.booleans()), st.randoms())
def test_text_is_what_came_wherever_its_parts_wait(parts, block, mappable, full, random):
    """`full` says when the disk has no room, `mappable` whether the system can map the file."""
    waiting, room = EverydayFile(in_memory=0), iter(full)
    real = EverydayFile.append

    def append(self, given):
        if next(room, False):
            raise OSError(28, "No space left on device")
        return real(self, given)

    with (
        mock.patch.multiple(module, TEXT_IN_MEMORY=2 * block, BLOCK=block),
        mock.patch.object(mmap, "mmap", mmap.mmap if mappable else mock.Mock(side_effect=OSError(19, "No such device"))),
        mock.patch.object(EverydayFile, "append", append),
    ):
        text = waiting.text()
        begins = [text.append(part) for part in parts]
        lines = waiting.put(scan_of(1, text=text.closed())).everyday.load()
        order = list(range(len(parts)))
        random.shuffle(order)
        for number in order:
            assert lines.text[begins[number] : begins[number] + len(parts[number])] == parts[number]


def write(number, waiting):
    with mock.patch.multiple(module, TEXT_IN_MEMORY=1_000, BLOCK=1_000):
        text = waiting.text()
        for _ in range(400):
            text.append(b"%d" % number * 100)
        return waiting.put(scan_of(1_000 + number, text=text.closed()))


def test_workers_write_to_one_file_and_do_not_disturb_each_other():
    waiting = EverydayFile(in_memory=0)
    waiting.share()
    for number, scan in enumerate(run_all(range(8), functools.partial(write, waiting=waiting), 4)):
        lines = in_memory(waiting.adopt(scan).everyday)
        assert lines.text == b"%d" % number * 40_000
        assert lines.lines == array("q", range(1_000 + number))


def test_text_that_waits_is_found_again_though_its_lines_had_no_room():
    waiting = EverydayFile(in_memory=0)
    with mock.patch.multiple(module, TEXT_IN_MEMORY=1, BLOCK=1):
        text = waiting.text()
        for part in (b"first", b"second", b"third"):
            text.append(part)
        closed = text.closed()
    with mock.patch.object(EverydayFile, "append", side_effect=OSError(28, "No space left on device")):
        scan = waiting.put(scan_of(5, text=closed))
    sent = pickle.loads(pickle.dumps(scan))
    assert in_memory(waiting.adopt(sent).everyday).text == b"firstsecondthird"
