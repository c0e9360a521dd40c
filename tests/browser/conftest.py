"""Chromium for the tests, and the hand-made cases within reach (the test folders are no packages)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "report"))

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
MISSING = "needs " + " and ".join(
    filter(None, ("" if CHROMIUM else "chromium (apt install chromium)", "" if PLAYWRIGHT else "playwright (pip install playwright)"))
)


@pytest.fixture(scope="session")
def browser():
    if not (CHROMIUM and PLAYWRIGHT):
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def contexts(browser):
    """One context for each way of looking, since making one takes longer than a test."""
    made = {}

    def get(**look):
        key = tuple(sorted(look.items()))
        if key not in made:
            made[key] = browser.new_context(**look)
        return made[key]

    yield get
    for context in made.values():
        context.close()


@pytest.fixture
def open_report(contexts, tmp_path):
    """Opens a case's report and returns the page; afterwards nothing may have been fetched, said on the console, or run."""
    from pveforensics.report import document, render

    opened = []

    def opener(case, *, script=True, width=1280, scheme="light", fragment=""):
        file = tmp_path / f"report-{len(opened)}.html"
        file.write_text(render(document.to_document(case)), encoding="utf-8")
        page = contexts(java_script_enabled=script, color_scheme=scheme).new_page()
        page.set_viewport_size({"width": width, "height": 900})
        requests, messages = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("dialog", lambda dialog: (messages.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(file.as_uri() + fragment)
        opened.append((page, file.as_uri(), requests, messages, script))
        return page

    yield opener
    for page, uri, requests, messages, script in opened:
        assert {url.partition("#")[0] for url in requests} == {uri}
        assert messages == []
        if script:
            assert page.evaluate("window.hit") is None
            page.evaluate("localStorage.clear()")
        page.close()
