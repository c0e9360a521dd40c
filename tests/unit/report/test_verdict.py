"""The first sentence: true, hedged as sure as it is, and the same in every output."""

import re

import cases
import pytest
from msgspec.structs import replace

from pveforensics.model import Cause, Check, Criticality, Finding, Incident, Interval, Outcome
from pveforensics.report import document, markdown, render, summary
from pveforensics.report.sections import verdict as strip
from pveforensics.report.story import tell
from pveforensics.report.verdict import verdict


def sentence(case):
    return verdict(tell(document.to_document(case))).sentence


def with_finding(*findings, nodes=None, **parts):
    return cases.case(nodes or cases.nothing().nodes, findings=findings, **parts)


def finding(class_="fencing", confidence=0.97, nodes=("alpha",), start=600.0, end=None, criticality=Criticality.CATASTROPHIC, **more):
    values = {"rule": f"{class_}-{'-'.join(nodes)}", "title": f"a {class_} title", "summary": "s"} | more
    moments = {"start": cases.t(start) if start is not None else None, "end": cases.t(end) if end is not None else None}
    return Finding(class_=class_, criticality=criticality, confidence=confidence, nodes=nodes, **moments, **values)


def test_a_fenced_node_is_told_with_time_cause_return_and_impact():
    assert sentence(cases.fenced()) == (
        "alpha was reset by its watchdog (fenced) at or soon after 02:11:11 UTC on 14 March 2026, at least 71 s after its cluster network "
        "failed; it was back 3 min 49 s after its last line; guest files (vm:100) was down for up to 89 s."
    )


@pytest.mark.parametrize(
    ("confidence", "words"), [(0.96, "was reset"), (0.8, "was likely reset"), (0.5, "was possibly reset"), (0.2, "was perhaps reset")]
)
def test_the_hedge_follows_the_confidence(confidence, words):
    assert words in sentence(with_finding(finding(confidence=confidence)))


def test_several_nodes_of_one_incident_are_told_together_with_the_least_confidence():
    first, second = finding(start=600.0), finding(nodes=("beta",), start=604.0, confidence=0.8)
    incident = Incident("both", first.id, (first.id, second.id))
    text = sentence(with_finding(first, second, incidents=(incident,)))
    assert text.startswith("Both nodes (alpha and beta) were likely reset by their watchdogs (fenced) between 02:10:00 and 02:10:04 UTC")


def test_a_planned_reboot_is_no_failure():
    text = sentence(cases.planned())
    assert text.startswith("No failure found. alpha was stopped on purpose at 02:10:00 UTC on 14 March 2026; it was back after 4 min 36 s.")
    assert "Not checked: 1 rule that lacked evidence." in text
    for word in ("fenc", "reset", "watchdog", "crash"):
        assert word not in text


def test_nothing_found_says_what_was_looked_at():
    assert sentence(cases.nothing()) == "No failure found. Looked at the logs of alpha and beta, 14 March 2026, 02:00:00 to 03:00:00 UTC."


def test_a_bundle_without_logs_is_not_called_healthy():
    assert "no log line that would show one" in sentence(cases.empty())


def test_a_missing_node_and_a_gap_are_named_in_a_calm_sentence():
    nodes = (cases.node_info("alpha", 1, coverage=((0, 600), (1200, 3600))), cases.node_info("beta", 2, coverage=()))
    text = sentence(
        cases.case(
            nodes,
            checks=(Check("a", Outcome.COULD_NOT_CHECK, "x"), Check("a", Outcome.COULD_NOT_CHECK, "y"), Check("b", Outcome.CLEAR, "")),
        )
    )
    assert text.startswith("No failure found.")
    assert "Not checked: beta (no log); the gaps in the log of alpha; 1 rule that lacked evidence." in text


def test_weak_settings_and_near_misses_are_no_failures_but_told():
    text = sentence(
        with_finding(
            finding("near_miss", title="the watchdog of alpha came close"), finding("misconfiguration", criticality=Criticality.MEDIUM)
        )
    )
    assert text.startswith("No failure found. But it was close: the watchdog of alpha came close. 1 weak setting is told below.")


def test_quorum_loss_tells_how_long_or_that_no_end_is_known():
    assert "beta had no quorum at 02:10:00 UTC on 14 March 2026 for 62 s" in sentence(
        with_finding(finding("quorum_loss", nodes=("beta",), end=662.0))
    )
    assert "with no end in the logs" in sentence(with_finding(finding("quorum_loss", nodes=("beta",))))


def test_an_unknown_time_is_said():
    assert "at an unknown time" in sentence(with_finding(finding(start=None)))


def test_an_assumed_zone_is_said_with_the_time():
    nodes = (cases.node_info("alpha", 1, timezone=None, timezone_basis="assumed"),)
    assert "02:10:00 UTC (zone assumed)" in sentence(with_finding(finding(), nodes=nodes))


def test_a_node_that_stays_away_is_said():
    nodes = (cases.node_info("alpha", 1, (cases.boot("alpha", 0, 600, "unclean", None, "unclean_unknown"),)),)
    text = sentence(with_finding(finding("unclean_boot"), nodes=nodes))
    assert "alpha went down without a shutdown" in text
    assert "no sign in the logs that it came back" in text
    assert "the logs do not tell the cause" in text


def test_a_class_without_a_template_speaks_through_its_title():
    text = sentence(
        with_finding(finding("storage_failure", title="storage nas is gone.", nodes=("alpha",), criticality=Criticality.LOW, end=700.0))
    )
    assert text.startswith("storage nas is gone at 02:10:00 UTC on 14 March 2026 for 100 s")


