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


@pytest.mark.parametrize(("name", "value", "word"), [("CC", "no-such-compiler", "compiler"), ("PVEFORENSICS_INTERPRETED", "1", "is set")])
def test_where_modules_cannot_or_should_not_be_compiled_the_wheel_does_without_mypy(
    build_script, tmp_path, monkeypatch, capsys, name, value, word
):
    monkeypatch.setenv(name, value)
    assert build_script.compile_modules(tmp_path) is None
    assert word in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert build_script.what_modules_lack()


@pytest.fixture
def stub_of_the_compiler(build_script, tmp_path, monkeypatch):
    """In place of mypyc: the program of the test's own choice."""
    if build_script.what_modules_lack():
        pytest.skip("no module can be compiled here")

    def write(program):
        (tmp_path / "compile.py").write_text(program)

    monkeypatch.setattr(build_script, "MODULES", tmp_path / "compile.py")
    monkeypatch.setattr(build_script, "ROOT", tmp_path)
    return write


def test_modules_are_compiled_again_when_a_source_changed_and_not_before(build_script, stub_of_the_compiler, tmp_path):
    stub_of_the_compiler("import sys, tempfile; tempfile.mkdtemp(dir=sys.argv[1])")
    source = tmp_path / "pveforensics" / "model.py"
    source.parent.mkdir()
    source.write_text("")
    made = build_script.compile_modules(tmp_path / "kept")
    (result,) = made.iterdir()
    assert build_script.compile_modules(tmp_path / "kept") == made
    assert list(made.iterdir()) == [result]
    source.write_text("changed = True")
    assert build_script.compile_modules(tmp_path / "kept") != made
    assert not made.exists()


def test_modules_that_cannot_be_compiled_leave_nothing_behind(build_script, stub_of_the_compiler, tmp_path, capsys):
    stub_of_the_compiler("import sys; sys.exit('type unknown')")
    assert build_script.compile_modules(tmp_path / "kept") is None
    assert "type unknown" in capsys.readouterr().err
    assert list((tmp_path / "kept").iterdir()) == []


def test_in_a_checkout_that_cannot_be_written_modules_are_compiled_elsewhere(build_script, stub_of_the_compiler, tmp_path):
    stub_of_the_compiler("")
    (tmp_path / "kept").write_text("no folder can be made here")
    made = build_script.compile_modules(tmp_path / "kept")
    assert made.is_dir()
    made.rmdir()
