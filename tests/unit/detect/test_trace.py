"""Why a rule did not fire: the answer names the step and what was in the way of it."""

import pytest
from facts import covered, event, facts, span

from pveforensics.detect import detect
from pveforensics.detect.trace import trace, weigh
from pveforensics.model import Outcome

TWO = """find:
  - {{as: x, event: lost}}
  - {second}
"""


def told(rule, second, *things, questions=(), **more):
    (trial,) = trace(rule(TWO.format(second=second)), questions, facts(event("lost", second=600), *things, **more))
    return trial


@pytest.mark.parametrize(
    ("second", "things", "why"),
    [
        ("{as: y, event: expired}", (), "no such event in the bundle"),
        ("{as: y, event: expired}", (event("expired", "beta", 610),), "no such event on alpha; it is on beta"),
        (
            "{as: y, event: expired, between: [x.at, x.at + 1m]}",
            (event("expired", second=700), event("expired", second=1000)),
            "outside the window: the nearest is expired on alpha 2026-03-14 02:11:40 UTC, 40 s after it",
        ),
        (
            "{as: y, event: changed, where: {to: lost_agent_lock}}",
            (event("changed", second=610, to="active"),),
            "a field differs: `to` is `active`, asked is that it is `lost_agent_lock`",
        ),
        (
            "{as: y, event: changed, where: {to: lost}, between: [x.at, x.at + 1m]}",
            (event("changed", second=610, to="active"), event("changed", second=500, to="lost")),
            "with the right fields it stands outside the window",
        ),
        ("{as: y, event: expired, count: 3}", (event("expired", second=610),), "only 1 times, asked for 3"),
        ("{as: y, state: node.inquorate, min: 60s}", (span("node:alpha", "inquorate", 590, 620),), "it lasts 30 s"),
        ("{as: y, absence: {event: expired}}", (event("expired", second=610),), "it is there: expired on alpha"),
        (
            "{as: y, threshold: {event: flap}, count: 3, within: 10s}",
            (event("flap", second=600), event("flap", second=700)),
            "2 in the whole window, never 3 of one node within 10 s",
        ),
        ("{as: y, any: [{event: expired}, {event: died}]}", (), "`died`: no such event in the bundle"),
        ("{as: y, all: [{event: lost}, {event: died}]}", (), "`died`: no such event in the bundle"),
    ],
)
def test_what_was_in_the_way(rule, second, things, why):
    trial = told(rule, second, *things)
    assert trial.outcome == "clear"
    assert trial.steps[0].answer == "holds"
    assert (trial.steps[1].step, trial.steps[1].answer) == ("y", "clear")
    assert why in trial.steps[1].why


def test_what_no_log_shows_is_not_covered(rule):
    trial = told(rule, "{as: y, event: expired, between: [x.at, x.at + 1m]}", coverage=[covered("beta")])
    assert trial.outcome == "unknown"
    assert trial.steps[1].why.startswith("not covered: the bundle ")


def test_an_optional_step_stands_in_nobodys_way(rule):
    trial = told(rule, "{as: y, event: expired, optional: true}")
    assert trial.outcome == "found"
    assert trial.steps[1].optional


def test_a_window_on_a_step_that_found_nothing(rule):
    text = """find:
  - {as: x, event: lost}
  - {as: y, event: expired, optional: true}
  - {as: z, event: died, between: [y.at, y.at + 1m]}
"""
    (trial,) = trace(rule(text), (), facts(event("lost", second=600)))
    assert "its window rests on 'y', which found nothing" in trial.steps[2].why


def test_a_first_step_that_matches_nowhere_is_told_node_by_node(rule):
    trials = trace(rule("find:\n  - {as: x, event: lost}\n"), (), facts(event("expired", second=5)))
    assert [(trial.node, trial.outcome) for trial in trials] == [("alpha", "clear"), ("beta", "clear"), ("gamma", "clear")]


def test_a_verdict_tells_what_was_answered_instead(rule, question):
    asked = question("""
id: why-lost
about: {as: end, state: node.ended, where: {manner: unclean}}
hypotheses:
  - {name: watchdog, cause: fencing, prior: 0.0, for: [{weight: 3, because: "it expired", event: expired, between: [end.start - 1m, end.end]}]}
  - {name: power, cause: power_loss, prior: 1.0, excluded_by: [{because: "it said so", event: orderly}]}
""")
    text = "find:\n  - {as: x, verdict: why-lost, is: watchdog, at_least: 0.5}\n"
    trials = trace(rule(text), (asked,), facts(span("node:alpha", "ended", 600, 700, manner="unclean")))
    assert "the answer is power 0.73, watchdog 0.27" in trials[0].steps[0].why
    trials = trace(rule(text), (asked,), facts(span("node:alpha", "ended", 600, 700, manner="clean")))
    assert "`manner` is `clean`, asked is that it is `unclean`" in trials[0].steps[0].why
    ((_, rows),) = weigh(
        asked,
        (asked,),
        facts(span("node:alpha", "ended", 600, 700, manner="unclean"), event("expired", second=590), event("orderly", second=1)),
    )
    assert [(row.name, row.excluded) for row in rows] == [("watchdog", False), ("power", True)]
    assert ("+", 3.0, "it expired") in rows[0].reasons


@pytest.mark.parametrize("second", [None, 610, 900])
def test_the_trace_and_the_rule_agree(rule, second):
    text = TWO.format(second="{as: y, event: expired, between: [x.at, x.at + 1m]}")
    things = [event("lost", second=600), *([event("expired", second=second)] if second else [])]
    made, case = rule(text), facts(*things)
    verdicts = detect([made], [], case, strict=True)
    assert (trace(made, (), case)[0].outcome == "found") == any(check.outcome is Outcome.FOUND for check in verdicts.checks)


def test_a_rule_that_does_not_apply_says_why(rule):
    made = rule(
        'applies: {because: "there is no QDevice", when: {setting: quorum.device.model, is: net}}\nfind:\n  - {as: x, event: lost}\n'
    )
    setting = span("setting:alpha/quorum.device.model", "none")
    (trial,) = trace(made, (), facts(event("lost", second=600), settings=(setting,)))
    assert (trial.steps[0].step, trial.steps[0].why, trial.outcome) == ("applies", "there is no QDevice", "clear")
