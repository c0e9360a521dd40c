"""A finding stands in the lanes that draw one of its lines, and in those of its nodes, guests and storages."""

import cases

from pveforensics.report import document, lanes
from pveforensics.report.lane_names import name_of, names_of, of_findings
from pveforensics.report.room import Room
from pveforensics.report.sections import lanes as section
from pveforensics.report.story import tell


def test_findings_stand_in_the_lanes_of_their_lines_and_of_their_subjects():
    story = tell(document.to_document(cases.fenced()))
    found = lanes.lanes(story.doc)
    placed = of_findings(found, story.findings)
    assert set(placed) == {finding.id for finding in story.findings}
    for finding in story.findings:
        slow = {name for lane in found if lane.sub == "host" and lane.name in finding.nodes for name in names_of(lane)}
        slow |= {name for lane in found if lane.name.partition("@")[0] in (*finding.guests, *finding.storages) for name in names_of(lane)}
        for lane in found:
            lines = {key for item in lane.items for key in item.evidence} | set(lane.cited)
            slow |= set(names_of(lane)) if lines & set(finding.evidence) else set()
        assert set(placed[finding.id]) == slow
    assert any("alpha watchdog" in names for names in placed.values())


def test_every_lane_that_is_drawn_is_one_that_rows_can_be_filtered_to():
    story = tell(document.to_document(cases.fenced()))
    view = section.build(story).within(Room())
    known = {name for row in view.rows for name in row.lanes.split("|")}
    told = {name_of(lane) for lane in lanes.lanes(story.doc) if any(item.told for item in lane.items)}
    drawn = {block.lane for picture in view.zooms for block in picture.sheet.blocks}
    assert told <= known
    assert told & drawn
