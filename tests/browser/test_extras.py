"""What script adds: filters, zoom, pins, clocks, Markdown, links that unfold, and a state that can be sent."""

from __future__ import annotations

import cases
import pytest
from msgspec.structs import replace

from pveforensics.report import document

pytestmark = pytest.mark.browser


def keyed(page):
    return page.evaluate("location.hash")


def test_the_filter_hides_counts_clears_and_is_kept_in_the_fragment(open_report):
    page = open_report(cases.fenced())
    page.keyboard.press("/")
    page.keyboard.type("watchdog-mux")
    assert page.locator("[data-f]:visible").count() == 1
    assert page.locator("#fcount").text_content() == "3 of 4 findings hidden"
    assert "q=watchdog-mux" in keyed(page)
    page.keyboard.press("Escape")
    assert page.locator("[data-f]:visible").count() == 4
    page.select_option("#fcrit", "4")
    assert page.locator("[data-f]:visible").count() == 2
    page.click("#fclear")
    page.select_option("#fnode", "gamma")
    assert page.locator("[data-f]:visible").count() == 1


def test_a_link_with_state_opens_the_same_view(open_report):
    page = open_report(cases.fenced(), fragment="#~crit=4&clock=local&z-drawing-1=1773454230000-1773454260000")
    assert page.locator("[data-f]:visible").count() == 2
    assert page.locator("#clock").text_content() == "Clock: Europe/Berlin"
    assert page.locator("#drawing-1 output").text_content().endswith("Europe/Berlin, 30 s")


def test_a_broken_fragment_does_no_harm(open_report):
    page = open_report(cases.fenced(), fragment="#%E0%A4%A~q=%E0%A4%A&node=nobody&crit=99&z-drawing-1=9-1&p-drawing-1=x.-1.99")
    assert page.locator("[data-f]:visible").count() == 4


def test_table_rows_are_filtered_and_counted(open_report):
    page = open_report(cases.fenced())
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    page.fill(".ttools input[type=search]", "moon")
    assert page.locator("table[data-filter] tbody tr:visible").count() == 1
    assert "rows hidden" in page.locator(".ttools output", has_text="hidden").first.text_content()


def test_the_drawing_zooms_and_moves_by_keyboard_mouse_and_button(open_report):
    from playwright.sync_api import expect

    page = open_report(cases.fenced())
    figure = page.locator("#drawing-1")
    down = figure.locator("rect", has=page.locator("title", has_text="no quorum")).first
    before = down.bounding_box()["width"]
    figure.locator(".plot").focus()
    page.keyboard.press("+")
    assert down.bounding_box()["width"] > before * 1.2
    said = figure.locator("output").text_content()
    page.keyboard.press("a")
    assert figure.locator("output").text_content() != said
    page.keyboard.press("0")
    assert figure.locator("output").text_content() == ""
    assert abs(down.bounding_box()["width"] - before) < 0.6
    figure.locator("button", has_text="+").click()
    svg = figure.locator("svg")
    said = figure.locator("output").text_content()
    svg.hover(position={"x": 700, "y": svg.bounding_box()["height"] / 2}, force=True)  # scrolled to, and at rest
    box = svg.bounding_box()
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + box["height"] / 2, steps=5)
    expect(figure.locator("output")).not_to_have_text(said)  # the browser tells of moves once a frame
    page.mouse.up()
    assert figure.locator("svg [data-time]:not([data-axis]) text:visible").count() > 3


def test_a_pinned_lane_stands_first_with_its_node_and_returns(open_report):
    page = open_report(cases.fenced())
    lane = page.locator("#drawing-1 g[data-lane='alpha watchdog'] text")

    def top():
        return lane.evaluate("e => e.getBoundingClientRect().top + scrollY")

    before = top()
    page.select_option("#drawing-1 select", label="alpha watchdog")
    page.click("#drawing-1 button[aria-label='Pin or release the lane']")
    assert top() < before - 50
    assert lane.text_content() == "alpha watchdog"
    assert "p-drawing-1=" in keyed(page)
    page.click("#drawing-1 button[aria-label='Pin or release the lane']")
    assert abs(top() - before) < 1
    assert lane.text_content() == "watchdog"


