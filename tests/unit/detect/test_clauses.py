"""What each clause means on facts made by hand: fires, does not, cannot tell."""

import pytest
from facts import at, covered, event, facts, line, span
from msgspec.structs import replace

from pveforensics.model import Interval, Outcome, Snapshot


def outcomes(verdicts):
    return {(check.outcome, check.node) for check in verdicts.checks}


LOSS = span("node:alpha", "inquorate", 100, 160)
EXPIRY_AFTER_LOSS = """
find:
  - {as: x, state: node.inquorate}
  - {as: y, event: watchdog_expired, between: [x.start, x.end + 10s]}
"""


def test_a_step_in_its_window_fires_with_the_lines_of_both(rule, verdicts):
    said = verdicts(rule(EXPIRY_AFTER_LOSS), facts(LOSS, event("watchdog_expired", second=150)))
    (finding,) = said.findings
    assert finding.nodes == ("alpha",)
    assert (finding.start, finding.end) == (at(100), at(160))
    assert [evidence.text for evidence in finding.evidence] == ["node:alpha inquorate", "watchdog_expired"]
    assert outcomes(said) == {(Outcome.FOUND, "")}


@pytest.mark.parametrize("second", [90, 172])
def test_a_step_outside_of_its_window_is_clear(rule, verdicts, second):
    said = verdicts(rule(EXPIRY_AFTER_LOSS), facts(LOSS, event("watchdog_expired", second=second)))
    assert not said.findings
    assert outcomes(said) == {(Outcome.CLEAR, "")}


def test_a_step_on_another_node_is_not_the_same(rule, verdicts):
    other = event("watchdog_expired", node="beta", second=150)
    assert not verdicts(rule(EXPIRY_AFTER_LOSS), facts(LOSS, other)).findings
    on_other = EXPIRY_AFTER_LOSS.replace("watchdog_expired,", "watchdog_expired, on: other,")
    assert verdicts(rule(on_other), facts(LOSS, other)).findings
    assert not verdicts(rule(on_other), facts(LOSS, event("watchdog_expired", second=150))).findings


def test_a_missing_log_is_no_clear(rule, verdicts):
    said = verdicts(rule(EXPIRY_AFTER_LOSS), facts(LOSS, coverage=[covered("alpha", 0, 120)], nodes=("alpha",)))
    assert not said.findings
    (check,) = said.checks
    assert (check.outcome, check.node) == (Outcome.COULD_NOT_CHECK, "alpha")
    assert "does not show the whole time" in check.reason


def test_a_log_of_one_unit_proves_nothing_about_others(rule, verdicts):
    said = verdicts(rule(EXPIRY_AFTER_LOSS), facts(LOSS, coverage=[covered(whole=False)], nodes=("alpha",)))
    assert outcomes(said) == {(Outcome.COULD_NOT_CHECK, "alpha")}
    assert "excerpts" in said.checks[0].reason


def test_without_a_primary_the_node_without_log_is_told(rule, verdicts):
    said = verdicts(rule(EXPIRY_AFTER_LOSS), facts(coverage=[covered("alpha")], nodes=("alpha", "beta"), in_bundle=["alpha"]))
    assert outcomes(said) == {(Outcome.CLEAR, ""), (Outcome.COULD_NOT_CHECK, "beta")}
    assert "no log of beta" in next(check.reason for check in said.checks if check.node)


def test_no_log_at_all_could_not_be_checked(rule, verdicts):
    said = verdicts(rule(EXPIRY_AFTER_LOSS), facts(nodes=()))
    assert outcomes(said) == {(Outcome.COULD_NOT_CHECK, "")}


ABSENCE = """
find:
  - {as: x, state: node.ended}
  - {as: y, absence: {event: clean_reboot, between: [x.start - 10m, x.start]}}
"""


