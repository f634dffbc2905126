"""A browser, a server, and pages that must not have an error."""

from __future__ import annotations

from functools import partial

import pytest
from browsing import SITE
from playwright.sync_api import BrowserContext, Page, expect

from tools.site.browser import chromium
from tools.site.serve import Quiet, serving

PATIENCE = 120_000  # milliseconds, of a test on a busy machine
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")  # its event loop would stand in the way of others
def browser():
    try:
        with chromium() as browser:
            yield browser
    except SystemExit as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def server():
    with serving(partial(Quiet, directory=SITE)) as address:
        yield address


@pytest.fixture(params=["server", "disk"])
def base(request, server):
    """Where the pages are read from: each test is run with both."""
    return server if request.param == "server" else SITE.as_uri() + "/"


@pytest.fixture
def open_page(browser, server):
    """Open pages, and fail in the end if one had an error or asked a third party."""
    contexts, problems = [], []

    def open_page(name: str, base: str = server, **options) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}} | options
        contexts.append(browser.new_context(base_url=server, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda m: m.type in ("error", "warning") and note(m.text))
        page.on("pageerror", lambda error: note(str(error)))
        page.on("request", lambda r: r.url.startswith((base, "data:")) or note(r.url))
        page.on("response", lambda r: r.status >= 400 and note(f"{r.status} {r.url}"))
        page.goto(base + name)
        return page

    note = problems.append
    open_page.problems = problems
    yield open_page
    for context in contexts:
        context.close()
    assert not problems


class Still(dict):
    """Pages as they are without scripts, styles and images, each opened once."""

    def __init__(self, context: BrowserContext):
        self.context = context

    def __missing__(self, name: str) -> Page:
        self[name] = self.context.new_page()
        self[name].goto(name, wait_until="domcontentloaded")
        return self[name]


@pytest.fixture(scope="module")
def still(browser, server):
    context = browser.new_context(base_url=server, java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    context.route(lambda url: not url.endswith(".html"), lambda route: route.abort())
    yield Still(context)
    context.close()
