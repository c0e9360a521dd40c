"""From matches to findings: verdicts, causes, merging, sentences, benign lines, and a rule that fails."""

import pytest
from facts import at, covered, event, facts, span

from pveforensics import detect as package
from pveforensics import events
from pveforensics.detect import detect, run
from pveforensics.model import Criticality, Outcome

ENDED = span("node:alpha", "ended", 1000, 1100, manner="unclean")

QUESTION = """
id: boot-end
about: {as: end, state: node.ended, where: {manner: unclean}}
hypotheses:
  - name: watchdog
    cause: network
    prior: -2
    for: [{weight: 6, because: "{end.node}'s watchdog expired", event: watchdog_expired, between: [end.start - 60s, end.end]}]
    against: [{weight: 3, because: "the kernel panicked", event: kernel_panic, between: [end.start - 60s, end.end]}]
    decided_by: the journal
  - name: panic
    cause: kernel_panic
    prior: -1
    for: [{weight: 6, because: "the kernel panicked", event: kernel_panic, between: [end.start - 60s, end.end]}]
    against: [{weight: 4, because: "a watchdog expired", event: watchdog_expired, between: [end.start - 60s, end.end]}]
    decided_by: pstore
  - name: power
    cause: power_loss
    prior: 0
    excluded_by: [{because: "it logged to the end", event: still_here, between: [end.start, end.end]}]
  - name: unknown
    cause: unknown
    prior: 1
    decided_by: the BMC
"""

FENCED = """
find:
  - {as: x, verdict: boot-end, is: watchdog, at_least: 0.5}
causes: boot-end
"""


def test_a_verdict_brings_its_confidence_and_the_others_are_ruled_out(rule, question, verdicts):
    (finding,) = verdicts(rule(FENCED), facts(ENDED, event("watchdog_expired", second=990)), [question(QUESTION)]).findings
    assert finding.confidence == 0.94
    assert finding.causes[0].cause == "network"
    assert finding.causes[0].speaks_for[0].text == "alpha's watchdog expired"
    assert finding.causes[0].speaks_for[0].evidence[0].text == "watchdog_expired"
    assert finding.causes[0].decided_by == "the journal"
    assert [(row.cause, row.why) for row in finding.ruled_out] == [("kernel_panic", "a watchdog expired")]


def test_the_winner_is_somebody_else(rule, question, verdicts):
    said = verdicts(rule(FENCED), facts(ENDED, event("kernel_panic", second=990)), [question(QUESTION)])
    assert not said.findings
    assert said.checks[0].outcome is Outcome.CLEAR


def test_a_proof_excludes_a_cause(rule, question, verdicts):
    said = verdicts(
        rule(FENCED), facts(ENDED, event("watchdog_expired", second=990), event("still_here", second=1050)), [question(QUESTION)]
    )
    assert ("power_loss", "it logged to the end") in [(row.cause, row.why) for row in said.findings[0].ruled_out]
    assert "power_loss" not in [cause.cause for cause in said.findings[0].causes]


def test_nothing_known_leaves_the_causes_open(rule, question, verdicts):
    text = "find:\n  - {as: x, state: node.ended}\ncauses: boot-end\n"
    (finding,) = verdicts(rule(text), facts(ENDED), [question(QUESTION)]).findings
    assert [cause.cause for cause in finding.causes] == ["unknown", "power_loss", "kernel_panic", "network"]
    assert not finding.ruled_out
    assert finding.causes[0].decided_by == "the BMC"
    assert sum(cause.confidence for cause in finding.causes) == pytest.approx(1, abs=0.02)


def test_hypotheses_of_one_cause_are_one_row(rule, verdicts):
    text = """
find:
  - {as: x, state: node.ended}
causes:
  - {name: cable, cause: network, prior: 0, decided_by: the switch}
  - {name: card, cause: network, prior: 0, decided_by: ethtool}
  - {name: other, cause: unknown, prior: 0}
"""
    (finding,) = verdicts(rule(text), facts(ENDED)).findings
    assert [(cause.cause, cause.confidence, cause.decided_by) for cause in finding.causes] == [
        ("network", 0.67, "the switch; ethtool"),
        ("unknown", 0.33, ""),
    ]