def test_a_click_on_a_lane_filters_findings_and_states_to_it_and_is_kept(open_report):
    page = open_report(cases.fenced())
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    rows = page.locator("table[data-timed] tbody tr:visible")
    every = rows.count()
    name = page.locator("#drawing-1 g[data-lane='alpha watchdog'] text")
    name.click()
    assert page.locator("#fcount").text_content().endswith("findings hidden; lane: alpha watchdog")
    assert 0 < rows.count() < every
    assert {each.strip() for each in rows.locator("th").all_text_contents()} == {"alpha"}
    assert f"{every - rows.count()} of {every} rows hidden" in page.locator(".ttools output").all_text_contents()
    assert "lane=alpha%20watchdog" in keyed(page)
    page.click("#fclear")
    assert rows.count() == every
    assert page.locator("[data-f]:visible").count() == 4
    name.click()
    name.click()
    assert page.locator("[data-f]:visible").count() == 4


def test_evidence_only_leaves_what_rests_on_a_line(open_report):
    case = cases.fenced()
    bare = (replace(case.findings[0], rule="none", evidence=()), *case.findings)
    page = open_report(replace(case, findings=bare))
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    rows = page.locator("table[data-timed] tbody tr:visible")
    every = rows.count()
    page.check("#fproof")
    assert page.locator("#fcount").text_content() == "1 of 5 findings hidden"
    assert 0 < rows.count() < every
    assert rows.evaluate_all("rows => rows.every(row => row.querySelector('a.id') !== null)")
    page.keyboard.press("Escape")
    assert not page.is_checked("#fproof")
    assert rows.count() == every


def test_a_hidden_lane_takes_no_room_is_counted_and_returns_by_one_click(open_report):
    page = open_report(cases.fenced())
    figure, names = page.locator("#drawing-1"), page.locator("#drawing-1 g[data-lane]:visible")
    below = figure.locator("g[data-lane='gamma'] text").last
    place = "e => e.getBoundingClientRect().top - e.ownerSVGElement.getBoundingClientRect().top"
    every, before = names.count(), below.evaluate(place)
    figure.locator("select").select_option(label="alpha watchdog")
    figure.locator("button", has_text="Hide").click()
    assert names.count() == every - 1
    assert figure.locator("g[data-lane='alpha watchdog']").evaluate("e => e.getAttribute('display')") == "none"
    assert below.evaluate(place) < before - 5
    assert "h-drawing-1=" in keyed(page)
    figure.locator("button", has_text="1 lane hidden: show").click()
    assert names.count() == every
    assert abs(below.evaluate(place) - before) < 1
    assert "h-drawing-1=" not in keyed(page)


@pytest.mark.parametrize("how", ["shift", "button"])
def test_a_dragged_window_is_zoomed_to_and_filters_and_one_click_shows_all(open_report, how):
    page = open_report(cases.fenced())
    figure = page.locator("#drawing-1")
    if how == "button":
        figure.locator("button", has_text="Select").click()
    else:
        page.keyboard.down("Shift")
    figure.locator("svg").evaluate("e => e.scrollIntoView({behavior: 'instant'})")
    box = figure.locator("svg").bounding_box()
    page.mouse.move(box["x"] + 700, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 900, box["y"] + 150)
    assert figure.locator("output").text_content().endswith(" s selected")
    page.mouse.up()
    page.keyboard.up("Shift")
    low, high = (int(each) for each in page.evaluate("/~.*win=(\\d+)-(\\d+)/.exec(location.hash).slice(1)"))
    t0, t1 = (int(figure.locator("svg").get_attribute(key)) for key in ("data-t0", "data-t1"))
    x0, x1 = (int(figure.locator("svg").get_attribute(key)) for key in ("data-x0", "data-x1"))
    for at, x in ((low, 700), (high, 900)):
        assert abs(at - (t0 + (x - x0) / (x1 - x0) * (t1 - t0))) < (t1 - t0) / (x1 - x0) * 2
    assert f"z-drawing-1={low}-{high}" in keyed(page)
    assert "shown: " in page.locator("#fcount").text_content()
    figure.locator("button", has_text="All times again").click()
    assert page.locator("#fcount").text_content() == ""


