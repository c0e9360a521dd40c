"""lint() names every kind of mistake that would cost a reader's trust."""

import pytest
from written import HEAD

from pveforensics.detect.lint import lint, unused_kinds
from pveforensics.detect.load import load_rules

EXAMPLES = """
examples:
  - {name: fires, lines: {alpha: text}, expect: {fires: true}}
  - {name: not, lines: {alpha: text}, expect: {fires: false}}
  - {name: cannot tell, lines: {alpha: text}, expect: {could_not_check: true}}
"""
GOOD = HEAD + "confidence: 0.8\nfind:\n  - {as: x, state: node.inquorate}\n" + EXAMPLES
KINDS = {"a": frozenset({"pid"}), "b": frozenset()}


def problems(tmp_path, text, name="quorum_loss/a-rule.yaml"):
    path = tmp_path / "findings" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return [problem.message for problem in lint([tmp_path], KINDS)]


def test_a_good_rule_passes(tmp_path):
    assert problems(tmp_path, GOOD) == []
    assert unused_kinds(load_rules([tmp_path]), [], [], KINDS) == ["a", "b"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("expect: {fires: true}", "expect: {fires: false}", "there is none that fires"),
        ("expect: {fires: false}", "expect: {fires: true}", "there is none that does not fire"),
        ("expect: {could_not_check: true}", "expect: {fires: false}", "there is none that cannot be checked"),
        ("state: node.inquorate", "state: node.inqorate", "unknown state 'node.inqorate'"),
        ("state: node.inquorate", "state: node.inquorate, where: {colour: red}", "node.inquorate has no field 'colour'"),
        ("state: node.inquorate", "event: c", "no signature yields 'c'"),
        ("state: node.inquorate", "event: b, where: {pid: 3}", "b has no field 'pid'"),
        ("state: node.inquorate", "threshold: {event: b}, count: 2, within: 5s, distinct: pid", "distinct: b has no field 'pid'"),
        ("id: a-rule", "id: b-rule", "expected the file's name 'a-rule'"),
        ("class: quorum_loss", "class: fencing", "the rule lies in quorum_loss/, its class is 'fencing'"),
        ("class: quorum_loss", "class: lost", "class: expected one of"),
        ("why:", "causes: no-such\nwhy:", "there is no question 'no-such'"),
        ("{x.start}", "{x.fields.colour}", "the step has no field 'colour'"),
        ("why:", 'press: [{text: go, command: "pvecm expected 1"}]\nwhy:', "needs a caution"),
        ("why:", 'press: [{text: go, command: "systemctl stop corosync"}]\nwhy:', "needs a caution"),
        ("node.inquorate}", "node.inquorate}\n  - {as: y, event: a, between: [x.end + 5s, x.start]}", "the window ends before it begins"),
        ("state: node.inquorate", "state: node.inquorate, min: 60s, max: 30s", "min: expected no more than max"),
    ],
)
def test_each_mistake_is_named(tmp_path, old, new, message):
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(message in each for each in found), found


def test_a_verdict_must_name_a_hypothesis(tmp_path):
    folder = tmp_path / "questions"
    folder.mkdir()
    (folder / "q.yaml").write_text("id: q\nabout: {as: end, state: node.ended}\nhypotheses: [{name: a, cause: unknown, prior: 0}]\n")
    text = GOOD.replace("confidence: 0.8\n", "").replace("state: node.inquorate", "verdict: q, is: [a, z]")
    assert problems(tmp_path, text) == ["is: question 'q' has no hypothesis 'z'"]


def test_a_rule_that_can_always_tell_says_why(tmp_path):
    text = GOOD.replace("expect: {could_not_check: true}", "expect: {fires: false}").replace("why:", "always_tells: no log is needed\nwhy:")
    assert problems(tmp_path, text) == []


def test_a_broken_file_does_not_hide_the_others(tmp_path):
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "broken.yaml").write_text("- {id: a, event: a\n")
    (tmp_path / "benign" / "list.yaml").write_text("- {id: b, event: zz, text: t, why: w}\n- {id: c, event: a, text: t, why: w}\n")
    found = [str(problem) for problem in lint([tmp_path], KINDS)]
    assert len(found) == 2
    assert "broken.yaml" in found[0]
    assert found[1].endswith("list.yaml:1: event: no signature yields 'zz'")


def test_a_caution_or_a_harmless_command_is_enough(tmp_path):
    remedies = 'press: [{text: go, command: "rm x", caution: "gone"}, {text: look, command: "pvecm status"}]\nwhy:'
    assert problems(tmp_path, GOOD.replace("why:", remedies)) == []
