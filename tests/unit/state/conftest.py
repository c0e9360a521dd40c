import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """A failing tracker fails the test."""
    monkeypatch.setenv("PVEFORENSICS_STRICT", "1")
