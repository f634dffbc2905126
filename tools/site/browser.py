"""The browser that prints the book and opens its pages in tests."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

SHELL = "chromium-headless-shell"  # it has no windows, and takes half the time
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome")
INSTALL = shlex.join([sys.executable, "-m", "playwright", "install", "chromium"])
MISSING = f"No Chromium was found: install one, or run `{INSTALL}`."


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium, playwright's own or the system's; ends with a message without one."""
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        path = find(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


def find(own: str) -> str:
    """Where there is a Chromium: that of playwright, which is pinned, is at `own`."""
    path = next(filter(None, map(shutil.which, (own, *NAMES))), None)
    return path or sys.exit(MISSING)