def test_absence_fires_only_where_the_log_would_show_it(rule, verdicts):
    ended = span("node:alpha", "ended", 1000, 1100)
    assert verdicts(rule(ABSENCE), facts(ended)).findings
    assert not verdicts(rule(ABSENCE), facts(ended, event("clean_reboot", second=990))).findings
    hole = [covered("alpha", 0, 500), covered("alpha", 900, 7200)]
    said = verdicts(rule(ABSENCE), facts(ended, coverage=hole, nodes=("alpha",)))
    assert outcomes(said) == {(Outcome.COULD_NOT_CHECK, "alpha")}
    best_effort = ABSENCE.replace("x.start]}}", "x.start]}, coverage: best_effort}")
    assert verdicts(rule(best_effort), facts(ended, coverage=hole, nodes=("alpha",))).findings


def test_absence_of_any_needs_all_to_be_missing(rule, verdicts):
    text = """
find:
  - {as: x, state: node.ended}
  - {as: y, absence: {any: [{event: a, between: [x.start - 5m, x.start]}, {state: ha.armed, between: [x.start - 5m, x.start]}]}}
"""
    ended = span("node:alpha", "ended", 1000, 1100)
    assert verdicts(rule(text), facts(ended)).findings
    assert not verdicts(rule(text), facts(ended, span("ha:alpha", "armed", 10, 900))).findings
    assert not verdicts(rule(text), facts(ended, event("a", second=950))).findings


def test_a_clean_end_hides_nothing_in_the_time_the_node_was_off(rule, verdicts):
    text = """
find:
  - {as: x, state: node.ended}
  - {as: y, absence: {event: a, between: [x.start, x.end]}}
"""
    coverage = [covered("alpha", 0, 1000), covered("alpha", 1600, 7200)]
    clean = span("node:alpha", "ended", 1000, 1600, manner="clean")
    assert verdicts(rule(text), facts(clean, coverage=coverage, nodes=("alpha",))).findings
    unclean = span("node:alpha", "ended", 1000, 1600, manner="unclean")
    assert not verdicts(rule(text), facts(unclean, coverage=coverage, nodes=("alpha",))).findings


def test_an_optional_step_may_fail_and_what_rests_on_it_is_clear(rule, verdicts):
    text = """
find:
  - {as: x, state: node.inquorate}
  - {as: y, event: a, optional: true, between: [x.start, x.end]}
  - {as: z, event: b, optional: true, between: [y.at, y.at + 10s]}
"""
    (finding,) = verdicts(rule(text, summary="at {y.at}"), facts(LOSS, event("b", second=110))).findings
    assert finding.summary == "at an unknown time"
    assert [evidence.text for evidence in finding.evidence] == ["node:alpha inquorate"]
    required = text.replace("b, optional: true", "b")
    assert not verdicts(rule(required), facts(LOSS, event("b", second=110))).findings


def test_an_open_edge_is_open(rule, verdicts):
    text = """
find:
  - {as: x, state: node.inquorate}
  - {as: y, event: a, between: [x.start, x.end]}
"""
    never_back = span("node:alpha", "inquorate", 100, None)
    assert verdicts(rule(text), facts(never_back, event("a", second=5000))).findings
    assert not verdicts(rule(text), facts(never_back, event("a", second=50))).findings


def test_what_has_no_time_is_in_no_window_but_keeps_it_open(rule, verdicts):
    said = verdicts(rule(EXPIRY_AFTER_LOSS), facts(LOSS, event("watchdog_expired")))
    assert outcomes(said) >= {(Outcome.COULD_NOT_CHECK, "alpha")}
    without = rule("find:\n  - {as: x, event: watchdog_expired}\n")
    (finding,) = verdicts(without, facts(event("watchdog_expired"))).findings
    assert finding.start is None
    assert finding.summary == "It was so at an unknown time."


def test_two_undated_lines_of_one_node_are_not_held_apart(rule, verdicts):
    text = "find:\n  - {as: x, event: a}\n  - {as: y, event: b, between: [x.at - 10s, x.at + 10s]}\n"
    assert verdicts(rule(text), facts(event("a"), event("b"))).findings
    assert not verdicts(rule(text), facts(event("a"), event("b", second=10))).findings


