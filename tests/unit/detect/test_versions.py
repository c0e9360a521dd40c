"""Versions of packages are ordered as dpkg orders them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pveforensics.detect import clauses
from pveforensics.detect.versions import compare, is_version
from pveforensics.detect.where import Answer, passes

ASCENDING = (
    "1.0~rc1",
    "1.0~rc1-1",
    "1.0",
    "1.0-1~bpo1",
    "1.0-1",
    "1.0+dfsg-1",
    "1.1",
    "1.9-pve2",
    "1.10-pve1",
    "1.10-pve10",
    "2.0a",
    "2.0+",
    "1:0.1",
)


def test_versions_in_their_order():
    for one, other in itertools.combinations(ASCENDING, 2):
        assert compare(one, other) == -1, (one, other)
        assert compare(other, one) == 1


def test_a_version_is_as_old_as_itself_whatever_its_zeros():
    assert compare("3.1.5-pve2", "3.1.5-pve2") == 0
    assert compare("3.01-0", "3.1") == 0


@pytest.mark.parametrize("text", ["", "unknown", "not correctly installed", "3.1 5", "v3"])
def test_what_is_no_version(text):
    assert not is_version(text)
    with pytest.raises(ValueError, match="no version"):
        compare(text, "1.0")


def test_a_field_passes_from_the_first_version_on_and_before_the_second():
    where = (("version", clauses.Test("versions", ("3.0", "3.1.5-pve2"))),)
    passed = [
        text
        for text in ("2.4.4-pve1", "3.0", "3.1.5-pve1", "3.1.5-pve2", "", "residual config")
        if passes(where, {"version": text}) is Answer.YES
    ]
    assert passed == ["3.0", "3.1.5-pve1"]


VERSIONS = st.from_regex(r"(?:[0-9]:)?[0-9][0-9a-z.+~]{0,8}(?:-[0-9a-z+~]{1,5})?", fullmatch=True)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_it_is_an_order(one, two, three):
    assert compare(one, two) == -compare(two, one)
    if compare(one, two) <= 0 and compare(two, three) <= 0:
        assert compare(one, three) <= 0
