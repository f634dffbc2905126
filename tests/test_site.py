"""The site in a browser: what holds on every page."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import BY_LENGTH, PAGES, SITE, add_style, needs_site, unfold
from playwright.sync_api import Page

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = {"resultTypes": ["violations"], "runOnly": WCAG, "preload": False}
# these two take a minute where they look at each sign of a formula
COLOURS = ["color-contrast", "link-in-text-block"]
OFF = dict.fromkeys((*COLOURS, "empty-table-header"), {"enabled": False})
# the last one reads no MathML, so this looks instead
EMPTY = "all => all.filter(th => !th.textContent.trim()).map(th => th.outerHTML)"
pytestmark = needs_site


# two texts in each kind of place
EXAMPLES = """() => {
  const place = element => element === document.body ? "" :
    `${place(element.parentElement)} ${element.localName}.${element.className}`;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = {};
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode, where = place(parentElement);
    if (data.trim() && (seen[where] = (seen[where] ?? 0) + 1) <= 2)
      parentElement.dataset.example = "";
  }
}"""

# axe asks where things are, which is a guess where the page lays out nothing
LAID_OUT = """details > section, .exercise, .erratum {
  content-visibility: visible !important
}"""


@pytest.mark.parametrize("name", BY_LENGTH[::-1])
def test_page_is_sound_narrow_and_accessible(open_page, name):
    page = open_page(name)
    assert page.locator("html").get_attribute("lang") == "en"
    assert len(page.title()) > 5
    icon = page.locator("link[rel=icon]").evaluate("link => link.href")
    assert page.request.get(icon).ok
    unfold(page)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("th").evaluate_all(EMPTY) == []
    add_style(page, LAID_OUT)
    assert_accessible(page, "light", 1280, rules=OFF)
    unfold(page, False)
    assert_accessible(page, "dark", 390, rules=OFF)
    unfold(page)
    page.evaluate(EXAMPLES)
    for scheme, width in (("dark", 390), ("light", 1280)):
        assert_accessible(page, scheme, width, "[data-example]", runOnly=COLOURS)


def assert_accessible(
    page: Page, scheme: str, width: int, place: str = "html", **options
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    results = Axe().run(page, context={"include": [[place]]}, options=AXE | options)
    report = f"{scheme}, {width}: {results.generate_report()}"
    assert not results.violations_count, report


class Links(HTMLParser):
    """The ids of a page and what it links to or loads."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.targets = Counter(), []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids[attrs.get("id")] += "id" in attrs
        self.targets += filter(None, (attrs.get("href"), attrs.get("src")))


def test_no_link_is_broken_and_no_id_stands_twice():
    pages = {(SITE / name).resolve(): Links(SITE / name) for name in PAGES}
    broken = []
    for path, links in pages.items():
        twice = {id for id, number in links.ids.items() if number > 1}
        assert twice <= {"exercise-content", "solution-content"}  # of sphinx-exercise
        for target in map(urlsplit, links.targets):
            if target.scheme or target.netloc:
                continue
            file = path
            if target.path:
                file = (path.parent / unquote(target.path)).resolve()
            page = pages.get(file)
            lost = page and target.fragment and target.fragment not in page.ids
            if lost or not file.is_file():
                broken.append(f"{path.relative_to(SITE)}: {target.geturl()}")
    assert not broken