def test_a_window_is_selected_by_keyboard(open_report):
    page = open_report(cases.fenced())
    figure = page.locator("#drawing-1")
    figure.locator(".plot").focus()
    for key in "+++[":
        page.keyboard.press(key)
    assert "one end at" in figure.locator("output").text_content()
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.keyboard.press("]")
    assert "win=" in keyed(page)
    assert figure.locator("button", has_text="All times again").count() == 1


def test_the_clock_switches_all_stamps_and_back(open_report):
    page = open_report(cases.fenced())
    stamp = page.locator(".card time").first
    assert stamp.text_content() == "2026-03-14 02:10:00"
    page.click("#clock")
    assert stamp.text_content() == "2026-03-14 03:10:00"
    assert "Europe/Berlin" in page.locator(".card .meta").first.text_content()
    page.click("#clock")
    assert stamp.text_content() == "2026-03-14 02:10:00"


def test_the_theme_button_overrides_the_system(open_report):
    page = open_report(cases.fenced(), scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(15, 19, 23)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(15, 19, 23)"


def test_cards_tables_and_the_summary_are_copied_as_markdown(open_report):
    page = open_report(cases.fenced())
    page.evaluate("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
    page.locator(".card [data-copy]").first.click()
    assert page.evaluate("window.copied").startswith("### F1: alpha lost its only cluster link\n")
    page.locator("button[aria-label='Copy as Markdown: guests that were down']").click()
    rows = page.evaluate("window.copied").splitlines()
    assert rows[0].startswith("| Guest | Down from (UTC) |")
    assert rows[1].startswith("| --- |")
    assert rows[2].startswith("| files vm:100 | 2026-03-14 02:11:11 |")
    page.locator("[data-copy=md]").click()
    assert page.evaluate("window.copied").startswith("## Post-mortem of cluster office")


def test_a_link_opens_what_it_points_into(open_report):
    case = cases.fenced()
    lines = tuple(cases.line("alpha", 600 + k, f"corosync[1532]: line {k}", 5000 + k) for k in range(9))
    more = replace(case, findings=(replace(case.findings[0], evidence=lines), *case.findings[1:]))
    page = open_report(more)
    folded = page.locator(f"[id='{lines[0].id}'] pre").first
    assert not folded.is_visible()
    page.evaluate(f"location.hash = '#{lines[0].id}'")
    folded.wait_for(state="visible")


def test_the_window_of_a_drawing_filters_findings_and_rows_and_says_so(open_report):
    page = open_report(cases.fenced(), fragment="#~z-drawing-1=1773454260000-1773454290000")
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    rows = page.locator("table[data-timed] tbody tr:visible").count()
    page.locator("#drawing-1 button", has_text="Only this window").click()
    assert page.locator("#fcount").text_content() == "1 of 4 findings hidden; shown: 03-14 02:11:00.000 to 02:11:30.000 UTC"
    assert page.locator("table[data-timed] tbody tr:visible").count() < rows
    assert "win=1773454260000-1773454290000" in keyed(page)
    page.keyboard.press("Escape")
    assert page.locator("table[data-timed] tbody tr:visible").count() == rows


def test_the_names_of_lanes_stay_in_view_on_a_phone(open_report):
    page = open_report(cases.fenced(), width=390)
    plot, name = page.locator("#drawing-1 .plot"), page.locator("#drawing-1 g[data-lane='alpha'] text")
    before = name.bounding_box()["x"]
    plot.evaluate("e => { e.scrollLeft = 400; }")
    page.wait_for_function("document.querySelector('#drawing-1 g[transform]')")
    assert abs(name.bounding_box()["x"] - before) < 1


def test_a_finding_that_is_folded_opens_by_its_link(open_report):
    case = cases.many(8, 9)
    key = document.to_document(case)["findings"][-1]["evidence"][0]
    page = open_report(case)
    assert not page.locator(f"#{key} pre").first.is_visible()
    page.evaluate(f"location.hash = '{key}'")
    page.wait_for_function(f"document.querySelector('#{key}.aim') !== null")
    assert page.locator(f"#{key} pre").first.is_visible()
