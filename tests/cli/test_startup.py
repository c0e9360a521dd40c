"""What a command loads: help and lists answer at once, and no run pays for what it does not use."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

LINE = "Mar 14 01:02:03 pve1 corosync[1201]:   [QUORUM] This node is within the non-primary component and will NOT provide any services.\n"
LOADED = """
import sys
sys.argv[0] = "pveforensics"
from pveforensics.__main__ import main
try:
    main()
except SystemExit as done:
    print("code", done.code, file=sys.stderr)
print("\\n".join(sys.modules), file=sys.stderr)
"""


def _version(name):
    return tuple(map(int, importlib.metadata.version(name).split(".")[:2]))


@pytest.fixture
def loaded(tmp_path):
    """The modules that a run of the command line has loaded; its cache folder is the test's own."""

    def run(*arguments):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, "-P", "-c", LOADED, *map(str, arguments)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        assert "code 0" in done.stderr.splitlines()
        return set(done.stderr.split()), done.stdout

    return run


def test_help_loads_no_stage_and_no_heavy_library(loaded):
    for arguments in (["--help"], ["analyze", "--help"], ["rules", "--help"]):
        modules, text = loaded(*arguments)
        assert "Usage" in text
        assert not modules & {"numpy", "jinja2", "yaml", "msgspec", "pandas", "pyarrow", "hyperscan", "pveforensics.model", "rich"}


def test_a_list_of_rules_needs_neither_arrays_nor_once_kept_yaml(loaded):
    first, text = loaded("rules", "list")
    modules, again = loaded("rules", "list")
    assert text == again
    assert "yaml" in first
    assert not (first | modules) & {"numpy", "jinja2", "hyperscan", "pandas", "pyarrow", "pveforensics.pipeline"}
    assert "yaml" not in modules


def test_analyze_loads_no_tables_and_once_kept_neither_yaml_nor_the_checks_of_rules(loaded, tmp_path):
    (tmp_path / "pve1.log").write_text(LINE * 3)
    runs = [loaded("analyze", "pve1.log", "-o", "r.html", "--json", "c.json", "--now", "2026-03-15T12:00:00Z") for _ in range(2)]
    assert not (runs[0][0] | runs[1][0]) & {"pandas", "pyarrow", "rich", "pveforensics.detect.lint", "pveforensics.selftest"}
    assert not runs[1][0] & {"yaml", "pveforensics.yamlfile", "pveforensics.detect.load"}


def test_a_short_log_needs_no_arrays_and_nothing_that_reads_other_things(loaded, tmp_path):
    (tmp_path / "pve1.log").write_text(LINE)
    loaded("rules", "list")  # keeps the rules
    modules, _ = loaded("analyze", "pve1.log", "-o", "r.html", "--json", "c.json", "--markdown", "m.md")
    assert {"jinja2", "hyperscan", "pveforensics.events.scan"} <= modules
    libraries = {"numpy", "yaml", "pandas", "pyarrow", "rich", "multiprocessing", "concurrent.futures", "logging", "statistics", "ctypes"}
    readers = {"pveforensics.events.journal", "pveforensics.events.recall", "pveforensics.events.scan.fast"}
    others = {"pveforensics.timeline", "pveforensics.inventory"}
    assert not modules & (libraries | readers | others)
    if _version("typer") < (0, 29):  # what pyproject.toml asks for; later ones load it for any option
        assert "pydantic" not in modules


def test_a_long_log_needs_neither_the_reader_of_journals_nor_many_processes(loaded, tmp_path):
    (tmp_path / "pve1.log").write_text(LINE * 1_000)
    modules, _ = loaded("analyze", "pve1.log", "-o", "r.html")
    assert {"numpy", "pveforensics.events.scan.fast"} <= modules
    assert not modules & {"numpy.random", "pandas", "pyarrow", "multiprocessing", "pveforensics.events.journal", "pveforensics.timeline"}


def test_what_is_kept_changes_no_byte(loaded, tmp_path):
    (tmp_path / "pve1.log").write_text(LINE * 3)
    for name in ("cold", "warm"):
        loaded("analyze", "pve1.log", "-o", f"{name}.html", "--json", f"{name}.json", "--now", "2026-03-15T12:00:00Z")
    (tmp_path / "cache" / "pveforensics").chmod(0o777)
    loaded("analyze", "pve1.log", "-o", "open.html", "--json", "open.json", "--now", "2026-03-15T12:00:00Z")
    for suffix in ("html", "json"):
        assert len({(tmp_path / f"{name}.{suffix}").read_bytes() for name in ("cold", "warm", "open")}) == 1


def test_where_nothing_can_be_kept_everything_works(loaded, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    (tmp_path / "pve1.log").write_text(LINE)
    loaded("rules", "list")
    loaded("analyze", "pve1.log", "-o", "r.html")
