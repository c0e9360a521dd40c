"""Damaged, hostile and empty input: a report with a hole, or one clear error; never another exception."""

import random
import sys
from pathlib import Path

import pytest

from pveforensics.errors import InputError, PveForensicsError
from pveforensics.inventory import to_document, to_text
from pveforensics.pipeline import analyze, inventory, load_pack
from pveforensics.report import document

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def pack():
    return load_pack()


@pytest.fixture(scope="module")
def packed():
    sys.path.insert(0, str(FIXTURES))
    try:
        import stories_basic
        from cluster_story import tarball
    finally:
        sys.path.remove(str(FIXTURES))
    return tarball(stories_basic.isolated_node_fenced().files)


def analyze_or_refuse(path, pack):
    try:
        return analyze([str(path)], pack)
    except InputError:
        return None


def take_stock_or_refuse(path, pack):
    """The inventory, drawn both ways; None where nothing was recognized or the bundle is said to be of two clusters."""
    try:
        found = inventory([str(path)], pack)
    except PveForensicsError:
        return None
    assert all(len(line) <= 80 and line.isprintable() for line in to_text(found).splitlines())
    assert document.dump(to_document(found))
    return found


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.8, 0.99])
def test_a_cut_archive_gives_a_report_that_says_so(tmp_path, packed, pack, share):
    bundle = tmp_path / "cut.tgz"
    bundle.write_bytes(packed[: int(len(packed) * share)])
    case = analyze_or_refuse(bundle, pack)
    assert case is None or not case.complete
    if share >= 0.5:
        assert case is not None
    found = take_stock_or_refuse(bundle, pack)
    assert (found is None) == (case is None)
    assert found is None or not found.complete


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_never_raise(tmp_path, packed, pack, seed):
    dice = random.Random(seed)
    damaged = bytearray(packed)
    for _ in range(dice.choice([1, 5, 50])):
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    bundle = tmp_path / "flipped.tgz"
    bundle.write_bytes(damaged)
    analyze_or_refuse(bundle, pack)
    take_stock_or_refuse(bundle, pack)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_members_never_raise(tmp_path, pack, seed):
    dice = random.Random(seed)
    for source in sorted((FIXTURES / "scenarios" / "isolated-node-fenced" / "bundle").rglob("*")):
        if source.is_file():
            data = bytearray(source.read_bytes())
            for _ in range(dice.randrange(40)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            target = tmp_path / source.relative_to(FIXTURES)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data[: dice.randrange(len(data) + 1)] if dice.random() < 0.3 else data)
    analyze_or_refuse(tmp_path, pack)
    take_stock_or_refuse(tmp_path, pack)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 5000, b"\xff\xfe" * 3000, b"\n" * 1000, b"a" * 3_000_000, b"<script>alert(1)</script>\n" * 50]
)
def test_foreign_files_are_listed_not_guessed_at(tmp_path, pack, content):
    (tmp_path / "alpha").mkdir()
    (tmp_path / "alpha" / "syslog").write_bytes(content)
    case = analyze_or_refuse(tmp_path, pack)
    assert case is None or case.findings == ()