def test_between_nodes_the_errors_of_both_clocks_count(rule, verdicts):
    text = "find:\n  - {as: x, state: node.inquorate}\n  - {as: y, event: a, on: other, between: [x.start, x.end]}\n"
    loss = span("node:alpha", "inquorate", at(100, 3.0), at(160, 3.0))
    assert verdicts(rule(text), facts(loss, event("a", node="beta", second=98))).findings
    assert not verdicts(rule(text), facts(loss, event("a", node="beta", second=96))).findings
    same = text.replace("on: other", "on: same")
    assert not verdicts(rule(same), facts(loss, event("a", second=98))).findings


WHERE = "find:\n  - {{as: x, event: a, where: {{{}}}}}\n"


@pytest.mark.parametrize(
    ("where", "passes"),
    [
        ("to: lost", True),
        ("to: [active, lost]", True),
        ("to: active", False),
        ("to: {not: active}", True),
        ("to: {not: [lost, active]}", False),
        ("ms: {above: 1000}", True),
        ("ms: {below: 1000}", False),
        ("who: {has: beta}", True),
        ("who: {has: bet}", False),
        ("who: {contains: 'PHA BE'}", True),
        ("who: {contains: [gamma, delta]}", False),
        ("reg: {bit: [2, 27]}", True),
        ("reg: {bit: 0}", False),
        ("number: {bit: [0, 1]}", True),
        ("to: {bit: 0}", False),
        ("missing: ''", True),
        ("missing: {not: x}", True),
        ("to: {above: 3}", False),
        ("host: '{node}'", True),
        ("to: '{node}'", False),
    ],
)
def test_conditions_on_fields(rule, verdicts, where, passes):
    said = verdicts(
        rule(WHERE.format(where)),
        facts(event("a", second=5, to="lost", ms="1200.5", who="alpha beta", host="alpha", reg="0x08000800", number="6")),
    )
    assert bool(said.findings) == passes


def test_a_field_of_another_step_can_be_asked_for(rule, verdicts):
    text = "find:\n  - {as: x, event: a}\n  - {as: y, event: b, where: {pid: '{x.fields.pid}'}}\n"
    assert verdicts(rule(text), facts(event("a", second=5, pid="7"), event("b", second=6, pid="7"))).findings
    assert not verdicts(rule(text), facts(event("a", second=5, pid="7"), event("b", second=6, pid="8"))).findings
    assert not verdicts(rule(text), facts(event("a", second=5), event("b", second=6))).findings


def test_a_state_whose_field_is_unknown_cannot_be_told(rule, verdicts):
    text = "find:\n  - {as: x, state: node.ended, where: {manner: unclean}}\n"
    unknown = span("node:alpha", "ended", 100, 200, manner="unknown", why="the log before the boot is missing")
    said = verdicts(rule(text), facts(unknown))
    assert outcomes(said) == {(Outcome.CLEAR, ""), (Outcome.COULD_NOT_CHECK, "alpha")}
    assert said.checks[1].reason == "the log before the boot is missing"
    asked = rule(text.replace("unclean", "[unclean, unknown]"))
    assert verdicts(asked, facts(unknown)).findings


@pytest.mark.parametrize(
    ("start", "end", "bound", "outcome"),
    [
        (100, 160, "min: 30s", Outcome.FOUND),
        (100, 120, "min: 30s", Outcome.CLEAR),
        (100, None, "min: 30s", Outcome.FOUND),
        (7190, None, "min: 30s", Outcome.COULD_NOT_CHECK),
        (None, 20, "min: 10s", Outcome.FOUND),
        (None, 20, "min: 30s", Outcome.COULD_NOT_CHECK),
        (100, 160, "max: 90s", Outcome.FOUND),
        (100, 200, "max: 90s", Outcome.CLEAR),
        (100, None, "max: 90s", Outcome.CLEAR),
        (7190, None, "max: 90s", Outcome.COULD_NOT_CHECK),
    ],
)
def test_how_long_a_state_lasts(rule, verdicts, start, end, bound, outcome):
    text = f"find:\n  - {{as: x, state: node.inquorate, {bound}}}\n"
    said = verdicts(rule(text), facts(span("node:alpha", "inquorate", start, end), nodes=("alpha",)))
    assert {check.outcome for check in said.checks} == {outcome}


