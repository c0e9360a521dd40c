"""Pictures of each golden report, light and dark, wide and narrow: `screenshots.py FOLDER [NAME...]`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "report"))

import golden_cases
from playwright.sync_api import sync_playwright

from pveforensics.report import document, render


def main(folder: str, *names: str) -> None:
    """One picture of the whole page for each case, scheme and width."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name in names or golden_cases.GOLDEN:
            file = out / f"{name}.html"
            file.write_text(render(document.to_document(golden_cases.GOLDEN[name]())), encoding="utf-8")
            for scheme in ("light", "dark"):
                for width in (1280, 390):
                    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                    page.goto(file.resolve().as_uri())
                    page.screenshot(path=out / f"{name}-{scheme}-{width}.png", full_page=True)
                    page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
