"""A signature pack loads whole or names the file and line that is wrong."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.errors import RulePackError
from pveforensics.events import SignatureIndex, load_signatures, match_line
from pveforensics.events.anchors import DIGIT, NoAnchorError, anchors

ENTRY = r"""
- id: quorum.lost
  kind: corosync_quorum_lost
  says: The node has lost quorum.
  program: [corosync]
  match: '\[QUORUM\] This node is within the non-primary component'
  source: corosync/corosync:exec/vsf_quorum.c
  samples:
    - line: 'Mar 14 02:13:07 alpha corosync[1532]:   [QUORUM] This node is within the non-primary component'
      fields: {}
"""


def pack(folder, **files):
    (folder / "events").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "events" / f"{name}.yaml").write_text(text)
    return [folder]


def test_entries_come_in_order_of_files_and_lines(tmp_path):
    second = ENTRY.replace("quorum.lost", "b.one") + ENTRY.replace("quorum.lost", "b.two")
    loaded = load_signatures(pack(tmp_path, b=second, a=ENTRY, left_out="- {id: x, reason: y}\n"))
    assert [(each.id, each.line) for each in loaded] == [("quorum.lost", 2), ("b.one", 2), ("b.two", 12)]
    assert loaded[0].programs == ("corosync",)
    assert loaded[0].anchors == ("[QUORUM] This node is within the non-primary component",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: corosync_quorum_lost", "kin: x", r"3: unknown field 'kin'"),
        ("says: The node has lost quorum.", "says: [a]", r"4: 'says' must be str"),
        ("  source: corosync/corosync:exec/vsf_quorum.c\n", "", r"2: missing or empty: source"),
        (
            r"'\[QUORUM\] This node is within the non-primary component'" + "\n  source",
            "'(unclosed'\n  source",
            r"6: no regular expression",
        ),
        (
            r"'\[QUORUM\] This node is within the non-primary component'" + "\n  source",
            r"'\w+ \d+'" + "\n  source",
            r"6: every match must contain a literal",
        ),
        (
            r"'\[QUORUM\] This node is within the non-primary component'" + "\n  source",
            "'(?i)lost quorum'\n  source",
            r"6: case-insensitive",
        ),
        (
            r"'\[QUORUM\] This node is within the non-primary component'" + "\n  source",
            "'lost (?=quorum)quorum'\n  source",
            r"6: look-around",
        ),
        ("says: The", "everyday: ' longer than 8'\n  says: The", r"4: 'everyday' is true or an ending of up to 8 ASCII"),
        ("says: The", "storm: true\n  everyday: ': OK'\n  says: The", r"5: all lines of a storm count together"),
        ("says: The", "id: again\n  says: The", r"4: duplicate key 'id', first in line 2"),
    ],
)
def test_a_wrong_entry_is_told_with_file_and_line(tmp_path, old, new, message):
    assert old in ENTRY
    with pytest.raises(RulePackError, match=r"a\.yaml:" + message):
        load_signatures(pack(tmp_path, a=ENTRY.replace(old, new)))


def test_an_id_is_taken_once(tmp_path):
    with pytest.raises(RulePackError, match=r"b\.yaml:2: id 'quorum.lost' is taken by .*a\.yaml:2"):
        load_signatures(pack(tmp_path, a=ENTRY, b=ENTRY))


def test_the_program_decides_only_where_the_line_names_one(tmp_path):
    index = SignatureIndex(load_signatures(pack(tmp_path, a=ENTRY)))
    message = "  [QUORUM] This node is within the non-primary component and will NOT provide any services."
    assert match_line(index, "Corosync", "1", message)[0].id == "quorum.lost"
    assert match_line(index, "", "", message)
    assert match_line(index, "pmxcfs", "1", message) is None


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        (r"\[TOTEM *\] Token has not been received in (?P<ms>\d+) ms", ("] Token has not been received in ",)),
        (r"status change (?P<a>\w+) => (?P<b>\w+)", ("status change ",)),
        (r"(?P<x>primary|preview) thing", ("preview thing", "primary thing")),
        (r"(?:first words|other words)+ \d", ("first words", "other words")),
        (r"\d+ \w* quorum again", (" quorum again",)),
        (r"took \((?P<s>(?:2|1[0-9])[0-9]+) s", (f"took (1{DIGIT}{DIGIT}", f"took (2{DIGIT}")),
        (r"(?P<port>ata[0-9]): (?P<what>disabled|failed: .+)", (f"ata{DIGIT}: disabled", f"ata{DIGIT}: failed: ")),
        (r"(?P<port>\w+): (?P<what>disabled|failed: .+)", (": disabled", ": failed: ")),
    ],
)
def test_anchors_are_the_longest_that_every_match_holds(pattern, literals):
    assert anchors(pattern) == literals


WORDS = st.text("abc", min_size=1, max_size=7).map(re.escape)
PATTERNS = st.recursive(
    WORDS | st.sampled_from([r"\d+", ".", "[ab]", "[^x]", r"\s*"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.map(lambda part: f"(?:{part})?"),
        inner.map(lambda part: f"(?:{part})+"),
        inner.map(lambda part: f"(?P<n>{part})" if "(?P" not in part else part),
    ),
    max_leaves=8,
)


@given(PATTERNS, st.data())
@settings(max_examples=150)
def test_every_match_contains_an_anchor(pattern, data):
    try:
        literals = anchors(pattern)
    except (NoAnchorError, re.error):
        return
    text = data.draw(st.from_regex(pattern))
    found = re.search(pattern, text)
    assert found is None or any(literal in found.group() for literal in literals)
