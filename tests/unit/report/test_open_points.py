"""What the report cannot tell, what it was made from, and pages of many findings: all in their place and none in the way."""

import re

import cases
import pytest
from msgspec.structs import replace

from pveforensics.model import AnchorPair, Check, ClockOffset, Criticality, Finding, Incident, Link, NodeInfo, Outcome
from pveforensics.report import document, markdown, render, summary
from pveforensics.report.room import Room
from pveforensics.report.sections import could_not_check, findings, honesty, incidents
from pveforensics.report.story import tell


def told(case):
    return tell(document.to_document(case))


def test_what_most_rules_lacked_stands_first_with_its_nodes_and_rules():
    lacking = [("a", "no zfs list", "alpha"), ("b", "no resources.cfg", "alpha"), ("c", "no resources.cfg", "alpha"), ("b", "no resources.cfg", "beta"), ("c", "no resources.cfg", "beta")]  # fmt: skip
    checks = tuple(Check(rule, Outcome.COULD_NOT_CHECK, reason, node) for rule, reason, node in lacking)
    view = could_not_check.build(told(cases.case(cases.nothing().nodes, checks=checks)))
    assert view.count == 3
    assert view.rows == (("no resources.cfg", "alpha and beta", ("b", "c")), ("no zfs list", "alpha", ("a",)))


def test_each_line_of_evidence_links_to_its_file_with_the_hash_of_the_manifest():
    case = cases.fenced()
    html = render(document.to_document(case))
    hashes = {source.path: source.sha256 for source in case.sources}
    links = re.findall(r'<a class="src" href="#(s-[0-9a-f]+)"><code>([^<:]+):\d+</code>', html)
    assert {path for _, path in links} == set(hashes)
    for place, path in links:
        row = html[html.index(f'<tr id="{place}">') :].partition("</tr>")[0]
        assert path in row
        assert hashes[path] in row


def test_a_shift_of_a_clock_stands_with_its_anchors_and_their_lines():
    case = cases.fenced()
    own, other = (cases.line(node, at, "corosync[1532]:   [TOTEM ] A new membership (1.4d) was formed.", 77) for node, at in (("beta", 937), ("alpha", 900)))  # fmt: skip
    offset = ClockOffset(None, 37.0, 0.5, {"ring": 4, "leave": 1}, ("alpha",), 0.0, (AnchorPair("ring", "alpha", own, other),))
    nodes = tuple(replace(node, clock_offset_s=37.0, clock_offsets=(offset,)) if node.name == "beta" else node for node in case.nodes)  # fmt: skip
    html = render(document.to_document(replace(case, nodes=nodes)))
    part = html[html.index('id="clocks"') :].partition("</section>")[0]
    said = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", part))
    assert (
        "beta its first line -37.000 s ± 0.500 s 1 announced departure and 4 ring ids shared with alpha ring id: 2026-03-14 02:15:37.000"
        in said
    )
    assert "alpha 2026-03-14 02:15:00.000" in said
    assert "+37.000 s apart" in said
    for key in (own.id, other.id):
        assert f'href="#{key}"' in part
        assert f'<figure class="ev" id="{key}"' in html
    assert 'id="clocks"' not in render(document.to_document(case))


def test_a_weak_setting_alone_is_a_standing_risk_and_no_incident_in_time():
    case = cases.fenced()
    weak = Finding("one-link", "misconfiguration", Criticality.MEDIUM, 0.97, "Corosync has one link only", "One link.", ("alpha",))
    held = Incident(weak.title, weak.id, (weak.id,))
    both = replace(case, findings=(*case.findings, weak), incidents=(*case.incidents, held))
    story = told(both)
    assert len(story.incidents) == len(case.incidents)
    assert incidents.build(story) is None
    group = findings.build(story).within(Room()).groups[-1]
    assert (group.id, group.title.partition(":")[0]) == ("standing", "Standing risks")
    assert [card.finding.title for card in group.cards] == [weak.title]
    assert len(document.to_document(both)["incidents"]) == len(case.incidents) + 1


