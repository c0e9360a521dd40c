"""The compiled loops under the address sanitizer: whatever places they are handed, none leads outside of the text."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = """
import random, sys
from array import array
from pathlib import Path
import numpy as np
from pveforensics.events.scan import anchored, compiled, nesting, survey
from pveforensics.timeline import blocks, loops, merging
compiled.FILE = Path(sys.argv[1])
assert compiled.library() is not None
draw = random.Random(20261129)
for _ in range(3000):
    text = bytes(draw.choices(b"Mar 14:02[1]x\\n\\xff-", k=draw.randrange(80)))
    edges = [0, 1, len(text) - 1, len(text), len(text) + 1, -1, -40, 2**62, -2**62]
    some = lambda: np.array([draw.choice(edges) if draw.random() < 0.5 else draw.randrange(90) for _ in range(9)], np.int64)
    compiled.newlines(text), compiled.words(text, some()), compiled.holding(text, some(), some(), b"]: ")
    numbers = some() % 4
    lines = loops.PageLines(some(), some(), some() % 2 == 0, some(), some(), some(), some(), np.zeros(2, np.uint16), np.array([0, -1, 4], np.int32))
    loops.entries(text, lines, 1), loops.entries(text, lines._replace(host=numbers, tag=numbers, ok=numbers >= 0), 1)
    begins, ends = some().astype(np.uint32) % 99, some().astype(np.uint32) % 99
    try:
        loops.packed(np.frombuffer(text, np.uint8), begins, ends)
    except ValueError:
        pass
    reader = survey.HeadReader(7, 15, b"", 15, 8192, (1, 9), fraction=False)
    reader.know([((np.uint64(2**40 - 1), np.uint64(5)),)])
    reader.read(text, some(), some())
    reader.survey(text)
    reader = survey.HeadReader(11, 26, b"+01:00", 32, 8192, (1, 9), fraction=True)
    reader.read(text, some(), some())
    reader.survey(text)
    parts = [text, text[:9], b"x" * draw.choice([0, 3, 40_000]), text]
    reader.survey_of_parts(parts, max(0, sum(map(len, parts[:3])) + draw.randrange(-5, len(text) + 1)))
    ends = np.sort(some())
    hits = array("q", [max(-(2**40), min(2**40, draw.choice(edges))) << 20 | draw.randrange(9) for _ in range(20)])
    nesting.Nesting({1: [nesting.Outer(7, 2, b"x\\n2"), nesting.Outer(3, 9, b"")], 4: [nesting.Outer(0, 1, text)]}, 6).codes(text, [part for hit in hits * 6 for part in (hit >> 20, hit & 0xFFFFF)])
    codes = compiled.located(ends, hits, 5)[0]
    flags, feed, moments, numbers = np.array([draw.random() < 0.3 for _ in range(9)]), some() % 3 == 0, some(), some() % 3 - 1
    table = anchored.PageTable(9, *(column.ctypes.data for column in (ends, flags, moments, numbers, feed)))
    tables = np.zeros(65536, np.int16), np.ones(4, np.uint64), np.zeros((4, 3), np.uint64), np.ones(3, bool), np.ones(3, bool)
    tags = compiled.TagTable(*tables).lies()
    compiled.tags(text, some(), tags)
    for only in (-1, 0):
        lines = anchored.HitReader(17)
        lines.know([5])
        lines.read(text, hits, 5, table, tags, only)
    everyday = np.array([[draw.randrange(-2, 4) for _ in range(3)] for _ in range(3)], np.int64)
    meant = anchored.MeaningTables(np.ones((3, 4), bool), some() % 4, everyday, np.ones(2, np.uint64), np.zeros(2, np.uint64), flags[:3].copy(), flags[:2].copy(), 3, 7)
    heads = anchored.HitLines(np.unique(codes >> 20), some() % 5 - 1, some())
    anchored.Grouper(meant).grouped(text, codes, table, heads._replace(tags=heads.tags[: len(heads.lines)], messages=heads.messages[: len(heads.lines)]))
    try:
        anchored.kept(text, table, anchored.ToKeep(some(), some(), draw.randrange(200)), 1, numbers[:2].copy(), draw.choice([-1, 0, 5]))
    except ValueError:
        pass
    pieces = []
    for number in range(draw.randrange(1, 6)):
        begin = np.array([draw.randrange(90) for _ in range(9)], np.uint32) % (len(text) + 1)
        end = np.minimum(begin + draw.randrange(70), len(text) + (draw.random() < 0.05)).astype(np.uint32)
        short = np.array([draw.randrange(3) for _ in range(9)], np.uint16)
        lines = blocks.Batch(text, np.sort(some()), some(), begin, end, some(), short, short, short)
        pieces.append(merging.Piece(number // 3, lines, short.astype(np.int32), np.zeros(3 - (draw.random() < 0.05), np.int32), number, int((end - begin).view(np.int32).clip(0).sum())))
    try:
        merging.merged(pieces)
    except ValueError:
        pass
"""


def test_no_place_leads_outside_of_the_text_under_the_address_sanitizer(tmp_path):
    sources = sorted((Path(__file__).parents[3] / "native").glob("*.c"))
    sanitizer = (
        shutil.which("gcc")
        and subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    )
    if not sanitizer or not Path(sanitizer).is_absolute():
        pytest.skip("gcc with its address sanitizer is not here")
    library = tmp_path / "checked.so"
    flags = ["-O1", "-g", "-std=c11", "-fPIC", "-shared", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *flags, "-o", str(library), *map(str, sources)], check=True)
    surroundings = {**os.environ, "LD_PRELOAD": sanitizer, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    ran = subprocess.run([sys.executable, "-P", "-c", HOSTILE, str(library)], capture_output=True, text=True, env=surroundings, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
