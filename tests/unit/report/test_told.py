"""A case of more findings than a person reads: what has a card, what has a line, and where the rest is."""

import re

import cases
import pytest
from msgspec.structs import replace
from test_html import Page

from pveforensics.report import document, markdown, render, summary
from pveforensics.report.drawing import Scale
from pveforensics.report.html import Report
from pveforensics.report.lanes import Item
from pveforensics.report.room import CARDS, STEPS, Room
from pveforensics.report.rows import CROWD, thinned
from pveforensics.report.story import tell
from pveforensics.report.told import LARGEST, in_full

BIG = cases.many(8, 1_200)
"""1,600 findings in 1,200 incidents."""


def loose(case, count):
    """The case with so many findings in no incident besides."""
    spare = tuple(replace(case.findings[0], rule=f"rule-{k % 7}", start=cases.t(k), title=f"single finding {k}") for k in range(count))
    return replace(case, findings=(*case.findings, *spare))


def one_large(count):
    """A case whose main incident has so many findings."""
    base = cases.many(8, 200)
    findings = tuple(
        replace(base.findings[1], rule=f"rule-{k}", confidence=1.0, start=cases.t(k), title=f"part {k} of the large one")
        for k in range(count)
    )
    large = replace(base.incidents[0], title="the large one", root=findings[-1].id, findings=tuple(f.id for f in findings), links=())  # fmt: skip
    return replace(base, findings=(*base.findings, *findings), incidents=(*base.incidents, large))


def test_up_to_a_number_every_finding_has_its_card_and_beyond_it_the_most_critical_have():
    for count in (150, 151):  # 200 and 202 findings
        html = render(document.to_document(cases.many(8, count)))
        findings = len(cases.many(8, count).findings)
        assert html.count("<article ") == min(findings, CARDS)
        assert ("are told in full" in html) == (findings > CARDS)


@pytest.mark.parametrize("case", [BIG, loose(BIG, 600), one_large(300)], ids=["incidents", "loose", "large"])
def test_every_link_leads_somewhere_and_no_place_is_there_twice(case):
    report = Report(tell(document.to_document(case)))
    for room in (STEPS[0], STEPS[-1]):
        parsed = Page(report.within(room).decode())
        assert not parsed.unbalanced
        assert len(parsed.ids) == len(set(parsed.ids))
        targets = {attrs["href"][1:] for tag, attrs in parsed.tags if tag == "a" and attrs.get("href", "").startswith("#")}
        assert targets <= set(parsed.ids)


def test_an_incident_is_told_whole_and_the_main_one_first():
    story = tell(document.to_document(BIG))
    full = in_full(story, CARDS)
    assert len(full) == CARDS
    assert {finding.id for finding in story.lead.findings} <= full
    parts = [chain for chain in story.chains if 0 < len(full.intersection(f.id for f in chain.findings)) < len(chain.findings)]
    assert len(parts) <= 1  # for one there is no more room
    left = [chain for chain in story.chains if full.isdisjoint(f.id for f in chain.findings)]
    assert max(chain.worst for chain in left) <= min(chain.worst for chain in story.chains if chain not in left)


def test_a_large_incident_leaves_room_for_others_and_keeps_its_root():
    case = one_large(300)
    full = in_full(tell(document.to_document(case)), CARDS)
    large = case.incidents[-1]
    assert large.root in full
    assert len(full.intersection(large.findings)) == LARGEST
    assert len(full.difference(large.findings)) >= CARDS - LARGEST


def test_the_table_of_rules_sums_up_all_findings():
    html = render(document.to_document(loose(BIG, 70)))
    table = html[html.index('data-md="findings by rule"') :]
    table = table[: table.index("</table>")]
    counts = dict(re.findall(r"<code>([^<]+)</code></th>.*?<td class=\"r\">([\d,]+)</td>", table))
    assert counts == {"link-flap": "1,200", "self-fence": "400", **{f"rule-{k}": "10" for k in range(7)}}


def test_incidents_without_a_card_have_a_line_with_their_findings():
    case = cases.many(8, 450)
    html = render(document.to_document(case))
    lines = html[html.index("All 450 incidents") :]
    lines = lines[: lines.index("</table>")]
    assert lines.count("<tr") == 451
    for finding in case.findings:
        assert f'id="{finding.id}"' in html
    for incident in case.incidents:
        assert f'id="{incident.id}"' in html


def test_what_has_no_line_is_counted_and_stands_in_the_case_document():
    whole = document.to_document(BIG)
    html = render(whole)
    assert "The 500 most critical incidents" in html
    assert "700 less critical incidents have no line here. The case document (--json) holds them" in html
    assert len(whole["findings"]) == 1_600
    assert len(whole["incidents"]) == 1_200


def test_a_report_hardly_grows_with_the_findings_that_nobody_reads():
    sizes = [len(render(document.to_document(cases.many(8, count)))) for count in (1_000, 2_000)]
    assert sizes[1] < 1.25 * sizes[0]


def test_bars_of_the_overview_that_share_their_place_are_one_where_they_are_a_crowd():
    scale = Scale(0, 10_000_000, 100.0, 1_100.0)
    places = [k * 1_000_000 for k in range(10)]
    items = [Item("trouble", at + k, at + k + 10, f"state {k}", "alpha") for k in range(100) for at in places]
    few = items[:CROWD]
    assert thinned(scale, few) is few
    kept = thinned(scale, items)
    assert [item.start for item in kept] == places
    assert {item.what for item in kept} == {"100 states here, first state 0"}
    other = [*items, Item("unseen", 0, 10, "unseen", "alpha"), Item("trouble", 0, 9_000_000, "long", "alpha")]
    assert [item.what for item in thinned(scale, other)[-2:]] == ["unseen", "long"]


def test_the_short_outputs_name_the_one_that_holds_all():
    for count, where in ((40, "in the report"), (300, "in the case document (--json)")):
        whole = document.to_document(cases.many(8, count))
        assert f"more findings {where}" in markdown(whole)
        assert f"more findings {where}" in summary(whole)


def test_rendering_again_gives_the_same_bytes():
    case = cases.many(8, 300)
    assert render(document.load(document.dump(document.compose(case)))) == render(document.compose(case))


def test_a_smaller_room_has_fewer_lines():
    story = tell(document.to_document(loose(BIG, 600)))
    pages = [Report(story).within(room).decode() for room in (Room(), STEPS[-1])]
    assert [page.count('<li id="f-') for page in pages] == [Room().listed, STEPS[-1].listed]
