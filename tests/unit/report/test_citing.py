"""Citing lines: the same ids, in the same order, whether a line is met once or often."""

import cases
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pveforensics.report import shape
from pveforensics.report.citing import EVIDENCE_PER_PART, Cited

LINES = tuple(cases.line("alpha", k, "kernel: the same text", number) for k, number in enumerate((1, 2, 3, 1, 2)))
"""The last two repeat a place, but not its stamp, which is in the text; so all are lines of their own."""


@given(st.lists(st.tuples(st.lists(st.sampled_from(LINES + LINES[:2]), max_size=8), st.booleans()), max_size=6))
def test_ids_are_those_of_the_lines_each_once_in_order(parts):
    cited = Cited()
    first = {}
    for evidence, near in parts:
        assert cited.cite(evidence, near=near) == list(dict.fromkeys(one.id for one in evidence))
        for one in evidence:
            first.setdefault(one.id, one if near else replace(one, before=(), after=()))
    assert cited.lines == {key: shape.Evidence(**as_told(one)) for key, one in first.items()}
    assert all(cited.knows([one]) == (one.id in first) for one in LINES)


def as_told(one):
    at = one.at.iso() if one.at else None
    return {key: getattr(one, key) for key in ("path", "line", "node", "written", "text", "match", "before", "after")} | {"at": at}


def test_a_line_that_was_read_twice_is_one():
    again = replace(LINES[0], node="beta", at=None, match=None, before=(), after=())
    cited = Cited()
    assert cited.cite([LINES[0], again]) == [LINES[0].id]
    assert cited.knows([again])
    assert cited.lines[again.id] == shape.Evidence(**as_told(LINES[0]))


def test_a_storm_is_cut():
    storm = [cases.line("alpha", 0, "x: y", k) for k in range(EVIDENCE_PER_PART + 5)]
    cited = Cited()
    assert cited.cite([storm[0], *storm]) == [one.id for one in storm[:EVIDENCE_PER_PART]]
    assert len(cited.lines) == EVIDENCE_PER_PART
    assert not cited.knows(storm[-1:])