@pytest.mark.parametrize(("until", "outcome"), [(200, Outcome.FOUND), (110, Outcome.COULD_NOT_CHECK)])
def test_an_open_state_lasts_as_far_as_the_file_that_tells_it(rule, verdicts, until, outcome):
    loss = span("node:alpha", "inquorate", 100)
    own = replace(covered("alpha", 0, until, whole=False), path=loss.evidence[0].path)
    other = replace(covered("alpha", 0, 7200, whole=False), path="alpha/another.log")
    said = verdicts(rule("find:\n  - {as: x, state: node.inquorate, min: 60s}\n"), facts(loss, coverage=[own, other], nodes=("alpha",)))
    assert outcome in {check.outcome for check in said.checks}
    assert bool(said.findings) == (outcome is Outcome.FOUND)


def test_what_peers_see_needs_only_one_log(rule, verdicts):
    text = "find:\n  - {as: x, state: node.unreachable}\n"
    said = verdicts(rule(text), facts(coverage=[covered("beta")]))
    assert outcomes(said) == {(Outcome.CLEAR, "")}


def test_a_threshold_is_a_run_of_lines_close_to_each_other(rule, verdicts):
    text = "find:\n  - {as: x, threshold: {event: a}, count: 3, within: 60s}\n"
    sparse = [event("a", second=second) for second in (0, 100, 200, 300)]
    assert not verdicts(rule(text), facts(*sparse)).findings
    dense = [event("a", second=second) for second in (1000, 1020, 1040, 1080, 3000, 3010, 3020)]
    first, second = verdicts(rule(text), facts(*sparse, *dense)).findings
    assert (first.start, first.end) == (at(1000), at(1080))
    assert (second.start, second.end) == (at(3000), at(3020))


def test_a_threshold_counts_distinct_values(rule, verdicts):
    text = "find:\n  - {as: x, threshold: {event: a}, count: 2, within: 60s, distinct: link}\n"
    assert not verdicts(rule(text), facts(event("a", second=1, link="0"), event("a", second=2, link="0"))).findings
    assert verdicts(rule(text), facts(event("a", second=1, link="0"), event("a", second=2, link="1"))).findings


def test_count_and_pick(rule, verdicts):
    text = "find:\n  - {as: x, state: node.inquorate}\n  - {as: y, event: a, count: 3, pick: last, between: [x.start, x.end]}\n"
    lines = [event("a", second=second) for second in (110, 120, 130)]
    assert not verdicts(rule(text), facts(LOSS, *lines[:2])).findings
    (finding,) = verdicts(rule(text, summary="{y.at}"), facts(LOSS, *lines)).findings
    assert finding.summary == "02:02:10 UTC"


def test_a_clause_cites_at_most_five_lines(rule, verdicts):
    text = "find:\n  - {as: x, state: node.inquorate}\n  - {as: y, event: a, between: [x.start, x.end]}\n"
    (finding,) = verdicts(rule(text), facts(LOSS, *(event("a", second=second) for second in range(100, 160)))).findings
    assert [evidence.line for evidence in finding.evidence] == [5100, 1100, 1101, 1102, 1103, 1104]


def settings(**values):
    return [Interval(f"setting:{node}/totem.token", value, None, None, {}, (line(node, 1),)) for node, value in values.items()]


def test_settings(rule, verdicts):
    above = rule("find:\n  - {as: x, setting: totem.token, above: 5000}\n")
    assert [finding.nodes for finding in verdicts(above, facts(settings=settings(alpha="1000", beta="9000"))).findings] == [("beta",)]
    said = verdicts(above, facts())
    assert {check.outcome for check in said.checks} == {Outcome.COULD_NOT_CHECK}
    equal = rule("find:\n  - {as: x, setting: totem.token, is: ['1000']}\n")
    assert verdicts(equal, facts(settings=settings(alpha="1000"))).findings


