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
def test_the_first_screen_answers_in_ten_seconds(open_report, name):
    """With everything but the first screen hidden, cause, time, impact and confidence stand there, and what that rests on."""
    page = open_report(golden_cases.GOLDEN[name](), script=False)
    below = page.locator("#honesty").bounding_box()
    assert below["y"] + below["height"] <= 900
    page.evaluate("document.querySelectorAll('main, footer').forEach(e => e.remove())")
    said, strip, basis = (page.locator(part).inner_text() for part in (".said", ".strip", "#honesty"))
    assert re.search(r"\d\d:\d\d:\d\d (to \d\d:\d\d:\d\d )?UTC", said)
    assert re.search(r"Impact\s+(None found|Unknown|\d)", strip)
    assert re.search(r"\d+ of \d+ received", basis)
    if "No failure found" in said:
        assert re.search(r"What\s+(Planned work|Nothing found)", strip)
        assert re.search(r"Rules \d+: \d+ found something, \d+ clear", basis)
    else:
        assert re.search(r"Cause\s+[A-Z][a-z ]+\s+(proven|likely|possible|weak) \d\.\d\d", strip)


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
