"""Fake nodes for the tests; the module that makes them is within reach of them (the test folders are no packages)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_node import build, tree


@pytest.fixture
def make_node(tmp_path):
    return lambda name="alpha", **more: build(tmp_path / name, name, **more)


@pytest.fixture(scope="session")
def sick(tmp_path_factory):
    """A node without quorum, some of whose commands hang or fail, and the archive of it."""
    node = build(tmp_path_factory.mktemp("sick") / "alpha")
    before = tree(node.root)
    bundle = node.bundle("alpha.tgz")
    assert tree(node.root) == before
    return node, bundle
