"""How long a report of a given size takes to be drawn, and until a reader can use it in the browser.

    python benchmarks/report.py [--megabytes 2] [--runs 5] [CASE.json]

Prints the median over the runs: drawing (render), first paint, usable (the script has run), and one filter over all findings.
Without a case document it composes one of 32 nodes and as many findings as the size asks for. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit" / "report")]

import cases  # noqa: E402 - the hand-made cases of the tests
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from pveforensics.report import document, render  # noqa: E402

MEASURE = """() => {
  const load = performance.getEntriesByType('navigation')[0];
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return [paint ? paint.startTime : 0, load.domContentLoadedEventEnd];
}"""
FILTER = """() => {
  const field = document.querySelector('#q');
  const start = performance.now();
  field.value = 'watchdog';
  field.dispatchEvent(new Event('input'));
  document.body.getBoundingClientRect();
  return performance.now() - start;
}"""


def composed(megabytes: float) -> Mapping[str, Any]:
    """A case document whose report has about this size: the hand-made one of 32 nodes with more and more incidents."""
    incidents = 40
    while True:
        base = cases.many(32, incidents)
        found = tuple(
            replace(
                finding,
                evidence=tuple(cases.line("pve01", 60.0 * k + n, f"corosync[1]: [TOTEM ] Retransmit List: {n:x}", 10_000 + 40 * k + n) for n in range(12)),
            )
            for k, finding in enumerate(base.findings)
        )  # fmt: skip
        whole = document.to_document(replace(base, findings=found))
        if len(render(whole)) >= megabytes * 1e6:
            return whole
        incidents = incidents * 5 // 4


def opened(browser: Browser, file: Path) -> tuple[float, float, float]:
    """Milliseconds until the first paint, until the script has run, and of one filter."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.as_uri())
    paint, usable = page.evaluate(MEASURE)
    filtered = page.evaluate(FILTER) if page.locator("#q").count() else 0.0
    page.close()
    return paint, usable, filtered


def main() -> None:
    """Draw, open, filter; print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", help="a case document (--json); composed if not given")
    parser.add_argument("--megabytes", type=float, default=2.0, help="size of the composed report")
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    whole = document.load(Path(chosen.case).read_bytes(), chosen.case) if chosen.case else composed(chosen.megabytes)
    drawn = []
    for _ in range(chosen.runs):
        start = time.perf_counter()
        html = render(whole)
        drawn.append((time.perf_counter() - start) * 1000)
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        file.write_text(html, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        seen = [opened(browser, file) for _ in range(chosen.runs)]
        browser.close()
    print(f"{len(html.encode()) / 1e6:.2f} MB, {len(whole['findings'])} findings, median of {chosen.runs} runs")
    for name, values in zip(("render", "first paint", "usable", "filter"), (drawn, *zip(*seen, strict=True)), strict=True):
        print(f"  {name:<12}{statistics.median(values):8.0f} ms  ({min(values):.0f} to {max(values):.0f})")


if __name__ == "__main__":
    main()
