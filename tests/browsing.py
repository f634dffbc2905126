"""What the tests of the site share."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(os.environ.get("BOOK_BUILD") or ROOT).absolute() / "_build" / "html"
README = (ROOT / "README.md").read_text("utf-8")
POLICY = " ".join(
    re.search(r"Content-Security-Policy:([^`]*)", README)[1].split()
)  # what pages may load and run, for who hosts the book
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


def typeset(page: Page) -> None:
    """Wait until no formula is left raw."""
    wait_until(page, "document.querySelector('.math.waiting') === null")
    assert page.locator(".math:not(:has(mjx-math))").all_inner_texts() == []


def unfold(page: Page, is_open: bool = True) -> None:
    script = "(is) => document.querySelectorAll('details').forEach(d => d.open = is)"
    page.evaluate(script, is_open)
