"""The report in Debian's chromium: with and without script, offline, inert, and on a phone."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from pveforensics.report import document, render

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
MISSING = "needs " + " and ".join(
    filter(None, ("" if CHROMIUM else "chromium (apt install chromium)", "" if PLAYWRIGHT else "playwright (pip install playwright)"))
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and PLAYWRIGHT) and os.environ.get("CI") != "true", reason=MISSING),
]


def _cases():
    path = Path(__file__).parents[1] / "unit" / "report" / "cases.py"
    spec = importlib.util.spec_from_file_location("report_cases", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _cases()


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM, MISSING
    assert PLAYWRIGHT, MISSING
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_report(browser, tmp_path):
    """Opens a case's report and returns the page; afterwards nothing may have been fetched, said on the console, or run."""
    opened = []

    def opener(case, *, script=True, width=1280, scheme="light"):
        file = tmp_path / "report.html"
        file.write_text(render(document.to_document(case)), encoding="utf-8")
        context = browser.new_context(java_script_enabled=script, viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        requests, messages = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("dialog", lambda dialog: (messages.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(file.as_uri())
        opened.append((context, page, file.as_uri(), requests, messages, script))
        return page

    yield opener
    for context, page, uri, requests, messages, script in opened:
        assert {url.partition("#")[0] for url in requests} == {uri}
        assert messages == []
        if script:
            assert page.evaluate("window.hit") is None
        context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("name", ["fenced", "planned", "many"])
def test_all_findings_and_all_evidence_can_be_read(open_report, name, script):
    case = CASES.ALL[name]()
    page = open_report(case, script=script)
    whole = document.to_document(case)
    text = page.locator("body").text_content()
    for finding in whole["findings"]:
        assert page.locator(f"[id='{finding['id']}'] h3").is_visible()
        assert finding["title"] in text
        for key in finding["evidence"]:
            assert key in text
            assert whole["evidence"][key]["text"] in text


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_drawing_is_there_with_its_size(open_report, script):
    page = open_report(CASES.fenced(), script=script)
    for key in ("#drawing-all svg", "#drawing-1 svg"):
        box = page.locator(key).bounding_box()
        assert box["width"] > 1000
        assert box["height"] > 60


def test_without_script_there_is_no_dead_control(open_report):
    page = open_report(CASES.fenced(), script=False)
    assert page.locator("button:visible, input:visible, select:visible").count() == 0


@pytest.mark.parametrize("payload", range(len(CASES.PAYLOADS)))
def test_hostile_text_stays_inert(open_report, payload):
    page = open_report(CASES.hostile(CASES.PAYLOADS[payload]))
    assert page.locator("img, iframe, object, form").count() == 0
    assert page.locator("main").count() == 1


@pytest.mark.parametrize("name", CASES.ALL)
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_never_scrolls_sideways(open_report, name, width):
    page = open_report(CASES.ALL[name](), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_filter_hides_and_counts(open_report):
    page = open_report(CASES.fenced())
    page.fill("#q", "watchdog-mux")
    assert page.locator("[data-f]:visible").count() == 1
    assert page.locator("#fcount").text_content() == "3 of 4 findings hidden"
    page.click("#fclear")
    page.select_option("#fcrit", "4")
    assert page.locator("[data-f]:visible").count() == 2
    page.click("#fclear")
    page.select_option("#fnode", "gamma")
    assert page.locator("[data-f]:visible").count() == 1


def test_the_theme_button_overrides_the_system(open_report):
    page = open_report(CASES.fenced(), scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(15, 19, 23)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(15, 19, 23)"


def test_a_link_opens_what_it_points_into(open_report):
    case = CASES.fenced()
    page = open_report(case)
    key = document.to_document(case)["findings"][0]["evidence"][0]
    page.evaluate(f"location.hash = '#{key}'")
    assert page.locator(f"[id='{key}'] pre").first.is_visible()


def test_texts_of_the_drawing_take_no_more_room_than_was_reckoned(open_report):
    page = open_report(CASES.fenced())
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('.draw svg text')].filter(t => t.getBBox().x + t.getBBox().width > 1170).map(t => t.textContent)"""
    )
    assert beyond == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(open_report, scheme):
    page = open_report(CASES.fenced(), scheme=scheme)
    weak = page.evaluate("""() => {
      const lum = c => { const v = c.map(x => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
      const rgb = s => (s.match(/[\\d.]+/g) || []).map(Number);
      const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
      const bad = [];
      for (const e of document.querySelectorAll('body *')) {
        if (e.closest('svg, script, style, details:not([open]) > :not(summary), .vh, .skip') || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
        const a = lum(rgb(getComputedStyle(e).color)), b = lum(ground(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2) + ' ' + e.textContent.trim().slice(0, 30));
      }
      return bad;
    }""")
    assert weak == []


def test_print_shows_what_was_folded(open_report):
    page = open_report(CASES.fenced(), script=False)
    page.emulate_media(media="print")
    assert page.locator("details table").first.is_visible()
    assert page.locator(".ev details pre").first.is_visible()
    assert not page.locator(".bar nav").is_visible()
    assert len(page.pdf()) > 10_000


@pytest.mark.parametrize("name", ["fenced", "many"])
def test_page_one_of_the_print_is_the_summary(open_report, name):
    page = open_report(CASES.ALL[name](), width=690)
    page.emulate_media(media="print")
    box = page.locator("#honesty").bounding_box()
    assert box["y"] + box["height"] < 1000
    assert page.evaluate("getComputedStyle(document.querySelector('#lanes')).breakBefore") == "page"
