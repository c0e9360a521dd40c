"""What is installed is whole: the rule pack and the templates come along, in a wheel and in a checkout."""

import os
from pathlib import Path

import pytest

import pveforensics
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
