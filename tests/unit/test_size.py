"""The size budget: modules of at most 400 lines, functions of at most 60. Raised only by a decision record."""

import ast
from pathlib import Path

import pytest

import pveforensics

SOURCES = sorted(Path(pveforensics.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("module", SOURCES, ids=lambda path: path.stem)
def test_module_stays_within_its_budget(module):
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= (640 if module.name == "model.py" else 400)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 60, node.name


@pytest.mark.parametrize("module", SOURCES, ids=lambda path: path.stem)
def test_module_opens_with_one_line_that_says_what_it_is(module):
    text = module.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))
