"""Draw what stands for the interactive figures where no script runs.

`python -m tools pictures [NAME ...]` writes book/figures/NAME.svg, which is what
book/assets/figures.js draws before a reader has moved anything. It needs Chromium; a
test says when a picture is out of date.
"""

from playwright.sync_api import Page

from ..source.model import Book
from ..workspace import ROOT
from .browser import chromium

WIDTH, HEIGHT = 340, 270  # of a plot
FIGURE = '<figure class="interactive {}"><img><div class="settings"></div></figure>'
PLOTS = "all => all.map(plot => plot.innerHTML)"
SETTINGS = "all => all.map(row => row.textContent).join('; ')"
WHOLE = """\
<svg xmlns="http://www.w3.org/2000/svg" class="interactive"
 width="{0}" height="{1}" viewBox="0 0 {0} {1}">
<style>
{2}
</style>
{3}
<text x="50%" y="11" text-anchor="middle">{4}</text>
</svg>
"""


def draw(page: Page, name: str) -> str:
    """The picture of a figure, with both plots and the settings above them."""
    style, script = (ROOT / "book/assets" / f"figures.{kind}" for kind in ("css", "js"))
    page.set_content(FIGURE.format(name))
    page.add_script_tag(path=script)
    plots = page.locator(".panels > svg").evaluate_all(PLOTS)
    settings = page.locator("label > span").evaluate_all(SETTINGS)
    placed = "\n".join(
        f'<svg x="{i * WIDTH}" width="{WIDTH}" height="{HEIGHT}">{plot}</svg>'
        for i, plot in enumerate(plots)
    )
    rules = style.read_text("utf-8").split("\n\n")[0]
    whole = WHOLE.format(len(plots) * WIDTH, HEIGHT, rules, placed, settings)
    return whole.replace("><", ">\n<")


def main(arguments: list[str]) -> None:
    """Draw those that are named, or all that are there."""
    with chromium() as browser:
        page = browser.new_page()
        for name in arguments or Book().interactive_figures:
            picture = ROOT / "book/figures" / f"{name}.svg"
            picture.write_text(draw(page, name), "utf-8")
            print(f"wrote {picture.relative_to(ROOT)}")
