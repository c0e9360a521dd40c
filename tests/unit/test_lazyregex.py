"""An expression that waits is, once used, what `re.compile` would have made."""

import copy
import pickle
import re
import subprocess
import sys

import pytest

from pveforensics.lazyregex import regex


@pytest.mark.parametrize(
    ("text", "flags", "line"), [(r"(?P<n>\d+)b", 0, "1a 22b"), ("^x", re.MULTILINE | re.IGNORECASE, "a\nX"), (rb"\w", 0, b"-a")]
)
def test_it_answers_as_the_compiled_one(text, flags, line):
    for late in (regex(text, flags), pickle.loads(pickle.dumps(regex(text, flags))), copy.deepcopy(regex(text, flags))):
        compiled = re.compile(text, flags)
        for method in ("search", "match", "fullmatch", "findall", "split"):
            for _ in range(2):
                assert str(getattr(late, method)(line)) == str(getattr(compiled, method)(line))
        assert (late.pattern, late.flags, late.groups, late.groupindex) == (
            compiled.pattern, compiled.flags, compiled.groups, compiled.groupindex
        )  # fmt: skip
        with pytest.raises(AttributeError):
            _ = late.no_method


def test_it_waits_until_it_is_used():
    late = regex("(")
    assert "(" in repr(late)
    with pytest.raises(re.error):
        late.search("x")


def test_every_expression_of_ours_compiles():
    code = """
import importlib, pkgutil, re
import pveforensics.lazyregex
seen = []
def regex(text, flags=0):
    seen.append(re.compile(text, flags))
    return seen[-1]
pveforensics.lazyregex.regex = regex
for each in pkgutil.walk_packages(pveforensics.__path__, "pveforensics."):
    if not each.name.rpartition(".")[2].startswith("_"):
        importlib.import_module(each.name)
print(len(seen))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) > 200
