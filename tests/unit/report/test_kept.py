"""Compiled templates that are kept: the same report, and a new template is seen."""

import pytest
from jinja2 import DictLoader, Environment

from pveforensics import cache
from pveforensics.report.kept import KeptTemplates


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "kept")
    return tmp_path / "kept"


def drawn(text):
    environment = Environment(loader=DictLoader({"a.j2": text}), autoescape=True, bytecode_cache=KeptTemplates())
    return environment.get_template("a.j2").render(name="<b>")


def test_a_kept_template_draws_the_same(folder, monkeypatch):
    first = drawn("hello {{ name }}")
    (entry,) = folder.iterdir()
    monkeypatch.setattr(Environment, "compile", lambda *_, **__: pytest.fail("compiled again"))
    assert drawn("hello {{ name }}") == first == "hello &lt;b&gt;"
    monkeypatch.undo()
    entry.unlink()
    assert drawn("hello {{ name }}") == first


@pytest.mark.usefixtures("folder")
def test_a_changed_template_is_seen():
    assert [drawn("a {{ name }}"), drawn("b {{ name }}")] == ["a &lt;b&gt;", "b &lt;b&gt;"]


@pytest.mark.parametrize("data", [b"", b"no code", b"N"])
@pytest.mark.usefixtures("folder")
def test_what_is_no_code_is_passed_over(monkeypatch, data):
    monkeypatch.setattr(cache, "load", lambda *_: data)
    assert drawn("a {{ name }}") == "a &lt;b&gt;"
