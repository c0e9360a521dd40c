"""Rule files are read strictly, and every key knows its line."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.errors import RulePackError
from pveforensics.yamlfile import load, loads


def test_words_that_yaml_1_1_bends_stay_text():
    data = loads("a: no\nb: 12:30:45\nc: 2026-01-02\nd: 0x1f\ne: on\nf: ~\ng: true\nh: 7\ni: 1.5\n")
    assert data == {"a": "no", "b": "12:30:45", "c": "2026-01-02", "d": "0x1f", "e": "on", "f": None, "g": True, "h": 7, "i": 1.5}


def test_each_key_and_element_knows_its_line():
    data = loads("a:\n  - x: 1\n    y: 2\n  - z: 3\nb: 4\n")
    assert data.lines == {"a": 1, "b": 5}
    assert data["a"].lines == [2, 4]
    assert data["a"][0].lines == {"x": 2, "y": 3}


def test_a_duplicate_key_names_both_lines():
    with pytest.raises(RulePackError, match=r"^<text>:3: duplicate key 'a', first in line 1$"):
        loads("a: 1\nb: 2\na: 3\n")


@pytest.mark.parametrize(
    "text", ["- [", "x: &a 1\ny: *a", "x: &a [*a]", "a: \x00", b"\xff\xfe\xff", "!!python/x 1", "a: !!int x", "? [a]\n: b", "[" * 5000]
)
def test_what_is_not_plain_yaml_is_an_error_with_file_and_line(text):
    with pytest.raises(RulePackError, match=r"^rules\.yaml:\d+: "):
        loads(text, "rules.yaml")


def test_a_file_that_cannot_be_read_is_an_error_too(tmp_path):
    with pytest.raises(RulePackError, match="cannot be read"):
        load(tmp_path / "absent.yaml")


@given(st.binary(max_size=200) | st.text(max_size=200))
@settings(max_examples=100)
def test_any_bytes_give_data_or_a_rule_pack_error(text):
    with contextlib.suppress(RulePackError):
        loads(text)
