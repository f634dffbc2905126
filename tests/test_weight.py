"""How heavy the pages are, and whether anything moves. No time is measured here."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browsing import PAGES, SETS, SITE, WATCH_MOVES, needs_site
from fontTools.ttLib import TTFont

pytestmark = needs_site

LOADED = """() => ["navigation", "resource"].flatMap(
  type => performance.getEntriesByType(type).map(entry => entry.name))"""
IMAGES = """all => all.map(image => [
  +image.getAttribute("width") / image.getAttribute("height"), image.loading, image.src
])"""


def file(address: str) -> Path:
    return SITE / unquote(urlsplit(address).path).lstrip("/")


def size(address: str) -> int:
    """Of a file as a server sends it, gzipped unless that makes it longer."""
    body = file(address).read_bytes()
    return min(len(body), len(gzip.compress(body, 6)))


@pytest.mark.parametrize("name", PAGES)
def test_first_view_loads_at_most_half_a_megabyte_in_few_requests(open_page, name):
    page = open_page(name)
    page.wait_for_load_state("networkidle")
    loaded = page.evaluate(LOADED)
    sizes = sorted(((size(address), address) for address in loaded), reverse=True)
    assert sum(count for count, _ in sizes) < 500_000, sizes[:10]
    assert len(loaded) <= 30, loaded


@pytest.mark.parametrize("name", ["book/index.html", SETS[1]])
def test_nothing_moves_while_a_page_is_loaded_and_scrolled(open_page, name):
    page = open_page(name)
    page.evaluate(WATCH_MOVES)
    page.mouse.move(640, 450)
    for _ in range(12):
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(50)
    assert page.evaluate("moved") <= 0.01


@pytest.mark.parametrize("name", SETS)
def test_images_keep_their_room_and_are_loaded_late(still, name):
    images = still[name].locator("article img").evaluate_all(IMAGES)
    assert images
    for ratio, late, address in images:
        box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', file(address).read_text())
        assert ratio == pytest.approx(float(box[1]) / float(box[2]), rel=0.02)
        assert late == "lazy"


DRAWN = "all => all.map(icon => getComputedStyle(icon, '::before').content[1])"


def test_the_cut_fonts_have_what_is_drawn(open_page):
    fonts = [TTFont(path) for path in SITE.glob("_static/icons/*.woff2")]
    known = {chr(point) for font in fonts for point in font.getBestCmap() or ()}
    for name in ("book/index.html", SETS[0], "search.html"):
        page = open_page(name)
        icons = page.locator("i[class*='fa-'], .fa-solid, .fas, .fab")
        drawn = icons.evaluate_all(DRAWN)
        assert len(drawn) > 5 and set(drawn) <= known
        page.wait_for_load_state("networkidle")
        loaded = " ".join(page.evaluate(LOADED))
        assert "/webfonts/" not in loaded, "the fonts with all icons are not needed"