def test_conditions_move_criticality_and_confidence_and_say_why(rule, verdicts):
    text = """
criticality_when: [{to: catastrophic, because: "a guest was down", when: {event: guest_down, between: [x.start, x.end]}}]
confidence_when: [{add: 0.5, because: "twice said", when: {event: a, between: [x.start, x.end]}}, {add: -0.1, because: "no", when: {event: b}}]
find:
  - {as: x, state: node.ended}
"""
    (plain,) = verdicts(rule(text), facts(ENDED)).findings
    assert (plain.criticality, plain.confidence, plain.why) == (Criticality.HIGH, 0.8, "It matters.")
    (graver,) = verdicts(rule(text), facts(ENDED, event("guest_down", second=1050), event("a", second=1050))).findings
    assert (graver.criticality, graver.confidence) == (Criticality.CATASTROPHIC, 0.99)
    assert graver.why == "It matters.\nRated catastrophic: a guest was down.\nSurer: twice said."


def losses(*spans):
    return facts(*(span(f"node:{node}", "inquorate", start, end) for node, start, end in spans))


def test_occurrences_close_to_each_other_become_one(rule, verdicts):
    text = "merge: 2m\nfind:\n  - {as: x, state: node.inquorate}\n"
    some = losses(("alpha", 100, 110), ("alpha", 200, 210), ("alpha", 1000, 1010), ("beta", 205, 206))
    findings = verdicts(rule(text, title="{node}: {times} times for {x.duration}"), some).findings
    assert [(finding.title, finding.nodes) for finding in findings] == [
        ("alpha: 2 times for 110 s", ("alpha",)),
        ("beta: 1 times for 1 s", ("beta",)),
        ("alpha: 1 times for 10 s", ("alpha",)),
    ]
    anywhere = verdicts(rule(text.replace("2m", "{within: 2m, on: any}"), title="{nodes}"), some).findings
    assert [finding.title for finding in anywhere] == ["alpha and beta", "alpha"]


def test_windows_that_are_equal_on_all_nodes_are_one_finding(rule, verdicts):
    text = "merge: {edges: both, within: 1s, on: any}\nfind:\n  - {as: x, state: node.inquorate}\n"
    findings = verdicts(rule(text), losses(("alpha", 100, 160), ("beta", 101, 160), ("gamma", 100, 300))).findings
    assert [finding.nodes for finding in findings] == [("alpha", "beta"), ("gamma",)]
    never_back = verdicts(rule(text), losses(("alpha", 100, None), ("beta", 100, None), ("gamma", 100, 300))).findings
    assert [finding.nodes for finding in never_back] == [("alpha", "beta"), ("gamma",)]
    assert never_back[0].end is None


def test_ids_do_not_depend_on_what_else_is_there(rule, verdicts):
    one = rule("find:\n  - {as: x, state: node.inquorate}\n")
    few = {finding.id for finding in verdicts(one, losses(("alpha", 100, 160))).findings}
    many = {finding.id for finding in verdicts(one, losses(("alpha", 100, 160), ("beta", 100, 160), ("alpha", 900, 960))).findings}
    assert few < many
    assert len(many) == 3


def test_remedies_keep_their_step_and_fill_in_commands(rule, verdicts):
    text = """
look: [{text: "Look at {node}", command: "journalctl -b -1 --until '{x.start}'"}]
hold: ["Do nothing"]
press: [{text: "Act", command: "awk '{print}'", caution: "Mind"}]
find:
  - {as: x, state: node.ended}
"""
    remedies = verdicts(rule(text), facts(ENDED)).findings[0].remedies
    assert [(remedy.step, remedy.text, remedy.command, remedy.caution) for remedy in remedies] == [
        ("look", "Look at alpha", "journalctl -b -1 --until '02:16:40 UTC'", ""),
        ("hold", "Do nothing", "", ""),
        ("press", "Act", "awk '{print}'", "Mind"),
    ]


def test_days_are_named_where_the_time_alone_does_not_tell(rule, verdicts):
    one = rule("find:\n  - {as: x, state: node.inquorate}\n", summary="{x.start}[[ to {x.end}]]")
    assert verdicts(one, losses(("alpha", 100, None))).findings[0].summary == "02:01:40 UTC"
    (finding,) = verdicts(one, losses(("alpha", 100, 90_000))).findings
    assert finding.summary == "2026-03-14 02:01:40 UTC to 2026-03-15 03:00:00 UTC"


