"""Modules that a wheel holds compiled tell the same as their sources, which lie beside them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pveforensics
from pveforensics.detect import evaluate

ROOT = Path(__file__).parents[2]
BUNDLES = {
    "demo": ROOT / "demo" / "demo-cluster.tgz",
    "large": ROOT / "tests" / "fixtures" / "scenarios" / "large-cluster-fences-healthy-nodes" / "bundle",
    "planned": ROOT / "tests" / "fixtures" / "scenarios" / "planned-reboot" / "bundle",
}


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """The folder of a copy of the package that holds sources alone."""
    if evaluate.__file__.endswith(".py"):
        pytest.skip("nothing is compiled here")
    folder = tmp_path_factory.mktemp("interpreted")
    shutil.copytree(
        Path(pveforensics.__file__).parent, folder / "pveforensics", ignore=shutil.ignore_patterns("*.cpython-*", "__pycache__")
    )
    return folder


def _analyze(bundle, out, **environment):
    command = [sys.executable, "-P", "-m", "pveforensics", "analyze", str(bundle), "-v", "--now", "2026-01-01T00:00:00Z"]
    run = subprocess.run(
        [*command, "-o", str(out / "report.html"), "--json", str(out / "case.json")],
        env=os.environ | environment, capture_output=True, text=True, cwd=out, check=False,
    )  # fmt: skip
    return run.stderr, run.returncode, (out / "case.json").read_bytes(), (out / "report.html").read_bytes()


@pytest.mark.parametrize("name", BUNDLES)
def test_compiled_modules_tell_the_same_bytes_as_their_sources(name, interpreted, tmp_path):
    fast, *told = _analyze(BUNDLES[name], tmp_path)
    slow, *told_by_sources = _analyze(BUNDLES[name], tmp_path, PYTHONPATH=str(interpreted))
    assert "modules compiled" in fast
    assert "modules interpreted" in slow
    assert told == told_by_sources


def test_a_wheel_of_the_whole_check_holds_compiled_modules():
    if os.environ.get("CI") != "true":
        pytest.skip("without a compiler, or Python's headers, a wheel holds none")
    assert not evaluate.__file__.endswith(".py")