def test_of_many_incidents_the_worst_are_shown_and_all_are_folded():
    view = incidents.build(told(cases.many(32, 40))).within(Room())
    assert [len(view.rows), len(view.all)] == [incidents.WORST, 40]
    assert all(row.criticality == "catastrophic" for row in view.rows)
    assert [row.number for row in view.all] == list(range(1, 41))
    assert view.lead.startswith("40 in all: 14 catastrophic and 26 high.")
    assert incidents.build(told(cases.many(3, 3))).within(Room()).all == ()


def test_the_main_incident_stands_first_and_open_the_others_are_folded():
    story = told(cases.many(32, 40))
    cards = [card for group in findings.build(story).within(Room()).groups for card in group.cards]
    lead = {finding.id for finding in story.lead.findings}
    assert [card.code for card in cards] == [f"F{k}" for k in range(1, len(cards) + 1)]
    assert [card.finding.id in lead for card in cards] == sorted((card.finding.id in lead for card in cards), reverse=True)
    assert [card.folded for card in cards] == [card.finding.id not in lead for card in cards]
    assert "F1 " in summary(document.to_document(cases.many(32, 40))).split("\n\n")[1]
    assert not any(card.folded for group in findings.build(told(cases.fenced())).within(Room()).groups for card in group.cards)


@pytest.mark.parametrize(("count", "bars"), [(3, 3), (32, 1)])
def test_nodes_with_logs_of_one_span_share_a_bar_where_they_are_many(count, bars):
    nodes = tuple(cases.node_info(f"n{k:02}", k + 1) for k in range(count))
    assert len(honesty.build(told(cases.case(nodes))).bars) == bars


def test_a_node_without_a_log_keeps_its_own_bar_among_many():
    nodes = (*(cases.node_info(f"n{k}", k + 1) for k in range(9)), NodeInfo("gone"))
    view = honesty.build(told(cases.case(nodes)))
    assert [(bar.node, bar.flag) for bar in view.bars] == [("9 nodes", ""), ("gone", "no log in the bundle")]


def test_where_there_is_no_room_for_all_findings_the_loudest_of_the_main_incident_are_told():
    base = cases.fenced()
    calm = tuple(
        replace(base.findings[0], rule=f"calm-{k}", title=f"calm {k}", criticality=Criticality.INFO, start=cases.t(500.0 + k))
        for k in range(40)
    )
    ids = (*(finding.id for finding in calm), *base.incidents[0].findings)
    links = tuple(Link(base.findings[0].id, finding.id, "the same reason") for finding in calm)
    incident = replace(base.incidents[0], findings=ids, links=links)
    whole = document.to_document(replace(base, findings=(*calm, *base.findings), incidents=(incident,)))
    for text in (summary(whole), markdown(whole)):
        assert "alpha was reset by its own watchdog" in text
        assert "alpha had no quorum for 60 s" in text
        assert " more findings in the report" in text
    html = render(whole)
    assert html.count(": the same reason</p>") == len(calm) + 1


def test_an_incident_without_a_length_is_open_or_a_moment():
    def row(end):
        found = Finding("r", "quorum_loss", Criticality.HIGH, 0.9, "t", "s", ("alpha",), start=cases.t(10.0), end=end)
        other = replace(found, rule="s", start=cases.t(900.0), end=cases.t(960.0))
        case = cases.case(cases.nothing().nodes, findings=(found, other), incidents=(Incident("a", found.id, (found.id,)), Incident("b", other.id, (other.id,))))  # fmt: skip
        return [each.lasted for each in incidents.build(told(case)).within(Room()).rows]

    assert row(None) == ["open", "60 s"]
    assert row(cases.t(10.0)) == ["a moment", "60 s"]


def test_a_file_that_was_read_as_two_kinds_has_one_place_in_the_manifest():
    case = cases.fenced()
    twice = replace(case, sources=(*case.sources, replace(case.sources[0], kind="pvecm_status")))
    places = re.findall(r'<tr id="(s-[0-9a-f]+)">', render(document.to_document(twice)))
    assert len(places) == len(set(places)) == len(case.sources)
