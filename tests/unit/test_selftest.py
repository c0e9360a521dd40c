"""Examples and samples go through the real readers; a wrong expectation is told with what came instead."""

import pytest
from msgspec.structs import replace

from pveforensics import yamlfile
from pveforensics.detect import Example
from pveforensics.detect.fields import Place
from pveforensics.detect.load import benign_of, rule_of
from pveforensics.errors import UsageError
from pveforensics.pipeline import load_pack
from pveforensics.review import kinds_of, lint_pack, source_text
from pveforensics.selftest import case_of, run_examples

RULE = """
id: said-no-quorum
class: quorum_loss
title: "{node} said that it lost quorum"
summary: "It said so at {x.at}."
criticality: high
confidence: 0.7
why: "It matters."
find:
  - {as: x, event: pmxcfs_quorum_lost}
causes: [{name: unknown, cause: unknown, prior: 0}]
examples:
  - name: the line is there
    lines:
      alpha: |
        Mar 14 02:00:00 alpha CRON[2201]: (root) CMD (true)
        Mar 14 02:00:00 alpha systemd[1]: Started Session 1 of User root.
        Mar 14 02:13:14 alpha pmxcfs[1411]: [status] notice: node lost quorum
        Mar 14 02:20:00 alpha CRON[2202]: (root) CMD (true)
    expect: {fires: {nodes: alpha, cause: unknown, criticality: high, at_least: 0.5, count: 1}}
"""
QUIET = {
    "alpha": """Mar 14 02:00:00 alpha CRON[2201]: (root) CMD (true)
Mar 14 02:00:00 alpha systemd[1]: Started Session 1 of User root.
Mar 14 02:05:00 alpha kernel: [ 3600.000000] tun: Universal TUN/TAP device driver, 1.6
Mar 14 02:10:00 alpha pvestatd[1500]: status update time (7.1 seconds)
Mar 14 02:11:00 alpha pveproxy[1600]: worker exit
Mar 14 02:12:00 alpha sshd[1700]: Server listening on 0.0.0.0 port 22.
Mar 14 02:20:00 alpha CRON[2202]: (root) CMD (true)
"""
}


@pytest.fixture(scope="module")
def pack():
    return load_pack()


@pytest.fixture
def rule():
    return rule_of(yamlfile.loads(RULE, "said.yaml"), Place("said.yaml", 1))


def results(pack, rule, *examples):
    changed = replace(rule, examples=examples or rule.examples)
    return run_examples(pack._replace(rules=(changed,), benign=()), [rule.id])


def test_a_true_example_holds(pack, rule):
    (result,) = results(pack, rule)
    assert result.ok, result.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes": ("beta",)}, "expected nodes beta; got alpha"),
        ({"cause": "network"}, "expected cause network; got unknown 0.99"),
        ({"criticality": "low"}, "expected criticality low; got high"),
        ({"at_least": 0.9}, "expected a confidence of at least 0.9; got 0.7"),
        ({"count": 2}, "expected 2 findings; got 1"),
        ({"fires": False}, "expected no finding; got 'alpha said that it lost quorum' (high, 0.7)"),
        ({"fires": None}, "expected no finding"),
    ],
)
def test_a_false_example_says_what_came_instead(pack, rule, change, message):
    (result,) = results(pack, rule, replace(rule.examples[0], **change))
    assert not result.ok
    assert message in result.message


def test_nothing_and_not_to_be_told_are_two_things(pack, rule):
    quiet = Example("quiet", fires=False, lines=QUIET)
    no_log = Example("a node without log", fires=None, lines=QUIET, files={"alpha/etc/hostname": "alpha\n", "beta/etc/hostname": "beta\n"})
    nothing = Example("nothing to read", fires=None, files={"alpha/x.bin": "\0\1"})
    loud = Example("expected in vain", fires=True, lines=QUIET)
    said = results(pack, rule, quiet, no_log, nothing, loud)
    assert [result.ok for result in said] == [True, True, True, False]
    assert "expected a finding; got clear" in said[3].message


def test_files_are_read_as_what_they_are(pack):
    conf = "totem {\n  version: 2\n  cluster_name: lab\n}\nnodelist {\n  node {\n    name: alpha\n    nodeid: 1\n    ring0_addr: 192.0.2.1\n  }\n}\n"
    case = case_of(Example("conf", fires=False, lines=QUIET, files={"alpha/etc/corosync/corosync.conf": conf}), pack)
    assert case.history.cluster.name == "lab"
    assert case.events
    assert case.events[0].at.iso().startswith("2026-03-14T02")


def test_a_benign_line_has_examples_too(pack):
    text = """
id: slow-status
event: pmxcfs_quorum_lost
text: "It said it lost quorum"
why: "It was only tired."
examples:
  - name: it did
    lines: {alpha: "Mar 14 02:13:14 alpha pmxcfs[1411]: [status] notice: node lost quorum"}
    expect: {fires: true}
  - name: it did not
    lines: {alpha: "Mar 14 02:13:14 alpha pmxcfs[1411]: [status] notice: node has quorum"}
    expect: {fires: true}
"""
    rule = benign_of(yamlfile.loads(text, "b.yaml"), Place("b.yaml", 1))
    said = run_examples(pack._replace(rules=(), benign=(rule,)), [rule.id])
    assert [result.ok for result in said] == [True, False]


def test_samples_must_match_their_own_signature(pack):
    signature = next(each for each in pack.signatures if each.samples)
    assert all(result.ok for result in run_examples(pack, [signature.id]))
    wrong = replace(signature, not_samples=(signature.samples[0].line,))
    changed = tuple(wrong if each is signature else each for each in pack.signatures)
    said = run_examples(pack._replace(signatures=changed), [signature.id])
    assert [result.message for result in said if not result.ok] == ["it matches this signature"]


def test_kinds_have_the_fields_of_all_their_signatures(pack):
    kinds = kinds_of(pack.signatures)
    assert "to" in kinds["lrm_status_changed"] or kinds["lrm_status_changed"]


def test_the_source_of_a_rule_and_of_a_signature(pack):
    assert source_text(pack.rules[0].id).startswith(f"# {pack.rules[0].path}:1\n")
    signature = pack.signatures[1]
    text = source_text(signature.id)
    assert f"id: {signature.id}" in text
    assert f"id: {pack.signatures[2].id}" not in text
    with pytest.raises(UsageError, match="no rule, question or signature is called 'no-such'"):
        source_text("no-such")


def test_another_pack_is_linted_with_the_shipped_words(tmp_path):
    folder = tmp_path / "findings" / "quorum_loss"
    folder.mkdir(parents=True)
    (folder / "said-no-quorum.yaml").write_text(RULE.replace("causes: [{name: unknown, cause: unknown, prior: 0}]", "causes: lock-loss"))
    assert {problem.message.split(":")[0] for problem in lint_pack([str(tmp_path)])} == {"examples"}
