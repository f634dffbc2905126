"""What the tests of the site share."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(os.environ.get("BOOK_BUILD") or ROOT).absolute() / "_build" / "html"
NOT_READ = SITE / "index.html", SITE / "404.html"  # they lead elsewhere
PAGES = sorted(
    str(path.relative_to(SITE))
    for path in SITE.rglob("*.html")
    if "_static" not in path.parts and path not in NOT_READ
)
SETS = [name for name in PAGES if name.startswith("notebooks/")]
BY_LENGTH = sorted(PAGES, key=lambda name: (SITE / name).stat().st_size)
SHORTEST = next((name for name in BY_LENGTH if name in SETS), "")
WATCH_MOVES = """() => {
  window.moved = 0;
  new PerformanceObserver(list => list.getEntries().forEach(
    shift => moved += shift.hadRecentInput ? 0 : shift.value
  )).observe({ type: "layout-shift", buffered: true });
}"""
needs_site = pytest.mark.skipif(not PAGES, reason="no site; run `make book` first")


def wait_until(place: Page | Locator, condition: str) -> None:
    """Wait for a condition, without `eval` in the page, which the policy forbids."""
    ends = time.monotonic() + 120
    while not place.evaluate(condition):
        assert time.monotonic() < ends, condition
        time.sleep(0.1)


def unfold(page: Page, is_open: bool = True) -> None:
    script = "(is) => document.querySelectorAll('details').forEach(d => d.open = is)"
    page.evaluate(script, is_open)


def add_style(page: Page, style: str) -> None:
    """Add a style sheet, which the policy forbids to write into the page."""
    script = """style => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(style);
      document.adoptedStyleSheets.push(sheet);
    }"""
    page.evaluate(script, style)
