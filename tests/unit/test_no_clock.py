"""No property test fails because the machine was busy."""

from pathlib import Path

from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parents[1]


def test_hypothesis_measures_no_time():
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check


def test_no_test_brings_the_clock_back():
    """A test's own list of suppressed checks replaces the one of tests/conftest.py."""
    for path in TESTS.rglob("test_*.py"):
        lines = [line for line in path.read_text().splitlines() if "suppress_health_check" in line and path != Path(__file__)]
        assert all("HealthCheck.too_slow" in line for line in lines), path
