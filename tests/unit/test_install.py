"""What is installed is whole: the rule pack and the templates come along, in a wheel and in a checkout."""

import ctypes
import errno
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

import pveforensics
from pveforensics.events import loops_name
from pveforensics.events.scan import compiled
from pveforensics.resources import collector_script, rules_folder, templates_folder


def test_rules_and_templates_are_found_wherever_the_package_is():
    assert list(rules_folder().glob("events/*.yaml"))
    assert list(rules_folder().glob("findings/*/*.yaml"))
    assert (templates_folder() / "report.html.j2").is_file()
    assert collector_script().read_text().startswith("#!/bin/sh\n")


def test_tests_run_against_the_built_wheel():
    packaged = (Path(pveforensics.__file__).parent / "_data").is_dir()
    if not packaged and os.environ.get("CI") != "true":
        pytest.skip("running on a checkout; `make test` runs against the wheel")
    assert packaged
    assert rules_folder().is_relative_to(Path(pveforensics.__file__).parent)


def test_the_loops_of_the_scan_come_with_the_wheel_where_they_can_be_compiled():
    if os.environ.get("CI") != "true" and shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    if not (Path(pveforensics.__file__).parent / "_data").is_dir():
        pytest.skip("running on a checkout")
    assert loops_name() == "C"


@pytest.fixture
def build_script():
    path = Path(__file__).parents[2] / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("build_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("compiler", ["/bin/false", "no-such-compiler"])
def test_without_a_compiler_that_works_nothing_is_left_that_could_be_loaded(build_script, tmp_path, monkeypatch, capsys, compiler):
    monkeypatch.setenv("CC", compiler)
    library = tmp_path / "_lines.so"
    library.write_bytes(b"of an older source")
    assert not build_script.compile_library(library)
    assert "numpy" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_checkout_that_cannot_be_written_is_installed_without_compiled_loops(build_script, tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert not build_script.compile_library(tmp_path / "_lines.so")
    assert "Read-only" in capsys.readouterr().err


def test_what_is_compiled_is_of_the_version_that_the_scan_asks_for(build_script, tmp_path, capfd):
    if build_script.compiler() is None:
        pytest.skip("no C compiler here")
    assert build_script.compile_library(tmp_path / "_lines.so")
    assert capfd.readouterr() == ("", "")
    assert ctypes.CDLL(str(tmp_path / "_lines.so")).pveforensics_lines_version() == compiled.VERSION
