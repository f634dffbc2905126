"""Measure the pages of the site against those of a stock Jupyter Book.

*Stock* is what Jupyter Book makes of the same sources and the same executed cells: its
extensions and its theme as they come, MathJax from the CDN, nothing of book/assets. Of
ours is only what the pages need to be read: the title, the contents, the syntax, the
macros, sphinx-exercise, and book/extension without what it does to the theme.

Each page is loaded with an empty cache, ours and stock in turn. What it asks of the CDN
is answered from MathJax 3.2.2 here, without the delay of a network, which favours
stock. Responses are counted until the mathematics in view is set, in fonts that have
arrived, and nothing more is loaded. The layout shift (the worst session window) is that
of the loading and of three screens that are scrolled by wheel. Stock pages have nothing
that opens all solutions.
"""

from __future__ import annotations

import gzip
import itertools
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Route

from ..run.execute import execute
from ..site.browser import chromium
from ..site.build import write_pages
from ..site.serve import Quiet, serving
from ..workspace import BUILD, ROOT, SITE, alone, parse
from .rounds import keep

STOCK = BUILD / "stock"
PAGES = {
    "start page": "book/index.html",
    "heaviest page": "notebooks/image_classification.html#cv-1",  # formulas in view
}
LOADS, SLOWER = 5, 4  # of each page, on a processor so many times slower
CDN = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/"
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
KEPT = ("title", "only_build_toc_files", "exclude_patterns", "execute", "parse")
QUIET = 2  # seconds to wait for what comes late
PATIENCE = 300  # seconds for the slowest page on a busy machine

WATCH = """
window.speed = { paint: 0, set: null, shifts: [] };
const watch = (type, note) => new PerformanceObserver(
  (list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
watch("largest-contentful-paint", ({ startTime }) => (speed.paint = startTime));
watch("layout-shift", ({ startTime, value, hadRecentInput }) => {
  if (!hadRecentInput) speed.shifts.push([startTime, value]);
});
function look(now) {
  let raw = document.fonts.status === "loading";
  for (const formula of document.querySelectorAll("article .math")) {
    const [box] = formula.getClientRects();
    if (box?.top > innerHeight) break;
    if (box?.bottom >= 0) raw ||= !formula.querySelector("math, mjx-container");
  }
  speed.set = raw ? null : (speed.set ?? now);
  requestAnimationFrame(look);
}
requestAnimationFrame(look);
"""
OPEN = """async () => {
  const begun = performance.now(), frame = () => new Promise(requestAnimationFrame);
  document.querySelector(".fold-all button").click();
  await frame().then(frame);
  return (performance.now() - begun) / 1000;
}"""  # until the frame after the one that shows it


def build_stock() -> None:
    """Write the site as Jupyter Book makes it by default."""
    ours = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    macros = ours["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
    config = {key: ours[key] for key in KEPT}
    config["sphinx"] = {
        "local_extensions": {"extension": str(ROOT / "book")},
        "extra_extensions": ["sphinx_exercise", "sphinx.ext.autodoc"],
        "config": {"own_theme": False, "mathjax3_config": {"tex": {"macros": macros}}},
    }
    file = BUILD / "stock.yml"
    file.write_text(yaml.safe_dump(config))
    cache = execute()
    if not cache or not write_pages(cache, STOCK, "html", file):
        sys.exit("The stock site could not be built.")


class Handler(Quiet):
    """Keeps connections open, as the servers of sites do."""

    protocol_version = "HTTP/1.1"


def answer(route: Route) -> None:
    """What a page asks of others comes from here, or not at all."""
    path = MATHJAX / route.request.url.removeprefix(CDN)
    if path.is_file():
        route.fulfill(path=path, headers={"Access-Control-Allow-Origin": "*"})
    else:
        route.abort()


def load(browser: Browser, server: str, address: str) -> dict[str, float]:
    """Load a page with an empty cache and measure it."""
    # without the policy, which forbids to wait for a condition
    options = {"viewport": {"width": 1280, "height": 900}, "bypass_csp": True}
    context = browser.new_context(**options)
    context.route(lambda url: not url.startswith(server), answer)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    devtools, throttle = context.new_cdp_session(page), {"rate": SLOWER}
    devtools.send("Emulation.setCPUThrottlingRate", throttle)
    responses = []
    page.on("response", lambda response: responses.append(response))
    page.goto(server + address, wait_until="load")
    page.wait_for_function("speed.set")
    page.wait_for_timeout(1000 * QUIET)
    bodies = [response.body() for response in responses]
    others = [r for r in responses if not r.url.startswith(server)]
    speed, formulas = page.evaluate("speed"), page.locator("article .math").count()
    page.mouse.move(640, 450)
    for _ in range(12):
        page.mouse.wheel(0, 225)
        page.wait_for_timeout(200)
    page.wait_for_function("speed.set")
    page.wait_for_timeout(1000 * QUIET)
    shifts = page.evaluate("speed.shifts")
    folds = page.locator(".fold-all button").count()
    opened = page.evaluate(OPEN) if folds else None
    context.close()
    values = {
        "requests": len(bodies),
        "requests to others": len(others),
        "kB": sum(map(len, bodies)) / 1000,
        "kB gzipped": sum(map(size_gzipped, bodies)) / 1000,
        "seconds to largest paint": speed["paint"] / 1000,
        "layout shift": worst_window(shifts),
    }
    if formulas:
        values["seconds to mathematics"] = speed["set"] / 1000
    if folds:
        values["seconds to open all solutions"] = opened
    return values


def size_gzipped(body: bytes) -> int:
    """Its size as a server sends it, who leaves alone what is compressed already."""
    return min(len(body), len(gzip.compress(body, 6)))


def worst_window(shifts: list[tuple[float, float]]) -> float:
    """Cumulative layout shift: gaps of at most 1 s in a window of at most 5 s."""
    worst = total = begun = last = 0
    for moment, value in sorted(shifts):
        if moment - last > 1000 or moment - begun > 5000:
            total, begun = 0, moment
        total, last = total + value, moment
        worst = max(worst, total)
    return worst


def measure(browser: Browser, server: str) -> Iterator[tuple[dict, dict]]:
    """The name of a page with what one load of ours and one of stock gave."""
    for (name, address), _ in itertools.product(PAGES.items(), range(LOADS)):
        values, seen = {}, {}
        for kind, site in (("ours", SITE), ("stock", STOCK)):
            seen[kind] = load(browser, f"{server}{site.name}/", address)
            values |= {f"{key}, {kind}": value for key, value in seen[kind].items()}
        for key in (key for key in seen["stock"] if "seconds" in key):
            values[f"{key}, ratio"] = seen["stock"][key] / seen["ours"][key]
        yield {"page": name}, values


def main(arguments: list[str]) -> int:
    """Build the stock site, measure, print, record."""
    parse(__doc__, arguments, {})
    handler = partial(Handler, directory=BUILD)
    with chromium() as browser, serving(handler) as address:
        with alone():
            build_stock()
        keep(
            "site-speed",
            measure(browser, address),
            title="The pages of the site against those of a stock Jupyter Book",
            command="make bench-site",
            loads=LOADS,
        )
    return 0