def test_what_went_down_is_told_before_what_led_to_it_whatever_the_order():
    case = cases.fenced()
    assert sentence(replace(case, findings=case.findings[::-1])) == sentence(case)


@pytest.mark.parametrize("name", cases.ALL)
def test_all_outputs_tell_the_same_verdict(name):
    whole = document.to_document(cases.ALL[name]())
    said = verdict(tell(whole))
    flat = re.sub(r"\s+", " ", summary(whole))
    assert said.sentence[:150] in flat
    assert re.sub(r"\\(.)", r"\1", markdown(whole)).replace("**", "").find(said.sentence[:150]) > 0
    assert said.strong in render(whole)


def test_where_most_rules_were_blind_the_sentence_says_so_first():
    checks = (*(Check(f"r{k}", Outcome.COULD_NOT_CHECK, "no log") for k in range(5)), Check("s", Outcome.CLEAR, ""))
    text = sentence(cases.case(cases.nothing().nodes, checks=checks))
    assert text.startswith("No failure found, but little could be checked: 5 of 6 rules lacked their evidence. Looked at")


def test_an_end_of_a_boot_that_cannot_be_told_is_left_open_in_the_first_sentence():
    gap = finding("evidence_gap", title="How alpha's boot ended cannot be told", criticality=Criticality.INFO)
    assert sentence(with_finding(gap)).startswith("No failure found. Left open: How alpha's boot ended cannot be told. Looked at")


def inquorate(node, opened_by, start=600.0, end=660.0):
    return Interval(f"node:{node}", "inquorate", cases.t(start), cases.t(end), {"opened_by": opened_by})


@pytest.mark.parametrize(("opened_by", "words"), [("lost", "beta lost quorum at"), ("start", "beta had no quorum at")])
def test_quorum_that_was_never_there_is_not_called_lost(opened_by, words):
    found = finding("quorum_loss", nodes=("beta",), end=660.0)
    assert sentence(with_finding(found, intervals=(inquorate("beta", opened_by),))).startswith(words)


def test_what_only_looked_like_a_broken_network_is_told_by_what_it_was():
    stood = finding("service_failure", title="corosync on beta stood still for 9 s", nodes=("beta",), criticality=Criticality.MEDIUM)
    seen = finding("network_failure", title="trouble", start=620.0, criticality=Criticality.HIGH, confidence=0.8)
    text = sentence(with_finding(stood, seen, incidents=(Incident("x", stood.id, (stood.id, seen.id)),)))
    assert text.startswith("corosync on beta stood still for 9 s at 02:10:00 UTC")
    assert "20 s later there was trouble on the cluster network of alpha (likely)" in text


def test_a_cause_that_only_repeats_the_headline_is_not_told():
    found = finding("network_failure", causes=(Cause("network", 0.9),))
    assert "cause" not in sentence(with_finding(found))


def test_many_planned_stops_are_one_sentence():
    found = [finding("planned_shutdown", nodes=(node,), start=start, rule=f"r{start}", criticality=Criticality.INFO) for node, start in (("alpha", 10.0), ("beta", 20.0), ("alpha", 30.0))]  # fmt: skip
    text = sentence(with_finding(*found))
    assert "Both nodes (alpha and beta) were stopped on purpose between 02:00:10 and 02:00:30 UTC on 14 March 2026, 3 times in all." in text


def stopped(node, start, **more):
    return finding("planned_shutdown", title=f"corosync was stopped in good order on {node}", nodes=(node,), start=start, rule=f"s{start}", criticality=Criticality.INFO, **more)  # fmt: skip


def test_a_service_that_was_stopped_is_not_told_as_its_node():
    text = sentence(with_finding(stopped("alpha", 10.0), stopped("beta", 20.0), stopped("a", 30.0), finding("planned_shutdown", rule="r")))
    assert "corosync was stopped in good order on alpha, beta and a between 02:00:10 and 02:00:30 UTC on 14 March 2026." in text
    assert "alpha was stopped on purpose at" in text


@pytest.mark.parametrize(("end", "value"), [(None, "Stopped on purpose"), (40.0, "Running")])
def test_what_was_stopped_and_not_started_again_is_not_told_as_running(end, value):
    cell = strip._now(tell(document.to_document(with_finding(stopped("beta", 20.0, end=end)))))
    assert (cell.name, cell.value) == ("When the logs end", value)


def test_of_many_incidents_the_days_and_the_number_are_told():
    text = sentence(cases.many(32, 40))
    assert text.endswith("It is one of 40 incidents from 14 March to 3 April 2026; nodes went down without a shutdown 14 times.")
    assert sentence(cases.many(3, 3)).endswith(" 2 more incidents are told below.")


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("A link failed.", "A link failed (likely) at 02:10:00 UTC on 14 March 2026"),
        ("A link failed (beta)", "A link failed (beta), likely, at 02:10:00 UTC on 14 March 2026"),
        ("They lost each other; why is open", "They lost each other (likely) at 02:10:00 UTC on 14 March 2026; why is open"),
    ],
)
def test_a_title_is_hedged_and_dated_where_it_reads_well(title, told):
    assert sentence(with_finding(finding("network_failure", confidence=0.8, title=title))).startswith(told)


def test_of_equal_incidents_one_with_a_time_leads():
    dated = finding("quorum_loss", nodes=("beta",), start=900.0)
    undated = finding("quorum_loss", nodes=("alpha",), start=None)
    incidents = (Incident("a", undated.id, (undated.id,)), Incident("b", dated.id, (dated.id,)))
    assert sentence(with_finding(undated, dated, incidents=incidents)).startswith("beta had no quorum at 02:15:00 UTC")
