"""The report in Debian's chromium: with and without script, offline, inert, on a phone, and on paper."""

from __future__ import annotations

import io
import os
import re
import unicodedata

import cases
import golden_cases
import pytest

from pveforensics.report import document, render

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("name", ["fenced", "many"])
def test_all_findings_and_all_evidence_can_be_read(open_report, name, script):
    case = cases.ALL[name]()
    page = open_report(case, script=script)
    whole = document.to_document(case)
    text = page.locator("body").text_content()
    seen = page.evaluate(
        "[...document.querySelectorAll('[data-f] h3')].filter(e => e.getClientRects().length).map(e => e.closest('[data-f]').id)"
    )
    assert {finding["id"] for finding in whole["findings"]} == set(seen)
    for finding in whole["findings"]:
        assert finding["title"] in text
        for key in finding["evidence"]:
            assert key in text
            assert whole["evidence"][key]["text"] in text


def test_the_drawing_is_there_with_its_size_and_nothing_is_dead_without_script(open_report):
    page = open_report(cases.fenced(), script=False)
    for key in ("#drawing-all svg", "#drawing-1 svg"):
        box = page.locator(key).bounding_box()
        assert box["width"] > 1000
        assert box["height"] > 60
    assert page.locator("button:visible, input:visible, select:visible").count() == 0


def test_it_reads_under_the_harshest_policy(browser):
    """A ticket preview that forbids script and style: `sandbox; default-src 'none'`."""
    whole = document.to_document(cases.fenced())
    context = browser.new_context()
    page = context.new_page()
    policy = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    page.route("**/*", lambda route: route.fulfill(status=200, content_type="text/html; charset=utf-8", headers=policy, body=render(whole)))
    page.goto("http://report.test/report.html")
    text = page.locator("body").inner_text()
    for finding in whole["findings"]:
        assert finding["title"] in text
        for key in finding["evidence"][:5]:
            assert whole["evidence"][key]["text"] in text
    assert page.locator("#drawing-1 svg").bounding_box()["height"] > 200
    context.close()


def test_hostile_text_stays_inert(browser, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
    for k, payload in enumerate(cases.PAYLOADS):
        file = tmp_path / f"hostile-{k}.html"
        file.write_text(render(document.to_document(cases.hostile(payload))), encoding="utf-8")
        page.goto(file.as_uri())
        assert page.evaluate("window.hit") is None
        assert page.locator("img, iframe, object, form").count() == 0
        assert page.locator("main").count() == 1
        page.locator("#fcrit").select_option("0")
    assert said == []
    context.close()


@pytest.mark.parametrize("name", cases.ALL)
def test_the_page_never_scrolls_sideways(open_report, name):
    page = open_report(cases.ALL[name](), width=1280)
    for width in (1280, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_the_first_screen_tells_what_when_how_sure_and_whom(open_report, name):
    """The ten-second test: with everything below the first screen hidden, the verdict and what it rests on stand there."""
    page = open_report(golden_cases.GOLDEN[name](), script=False)
    assert page.locator("#honesty").bounding_box()["y"] + page.locator("#honesty").bounding_box()["height"] <= 900
    shown = page.locator("#verdict").inner_text()
    assert re.search(r"\d\d:\d\d(:\d\d)? UTC", shown)
    assert "Impact" in shown
    if "No failure found" not in shown:
        assert "Cause" in shown
        assert re.search(r"(proven|likely|possible|weak) \d\.\d\d", shown)


def test_texts_of_the_drawing_take_no_more_room_than_was_reckoned(open_report):
    page = open_report(cases.fenced())
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('.draw svg text')].filter(t => t.getBBox().x + t.getBBox().width > 1170).map(t => t.textContent)"""
    )
    assert beyond == []


def test_drawn_texts_do_not_overlap_in_the_browser_either(open_report):
    page = open_report(cases.storm(8, 300.0))
    touching = page.evaluate("""() => [...document.querySelectorAll('.draw svg')].flatMap(svg => {
      const boxes = [...svg.querySelectorAll('text')].map(t => [t.getBBox(), t.textContent]), bad = [];
      boxes.forEach(([a, s], i) => boxes.slice(i + 1).forEach(([b, t]) => {
        if (a.x + 1 < b.x + b.width && b.x + 1 < a.x + a.width && a.y + 3 < b.y + b.height && b.y + 3 < a.y + a.height) bad.push(s + ' | ' + t);
      }));
      return bad;
    })""")
    assert touching == []


def pdf_text(data: bytes) -> list[str]:
    try:
        import pypdf
    except ImportError:
        assert os.environ.get("CI") != "true"
        pytest.skip("needs pypdf (pip install pypdf)")
    return [re.sub(r"\s+", "", unicodedata.normalize("NFKC", page.extract_text())) for page in pypdf.PdfReader(io.BytesIO(data)).pages]


@pytest.mark.parametrize(("name", "paper"), [("fenced", "A4"), ("replication-divergence", "Letter"), ("many-nodes", "A4")])
def test_print_has_the_summary_on_page_one_and_loses_nothing_that_was_folded(open_report, name, paper):
    case = golden_cases.GOLDEN[name]()
    page = open_report(case, script=False)
    pages = pdf_text(page.pdf(format=paper, prefer_css_page_size=False))
    assert "Whatthisrestson" in pages[0]
    assert "Whathappened,drawn" not in pages[0]
    text = "".join(pages)
    whole = document.to_document(case)
    for finding in whole["findings"]:
        assert re.sub(r"\s+", "", finding["title"]) in text
        assert all(key in text for key in finding["evidence"])
    if name == "fenced":
        assert "thelinebefore" in text
        assert "Thesameasatable" not in text
        assert "tobefilledbytheteam" in text


def test_two_megabytes_are_usable_within_two_seconds(open_report):
    base = cases.many(32, 40)
    noise = tuple(
        cases.Event(
            f"kind.{k % 40}", f"pve{k % 32 + 1:02}", cases.t(k * 900.0), {}, (cases.line("pve01", k * 900.0, f"x[1]: {k}", 10**5 + k),)
        )
        for k in range(2000)
    )
    page = open_report(
        cases.case(base.nodes, findings=base.findings, incidents=base.incidents, intervals=base.history.intervals, events=noise)
    )
    spent = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert spent < 2000
