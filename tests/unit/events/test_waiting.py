"""Everyday lines of very long logs wait in a file and come back as they were."""

import dataclasses
import tempfile
from array import array
from unittest import mock

from pveforensics.events.waiting import EverydayFile
from pveforensics.readings import Everyday, LogScan


def scan_of(rows, path="syslog"):
    column = array("q", range(rows))
    lines = Everyday(column, column, column, column, column, column, column, column, b"text %d" % rows) if rows else None
    return LogScan(path, "syslog", "syslog", 0, "", None, rows, rows, (), (), everyday=lines)


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
        assert kept.everyday.load() == scan.everyday
        assert dataclasses.replace(kept, everyday=None) == dataclasses.replace(scan, everyday=None)


def test_without_room_on_the_disk_lines_stay_in_memory():
    waiting = EverydayFile(in_memory=0)
    scan = scan_of(9)
    with mock.patch.object(tempfile, "TemporaryFile", side_effect=OSError(28, "No space left on device")):
        assert waiting.put(scan).everyday is scan.everyday
    file = mock.Mock(write=mock.Mock(side_effect=OSError(28, "No space left on device")))
    with mock.patch.object(tempfile, "TemporaryFile", return_value=file):
        assert waiting.put(scan).everyday is scan.everyday
