"""The browser that prints the book and opens its pages in tests."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

SHELL = "chromium-headless-shell"  # it has no windows, and takes half the time
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome")
INSTALL = shlex.join([sys.executable, "-m", "playwright", "install", "chromium"])
MISSING = f"No Chromium was found: install one, or run `{INSTALL}`."


@contextmanager
def chromium() -> Iterator[Browser | None]:
    """A Chromium, or None if there is neither playwright's own nor the system's."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = of_the_system(own)
        if not path and not Path(own).exists():
            yield None
            return
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


def of_the_system(own: str) -> str | None:
    """Where the system has a Chromium, or None if playwright has its own, at `own`."""
    if Path(own).exists():  # the release that is pinned
        return None
    return next(filter(None, map(shutil.which, NAMES)), None)
