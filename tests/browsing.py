"""What the tests of the site share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(os.environ.get("BOOK_BUILD") or ROOT).absolute() / "_build" / "html"
NOT_READ = SITE / "index.html", SITE / "404.html"  # they lead elsewhere
PAGES = sorted(
    str(path.relative_to(SITE))
    for path in SITE.rglob("*.html")
    if "_static" not in path.parts and path not in NOT_READ
)
SETS = [name for name in PAGES if name.startswith("notebooks/")]
needs_site = pytest.mark.skipif(not PAGES, reason="no site; run `make book` first")


def typeset(page: Page) -> None:
    """Wait until no formula is left raw."""
    page.wait_for_function("document.querySelector('.math.waiting') === null")
    assert page.locator(".math:not(:has(mjx-math))").all_inner_texts() == []


def unfold(page: Page, is_open: bool = True) -> None:
    script = "(is) => document.querySelectorAll('details').forEach(d => d.open = is)"
    page.evaluate(script, is_open)