def test_edges_and_nodes_of_the_finding(rule, verdicts):
    text = """
start: y.at
end: x.end
nodes: [y]
find:
  - {as: x, state: node.inquorate}
  - {as: y, event: a, on: other, between: [x.start - 10s, x.end]}
"""
    (finding,) = verdicts(rule(text), facts(span("node:alpha", "inquorate", 100, 160), event("a", node="beta", second=95))).findings
    assert (finding.nodes, finding.start, finding.end) == (("alpha", "beta"), at(95), at(160))


def test_guests_and_storages_are_named(rule, verdicts):
    text = "find:\n  - {as: x, state: guest.down}\n"
    (finding,) = verdicts(rule(text, title="{guests}"), facts(span("guest:vm:100", "down", 5, 9))).findings
    assert (finding.guests, finding.title, finding.nodes) == (("vm:100",), "vm:100", ())
    (finding,) = verdicts(rule("find:\n  - {as: x, state: storage.offline}\n"), facts(span("storage:nas@alpha", "offline", 5, 9))).findings
    assert (finding.storages, finding.nodes) == (("nas",), ("alpha",))


def test_a_rule_that_fails_is_a_note_and_costs_nothing_else(rule, monkeypatch):
    monkeypatch.delenv(run.STRICT, raising=False)
    good = rule("find:\n  - {as: x, state: node.inquorate}\n")
    broken = rule("find:\n  - {as: x, verdict: no-such-question, is: a}\n")
    said = detect([broken, good], [], losses(("alpha", 100, 160)))
    assert len(said.findings) == 1
    assert "rule a-rule failed" in said.notes[0]
    assert said.checks[0].outcome is Outcome.COULD_NOT_CHECK
    with pytest.raises(KeyError):
        detect([broken], [], losses(), strict=True)


def test_benign_lines_are_grouped_with_their_reason(benign, verdicts):
    text = """
id: boot-noise
event: no_quorum_yet
text: "No quorum after a start"
why: "At {line.at} corosync had not formed a ring yet."
unless: {state: node.inquorate, where: {opened_by: lost}, between: [line.at - 10s, line.at]}
"""
    lines = [event("no_quorum_yet", second=second, node=node) for second, node in ((10, "alpha"), (11, "alpha"), (12, "beta"))]
    (told,) = verdicts([], facts(*lines), benign=[benign(text)]).benign
    assert told.text == "No quorum after a start (3 times, on alpha and beta)"
    assert told.why == "At 02:00:10 UTC corosync had not formed a ring yet."
    assert (told.rule, len(told.evidence)) == ("boot-noise", 3)
    lost = span("node:alpha", "inquorate", 5, 60, opened_by="lost")
    (told,) = verdicts([], facts(*lines, lost), benign=[benign(text)]).benign
    assert told.text == "No quorum after a start (once, on beta)"
    assert not verdicts([], facts(), benign=[benign(text)]).benign


def test_a_hundred_thousand_events_take_seconds(rule, verdicts):
    text = "merge: 10m\nfind:\n  - {as: x, event: a}\n  - {as: y, event: b, between: [x.at - 5s, x.at + 5s]}\n"
    events = [event("ab"[second % 2], second=second) for second in range(100_000)]
    said = verdicts(rule(text), facts(*events, coverage=[covered(end=100_000)], nodes=("alpha",)))
    assert len(said.findings) == 1


def test_the_public_names_are_there():
    assert all(getattr(package, name) for name in package.__all__)
    assert all(getattr(events, name) for name in events.__all__)
    for module in (package, events):
        with pytest.raises(AttributeError, match="no attribute 'other'"):
            _ = module.other


def test_a_rule_names_guests_storages_and_jobs_from_fields(rule, verdicts):
    text = "guests: ['{x.fields.sid}', 'vm:{x.fields.none}']\nstorages: '{x.fields.store}'\njobs: '{x.fields.sid}-0'\nfind:\n  - {as: x, event: a}\n"
    (finding,) = verdicts(rule(text), facts(event("a", second=5, sid="vm:100", store="nas"))).findings
    assert (finding.guests, finding.storages, finding.jobs) == (("vm:100",), ("nas",), ("vm:100-0",))


def test_a_guest_with_its_node_is_told_as_guest_and_node(rule, verdicts):
    (finding,) = verdicts(rule("find:\n  - {as: x, state: guest.error}\n"), facts(span("guest:vm:100@beta", "error", 5, 5))).findings
    assert (finding.guests, finding.nodes) == (("vm:100",), ("beta",))
