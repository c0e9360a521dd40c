"""The fuzzer's targets hold for what it begins with and for some damage, so that `make fuzz` starts from what works; and what it has found."""

import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import run
import targets

ALL = [(name, seed) for name in targets.TARGETS for seed in targets.seeds(name)]


def test_the_fuzzer_knows_every_target():
    assert list(run.LONGEST) == list(targets.TARGETS)
    assert all(len(seed) <= run.LONGEST[name] for name, seed in ALL)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_every_target_takes_its_seeds_and_no_bytes(name):
    targets.TARGETS[name](b"")
    for seed in targets.seeds(name):
        targets.TARGETS[name](seed)


@settings(max_examples=60)
@given(st.sampled_from(ALL), st.integers(0, 1 << 30), st.integers(1, 12))
def test_every_target_takes_damage(begin, seed, hits):
    name, data = begin
    draw, damaged = random.Random(seed), bytearray(data)
    for _ in range(hits):
        at = draw.randrange(len(damaged) + 1)
        match draw.randrange(4):
            case 0:
                del damaged[at : at + draw.randrange(40)]
            case 1:
                damaged[at:at] = draw.choice(
                    [b"\0" * 9, b"\xff", b"\n", b"\r", b"Mar 14 02:13:07 a ", bytes(damaged[: draw.randrange(99)])]
                )
            case _:
                damaged[at : at + 1] = bytes([draw.randrange(256)])
    targets.TARGETS[name](bytes(damaged))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        # a torn line with a whole one behind it was counted as two recognized lines of one
        ("lines", b"Mar  4 02:14:31 alpha pvescheduler[1501]: dele\tMar 14 02:13:07 alpha corosync[1532]:   [TOTEM ] Retransmit List: 1\n"),
        ("lines", b"Mar 14 02:14:20 alpha a[1]: b\0\0Mar 14 02:14:21 alpha c[2]: d\n"),
    ],
)
def test_what_the_fuzzer_has_found(name, data):
    targets.TARGETS[name](data)
