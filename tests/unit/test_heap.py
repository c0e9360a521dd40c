"""What was freed goes back, where the C library can be told; where it cannot, nothing happens."""

import ctypes
import platform
from pathlib import Path
from unittest import mock

import pytest

from pveforensics import heap


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed")
def test_what_was_freed_goes_back():
    size = 60_000  # such blocks come from the heap
    blocks = [bytearray(b"x") * size for _ in range(1_000)]
    last = bytearray(size)  # keeps the end of the heap
    full = resident()
    del blocks
    heap.give_back()
    assert full - resident() > 40_000_000
    assert len(last) == size


@pytest.mark.parametrize("library", [mock.Mock(spec=[]), OSError("none"), TypeError("none")])
def test_another_c_library_is_left_alone(library):
    with mock.patch.object(ctypes, "CDLL", side_effect=[library]):
        heap.give_back()
