"""Rule files that are wrong say where, and what was expected; those of the pack load."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import HEAD, parsed

from pveforensics import yamlfile
from pveforensics.detect.fields import Place
from pveforensics.detect.load import load_benign, load_questions, load_rules, question_of, rule_of
from pveforensics.errors import RulePackError
from pveforensics.resources import rules_folder

GOOD = HEAD + "confidence: 0.8\nfind:\n  - {as: x, state: node.inquorate}\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("criticality: high", "criticality: severe"), "a-rule.yaml:6: criticality: expected one of catastrophic, high, info, low, medium"),
        (("why:", "wy:"), "a-rule.yaml:7: wy: unknown key; did you mean 'why'?"),
        (("class: quorum_loss", "class: loss"), "a-rule.yaml:3: class: expected one of"),
        (("confidence: 0.8", "confidence: 8"), "a-rule.yaml:8: confidence: expected a number from 0 to 1; got 8"),
        (("confidence: 0.8\n", ""), "confidence: is missing"),
        (('title: "{node} lost it"\n', ""), "title: is missing"),
        (("{node} lost", "{nide} lost"), "a-rule.yaml:4: title: placeholder {nide} is no step of this rule"),
        (("{x.start}.", "{x}."), "summary: placeholder {x} needs a part such as .start"),
        (("{x.start}.", "{x.begin}."), "summary: expected placeholders"),
        (("{as: x, state: node.inquorate}", "{as: x}"), "find: expected exactly one of event, state, absence"),
        (("state: node.inquorate", "state: node.inquorate, event: a"), "find: expected exactly one of"),
        (("state: node.inquorate", "state: inquorate"), "state: expected a state such as node.inquorate"),
        (("state: node.inquorate", "state: node.inquorate, min: five"), "min: expected a duration such as"),
        (("state: node.inquorate", "state: node.inquorate, min: 30"), "min: expected a duration such as"),
        (("state: node.inquorate", "state: node.inquorate, on: self"), "on: expected one of any, other, same; got 'self'"),
        (("state: node.inquorate", "state: node.inquorate, wehre: {}"), "wehre: unknown key; did you mean 'where'?"),
        (
            ("state: node.inquorate", "state: node.inquorate, where: {a: {is: 3}}"),
            "a: expected one of above, below, bit, contains, has, not",
        ),
        (("state: node.inquorate", "state: node.inquorate, where: {a: {below: x}}"), "a.below: expected a number"),
        (("state: node.inquorate", "state: node.inquorate, where: {a: '{y.start}'}"), "a: placeholder {y.start} is no step of this rule"),
        (("as: x, state", "as: node, state"), "as: expected a name"),
        (("- {as: x, state: node.inquorate}", "- {as: x, absence: {event: a}}"), "find: the first step must be"),
        (("node.inquorate}", "node.inquorate}\n  - {as: x, event: a}"), "a-rule.yaml:11: find: the name 'x' is taken"),
        (("node.inquorate}", "node.inquorate}\n  - {as: y, event: a, between: [z.start, x.end]}"), "between: 'z' is bound by no step"),
        (("node.inquorate}", "node.inquorate}\n  - {as: y, event: a, between: [y.start, x.end]}"), "between: 'y' is bound by no step"),
        (("node.inquorate}", "node.inquorate}\n  - {as: y, event: a, between: [x.start - soon, x.end]}"), "between: expected a duration"),
        (("node.inquorate}", "node.inquorate}\n  - {as: y, event: a, between: x.start}"), "between: expected a list of two edges"),
        (("node.inquorate}", "node.inquorate}\ncauses: [{name: a, cause: rain, prior: 0}]"), "cause: expected one of"),
        (
            ("node.inquorate}", "node.inquorate}\ncauses: [{name: a, cause: network, prior: 0, for: [{weight: 2, event: a}]}]"),
            "because: is missing",
        ),
        (
            ("node.inquorate}", "node.inquorate}\nexamples: [{name: a, lines: {}, expect: {fire: true}}]"),
            "fire: unknown key; did you mean 'fires'?",
        ),
        (("node.inquorate}", "node.inquorate}\nnodes: z"), "nodes: 'z' is no step of this rule"),
        (("find:\n  - {as: x, state: node.inquorate}\n", "find: []\n"), "find: expected a list of steps"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change, message):
    assert change[0] in GOOD
    with pytest.raises(RulePackError) as caught:
        parsed(GOOD.replace(*change), rule_of)
    assert str(caught.value).startswith("a-rule.yaml:")
    assert message in str(caught.value)


def test_a_verdict_has_no_confidence_of_its_own():
    with pytest.raises(RulePackError, match="confidence: a verdict brings its own"):
        parsed(GOOD.replace("state: node.inquorate", "verdict: a, is: b"), rule_of)


def test_a_question_needs_weights_with_reasons():
    text = "id: a\nabout: {as: end, state: node.ended}\nhypotheses:\n  - {name: a, cause: unknown, prior: 0, for: [{weight: -1, because: x, event: a}]}\n"
    with pytest.raises(RulePackError, match=r"a-rule.yaml:4: .*weight: expected a number above 0"):
        parsed(text, question_of)


def test_the_shipped_pack_loads_and_ids_are_unique(tmp_path):
    folder = rules_folder()
    rules = load_rules([folder])
    assert rules
    assert [rule.id for rule in rules] == sorted(rule.id for rule in rules)
    assert load_questions([folder])
    load_benign([folder])
    other = tmp_path / "findings" / "quorum_loss"
    other.mkdir(parents=True)
    (other / "again.yaml").write_text(Path(rules[0].path).read_text())
    with pytest.raises(RulePackError, match=f"id: '{rules[0].id}' is taken by"):
        load_rules([folder, tmp_path])


_YAML = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["x.start", "node.ended", "{x.start}", "30s"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["as", "event", "state", "where", "between", "all", "absence", "not", "below", "is"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


def _dumped(value):
    import yaml

    return yaml.safe_dump(value, allow_unicode=False)


@settings(max_examples=150)
@given(st.sampled_from(["find", "causes", "examples", "merge", "title", "look", "applies", "criticality_when", "start"]), _YAML)
def test_any_value_anywhere_loads_or_is_refused(key, value):
    lines = [row for row in GOOD.split("\n") if not row.startswith((f"{key}:", "  - " if key == "find" else "\0"))]
    text = "\n".join(lines) + "\n" + _dumped({key: value})
    try:
        data = yamlfile.loads(text, "f.yaml")
        rule_of(data, Place("f.yaml", 1))
    except RulePackError as error:
        assert str(error).startswith("f.yaml:")  # noqa: PT017 - most values are refused, some load