def test_settings_that_differ_between_nodes_are_one_finding(rule, verdicts):
    differ = rule("find:\n  - {as: x, setting: totem.token, differs_between_nodes: true}\n")
    (finding,) = verdicts(differ, facts(settings=settings(alpha="1000", beta="2000", gamma="1000"))).findings
    assert finding.nodes == ("alpha", "beta", "gamma")
    assert not verdicts(differ, facts(settings=settings(alpha="1000", beta="1000", gamma="1000"))).findings
    said = verdicts(differ, facts(settings=settings(alpha="1000")))
    assert (Outcome.COULD_NOT_CHECK, "beta") in outcomes(said)


def test_a_setting_that_is_missing(rule, verdicts):
    missing = rule("find:\n  - {as: x, setting: totem.secauth, missing: true}\n")
    assert [finding.nodes for finding in verdicts(missing, facts(settings=settings(alpha="1"))).findings] == [("alpha",)]
    assert {check.outcome for check in verdicts(missing, facts()).checks} == {Outcome.COULD_NOT_CHECK}


def test_status_dumps(rule, verdicts):
    dump = Snapshot("pvecm_status", "alpha", at(100), {"quorate": "No"}, ({"name": "alpha", "votes": "1"}, {"name": "beta", "votes": "0"}))
    text = "find:\n  - {as: x, snapshot: pvecm_status, where: {quorate: 'No'}, rows: {votes: '0'}}\n"
    assert verdicts(rule(text), facts(snapshots=[dump])).findings
    assert not verdicts(rule(text.replace("'0'", "'2'")), facts(snapshots=[dump])).findings
    said = verdicts(rule(text), facts(nodes=("alpha",)))
    assert "no output of pvecm_status" in said.checks[0].reason


def test_all_and_any(rule, verdicts):
    text = """
find:
  - {as: x, state: node.inquorate}
  - {as: y, %s: [{event: a, between: [x.start, x.end]}, {event: b, between: [x.start, x.end]}]}
"""
    one = facts(LOSS, event("a", second=120))
    assert verdicts(rule(text % "any"), one).findings
    assert not verdicts(rule(text % "all"), one).findings
    assert verdicts(rule(text % "all"), facts(LOSS, event("a", second=120), event("b", second=121))).findings


def test_a_link_knows_its_other_end(rule, verdicts):
    text = "find:\n  - {as: x, state: link.down, where: {to: beta}}\n"
    (finding,) = verdicts(rule(text), facts(span("link:alpha/beta/0", "down", 5, 9), span("link:alpha/gamma/0", "down", 5, 9))).findings
    assert finding.nodes == ("alpha",)


def test_a_rule_that_does_not_apply_says_so(rule, verdicts):
    text = 'applies: {because: "no HA on any node", when: {state: ha.active, on: any}}\n' + EXPIRY_AFTER_LOSS.lstrip()
    said = verdicts(rule(text), facts(LOSS, event("watchdog_expired", second=150)))
    assert not said.findings
    assert [(check.outcome, check.reason) for check in said.checks] == [(Outcome.NOT_APPLICABLE, "no HA on any node")]


def test_others_are_also_nodes_that_only_their_peers_tell_of(rule, verdicts):
    text = "find:\n  - {as: x, state: node.inquorate}\n  - {as: y, state: node.unreachable, on: other, between: [x.start, x.end]}\n"
    hidden = span("node:node7", "unreachable", 100, 120)
    assert verdicts(rule(text), facts(LOSS, hidden, coverage=[covered()], nodes=("alpha",))).findings


def test_an_edge_on_an_optional_step_that_found_nothing_is_the_primarys(rule, verdicts):
    text = "find:\n  - {as: x, state: node.inquorate}\n  - {as: y, event: watchdog_expired, between: [x.start, x.end], optional: true}\nstart: y.at\n"
    (finding,) = verdicts(rule(text), facts(LOSS)).findings
    assert finding.start == at(100)
    (finding,) = verdicts(rule(text), facts(LOSS, event("watchdog_expired", second=150))).findings
    assert finding.start == at(150)
