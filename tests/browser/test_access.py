"""Accessible and valid: axe-core in light, dark and without script; html-validate; contrast; the order of the tab key."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import cases
import golden_cases
import pytest

from pveforensics.report import document, render

pytestmark = pytest.mark.browser
MODULES = Path(__file__).parent / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
VALIDATE = MODULES / "html-validate" / "bin" / "html-validate.mjs"


def needed(file: Path) -> None:
    if not file.exists() or not shutil.which("node"):
        assert os.environ.get("CI") != "true", f"CI needs {file.name}: run tests/browser/install"
        pytest.skip(f"needs {file.name} (npm; run tests/browser/install)")


def violations(page) -> list[str]:
    """What axe finds, as one line a rule and place; the drawing's labels lie over bars, which axe cannot judge."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(r => r.violations)"
    )
    return [f"{each['id']}: {node['html'][:140]}" for each in found for node in each["nodes"][:3]]


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_axe_finds_nothing(open_report, name):
    """In light and in dark, with everything folded and with everything open."""
    needed(AXE)
    page = open_report(golden_cases.GOLDEN[name]())
    assert violations(page) == []
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("name", ["planned", "storage-outage", "many-nodes"])
def test_axe_finds_nothing_without_script(browser, tmp_path, name):
    """Script is taken out of the file, since axe itself needs one."""
    needed(AXE)
    file = tmp_path / "report.html"
    html = render(document.to_document(golden_cases.GOLDEN[name]()))
    file.write_text(re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL), encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    assert violations(page) == []
    page.close()


def test_html_validate_finds_nothing(tmp_path):
    needed(VALIDATE)
    names = {**cases.ALL, **golden_cases.GOLDEN}
    for name, case in names.items():
        (tmp_path / f"{name}.html").write_text(render(document.to_document(case())), encoding="utf-8")
    config = {
        "extends": ["html-validate:standard"],
        "rules": {
            "long-title": "off",  # the title is the verdict
            "no-inline-style": "error",
            "require-sri": "off",
            "no-trailing-whitespace": "off",
            "void-style": "off",
            "doctype-style": "off",
            "attribute-boolean-style": "off",
            "attribute-empty-style": "off",
            "no-raw-characters": "off",
            "tel-non-breaking": "off",
        },
    }
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(config), encoding="utf-8")
    done = subprocess.run(
        ["node", str(VALIDATE), "--formatter", "json", *(f"{name}.html" for name in names)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    found = {
        f"{each['ruleId']}: {each['message']} ({Path(file['filePath']).name}:{each['line']})"
        for file in json.loads(done.stdout or "[]")
        for each in file["messages"]
    }
    assert sorted(found)[:12] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(open_report, scheme):
    page = open_report(cases.fenced(), scheme=scheme)
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


def test_the_tab_key_goes_down_the_page_and_never_gets_stuck(open_report):
    page = open_report(golden_cases.storage_outage())
    places = []
    for _ in range(45):
        page.keyboard.press("Tab")
        places.append(
            page.evaluate(
                "document.activeElement.tagName + '#' + (document.activeElement.id || document.activeElement.textContent.slice(0, 20))"
            )
        )
    assert places[0] == "A#To the report"
    assert len(set(places)) > 25
    assert "BODY" not in "".join(places[:30])
