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
    """The Chromium that playwright is made for, or else the system's, or else None."""
    with sync_playwright() as playwright:
        kind, path = playwright.chromium, None
        if not Path(kind.executable_path).exists():
            path = next(filter(None, map(shutil.which, NAMES)), None)
            if not path:
                yield None
                return
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = kind.launch(executable_path=path, args=flags)
        yield browser
        browser.close()
